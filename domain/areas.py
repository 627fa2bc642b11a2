"""Areas of interest: polygons, mutes, and which incidents lie inside."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, ClassVar, NamedTuple

import peewee

from base.errors import Invalid
from base.folding import fold
from base.sentences import reason_of
from base.severity import BY_CODE, DEFAULT, Severity
from base.times import now, timestamp
from base.values import parse_text, to_json
from domain.alerts import Alert
from domain.incidents import Incident, is_credible
from domain.limits import DESCRIPTION_LENGTH, NAME_LENGTH
from domain.tracked import Tracked, latest_credible
from geo import geojson
from storage import peewee_private
from storage.engine import MAX_ID, database
from storage.log import actor

MAX_READ = 2000  # incidents that are read at once; others wait 5 ms


class PolygonField(peewee.TextField):
    """A GeoJSON Polygon, stored as its text."""

    def db_value(self, value: Any) -> str:
        return to_json(value)

    def python_value(self, value: str) -> geojson.CheckedPolygon:
        return geojson.CheckedPolygon(json.loads(value))


class AreaOfInterest(Tracked):
    """A polygon that people watch, and the lowest severity of incidents that alert in it."""

    name = peewee.TextField()
    severity = peewee.TextField(default=DEFAULT.value)
    polygon = PolygonField()
    muted_until = peewee.TextField(null=True)
    muted_at = peewee.TextField(null=True)  # when the mute was set
    muted_by = peewee.TextField(null=True)
    mute_reason = peewee.TextField(null=True)
    centroid = peewee.TextField(null=True)  # as JSON: computing it for each reader would take 10 ms
    folded = peewee.TextField(default="")  # the name, as it is searched
    matching_changed = False  # true if the last save changed the outline or the severity

    path = "/tracker/area_of_interest/"
    shown: ClassVar = ("name", "severity", "centroid")
    shown_while_muted: ClassVar = ("muted_until", "muted_by", "mute_reason")
    in_collection: ClassVar = (
        *shown,
        *shown_while_muted,
        "muted_at",
        "version",
    )  # columns that its Feature needs
    with_own_control: ClassVar = {"name", "severity", "polygon"}
    parsers: ClassVar = {
        "name": parse_text(NAME_LENGTH, required=True),
        "severity": lambda value: Severity.parse(value).value,
        "polygon": geojson.parse_polygon,
    }

    def _geojson(self) -> tuple[dict[str, Any], dict[str, Any]]:
        names = (*self.shown, *self.shown_while_muted) if self.is_muted else self.shown
        properties = {name: getattr(self, name) for name in names}
        properties["severity"] = self.severity_name
        properties["centroid"] = (
            json.loads(self.centroid) if self.centroid else geojson.centroid(self.polygon)
        )
        return self.polygon, properties

    @classmethod
    def listed(cls) -> Any:
        return cls.select(*(field for field in peewee_private.fields(cls) if field is not cls.polygon))

    def _complete(self) -> None:
        self.centroid = to_json(geojson.centroid(self.polygon))
        self.folded = fold(self.name)
        query = "SELECT polygon, severity FROM area_of_interest WHERE id = ?"
        stored = database.execute_sql(query, (self.id,)).fetchone()
        self.matching_changed = stored != (to_json(self.polygon), self.severity)

    @classmethod
    def _listed(cls) -> Any:
        return cls.select(
            cls.id, peewee.SQL("t1.polygon"), *(getattr(cls, name) for name in cls.in_collection)
        )

    @classmethod
    def _as_json(cls, id_: int, *columns: Any) -> str:
        """Copy the polygon from the database without parsing it."""
        polygon, *values = columns
        area = cls(id=id_, **dict(zip(cls.in_collection, values, strict=True)))
        area.centroid = area.centroid or to_json(geojson.centroid(json.loads(polygon)))
        feature = area.feature()
        del feature["geometry"]
        return f'{to_json(feature)[:-1]},"geometry":{polygon}}}'

    @property
    def is_muted(self) -> bool:
        return self.summary.is_muted

    def mute(self, until: datetime | None, reason: str = "") -> None:
        """Mute the area's alerts for everybody until a time; with None, end the mute.

        Raises Invalid if that time has passed, or if the reason can't be stored.
        """
        if until is not None:
            ensure_future(until)
        try:
            reason = parse_text(DESCRIPTION_LENGTH, required=False)(reason)
        except ValueError as error:
            raise Invalid({"reason": reason_of(error)}) from error
        self.mute_reason = None if until is None else reason
        self.muted_until = None if until is None else timestamp(until)
        self.muted_at = None if until is None else now()
        self.muted_by = None if until is None else actor.get()
        with database.atomic():
            self.save()
            self.announce_unmuted()

    def announce_unmuted(self) -> bool:
        """Announce the alerts of a mute that has ended. Return whether more may be left. See Alert.unmute."""
        return not self.is_muted and Alert.unmute(self.summary, Incident.json_by_id)

    def inside(self, among: list[int] | None = None) -> Iterator[list[IncidentInside]]:
        """Yield the open incidents in the area, newest first; of those with the ids in `among`, if given.

        They come in lists, each of bounded work, so that other greenlets can run in between.
        """
        shape = geojson.to_polygon(self.polygon)
        matcher = geojson.matcher(shape)
        level = BY_CODE[self.severity].level
        for rows in self._near(shape.bounds, among):
            if not rows:
                yield []  # the search itself was a piece of work
            done = 0
            for covered in matcher.pieces([row[:2] for row in rows]):
                yield [
                    IncidentInside(id_, BY_CODE[severity].level >= level and is_credible(verified, is_spam))
                    for (_, _, id_, severity, verified, is_spam), is_in in zip(
                        rows[done:], covered, strict=False
                    )
                    if is_in
                ]
                done += len(covered)

    @staticmethod
    def _near(bounds: Sequence[float], among: list[int] | None) -> Iterator[list[tuple[Any, ...]]]:
        """Yield lists of the open incidents within the bounds, each after reading MAX_READ."""
        west, south, east, north = bounds
        near = [
            Incident.longitude.between(west - shift, east - shift) & Incident.latitude.between(south, north)
            for shift in (-360, 0, 360)
        ]
        columns = (
            *(Incident.longitude, Incident.latitude, Incident.id),
            *(Incident.severity, Incident.verified, Incident.suspected_spam),
        )
        found = Incident.select(*columns).where(Incident.is_open, near[0] | near[1] | near[2])
        found = found.order_by(Incident.id.desc())
        if among is not None:
            for some in peewee.chunked(among, MAX_READ):
                # As JSON, and without peewee's rows: with thousands these took most of the time.
                listed = peewee.SQL("(SELECT value FROM json_each(?))", [to_json(list(some))])
                yield database.execute_sql(*found.where(Incident.id.in_(listed)).sql()).fetchall()
            return
        before = MAX_ID
        while before:
            (first,) = database.execute_sql(
                "SELECT id FROM incident WHERE closed = 0 AND id < ? ORDER BY id DESC LIMIT 1 OFFSET ?",
                (before, MAX_READ - 1),
            ).fetchone() or (0,)
            yield list(found.where(Incident.id >= first, Incident.id < before).tuples())
            before = first

    @property
    def summary(self) -> AreaSummary:
        return AreaSummary(self.id, self.name, self.severity, self.muted_until, self.muted_at)


def ensure_future(until: datetime) -> None:
    """Raise Invalid if the end of a mute has passed."""
    if timestamp(until) <= now():
        raise Invalid({"until": f"this has passed: by the server's clock it is {now()[:16]}Z"})


class AreaSummary(NamedTuple):
    """The columns of an area that alerts need: all but the polygon."""

    id: int
    name: str
    severity: str
    muted_until: str | None
    muted_at: str | None

    @property
    def is_muted(self) -> bool:
        """Whether the area is muted, by the clock of this machine.

        A mute that was set in the future was set by a wrong clock and would last too long. It counts as over.
        """
        if self.muted_until is None or self.muted_at is None:
            return False
        return self.muted_until > now() and self.muted_at <= latest_credible()

    def as_json(self) -> dict[str, Any]:
        """Return the area's members in an alert message."""
        return {
            "id": f"AreaOfInterest:{self.id}",
            "name": self.name,
            "severity": BY_CODE[self.severity].word,
            "url": f"{AreaOfInterest.path}{self.id}/",
        }


class IncidentInside(NamedTuple):
    """An open incident in an area: its id, and whether the area alerts for it."""

    id: int
    alerting: bool
