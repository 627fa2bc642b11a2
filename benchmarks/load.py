"""The load: WebSocket clients and savers that cost less than the measured server.

All sockets of a run are in one epoll set of one process. A delivery costs one `recv_into` and one
`bytes.count`: `wait` keeps the frames, and parses them only after the measurement.

In a flood even joining the frames would delay the savers. So `wait_bytes` examines only the first client's
bytes. The kernel counts the bytes of the others, and nothing copies them. `cpu()` is the load's own time; the
tables show it beside the server's, so that a reader sees whether the load was the limit.

On the loopback interface a server's `send()` also does work of the client's machine: it receives the bytes,
acknowledges them, and wakes the client. The first can't be avoided. The second is delayed: `settle` asks for
that before each measurement, because it happens at once only after a pause. The third costs nothing if the
load does not sleep (`awake`), but then `cpu()` is not its own work.
"""

from __future__ import annotations

import http.client
import json
import re
import select
import socket
import time
from collections.abc import Callable, Iterator
from http.cookies import SimpleCookie
from typing import ClassVar
from urllib.parse import urlencode
from weakref import WeakSet

MARK = b"post_save"  # once in every notification of every server
SLACK = 300  # bytes by which clients may differ, because of pings: less than a notification
BUFFER = 1 << 20  # bytes read at once
CONNECT_BATCH = 100  # handshakes under way at once
QUIET_S = 0.15  # silence after which all hellos have come
GREET_S = 8.0  # between two unrequested pongs; a server closes clients that were silent for 20 s or more
PATIENCE_S = 20.0  # without any byte, before a run counts as stuck
MASK = b"\0\0\0\0"  # a mask of zeros changes nothing
PONG = b"\x8a\x80" + MASK

HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n{headers}\r\n"
)


class Stuck(Exception):
    """Not all expected messages arrived in time."""


def notification(number: int, size: int = 450) -> str:
    """Return the notification of a saved incident in our server's format, `size` bytes of JSON."""
    created = "2026-11-22T19:30:00.123456Z"
    properties = {
        "name": f"Incident {number}",
        "description": "",
        "severity": "High",
        "created": created,
        "updated": created,
        "closed": False,
        "model": "Incident",
        "pk": number,
        "url": f"/tracker/incident/{number}/",
    }
    message = {
        "seq": number,
        "type": "post_save",
        "created": True,
        "feature": {
            "type": "Feature",
            "id": f"Incident:{number}",
            "geometry": {"type": "Point", "coordinates": [13.3777041, 52.5162746]},
            "properties": properties,
        },
        "actor": "admin",
    }
    properties["description"] = "x" * (size - len(json.dumps(message, separators=(",", ":"))))
    return json.dumps(message, separators=(",", ":"))


def text_frame(text: str, opcode: int = 1) -> bytes:
    """Return a WebSocket frame as a client sends it."""
    payload = text.encode()
    size = len(payload)
    if size < 126:
        return bytes([0x80 | opcode, 0x80 | size]) + MASK + payload
    if size < 65536:
        return bytes([0x80 | opcode, 0x80 | 126]) + size.to_bytes(2, "big") + MASK + payload
    return bytes([0x80 | opcode, 0x80 | 127]) + size.to_bytes(8, "big") + MASK + payload


def open_websocket(port: int, path: str, headers: str = "") -> socket.socket:
    """Return a socket on which the handshake's request has been sent."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(HANDSHAKE.format(path=path, port=port, headers=headers).encode())
    return sock


def shake_hands(sock: socket.socket) -> bytes:
    """Read the answer to the handshake; return the bytes after it. Raises Stuck if it was refused."""
    received = b""
    while b"\r\n\r\n" not in received:
        piece = sock.recv(4096)
        if not piece:
            raise Stuck(f"the handshake ended early: {received[:200]!r}")
        received += piece
    head, _, rest = received.partition(b"\r\n\r\n")
    if b" 101 " not in head.split(b"\r\n")[0]:
        raise Stuck(f"the handshake was refused: {head[:200]!r}")
    return rest


class Sockets:
    """`count` WebSocket clients of one server.

    `opening` is the data that each sends after the handshake. `received[i]` has the bytes for client i since
    `forget()`.
    """

    _all: ClassVar[WeakSet[Sockets]] = WeakSet()

    def __init__(
        self, port: int, count: int, path: str = "/", headers: str = "", opening: bytes = b""
    ) -> None:
        self.received: list[bytearray] = []
        self.socks: list[socket.socket] = []
        self._epoll = select.epoll()
        self._index: dict[int, int] = {}
        self._others: dict[int, Callable[[], object]] = {}
        self._buffer = bytearray(BUFFER)
        self.awake = False  # whether `wait` polls without sleeping
        self._cpu = 0.0
        self._heard = time.monotonic()
        self._all.add(self)
        while len(self.socks) < count:
            self._connect(min(CONNECT_BATCH, count - len(self.socks)), port, path, headers, opening)
            self.greet_all()
        self.settle()

    def __len__(self) -> int:
        return len(self.socks)

    def _connect(self, count: int, port: int, path: str, headers: str, opening: bytes) -> None:
        batch = [open_websocket(port, path, headers) for _ in range(count)]
        for sock in batch:
            self.received.append(bytearray(shake_hands(sock)))
            if opening:
                sock.sendall(opening)
            sock.setblocking(False)
            self._index[sock.fileno()] = len(self.socks)
            self.socks.append(sock)
            self._epoll.register(sock.fileno(), select.EPOLLIN)

    def settle(self) -> None:
        """Read until nothing comes any more, and forget that. Also send pongs to all servers."""
        self.greet_all()
        while self._read(QUIET_S):
            pass
        self.forget()
        for sock in self.socks:  # acknowledge late; the system drops this option after a while
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)

    def greet_all(self) -> None:
        for sockets in list(self._all):
            sockets.greet()

    def greet(self) -> None:
        """Send a pong for all clients, if none was sent for a while."""
        if time.monotonic() - self._heard > GREET_S:
            self._heard = time.monotonic()
            for sock in self.socks:
                sock.send(PONG)

    def forget(self) -> None:
        """Drop the received bytes, and count from here."""
        for received in self.received:
            received.clear()

    def add(self, sock: socket.socket, readable: Callable[[], object]) -> None:
        """Watch another socket, that of a saver, in the same loop."""
        self._others[sock.fileno()] = readable
        self._epoll.register(sock.fileno(), select.EPOLLIN)

    def remove(self, sock: socket.socket) -> None:
        del self._others[sock.fileno()]
        self._epoll.unregister(sock.fileno())

    def _read(self, timeout: float) -> list[tuple[int, int]]:
        """Wait once; return (client, size of its bytes before) for those that received some."""
        buffer, view, got = self._buffer, memoryview(self._buffer), []
        index, socks, received = self._index, self.socks, self.received
        for fd, _ in self._epoll.poll(timeout, 100_000):
            client = index.get(fd)
            if client is None:
                self._others[fd]()
                continue
            size = socks[client].recv_into(buffer)
            if not size:
                raise Stuck(f"the server closed client {client}")
            kept = received[client]
            got.append((client, len(kept)))
            kept += view[:size]
        return got

    def wait(
        self, messages: int, *, mark: bytes = MARK, only: range | None = None, patience: float = PATIENCE_S
    ) -> float:
        """Read until every client (of `only`) has this many messages; return the time of the last.

        The time is perf_counter's. Raises Stuck after `patience` seconds.
        """
        cpu = time.process_time()
        members = only if only is not None else range(len(self.socks))
        missing = dict.fromkeys(members, messages)
        overlap = len(mark) - 1
        for client in members:
            missing[client] -= self.received[client].count(mark)
        waiting = sum(count > 0 for count in missing.values())
        deadline = time.monotonic() + patience
        while waiting:
            for client, before in self._read(0.0 if self.awake else 1.0):
                found = self.received[client].count(mark, max(0, before - overlap))
                if found and client in missing:
                    left = missing[client]
                    missing[client] = left - found
                    if left > 0 and left <= found:
                        waiting -= 1
            if time.monotonic() > deadline:
                lost = sum(max(0, count) for count in missing.values())
                raise Stuck(f"{lost} of {messages * len(members)} messages did not come")
        last = time.perf_counter()
        self._cpu = time.process_time() - cpu
        return last

    def wait_bytes(self, messages: int, *, patience: float = PATIENCE_S) -> float:
        """As `wait`, but examine only the first client's bytes, and count those of the others.

        A client is done when it has as many bytes as the first client has in all its messages. The bytes are
        not kept.
        """
        cpu = time.process_time()
        first, buffer, index = self.received[0], self._buffer, self._index
        receive = [sock.recv_into for sock in self.socks]
        sizes = [0] * len(self.socks)
        came = first.count(MARK)
        deadline = time.monotonic() + patience
        while came < messages or min(sizes[1:], default=0) < len(first) - SLACK:
            for fd, _ in self._epoll.poll(1.0, 100_000):
                client = index.get(fd)
                if client is None:
                    self._others[fd]()
                    continue
                size = receive[client](buffer, BUFFER, socket.MSG_TRUNC if client else 0)
                if not size:
                    raise Stuck(f"the server closed client {client}")
                if client:
                    sizes[client] += size
                else:
                    before = len(first)
                    first += memoryview(buffer)[:size]
                    came += first.count(MARK, max(0, before - len(MARK) + 1))
            if time.monotonic() > deadline:
                raise Stuck(
                    f"{came} of {messages} messages came for the first, {min(sizes)} bytes for the last"
                )
        last = time.perf_counter()
        self._cpu = time.process_time() - cpu
        return last

    def cpu(self) -> float:
        """Return the seconds of CPU that the load itself used in the last wait."""
        return self._cpu

    def agree(self, *, gapless: bool) -> bool:
        """Return whether all clients got the same in the same order; `gapless`: without a missing seq."""
        first = self.received[0]
        seqs = [int(number) for number in re.findall(rb'"seq":(\d+)', first)]
        if gapless and seqs != list(range(seqs[0], seqs[0] + len(seqs))):
            return False
        if all(other == first for other in self.received):
            return True
        names = re.compile(rb"Incident \d+")
        wanted = names.findall(first)
        return all(names.findall(other) == wanted for other in self.received)

    def close(self) -> None:
        self._all.discard(self)
        for sock in self.socks:
            sock.close()
        self._epoll.close()


class Account:
    """A person who is signed in to a tracker through its forms, with cookies and the form's token."""

    def __init__(self, port: int, name: str, password: str, login: str = "/accounts/login/") -> None:
        self.port = port
        self.cookies: dict[str, str] = {}
        self.token = ""
        self.get(login)
        self.post(login, username=name, password=password)

    def cookie(self) -> str:
        pairs = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return f"Cookie: {pairs}\r\n"

    def get(self, path: str) -> str:
        """Return a page, and keep the token of its form."""
        page = self._ask("GET", path)
        found = re.search(r'name="csrf\w*token"[^>]*(?:value|content)="([^"]+)"', page)
        self.token = found[1] if found else self.token
        return page

    def post(self, path: str, **fields: str) -> str:
        return self._ask("POST", path, self._body(fields))

    def _body(self, fields: dict[str, str]) -> str:
        tokens = {"csrf_token": self.token, "csrfmiddlewaretoken": self.token}
        return urlencode({**fields, **tokens})

    def _ask(self, method: str, path: str, body: str = "") -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        pairs = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"Cookie": pairs, "Content-Type": "application/x-www-form-urlencoded"}
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        page = answer.read().decode()
        if answer.status >= 400:
            raise Stuck(f"{method} {path}: {answer.status} {page[:200]}")
        for header in answer.headers.get_all("Set-Cookie") or []:
            for name, morsel in SimpleCookie(header).items():
                self.cookies[name] = morsel.value
        connection.close()
        return page

    def form(self, path: str, **fields: str) -> bytes:
        """Return the bytes of a request that sends this form."""
        body = self._body(fields)
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n{self.cookie()}"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return (head + body).encode()


class Saver:
    """A keep-alive HTTP connection that sends one request after the other, without pause."""

    def __init__(self, port: int, requests: Iterator[bytes]) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.answers: list[float] = []  # seconds from request to answer
        self._requests = requests
        self._sent = 0.0
        self._received = b""

    def send(self) -> bool:
        """Send the next request; return whether there was one."""
        request = next(self._requests, None)
        if request is None:
            return False
        self._sent = time.perf_counter()
        self.sock.sendall(request)
        return True

    def readable(self) -> None:
        """Read the available bytes, and send the next request if the answer is whole."""
        self._received += self.sock.recv(1 << 16)
        if not self._received:
            raise Stuck("the server closed a saver")
        if is_whole(self._received):
            self.answers.append(time.perf_counter() - self._sent)
            if not self._received.startswith((b"HTTP/1.1 30", b"HTTP/1.1 20")):
                raise Stuck(f"a save was refused: {self._received[:300]!r}")
            self._received = b""
            self.send()

    def ask(self) -> float:
        """Send one request and wait for its answer; return the seconds between."""
        count = len(self.answers)
        self.send()
        while len(self.answers) == count:
            self.readable_once()
        return self.answers[-1]

    def readable_once(self) -> None:
        requests, self._requests = self._requests, iter(())
        self.readable()
        self._requests = requests


def is_whole(answer: bytes) -> bool:
    """Return whether an HTTP answer is complete."""
    head, separator, body = answer.partition(b"\r\n\r\n")
    if not separator:
        return False
    found = re.search(rb"(?i)content-length: *(\d+)", head)
    if found:
        return len(body) >= int(found[1])
    return body.endswith(b"0\r\n\r\n") if b"chunked" in head.lower() else b" 204 " in head
