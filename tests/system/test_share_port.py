"""Several processes serve one database on one port: nothing is refused, missed or doubled."""

import contextlib
import itertools
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from conftest import StartServer, end
from harness import (
    PATIENCE_S,
    Message,
    Person,
    Server,
    feature,
    free_port,
    incident,
    run_tracker,
    square,
    wait_until,
)
from websockets.exceptions import ConnectionClosed

SHARED = "--share-port"


class Pair:
    """Two processes on one port, which can be started again one after the other."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.port, self.password = folder, free_port(), ""
        self.people: list[Person] = []
        self.servers = [self.start()]
        self.servers.append(self.start())

    def start(self) -> Server:
        server = Server(self._folder, SHARED, port=self.port, password=self.password)
        self.password = server.password
        return server

    def restart(self, which: int) -> None:
        end(self.servers[which])
        self.servers[which] = self.start()

    def person(self) -> Person:
        """Return somebody who has just signed in, at one of the processes."""
        person = Person(self.servers[0].url)
        self.people.append(person)
        person.sign_in("admin", self.password)
        return person


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    pair = Pair(tmp_path_factory.mktemp("pair"))
    yield pair
    for person in pair.people:
        person.http.close()
    for server in pair.servers:
        end(server)


@contextlib.contextmanager
def going_on(*works: Callable[[], None]) -> Iterator[None]:
    """Do each of these again and again in a thread of its own, until the block ends. Raises their errors."""
    over = threading.Event()

    def run(work: Callable[[], None]) -> None:
        while not over.is_set():
            work()

    with ThreadPoolExecutor(len(works)) as pool:
        runs = [pool.submit(run, work) for work in works]
        try:
            yield
        finally:
            over.set()
        for each in runs:
            each.result(PATIENCE_S)


class Reader:
    """A client that comes back with its cursor when its socket is closed, as a page does."""

    def __init__(self, person: Person) -> None:
        self._person, self._query = person, ""
        self.messages: list[Message] = []
        self.connections = 0

    def read(self) -> None:
        """Read until the connection ends."""
        with self._person.watch(self._query) as watch, contextlib.suppress(ConnectionClosed):
            self.connections += 1
            assert watch.hello["recovered"] is bool(self._query)
            seq = self.messages[-1]["seq"] if self.messages else watch.hello["seq"]
            self._query = f"?since={seq}&epoch={watch.hello['epoch']}"
            while True:
                message = watch.next()
                if message["type"] != "heartbeat":
                    self.messages.append(message)
                    self._query = f"?since={message['seq']}&epoch={watch.hello['epoch']}"
                    if self.is_over:
                        return

    def read_all(self) -> None:
        """Read until the last incident comes, however often the connection ends."""
        while not self.is_over:
            self.read()

    @property
    def is_over(self) -> bool:
        return "The end" in self.names

    @property
    def names(self) -> list[str]:
        return [message["feature"]["properties"]["name"] for message in self.messages]


def headers(person: Person, key: str) -> dict[str, str]:
    return {"X-CSRFToken": person.csrf_token(), "Idempotency-Key": key, "Referer": f"{person.url}/"}


@pytest.mark.slow
def test_rolling_restart_refuses_no_save_and_no_client_misses_one(pair: Pair) -> None:
    """One process after the other is stopped and started, while others save and read."""
    person, reader = pair.person(), Reader(pair.person())
    saved: list[str] = []
    count = itertools.count()

    def save(http: httpx.Client, name: str) -> None:
        own = headers(person, name)
        answer = http.post(f"{person.url}/api/incidents/", json=incident(name), headers=own)
        assert answer.status_code == 201
        saved.append(name)

    def save_by_new_connection() -> None:
        """Save without a second try."""
        name = f"New {next(count)}"
        with httpx.Client(cookies=person.http.cookies, trust_env=False, timeout=PATIENCE_S) as http:
            save(http, name)

    kept = httpx.Client(cookies=person.http.cookies, trust_env=False, timeout=PATIENCE_S)

    def save_by_kept_connection() -> None:
        """Save, and once more if the kept connection ends without an answer, as each browser does."""
        name = f"Kept {next(count)}"
        with contextlib.suppress(httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            save(kept, name)
            return
        save(kept, name)

    headers(person, "")  # takes the token before the threads begin
    reading = threading.Thread(target=reader.read_all)
    reading.start()
    wait_until(lambda: reader.connections, what="the reader to be greeted")
    with kept, going_on(save_by_new_connection, save_by_new_connection, save_by_kept_connection):
        for which in (0, 1, 0, 1):
            before = len(saved)
            pair.restart(which)
            wait_until(lambda: len(saved) > before + 5, what="saves by both")  # noqa: B023
    person.save_incident("The end")
    reading.join(PATIENCE_S)
    assert reader.is_over
    assert Counter(reader.names) == Counter([*saved, "The end"])
    seqs = [message["seq"] for message in reader.messages]
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
    assert len(saved) > 20
    assert reader.connections > 1


def test_request_on_a_kept_connection_is_answered_while_the_server_stops(
    start_server: StartServer,
) -> None:
    """The answer says that it is the last, so that the client connects anew, to another process."""
    server = start_server(SHARED)
    request = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as kept,
        socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as silent,
    ):
        kept.sendall(request)
        assert b"Connection: close" not in kept.recv(4096)
        server.process.terminate()
        wait_until(lambda: refuses(server.port), what="the server to stop accepting")
        kept.sendall(request)
        answer = kept.recv(4096)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"Connection: close" in answer
        assert kept.recv(1) == b""
        assert silent.recv(1) == b""
    assert server.process.wait(PATIENCE_S) == 0


def refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return True
    return False


def test_new_database_gets_one_first_account(tmp_path: Path) -> None:
    """Of two processes that start at once on a new file, one makes the account and prints its password."""
    port = free_port()
    with ThreadPoolExecutor(2) as pool:
        starts = [pool.submit(Server, tmp_path, SHARED, port=port, first_use=True) for _ in range(2)]
        servers = [start.result() for start in starts]
    try:
        printed = [server for server in servers if "Sign in as admin, password: " in server.output]
        assert len(printed) == 1
        assert printed[0].visitor().sign_in("admin", printed[0].password).path == "/accounts/password/"
    finally:
        for server in servers:
            end(server)


def test_port_is_shared_only_if_both_say_so(tmp_path: Path, pair: Pair) -> None:
    """A second process that does not share ends with a sentence, and so does one on any free port."""
    for options, reason in (
        (["--port", str(pair.port)], f"can't listen on 127.0.0.1, port {pair.port}: Address already in use"),
        (
            [SHARED, "--unix", "x"],
            "--share-port is for a port: with --unix, give each process a socket of its own",
        ),
        ([SHARED, "--port", "0"], "--share-port needs a port that the other processes know, not 0"),
    ):
        done = run_tracker(tmp_path, *options)
        assert (done.returncode, done.stderr) == (2, f"tracker: {reason}\n")


def test_other_database_is_refused(tmp_path: Path, pair: Pair) -> None:
    """Else each database would get a part of the other's requests. No file is made.

    So it is at each try: a service manager starts a process again and again.
    """
    for _ in range(4):
        done = run_tracker(tmp_path, SHARED, "--port", str(pair.port))
        assert not list(tmp_path.iterdir())
        reason = "another process with --share-port serves another database there"
        assert (done.returncode, done.stdout) == (2, "")
        assert f"tracker: can't share port {pair.port}: {reason}\n" in done.stderr


def test_port_that_another_program_has_is_not_shared(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        done = run_tracker(tmp_path, SHARED, "--port", str(other.getsockname()[1]))
    assert done.returncode == 2
    assert done.stderr.endswith("; each process on this port needs --share-port and the same user\n")
    assert not list(tmp_path.iterdir())


def test_area_of_one_process_alerts_in_the_other(pair: Pair) -> None:
    """Each process keeps the areas in memory, and follows the log with them."""
    person = pair.person()
    with person.watch() as watch:
        for round_ in range(8):  # by new connections, so that the processes take turns
            with httpx.Client(cookies=person.http.cookies, trust_env=False, base_url=person.url) as http:
                for path, body in (
                    ("areas", feature(square(10 * round_, 50), name=f"Area {round_}", severity="Info")),
                    ("incidents", incident(f"In {round_}", 10 * round_, 50)),
                ):
                    own = headers(person, f"{path} {round_}") | {"Connection": "close"}
                    assert http.post(f"/api/{path}/", json=body, headers=own).status_code == 201
            (area,) = watch.wait_for_type("alert", f"In {round_}")["areas_of_interest"]
            assert area["name"] == f"Area {round_}"


def test_session_that_ends_at_one_process_ends_at_the_other(pair: Pair) -> None:
    """Whichever process has the socket closes it with 4401, and neither accepts the cookie again."""
    person = pair.person()
    with person.watch() as one, person.watch() as two, person.watch() as three:
        person.http.post("/accounts/logout/", data={"csrf_token": person.csrf_token()})
        for watch in (one, two, three):
            with pytest.raises(ConnectionClosed) as closed:
                watch.next()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4401
    for _ in range(6):
        with httpx.Client(cookies=person.http.cookies, trust_env=False) as http:
            assert http.get(f"{person.url}/tracker/alert/").status_code == 302
