"""Our fan-out alone: entries handed to `group.Group`, real sockets, no HTTP server and no database."""

from gevent import monkey

monkey.patch_all()

import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import _socket

from floor_protocol import READ, shake_hands, split
from gevent.server import StreamServer

from realtime.client import Client
from realtime.group import Group
from realtime.limits import Limits
from realtime.replay_buffer import Entry

LIMITS = Limits()

entries: list[Entry] = []


def read(seq: int, size: int) -> list[Entry]:
    """Return what follows `seq`, about `size` bytes, as the log does."""
    end = seq
    while end < len(entries) and size > 0:
        size -= len(entries[end][1])
        end += 1
    return entries[seq:end]


def handle(sock, _address) -> None:
    path = shake_hands(sock)
    if path == "/publish":
        publish(sock)
    elif path:
        connection = _socket.socket(fileno=sock.detach())
        connection.setblocking(False)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LIMITS.send_buffer_bytes)
        group.add(Client(connection, len(entries)))


def publish(sock) -> None:
    rest = b""
    while data := sock.recv(READ):
        payloads, rest = split(rest + data)
        for payload in payloads:
            entries.append((len(entries) + 1, payload))
        group.wake()


group = Group(read, lambda seq: b'{"seq":%d,"type":"heartbeat"}' % seq)
group.start()
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=1024)
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
StreamServer(listener, handle).serve_forever()
