"""The tables, their GeoJSON features, the save hooks, and the log.

The log is the truth: a save or delete of an incident or an area appends its notification to the
`Notification` table in the same transaction, and whoever wants to know what changed reads the log after a
`seq` of its own. Nothing is sent from here; after a commit, `committed` is called to wake who reads.

One connection serves the whole process. That is safe because no greenlet switches inside a transaction:
keep network, sleep and locks out of `database.atomic()`.
"""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import peewee
from playhouse import signals
from playhouse.migrations import Runner

import geo

APPLICATION_ID = 0x54524B52  # "TRKR" in the header of the database file
LOCK_WAIT_S = 30.0  # how long a save waits for another process that holds the database
LOCK_POLL_S = 0.005  # between two tries meanwhile; a sleep, so that other greenlets run
MIGRATIONS = Path(__file__).with_name("migrations")
TAIL = 10_000  # messages that a started server holds in memory for those who come back to it
MAX_ID = (1 << 63) - 1  # what SQLite can hold
NAME_LENGTH = 150
DESCRIPTION_LENGTH = 1000

T = TypeVar("T")

actor: ContextVar[str | None] = ContextVar("actor", default=None)  # who saves: a name, told to readers


class TrackerError(Exception):
    """Whatever is not the program's own fault; its text is a sentence for people."""


class UnusableDatabase(TrackerError):
    """The database file can't be opened, is not a tracker's, or is of a newer version."""


class Invalid(TrackerError):
    """Input that can't be stored. `fields`: what is wrong, for each field's name."""

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {reason}" for name, reason in fields.items()))
        self.fields = fields


class Severity(StrEnum):
    """Five levels. The database and the forms have the code, GeoJSON has the word."""

    URGENT = "UR"
    HIGH = "HI"
    MEDIUM = "ME"
    LOW = "LO"
    INFO = "IN"

    @property
    def word(self) -> str:
        return self.name.capitalize()

    @property
    def level(self) -> int:
        """0 for Info to 4 for Urgent."""
        return len(Severity) - 1 - list(Severity).index(self)

    @classmethod
    def parse(cls, text: object) -> Severity:
        """Return the severity of a word or a code, in any case. Raises ValueError."""
        for severity in cls:
            if str(text).casefold() in (severity.value.casefold(), severity.word.casefold()):
                return severity
        raise ValueError(f"severity must be one of {', '.join(s.word for s in cls)}")


class Database(peewee.SqliteDatabase):
    """SQLite that waits for other processes by sleeping, so that the greenlets beside it go on.

    Every transaction takes the write lock at its start, so that none fails halfway. A transaction in
    which the greenlet was switched raises RuntimeError in whoever came between.
    """

    _owner = 0

    def begin(self, lock_type: str | None = None) -> None:
        _unlocked(lambda: super(Database, self).begin(lock_type or "IMMEDIATE"))
        self._owner = threading.get_ident()

    def atomic(self, *args: Any, **kwargs: Any) -> Any:
        if self.in_transaction() and self._owner != threading.get_ident():
            raise RuntimeError("a greenlet was switched inside a transaction")
        return super().atomic(*args, **kwargs)

    def _connect(self) -> sqlite3.Connection:
        return _unlocked(super()._connect)

    def _execute_cursor(self, sql: str, params: Any, **options: Any) -> Any:
        run = super()._execute_cursor
        if self.in_transaction():
            return run(sql, params, **options)
        return _unlocked(lambda: run(sql, params, **options))

    @property
    def version(self) -> tuple[int, int]:
        """Return what is another value after every change, made by this process or by another."""
        return self.data_version, self.connection().total_changes

    def try_write(self, query: Any) -> None:
        """Execute a write that nobody misses: not if another process is writing, or the disk takes none."""
        sql, params = query.sql()
        with suppress(peewee.OperationalError):
            super()._execute_cursor(sql, params)


def _unlocked(run: Callable[[], T]) -> T:
    deadline = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            return run()
        except (peewee.OperationalError, sqlite3.OperationalError) as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
        time.sleep(LOCK_POLL_S)


@dataclass
class Policy:
    """What is set from outside and decides what a save does."""

    hold_reports: bool = False  # a public report alerts nobody until it is verified


policy = Policy()
database = Database(None, thread_safe=False)
committed: list[Callable[[], None]] = []  # called after each commit that appended to the log


def open_database(path: str | Path) -> None:
    """Open the database file, making or migrating it as needed. Raises UnusableDatabase."""
    if not database.is_closed():
        database.close()
    pragmas = {"journal_mode": "wal", "synchronous": "full", "foreign_keys": 1}
    database.init(str(path), pragmas=pragmas, timeout=0)
    try:
        _make_private(path)
        _check_ours(path)
        database.connect()
        _migrate()
    except (OSError, peewee.DatabaseError, sqlite3.DatabaseError, UnusableDatabase) as error:
        if not database.is_closed():
            database.close()
        reason = error.strerror if isinstance(error, OSError) else error
        raise UnusableDatabase(f"can't use the database {path}: {reason}") from error


def _make_private(path: str | Path) -> None:
    with_sidecars_unreadable_by_others = 0o600  # SQLite gives its -wal and -shm the same mode
    file = os.open(path, os.O_RDWR | os.O_CREAT, with_sidecars_unreadable_by_others)
    try:
        if os.fstat(file).st_uid == os.geteuid():
            os.fchmod(file, with_sidecars_unreadable_by_others)  # it may have been copied here
    finally:
        os.close(file)


def _check_ours(path: str | Path) -> None:
    """Look before the first write: opening the file as ours would change another program's."""
    with closing(sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True)) as connection:
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    if tables and application_id != APPLICATION_ID:
        raise UnusableDatabase("it belongs to another program")


def _migrate() -> None:
    runner = Runner(database, str(MIGRATIONS))
    unknown = [row.name for row in runner.status() if row.path is None]
    if unknown:
        raise UnusableDatabase(f"it was written by a newer version of Tracker ({unknown[-1]})")
    database.foreign_keys = 0  # a migration may rebuild a table that others refer to
    with database.atomic():  # takes the write lock: fails here if the file is read-only
        database.application_id = APPLICATION_ID
        runner.up()
        Setting.default("epoch", secrets.token_hex(8))
    database.foreign_keys = 1


def now() -> str:
    """Return the time as the database and GeoJSON have it: ISO 8601, UTC, microseconds."""
    return timestamp(datetime.now(UTC))


def timestamp(time_: datetime) -> str:
    return time_.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def to_json(value: Any) -> str:
    """Return compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class Model(signals.Model):
    class Meta:
        database = database
        legacy_table_names = False


class Setting(Model):
    """What this database is told once, such as the `epoch` that names its log."""

    name = peewee.TextField(primary_key=True)
    value = peewee.TextField()

    @classmethod
    def default(cls, name: str, value: str) -> str:
        """Return the stored value, after storing this one if there is none."""
        cls.insert(name=name, value=value).on_conflict_ignore().execute()
        return cls.get_by_id(name).value


class User(Model):
    """An account. `role` is viewer, editor or admin; each may do what those before it may."""

    name = peewee.TextField(unique=True)
    password_hash = peewee.TextField()
    active = peewee.BooleanField(default=True)
    role = peewee.TextField(default="editor")
    created = peewee.TextField(default=now)
    read_seq = peewee.IntegerField(default=0)  # up to here in the log the person has seen the alerts

    @property
    def can_edit(self) -> bool:
        return self.role in ("editor", "admin")

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"

    def has_read(self, seq: int) -> None:
        """Move `read_seq` forward to `seq`; never back."""
        self.read_seq = max(self.read_seq, seq)
        database.try_write(User.update(read_seq=seq).where(User.id == self.id, User.read_seq < seq))


class Session(Model):
    """A sign-in. The id is the hash of the secret that the browser holds."""

    id = peewee.TextField(primary_key=True)
    user = peewee.ForeignKeyField(User, backref="sessions")
    created = peewee.TextField(default=now)
    last_used = peewee.TextField(default=now)
    address = peewee.TextField()
    user_agent = peewee.TextField()


class Notification(Model):
    """The log: one row a message, `seq` without gaps. `message` is the JSON sent, less its `seq`."""

    seq = peewee.AutoField()
    model = peewee.TextField()
    object_id = peewee.IntegerField()
    created = peewee.TextField()
    message = peewee.TextField()

    @classmethod
    def append(cls, subject: str, type_: str, **fields: Any) -> int:
        """Write one message about a feature, named by its id, in the transaction that changes it.

        Returns its seq.
        """
        model, _, object_id = subject.partition(":")
        message = {"type": type_, **fields, "actor": actor.get()}
        cursor = database.execute_sql(
            "INSERT INTO notification (model, object_id, created, message) VALUES (?, ?, ?, ?)",
            (model, int(object_id), now(), to_json(message)),
        )
        database.after_commit(_wake_readers)
        return int(cursor.lastrowid)

    @classmethod
    def after(cls, seq: int, size: int) -> list[tuple[int, bytes]]:
        """Return messages that follow `seq`, as (seq, JSON): at least one if any, of about `size` bytes."""
        cursor = database.execute_sql(
            "SELECT seq, message FROM notification WHERE seq > ? ORDER BY seq", (seq,)
        )
        entries: list[tuple[int, bytes]] = []
        for number, message in cursor:
            entries.append((number, b'{"seq":%d,%s' % (number, message[1:].encode())))
            size -= len(message)
            if size <= 0:
                break
        cursor.close()
        return entries

    @classmethod
    def tail(cls) -> int:
        """Return a `seq` after which there are at most TAIL messages: what a server starts with in memory."""
        start, head = cls.bounds()
        return max(start, head - TAIL)

    @classmethod
    def bounds(cls) -> tuple[int, int]:
        """Return (start, head): a reader at `start` or later, up to `head`, has missed nothing."""
        first, head = database.execute_sql(
            "SELECT (SELECT min(seq) FROM notification), "
            "(SELECT seq FROM sqlite_sequence WHERE name = 'notification')"
        ).fetchone()
        return (first - 1 if first else head or 0), head or 0


def _wake_readers() -> None:
    for wake in committed:
        wake()


def valid_text(value: str) -> str:
    """Return the text; one that is not Unicode, with half of a surrogate pair, raises ValueError."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError("this is not valid Unicode text") from error
    return value


def _text(longest: int, *, required: bool) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError("this must be text" if value is not None else "this is required")
        if required and not value.strip():
            raise ValueError("this is required")
        if len(value) > longest:
            raise ValueError(f"at most {longest} characters, not {len(value)}")
        return valid_text(value)

    return parse


def parse_until(value: Any) -> datetime | None:
    """Return the time of an ISO 8601 text with its offset from UTC; None for None. Raises Invalid."""
    if value is None:
        return None
    try:
        until = datetime.fromisoformat(value)
        if until.tzinfo is None:
            raise ValueError
        return until.astimezone(UTC)
    except (TypeError, ValueError, OverflowError) as error:
        raise Invalid({"until": "this must be a time such as 2030-01-31T08:00:00Z"}) from error


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("this must be true or false")
    return value


class PolygonField(peewee.TextField):
    """A GeoJSON Polygon, stored as its text."""

    def db_value(self, value: Any) -> str:
        return to_json(value)

    def python_value(self, value: str) -> dict[str, Any]:
        return json.loads(value)


class Tracked(Model):
    """What stands on the map and whose changes are logged.

    `parsers` names the fields that people fill in, and turns what they give into what is stored.
    """

    parsers: ClassVar[dict[str, Callable[[Any], Any]]]
    path: ClassVar[str]

    source_id = peewee.TextField(null=True, unique=True)
    created = peewee.TextField(default=now)
    updated = peewee.TextField(default=now)

    @classmethod
    def find(cls, pk: int) -> Any:
        """Return the object with this id. Raises DoesNotExist."""
        if pk > MAX_ID:
            raise cls.DoesNotExist
        return cls.get_by_id(pk)

    def assign(self, values: dict[str, Any]) -> None:
        """Set fields to values from outside. Raises Invalid, which names every wrong or unknown one."""
        errors = {}
        for name, value in values.items():
            try:
                if name not in self.parsers:
                    raise ValueError("there is no such field")
                setattr(self, name, self.parsers[name](value))
            except ValueError as error:
                errors[name] = str(error)
        if errors:
            raise Invalid(errors)

    def save(self, force_insert: bool = False, only: Any = None) -> int:  # noqa: FBT001, FBT002 (peewee's)
        """Validate and store, and log it, in one transaction.

        Raises Invalid, or DoesNotExist if the object has been deleted meanwhile.
        """
        self.assign({name: getattr(self, name) for name in self.parsers})
        with database.atomic():
            self.updated = now()
            return self._found(super().save(force_insert, only))

    def delete_instance(self, *args: Any, **kwargs: Any) -> int:
        """Delete, and log it, in one transaction. Raises DoesNotExist if it is gone already."""
        with database.atomic():
            return self._found(super().delete_instance(*args, **kwargs))

    def _found(self, rows: int) -> int:
        if not rows:
            raise type(self).DoesNotExist(f"{type(self).__name__} {self.id} is gone")
        return rows

    @property
    def severity_name(self) -> str:
        return Severity(self.severity).word

    @property
    def feature_id(self) -> str:
        return f"{type(self).__name__}:{self.id}"

    @property
    def url(self) -> str:
        return f"{self.path}{self.id}/"

    def feature(self) -> dict[str, Any]:
        """Return the GeoJSON Feature that pages, the API and the socket show."""
        geometry, properties = self._geojson()
        properties |= {"model": type(self).__name__, "pk": self.id, "url": self.url}
        return {
            "type": "Feature",
            "id": self.feature_id,
            "geometry": geometry,
            "properties": properties,
        }

    def _geojson(self) -> tuple[dict[str, Any], dict[str, Any]]:
        raise NotImplementedError


class Incident(Tracked):
    """Something that happened at a place; open until it is closed."""

    name = peewee.TextField()
    description = peewee.TextField(default="")
    severity = peewee.TextField(default=Severity.MEDIUM.value)
    closed = peewee.BooleanField(default=False)
    verified = peewee.BooleanField(default=True)  # false: a public report that no editor has confirmed
    longitude = peewee.FloatField()
    latitude = peewee.FloatField()

    path = "/tracker/incident/"
    parsers: ClassVar = {
        "name": _text(NAME_LENGTH, required=True),
        "description": _text(DESCRIPTION_LENGTH, required=False),
        "severity": lambda value: Severity.parse(value).value,
        "closed": _flag,
        "verified": _flag,
        "location": geo.parse_point,
    }

    @property
    def location(self) -> dict[str, Any] | None:
        """The place as a GeoJSON Point; set it to (longitude, latitude)."""
        if self.longitude is None or self.latitude is None:
            return None
        return geo.point_geojson(self.longitude, self.latitude)

    @location.setter
    def location(self, position: geo.Position) -> None:
        self.longitude, self.latitude = position

    @property
    def alerting(self) -> bool:
        """Whether it alerts the areas that it lies in."""
        return not self.closed and (self.verified or not policy.hold_reports)

    @property
    def why_not_alerting(self) -> str:
        """Return why the areas that it alerted so far are alerted no more."""
        if self.closed:
            return "incident closed"
        return "incident moved or less severe" if self.alerting else "incident not confirmed"

    def _geojson(self) -> tuple[dict[str, Any], dict[str, Any]]:
        return geo.point_geojson(self.longitude, self.latitude), {
            "name": self.name,
            "description": self.description,
            "severity": self.severity_name,
            "created": self.created,
            "updated": self.updated,
            "closed": self.closed,
            "verified": self.verified,
        }


class AreaOfInterest(Tracked):
    """A polygon somebody watches, and the severity from which its incidents alert."""

    name = peewee.TextField()
    severity = peewee.TextField(default=Severity.MEDIUM.value)
    polygon = PolygonField()
    muted_until = peewee.TextField(null=True)
    muted_by = peewee.TextField(null=True)

    path = "/tracker/area_of_interest/"
    parsers: ClassVar = {
        "name": _text(NAME_LENGTH, required=True),
        "severity": lambda value: Severity.parse(value).value,
        "polygon": geo.parse_polygon,
    }

    def _geojson(self) -> tuple[dict[str, Any], dict[str, Any]]:
        muted = {"muted_until": self.muted_until, "muted_by": self.muted_by} if self.is_muted else {}
        return self.polygon, {
            "name": self.name,
            "severity": self.severity_name,
            "centroid": geo.centroid(self.polygon),
            **muted,
        }

    @property
    def is_muted(self) -> bool:
        return self.muted_until is not None and self.muted_until > now()

    def mute(self, until: datetime | None) -> None:
        """Let the area's alerts interrupt nobody until a time, or again from now on."""
        self.muted_until = None if until is None else timestamp(until)
        self.muted_by = None if until is None else actor.get()
        self.save()

    def incidents_inside(self, *, alerting: bool = False) -> list[Incident]:
        """Return the open incidents in the area, newest first; if `alerting` those that it alerts for."""
        shape = geo.to_polygon(self.polygon)
        west, south, east, north = shape.bounds
        near = [
            Incident.longitude.between(west - turn, east - turn) & Incident.latitude.between(south, north)
            for turn in (-360, 0, 360)
        ]
        query = Incident.select().where(~Incident.closed, near[0] | near[1] | near[2])
        found = list(query.order_by(Incident.id.desc()))
        inside = geo.covered(shape, [(incident.longitude, incident.latitude) for incident in found])
        level = Severity(self.severity).level if alerting else 0
        return [
            incident
            for incident, is_in in zip(found, inside, strict=True)
            if is_in and (not alerting or (incident.alerting and Severity(incident.severity).level >= level))
        ]

    def summary(self) -> dict[str, Any]:
        """Return what an alert says of the area."""
        return {
            "id": self.feature_id,
            "name": self.name,
            "severity": self.severity_name,
            "url": self.url,
        }


class Alert(Model):
    """An episode: an open incident of enough severity in an area, from the save that first matched.

    It ends when the incident is closed, deleted, moved out or drops below the area's severity, or the area
    is changed so that it no longer matches. It keeps the names, since it outlives both.
    """

    incident_id = peewee.IntegerField()
    incident_name = peewee.TextField()
    area_id = peewee.IntegerField()
    area_name = peewee.TextField()
    severity = peewee.TextField()  # the incident's, when it was last saved
    muted = peewee.BooleanField(default=False)  # when it was last raised or escalated
    raised = peewee.TextField(default=now)
    raised_seq = peewee.IntegerField(default=0)  # of the message that last raised or escalated it
    acknowledged = peewee.TextField(null=True)
    acknowledged_by = peewee.TextField(null=True)
    note = peewee.TextField(default="")
    cleared = peewee.TextField(null=True)
    cleared_reason = peewee.TextField(null=True)

    @classmethod
    def open(cls) -> Any:
        """Return the query for the alerts that go on."""
        return cls.select().where(cls.cleared.is_null())

    @classmethod
    def follow(cls, incident: Incident, feature: dict[str, Any]) -> None:
        """Raise, update and clear what a saved incident calls for; to be called in its transaction."""
        before = {alert.area_id: alert for alert in cls.open().where(cls.incident_id == incident.id)}
        matching = areas.covering(incident) if incident.alerting else []
        alerts = [cls._touch(before.pop(area.id, None), incident, area) for area in matching]
        if alerts:
            reasons = [reason for _, reason in alerts]
            told = [
                area.summary() | {"alert": alert.id, "reason": reason, "muted": alert.muted}
                for area, (alert, reason) in zip(matching, alerts, strict=True)
            ]
            seq = Notification.append(
                incident.feature_id,
                "alert",
                feature=feature,
                reason=min(reasons, key=REASONS.index),
                areas_of_interest=told,
            )
            news = [alert.id for alert, reason in alerts if reason != "updated"]
            cls.update(raised_seq=seq).where(cls.id << news).execute()
        cls.clear(list(before.values()), incident.why_not_alerting)

    @classmethod
    def _touch(cls, alert: Alert | None, incident: Incident, area: AreaOfInterest) -> tuple[Alert, str]:
        """Bring one alert up to date, or begin it; return it and the reason to tell."""
        reason = "raised"
        if alert is None:
            alert = cls(incident_id=incident.id, area_id=area.id)
        elif Severity(incident.severity).level > Severity(alert.severity).level:
            reason = "escalated"
            alert.acknowledged = alert.acknowledged_by = None
            alert.note = ""
        else:
            reason = "updated"
        alert.severity = incident.severity
        alert.incident_name, alert.area_name = incident.name, area.name
        if reason != "updated":
            alert.muted = area.is_muted and incident.severity != Severity.URGENT
        alert.save()
        return alert, reason

    @classmethod
    def clear_outside(cls, area: AreaOfInterest) -> None:
        """End the alerts of a changed area whose incidents it no longer matches."""
        alerts = list(cls.open().where(cls.area_id == area.id))
        if alerts:
            inside = {incident.id for incident in area.incidents_inside(alerting=True)}
            cls.clear([alert for alert in alerts if alert.incident_id not in inside], "area changed")

    @classmethod
    def clear(cls, alerts: list[Alert], reason: str) -> None:
        """End alerts, and say so in one message; to be called in a transaction."""
        if not alerts:
            return
        for chunk in peewee.chunked(alerts, 500):
            ended = cls.id << [alert.id for alert in chunk]
            cls.update(cleared=now(), cleared_reason=reason).where(ended).execute()
        pairs = [alert.pair() for alert in alerts]
        Notification.append(pairs[0]["incident"], "alert_cleared", reason=reason, alerts=pairs)

    @classmethod
    def acknowledge(cls, ids: list[int], note: str = "") -> list[Alert]:
        """Say of open alerts that the actor takes care; whoever said it first stays named.

        Returns the alerts of these ids as they are now. Raises Invalid if the note can't be stored.
        """
        try:
            note = _text(DESCRIPTION_LENGTH, required=False)(note)
        except ValueError as error:
            raise Invalid({"note": str(error)}) from error
        with database.atomic():
            fresh = list(cls.open().where(cls.id << ids, cls.acknowledged.is_null()))
            if fresh:
                at, by = now(), actor.get() or ""
                cls.update(acknowledged=at, acknowledged_by=by, note=note).where(
                    cls.id << [alert.id for alert in fresh]
                ).execute()
                pairs = [alert.pair() for alert in fresh]
                fields = {"alerts": pairs, "by": by, "at": at, "note": note}
                Notification.append(pairs[0]["incident"], "alert_acknowledged", **fields)
            return list(cls.select().where(cls.id << ids).order_by(cls.id))

    @classmethod
    def unread(cls, user: User) -> int:
        """Count the open and past alerts that interrupted after what this person has read."""
        return cls.select().where(cls.raised_seq > user.read_seq, ~cls.muted).count()

    @property
    def severity_name(self) -> str:
        return Severity(self.severity).word

    @property
    def state(self) -> str:
        """Return open, acknowledged or past."""
        return "past" if self.cleared else "acknowledged" if self.acknowledged else "open"

    def pair(self) -> dict[str, Any]:
        """Return the alert's id, and the ids of the features it belongs to."""
        return {
            "id": self.id,
            "incident": f"Incident:{self.incident_id}",
            "area": f"AreaOfInterest:{self.area_id}",
        }

    def as_json(self) -> dict[str, Any]:
        """Return the alert as the API shows it."""
        names = ("raised", "raised_seq", "muted", "acknowledged", "acknowledged_by", "note", "cleared")
        return (
            self.pair()
            | {name: getattr(self, name) for name in (*names, "cleared_reason")}
            | {
                "incident_name": self.incident_name,
                "area_name": self.area_name,
                "severity": self.severity_name,
                "state": self.state,
            }
        )


REASONS = ("raised", "escalated", "updated")  # of an alert, the one to tell first


class AreaFollower:
    """The index of areas, kept up with the log: an area saved by any process is in the next answer.

    Its cursor is the last log entry it has seen, with that entry's time. If the entry at the cursor is
    another one now (a transaction was rolled back, another database was opened), the index is built anew.
    """

    def __init__(self) -> None:
        self._cursor: tuple[int, str] | None = None
        self._index = geo.AreaIndex()

    def covering(self, incident: Incident) -> list[AreaOfInterest]:
        """Return the areas that this incident would alert, by id."""
        self.follow()
        level = Severity(incident.severity).level
        ids = self._index.covering(incident.longitude, incident.latitude, level)
        if not ids:
            return []
        area = AreaOfInterest
        told = area.select(area.id, area.name, area.severity, area.muted_until)
        return list(told.where(area.id << ids).order_by(area.id))

    def follow(self) -> None:
        """Take in what the log has got since the last time."""
        query = database.execute_sql
        head = query("SELECT seq, created FROM notification ORDER BY seq DESC LIMIT 1").fetchone()
        if head == self._cursor:
            return
        seq, created = self._cursor or (0, "")
        seen = query("SELECT created FROM notification WHERE seq = ?", (seq,)).fetchone()
        if seen is None or seen[0] != created:
            self._rebuild()
        else:
            for (id_,) in query(
                "SELECT DISTINCT object_id FROM notification WHERE model = 'AreaOfInterest' AND seq > ?",
                (seq,),
            ).fetchall():
                self._take(AreaOfInterest.get_or_none(AreaOfInterest.id == id_), id_)
        self._cursor = head

    def _take(self, area: AreaOfInterest | None, id_: int) -> None:
        if area is None:
            self._index.remove(id_)
        else:
            self._index.put(id_, Severity(area.severity).level, geo.to_polygon(area.polygon))

    def _rebuild(self) -> None:
        rows = database.execute_sql("SELECT id, severity, polygon FROM area_of_interest").fetchall()
        ids, severities, polygons = zip(*rows, strict=True) if rows else ((), (), ())
        levels = {severity.value: severity.level for severity in Severity}
        self._index = geo.AreaIndex(ids, [levels[code] for code in severities], geo.to_polygons(polygons))


areas = AreaFollower()


@signals.post_save(sender=Tracked)
def log_save(_model: type[Tracked], instance: Tracked, *, created: bool) -> None:
    feature = instance.feature()
    Notification.append(instance.feature_id, "post_save", created=created, feature=feature)
    if isinstance(instance, Incident):
        Alert.follow(instance, feature)
    elif isinstance(instance, AreaOfInterest) and not created:
        Alert.clear_outside(instance)


@signals.post_delete(sender=Tracked)
def log_delete(_model: type[Tracked], instance: Tracked) -> None:
    Notification.append(instance.feature_id, "post_delete", feature=instance.feature())
    is_incident = isinstance(instance, Incident)
    mine = Alert.incident_id == instance.id if is_incident else Alert.area_id == instance.id
    Alert.clear(list(Alert.open().where(mine)), "incident deleted" if is_incident else "area deleted")
