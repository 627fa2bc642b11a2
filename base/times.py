"""The time, in the form of the database and of GeoJSON."""

from __future__ import annotations

from datetime import UTC, datetime


def clock() -> datetime:
    """Return the time, in UTC. Every stored time comes from here. Tests replace it."""
    return datetime.now(UTC)


def now() -> str:
    """Return the time as the database and GeoJSON have it: ISO 8601, UTC, microseconds."""
    return timestamp(clock())


def timestamp(time_: datetime) -> str:
    return time_.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
