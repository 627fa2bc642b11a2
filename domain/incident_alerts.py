"""The alerts of each incident together, as a person sees them: their order, their pages, and the one count.

An incident with open alerts is in one of three states for a person. It is unacknowledged if one of its alerts
is neither acknowledged nor muted. Else it is acknowledged if somebody has acknowledged one, and muted if not.
`unacknowledged` is the number that the badge, the panel and the pages show.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from base.severity import BY_CODE, Severity
from domain import personal_mutes
from domain.alerts import Alert
from storage.engine import MAX_ID, database

PER_PAGE = 25
MAX_UNREAD = 1000  # no page counts more
STATES = ("open", "acknowledged", "muted")  # of an incident's open alerts; "open": unacknowledged

_LEVEL = " ".join(f"WHEN '{severity}' THEN {-severity.level}" for severity in Severity)
# The open alerts by incident, as (rank of the state, rank of the severity, first raised, incident).
_OPEN = f"""
SELECT min(CASE WHEN a.acknowledged IS NOT NULL THEN 1 WHEN a.muted = 0 AND {personal_mutes.COUNTS} THEN 0
    ELSE 2 END) AS state, min(CASE a.severity {_LEVEL} END) AS level, min(a.raised) AS raised,
    a.incident_id AS incident
FROM alert a WHERE a.cleared IS NULL AND a.incident_id IN
    (SELECT incident_id FROM alert WHERE cleared IS NULL AND {{where}})
GROUP BY a.incident_id
"""  # noqa: S608 # nosec (our own text)
UNACKNOWLEDGED = f"""
SELECT count(DISTINCT a.incident_id) FROM alert a
WHERE a.cleared IS NULL AND a.acknowledged IS NULL AND a.muted = 0 AND {personal_mutes.COUNTS}
"""  # noqa: S608 # nosec
UNREAD = f"""
SELECT count(*) FROM (
    SELECT 1 FROM alert a WHERE a.raised_seq > ? AND a.muted = 0 AND {personal_mutes.COUNTS} LIMIT ?
)
"""  # noqa: S608 # nosec

Key = tuple[Any, ...]  # of a row in its list: the values by which the list is in order


def unacknowledged(user: Any) -> int:
    """Count the incidents with an open alert that is neither acknowledged nor muted for this person."""
    (count,) = database.execute_sql(UNACKNOWLEDGED, personal_mutes.counts_for(user.id)).fetchone()
    return int(count)


def unread(user: Any) -> int:
    """Count the alerts that this person has not read, without muted ones, up to MAX_UNREAD."""
    values = (user.read_seq, *personal_mutes.counts_for(user.id), MAX_UNREAD)
    (count,) = database.execute_sql(UNREAD, values).fetchone()
    return int(count)


@dataclass(frozen=True)
class Chosen:
    """The filter of a list; None or "" is for all."""

    area: int | None = None
    severity: str = ""
    state: str = ""

    def sql(self) -> tuple[str, list[Any]]:
        """Return the condition on an alert, and its values."""
        parts, values = ["1"], list[Any]()
        if self.area is not None:
            parts.append("area_id = ?")
            values.append(self.area)
        if self.severity:
            parts.append("severity = ?")
            values.append(self.severity)
        return " AND ".join(parts), values


@dataclass(frozen=True)
class IncidentAlerts:
    """The alerts of one incident: the open ones, or those that ended at once."""

    alerts: list[Alert]  # not empty, by area
    state: str  # one of STATES, or "past"
    key: Key

    @property
    def first(self) -> Alert:
        return self.alerts[0]

    @cached_property
    def severity(self) -> Severity:
        return max((BY_CODE[alert.severity] for alert in self.alerts), key=lambda severity: severity.level)

    @property
    def raised(self) -> str:
        return min(alert.raised for alert in self.alerts)

    @property
    def seen(self) -> int:
        """The log entry of the newest change of these alerts."""
        return max(max(alert.raised_seq, alert.acknowledged_seq) for alert in self.alerts)

    @cached_property
    def acknowledgements(self) -> list[Alert]:
        """One alert for each acknowledgement with another person or note, the newest first."""
        found: dict[tuple[str, str], Alert] = {}
        for alert in sorted(self.alerts, key=lambda each: each.acknowledged or ""):
            if alert.acknowledged:
                found[alert.acknowledged_by, alert.note] = alert
        return list(reversed(found.values()))

    @property
    def is_acknowledgeable(self) -> bool:
        return any(not alert.acknowledged and not alert.cleared for alert in self.alerts)

    def is_unread(self, read_seq: int) -> bool:
        return any(alert.raised_seq > read_seq and not alert.muted for alert in self.alerts)


@dataclass(frozen=True)
class Part:
    """A page of a list: its rows, and whether others are before and after it."""

    rows: list[IncidentAlerts]
    has_before: bool
    has_after: bool


def count_open(user: Any, chosen: Chosen) -> int:
    """Count the incidents with open alerts in a list."""
    sql, values = _open(user, chosen)
    return int(database.execute_sql(f"SELECT count(*) FROM ({sql})", values).fetchone()[0])  # noqa: S608 # nosec


def open_part(user: Any, chosen: Chosen, *, after: Key | None = None, before: Key | None = None) -> Part:
    """Return a page of the incidents with open alerts.

    The unacknowledged come first, of these the worst, and of these the oldest. So a new alert is put after
    those of its severity that have been waiting for longer.
    """
    columns = "state", "level", "raised", "incident"
    rows, has_before, has_after = _page(*_open(user, chosen), columns, after=after, before=before)
    found = Alert.open().where(Alert.incident_id << [row[3] for row in rows]).order_by(Alert.area_id)
    by_incident: dict[int, list[Alert]] = {}
    for alert in found:
        by_incident.setdefault(alert.incident_id, []).append(alert)
    listed = [IncidentAlerts(by_incident[row[3]], STATES[row[0]], row) for row in rows]
    return Part(listed, has_before, has_after)


def past_part(chosen: Chosen, *, after: Key | None = None, before: Key | None = None) -> Part:
    """Return a page of the alerts that have ended, by incident and moment of their end, newest first."""
    where, values = chosen.sql()
    sql = f"SELECT DISTINCT cleared, incident_id FROM alert WHERE cleared IS NOT NULL AND {where}"  # noqa: S608 # nosec
    columns = "cleared", "incident_id"
    rows, has_before, has_after = _page(sql, values, columns, after=after, before=before, newest_first=True)
    listed = []
    for cleared, incident in rows:
        ended = Alert.select().where(Alert.cleared == cleared, Alert.incident_id == incident)
        listed.append(IncidentAlerts(list(ended.order_by(Alert.area_id)), "past", (cleared, incident)))
    return Part(listed, has_before, has_after)


def _open(user: Any, chosen: Chosen) -> tuple[str, list[Any]]:
    """Return the query for the incidents of a list, and its values."""
    where, values = chosen.sql()
    values = [*personal_mutes.counts_for(user.id), *values]
    sql = f"SELECT state, level, raised, incident FROM ({_OPEN.format(where=where)}) WHERE 1"  # noqa: S608 # nosec
    if chosen.state in STATES:
        sql += " AND state = ?"
        values.append(STATES.index(chosen.state))
    return sql, values


def _page(
    sql: str,
    values: list[Any],
    columns: tuple[str, ...],
    *,
    after: Key | None,
    before: Key | None,
    newest_first: bool = False,
) -> tuple[list[tuple[Any, ...]], bool, bool]:
    """Return the rows after or before a key, and whether others are before and after them.

    The query ends with a condition. With neither key, or too few rows before one, the rows are the first.
    """
    key = after if before is None else before
    falling = newest_first != (before is not None)
    asked = sql
    if key is not None:
        marks = ", ".join("?" * len(columns))
        asked += f" AND ({', '.join(columns)}) {'<' if falling else '>'} ({marks})"
    order = ", ".join(f"{column} {'DESC' if falling else 'ASC'}" for column in columns)
    found = database.execute_sql(
        f"{asked} ORDER BY {order} LIMIT {PER_PAGE + 1}", (*values, *(key or ()))
    ).fetchall()
    more = len(found) > PER_PAGE
    if before is not None and not more:
        return _page(sql, values, columns, after=None, before=None, newest_first=newest_first)
    rows = found[:PER_PAGE]
    return (rows[::-1], more, True) if before is not None else (rows, key is not None, more)


def key_text(key: Key) -> str:
    """Return a key for an address."""
    return "~".join(map(str, key))


def parse_key(text: str, *types: type) -> Key | None:
    """Return the key in an address, with values of these types; None if it is none."""
    parts = text.split("~")
    try:
        key = tuple(type_(part) for type_, part in zip(types, parts, strict=True))
    except ValueError:
        return None
    return key if all(abs(value) <= MAX_ID for value in key if isinstance(value, int)) else None
