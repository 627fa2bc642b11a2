"""A sentence for the log that is said once for each occasion. Knows no other room.

Strangers can make new occasions at will. So each sender may cause a few in an hour, and all together a small
number. The next hour begins anew: nobody can hide for long what the operator must read.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

PER_SENDER = 5  # new occasions of one sender in an hour
PER_HOUR = 60  # new occasions in an hour, of all senders
REMEMBERED = 1000  # occasions; the oldest are forgotten, and may be said again
HOUR_S = 3600.0


class Once:
    """Remembers what has been said."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said: dict[tuple[str, ...], None] = {}  # the oldest first
        self._begun = clock()  # when this hour began
        self._caused: Counter[str] = Counter()  # by sender, in this hour

    def is_new(self, *occasion: str, sender: str = "") -> bool:
        """Return whether to say this now, and remember that. False if it was said, or too much was."""
        if occasion in self._said:
            return False
        if self._clock() - self._begun >= HOUR_S:
            self._begun = self._clock()
            self._caused.clear()
        if self._caused[sender] >= PER_SENDER or self._caused.total() >= PER_HOUR:
            return False
        self._caused[sender] += 1
        self._said[occasion] = None
        if len(self._said) > REMEMBERED:
            del self._said[next(iter(self._said))]
        return True
