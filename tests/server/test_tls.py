"""A TLS server refuses old ciphers, expensive handshakes and broken connections of strangers."""

import _ssl
import contextlib
import ctypes
import signal
import socket
import ssl
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gevent.socket
import httpx
import pytest
from conftest import end
from harness import PATIENCE_S, Server, wait_until

from base.loop import PAUSE_S
from server import tls

CREATE = "/tracker/incident/create/"
PLACE = '{"type": "Point", "coordinates": [1, 1]}'
SSL_OFFSET = 24  # of OpenSSL's own object in Python's: behind its head and one pointer


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with a certificate for 127.0.0.1 and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    cert = folder / "both.pem"
    cert.write_bytes(make_certificate(folder))
    return cert


def make_certificate(folder: Path) -> bytes:
    """Return a new certificate for 127.0.0.1 with its key."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        + ["-keyout", str(key), "-out", str(cert), "-days", "2", "-subj", "/CN=127.0.0.1"],
        check=True,
        capture_output=True,
    )
    return cert.read_bytes() + key.read_bytes()


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory, certificate: Path) -> Iterator[Server]:
    """A server that speaks TLS."""
    server = Server(tmp_path_factory.mktemp("secure"), "--certfile", str(certificate))
    yield server
    end(server)


def negotiated(server: Server, *options: str) -> str | None:
    """Return what OpenSSL's client prints about a handshake with these options; None if it fails."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", *options],
        input=b"",
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    said = done.stdout.decode()
    return None if done.returncode or "Cipher is (NONE)" in said else said


@pytest.mark.parametrize("groups", ["ffdhe8192", "ffdhe2048", "ffdhe8192:ffdhe2048", "P-521", "X448"])
def test_only_two_curves_are_spoken(secure: Server, groups: str) -> None:
    """A stranger can't request an expensive key exchange (D(HE)at)."""
    assert negotiated(secure, "-tls1_3", "-groups", groups) is None
    assert negotiated(secure, "-tls1_3", "-groups", f"{groups}:P-256")


@pytest.mark.parametrize("groups", ["P-256", "X25519:P-256", "P-521:X25519:P-256"])
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_every_client_finds_a_curve(secure: Server, groups: str, version: str) -> None:
    """Every client must support P-256, whichever curve it prefers."""
    assert negotiated(secure, version, "-groups", groups)


@pytest.mark.parametrize(
    "cipher",
    [
        "ECDHE-ECDSA-AES128-SHA256",
        "ECDHE-ECDSA-AES256-SHA384",
        "ECDHE-ECDSA-AES128-SHA",
        "DHE",
        "AES128-GCM-SHA256",
    ],
)
def test_no_cipher_of_blocks_is_spoken(secure: Server, cipher: str) -> None:
    """No CBC cipher, and no key exchange without curves, is accepted."""
    assert negotiated(secure, "-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0") is None
    assert negotiated(secure, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256")


def test_every_offered_cipher_is_authenticated(certificate: Path) -> None:
    """Every offered cipher is authenticated and exchanges keys on a curve."""
    for cipher in tls.context(str(certificate), "").get_ciphers():
        assert cipher["aead"], cipher["name"]
        assert cipher["protocol"] == "TLSv1.3" or cipher["name"].startswith("ECDHE-"), cipher["name"]


def test_each_step_of_a_handshake_is_a_queued_request(certificate: Path) -> None:
    """The loop polls the sockets between steps, so many handshakes do not delay requests."""
    near, far = gevent.socket.socketpair()
    turns: list[None] = []
    connection = tls.Socket(near, tls.context(str(certificate), ""))
    serving = gevent.spawn(connection.shake_hands, lambda: turns.append(None))
    data = hello()
    for byte in data:
        far.send(bytes([byte]))
        gevent.sleep(0.001)
    assert far.recv(1) == b"\x16"  # the server's hello
    assert len(turns) > len(data) // 2  # two bytes may lie there at once
    serving.kill()
    connection.close()
    far.close()


def hello() -> bytes:
    """Return the first bytes of a client's handshake."""
    context = ssl.create_default_context()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


@pytest.mark.slow
@pytest.mark.parametrize("size", [0, 1, 5, 50, None])
@pytest.mark.parametrize("reset", [True, False])
def test_connection_broken_off_in_the_handshake_is_no_error(
    secure: Server, size: int | None, *, reset: bool
) -> None:
    """The server logs nothing if a handshake breaks off anywhere, with or without a reset."""
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", secure.port), timeout=PATIENCE_S) as peer:
            peer.sendall(hello()[:size])
            if reset:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert secure.health()
    assert "Traceback" not in secure.output
    assert "rror" not in secure.output


@pytest.mark.parametrize(
    "first", [b"GET / HTTP/1.1\r\n\r\n", b"\0" * 100, b"\x16\x03\x01\xff\xff" + b"a" * 100]
)
def test_connection_without_tls_is_no_error(secure: Server, first: bytes) -> None:
    """The server logs nothing about a connection that does not start TLS."""
    with socket.create_connection(("127.0.0.1", secure.port), timeout=PATIENCE_S) as peer:
        peer.sendall(first)
        with contextlib.suppress(OSError):  # it may have closed before
            peer.shutdown(socket.SHUT_WR)
            assert b"HTTP/" not in peer.recv(4096)
    assert secure.health()
    assert "rror" not in secure.output


class Updater:
    """A TLS 1.3 client that can send KeyUpdates, for which Python has no function."""

    def __init__(self, sock: Any) -> None:
        self.sock = sock
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing)
        self.do(self.tls.do_handshake)
        self.sock.sendall(self.outgoing.read())

    def do(self, step: Callable[[], Any]) -> Any:
        while True:
            with contextlib.suppress(ssl.SSLWantReadError):
                return step()
            self.sock.sendall(self.outgoing.read())
            if piece := self.sock.recv(4096):
                self.incoming.write(piece)
            else:
                self.incoming.write_eof()

    def updates(self, count: int) -> bytes:
        """Return this many KeyUpdates, each of which requests one in return."""
        openssl = ctypes.CDLL(_ssl.__file__)
        connection = ctypes.c_void_p.from_address(id(self.tls._sslobj) + SSL_OFFSET)  # type: ignore[attr-defined]
        for _ in range(count):
            assert openssl.SSL_key_update(connection, 1) == 1
            assert openssl.SSL_do_handshake(connection) == 1
        return self.outgoing.read()


def test_messages_without_data_are_bounded(secure: Server) -> None:
    """OpenSSL reads all KeyUpdates in sequence, so a peer that sends a megabyte of them is closed."""
    flooder = Updater(socket.create_connection(("127.0.0.1", secure.port), timeout=PATIENCE_S))
    with flooder.sock, contextlib.suppress(ConnectionError):
        flooder.sock.sendall(flooder.updates(20_000))
        flooder.sock.shutdown(socket.SHUT_WR)
        answers = 0
        while piece := flooder.sock.recv(65536):
            answers += len(piece)
        assert answers < 2 * tls.MAX_OVERHEAD
    assert "rror" not in secure.output


def test_key_update_is_accepted(secure: Server) -> None:
    """A client that changes its keys sometimes, as in RFC 8446, is served."""
    client = Updater(socket.create_connection(("127.0.0.1", secure.port), timeout=PATIENCE_S))
    with client.sock:
        for _ in range(3):
            client.sock.sendall(client.updates(100))
            client.tls.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert client.do(lambda: client.tls.read(4096)).startswith(b"HTTP/1.1 200 OK")


def test_loop_looks_at_others_between_pieces_of_tls(certificate: Path) -> None:
    """OpenSSL gets a few messages at a time, however many without data are ready."""
    near, far = gevent.socket.socketpair()
    connection = tls.Socket(near, tls.context(str(certificate), ""))
    serving = gevent.spawn(connection.shake_hands, lambda: None)
    client = Updater(far)
    serving.join()
    data = client.updates(2_000)
    far.sendall(data)
    far.shutdown(socket.SHUT_WR)
    looks = [0]

    def look() -> None:
        while True:
            looks[0] += 1
            gevent.sleep(PAUSE_S)

    looking = gevent.spawn(look)
    assert connection.recv(1) == b""
    looking.kill()
    connection.close()
    far.close()
    assert looks[0] >= len(data) // tls.PIECE


def test_browsers_are_sent_hsts_over_tls(secure: Server) -> None:
    """Over TLS every answer has the header, also an error."""
    person = secure.visitor()
    for path in ("/", "/healthz", "/static/css/base.css", "/no/such/page"):
        assert person.http.get(path).headers["Strict-Transport-Security"] == "max-age=15552000"
    answer = person.http.get("/healthz", headers={"Host": f"localhost:{secure.port}"})
    assert "Strict-Transport-Security" not in answer.headers, "it would be for all that runs on localhost"


def test_no_hsts_without_tls(tmp_path: Path) -> None:
    """A trusted proxy that received TLS counts as TLS. A client's own header does not."""
    for name, expected in (("behind", True), ("open", False)):
        folder = tmp_path / name
        folder.mkdir()
        server = Server(folder, env={"TRACKER_PROXIES": "127.0.0.1"} if expected else {})
        for scheme in ("http", "https"):
            answer = httpx.get(
                f"{server.url}/healthz", headers={"X-Forwarded-Proto": scheme}, trust_env=False
            )
            assert ("Strict-Transport-Security" in answer.headers) is (expected and scheme == "https")
        end(server)


@pytest.mark.parametrize(
    "referer", ["https://[", "https://h:99999/", "https://h:x/", "https://[::1", "//[", "https://\u00e9[", ""]
)
def test_referer_that_is_no_url_is_refused(secure: Server, referer: str) -> None:
    """Over TLS a form needs a Referer that is a URL."""
    visitor = secure.visitor()
    form = visitor.get("/accounts/login/").filled_in(username="nobody", password="a guess")
    headers = {b"Referer": referer.encode("latin-1")}
    answer = visitor.http.post("/accounts/login/", data=form, headers=headers)
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("referer", "accepted"),
    [("{url}/tracker/incident/", True), ("https://evil.example/", False), ("http://127.0.0.1/", False)],
)
def test_form_by_tls_comes_from_a_page_of_this_site(secure: Server, referer: str, *, accepted: bool) -> None:
    """The right token does not replace the Referer, even after the same form was accepted."""
    person = secure.person()
    name = f"From {referer}"
    form, other = (person.get(CREATE).filled_in(name=name, location_geojson=PLACE) for _ in range(2))
    assert person.http.post(CREATE, data=form).is_redirect
    headers = {"Referer": referer.format(url=secure.url)}
    again = person.http.post(CREATE, data={**other, "csrf_token": form["csrf_token"]}, headers=headers)
    assert again.status_code == (303 if accepted else 400)
    assert len(person.named(name)) == (2 if accepted else 1)


def test_form_by_tls_needs_its_token(secure: Server) -> None:
    """The right Referer does not replace the token."""
    person = secure.person()
    form = person.get(CREATE).filled_in(name="By a token", location_geojson=PLACE)
    others = secure.visitor().get("/accounts/login/").filled_in()["csrf_token"]
    for token in ("", form["csrf_token"][::-1], others):
        assert person.http.post(CREATE, data={**form, "csrf_token": token}).status_code == 400, token
    assert not person.named("By a token")
    assert person.http.post(CREATE, data=form).is_redirect


def served(server: Server) -> bytes:
    """Return the certificate that a new connection gets."""
    return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", server.port)))


def wait_for_line(server: Server, text: str, count: int) -> None:
    wait_until(lambda: server.output.count(text) == count, what=text)


def test_sighup_reloads_the_certificate(secure: Server, certificate: Path, tmp_path: Path) -> None:
    """New connections get it, open ones stay; a file that can't be used changes nothing."""
    first, content = served(secure), certificate.read_bytes()
    with secure.person().watch() as watch:
        for count, bad in enumerate((b"", content.replace(b"BEGIN PRIVATE", b"BEGIN PUBLIC")), start=1):
            certificate.write_bytes(bad)
            secure.process.send_signal(signal.SIGHUP)
            wait_for_line(secure, "ERROR tracker: The server keeps its certificate", count)
            assert served(secure) == first
        certificate.write_bytes(make_certificate(tmp_path))
        secure.process.send_signal(signal.SIGHUP)
        wait_for_line(secure, "INFO tracker: The certificate is reloaded", 1)
        assert served(secure) != first
        secure.person().save_incident("By the new certificate")
        watch.wait_for_type("post_save", "By the new certificate")
