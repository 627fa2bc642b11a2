"""`/api/notifications` sends each message once and in order to a client without a WebSocket."""

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import StartServer
from fakes import Socket, World
from harness import PATIENCE_S, Message, Person, Server, collection, incident, run_tracker, wait_until

from realtime import polling
from realtime.delivery import READ, WRITE
from realtime.limits import Limits

LIMITS = Limits()

PATH = "/api/notifications"


class Follower:
    """A client that polls as the page does: one request at a time, with one cursor."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.cursor: dict[str, Any] = {}
        self.hellos: list[Message] = []
        self.messages: list[Message] = []

    def ask(self, wait: int = 0) -> list[Message]:
        """Send one request; return the messages after the hello."""
        answer = self.person.http.get(PATH, params={**self.cursor, "wait": wait}, timeout=PATIENCE_S)
        assert answer.status_code == 200, answer.text
        hello, *found = messages_of(answer)
        self.hellos.append(hello)
        assert hello["type"] == "hello"
        entries = [message for message in found if message["type"] != "heartbeat"]
        assert len(found) == max(1, len(entries))
        self.messages += entries
        seq = entries[-1]["seq"] if entries else self.cursor.get("since", hello["seq"])
        self.cursor = {"since": seq if hello["recovered"] else hello["seq"], "epoch": hello["epoch"]}
        return entries

    def catch_up(self) -> None:
        while self.ask():
            pass

    @property
    def seqs(self) -> list[int]:
        return [message["seq"] for message in self.messages]


def messages_of(answer: httpx.Response) -> list[Message]:
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.text.endswith("\n")
    return [json.loads(line) for line in answer.text.splitlines()]


@pytest.fixture
def follower(server: Server) -> Follower:
    follower = Follower(server.person())
    follower.ask()
    return follower


class Waiting:
    """A request that is waiting for its answer."""

    def __init__(self, server: Server, ask: Callable[[], Any]) -> None:
        self.result: Any = None
        before = server.health()["clients"]
        self._thread = threading.Thread(target=self._run, args=(ask,))
        self._thread.start()
        wait_until(lambda: server.health()["clients"] > before, what="the request to wait")

    def _run(self, ask: Callable[[], Any]) -> None:
        self.result = ask()

    @property
    def is_over(self) -> bool:
        return not self._thread.is_alive()

    def end(self) -> Any:
        self._thread.join(20)
        assert self.is_over
        return self.result


# Answers


def test_first_answer_says_where_the_log_is(server: Server, person: Person) -> None:
    """A request without a cursor is answered at once, with a hello that has the head and recovers nothing."""
    follower = Follower(person)
    assert follower.ask(wait=25) == []
    assert follower.hellos[0]["recovered"] is False
    assert follower.hellos[0]["seq"] == server.health()["seq"]
    assert follower.hellos[0]["epoch"] == person.collection()["epoch"]


def test_messages_are_those_of_the_socket(person: Person, follower: Follower) -> None:
    """A polling client and a WebSocket are sent the same messages in the same order."""
    with person.watch() as watch:
        for number in range(30):
            person.delete(person.save_incident(f"The same {number}"))
        marker = person.save_incident("The last")
        watch.wait_for_type("post_save", marker)
    follower.catch_up()
    assert follower.messages == watch.messages[1:]
    assert all(hello["recovered"] for hello in follower.hellos[1:])


def test_request_waits_for_the_next_message(server: Server, person: Person, follower: Follower) -> None:
    """A request waits for the next save, and meanwhile counts as a client."""
    waiting = Waiting(server, lambda: follower.ask(wait=25))
    assert not waiting.is_over
    stored = person.save_incident("Waited for")
    (message,) = waiting.end()
    assert (message["type"], message["feature"]) == ("post_save", stored)
    wait_until(lambda: server.health()["clients"] == 0, what="the request to be forgotten")


def test_other_process_wakes_a_waiting_request(server: Server, follower: Follower) -> None:
    """A waiting request is sent the entries of an import, as those of a save."""
    waiting = Waiting(server, lambda: follower.ask(wait=25))
    assert server.import_geojson(collection(incident("From a file"))).returncode == 0
    assert [message["feature"]["properties"]["name"] for message in waiting.end()] == ["From a file"]


@pytest.mark.slow
def test_nothing_is_missed_or_doubled_while_everybody_saves(
    server: Server, person: Person, follower: Follower
) -> None:
    """Requests that wait, arrive and leave during saves get each entry once and in order."""
    start = follower.cursor["since"]
    followers = [follower, *(Follower(server.person()) for _ in range(4))]
    for other in followers[1:]:
        other.cursor = dict(follower.cursor)

    def follow(each: Follower) -> None:
        while len(each.messages) < 120:
            each.ask(wait=5)

    threads = [threading.Thread(target=follow, args=(each,)) for each in followers]
    for thread in threads:
        thread.start()
    for number in range(120):
        person.save_incident(f"Crowded {number}")
    for thread in threads:
        thread.join(30)
    for each in followers:
        assert each.seqs == list(range(start + 1, start + 121))


def test_backlog_comes_in_bounded_answers(server: Server, follower: Follower) -> None:
    """A client that was away gets all entries in pieces. The hello has the end of each piece."""
    many = [incident(f"Backlog {number}", description="x" * 900) for number in range(300)]
    assert server.import_geojson(collection(*many)).returncode == 0
    start = follower.cursor["since"]
    sizes = []
    while found := follower.ask():
        sizes.append(len(json.dumps(found)))
        assert follower.hellos[-1]["seq"] == start + 300
    assert follower.seqs == list(range(start + 1, start + 301))
    assert len(sizes) > 3
    assert max(sizes) < 2 * LIMITS.chunk_bytes


def test_lost_answer_is_given_again(person: Person, follower: Follower) -> None:
    """The client holds the cursor, so a second request for one place gets the same answer."""
    person.save_incident("Told twice")
    cursor = dict(follower.cursor)
    first = follower.ask()
    follower.cursor = cursor
    assert follower.ask() == first


def test_follower_goes_on_after_a_restart(start_server: StartServer) -> None:
    """After a restart the server continues at the cursor.

    A request that waits during the stop ends at once.
    """
    server = start_server()
    follower = Follower(server.person())
    follower.ask()
    cookies, cursor = dict(follower.person.http.cookies), {**follower.cursor, "wait": 25}
    with httpx.Client(base_url=server.url, cookies=cookies, trust_env=False, timeout=PATIENCE_S) as other:
        waiting = Waiting(server, lambda: other.get(PATH, params=cursor).status_code)
        assert server.stop() == 0
        assert waiting.end() == 503
    again = start_server(port=server.port, password=server.password)
    follower.person = again.person()
    stored = follower.person.save_incident("After the restart")
    assert [message["feature"] for message in follower.ask()] == [stored]


def test_other_database_recovers_nothing(start_server: StartServer, tmp_path: Path) -> None:
    """For another epoch, a cursor ahead of the head, or an unreadable one, the client must load again."""
    server = start_server()
    follower = Follower(server.person())
    follower.ask()
    good = dict(follower.cursor)
    for wrong in ({"epoch": "other"}, {"since": good["since"] + 1}, {"since": "x"}, {"since": ""}):
        follower.cursor = good | wrong
        assert follower.ask(wait=25) == []
        assert not follower.hellos[-1]["recovered"], wrong
    follower.cursor = good
    follower.ask()
    assert follower.hellos[-1]["recovered"]


@pytest.mark.parametrize("wait", ["26", "-1", "x", "1.5", "1e9", "nan", "٣"])
def test_wait_must_be_a_number_of_seconds(person: Person, wait: str) -> None:
    """A value that is not within 0 and 25 is refused with a clear sentence."""
    answer = person.http.get(PATH, params={"wait": wait})
    assert answer.status_code == 400
    assert "0 to 25" in answer.json()["error"]


# Access and quotas


def test_signed_out_client_is_refused(visitor: Person) -> None:
    """A request without a session gets 401, as JSON."""
    answer = visitor.http.get(PATH)
    assert (answer.status_code, answer.json()["fields"]) == (401, {})


def test_token_may_poll(server: Server, person: Person) -> None:
    """A program with a token polls like a page, with as many requests as the quota allows."""
    env = {"TRACKER_DATABASE": str(server.database)}
    made = run_tracker(server.folder, "token", "add", server.name, "poll", env=env)
    assert made.returncode == 0, made
    headers = {"Authorization": f"Bearer {made.stdout.split()[-1]}"}
    with httpx.Client(base_url=server.url, headers=headers, trust_env=False) as http:
        hello = messages_of(http.get(PATH))[0]
        stored = person.save_incident("For a program")
        answer = http.get(PATH, params={"since": hello["seq"], "epoch": hello["epoch"]})
        assert messages_of(answer)[1]["feature"] == stored


def test_other_site_is_refused(person: Person) -> None:
    """A page of another origin can neither read nor use up the quota."""
    assert person.http.get(PATH, headers={"Origin": "http://evil.example"}).status_code == 403
    assert person.http.head(PATH).status_code == 405
    assert person.http.post(PATH).status_code in {400, 405}


def test_waiting_request_ends_with_the_session(server: Server, follower: Follower) -> None:
    """Signing out answers a waiting request with 401, and the next one, too."""
    person, cursor = follower.person, {**follower.cursor, "wait": 25}
    cookies = dict(person.http.cookies)
    with httpx.Client(base_url=server.url, cookies=cookies, trust_env=False, timeout=PATIENCE_S) as other:
        waiting = Waiting(server, lambda: other.get(PATH, params=cursor).status_code)
        person.http.post("/accounts/logout/", data={"csrf_token": person.csrf_token()})
        assert waiting.end() == 401
        assert other.get(PATH, params=cursor).status_code == 401


def test_quota_is_shared_with_sockets(start_server: StartServer) -> None:
    """Sockets and waiting requests count together. A plain request says when there are too many."""
    server = start_server(env={"TRACKER_SOCKETS_PER_ACCOUNT": "2"})
    person, follower = server.person(), Follower(server.person())
    follower.ask()
    with person.watch():
        waiting = Waiting(server, lambda: follower.ask(wait=25))
        assert person.http.get(PATH).status_code == 429
        assert person.http.get("/notifications").status_code == 429
        person.save_incident("Makes room")
        waiting.end()
        wait_until(lambda: person.http.get("/notifications").status_code == 426, what="a free seat")
    wait_until(lambda: server.health()["clients"] == 0, what="all to be forgotten")


def test_tabs_of_a_browser_leave_it_connections(server: Server, follower: Follower) -> None:
    """A session's fourth waiting request ends the first one, with an answer without messages."""
    cookies, cursor = dict(follower.person.http.cookies), {**follower.cursor, "wait": 25}

    def ask() -> list[str]:
        answer = httpx.get(
            server.url + PATH, params=cursor, cookies=cookies, trust_env=False, timeout=PATIENCE_S
        )
        return [message["type"] for message in messages_of(answer)]

    waiting = [Waiting(server, ask) for _ in range(polling.PER_SESSION)]
    fourth = threading.Thread(target=lambda: waiting.append(ask()))  # type: ignore[arg-type]
    fourth.start()
    assert waiting[0].end() == ["hello", "heartbeat"]
    assert not any(each.is_over for each in waiting[1:3])
    follower.person.save_incident("Ends them all")
    fourth.join(20)
    assert [each.end() for each in waiting[1:3]] == [["hello", "post_save"]] * 2


# Bad manners


def raw_request(person: Person, cursor: dict[str, Any], version: str = "1.1") -> bytes:
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in person.http.cookies.jar)
    host = person.url.removeprefix("http://")
    query = f"since={cursor['since']}&epoch={cursor['epoch']}&wait=25"
    return f"GET {PATH}?{query} HTTP/{version}\r\nHost: {host}\r\nCookie: {cookies}\r\n\r\n".encode()


@contextlib.contextmanager
def raw(
    server: Server, follower: Follower, more: bytes = b"", version: str = "1.1"
) -> Iterator[socket.socket]:
    """Send a request that waits, through a plain socket."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as sock:
        before = server.health()["clients"]
        sock.sendall(raw_request(follower.person, follower.cursor, version) + more)
        wait_until(lambda: server.health()["clients"] > before, what="the request to wait")
        yield sock


def read_all(sock: socket.socket) -> bytes:
    data = b""
    with contextlib.suppress(ConnectionError):
        while piece := sock.recv(65536):
            data += piece
    return data


def test_old_proxy_gets_a_whole_answer(server: Server, person: Person, follower: Follower) -> None:
    """Over HTTP/1.0 the answer has a length, and then the connection closes."""
    with raw(server, follower, version="1.0") as sock:
        person.save_incident("For an old proxy")
        head, _, content = read_all(sock).partition(b"\r\n\r\n")
    assert b"Connection: close" in head
    assert f"Content-Length: {len(content)}".encode() in head
    assert content.count(b"\n") == 2


def test_peer_that_has_gone_is_forgotten(server: Server, follower: Follower) -> None:
    """A peer that closes while it waits frees its place in the quota at once."""
    with raw(server, follower):
        pass
    wait_until(lambda: server.health()["clients"] == 0, what="the request to be forgotten")


def test_peer_that_talks_while_it_waits(server: Server, person: Person, follower: Follower) -> None:
    """Bytes after the request are ignored."""
    with raw(server, follower, b"\r\n") as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n")
        person.save_incident("For a talker")
        assert read_all(sock).startswith(b"HTTP/1.1 200 OK\r\n")


# In the group, with fakes


@pytest.fixture
def world() -> World:
    return World()


def wait(world: World, sock: Socket, *, since: int | None = None, owner: object = None) -> polling.Request:
    head = world.group.pull()
    request = polling.Request(sock, head if since is None else since, owner, b"hello")
    world.group.wait(request, 25)
    return request


def lines(sock: Socket) -> tuple[bytes, list[bytes]]:
    """Return the status and the lines of a whole answer."""
    head, _, content = bytes(sock.taken).partition(b"\r\n\r\n")
    assert f"Content-Length: {len(content)}\r\n".encode() in head
    return head.split()[1], content.splitlines()


def test_polls_are_answered_by_the_round(world: World) -> None:
    """A round answers all waiting requests, along with the sockets, and ends their connections."""
    polls, sock = [Socket() for _ in range(2 * LIMITS.slice_clients + 1)], Socket()
    for each in polls:
        wait(world, each)
    world.connect(sock)
    world.save(10, 20)
    world.settle(sock)
    texts = [text for _, text in world.log.entries]
    assert all(lines(each) == (b"200", [b"hello", *texts]) for each in polls)
    assert all(each.shut for each in polls)
    assert sock.seqs() == [0, 1, 2]
    assert not world.group.polls


def test_polls_read_the_log_once(world: World) -> None:
    """All requests that wait at one place share one reading and one answer."""
    for _ in range(50):
        wait(world, Socket())
    world.save()
    reads: list[None] = []
    world.log.before_read = lambda: reads.append(None)
    world.settle()
    assert len(reads) <= 4


def test_poll_that_comes_late_is_answered_at_once(world: World) -> None:
    """A poll is answered at once if a save came after it read the log and before it waited."""
    world.save(10, 10)
    world.group.pull()
    world.settle()
    behind, ahead = Socket(), Socket()
    wait(world, ahead)
    wait(world, behind, since=1)
    world.settle()
    assert lines(behind)[1] == [b"hello", world.log.entries[1][1]]
    assert not ahead.taken


def test_poll_is_answered_when_its_time_is_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without entries a poll gets a heartbeat with its own cursor, after the time that it asked for."""
    sock = Socket()
    wait(world, sock)
    world.sweep(monkeypatch, 24)
    assert not sock.taken
    world.sweep(monkeypatch, 2)
    assert lines(sock) == (b"200", [b"hello", b"0,heartbeat"])
    world.sweep(monkeypatch, LIMITS.close_s + 1)
    assert sock.closed
    assert not world.group.clients
    assert not world.loop.watchers


def test_pruned_log_answers_503(world: World) -> None:
    """A poll whose next entry has been pruned must come again."""
    sock = Socket()
    wait(world, sock)
    world.save(10, 10)
    world.log.start = 1
    world.settle()
    assert lines(sock) == (b"503", [])


def test_empty_pruned_log_answers_503(world: World) -> None:
    """The replay buffer has seen entries, but the log has none left."""
    sock = Socket()
    wait(world, sock)
    world.save()
    world.group.pull()
    world.log.start = 1
    world.settle()
    assert lines(sock) == (b"503", [])


def test_log_that_can_not_be_read_is_read_later(world: World) -> None:
    """After an error the polls still wait, and the group's broadcaster is woken again."""
    sock = Socket()
    wait(world, sock)
    world.save()
    world.group.pull()
    world.log.failing = True
    with pytest.raises(OSError, match="disk"):
        world.group.broadcast()
    world.log.failing = False
    world.settle()
    assert lines(sock)[0] == b"200"


def test_answer_is_taken_slowly(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow peer gets its whole answer in pieces. A peer that stops reading is removed."""
    sock, stalled = Socket(room=10), Socket(room=10)
    wait(world, sock)
    wait(world, stalled)
    world.save(500)
    world.settle()
    while not sock.shut:
        world.sweep(monkeypatch, LIMITS.max_lag_s - 5)
        sock.room += 50
        assert world.loop.fire(sock.number, WRITE)
    assert lines(sock)[1] == [b"hello", world.log.entries[0][1]]
    assert stalled.closed


def test_close_answers_with_its_status(world: World) -> None:
    """The answer is 401 after a sign-out, 429 for too many bytes, 503 at a stop; nothing follows."""
    for code, status in ((4401, b"401"), (1008, b"429"), (1001, b"503")):
        sock = Socket()
        request = wait(world, sock, owner=code)
        world.group.close(code.__eq__, code)
        world.group.answer(request)
        world.save()
        world.settle()
        assert lines(sock) == (status, [])


def test_flood_ends_a_poll(world: World) -> None:
    """The server stops reading from a peer that sends without end while it waits."""
    sock = Socket()
    wait(world, sock)
    sock.arrived += b"x" * (8 << 20)
    while world.loop.fire(sock.number, READ):
        pass
    assert lines(sock)[0] == b"429"
    assert len(sock.arrived) > 4 << 20
