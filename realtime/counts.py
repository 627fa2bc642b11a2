"""Counts of a group's work, for the operator. Counting only adds numbers."""

from __future__ import annotations

from collections import Counter

from base.metrics import Histogram

# Seconds from a commit to the last live client: from the flush of a fast disk to a delay that people notice.
DELAYS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Counts:
    """Totals since the start."""

    def __init__(self) -> None:
        self.bytes = 0  # that sockets took
        self.frames = 0  # of which a socket took at least a part; an answer to a poll is one
        self.closed: Counter[str] = Counter()  # clients that were closed from here, by the reason they got
        self.delay = Histogram(*DELAYS)
