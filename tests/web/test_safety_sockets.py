"""Attacks on the WebSocket: foreign origins, too many clients, too long messages; and all of it over TLS."""

import contextlib
import json
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from conftest import StartServer
from harness import PATIENCE_S, Person, Server, Watch, wait_until
from peers import queued
from websockets.exceptions import ConnectionClosed, InvalidStatus

from server.limits import Limits

LIMITS = Limits()


def refused(person: Person, origin: str | None = "", **headers: str) -> int:
    """Try to connect and return the status of the refusal; 0 if there was none."""
    try:
        with person.watch(origin=origin):
            return 0
    except InvalidStatus as error:
        return error.response.status_code


def close_code(watch: Watch) -> int | None:
    """Read until the server closes, and return its code."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            watch.next()
    return watch.socket.protocol.close_code


# Origins


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://evil.example:{port}",
        "http://127.0.0.1",
        "http://127.0.0.1:1",
        "http://localhost:{port}",
        "http://127.0.0.1:{port}.evil.example",
        "http://127.0.0.1:{port}@evil.example",
        "null",
        "file://",
        "127.0.0.1:{port}",
    ],
)
def test_page_of_another_site_gets_no_socket(server: Server, person: Person, origin: str) -> None:
    """A page of another site can't connect with a person's cookies."""
    assert refused(person, origin.format(port=server.port)) == 403


def test_named_origins_are_accepted(start_server: StartServer) -> None:
    """TRACKER_ORIGINS allows exactly these sites."""
    server = start_server(env={"TRACKER_ORIGINS": "https://wall.example.org, http://other.example:8080"})
    person = server.person()
    assert refused(person, "https://wall.example.org") == 0
    assert refused(person, "http://other.example:8080") == 0
    assert refused(person, "http://wall.example.org") == 403
    assert refused(person, "https://wall.example.org.evil.example") == 403
    assert refused(person) == 0


# Limits


def test_sockets_of_an_account_are_bounded(start_server: StartServer) -> None:
    """The third of two is refused with 429. When one closes, another may connect."""
    server = start_server(env={"TRACKER_SOCKETS_PER_ACCOUNT": "2"})
    person = server.person()
    with person.watch(), contextlib.ExitStack() as second:
        second.enter_context(person.watch())
        assert refused(person) == 429
        assert refused(server.person()) == 429, "another session of the account"
        second.close()
        wait_until(lambda: refused(person) == 0, what="the place to be free")
    wait_until(lambda: server.health()["clients"] == 0, what="the clients to be forgotten")


def test_sockets_of_an_address_are_bounded(start_server: StartServer) -> None:
    """All accounts behind one address share its places. An address that a proxy names has its own."""
    env = {"TRACKER_SOCKETS_PER_ADDRESS": "2", "TRACKER_PROXIES": "127.0.0.1"}
    server = start_server(env=env)
    person = server.person()
    with person.watch(), person.watch():
        assert refused(person) == 429


def test_refused_handshakes_take_no_place(start_server: StartServer) -> None:
    """A hundred failed handshakes leave the account's two places free."""
    server = start_server(env={"TRACKER_SOCKETS_PER_ACCOUNT": "2"})
    person = server.person()
    cookie = f"{person.cookie_name}={person.cookie}"
    for number in range(100):
        half = {"Upgrade": "websocket", "Connection": "Upgrade", "Cookie": cookie}
        if number % 2:
            half |= {"Sec-WebSocket-Key": "x", "Sec-WebSocket-Version": "8"}
        assert httpx.get(f"{server.url}/notifications", headers=half, trust_env=False).status_code >= 400
    with person.watch(), person.watch():
        assert server.health()["clients"] == 2


def test_long_message_closes_with_1009(person: Person) -> None:
    """A message over 4 KiB closes the socket. One of exactly 4 KiB is ignored."""
    with person.watch() as watch:
        watch.socket.send("x" * 4096)
        assert watch.socket.ping().wait(5)
        watch.socket.send("x" * 4097)
        assert close_code(watch) == 1009


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a certificate for 127.0.0.1 and its key, made for this test."""
    folder = tmp_path_factory.mktemp("certificate")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        + ["-keyout", str(key), "-out", str(cert), "-days", "2", "-subj", "/CN=127.0.0.1"]
        + ["-addext", "subjectAltName=IP:127.0.0.1"],
        check=True,
        capture_output=True,
    )
    return cert, key


@pytest.fixture
def secure(start_server: StartServer, certificate: tuple[Path, Path]) -> Server:
    """A server that speaks TLS."""
    return start_server("--certfile", str(certificate[0]), "--keyfile", str(certificate[1]))


def test_everything_works_over_tls(secure: Server) -> None:
    """Signing in, saving and receiving work over https and wss. No page over http can set the cookie."""
    person = secure.person()
    (cookie,) = person.http.cookies.jar
    assert cookie.name.startswith("__Host-tracker_")
    assert (cookie.secure, cookie.path, cookie.domain_specified) == (True, "/", False)
    with person.watch() as watch, person.watch() as other:
        stored = person.save_incident("Encrypted")
        for each in (watch, other):
            assert each.wait_for_type("post_save", stored)["feature"] == stored
            assert each.socket.ping().wait(5)
    wait_until(lambda: secure.health()["clients"] == 0, what="the clients to be forgotten")


def test_big_replay_by_tls_is_whole(secure: Server, certificate: tuple[Path, Path]) -> None:
    """A slow reader gets megabytes complete and in order, whatever the TLS records are."""
    person = secure.person()
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [number % 180, 0]},
            "properties": {"name": f"Many {number}", "description": "x" * 900},
        }
        for number in range(2500)
    ]
    with person.watch() as quick:
        done = secure.import_geojson({"type": "FeatureCollection", "features": features})
        assert done.returncode == 0, done.stderr
        last = f"Many {len(features) - 1}"
        quick.wait_for_type("post_save", last)
        seqs = [message["seq"] for message in quick.messages if message["type"] == "post_save"]
        assert len(seqs) == len(features)
    start = quick.hello
    with late_reader(secure, person, certificate, f"?since={start['seq']}&epoch={start['epoch']}") as late:
        wait_until(lambda: is_stuck(secure, late), what="the server's buffer to be full")
        received = b""
        while last.encode() not in received[-4096:]:
            received += late.recv(65536)
    messages = [json.loads(text) for text in parse(received.partition(b"\r\n\r\n")[2])[0]]
    assert messages[0]["recovered"]
    assert [message["seq"] for message in messages[1:]] == seqs


@contextlib.contextmanager
def late_reader(
    server: Server, person: Person, certificate: tuple[Path, Path], query: str = ""
) -> Iterator[ssl.SSLSocket]:
    """Connect to the socket over TLS, with a small buffer, and read nothing yet."""
    context = ssl.create_default_context(cafile=str(certificate[0]))
    context.minimum_version = ssl.TLSVersion.TLSv1_3  # the harness's own sockets speak 1.2
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
    plain.settimeout(10)
    plain.connect(("127.0.0.1", server.port))
    with context.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
        connection.sendall(
            f"GET /notifications{query} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Cookie: {person.cookie_name}={person.cookie}\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        yield connection


def is_stuck(server: Server, peer: socket.socket) -> bool:
    """Return whether the server's unsent bytes for the peer are as many as a moment before."""
    looks = []
    for _ in range(5):
        looks.append(queued(server.port, peer.getsockname()[1])[0])
        time.sleep(0.02)
    return looks[0] > 65536 and len(set(looks)) == 1


def test_stalled_tls_client_gets_every_frame_whole(secure: Server, certificate: tuple[Path, Path]) -> None:
    """A client that stalls, pings and reads on gets every byte in its place."""
    person = secure.person()
    with late_reader(secure, person, certificate) as connection:
        received = b""
        while b"hello" not in received:
            received += connection.recv(65536)
        features = [
            {
                "type": "Feature",
                "geometry": {"type": "Point", "coordinates": [0, 0]},
                "properties": {"name": f"Stalled {number}", "description": "y" * 900},
            }
            for number in range(2500)
        ]
        secure.import_geojson({"type": "FeatureCollection", "features": features})
        ping = b"\x89\x84\x00\x00\x00\x00ping"  # asks for a pong that must not break into a frame
        for _ in range(20):
            connection.sendall(ping)
        person.save_incident("After the stall")
        connection.settimeout(10)
        while b"After the stall" not in received[-4096:]:
            received += connection.recv(65536)
        _, _, frames = received.partition(b"\r\n\r\n")
        texts, pongs = parse(frames)
        assert sum(b"Stalled" in text for text in texts) == len(features)
        assert pongs >= 1


def parse(data: bytes) -> tuple[list[bytes], int]:
    """Return the payloads of the text frames, and the number of pongs; any other frame is an error."""
    texts, pongs = [], 0
    while len(data) >= 2:
        opcode, size, start = data[0], data[1], 2
        if size == 126:
            size, start = int.from_bytes(data[2:4], "big"), 4
        elif size == 127:
            size, start = int.from_bytes(data[2:10], "big"), 10
        payload = data[start : start + size]
        if len(payload) < size:
            break
        assert opcode in (0x81, 0x8A, 0x89), f"this is no frame: {data[:20]!r}"
        if opcode == 0x81:
            texts.append(payload)
        elif opcode == 0x8A:
            assert payload == b"ping"
            pongs += 1
        data = data[start + size :]
    return texts, pongs


def test_tls_socket_closes_when_the_session_ends(secure: Server) -> None:
    """Signing out closes the encrypted socket, too."""
    person = secure.person()
    with person.watch() as watch:
        person.http.post("/accounts/logout/", data={"csrf_token": person.csrf_token()})
        assert close_code(watch) == 4401


@pytest.mark.slow
def test_no_tls_is_no_answer(secure: Server) -> None:
    """Plain HTTP, nonsense and silence on the TLS port are closed in time, and others notice nothing."""
    for first in (b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 100, b"\x16\x03\x01"):
        with socket.create_connection(("127.0.0.1", secure.port), timeout=LIMITS.headers_s + 10) as peer:
            peer.sendall(first)
            with contextlib.suppress(ConnectionError):
                assert b"HTTP/" not in peer.recv(4096)
    assert secure.person().get("/").status == 200


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_tls_is_refused(secure: Server) -> None:
    """TLS 1.1 and older are refused."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.options |= ssl.OP_NO_TLSv1_2 | ssl.OP_NO_TLSv1_3
    with (
        socket.create_connection(("127.0.0.1", secure.port), timeout=PATIENCE_S) as plain,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        context.wrap_socket(plain)


def test_tls_server_stops_with_0(secure: Server) -> None:
    """With sockets and kept connections open, SIGTERM ends the server cleanly."""
    person = secure.person()
    with person.watch():
        assert secure.stop() == 0
