"""The figures of a period: how many incidents came, where alerts were raised, and how long people took.

Deleted incidents are in no figure. Counting 200,000 incidents takes longer than others should wait, so it is
done in pieces.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from base import loop
from storage.engine import database

PIECE = 2_500  # rows that are counted at once; others wait a few milliseconds
MOST_AREAS = 10  # that are named
ROUNDING = ((3600, 2 * 86400), (60, 2 * 3600))  # to so many seconds, from so many on

INCIDENTS = """
    SELECT substr(created, 1, 10), severity, count(*) FROM incident
    WHERE id > ? AND id <= ? AND created >= ? AND created < ? GROUP BY 1, 2
"""
OPEN = "SELECT severity, count(*) FROM incident WHERE closed = 0 AND id > ? AND id <= ? GROUP BY 1"
ALERTS = """
    SELECT area_id, area_name, acknowledged IS NOT NULL, cleared_reason = 'incident closed',
        (julianday(acknowledged) - julianday(raised)) * 86400,
        (julianday(cleared) - julianday(raised)) * 86400
    FROM alert WHERE id > ? AND id <= ? AND raised >= ? AND raised < ?
"""


@dataclass
class Overview:
    """The figures. The keys of `days` are all days of the period, of `severities` the codes."""

    first: date
    last: date
    days: Counter[str] = field(default_factory=Counter)
    severities: Counter[str] = field(default_factory=Counter)
    open: Counter[str] = field(default_factory=Counter)  # at present, by severity
    areas: Counter[int] = field(default_factory=Counter)  # alerts, by the area's id: two may have one name
    names: dict[int, str] = field(default_factory=dict)  # of the areas; the newest alert has the newest name
    to_acknowledge: Counter[int] = field(
        default_factory=Counter
    )  # alerts, by `_rounded` seconds from the alert
    to_close: Counter[int] = field(default_factory=Counter)  # the same, if the incident was closed

    @property
    def busiest(self) -> list[tuple[str, int]]:
        """The areas with the most alerts, as (name, alerts)."""
        return [(self.names[area], count) for area, count in self.areas.most_common(MOST_AREAS)]

    @property
    def other_areas(self) -> tuple[int, int]:
        """How many areas `busiest` leaves out, and how many alerts these have."""
        named = sum(count for _, count in self.busiest)
        return max(0, len(self.areas) - MOST_AREAS), self.areas.total() - named

    @property
    def median_to_acknowledge(self) -> int | None:
        """Seconds, or None if no alert was acknowledged."""
        return _median(self.to_acknowledge)

    @property
    def median_to_close(self) -> int | None:
        return _median(self.to_close)


def of(first: date, last: date) -> Overview:
    """Return the figures of the days from `first` to `last`, both included, in UTC."""
    found = Overview(first, last)
    for number in range((last - first).days + 1):
        found.days[(first + timedelta(days=number)).isoformat()] = 0
    for _ in loop.interleaved(_count(found)):
        pass
    return found


def _count(found: Overview) -> Iterator[None]:
    """Add up the pieces, with a yield after each."""
    period = (found.first.isoformat(), (found.last + timedelta(days=1)).isoformat())
    for piece in _pieces("incident"):
        for day, severity, count in database.execute_sql(INCIDENTS, (*piece, *period)).fetchall():
            found.days[day] += count
            found.severities[severity] += count
        for severity, count in database.execute_sql(OPEN, piece).fetchall():
            found.open[severity] += count
        yield
    for piece in _pieces("alert"):
        rows = database.execute_sql(ALERTS, (*piece, *period)).fetchall()
        for area, name, acknowledged, closed, waited, lasted in rows:
            found.areas[area] += 1
            found.names[area] = name
            if acknowledged:
                found.to_acknowledge[_rounded(waited)] += 1
            if closed:
                found.to_close[_rounded(lasted)] += 1
        yield


def _rounded(seconds: float) -> int:
    """Round to seconds, from two hours on to minutes, from two days on to hours. Less than 0 becomes 0.

    So a year has some 20,000 different times. Sorting these does not hold up others.
    """
    size = next((size for size, least in ROUNDING if seconds >= least), 1)
    return max(0, round(seconds / size) * size)


def _median(counts: Counter[int]) -> int | None:
    """Return the lower one of two middle times, or None if there is no time."""
    place = (counts.total() + 1) // 2
    for seconds in sorted(counts):
        place -= counts[seconds]
        if place <= 0:
            return seconds
    return None


def _pieces(table: str) -> Iterator[tuple[int, int]]:
    """Yield ranges of ids that cover the table."""
    ends = []
    for end in (
        "coalesce(min(id), 1)",
        "coalesce(max(id), 0)",
    ):  # SQLite reads the whole table for both at once
        (found,) = database.execute_sql(f"SELECT {end} FROM {table}").fetchone()  # noqa: S608  # nosec B608
        ends.append(found)
    oldest, newest = ends
    for start in range(oldest - 1, newest, PIECE):
        yield start, start + PIECE
