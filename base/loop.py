"""Long work, done in pieces: between two of them everybody else has their turn.

However many greenlets have long work at the same time, the process does one piece of it, and then looks at
its sockets. Knows neither Flask nor the database.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import gevent
from gevent.lock import Semaphore

T = TypeVar("T")
PAUSE_S = 1e-6  # at sleep(0) gevent looks at the sockets only after every 50th pause

_turn = Semaphore()


def in_turn(work: Iterator[T]) -> Iterator[T]:
    """Yield what the iterator yields, each piece made when it is this one's turn. Not for transactions."""
    while True:
        with _turn:
            gevent.sleep(PAUSE_S)  # with the turn kept, so that the next piece waits for it too
            try:
                piece = next(work)
            except StopIteration:
                return
        yield piece
