"""Raw WebSocket clients for tests that need many clients, slow ones, or ones that break rules."""

import os
import selectors
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Self

from harness import PATIENCE_S, ROOT, Person

CLOSE, PING, PONG, TEXT = 0x8, 0x9, 0xA, 0x1
KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # the one of RFC 6455
IMPATIENT = ROOT / "tests" / "programs" / "impatient.py"


def masked(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0) -> bytes:
    """Return a frame as a client sends it."""
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    if len(payload) < 126:
        head += bytes([0x80 | len(payload)])
    elif len(payload) < 1 << 16:
        head += struct.pack("!BH", 0x80 | 126, len(payload))
    else:
        head += struct.pack("!BQ", 0x80 | 127, len(payload))
    mask = os.urandom(4)
    long_mask = (mask * (len(payload) // 4 + 1))[: len(payload)]
    both = int.from_bytes(payload, "big") ^ int.from_bytes(long_mask, "big")
    return head + mask + both.to_bytes(len(payload), "big")


def handshake(person: Person, query: str = "") -> bytes:
    """Return the request with which a browser opens the socket."""
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in person.http.cookies.jar)
    lines = [
        f"GET /notifications{query} HTTP/1.1",
        f"Host: {person.url.removeprefix('http://')}",
        f"Origin: {person.url}",
        f"Cookie: {cookies}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {KEY}",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


class Peer:
    """One connection. It keeps the bytes that came, returns them in whole frames, and answers pings."""

    def __init__(self, person: Person, query: str = "", *, receive_buffer: int = 0) -> None:
        host, port = person.url.removeprefix("http://").split(":")
        self.sock = socket.socket()
        self.closed = False
        self.close_code: int | None = None
        self.seqs: list[int] = []  # of all entries, in the order in which they came
        self.hello = b""
        try:
            if receive_buffer:
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            self.sock.settimeout(PATIENCE_S)
            self.sock.connect((host, int(port)))
            self.sock.sendall(handshake(person, query))
            answer = b""
            while b"\r\n\r\n" not in answer:
                piece = self.sock.recv(4096)
                if not piece:
                    raise ConnectionError(f"the server ended the handshake: {answer!r}")
                answer += piece
            head, _, rest = answer.partition(b"\r\n\r\n")
            if b" 101 " not in head.splitlines()[0]:
                raise ConnectionError(f"the server refused: {head!r}")
        except OSError:
            self.sock.close()
            raise
        self._buffer = bytearray(rest)
        self.sock.setblocking(False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def fileno(self) -> int:
        return self.sock.fileno()

    def receive(self) -> list[tuple[int, bytes]]:
        """Read the available bytes; return the frames that are now whole, as (opcode, payload)."""
        try:
            data = self.sock.recv(1 << 18)
            self.closed = not data
        except BlockingIOError:
            data = b""
        except OSError:
            data, self.closed = b"", True
        self._buffer += data
        frames = list(self._frames())
        for opcode, payload in frames:
            if opcode == PING:
                self.send(masked(PONG, payload))
            elif opcode == CLOSE:
                self.close_code = int.from_bytes(payload[:2], "big") if payload else 1005
        return frames

    def _frames(self) -> Iterator[tuple[int, bytes]]:
        start = 0
        while len(self._buffer) >= start + 2:
            size, begin = self._buffer[start + 1], start + 2
            if size == 126 and len(self._buffer) >= start + 4:
                size, begin = int.from_bytes(self._buffer[start + 2 : start + 4], "big"), start + 4
            elif size == 127 and len(self._buffer) >= start + 10:
                size, begin = int.from_bytes(self._buffer[start + 2 : start + 10], "big"), start + 10
            elif size > 125:
                break
            if len(self._buffer) < begin + size:
                break
            opcode = self._buffer[start]
            assert opcode in (0x80 | TEXT, 0x80 | CLOSE, 0x80 | PING, 0x80 | PONG), f"no frame: {opcode:#x}"
            yield opcode & 0xF, bytes(self._buffer[begin : begin + size])
            start = begin + size
        del self._buffer[:start]

    def send(self, data: bytes) -> None:
        """Send everything, or as much as the server reads before it closes."""
        self.sock.settimeout(PATIENCE_S)
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            self.closed = True
        finally:
            self.sock.setblocking(False)

    def note(self, frames: Iterable[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
        """Record the seq of each entry among the frames, and return the entries as (seq, message)."""
        found = []
        for opcode, payload in frames:
            if opcode != TEXT or b'"type":"heartbeat"' in payload:
                continue
            if not self.hello:
                self.hello = payload
                continue
            found.append((int(payload[7 : payload.index(b",")]), payload))
        self.seqs += [seq for seq, _ in found]
        return found


class Sockets:
    """Peers that are read by one selector. It calls `entry` for each log entry that a peer is sent."""

    def __init__(
        self, entry: Callable[[Peer, int, bytes], None] = lambda _peer, _seq, _message: None
    ) -> None:
        self._entry = entry
        self._selector = selectors.DefaultSelector()
        self.peers: list[Peer] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for peer in self.peers:
            peer.sock.close()
        self._selector.close()

    def add(self, peer: Peer) -> Peer:
        self.peers.append(peer)
        self._selector.register(peer, selectors.EVENT_READ)
        self._read(peer)
        return peer

    def drop(self, peer: Peer) -> None:
        self._selector.unregister(peer)
        self.peers.remove(peer)
        peer.sock.close()

    def _read(self, peer: Peer) -> None:
        for seq, message in peer.note(peer.receive()):
            self._entry(peer, seq, message)

    def listen(self, timeout: float) -> None:
        """Read until the timeout; return as soon as something has come."""
        for key, _ in self._selector.select(timeout):
            self._read(key.fileobj)  # type: ignore[arg-type]

    def listen_until(self, condition: Callable[[], bool], timeout: float, what: str) -> None:
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, f"waited {timeout} s in vain for {what}"
            self.listen(0.05)


def queued(port: int, peer_port: int) -> tuple[int, int]:
    """Return how many bytes the server's end of an IPv4 connection has unsent, and unread."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, _, queues, *_ = line.split()
        if (local[-4:], remote[-4:]) == (f"{port:04X}", f"{peer_port:04X}"):
            unsent, unread = queues.split(":")
            return int(unsent, 16), int(unread, 16)
    return 0, -1


def resident_bytes(pid: int) -> int:
    """Return the memory that belongs to a process alone."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def descriptors(pid: int) -> int:
    """Return how many descriptors a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))
