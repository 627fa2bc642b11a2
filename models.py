"""The tables of incidents, areas and accounts, their GeoJSON features, and the save hooks.

A save or delete appends its notification to the log (storage.py) in the same transaction, and raises or ends
alerts (alerts.py). A query that changes many rows at once would call no hook: use none.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, NamedTuple

import peewee
from playhouse import signals

import geo
import names
from alerts import BY_CODE, Alert, Severity
from storage import (
    DESCRIPTION_LENGTH,
    MAX_ID,
    Database,
    Invalid,
    Model,
    Notification,
    Setting,
    TrackerError,
    UnusableDatabase,
    actor,
    back_up,
    committed,
    database,
    now,
    open_database,
    parse_text,
    timestamp,
    to_json,
    valid_text,
)

# What stands in storage.py and alerts.py is taken from here by all others: the models are one thing to them.
__all__ = [
    "CLOCK_STEP",
    "DESCRIPTION_LENGTH",
    "MAX_ID",
    "Alert",
    "AreaOfInterest",
    "Database",
    "Incident",
    "Invalid",
    "Model",
    "Notification",
    "Session",
    "Setting",
    "Severity",
    "Tracked",
    "TrackerError",
    "UnusableDatabase",
    "User",
    "actor",
    "areas",
    "back_up",
    "committed",
    "database",
    "now",
    "open_database",
    "parse_until",
    "policy",
    "timestamp",
    "to_json",
    "valid_text",
]

NAME_LENGTH = 150
CLOCK_STEP = timedelta(minutes=5)  # by which a clock may be set back before times it gave count as wrong
MOST_FEATURES = 500  # that are read at once, while everybody waits: 5 ms
FEATURES_SIZE = 128 << 10  # characters after which no further feature is read with them
MOST_PLACES = 2000  # incidents that are read at once, while everybody waits: 5 ms


@dataclass
class Policy:
    """What is set from outside and decides what a save does."""

    hold_reports: bool = False  # a public report alerts nobody until it is verified


policy = Policy()


class User(Model):
    """An account. `role` is viewer, editor or admin; each may do what those before it may."""

    name = peewee.TextField(unique=True)
    password_hash = peewee.TextField()
    active = peewee.BooleanField(default=True)
    role = peewee.TextField(default="editor")
    created = peewee.TextField(default=now)
    password_temporary = peewee.BooleanField(default=False)  # must be changed before anything else is done
    read_seq = peewee.IntegerField(default=lambda: Notification.bounds()[1])  # has seen the alerts up to here
    name_key = peewee.TextField(null=True)  # its normal form; null if an older account has the same
    credentials_version = peewee.IntegerField(default=0)  # counts what ends every session of the account

    def save(self, force_insert: bool = False, only: Any = None) -> int:  # noqa: FBT001, FBT002 (peewee's)
        if self.id is None:
            self.name_key = names.normal(self.name) or None
        return super().save(force_insert, only)

    @property
    def can_edit(self) -> bool:
        return self.role in ("editor", "admin")

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"

    def read_up_to(self, seq: int) -> None:
        """Move `read_seq` forward to `seq`; never back."""
        User.update(read_seq=seq).where(User.id == self.id, User.read_seq < seq).execute()
        self.read_seq = max(self.read_seq, seq)


class Session(Model):
    """A sign-in. The id is the hash of the secret that the browser holds."""

    id = peewee.TextField(primary_key=True)
    user = peewee.ForeignKeyField(User, backref="sessions")
    created = peewee.TextField(default=now)
    last_used = peewee.TextField(default=now)
    address = peewee.TextField()
    user_agent = peewee.TextField()


def _parse_time(value: Any) -> datetime | None:
    """Return the time of an ISO 8601 text with its offset from UTC; None for None. Raises ValueError."""
    if value is None:
        return None
    try:
        time = datetime.fromisoformat(value)
        if time.tzinfo is None:
            raise ValueError
        return time.astimezone(UTC)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError("this must be a time such as 2030-01-31T08:00:00Z") from error


def parse_until(value: Any) -> datetime | None:
    """Return the time at which a mute ends, as ISO 8601 has it; None for None. Raises Invalid."""
    try:
        return _parse_time(value)
    except ValueError as error:
        raise Invalid({"until": str(error)}) from error


def _parse_happened(value: Any) -> str | None:
    time = _parse_time(value)
    return None if time is None else timestamp(time)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("this must be true or false")
    return value


class PolygonField(peewee.TextField):
    """A GeoJSON Polygon, stored as its text."""

    def db_value(self, value: Any) -> str:
        return to_json(value)

    def python_value(self, value: str) -> geo.CheckedPolygon:
        return geo.CheckedPolygon(json.loads(value))


class Tracked(Model):
    """What stands on the map and whose changes are logged.

    `parsers` names the fields that people fill in, and turns what they give into what is stored.
    """

    parsers: ClassVar[dict[str, Callable[[Any], Any]]]
    path: ClassVar[str]

    source_id = peewee.TextField(null=True, unique=True)
    created = peewee.TextField()
    updated = peewee.TextField()
    version = peewee.TextField(default="")  # another one after each save, and never the same again

    @classmethod
    def find(cls, pk: int) -> Any:
        """Return the object with this id. Raises DoesNotExist."""
        if pk > MAX_ID:
            raise cls.DoesNotExist
        return cls.get_by_id(pk)

    @classmethod
    def listed(cls) -> Any:
        """Return the query for all of them as lists show them: what is large is left out."""
        return cls.select()

    @classmethod
    @contextmanager
    def changing(cls, pk: int) -> Iterator[Any]:
        """Yield the object as it is now, in a transaction: nobody's change comes between reading and saving.

        Raises DoesNotExist.
        """
        with database.atomic():
            yield cls.find(pk)

    def assign(self, values: dict[str, Any]) -> None:
        """Set fields to values from outside. Raises Invalid, which names every wrong or unknown one."""
        errors = {}
        for name, value in values.items():
            try:
                if name not in self.parsers:
                    raise ValueError("there is no such field")
                setattr(self, name, self.parsers[name](value))
                self.__dict__.setdefault("_parsed", {})[name] = getattr(self, name)
            except ValueError as error:
                errors[name] = str(error)
        if errors:
            raise Invalid(errors)

    def save(self, force_insert: bool = False, only: Any = None) -> int:  # noqa: FBT001, FBT002 (peewee's)
        """Validate and store, and log it, in one transaction.

        Raises Invalid, or DoesNotExist if the object has been deleted meanwhile.
        """
        parsed = self.__dict__.get("_parsed", {})
        now_set = {name: getattr(self, name) for name in self.parsers}
        self.assign({name: value for name, value in now_set.items() if parsed.get(name, self) != value})
        with database.atomic():
            self.updated = now()
            self.created = self.created or self.updated
            self.version = Notification.next_version()
            self._complete()
            return self._found(super().save(force_insert, only))

    def _complete(self) -> None:
        """Fill in, before a save, what follows from other fields."""

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
        return BY_CODE[self.severity].word

    @property
    def feature_id(self) -> str:
        return f"{type(self).__name__}:{self.id}"

    @property
    def url(self) -> str:
        return f"{self.path}{self.id}/"

    def feature(self) -> dict[str, Any]:
        """Return the GeoJSON Feature that pages, the API and the socket show."""
        geometry, properties = self._geojson()
        properties |= {
            "version": self.version,
            "model": type(self).__name__,
            "pk": self.id,
            "url": self.url,
        }
        return {
            "type": "Feature",
            "id": self.feature_id,
            "geometry": geometry,
            "properties": properties,
        }

    def _geojson(self) -> tuple[dict[str, Any], dict[str, Any]]:
        raise NotImplementedError

    @classmethod
    def features(cls, where: Any, after: int) -> list[tuple[int, str]]:
        """Return (id, Feature as JSON) of matching rows with ids above `after`, by id.

        At least one if there is any, at most MOST_FEATURES, and of about FEATURES_SIZE characters.
        """
        found = cls._listed().where(where, cls.id > after).order_by(cls.id).limit(MOST_FEATURES)
        cursor = database.execute_sql(*found.sql())
        features: list[tuple[int, str]] = []
        size = 0
        for id_, *columns in cursor:
            features.append((id_, cls._as_json(id_, *columns)))
            size += len(features[-1][1])
            if size >= FEATURES_SIZE:
                break
        cursor.close()
        return features

    @classmethod
    def _listed(cls) -> Any:
        """Return the query for the columns that `_as_json` makes a Feature of, the id first."""
        raise NotImplementedError

    @classmethod
    def _as_json(cls, id_: int, *columns: Any) -> str:
        raise NotImplementedError


class Incident(Tracked):
    """Something that happened at a place; open until it is closed."""

    name = peewee.TextField()
    description = peewee.TextField(default="")
    severity = peewee.TextField(default=Severity.MEDIUM.value)
    closed = peewee.BooleanField(default=False)
    verified = peewee.BooleanField(default=True)  # false: a public report that no editor has confirmed
    suspected_spam = peewee.BooleanField(default=False)  # by a program: alerts nobody until it is verified
    longitude = peewee.FloatField()
    latitude = peewee.FloatField()
    happened = peewee.TextField()  # by default when it was reported, which is `created`

    path = "/tracker/incident/"
    parsers: ClassVar = {
        "name": parse_text(NAME_LENGTH, required=True),
        "description": parse_text(DESCRIPTION_LENGTH, required=False),
        "severity": lambda value: Severity.parse(value).value,
        "closed": _flag,
        "verified": _flag,
        "location": geo.parse_point,
        "happened": _parse_happened,
    }

    def assign(self, values: dict[str, Any]) -> None:
        """See Tracked. It can't be given a time in the future, but keeps one that a wrong clock gave it."""
        before, errors = self.happened, {}
        try:
            super().assign(values)
        except Invalid as invalid:
            errors = invalid.fields
        if self.happened != before and (self.happened or "") > latest_credible():
            errors["happened"] = f"this lies in the future: by the server's clock it is {now()[:16]}Z"
        if errors:
            raise Invalid(errors)

    @property
    def location(self) -> dict[str, Any] | None:
        """The place as a GeoJSON Point; set it to (longitude, latitude)."""
        if self.longitude is None or self.latitude is None:
            return None
        return geo.point_geojson(self.longitude, self.latitude)

    @location.setter
    def location(self, position: geo.Position) -> None:
        self.longitude, self.latitude = position

    is_open: ClassVar = peewee.SQL("t1.closed = 0")  # as the index of open incidents has it

    @property
    def alerting(self) -> bool:
        """Whether it alerts the areas that it lies in."""
        return not self.closed and _is_credible(self.verified, self.suspected_spam)

    @property
    def why_not_alerting(self) -> str:
        """Return why the areas that it alerted so far are alerted no more."""
        if self.closed:
            return "incident closed"
        return "incident moved or less severe" if self.alerting else "incident not confirmed"

    def _complete(self) -> None:
        self.suspected_spam = self.suspected_spam and not self.verified
        self.happened = self.happened or self.created

    def _geojson(self) -> tuple[dict[str, Any], dict[str, Any]]:
        return geo.point_geojson(self.longitude, self.latitude), {
            "name": self.name,
            "description": self.description,
            "severity": self.severity_name,
            "happened": self.happened,
            "created": self.created,
            "updated": self.updated,
            "closed": self.closed,
            "verified": self.verified,
            "suspected_spam": self.suspected_spam,
        }

    @classmethod
    def _listed(cls) -> Any:
        """SQLite writes the JSON: with tens of thousands that is a tenth of the time."""
        return cls.select(cls.id, peewee.SQL(INCIDENT_JSON))

    @classmethod
    def _as_json(cls, id_: int, *columns: Any) -> str:
        return str(columns[0])

    @classmethod
    def json_by_id(cls, ids: list[int]) -> dict[int, str]:
        """Return the Features of these incidents as JSON, by id."""
        return dict(cls.select(cls.id, peewee.SQL(INCIDENT_JSON)).where(cls.id << ids).tuples())


_WORDS = " ".join(f"WHEN '{severity.value}' THEN '{severity.word}'" for severity in Severity)


def _json_flag(column: str) -> str:
    return f"json(CASE WHEN {column} THEN 'true' ELSE 'false' END)"


# The same as Incident.feature(), in the names of peewee's only table alias.
INCIDENT_JSON = f"""json_object(
    'type', 'Feature',
    'id', 'Incident:' || t1.id,
    'geometry', json_object('type', 'Point', 'coordinates', json_array(t1.longitude, t1.latitude)),
    'properties', json_object(
        'name', t1.name, 'description', t1.description, 'severity', CASE t1.severity {_WORDS} END,
        'happened', t1.happened, 'created', t1.created, 'updated', t1.updated,
        'closed', {_json_flag("t1.closed")}, 'verified', {_json_flag("t1.verified")},
        'suspected_spam', {_json_flag("t1.suspected_spam")},
        'version', t1.version, 'model', 'Incident', 'pk', t1.id, 'url', '{Incident.path}' || t1.id || '/'
    )
)"""


def _is_credible(verified: bool, suspected_spam: bool) -> bool:  # noqa: FBT001 (as in the tables)
    """Tell whether an incident may alert: it is verified, or no more is wanted of public reports."""
    return verified or not (policy.hold_reports or suspected_spam)


class AreaOfInterest(Tracked):
    """A polygon somebody watches, and the severity from which its incidents alert."""

    name = peewee.TextField()
    severity = peewee.TextField(default=Severity.MEDIUM.value)
    polygon = PolygonField()
    muted_until = peewee.TextField(null=True)
    muted_at = peewee.TextField(null=True)  # when the mute was set
    muted_by = peewee.TextField(null=True)
    centroid = peewee.TextField(null=True)  # as JSON: computing it for each reader would take 10 ms
    matching_changed = False  # whether the last save changed which incidents it alerts for

    path = "/tracker/area_of_interest/"
    parsers: ClassVar = {
        "name": parse_text(NAME_LENGTH, required=True),
        "severity": lambda value: Severity.parse(value).value,
        "polygon": geo.parse_polygon,
    }

    def _geojson(self) -> tuple[dict[str, Any], dict[str, Any]]:
        muted = {"muted_until": self.muted_until, "muted_by": self.muted_by} if self.is_muted else {}
        return self.polygon, {
            "name": self.name,
            "severity": self.severity_name,
            "centroid": json.loads(self.centroid) if self.centroid else geo.centroid(self.polygon),
            **muted,
        }

    @classmethod
    def listed(cls) -> Any:
        fields = cls._meta.sorted_fields
        return cls.select(*(field for field in fields if field is not cls.polygon))

    def _complete(self) -> None:
        self.centroid = to_json(geo.centroid(self.polygon))
        query = "SELECT polygon, severity FROM area_of_interest WHERE id = ?"
        stored = database.execute_sql(query, (self.id,)).fetchone()
        self.matching_changed = stored != (to_json(self.polygon), self.severity)

    @classmethod
    def _listed(cls) -> Any:
        small = (cls.name, cls.severity, cls.version, cls.centroid)
        mute = (cls.muted_until, cls.muted_at, cls.muted_by)
        return cls.select(cls.id, peewee.SQL("t1.polygon"), *small, *mute)

    @classmethod
    def _as_json(cls, id_: int, *columns: Any) -> str:
        """Write the polygon as it is stored, without reading it."""
        polygon, name, severity, version, centroid, muted_until, muted_at, muted_by = columns
        area = cls(
            id=id_,
            name=name,
            severity=severity,
            version=version,
            centroid=centroid or to_json(geo.centroid(json.loads(polygon))),
            muted_until=muted_until,
            muted_at=muted_at,
            muted_by=muted_by,
        )
        feature = area.feature()
        del feature["geometry"]
        return f'{to_json(feature)[:-1]},"geometry":{polygon}}}'

    @property
    def is_muted(self) -> bool:
        return self.watch.is_muted

    def mute(self, until: datetime | None) -> None:
        """Let the area's alerts interrupt nobody until a time, or again from now on.

        Raises Invalid if that time has passed.
        """
        if until is not None and timestamp(until) <= now():
            raise Invalid({"until": f"this has passed: by the server's clock it is {now()[:16]}Z"})
        self.muted_until = None if until is None else timestamp(until)
        self.muted_at = None if until is None else now()
        self.muted_by = None if until is None else actor.get()
        with database.atomic():
            self.save()
            self.tell_unmuted()

    def tell_unmuted(self) -> bool:
        """Tell what was raised while the area was muted, if it is muted no more. See Alert.unmute."""
        return not self.is_muted and Alert.unmute(self.watch, Incident.json_by_id)

    def inside(self, among: list[int] | None = None) -> Iterator[list[Place]]:
        """Yield the open incidents in the area, newest first; of those with the ids in `among`, if given.

        They come in pieces of bounded work, so that a greenlet can be switched after each.
        """
        shape = geo.to_polygon(self.polygon)
        matcher = geo.matcher(shape)
        level = BY_CODE[self.severity].level
        for rows in self._near(shape.bounds, among):
            if not rows:
                yield []  # looking for them was a piece of work, too
            done = 0
            for covered in matcher.pieces([row[:2] for row in rows]):
                yield [
                    Place(id_, BY_CODE[severity].level >= level and _is_credible(verified, is_spam))
                    for (_, _, id_, severity, verified, is_spam), is_in in zip(
                        rows[done:], covered, strict=False
                    )
                    if is_in
                ]
                done += len(covered)

    @staticmethod
    def _near(bounds: Sequence[float], among: list[int] | None) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the open incidents within the bounds, some at a time: after looking at MOST_PLACES."""
        west, south, east, north = bounds
        near = [
            Incident.longitude.between(west - turn, east - turn) & Incident.latitude.between(south, north)
            for turn in (-360, 0, 360)
        ]
        columns = (
            *(Incident.longitude, Incident.latitude, Incident.id),
            *(Incident.severity, Incident.verified, Incident.suspected_spam),
        )
        found = Incident.select(*columns).where(Incident.is_open, near[0] | near[1] | near[2])
        found = found.order_by(Incident.id.desc())
        if among is not None:
            for some in peewee.chunked(among, MOST_PLACES):
                # As JSON, and without peewee's rows: with thousands these took most of the time.
                listed = peewee.SQL("(SELECT value FROM json_each(?))", [to_json(list(some))])
                yield database.execute_sql(*found.where(Incident.id.in_(listed)).sql()).fetchall()
            return
        before = MAX_ID
        while before:
            (first,) = database.execute_sql(
                "SELECT id FROM incident WHERE closed = 0 AND id < ? ORDER BY id DESC LIMIT 1 OFFSET ?",
                (before, MOST_PLACES - 1),
            ).fetchone() or (0,)
            yield list(found.where(Incident.id >= first, Incident.id < before).tuples())
            before = first

    @property
    def watch(self) -> Watch:
        return Watch(self.id, self.name, self.severity, self.muted_until, self.muted_at)


class Watch(NamedTuple):
    """An area, less its polygon: what its alerts need."""

    id: int
    name: str
    severity: str
    muted_until: str | None
    muted_at: str | None

    @property
    def is_muted(self) -> bool:
        """Whether it is muted by the clock of this machine.

        A mute that was set in the future was set by a wrong clock, and would last too long: it is over.
        """
        if self.muted_until is None or self.muted_at is None:
            return False
        return self.muted_until > now() and self.muted_at <= latest_credible()

    def summary(self) -> dict[str, Any]:
        """Return what an alert says of the area."""
        return {
            "id": f"AreaOfInterest:{self.id}",
            "name": self.name,
            "severity": BY_CODE[self.severity].word,
            "url": f"{AreaOfInterest.path}{self.id}/",
        }


def latest_credible() -> str:
    """Return the time after which nothing can have happened yet, unless a clock was wrong."""
    return timestamp(datetime.fromisoformat(now()) + CLOCK_STEP)


class Place(NamedTuple):
    """An open incident in an area: its id, and whether the area alerts for it."""

    id: int
    alerting: bool


# The log's last entry, the time of the one at a cursor, and the ids of the areas that changed since.
# Left to itself, SQLite would read all entries about areas, and not only those. For DISTINCT it would open a
# table of its own, each time.
NEWS_OF_AREAS = """
SELECT seq, created, (SELECT created FROM notification WHERE seq = ?), (
    SELECT json_group_array(object_id) FROM notification INDEXED BY notification_area
    WHERE model = 'AreaOfInterest' AND seq > ?
) FROM notification ORDER BY seq DESC LIMIT 1
"""


class AreaFollower:
    """The areas in memory, kept up with the log: an area saved by any process is in the next answer.

    Its cursor is the last log entry it has seen, with that entry's time. If the entry at the cursor is
    another one now (a transaction was rolled back, another database was opened), all is read anew.
    """

    def __init__(self) -> None:
        self._cursor: tuple[int, str] | None = None
        self._index = geo.AreaIndex()
        self._watches: dict[int, Watch] = {}  # of the areas in the index, by id

    def covering(self, incident: Incident) -> list[Watch]:
        """Return the areas that this incident would alert, by id."""
        self.follow()
        level = BY_CODE[incident.severity].level
        ids = self._index.covering(incident.longitude, incident.latitude, level)
        return [self._watches[id_] for id_ in ids]

    def follow(self) -> None:
        """Take in what the log has got since the last time."""
        seq, created = self._cursor or (0, "")
        found = database.execute_sql(NEWS_OF_AREAS, (seq, seq)).fetchone()
        head, seen, changed = (found[:2], *found[2:]) if found else (None, None, "[]")
        if head == self._cursor:
            return
        if seen != created:
            self._rebuild()
        else:
            for id_ in set(json.loads(changed)):
                self._take(AreaOfInterest.get_or_none(AreaOfInterest.id == id_), id_)
        self._cursor = head

    def _take(self, area: AreaOfInterest | None, id_: int) -> None:
        if area is None:
            self._index.remove(id_)
            self._watches.pop(id_, None)
        else:
            self._index.put(id_, BY_CODE[area.severity].level, geo.to_polygon(area.polygon))
            self._watches[id_] = area.watch

    def _rebuild(self) -> None:
        rows = database.execute_sql(
            "SELECT polygon, id, name, severity, muted_until, muted_at FROM area_of_interest"
        ).fetchall()
        self._watches = {row[1]: Watch(*row[1:]) for row in rows}
        self._index = geo.AreaIndex(
            list(self._watches),
            [BY_CODE[watch.severity].level for watch in self._watches.values()],
            geo.to_polygons([row[0] for row in rows]),
        )


areas = AreaFollower()


@signals.post_save(sender=Tracked)
def log_save(_model: type[Tracked], instance: Tracked, *, created: bool) -> None:
    feature = to_json(instance.feature())
    seq = Notification.append(instance.feature_id, "post_save", created=created, feature=feature)
    if isinstance(instance, Incident):
        matching = areas.covering(instance) if instance.alerting else []
        Alert.follow(instance, feature, matching, seq + 1, created=created)
    elif isinstance(instance, AreaOfInterest) and not created and instance.matching_changed:
        Alert.clear_outside(instance)


@signals.post_delete(sender=Tracked)
def log_delete(_model: type[Tracked], instance: Tracked) -> None:
    Notification.append(instance.feature_id, "post_delete", feature=to_json(instance.feature()))
    is_incident = isinstance(instance, Incident)
    if is_incident:
        Alert.clear(list(Alert.open().where(Alert.incident_id == instance.id)), "incident deleted")
    else:
        Alert.clear(Alert.pairs_of(instance), "area deleted")
