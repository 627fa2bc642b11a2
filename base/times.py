"""The time, in the form of the database and of GeoJSON."""

from __future__ import annotations

import re
from datetime import UTC, datetime

UNITS_S = {"m": 60.0, "h": 3600.0, "d": 86400.0}


def clock() -> datetime:
    """Return the time, in UTC. Every stored time comes from here. Tests replace it."""
    return datetime.now(UTC)


def now() -> str:
    """Return the time as the database and GeoJSON have it: ISO 8601, UTC, microseconds."""
    return timestamp(clock())


def timestamp(time_: datetime) -> str:
    return time_.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def parse_period(text: str) -> float:
    """Return the seconds of a period such as 30m, 12h or 1d. Raises ValueError."""
    match = re.fullmatch(r"([1-9]\d{0,4})([mhd])", text)
    if not match:
        raise ValueError("this must be a number with m, h or d for minutes, hours or days, such as 12h")
    return int(match[1]) * UNITS_S[match[2]]
