"""The body of a request: read in time, to its end and no further."""

from __future__ import annotations

import contextlib
import time
from http import HTTPStatus
from typing import Protocol

from werkzeug.exceptions import BadRequest, ClientDisconnected, RequestEntityTooLarge, RequestTimeout

from server.http1 import Chunks, Head, Incoming, Refused
from server.limits import Limits
from server.tls import RECORD


class Source(Protocol):
    """The connection that a body comes from."""

    close_connection: bool

    def receive(self, deadline: float) -> bytes:
        """Return the peer's next bytes; nothing at its end. Raises OSError."""

    def send_continue(self) -> None:
        """Ask the peer to send the body. Raises OSError."""

    def break_off(self) -> None:
        """Read no further request."""


class Body:
    """A request's body, as WSGI reads it. It must come in time, and there is a pause before each piece."""

    def __init__(self, head: Head, incoming: Incoming, source: Source, limits: Limits) -> None:
        self._limits = limits
        self._incoming = incoming
        self._source = source
        self._left = head.length or 0
        self._chunks = Chunks() if head.length is None else None
        self._ready = b""  # of a chunked body, and not read yet
        self._expects_continue = head.expects_continue
        self._seconds = self._limits.body_s
        self._broken = False

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes, fewer only at the end.

        Raises RequestTimeout, ClientDisconnected, BadRequest, RequestEntityTooLarge.
        """
        started = time.monotonic()
        pieces, count = [self._ready], len(self._ready)
        try:
            while not self._is_over() and not 0 <= size <= count:
                pieces.append(self._next(started + self._seconds))
                count += len(pieces[-1])
        except (OSError, Refused) as error:
            self._break_off()
            raise _as_answer(error) from error
        finally:
            self._seconds -= time.monotonic() - started
        data = b"".join(pieces)
        cut = size if size >= 0 else count
        self._ready = data[cut:]
        return data[:cut]

    def waited_s(self) -> float:
        """Return how many seconds the program has waited for the body so far."""
        return self._limits.body_s - self._seconds

    def _is_over(self) -> bool:
        return self._broken or (self._chunks.finished if self._chunks else not self._left)

    def _break_off(self) -> None:
        """Read no more: where the next request would begin is unknown."""
        self._broken = True
        self._source.break_off()

    def _next(self, deadline: float) -> bytes:
        """Return the next piece of the body, which may be empty. Raises OSError, Refused."""
        if not self._incoming.data:
            self._continue()
            piece = self._source.receive(deadline)
            if not piece:
                raise ConnectionError("the body has come to no end")
            self._incoming.feed(piece)
        self._expects_continue = False
        if self._chunks is None:
            data = self._incoming.take(self._left)
            self._left -= len(data)
            return data
        data = self._chunks.feed(self._incoming.take(RECORD))
        if self._chunks.finished:
            self._incoming.data = self._chunks.rest + self._incoming.data
        return data

    def _continue(self) -> None:
        if self._expects_continue:
            self._source.send_continue()

    def is_left(self) -> bool:
        """Return whether the rest should not be read, because it may never come, or is too long."""
        return not self._is_over() and (self._expects_continue or self._left > self._limits.linger_bytes)

    def discard(self) -> None:
        """Read what is left, within `linger_s` and `linger_bytes`; if more comes the connection ends."""
        if self._is_over():
            return
        if self.is_left():
            self._break_off()
            return
        deadline, budget = time.monotonic() + self._limits.linger_s, self._limits.linger_bytes
        with contextlib.suppress(OSError, Refused):
            while budget > 0 and not self._is_over():
                budget -= len(self._next(deadline))
        if not self._is_over():
            self._source.close_connection = True


def _as_answer(error: OSError | Refused) -> Exception:
    if isinstance(error, TimeoutError):
        return RequestTimeout("The request came too slowly.")
    if isinstance(error, OSError):
        return ClientDisconnected()
    too_large = error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    return RequestEntityTooLarge() if too_large else BadRequest("The body is not chunked as HTTP has it.")
