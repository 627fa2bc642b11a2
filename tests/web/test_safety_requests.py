"""Attacks on the HTTP server: slow, endless, oversized and malformed requests, names, paths, proxies."""

import contextlib
import itertools
import json
import re
import socket
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from conftest import StartServer, end
from harness import PATIENCE_S, ROOT, Person, Server, wait_until
from peers import descriptors, resident_bytes

SLOW = 500  # connections of a slowloris
FEW = 20  # connections that a server of `few_connections` accepts from one address
IMPATIENT = ROOT / "tests" / "programs" / "impatient.py"
HEADERS_S, BODY_S, LINGER_S = 5.0, 4.0, 2.0  # seconds that the impatient server waits
SECRET_FILES = ("tracker.db", "tracker.py", "models.py", "templates/base.html")


def raw(server: Server, request: bytes, timeout: float = 20) -> bytes:
    """Send these exact bytes, and return everything until the server closes or is silent."""
    answer = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=timeout) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(request)
        with contextlib.suppress(TimeoutError, ConnectionError):
            while piece := connection.recv(65536):
                answer += piece
    return answer


def status(answer: bytes) -> int:
    found = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)
    return int(found[1]) if found else 0


def get(path: str = "/healthz", *headers: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


def is_closed(connection: socket.socket) -> bool:
    """Return whether the server has closed its end."""
    connection.settimeout(0.01)
    try:
        while connection.recv(4096):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        pass
    return True


# Slow requests


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that waits for requests for a shorter time than usual."""
    limits = [f"HEADERS_S={HEADERS_S}", f"BODY_S={BODY_S}", f"LINGER_S={LINGER_S}", "PER_ADDRESS=10000"]
    server = Server(tmp_path_factory.mktemp("impatient"), program=[IMPATIENT, *limits, "--"])
    yield server
    end(server)


def test_slowloris_leaves_the_site_usable(impatient: Server) -> None:
    """500 connections that drip headers are closed in time. Meanwhile pages, saves and sockets work."""
    person = impatient.person()
    with contextlib.ExitStack() as stack:
        slow = [
            stack.enter_context(socket.create_connection(("127.0.0.1", impatient.port), timeout=PATIENCE_S))
            for _ in range(SLOW)
        ]
        for connection in slow:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-")
        with person.watch() as watch:
            for number in range(5):
                stored = person.save_incident(f"Beside a slowloris {number}")
                watch.wait_for_type("post_save", stored)
                assert person.get("/tracker/incident/").status == 200
                for connection in slow:
                    with contextlib.suppress(ConnectionError):
                        connection.sendall(b"a")
        drip = itertools.cycle(slow)

        def all_cut_off() -> bool:
            with contextlib.suppress(ConnectionError):
                next(drip).sendall(b"a")
            return all(is_closed(connection) for connection in slow[:: SLOW // 20])

        wait_until(all_cut_off, what="the slow to be cut off")


@pytest.mark.slow
def test_slow_body_is_given_up(impatient: Server) -> None:
    """A slow body is answered 408 after BODY_S, and the connection closes."""
    head = b"POST /accounts/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n"
    head += b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", impatient.port), timeout=1) as connection:
        connection.sendall(head)
        answer = b""
        while time.monotonic() < started + PATIENCE_S and not answer:
            with contextlib.suppress(ConnectionError):
                connection.sendall(b"a")
            with contextlib.suppress(TimeoutError):
                answer = connection.recv(65536)
        assert time.monotonic() - started > BODY_S - 1
        assert status(answer) == 408
        wait_until(lambda: is_closed(connection), what="the connection to be closed")


@pytest.mark.slow
def test_silent_connection_is_closed(impatient: Server) -> None:
    """A connection without a request is closed after HEADERS_S, without an answer."""
    assert raw(impatient, b"", timeout=PATIENCE_S) == b""


def test_refused_body_is_not_read_for_ever(impatient: Server) -> None:
    """A request that is refused at its head costs little, however long its announced body is."""
    head = b"POST /api/incidents/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 999999999\r\n\r\n"
    answer = raw(impatient, head)  # all of it, until the server closes the connection
    assert status(answer) in {401, 413}


def test_reader_that_stops_reading_costs_nobody(server: Server, person: Person) -> None:
    """A client that requests and doesn't read keeps a connection, but delays nobody."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        connection.settimeout(1)
        with contextlib.suppress(TimeoutError, ConnectionError):
            for _ in range(2000):
                connection.sendall(b"GET /accounts/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert person.get("/").status == 200


# Malformed and oversized requests


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (get("/" + "a" * 9000), {414}),
        (get("/healthz", *[f"X-{n}: y" for n in range(200)]), {431}),
        (get("/healthz", "X-Long: " + "y" * 40_000), {431}),
        (get("/healthz", *[f"X-{n}: {'y' * 900}" for n in range(60)]), {431}),
        (get("/healthz", "X-Long: " + "y" * 70_000), {431}),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", {400}),
        (b"GET\r\n\r\n", {400}),
        (b"GET /healthz HTTP/9.9\r\n\r\n", {400}),
        (b"GET /healthz HTTP/x.y\r\n\r\n", {400}),
        (get("/healthz", "no colon here"), {400}),
        (get("/healthz", "X-Before : a colon"), {400}),
        (get("/healthz", ": no name"), {400}),
        (get("/healthz", "X-Folded: a", " b"), {400}),
        (get("/healthz", "X-Nul: a\0b"), {400}),
        (get("/healthz", "X-Bare: a\rb"), {400}),
        (b"POST /accounts/login/ HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n", {400}),
        (b"POST /accounts/login/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1_0\r\n\r\n0123456789", {400}),
        (b"POST /accounts/login/ HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n01234", {400}),
        (
            b"POST /accounts/login/ HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n01234",
            {400},
        ),
        (b"POST /accounts/login/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", {400}),
        (b"POST /accounts/login/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", {400}),
        (b"POST /accounts/login/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400}),
        (get("/healthz", "Host: other"), {400}),
        (b"GET /healthz HTTP/1.1\r\n\r\n", {400}),
        (
            b"POST /accounts/login/ HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            {400},
        ),
        (get("/%00"), {404}),
        (get("//evil.example/"), {302, 303, 308, 404}),
    ],
)
def test_bad_request_is_refused_quietly(server: Server, request_: bytes, expected: set[int]) -> None:
    """An oversized or malformed head is refused, the connection closes, and no traceback is logged."""
    answer = raw(server, request_)
    assert status(answer) in expected, answer[:300]
    assert b"Traceback" not in answer
    assert server.health()


@pytest.mark.parametrize("path", ["/api/incidents/", "/tracker/incident/report/", "/accounts/login/"])
def test_body_is_bounded(person: Person, path: str) -> None:
    """A body over a megabyte is 413, with or without its length in the head."""
    body = b"x" * ((1 << 20) + 1)

    def in_pieces() -> Iterator[bytes]:
        yield from (body[:500_000], body[500_000:])

    headers = {"X-CSRFToken": person.csrf_token(), "Content-Type": "application/x-www-form-urlencoded"}
    assert person.http.post(path, content=body, headers=headers).status_code == 413
    assert person.http.post(path, content=in_pieces(), headers=headers).status_code == 413


def test_upgrade_has_no_body(server: Server) -> None:
    """A form that claims to be a WebSocket, and never ends, is answered at once and not kept."""
    head = b"POST /accounts/login/ HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
    before = resident_bytes(server.process.pid)
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as connection:
        connection.sendall(head + b"Content-Type: application/x-www-form-urlencoded\r\n\r\na=")
        assert status(connection.recv(100)) == 400
        with contextlib.suppress(ConnectionError):
            for _ in range(50):
                connection.sendall(b"a" * (1 << 20))
    assert resident_bytes(server.process.pid) - before < 20 << 20


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_handshake_with_a_form_type_is_answered_at_once(server: Server, person: Person, kind: str) -> None:
    """A handshake has no body, whatever its Content-Type."""
    lines = (
        "GET /notifications HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        f"Cookie: {person.cookie_name}={person.cookie}",
        f"Content-Type: {kind}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as connection:
        connection.sendall("\r\n".join((*lines, "", "")).encode())
        assert status(connection.recv(1000)) == 101


@pytest.mark.parametrize("body", [b"g0", b"0\r\n@0\r\n", b"3\r\nabcX0\r\n", b"\r\n", b";a=b\r\n"])
def test_broken_chunks_end_the_connection(server: Server, body: bytes) -> None:
    """After broken chunks the start of the next request is unknown, so the connection ends."""
    head = b"POST /accounts/login/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = raw(server, head + body + b"\r\n\r\n" + get("/healthz"))
    assert status(answer) == 400
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("root", ["/static/", "/vendor/", "/static/css/", "/"])
@pytest.mark.parametrize(
    "up", ["../", "..%2f", "%2e%2e/", "%2e%2e%2f", "..\\", "..%5c", "....//", "%252e%252e%252f"]
)
def test_no_path_leads_out_of_the_static_files(server: Server, root: str, up: str) -> None:
    """Neither dots nor their encodings reach the database or the code."""
    for depth, name in itertools.product((1, 2, 5), (*SECRET_FILES, "etc/passwd")):
        answer = raw(server, get(root + up * depth + name))
        assert status(answer) in {302, 303, 308, 400, 404}, (depth, name)
        assert b"SQLite format" not in answer
        assert b"root:" not in answer


@pytest.mark.parametrize("value", ["close", "Close", "foo, close", "close,foo"])
def test_connection_is_closed_when_the_request_says_so(server: Server, value: str) -> None:
    """`close` counts at any place among the connection's options."""
    request_ = get("/healthz").replace(b"Connection: close", f"Connection: {value}".encode())
    assert status(raw(server, request_, timeout=PATIENCE_S)) == 200


def test_empty_line_before_a_request_is_ignored(server: Server) -> None:
    """Some clients send an empty line after a body."""
    assert status(raw(server, b"\r\n" + get("/healthz"))) == 200


# Many connections


@contextlib.contextmanager
def connections(server: Server, count: int, first: bytes = b"") -> Iterator[list[socket.socket]]:
    """Open this many connections from one address, and send the data on each."""
    with contextlib.ExitStack() as stack:
        found = []
        for _ in range(count):
            found.append(socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S))
            stack.enter_context(found[-1])
            found[-1].sendall(first)
        yield found


@pytest.fixture
def few_connections(start_server: StartServer) -> StartServer:
    """Start servers that accept few connections from one address, and wait long for requests."""

    def start(**settings: Any) -> Server:
        return start_server(program=[IMPATIENT, f"PER_ADDRESS={FEW}", "HEADERS_S=60", "--"], **settings)

    return start


KEPT = get().replace(b"Connection: close\r\n", b"")


@pytest.mark.parametrize("first", [b"", b"GET / HTTP/1.1\r\nX-", KEPT], ids=["silent", "dripping", "kept"])
def test_idle_connections_of_an_address_are_bounded(few_connections: StartServer, first: bytes) -> None:
    """One connection too many closes the one that was idle for longest.

    People at that address notice nothing.
    """
    server = few_connections()
    person = server.person()
    before = descriptors(server.process.pid)
    with person.watch() as watch, connections(server, FEW + 10, first) as found:
        wait_until(lambda: all(is_closed(each) for each in found[:8]), what="the oldest to be ended")
        ended = 2  # earlier ones: the person's own, and that of the health check
        left = before - ended + 1 + FEW  # one is the watch's
        wait_until(lambda: descriptors(server.process.pid) <= left, what="them to be closed")
        stored = person.save_incident("Beside many")
        watch.wait_for_type("post_save", stored)
        assert not any(is_closed(each) for each in found[14:])


def test_requests_in_flight_are_not_ended_for_others(few_connections: StartServer) -> None:
    """If all connections of an address are busy, another one from there is refused. Other addresses go on."""
    server = few_connections()
    head = b"POST /accounts/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n"
    found: list[socket.socket] = []
    with contextlib.ExitStack() as stack:
        for _ in range(FEW):
            found = stack.enter_context(connections(server, 1, head + b"Expect: 100-continue\r\n\r\n"))
            assert b"100 Continue" in found[0].recv(65536)  # now the server waits for the body
        busy = found[0]
        assert raw(server, get()) == b""
        with socket.create_connection(
            ("127.0.0.1", server.port), timeout=PATIENCE_S, source_address=("127.0.0.2", 0)
        ) as other:
            other.sendall(get())
            assert status(other.recv(65536)) == 200
        busy.sendall(b"username=")
        assert status(busy.recv(65536)) == 415  # it does not say that it is a form
        busy.close()
        wait_until(lambda: status(raw(server, get())) == 200, what="the place to be free")


def test_connections_through_a_proxy_are_not_bounded(few_connections: StartServer) -> None:
    """All people behind a proxy in TRACKER_PROXIES share its address."""
    server = few_connections(env={"TRACKER_PROXIES": "127.0.0.0/8"})
    with connections(server, FEW + 20) as many:
        assert status(raw(server, get())) == 200
        assert not any(is_closed(each) for each in many)


# Names


def test_other_hosts_are_refused_when_names_are_set(start_server: StartServer) -> None:
    """With TRACKER_HOSTS the Host header must be one of them, on every path."""
    server = start_server(env={"TRACKER_HOSTS": "map.example.org, 127.0.0.1"})
    for path in ("/", "/accounts/login/", "/static/css/base.css", "/api/incidents/1/"):
        for host, fine in (
            ("map.example.org", True),
            ("map.example.org:8000", True),
            ("MAP.Example.org", True),
            ("127.0.0.1", True),
            ("evil.example", False),
            ("map.example.org.evil.example", False),
            ("", False),
        ):
            answer = raw(server, get(path).replace(b"Host: 127.0.0.1", f"Host: {host}".encode()))
            assert (status(answer) == 400) is not fine, (path, host)
            assert b"evil.example" not in answer or fine


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example/",
        "/\\evil.example/",
        "\\\\evil.example",
        "/\t/evil.example/",
        "\t//evil.example/",
        "/%0d%0aLocation:%20https://evil.example/",
        "http:evil.example",
        "javascript:alert(1)",
        "https:/evil.example",
        "/\n/evil.example",
        " //evil.example",
        "//evil.example\\@127.0.0.1/",
    ],
)
def test_sign_in_leads_to_this_site_only(server: Server, target: str) -> None:
    """No value of `next` leads to another site."""
    visitor = server.visitor()
    page = visitor.get(f"/accounts/login/?{httpx.QueryParams(next=target)}")
    form = page.filled_in(username=server.name, password=server.password)
    for fields in (form, {**form, "next": target}):
        answer = visitor.http.post("/accounts/login/", data=fields)
        if answer.status_code != 303:
            form = visitor.get("/accounts/login/").filled_in(username=server.name, password=server.password)
            answer = visitor.http.post("/accounts/login/", data={**form, "next": target})
        assert answer.status_code == 303
        location = httpx.URL(server.url).join(answer.headers["Location"])
        assert (location.host, location.port) == ("127.0.0.1", server.port)
        assert answer.headers["Location"].isprintable()
        assert not answer.headers["Location"].startswith(("//", "/\\"))


# Headers


def test_answers_have_their_length(person: Person) -> None:
    """So have answers to HEAD, without the body. A status without a body has none."""
    for path in ("/", "/healthz", "/tracker/incident/", "/api/incidents/999999/", "/static/css/base.css"):
        plain = {"Accept-Encoding": "identity"}  # compressed, a page has another length each time
        length = person.http.get(path, headers=plain).headers["Content-Length"]
        empty = person.http.head(path, headers=plain)
        assert (empty.headers["Content-Length"], empty.content) == (length, b""), path
    tag = person.http.get("/static/css/base.css").headers["ETag"]
    unchanged = person.http.get("/static/css/base.css", headers={"If-None-Match": tag})
    stored = person.save_incident("To be deleted")["properties"]["pk"]
    deleted = person.http.delete(f"/api/incidents/{stored}/", headers={"X-CSRFToken": person.csrf_token()})
    assert (unchanged.status_code, deleted.status_code) == (304, 204)
    for answer in (unchanged, deleted):
        assert "Content-Length" not in answer.headers
        assert answer.content == b""


def test_sign_in_leads_to_any_path(server: Server) -> None:
    """The path is escaped for the header."""
    for target, escaped in (
        ("/tracker/incident/", "/tracker/incident/"),
        ("/tracker/incident/?text=a b", "/tracker/incident/?text=a%20b"),
        ("/tracker/incident/?text=Straße", "/tracker/incident/?text=Stra%C3%9Fe"),
        ('/tracker/<"x\\y">/', "/tracker/%3C%22x%5Cy%22%3E/"),
    ):
        page = server.visitor().sign_in(server.name, server.password, next=target)
        assert page.response.history[-1].headers["Location"] == escaped


def test_headers_of_every_kind_of_answer(person: Person) -> None:
    """All answers have the policies and no server name. Private ones are not cached."""
    stored = person.save_incident("With headers")["properties"]["pk"]
    private = [
        "/",
        "/accounts/",
        "/admin/",
        "/healthz",
        "/tracker/incident/feature_collection/",
        f"/api/incidents/{stored}/",
        "/api/incidents/999999/",
        "/no/such/page",
        "/vendor/no-such-file.js",
        "/static/no-such-file.js",
        "/accounts/reset/nothing/",
        "/accounts/login/",
    ]
    for path in [*private, "/static/css/base.css", "/vendor/maplibre-gl.mjs"]:
        headers = person.http.get(path).headers
        policy = {
            name: set(values)
            for name, *values in (part.split() for part in headers["Content-Security-Policy"].split(";"))
        }
        assert policy["default-src"] == {"'self'"}, path
        assert policy["frame-ancestors"] == policy["object-src"] == policy["base-uri"] == {"'none'"}, path
        assert not {"script-src", "style-src", "worker-src"} & policy.keys(), "default-src says it"
        assert "unsafe" not in headers["Content-Security-Policy"], path
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert headers["Referrer-Policy"] == "same-origin", path
        assert "Server" not in headers, path
        assert "X-Powered-By" not in headers, path
        if path in private:
            assert headers["Cache-Control"] == "no-store", path


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/no/such/page"),
        ("GET", "/tracker/incident/999999/"),
        ("GET", "/api/incidents/99999999999999999999/"),
        ("DELETE", "/"),
        ("TRACE", "/"),
        ("GET", "/accounts/reset/nothing/"),
        ("GET", "/static/no-such-file"),
        ("GET", "/basemap.pmtiles"),
    ],
)
def test_errors_reveal_nothing_internal(person: Person, method: str, path: str) -> None:
    """An error contains no path of the machine, no module and no traceback."""
    answer = person.http.request(method, path, headers={"X-CSRFToken": person.csrf_token()})
    assert answer.status_code in {400, 404, 405}
    for word in ("Traceback", "werkzeug", "gevent", "peewee", "sqlite", ".py", "/tmp", "/home", "/usr"):
        assert word not in answer.text, word


# Proxies


def address_of(server: Server, person: Person) -> set[str]:
    """Return the addresses that the person's own page shows."""
    return {cell.get_text(strip=True) for cell in person.get("/accounts/").select("td.number")}


@pytest.mark.parametrize(
    ("proxies", "forwarded", "seen"),
    [
        ("", "203.0.113.7", "127.0.0.1"),
        ("10.0.0.0/8", "203.0.113.7", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("127.0.0.1", "198.51.100.1, 203.0.113.7", "203.0.113.7"),
        ("127.0.0.1, 10.0.0.0/8", "198.51.100.1, 203.0.113.7, 10.1.2.3", "203.0.113.7"),
        ("127.0.0.0/8", "not an address", "127.0.0.1"),
        ("127.0.0.1", "2001:db8::7", "2001:db8::7"),
    ],
)
def test_forwarded_address_is_believed_of_proxies_only(
    start_server: StartServer, proxies: str, forwarded: str, seen: str
) -> None:
    """X-Forwarded-For counts only from TRACKER_PROXIES, without the part that the client sent."""
    server = start_server(env={"TRACKER_PROXIES": proxies})
    person = server.visitor()
    person.http.headers["X-Forwarded-For"] = forwarded
    person.sign_in(server.name, server.password)
    assert address_of(server, person) == {seen}


def test_forwarded_scheme_makes_cookies_secure(start_server: StartServer) -> None:
    """Behind a proxy with TLS the cookie is Secure. A client's own header is ignored."""
    behind = start_server(env={"TRACKER_PROXIES": "127.0.0.1"})
    for server, secure in ((behind, True), (start_server(), False)):
        answer = httpx.get(
            f"{server.url}/accounts/login/", headers={"X-Forwarded-Proto": "https"}, trust_env=False
        )
        assert ("Secure" in answer.headers["Set-Cookie"]) is secure


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PROXIES", "everybody"),
        ("ORIGINS", "map.example.org"),
        ("ORIGINS", "https://map.example.org/path"),
        ("PUBLIC_REPORTS", "perhaps"),
        ("SESSION_HOURS", "0"),
        ("IDLE_HOURS", "soon"),
        ("SOCKETS_PER_ACCOUNT", "1.5"),
        ("CERTFILE", "no-such-file.pem"),
    ],
)
def test_bad_setting_is_refused_at_the_start(start_server: StartServer, name: str, value: str) -> None:
    """An impossible setting ends the start with one line that names it."""
    with pytest.raises(AssertionError, match=f"tracker: .*({name}|{value})"):
        start_server(env={f"TRACKER_{name}": value})


def test_answers_are_json_for_programs(server: Server) -> None:
    """Even a refusal is in the format that the client reads."""
    answer = httpx.get(f"{server.url}/api/alerts/", trust_env=False)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].lower().startswith("bearer")
    assert json.loads(answer.text)["error"]


# Requests of different connections take turns

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


def test_client_without_pause_does_not_delay_others(server: Server) -> None:
    """While 300 requests wait on one connection, one on another is answered between them."""
    address = ("127.0.0.1", server.port)
    with socket.create_connection(address, 10) as greedy, socket.create_connection(address, 10) as modest:
        greedy.sendall(HEALTH * 300)
        modest.sendall(HEALTH)
        assert modest.recv(1 << 16).startswith(b"HTTP/1.1 200")
        greedy.setblocking(False)
        answers = b""
        with contextlib.suppress(BlockingIOError):
            while piece := greedy.recv(1 << 16):
                answers += piece
        assert answers.count(b"HTTP/1.1 200") < 300


def test_short_answer_comes_in_one_piece(server: Server) -> None:
    """Its headers and its body are in one TCP segment, as the kernel counts them."""
    answers, data_segments_in = 20, slice(152, 156)  # where Linux has it in its struct tcp_info
    with socket.create_connection(("127.0.0.1", server.port), 10) as sock:
        for _ in range(answers):
            sock.sendall(HEALTH)
            answer = b""
            while not answer.endswith(b"}\n"):
                answer += sock.recv(1 << 16)
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 200)
    assert int.from_bytes(info[data_segments_in], sys.byteorder) == answers
