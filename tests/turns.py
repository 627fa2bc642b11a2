"""Eight requests come at once, each of two fifths of a turn: says how many are begun between two looks."""

import socket
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import tracker  # noqa: F401 (the first: it patches the standard library)
from server import TURN_S, Server

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
looks: list[float] = []


def app(_environ: Any, start_response: Any) -> list[bytes]:
    looks.append(server.looked)
    end = time.monotonic() + TURN_S * 2 / 5
    while time.monotonic() < end:
        pass
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]


server = Server(socket.create_server(("127.0.0.1", 0)), app, "127.0.0.1")
server.start()
clients = [socket.create_connection(server.address, 10) for _ in range(8)]
for _ in range(2):  # the first time they still have to be accepted
    looks.clear()
    for client in clients:
        client.sendall(REQUEST)
    for client in clients:
        assert client.recv(1 << 16).endswith(b"ok")
assert len(looks) == len(clients)
sys.stdout.write(f"{max(Counter(looks).values())}\n")
