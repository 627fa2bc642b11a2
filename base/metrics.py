"""Numbers that the program counts about itself, in the text format that Prometheus reads.

To count costs an addition, and for a histogram a search among a dozen bounds. All else is computed when
somebody asks. Knows no other room.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from itertools import accumulate

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})

Labels = Mapping[str, object]


class Histogram:
    """How often a value was at most each bound, and the sum of all values."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, *bounds: float) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)  # the last is of larger values
        self.total = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class Exposition:
    """The text of an answer to Prometheus, written metric by metric (text format 0.0.4)."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def gauge(self, name: str, words: str, value: float | Iterable[tuple[Labels, float]]) -> None:
        """Write a value that rises and falls, or several with labels."""
        self._write(name, "gauge", words, value)

    def counter(self, name: str, words: str, value: float | Iterable[tuple[Labels, float]]) -> None:
        """Write a value that only rises, or several with labels. Its name ends in `_total`."""
        self._write(name, "counter", words, value)

    def histogram(self, name: str, words: str, found: Histogram) -> None:
        self._begin(name, "histogram", words)
        upto = list(accumulate(found.counts))
        for bound, count in zip((*map(float, found.bounds), "+Inf"), upto, strict=True):
            self._sample(f"{name}_bucket", {"le": bound}, count)
        self._sample(f"{name}_sum", {}, found.total)
        self._sample(f"{name}_count", {}, upto[-1])

    def text(self) -> str:
        """Return all that was written."""
        return "".join(f"{line}\n" for line in self._lines)

    def _write(self, name: str, kind: str, words: str, value: float | Iterable[tuple[Labels, float]]) -> None:
        self._begin(name, kind, words)
        for labels, number in [({}, value)] if isinstance(value, int | float) else value:
            self._sample(name, labels, number)

    def _begin(self, name: str, kind: str, words: str) -> None:
        self._lines += [f"# HELP {name} {words}", f"# TYPE {name} {kind}"]

    def _sample(self, name: str, labels: Labels, value: float) -> None:
        pairs = ",".join(f'{label}="{str(text).translate(ESCAPES)}"' for label, text in labels.items())
        self._lines.append(f"{name}{{{pairs}}} {_number(value)}" if pairs else f"{name} {_number(value)}")


def _number(value: float) -> str:
    """Return a number as short as it is exact."""
    return str(int(value)) if value == int(value) else repr(float(value))
