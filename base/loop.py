"""Sharing the event loop: a pause for others, and long work that is done in pieces.

However many greenlets have long work at the same time, the process does one piece of it and then looks at its
sockets. Knows neither Flask nor the database.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import gevent
from gevent.lock import Semaphore

T = TypeVar("T")
PAUSE_S = 1e-6  # in this sleep gevent polls the sockets; in sleep(0) it does so only every 50th time

_working = Semaphore()


def pause(seconds: float) -> None:
    """Let other greenlets run, and other processes write, for so long. Not for transactions."""
    gevent.sleep(seconds)


@contextmanager
def after_pause() -> Iterator[None]:
    """Do the block's work after a pause, while no other greenlet does a piece of long work.

    The block must not wait for anything. Not for transactions.
    """
    with _working:
        gevent.sleep(PAUSE_S)  # inside, so that the next greenlet's piece waits for the pause too
        yield


def interleaved(work: Iterator[T]) -> Iterator[T]:
    """Yield the iterator's pieces, each made after a pause and never while another greenlet makes one."""
    while True:
        with after_pause():
            try:
                piece = next(work)
            except StopIteration:
                return
        yield piece
