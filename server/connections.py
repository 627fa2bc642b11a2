"""The connections of the HTTP server: quotas, the queue of requests, and connections that are detached.

Knows nothing of HTTP.
"""

from __future__ import annotations

import _socket
import contextlib
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import gevent
from gevent.hub import Waiter

from base import addresses
from server import tls
from server.tls import RECORD

SLICE_S = 0.003  # requests start for this time; then the loop polls the sockets


class AddressConnections:
    """The connections from one address: their number, and the idle ones, longest idle first."""

    __slots__ = ("count", "idle")

    def __init__(self) -> None:
        self.count = 0
        self.idle: dict[Any, None] = {}

    def close_idle(self, most: int) -> int:
        """Close up to this many idle connections; return how many were closed."""
        chosen = list(self.idle)[:most]
        for connection in chosen:
            del self.idle[connection]
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RD)
        return len(chosen)


class Connections:
    """All connections, by the address that they come from.

    An address may have `per_address`. One more takes the place of the one that has been idle for longest;
    a browser whose idle connection ends opens a new one.
    """

    def __init__(self, per_address: int) -> None:
        self._per_address = per_address
        self._by_address: dict[str, AddressConnections] = {}

    def add(self, connection: Any, address: str, *, bounded: bool) -> bool:
        """Count a new, idle connection. Return False if there are too many and no other is idle."""
        found = self.of(address)
        if bounded and found.count >= self._per_address and not found.close_idle(1):
            return False
        found.count += 1
        found.idle[connection] = None
        return True

    def remove(self, connection: Any, address: str) -> None:
        """Stop counting a connection."""
        found = self.of(address)
        found.idle.pop(connection, None)
        found.count -= 1
        if not found.count:
            del self._by_address[addresses.client(address)]

    def of(self, address: str) -> AddressConnections:
        return self._by_address.setdefault(addresses.client(address), AddressConnections())

    def close_idle(self) -> None:
        """End all idle connections."""
        for found in self._by_address.values():
            found.close_idle(found.count)


class RequestQueue:
    """Starts requests for SLICE_S, and then lets the loop poll the sockets.

    Without this queue, a WebSocket's ping or message would wait for all requests that are ready at once. In
    each slice at least one request starts, however long other work takes. Clients take turns, so that 250
    connections of one client do not make another wait for 250 requests.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Waiter]] = {}  # by client; the client whose turn is next comes first
        self._running = False  # whether a slice runs; without one nobody waits
        self._end = 0.0  # of this slice
        # expires after the loop has polled the sockets
        self._look: Any = gevent.get_hub().loop.timer(0, priority=-1)

    def wait(self, client: str = "") -> None:
        """Return when the calling greenlet's request, which this client sent, may begin."""
        if not self._running:
            self._begin()
        elif self._waiting or time.monotonic() > self._end:
            waiter = Waiter()
            self._waiting.setdefault(client, deque()).append(waiter)
            try:
                waiter.get()
            except BaseException:  # the greenlet was killed or timed out
                self._forget(client, waiter)
                raise

    def _forget(self, client: str, waiter: Waiter) -> None:
        self._waiting[client].remove(waiter)
        if not self._waiting[client]:
            del self._waiting[client]

    def _next(self) -> Waiter:
        """Return the longest waiting request of the next client, and put that client last."""
        client = next(iter(self._waiting))
        queue = self._waiting.pop(client)
        waiter = queue.popleft()
        if queue:
            self._waiting[client] = queue
        return waiter

    def _begin(self) -> None:
        self._running = True
        self._end = time.monotonic() + SLICE_S
        self._look.start(self._looked)

    def _looked(self) -> None:
        self._running = False
        if self._waiting:
            self._begin()
        while self._waiting and time.monotonic() <= self._end:
            self._next().switch(None)  # the request runs until it waits for something or ends


class Connection(_socket.socket):
    """A plain socket that calls a function when it is closed."""

    __slots__ = ("freed",)  # without a __dict__, which every send would search first
    freed: Callable[[], None]

    def close(self) -> None:
        super().close()
        self.freed()


class TlsConnection:
    """A TLS connection with the methods of a plain non-blocking socket.

    Encrypted bytes must be sent, but a group may drop bytes that a socket has not taken. So if the socket
    takes only a part of an encrypted piece, `send` reports all but the last byte as sent. The frame with this
    byte is then unfinished, and the group sends its rest.
    """

    def __init__(self, connection: tls.Socket, freed: Callable[[], None]) -> None:
        self._tls = connection
        self._freed = freed
        self._is_owed = False  # whether the last byte of a piece was not reported
        self.fileno = connection.fileno
        self.setsockopt = connection.setsockopt

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001 (as a socket has it)
        self._tls.settimeout(None if flag else 0)

    def send(self, data: bytes) -> int:
        """Return how many bytes were taken. Raises OSError; BlockingIOError if none were."""
        if not self._tls.flush():
            raise BlockingIOError
        taken = 1 if self._is_owed else 0
        self._is_owed = False
        view = memoryview(data)
        while taken < len(view):
            piece = view[taken : taken + RECORD]
            self._tls.encrypt(piece)
            taken += len(piece)
            if not self._tls.flush():
                self._is_owed = True
                return taken - 1
        return taken

    def recv(self, _size: int) -> bytes:
        """Return all that has been decrypted, since the socket signals no event for a rest."""
        return self._tls.recv_now()

    def shutdown(self, how: int) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._tls.say_goodbye()
        self._tls.shutdown(how)

    def close(self) -> None:
        self._tls.close()
        self._freed()
