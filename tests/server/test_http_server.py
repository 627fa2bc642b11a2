"""For each connection the HTTP server does bounded work, reads strictly, and sends whole answers."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from itertools import repeat
from types import SimpleNamespace
from typing import Any, cast

import gevent
import pytest
from conftest import StartServer
from harness import PATIENCE_S, Person, Server, incident, wait_until
from peers import PING, PONG, Peer, Sockets, handshake, masked
from raw_http import statuses
from requests_as_data import CHUNKED, HOST, POST, REFUSED, TAKEN, field, line
from werkzeug.exceptions import HTTPException, RequestTimeout

from base.loop import PAUSE_S
from server import body as body_module
from server import handler as handler_module
from server.body import Body
from server.connections import Connections
from server.handler import Handler
from server.http1 import MAX_OVERHEAD, Head, Refused
from server.limits import Limits
from server.tls import RECORD

LIMITS = Limits()

LOGIN = b"GET /accounts/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
CLOSING = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


def raw(server: Server, *pieces: bytes) -> bytes:
    """Send these exact bytes, and return the server's answer until it closes."""
    answer = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as connection:
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                connection.sendall(piece)
        with contextlib.suppress(ConnectionError):
            while piece := connection.recv(65536):
                answer += piece
    return answer


# Bounded work: a peer that always has more to send


class Flood:
    """A socket that always has more bytes to read, so that reading never waits."""

    def __init__(self, *first: bytes, unit: bytes) -> None:
        self._pieces = iter([*first, *repeat(unit, 10_000)])
        self.received = 0
        self.looks: list[int] = []  # how often the loop had looked at others, at each piece
        self.seen = 0

    def recv(self, size: int) -> bytes:
        piece = next(self._pieces)
        assert len(piece) <= size
        self.received += len(piece)
        self.looks.append(self.seen)
        return piece

    def settimeout(self, _seconds: float) -> None:
        pass

    def sendall(self, _data: bytes) -> None:
        pass


def handler(flood: Flood) -> Handler:
    server = SimpleNamespace(connections=Connections(LIMITS.per_address), limits=LIMITS)
    return Handler(flood, ("192.0.2.1", 1), cast(Any, server))


def chunked_body(flood: Flood) -> Body:
    serving = handler(flood)
    serving._head = Head("POST", "/", "", "HTTP/1.1", {}, length=None)
    return Body(serving._head, serving._incoming, serving, LIMITS)


UNITS = {
    "extensions": [b"1;" + b"a" * 4000 + b"\r\nx\r\n"],
    "a long extension": [b"1;", b"a" * RECORD],
    "trailers": [b"0\r\n", b"a:b\r\n" * 3000],
    "small chunks": [b"1\r\nx\r\n" * 2700],
    "bytes one by one": [b"1;", b"a"],
}


@pytest.fixture
def bystander() -> Iterator[list[Flood]]:
    """Another greenlet on the loop that counts how often it runs."""
    watched: list[Flood] = []

    def look() -> None:
        while True:
            for flood in watched:
                flood.seen += 1
            gevent.sleep(PAUSE_S)

    other = gevent.spawn(look)
    yield watched
    other.kill()


@pytest.mark.parametrize("name", UNITS)
def test_flood_of_a_body_is_refused_after_few_pieces(name: str, bystander: list[Flood]) -> None:
    """The flood costs 64 KiB beside its data, and the loop serves others before each piece."""
    flood = Flood(*UNITS[name][:-1], unit=UNITS[name][-1])
    bystander.append(flood)
    with pytest.raises(HTTPException) as refused:
        chunked_body(flood).read(1 << 20)
    assert 400 <= (refused.value.code or 0) < 500
    assert flood.received <= 2 * MAX_OVERHEAD
    assert all(before < after for before, after in zip(flood.looks[1:], flood.looks[2:], strict=False))


def test_flood_of_a_head_is_refused_after_few_pieces(bystander: list[Flood]) -> None:
    """Fields without end are refused after 32 KiB."""
    flood = Flood(b"GET / HTTP/1.1\r\nHost: a\r\n", unit=b"X-A: b\r\n")
    bystander.append(flood)
    with pytest.raises(Refused):
        handler(flood)._next_head(LIMITS.headers_s)
    assert flood.received <= 34 << 10
    assert all(before < after for before, after in zip(flood.looks[1:], flood.looks[2:], strict=False))


def test_times_run_out_though_bytes_keep_coming(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server gives up a head or a body that arrives second by second, when its time is over."""
    seconds = iter(range(100_000))
    clock = SimpleNamespace(monotonic=lambda: float(next(seconds)))
    monkeypatch.setattr(body_module, "time", clock)
    monkeypatch.setattr(handler_module, "time", clock)
    body = Flood(unit=b"1\r\nx\r\n")
    with pytest.raises(RequestTimeout):
        chunked_body(body).read(1 << 20)
    assert len(body.looks) <= LIMITS.body_s
    head = Flood(b"GET / HTTP/1.1\r\n", unit=b"a")
    with pytest.raises(Refused) as refused:
        handler(head)._next_head(LIMITS.headers_s)
    assert refused.value.status == 408
    assert len(head.looks) <= LIMITS.headers_s + 2


@pytest.mark.parametrize("name", ["extensions", "trailers", "small chunks"])
def test_flood_is_cut_off_while_others_are_served(server: Server, person: Person, name: str) -> None:
    """A connection that sends without end delays neither pages nor saves."""
    first, unit = b"".join(UNITS[name][:-1]), UNITS[name][-1]
    ended = threading.Event()

    def flood() -> None:
        connection = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S)
        with connection, contextlib.suppress(OSError):
            connection.sendall(CHUNKED + first)
            while True:
                connection.sendall(unit)
        ended.set()

    thread = threading.Thread(target=flood, daemon=True)
    thread.start()
    for number in range(5):
        person.save_incident(f"Beside a flood of {name} {number}")
    assert ended.wait(20)
    thread.join()


# Strictness, through the socket


def test_refused_request_is_answered_once(server: Server) -> None:
    """Over a socket, the connection ends with the refusal, and later bytes are no request."""
    wrong = {}
    for name, (data, status) in REFUSED.items():
        found = statuses(raw(server, data, CLOSING))
        if found != [status]:
            wrong[name] = found
    assert not wrong


def test_accepted_request_leaves_the_connection_in_step(server: Server) -> None:
    """Over a socket, the application answers each accepted request and the one after it."""
    wrong = {}
    for name, (data, _) in TAKEN.items():
        local = data.replace(b"map.example.org:80", b"127.0.0.1") if name == "absolute" else data
        found = statuses(raw(server, local, CLOSING))
        by_http10 = b"HTTP/1.0" in data
        is_foreign = name.startswith("host ") and "127.0.0.1" not in name and "[::1]" not in name
        if not is_foreign and (400 in found or len(found) != (1 if by_http10 else 2)):
            wrong[name] = found
    assert not wrong


def test_requests_in_one_piece_are_answered_in_order(server: Server) -> None:
    """Requests in one piece are answered in order, whatever bodies they have."""
    chunked = CHUNKED + b"3;a=b\r\nabc\r\n0\r\nA: b\r\n\r\n"
    health, posted = line(b"GET /healthz HTTP/1.1"), POST + b"Content-Length: 3\r\n\r\nabc"
    assert statuses(raw(server, health + chunked + health + posted + CLOSING)) == [200, 404, 200, 404, 200]


def test_host_of_an_absolute_target_is_the_one_that_counts(start_server: StartServer) -> None:
    """TRACKER_HOSTS is compared with the authority of an absolute target, not with the field Host."""
    server = start_server(env={"TRACKER_HOSTS": "map.example.org, 127.0.0.1"})
    for target, name, status in (
        ("http://evil.example/accounts/login/", "127.0.0.1", 400),
        ("http://map.example.org/accounts/login/", "evil.example", 200),
        ("http://127.0.0.1/accounts/login/", "127.0.0.1", 200),
    ):
        request = f"GET {target} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n"
        assert statuses(raw(server, request.encode())) == [status], target


def test_options_of_the_server_as_a_whole(server: Server) -> None:
    """`OPTIONS *` is answered with the methods, and the connection goes on."""
    answer = raw(server, line(b"OPTIONS * HTTP/1.1") + CLOSING)
    assert statuses(answer) == [204, 200]
    assert b"\r\nAllow: GET, HEAD, POST, PATCH, DELETE, OPTIONS\r\n" in answer


def test_head_of_a_stream_has_no_body(server: Server, person: Person) -> None:
    """An answer to HEAD has neither data nor a last chunk, so the next answer follows its head."""
    cookie = f"Cookie: {person.cookie_name}={person.cookie}\r\n".encode()
    for path in (b"/tracker/incident/feature_collection/", b"/healthz", b"/static/css/base.css"):
        request = b"HEAD " + path + b" HTTP/1.1\r\n" + HOST + cookie + b"\r\n"
        answer = raw(server, request + CLOSING)
        assert statuses(answer) == [200, 200]
        _, _, after = answer.partition(b"\r\n\r\n")
        assert after.startswith(b"HTTP/1.1 200"), path


def test_old_clients_get_one_answer_that_ends_with_the_connection(server: Server, person: Person) -> None:
    """HTTP/1.0 has no chunks, so the end of the connection ends a stream."""
    cookie = f"Cookie: {person.cookie_name}={person.cookie}\r\n".encode()
    request = b"GET /tracker/incident/feature_collection/ HTTP/1.0\r\n" + cookie
    answer = raw(server, request + b"Connection: keep-alive\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"Connection: close" in head
    assert b"chunked" not in head
    assert body.startswith(b"{")
    assert body.rstrip().endswith(b"}")


# Bodies


@pytest.mark.parametrize("upgrade", ["", "websocket", "h2c"])
def test_upgrade_on_an_ordinary_request_leaves_its_body(person: Person, upgrade: str) -> None:
    """Only a GET becomes a WebSocket. nginx without a `map` sends Upgrade with every request."""
    headers = {"Connection": "upgrade", "X-CSRFToken": person.csrf_token()}
    if upgrade:
        headers["Upgrade"] = upgrade
    answer = person.http.post("/api/incidents/", json=incident("Through nginx"), headers=headers)
    assert answer.status_code == 201
    page = person.http.get("/tracker/incident/", headers={"Connection": "upgrade"})
    assert page.status_code == 200


def test_body_is_asked_for_only_if_it_is_wanted(server: Server) -> None:
    """A client that waits before its body gets `100 Continue`, or a refusal without sending it."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as connection:
        connection.sendall(POST + b"Content-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"abc" + CLOSING)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    assert statuses(answer) == [404, 200]
    refused = raw(server, POST + b"Content-Length: 99999999\r\nExpect: 100-continue\r\n\r\n")
    assert statuses(refused) == [413]
    assert b"100 Continue" not in refused


@pytest.mark.parametrize(
    "fields", ["Content-Length: 99999999", "Content-Length: 70000\r\nExpect: 100-continue"]
)
def test_end_of_a_connection_is_announced(server: Server, fields: str) -> None:
    """Without the announcement a proxy would send another client's request after an unread body."""
    refused = raw(server, POST + fields.encode() + b"\r\n\r\n")
    assert statuses(refused) == [413]
    assert b"\r\nConnection: close\r\n" in refused


def test_chunked_call_of_the_api(server: Server, person: Person) -> None:
    """A program may stream its call in chunks."""

    def pieces() -> Iterator[bytes]:
        yield b'{"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 2]}, '
        yield b'"properties": {"name": "In chunks"}}'

    headers = {"X-CSRFToken": person.csrf_token(), "Content-Type": "application/json"}
    assert person.http.post("/api/incidents/", content=pieces(), headers=headers).status_code == 201
    wait_until(lambda: person.named("In chunks"), what="the incident")


# WebSockets


def test_frame_behind_the_handshake_is_answered(person: Person) -> None:
    """A ping in the same piece as the handshake is answered."""

    class Hasty(Peer):
        def receive(self) -> list[tuple[int, bytes]]:
            frames = super().receive()
            pongs.extend(payload for opcode, payload in frames if opcode == PONG)
            return frames

    pongs: list[bytes] = []
    request = handshake(person) + masked(PING, b"at once")
    with pytest.MonkeyPatch.context() as patch, Sockets() as sockets:
        patch.setattr("peers.handshake", lambda *_: request)
        sockets.add(Hasty(person))
        sockets.listen_until(lambda: pongs == [b"at once"], 10, "the pong")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ((b"Version: 13", b"Version: 8"), 426),
        ((b"Version: 13", b"Version: 013"), 426),
        ((b"Sec-WebSocket-Version: 13\r\n", b""), 426),
        ((b"HTTP/1.1", b"HTTP/1.0"), 426),
        ((b"Connection: Upgrade", b"Connection: keep-alive"), 426),
        ((b"dGhlIHNhbXBsZSBub25jZQ==", b""), 400),
        ((b"dGhlIHNhbXBsZSBub25jZQ==", b"c2hvcnQ="), 400),
        ((b"dGhlIHNhbXBsZSBub25jZQ==", b"dGhlIHNhbXBsZSBub25jZR=="), 400),
        ((b"dGhlIHNhbXBsZSBub25jZQ==", b"dGhlIHNhbXBsZSBub25jZSEh"), 400),
        ((b"dGhlIHNhbXBsZSBub25jZQ==", b"dGhl IHNhbXBsZSBub25jZQ="), 400),
    ],
)
def test_bad_handshake_gets_the_right_version(
    server: Server, person: Person, change: tuple[bytes, bytes], status: int
) -> None:
    """A bad handshake gets 426 or 400, with the version that the server speaks."""
    request = handshake(person).replace(*change).replace(b"Connection: ", b"Connection: close, ")
    answer = raw(server, request)
    assert statuses(answer) == [status]
    assert b"\r\nSec-WebSocket-Version: 13\r\n" in answer


@pytest.mark.parametrize(
    ("more", "body"),
    [(b"Content-Length: 5", b"hello"), (b"Transfer-Encoding: chunked", b"0\r\n\r\n")],
)
def test_handshake_with_a_body_is_refused(server: Server, person: Person, more: bytes, body: bytes) -> None:
    """A handshake is a GET, so it has no body."""
    request = handshake(person)[:-2] + more + b"\r\n\r\n" + body
    assert statuses(raw(server, request)) == [400]


# Names


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("localhost", 200),
        ("localhost:8000", 200),
        ("LocalHost", 200),
        ("127.0.0.1", 200),
        ("127.0.0.1:1", 200),
        ("[::1]", 200),
        ("[::1]:8000", 200),
        ("evil.example", 400),
        ("localhost.evil.example", 400),
        ("127.0.0.1.evil.example:8000", 400),
        ("localhost.", 400),
        ("192.0.2.1", 400),
    ],
)
def test_tracker_on_this_machine_has_no_other_name(server: Server, name: str, status: int) -> None:
    """A web site whose name resolves to 127.0.0.1 can't read pages, and its pages do not count as ours."""
    for path in ("/accounts/login/", "/static/css/base.css", "/no/such/page"):
        request = f"GET {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n"
        found = statuses(raw(server, request.encode()))
        assert (found == [400]) is (status == 400), path


def test_missing_hosts_setting_is_logged_once(start_server: StartServer) -> None:
    """The log names the missing setting once, so that an operator finds it and nobody fills the log."""
    server = start_server()
    for _ in range(3):
        answer = raw(server, LOGIN.replace(b"127.0.0.1", b"map.example.org"))
        assert statuses(answer) == [400]
        assert b"does not answer to the name" in answer
    assert server.output.count("TRACKER_HOSTS") == 1
    assert "map.example.org" not in server.output


def test_named_tracker_on_this_machine_is_behind_a_proxy(start_server: StartServer) -> None:
    """With TRACKER_HOSTS only the names there are accepted."""
    server = start_server(env={"TRACKER_HOSTS": "map.example.org, 127.0.0.1"})
    assert statuses(raw(server, LOGIN.replace(b"127.0.0.1", b"map.example.org"))) == [200]
    for _ in range(3):
        assert statuses(raw(server, LOGIN.replace(b"127.0.0.1", b"localhost"))) == [400]
    assert server.output.count("its name is not in TRACKER_HOSTS, which has map.example.org, 127.0.0.1") == 1


def test_cookies_of_two_fields_are_both_read(server: Server, person: Person) -> None:
    """Some proxies of HTTP/2 pass cookies in several fields."""
    cookie = f"Cookie: other=1\r\nCookie: {person.cookie_name}={person.cookie}".encode()
    request = field(cookie + b"\r\nConnection: close").replace(b"/healthz", b"/tracker/incident/")
    assert statuses(raw(server, request)) == [200]
