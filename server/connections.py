"""The connections of the HTTP server: how many an address may have, whose turn it is, which are WebSockets.

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

PER_ADDRESS = 250  # at once, WebSockets not counted; a browser has six, so that an office has place
TURN_S = 0.003  # for which requests are begun before the loop looks again at who else wants something


class Neighbours:
    """The connections from one address: how many, and which await a request, the longest waiting first."""

    __slots__ = ("count", "waiting")

    def __init__(self) -> None:
        self.count = 0
        self.waiting: dict[Any, None] = {}

    def hang_up(self, most: int) -> int:
        """End up to so many of the connections on which no request is in flight; return how many."""
        chosen = list(self.waiting)[:most]
        for connection in chosen:
            del self.waiting[connection]
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RD)
        return len(chosen)


class Connections:
    """All connections, by the address that they come from.

    An address may have PER_ADDRESS. One more takes the place of the one that has awaited a request for
    longest; browsers connect anew without a word when that happens to them.
    """

    def __init__(self) -> None:
        self._by_address: dict[str, Neighbours] = {}

    def admit(self, connection: Any, address: str, *, bounded: bool) -> bool:
        """Count one more, which awaits a request; or tell False: it is one too many, and no other is idle."""
        neighbours = self.of(address)
        if bounded and neighbours.count >= PER_ADDRESS and not neighbours.hang_up(1):
            return False
        neighbours.count += 1
        neighbours.waiting[connection] = None
        return True

    def leave(self, connection: Any, address: str) -> None:
        """Count one less."""
        neighbours = self.of(address)
        neighbours.waiting.pop(connection, None)
        neighbours.count -= 1
        if not neighbours.count:
            del self._by_address[addresses.client(address)]

    def of(self, address: str) -> Neighbours:
        return self._by_address.setdefault(addresses.client(address), Neighbours())

    def hang_up(self) -> None:
        """End all on which no request is in flight."""
        for neighbours in self._by_address.values():
            neighbours.hang_up(neighbours.count)


class Turns:
    """Lets requests begin for TURN_S; then the loop looks at the sockets first.

    Else all that are ready at once would be served before a WebSocket's ping, or a round, has its turn.
    With every look at least one begins, however long something else takes. Clients take turns with each
    other, so that 250 connections of one do not make another wait for 250 requests.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Waiter]] = {}  # by client; whose turn is next comes first
        self._running = False  # whether there is a turn; without one nobody waits
        self._end = 0.0  # of this turn
        self._look: Any = gevent.get_hub().loop.timer(0, priority=-1)  # runs out after a look

    def take(self, client: str = "") -> None:
        """Return when the request of the calling greenlet, which this client sent, may begin."""
        if not self._running:
            self._begin()
        elif self._waiting or time.monotonic() > self._end:
            waiter = Waiter()
            self._waiting.setdefault(client, deque()).append(waiter)
            try:
                waiter.get()
            except BaseException:  # it is not wanted any more
                self._forget(client, waiter)
                raise

    def _forget(self, client: str, waiter: Waiter) -> None:
        self._waiting[client].remove(waiter)
        if not self._waiting[client]:
            del self._waiting[client]

    def _next(self) -> Waiter:
        """Return the longest waiting of the client whose turn it is; then it is the other clients' turn."""
        client = next(iter(self._waiting))
        queue = self._waiting.pop(client)
        waiter = queue.popleft()
        if queue:
            self._waiting[client] = queue
        return waiter

    def _begin(self) -> None:
        self._running = True
        self._end = time.monotonic() + TURN_S
        self._look.start(self._looked)

    def _looked(self) -> None:
        self._running = False
        if self._waiting:
            self._begin()
        while self._waiting and time.monotonic() <= self._end:
            self._next().switch(None)  # until it waits for something, or is done


class Connection(_socket.socket):
    """A plain socket that says when it is closed."""

    __slots__ = ("freed",)  # without a dictionary that every send would look into
    freed: Callable[[], None]

    def close(self) -> None:
        super().close()
        self.freed()


class TlsConnection:
    """A TLS connection with the manners of a plain socket that does not block.

    What has been encrypted must be sent, while a group may have changed its mind by then. So `send` counts
    a piece that the socket did not take whole as taken but for its last byte: the frame that this byte
    belongs to is begun, and goes on with it.
    """

    def __init__(self, connection: tls.Socket, freed: Callable[[], None]) -> None:
        self._tls = connection
        self._freed = freed
        self._is_owed = False  # whether the last byte of a piece was not counted
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
        """Return all of what has been decrypted, for no event of the socket tells of the rest."""
        return self._tls.recv_now()

    def shutdown(self, how: int) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._tls.say_goodbye()
        self._tls.shutdown(how)

    def close(self) -> None:
        self._tls.close()
        self._freed()
