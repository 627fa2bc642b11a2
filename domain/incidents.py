"""Incidents: what happened, where and when, and whether it may alert."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import peewee

from base.errors import Invalid
from base.folding import fold
from base.sentences import Sentence
from base.severity import DEFAULT, Severity
from base.times import now, timestamp
from base.values import parse_text
from domain.limits import DESCRIPTION_LENGTH, NAME_LENGTH
from domain.tracked import Tracked, latest_credible, parse_flag, parse_time
from geo import geojson
from storage.engine import database
from storage.log import actor

MAX_ACCURACY_M = 20_100_000  # half way round the world: farther from a place is nothing


def parse_accuracy(value: Any) -> int | None:
    """Return whole metres, rounded up; None for None. Raises ValueError."""
    if value is None:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= MAX_ACCURACY_M:  # also NaN
        raise ValueError(
            Sentence("this must be a number of metres, at most %(most)s", most=format(MAX_ACCURACY_M, ","))
        )
    return math.ceil(value)


def _parse_happened(value: Any) -> str | None:
    time = parse_time(value)
    return None if time is None else timestamp(time)


class Incident(Tracked):
    """Something that happened at a place; open until it is closed."""

    name = peewee.TextField()
    description = peewee.TextField(default="")
    severity = peewee.TextField(default=DEFAULT.value)
    closed = peewee.BooleanField(default=False)
    verified = peewee.BooleanField(default=True)  # false: a public report that no editor has confirmed
    suspected_spam = peewee.BooleanField(
        default=False
    )  # set by the trap for programs: alerts nobody until verified
    longitude = peewee.FloatField()
    latitude = peewee.FloatField()
    accuracy = peewee.IntegerField(null=True)  # of the location, in metres; None: not known
    happened = peewee.TextField()  # by default the time of the report, `created`
    created_by = peewee.TextField(null=True)  # account; None: without one, or not known
    closed_at = peewee.TextField(null=True)  # None: open, or closed before this was kept
    closed_by = peewee.TextField(null=True)
    folded = peewee.TextField(default="")  # name and description, as they are searched

    path = "/tracker/incident/"
    shown: ClassVar = (
        "name",
        "description",
        "severity",
        "happened",
        "created",
        "created_by",
        "updated",
        "closed",
        "closed_at",
        "closed_by",
        "verified",
        "suspected_spam",
        "accuracy",
    )
    with_own_control: ClassVar = {
        *("name", "description", "severity", "happened", "closed", "verified", "location", "accuracy")
    }
    parsers: ClassVar = {
        "name": parse_text(NAME_LENGTH, required=True),
        "description": parse_text(DESCRIPTION_LENGTH, required=False),
        "severity": lambda value: Severity.parse(value).value,
        "closed": parse_flag,
        "verified": parse_flag,
        "location": geojson.parse_point,
        "accuracy": parse_accuracy,
        "happened": _parse_happened,
    }

    def assign(self, values: dict[str, Any]) -> None:
        """See Tracked. A new time in the future is refused; one that a wrong clock has stored stays.

        The accuracy belongs to a location: another location without an accuracy has none.
        """
        before, place, errors = self.happened, (self.longitude, self.latitude), {}
        try:
            super().assign(values)
        except Invalid as invalid:
            errors = invalid.fields
        if "accuracy" not in values and (self.longitude, self.latitude) != place:
            self.accuracy = None
        if self.happened != before and (self.happened or "") > latest_credible():
            errors["happened"] = f"this lies in the future: by the server's clock it is {now()[:16]}Z"
        if errors:
            raise Invalid(errors)

    @property
    def location(self) -> dict[str, Any] | None:
        """The place as a GeoJSON Point; set it to (longitude, latitude)."""
        if self.longitude is None or self.latitude is None:
            return None
        return geojson.point_geojson(self.longitude, self.latitude)

    @location.setter
    def location(self, position: geojson.Position) -> None:
        self.longitude, self.latitude = position

    is_open: ClassVar = peewee.SQL("t1.closed = 0")  # spelled as in the index of open incidents

    @property
    def alerting(self) -> bool:
        """Whether it alerts the areas that it lies in."""
        return not self.closed and is_credible(self.verified, self.suspected_spam)

    @property
    def why_not_alerting(self) -> str:
        """Return the reason for ending its alerts."""
        if self.closed:
            return "incident closed"
        return "incident moved or less severe" if self.alerting else "incident not confirmed"

    def _complete(self) -> None:
        self.suspected_spam = self.suspected_spam and not self.verified
        self.happened = self.happened or self.created
        self.folded = fold(f"{self.name}\n{self.description}")
        stored = database.execute_sql("SELECT closed FROM incident WHERE id = ?", (self.id,)).fetchone()
        if stored is None:
            self.created_by = self.created_by or actor.get()
        self._note_closing(was_closed=bool(stored and stored[0]))

    def _note_closing(self, *, was_closed: bool) -> None:
        """Note who closes it, and when, unless an import has said so."""
        if not self.closed:
            self.closed_at = self.closed_by = None
        elif not was_closed and self.closed_at is None:
            self.closed_at, self.closed_by = self.updated, actor.get()

    def _geojson(self) -> tuple[dict[str, Any], dict[str, Any]]:
        properties = {name: getattr(self, name) for name in self.shown}
        properties["severity"] = self.severity_name
        return geojson.point_geojson(self.longitude, self.latitude), properties

    @classmethod
    def _listed(cls) -> Any:
        """Let SQLite write the JSON: it takes a tenth of the time, with tens of thousands of incidents."""
        return cls.select(cls.id, peewee.SQL(INCIDENT_JSON))

    @classmethod
    def _as_json(cls, id_: int, *columns: Any) -> str:
        return str(columns[0])

    @classmethod
    def json_by_id(cls, ids: list[int]) -> dict[int, str]:
        """Return the Features of these incidents as JSON, by id."""
        return dict(cls.select(cls.id, peewee.SQL(INCIDENT_JSON)).where(cls.id << ids).tuples())


_WORDS = " ".join(f"WHEN '{severity.value}' THEN '{severity.word}'" for severity in Severity)


def _json_value(name: str) -> str:
    """Return the SQL for one property of a Feature, in the name of peewee's only table alias."""
    if name == "severity":
        return f"CASE t1.severity {_WORDS} END"
    if isinstance(getattr(Incident, name), peewee.BooleanField):
        return f"json(CASE WHEN t1.{name} THEN 'true' ELSE 'false' END)"
    return f"t1.{name}"


_SHOWN = ", ".join(f"'{name}', {_json_value(name)}" for name in Incident.shown)

# The same as Incident.feature(), from the same list.
INCIDENT_JSON = f"""json_object(
    'type', 'Feature',
    'id', 'Incident:' || t1.id,
    'geometry', json_object('type', 'Point', 'coordinates', json_array(t1.longitude, t1.latitude)),
    'properties', json_object(
        {_SHOWN},
        'version', t1.version, 'model', 'Incident', 'pk', t1.id, 'url', '{Incident.path}' || t1.id || '/'
    )
)"""


def is_credible(verified: bool, suspected_spam: bool) -> bool:  # noqa: FBT001 (as in the tables)
    """Return whether an incident may alert: it is verified, or reports need no verification."""
    return verified or not (database.hold_reports or suspected_spam)
