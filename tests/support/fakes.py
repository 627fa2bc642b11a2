"""Stand-ins for the kernel, the log and the clock in tests of the group."""

import struct
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import gevent
import gevent.event
import pytest
from wsproto.frame_protocol import Opcode

from realtime.client import Client
from realtime.delivery import WRITE
from realtime.group import DEFAULTS, Group
from realtime.limits import Limits
from realtime.replay_buffer import Entry

CLOSE, PING, PONG, TEXT = Opcode.CLOSE, Opcode.PING, Opcode.PONG, Opcode.TEXT


class Watcher:
    """An io watcher of the fake loop."""

    def __init__(self, loop: "Loop", fd: int, events: int, priority: int) -> None:
        self.loop, self.fd, self.events, self.priority = loop, fd, events, priority
        self.callback: Callable[[], None] | None = None

    def start(self, callback: Callable[..., None], *arguments: Any) -> None:
        assert self in self.loop.watchers
        self.callback = lambda: callback(*arguments)

    def stop(self) -> None:
        self.callback = None

    def close(self) -> None:
        self.loop.watchers.remove(self)


class Loop:
    """An event loop that fires its watchers when a test calls `fire`."""

    def __init__(self) -> None:
        self.watchers: list[Watcher] = []

    def io(self, fd: int, events: int, priority: int = 0) -> Watcher:
        assert all((watcher.fd, watcher.events) != (fd, events) for watcher in self.watchers)
        self.watchers.append(Watcher(self, fd, events, priority))
        return self.watchers[-1]

    def fire(self, fd: int, events: int) -> bool:
        """Call the watcher of this descriptor and event, if there is one."""
        for watcher in self.watchers:
            if (watcher.fd, watcher.events) == (fd, events) and watcher.callback:
                watcher.callback()
                return True
        return False


class Socket:
    """A socket whose peer has room for `room` bytes, and takes at most `most` in one call."""

    numbers = count(1000)

    def __init__(self, room: int = 1 << 30, most: int = 1 << 30) -> None:
        self.number = next(self.numbers)
        self.room = room
        self.most = most
        self.broken = False
        self.taken = bytearray()  # all that it was ever given
        self.arrived = bytearray()
        self.at_end = False  # nothing more will arrive
        self.shut = self.closed = False

    def fileno(self) -> int:
        return self.number

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001
        assert not flag

    def setsockopt(self, *_: object) -> None:
        pass

    def send(self, data: bytes) -> int:
        assert not self.closed
        if self.broken or self.shut:
            raise BrokenPipeError
        size = min(len(data), self.room, self.most)
        if not size:
            raise BlockingIOError
        self.taken += data[:size]
        self.room -= size
        return size

    def recv(self, size: int) -> bytes:
        assert not self.closed
        if self.broken:
            raise ConnectionResetError
        data, self.arrived = bytes(self.arrived[:size]), self.arrived[size:]
        if not data and not self.at_end:
            raise BlockingIOError
        return data

    def shutdown(self, _how: int) -> None:
        self.shut = True

    def close(self) -> None:
        assert not self.closed
        self.closed = True

    def frames(self) -> list[tuple[Opcode, bytes]]:
        """Return the whole frames that were sent, as (opcode, payload)."""
        return list(parse(bytes(self.taken)))

    def seqs(self) -> list[int]:
        return [int(payload.split(b",")[0]) for opcode, payload in self.frames() if opcode == TEXT]

    def control(self) -> list[tuple[Opcode, bytes]]:
        return [(opcode, payload) for opcode, payload in self.frames() if opcode != TEXT]


def parse(data: bytes) -> Iterator[tuple[Opcode, bytes]]:
    """Yield the whole frames in the data; AssertionError for a frame that no server sends."""
    while len(data) >= 2:
        assert data[0] in (0x80 | TEXT, 0x80 | CLOSE, 0x80 | PING, 0x80 | PONG), f"not a frame: {data!r}"
        size, start = data[1], 2
        if size == 126:
            size, start = struct.unpack("!H", data[2:4].ljust(2, b"\xff"))[0], 4
        elif size == 127:
            size, start = struct.unpack("!Q", data[2:10].ljust(8, b"\xff"))[0], 10
        if len(data) < start + size:
            return
        yield Opcode(data[0] & 0xF), data[start : start + size]
        data = data[start + size :]


HUGE = 32 << 20  # bytes: more than two kernels keep for a connection


class Log:
    """The log, as a list. `start` entries of it have been pruned."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.start = 0
        self.failing = False
        self.before_read: Callable[[], None] = lambda: None

    @property
    def head(self) -> int:
        return len(self.entries)

    def append(self, size: int = 10) -> None:
        self.entries.append((self.head + 1, b"%d,%s" % (self.head + 1, b"x" * size)))

    def read(self, seq: int, size: int) -> list[Entry]:
        self.before_read()
        if self.failing:
            raise OSError("the disk is on fire")
        found = []
        for entry in self.entries[max(seq, self.start) :]:
            found.append(entry)
            size -= len(entry[1])
            if size <= 0:
                break
        return found


class World:
    """A group on fakes, with the steps that run it."""

    def __init__(self, limits: Limits = DEFAULTS) -> None:
        self.log = Log()
        self.loop = Loop()
        self.time = 1000.0
        self.group = Group(
            self.log.read,
            lambda seq: b"%d,heartbeat" % seq,
            loop=self.loop,
            clock=lambda: self.time,
            limits=limits,
        )
        self.round: gevent.Greenlet | None = None  # the broadcaster, while it works

    def save(self, *sizes: int) -> None:
        for size in sizes or (10,):
            self.log.append(size)
        self.group.wake()

    def connect(self, sock: Socket, since: int | None = None, owner: object = None) -> Client:
        head = self.group.pull()
        client = Client(sock, head if since is None else since, owner)
        self.group.add(client, b"%d,hello" % head)
        return client

    def is_at_rest(self) -> bool:
        return self.round is None or self.round.dead

    def start_round(self) -> None:
        """Let the broadcaster work until its next pause, if it has work."""
        if self.is_at_rest():
            due = self.time >= self.group._last_sent + self.group.limits.heartbeat_s
            if due or self.group._wake_event.is_set():
                self.round = gevent.spawn(self.group.broadcast)

    def pause(self) -> None:
        """Let the group's greenlets run until their next pause."""
        self.start_round()
        gevent.sleep(0.00002)

    def settle(self, *socks: Socket) -> None:
        """Run until nothing is left to do, with sockets that accept everything."""
        for sock in socks:
            sock.room = sock.most = 1 << 30
        for _ in range(10_000):
            self.pause()
            fired = [sock for sock in socks if self.loop.fire(sock.number, WRITE)]
            busy = self.group._wake_event.is_set() or not self.is_at_rest()
            if not (fired or busy or any(client.replaying for client in self.group.clients)):
                return
        raise AssertionError("the group never becomes idle")

    def sweep(self, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
        """Advance the time in steps of a second, as the sweeper does."""
        with monkeypatch.context() as patch:
            patch.setattr(gevent, "sleep", lambda _seconds: None)
            for _ in range(int(seconds)):
                self.time += 1
                self.group._sweep()
