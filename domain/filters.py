"""The filter of incidents: as it stands in an address, and as a condition for SQLite.

The map has the same filter, in static/js/live/filter.js. So a link leads from the map to the list and back.
tests/data/filters.json has examples that the tests of both read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from base import times
from base.folding import words
from base.severity import Severity
from base.times import timestamp
from domain.limits import DESCRIPTION_LENGTH
from storage.engine import MAX_ID

STATES = ("open", "closed", "all", "unconfirmed")
TIMES = {"happened": "happened", "reported": "created", "closed": "closed_at"}  # and their columns
SPANS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}
DAYS = {"today": 0, "yesterday": 1}  # and how many days ago each was
NUMBER = re.compile(r"#?([1-9]\d{0,17})")
LONGEST_ZONE = 64  # characters of the name of a time zone
MAX_WORDS = 20  # that are searched for
CODES = {severity.value for severity in Severity}
CONDITIONS = {
    "open": "closed = 0",
    "closed": "closed = 1",
    "unconfirmed": "closed = 0 AND verified = 0",
    "all": "1",
}


@dataclass(frozen=True)
class Filter:
    """Which incidents are wanted. The defaults are those of the map: all open ones.

    `by` says which time `since`, or else the range from `start` to `end`, is about. A range is as it stands
    in the address: ISO 8601, in `zone` if it has no offset. Days such as today are those of `zone`.
    """

    severities: tuple[str, ...] = ()  # codes; none: all
    state: str = "open"
    area: int | None = None
    text: str = ""
    by: str = "happened"
    since: str = ""
    start: str = ""
    end: str = ""
    zone: str = ""

    @classmethod
    def read(cls, args: Mapping[str, Sequence[str]]) -> Filter:
        """Return the filter of an address: the values of each name. Those without sense are ignored."""

        def said(name: str, *choices: str) -> str:
            value = next(iter(args.get(name, ())), "")
            return value if not choices or value in choices else choices[0]

        zone = said("zone") if _zone(said("zone")) is not UTC else ""
        start, end = (said(name) if _moment(said(name), zone) else "" for name in ("from", "to"))
        since = "range" if start or end else said("since", "", *SPANS, *DAYS)
        by = said("by", *TIMES)
        is_area = re.fullmatch(r"[1-9]\d{0,9}", said("area"))
        codes = ",".join(args.get("severities", ())).split(",")
        return cls(
            severities=tuple(code for code in dict.fromkeys(codes) if code in CODES),
            state=said("state", "closed" if by == "closed" and since else "open", *STATES),
            area=int(said("area")) if is_area else None,
            text=(said("text") or said("q"))[:DESCRIPTION_LENGTH],
            by=by,
            since=since,
            start=start,
            end=end,
            zone=zone,
        )

    def address(self) -> dict[str, str]:
        """Return the parameters of an address that has this filter."""
        usual = "closed" if self.by == "closed" and self.since else "open"
        values = {
            "severities": ",".join(self.severities),
            "state": "" if self.state == usual else self.state,
            "area": str(self.area or ""),
            "text": self.text,
            "by": "" if self.by == "happened" else self.by,
            "since": "" if self.since == "range" else self.since,
            "from": self.start,
            "to": self.end,
            "zone": self.zone if self.since in DAYS or self.since == "range" else "",
        }
        return {name: value for name, value in values.items() if value}

    @property
    def strictness(self) -> int:
        """How many criteria are set."""
        criteria = (self.severities, self.state != "open", self.area, self.text.strip(), self.since)
        return sum(map(bool, criteria))

    @property
    def span(self) -> tuple[str, str]:
        """Return the first moment and the one after the last, as the database has them; "" is without end."""
        now = times.clock()
        if self.since in SPANS:
            return timestamp(now - SPANS[self.since]), ""
        if self.since in DAYS:
            zone = _zone(self.zone)
            today = now.astimezone(zone).date()
            first = today - timedelta(days=DAYS[self.since])
            start, end = (
                timestamp(datetime.combine(day, time(), zone)) for day in (first, first + timedelta(days=1))
            )
            return start, "" if self.since == "today" else end
        if self.since == "range":
            start_at, end_at = _moment(self.start, self.zone), _moment(self.end, self.zone)
            return timestamp(start_at) if start_at else "", timestamp(end_at) if end_at else ""
        return "", ""

    @property
    def local(self) -> tuple[str, str]:
        """Return the ends of a range for two datetime-local fields, in the filter's time zone."""
        zone = _zone(self.zone)
        ends = (_moment(text, self.zone) for text in (self.start, self.end))
        first, last = (f"{end.astimezone(zone):%Y-%m-%dT%H:%M}" if end else "" for end in ends)
        return first, last

    def condition(self) -> tuple[str, list[Any]]:
        """Return an SQL condition on the table `incident`, and its parameters. It leaves `area` out."""
        parts, values = [CONDITIONS[self.state]], []
        column = TIMES[self.by]
        start, end = self.span
        for bound, compare in ((start, ">="), (end, "<")):
            if bound:
                parts.append(f"{column} {compare} ?")
                values.append(bound)
        said, more = self.searched()
        return f"({' AND '.join([*parts, said])})", values + more

    def searched(self) -> tuple[str, list[Any]]:
        """Return the part of the condition that holds for areas, too: severities and text."""
        parts, values = ["1"], list[Any](self.severities)
        if self.severities:
            parts.append(f"severity IN ({', '.join('?' * len(self.severities))})")
        for word in words(self.text)[:MAX_WORDS]:
            number = NUMBER.fullmatch(word)
            pk = int(number[1]) if number else 0
            parts.append("instr(folded, ?)" + (" OR id = ?" if 0 < pk <= MAX_ID else ""))
            values += [word, pk] if 0 < pk <= MAX_ID else [word]
        return f"({' AND '.join(f'({part})' for part in parts)})", values


def _moment(text: str, zone: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=_zone(zone))
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _zone(name: str) -> tzinfo:
    """Return the time zone of this name, such as Europe/Athens; UTC for one that is not known."""
    try:
        return ZoneInfo(name) if 0 < len(name) <= LONGEST_ZONE else UTC
    except (ValueError, OSError, LookupError):
        return UTC
