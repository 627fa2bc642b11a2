"""Looks for what should not be in a database: damage, wrong permissions, and tables that contradict the log.

It reads one snapshot of the file by a connection of its own and changes nothing. A log whose beginning was
pruned, and entries that were erased, are no contradictions.
"""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from base.severity import BY_CODE
from domain.incidents import INCIDENT_JSON
from geo import geojson
from geo.index import AreaIndex
from storage import files, schema
from storage.engine import MIGRATIONS

Tick = Callable[[int], None]  # called with how many more rows have been looked at
Problems = Iterator[str]  # sentences

TICK_ROWS = 1000
NOT_COMPARED = {"url"}  # which follows from the id
MODELS = {"Incident": "incident", "AreaOfInterest": "area_of_interest"}  # and their tables
# Of the entries about alerts the whole message is needed, and of all others only the type.
LOG = """
SELECT seq, model, object_id, json_valid(message),
    CASE WHEN message LIKE '{"type":"alert%' THEN message ELSE substr(message, 1, 40) END
FROM notification ORDER BY seq
"""


@dataclass(frozen=True)
class Part:
    """A part of a check: its title, how many rows it looks at (0: unknown), and the function that does it."""

    title: str
    rows: int
    problems: Callable[[Tick], Problems]


@dataclass
class Log:
    """The state that follows from the entries of the log."""

    start: int = 0  # the seq of the first entry that is left
    head: int = 0
    saved: dict[tuple[str, int], int] = field(default_factory=dict)  # the seq of each object's last save
    deleted: set[tuple[str, int]] = field(default_factory=set)
    open_alerts: dict[int, tuple[int, int]] = field(default_factory=dict)  # incident and area, by alert
    ended_alerts: set[int] = field(default_factory=set)
    acknowledged: dict[int, str | None] = field(default_factory=dict)  # by whom, by alert; None: by nobody


def parts(connection: sqlite3.Connection, path: Path) -> Iterator[Part]:
    """Yield the parts of the check. Only a database of the newest schema is compared with its log."""
    yield Part("permissions", 0, lambda _tick: permissions(path))
    yield Part("file", 0, lambda _tick: integrity(connection))
    yield Part("schema", 0, lambda _tick: schema_version(connection))
    if list(schema_version(connection)):
        return
    log = Log()
    count = _count(connection)
    yield Part("log", count("notification"), lambda tick: read_log(connection, log, tick))
    for model, table in MODELS.items():
        compare = _comparison(connection, log, model)
        yield Part(f"log and {table.replace('_', ' ')}", count(table), compare)
    yield Part("log and alerts", count("alert"), lambda tick: alerts_and_log(connection, log, tick))
    yield Part("alerts and incidents", count("incident"), lambda tick: alerts_and_incidents(connection, tick))


def _count(connection: sqlite3.Connection) -> Callable[[str], int]:
    return lambda table: int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 # nosec (our names)


def _rows(cursor: sqlite3.Cursor, tick: Tick) -> Iterator[Any]:
    while rows := cursor.fetchmany(TICK_ROWS):
        yield from rows
        tick(len(rows))


# The file


def permissions(path: Path) -> Problems:
    """Find files that other accounts can read or replace, or that are not of this account."""
    kept = [*schema.copies(path), *path.absolute().parent.glob(f"{path.name}.replaced-*")]
    owner = path.stat().st_uid
    if os.geteuid() not in (0, owner):
        yield f"{path} belongs to another account"
    for file in (path, *(Path(f"{path}{end}") for end in files.BESIDE), *kept):
        if not file.exists():
            continue
        found = file.stat()
        mode = stat.S_IMODE(found.st_mode)
        if mode & ~files.PRIVATE:
            yield f"{file} is not private (mode {mode:04o}): run `chmod 600` on it"
        if found.st_uid != owner:
            yield f"{file} belongs to another account than {path}: run `chown` on it"
    folder = path.absolute().parent
    mode = folder.stat().st_mode
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        yield f"every account can replace files in {folder}: run `chmod o-w` on it"


def integrity(connection: sqlite3.Connection) -> Problems:
    """Find damage of the file, and rows that refer to rows that do not exist."""
    damage = [text for (text,) in connection.execute("PRAGMA integrity_check") if text != "ok"]
    yield from damage
    if not damage:
        for table, row, other, _ in connection.execute("PRAGMA foreign_key_check"):
            yield f"row {row} of {table} refers to a row of {other} that does not exist"


def schema_version(connection: sqlite3.Connection) -> Problems:
    """Say if the database is of another version of Tracker."""
    has, known = schema.applied(connection), schema.names(MIGRATIONS)
    if unknown := sorted(set(has) - set(known)):
        yield f"it was written by a newer version of Tracker ({unknown[-1]}): check it with that version"
    elif has != known:
        newest = has[-1] if has else "none"
        yield f"its schema is older ({newest}) than this version needs: run `python tracker.py migrate` first"


# The log and the tables


def read_log(connection: sqlite3.Connection, log: Log, tick: Tick) -> Problems:
    """Take all entries, and find those that are missing or can't be read."""
    for seq, model, id_, is_valid, text in _rows(connection.execute(LOG), tick):
        if log.head and seq != log.head + 1:
            yield f"the log goes from entry {log.head} to {seq}"
        log.start, log.head = log.start or seq, seq
        if not is_valid:
            yield f"entry {seq} of the log is not JSON"
        elif text.startswith('{"type":"post_save"'):
            log.saved[model, id_] = seq
            log.deleted.discard((model, id_))
        elif text.startswith('{"type":"post_delete"'):
            log.saved.pop((model, id_), None)
            log.deleted.add((model, id_))
        elif text.startswith('{"type":"alert'):
            yield from _take_alert(log, seq, text)
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'notification'").fetchone()
    last = row[0] if row else 0
    log.start = log.start or last + 1  # all was pruned
    if log.head and last != log.head:
        yield f"the log ends with entry {log.head}, and not with {last}"


def _take_alert(log: Log, seq: int, text: str) -> Problems:
    message = json.loads(text)
    try:
        TAKE[message["type"]](log, message)
    except (KeyError, TypeError, ValueError):
        yield f"entry {seq} of the log can't be read: it is no message about alerts"


def _take_raised(log: Log, message: dict[str, Any]) -> None:
    incident = _number(message["feature"]["id"])
    for area in message["areas_of_interest"]:
        log.open_alerts[area["alert"]] = (incident, _number(area["id"]))
        if area["reason"] in ("raised", "escalated"):
            log.acknowledged[area["alert"]] = None


def _take_acknowledged(log: Log, message: dict[str, Any]) -> None:
    for alert in message["alerts"]:
        log.acknowledged[alert["id"]] = message["by"]


def _take_cleared(log: Log, message: dict[str, Any]) -> None:
    for alert in message["alerts"]:
        log.open_alerts.pop(alert["id"], None)
        log.acknowledged.pop(alert["id"], None)
        log.ended_alerts.add(alert["id"])


def _take_released(log: Log, message: dict[str, Any]) -> None:
    for alert in message["alerts"]:
        log.acknowledged[alert["id"]] = None


def _take_handed_over(log: Log, message: dict[str, Any]) -> None:
    for alert in message["alerts"]:
        log.acknowledged[alert["id"]] = message["to"]


TAKE = {
    "alert": _take_raised,
    "alert_acknowledged": _take_acknowledged,
    "alert_released": _take_released,
    "alert_handed_over": _take_handed_over,
    "alert_cleared": _take_cleared,
}


def _number(feature_id: str) -> int:
    return int(feature_id.partition(":")[2])


def _comparison(connection: sqlite3.Connection, log: Log, model: str) -> Callable[[Tick], Problems]:
    return lambda tick: log_and_table(connection, log, model, tick)


def log_and_table(connection: sqlite3.Connection, log: Log, model: str, tick: Tick) -> Problems:
    """Find incidents or areas that are not as their last entry in the log has them."""
    missing = {id_ for name, id_ in log.saved if name == model}
    for id_, version, properties, *position in _rows(connection.execute(FEATURES[model]), tick):
        missing.discard(id_)
        name, seq = f"{model}:{id_}", log.saved.get((model, id_))
        if (model, id_) in log.deleted:
            yield f"{name} was deleted by the log, and is in its table"
        elif seq is not None:
            at = json.loads(position[0]) if model == "AreaOfInterest" else position
            yield from _compare(connection, name, seq, json.loads(properties), at)
        elif _seq_of(version) >= log.start:
            yield f"{name} is in its table, and no entry of the log has saved it"
    for id_ in sorted(missing):
        yield f"{model}:{id_} was saved by the log, and is not in its table"


def _compare(
    connection: sqlite3.Connection, name: str, seq: int, properties: dict[str, Any], position: Any
) -> Problems:
    (message,) = connection.execute("SELECT message FROM notification WHERE seq = ?", (seq,)).fetchone()
    feature = json.loads(message).get("feature", {})
    logged = feature.get("properties", {})
    both = (properties.keys() & logged.keys()) - NOT_COMPARED
    differing = sorted(key for key in both if properties[key] != logged[key])
    if feature.get("geometry", {}).get("coordinates") != position:
        differing.append("coordinates")
    if differing:
        yield f"{name} differs from entry {seq} of the log: {', '.join(differing)}"


def _seq_of(version: str) -> int:
    """Return the seq of the entry that a version names; 0 if there was none."""
    number = version.partition("-")[0]
    return int(number) if number.isdecimal() else 0


_WORDS = " ".join(f"WHEN '{severity.value}' THEN '{severity.word}'" for severity in BY_CODE.values())
# The id, the version, the Feature's properties, and its coordinates: numbers, or the JSON of a polygon's.
FEATURES = {
    "Incident": f"""
        SELECT t1.id, t1.version, json_extract({INCIDENT_JSON}, '$.properties'),
            t1.longitude, t1.latitude FROM incident AS t1
    """,  # noqa: S608 # nosec (our names)
    "AreaOfInterest": f"""
        SELECT id, version, json_object('name', name, 'severity', CASE severity {_WORDS} END,
            'version', version, 'pk', id), json_extract(polygon, '$.coordinates') FROM area_of_interest
    """,  # noqa: S608 # nosec (our names)
}


# Alerts


def alerts_and_log(connection: sqlite3.Connection, log: Log, tick: Tick) -> Problems:
    """Find alerts that are not as the log has them."""
    unseen = dict(log.open_alerts)
    query = "SELECT id, incident_id, area_id, raised_seq, acknowledged_by, cleared FROM alert"
    for id_, incident, area, raised_seq, by, cleared in _rows(connection.execute(query), tick):
        pair = unseen.pop(id_, None)
        if pair is None:
            if not cleared and (id_ in log.ended_alerts or raised_seq >= log.start):
                yield f"alert {id_} is open, and the log has ended it or never raised it"
        elif cleared:
            yield f"alert {id_} has ended, and the log has not ended it"
        elif pair != (incident, area):
            yield f"alert {id_} is of another incident or area than in the log"
        elif by != log.acknowledged.get(id_, by):
            yield f"alert {id_} was acknowledged by another person than in the log"
    for id_ in sorted(unseen):
        yield f"alert {id_} is open by the log, and is not in its table"


def alerts_and_incidents(connection: sqlite3.Connection, tick: Tick) -> Problems:
    """Find open alerts whose incident does not match their area, and incidents that should have an alert.

    Saving an area raises no alerts. So an incident should have one only if it was saved after the area.
    """
    versions, index = _areas(connection)
    open_alerts: dict[int, set[int]] = {}
    for incident, area in connection.execute("SELECT incident_id, area_id FROM alert WHERE cleared IS NULL"):
        open_alerts.setdefault(incident, set()).add(area)
    raises = _has_always_raised(connection)
    query = (
        "SELECT id, longitude, latitude, severity, closed, verified, suspected_spam, version FROM incident"
    )
    for id_, x, y, severity, closed, verified, is_spam, version in _rows(connection.execute(query), tick):
        alerting = not closed and (verified or not is_spam)  # perhaps: see TRACKER_HOLD_REPORTS
        matching = set(index.covering(x, y, BY_CODE[severity].level)) if alerting else set()
        has = open_alerts.pop(id_, set())
        for area in sorted(has - matching):
            yield f"Incident:{id_} has an open alert in AreaOfInterest:{area}, which it does not match"
        later = {area for area in matching - has if _seq_of(versions[area]) < _seq_of(version)}
        for area in sorted(later if verified and raises else ()):
            yield f"Incident:{id_} matches AreaOfInterest:{area}, and has no open alert there"
    for id_ in sorted(open_alerts):
        yield f"there are open alerts of Incident:{id_}, which does not exist"


def _areas(connection: sqlite3.Connection) -> tuple[dict[int, str], AreaIndex]:
    """Return the versions of all areas, and their index."""
    rows = connection.execute("SELECT id, version, severity, polygon FROM area_of_interest").fetchall()
    levels = [BY_CODE[severity].level for _, _, severity, _ in rows]
    polygons = geojson.to_polygons([polygon for *_, polygon in rows])
    return {id_: version for id_, version, *_ in rows}, AreaIndex([row[0] for row in rows], levels, polygons)


def _has_always_raised(connection: sqlite3.Connection) -> bool:
    """Return whether the database is not older than alerts are: then old incidents may lack some."""
    rows = connection.execute("SELECT applied FROM schema_migration ORDER BY name LIMIT 2").fetchall()
    first, second = (datetime.fromisoformat(applied) for (applied,) in rows)
    return abs(second - first) < timedelta(minutes=1)


def snapshot(path: Path) -> closing[sqlite3.Connection]:
    """Open a database to read it as it is now, whatever is saved meanwhile. Raises UnusableDatabase."""
    try:
        files.check_ours(path, may_be_empty=False)
        connection = files.connect(path)
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        raise files.UnusableDatabase(f"can't read {path}: {error}") from error
    return closing(connection)
