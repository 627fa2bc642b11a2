"""The contract with flask-sock and simple-websocket: each test fails with the name that has changed."""

import inspect
import socket
from typing import Any

import pytest
import simple_websocket
from flask import Flask, request
from flask_sock import Sock
from werkzeug.exceptions import TooManyRequests
from werkzeug.test import EnvironBuilder

from web import handshake
from web.socket_limits import ConnectionQuota

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
HEADERS = {
    "Host": "localhost",
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}


def test_thread_class_is_an_option_of_the_server() -> None:
    assert "thread_class" in inspect.signature(simple_websocket.Server).parameters


def shake_hands(view: Any) -> tuple[bytes, bytes, bool]:
    """Return the peer's bytes before and after the view, and whether the application sent an answer."""
    app, sock = Flask(__name__), Sock()
    app.config["SOCK_SERVER_OPTIONS"] = handshake.SERVER_OPTIONS
    sock.init_app(app)
    near, far = socket.socketpair()
    near.settimeout(5)
    far.settimeout(0)
    greeting: list[bytes] = []
    answers: list[str] = []

    def start_response(status: str, *_: Any) -> Any:
        answers.append(status)

    @app.before_request
    def take() -> None:
        handshake.use_connection(request.environ, near)

    @sock.route("/ws")
    def ws(ws: Any) -> None:
        greeting.append(far.recv(1000))
        view(ws)

    with near, far:
        environ = EnvironBuilder("/ws", headers=[*HEADERS.items()]).get_environ()
        answer = [*app(environ, start_response)]
        try:
            rest = far.recv(1000)
        except BlockingIOError:
            rest = b""
    return greeting[0], rest, bool(answers or answer)


def test_werkzeug_socket_is_the_connection_of_the_handshake() -> None:
    greeting, _, _ = shake_hands(handshake.leave_connection)
    assert greeting.startswith(b"HTTP/1.1 101 ")
    assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in greeting


def test_connected_false_means_no_close_frame() -> None:
    assert shake_hands(handshake.leave_connection)[1:] == (b"", False)


def test_flask_sock_reads_connected() -> None:
    """Without this fact the test above could not fail."""
    _, rest, _ = shake_hands(lambda _ws: None)
    assert rest[:1] == b"\x88"


@pytest.mark.parametrize("name", ["connected", "mode"])
def test_field_of_a_websocket(name: str) -> None:
    found: list[bool] = []
    shake_hands(lambda ws: found.append(hasattr(ws, name)))
    assert found == [True]


def test_thread_class_is_started_in_place_of_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[handshake.NoThread] = []

    def start(self: handshake.NoThread) -> None:
        started.append(self)

    monkeypatch.setattr(handshake.NoThread, "start", start)
    shake_hands(handshake.leave_connection)
    assert len(started) == 1


def test_quota_forgets_who_has_no_connection() -> None:
    quota = ConnectionQuota(2, 3)
    releases = [quota.take(1, "192.0.2.1"), quota.take(1, "192.0.2.2")]
    with pytest.raises(TooManyRequests):
        quota.take(1, "192.0.2.3")
    releases += [quota.take(2, "192.0.2.1"), quota.take(3, "192.0.2.1")]
    with pytest.raises(TooManyRequests):
        quota.take(4, "192.0.2.1")
    for release in releases:
        release()
    assert not quota._taken
