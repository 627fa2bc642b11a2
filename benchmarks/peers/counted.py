"""Work whose instructions callgrind counts: `counted.py save|round|loop TIMES CLIENTS`.

`save` sends a call of the API through the application. `round` lets the group send one entry to its clients.
`loop` is the floor, a Python loop of `send()`.
"""

from gevent import monkey

monkey.patch_all()

import io
import json
import logging
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[number]) for number in (1, 2)]

import _socket

from floor_protocol import frame

ENTRY = b"x" * 450
FRAME = frame(ENTRY)


def save(times: int) -> None:

    import models
    from base.settings import Settings
    from domain import accounts
    from web.app import create_app

    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        models.open_database(f"{folder}/tracker.db")
        app = create_app(Settings())
        token = accounts.make_token(accounts.create("benchmark", "editor"), "benchmark")
        answered: list[str] = []
        for _ in range(times):
            b"".join(app(request(token), lambda status, *_: answered.append(status)))
        assert answered == ["201 CREATED"] * times, answered


def request(token: str) -> dict[str, object]:
    """Return the WSGI environment of a save of 450 bytes."""
    properties = {"name": "Incident", "description": "x" * 50, "severity": "High"}
    geometry = {"type": "Point", "coordinates": [13.3777041, 52.5162746]}
    body = json.dumps({"type": "Feature", "geometry": geometry, "properties": properties}).encode()
    return {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/api/incidents/",
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1",
        "HTTP_AUTHORIZATION": f"Bearer {token}",
        "CONTENT_TYPE": "application/geo+json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
    }


def sockets() -> list[tuple[_socket.socket, _socket.socket]]:
    """Return pairs of sockets. Sent bytes stay in the kernel."""
    return [_socket.socketpair() for _ in range(int(sys.argv[3]))]


def rounds(times: int) -> None:
    from realtime.client import Client
    from realtime.group import Group

    entries: list[tuple[int, bytes]] = []
    group = Group(lambda seq, _size: entries[seq:], lambda _seq: b"{}")
    pairs = sockets()
    for near, _far in pairs:
        group.add(Client(near, 0))
    for number in range(1, times + 1):
        entries.append((number, ENTRY))
        group.wake()
        group.broadcast()
    for _near, far in pairs:
        assert len(far.recv(1 << 20)) == times * len(FRAME)


def loop(times: int) -> None:
    pairs = sockets()
    for _ in range(times):
        for near, _far in pairs:
            near.send(FRAME)
    for _near, far in pairs:
        assert len(far.recv(1 << 20)) == times * len(FRAME)


logging.disable()
{"save": save, "round": rounds, "loop": loop}[sys.argv[1]](int(sys.argv[2]))
