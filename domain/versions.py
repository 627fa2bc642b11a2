"""Merging changes of an incident or area that two people make at the same time.

Each save gives an incident or area a new `version`, which names its log entry. A change comes with the
version that its author saw. The log tells which fields others have changed since. Changes of different
fields are merged. Different values for the same field are a conflict.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any, NamedTuple

from base.errors import TrackerError
from base.sentences import Sentence
from base.times import now
from base.values import to_json
from domain.tracked import READ_ONLY, Tracked
from storage import peewee_private
from storage.engine import database
from storage.log import actor

MAX_READ = 4 << 20  # bytes of the log that are read to find who changed a field: a few milliseconds
NOT_CHANGED = READ_ONLY | {"muted_by", "mute_reason"}
GEOMETRY = {"Point": "location", "Polygon": "polygon"}  # the name of the field, by the geometry's type
LABELS = {  # the names of fields in sentences of pages
    "name": Sentence("name"),
    "description": Sentence("description"),
    "severity": Sentence("severity"),
    "happened": Sentence("time of the incident"),
    "accuracy": Sentence("accuracy"),
    "closed": Sentence("state"),
    "location": Sentence("place"),
    "verified": Sentence("confirmation"),
    "polygon": Sentence("outline"),
    "muted_until": Sentence("mute"),
}
CHANGES = """
SELECT created, message FROM notification WHERE model = ? AND object_id = ? AND seq > ? ORDER BY seq DESC
"""
ONE = "SELECT message FROM notification WHERE model = ? AND object_id = ? AND seq = ?"
DELETION = """
SELECT message FROM notification WHERE model = ? AND object_id = ?
AND message LIKE '{"type":"post_delete"%' ORDER BY seq DESC LIMIT 1
"""
Values = defaultdict[str, Any]  # by field, as in the Feature
UNKNOWN: Values = defaultdict(object)  # for a version that the log does not have; equal to no value


class Clash(NamedTuple):
    """A field that others have changed since the version on which a change is based.

    Values are as in the Feature. `by` and `at` are None if the log does not have them.
    """

    field: str
    yours: Any  # None if the person must only agree, as before a delete
    theirs: Any
    by: str | None
    at: str | None

    @property
    def who(self) -> str:
        return who(self.by)

    @property
    def label(self) -> str:
        return label(self.field)

    @property
    def words(self) -> dict[str, str]:
        """Return both values for people."""
        return {"yours": words(self.field, self.yours), "theirs": words(self.field, self.theirs)}


class Conflict(TrackerError):
    """A change is refused, since others have changed the same fields.

    `clashes` are these fields, `changed` all fields of the refused change, and `feature` is the stored state.
    """

    code = 409

    def __init__(self, thing: Tracked, clashes: list[Clash], changed: frozenset[str] = frozenset()) -> None:
        listed = ", ".join(f"{clash.field} (by {clash.by or 'somebody'})" for clash in clashes)
        what = (
            f"These fields have been changed meanwhile: {listed}."
            if listed
            else "It has been saved meanwhile."
        )
        super().__init__(f"{what} Nothing was stored. Read it again, and send your change for that version.")
        self.clashes = clashes
        self.changed = changed
        self.feature = thing.feature()

    def as_json(self) -> dict[str, Any]:
        fields = {clash.field: f"{clash.by or 'somebody'} has changed this" for clash in self.clashes}
        conflicts = [clash._asdict() for clash in self.clashes]
        return {"error": str(self), "fields": fields, "conflicts": conflicts, "feature": self.feature}


class Stale(Conflict):
    """The version that a program requires is not the present one."""

    code = 412


def merge(thing: Tracked, values: dict[str, Any], base: str) -> dict[str, Any]:
    """Return the values to store: those that differ both from the version `base` and from the stored ones.

    Raises Conflict if others have set one of these fields to a different value since, or if the log no longer
    has `base`. Raises Invalid if a value can't be stored. Call it in a transaction; it stores nothing.
    """
    wanted = type(thing)(**peewee_private.values(thing))
    wanted.assign(values)
    mine, theirs, was = _values(wanted), _values(thing), _values_at(thing, base)
    changed = {name for name in values if mine[name] not in (theirs[name], was[name])}
    clashing = [name for name in values if name in changed and was[name] != theirs[name]]
    if clashing:
        after = 0 if was is UNKNOWN else _seq(base)
        raise Conflict(thing, _clashes(thing, clashing, after, mine), frozenset(changed))
    return {name: value for name, value in values.items() if name in changed}


def ensure_unchanged(thing: Tracked, base: str | None, *names: str) -> None:
    """Raise Conflict if these fields, by default all, have changed since `base`, if that is given."""
    clashes = [] if base is None else _since(thing, base, *names)
    if clashes:
        raise Conflict(thing, clashes)


def ensure_current(thing: Tracked, base: str) -> None:
    """Raise Stale if the version is not the present one."""
    if base != thing.version:
        raise Stale(thing, _since(thing, base))


def deleted_by(model: type[Tracked], pk: int) -> str | None:
    """Return the name of the person who deleted this object.

    Raises DoesNotExist if the log has no such deletion.
    """
    row = database.execute_sql(DELETION, (model.__name__, pk)).fetchone()
    if row is None:
        raise model.DoesNotExist
    by: str | None = json.loads(row[0])["actor"]
    return by


def _since(thing: Tracked, base: str, *names: str) -> list[Clash]:
    if base == thing.version:
        return []
    was, theirs = _values_at(thing, base), _values(thing)
    after = 0 if was is UNKNOWN else _seq(base)
    return _clashes(thing, [name for name in names or theirs if was[name] != theirs[name]], after)


def _clashes(thing: Tracked, names: list[str], after: int, mine: Values | None = None) -> list[Clash]:
    """Return each field with the person who set its present value, and when, by the log after an entry."""
    theirs, mine = _values(thing), mine or defaultdict(lambda: None)
    found: dict[str, tuple[str | None, str | None]] = dict.fromkeys(names, (None, None))
    same, size, reaches_back = set(names), 0, bool(after)
    cursor = database.execute_sql(CHANGES, (type(thing).__name__, thing.id, after))
    for at, message in cursor:
        entry = json.loads(message)
        if entry["type"] == "post_save":
            then = _values_in(entry["feature"])
            same = {name for name in same if then[name] == theirs[name]}
            found |= dict.fromkeys(same, (entry["actor"], at))
            reaches_back = reaches_back or entry["created"]
        size += len(message)
        if not same or size > MAX_READ:
            break
    cursor.close()
    if not reaches_back:  # the oldest entry that is left has the value from one that was pruned
        found |= dict.fromkeys(same, (None, None))
    return [Clash(name, mine[name], theirs[name], *found[name]) for name in names]


def _values(thing: Tracked) -> Values:
    return _values_in(json.loads(to_json(thing.feature())))


def _values_at(thing: Tracked, version: str) -> Values:
    """Return the fields in a version; UNKNOWN if the log does not have the version."""
    if version == thing.version:
        return _values(thing)
    row = database.execute_sql(ONE, (type(thing).__name__, thing.id, _seq(version))).fetchone()
    feature = json.loads(row[0]).get("feature") if row else None
    if feature is None or feature["properties"].get("version", version) != version:
        return UNKNOWN
    return _values_in(feature)


def _values_in(feature: dict[str, Any]) -> Values:
    """Return the fields of a Feature that people can change. A missing one is None."""
    values: Values = defaultdict(lambda: None)
    values |= {name: value for name, value in feature["properties"].items() if name not in NOT_CHANGED}
    values[GEOMETRY[feature["geometry"]["type"]]] = feature["geometry"]
    if values["muted_until"] and values["muted_until"] <= now():
        values["muted_until"] = None  # as in a Feature that is made after the mute has ended
    return values


def _seq(version: str) -> int:
    """Return the `seq` of a version; 0 if the text is no version."""
    digits = version.partition("-")[0]
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 19 else 0


def who(by: str | None) -> str:
    """Return the subject of a sentence about a change: a name, "Somebody", or the same person."""
    return (
        Sentence("Somebody")
        if by is None
        else Sentence("You, in another window,")
        if by == actor.get()
        else by
    )


def label(field: str) -> str:
    """Return the name of a field of the Feature on pages, without a capital."""
    return LABELS.get(field, field.replace("_", " "))


def words(field: str, value: Any) -> str:
    """Return the value of a field of the Feature as text for people."""
    if field == "location" and value:
        longitude, latitude = value["coordinates"]
        south_north, west_east = "SN"[latitude >= 0], "WE"[longitude >= 0]
        return f"{abs(latitude):.5f}° {south_north}, {abs(longitude):.5f}° {west_east}"
    if field == "polygon" and value:
        outline, *holes = value["coordinates"]
        corners = Sentence.counted("%(n)s corner", "%(n)s corners", len(outline) - 1)
        if not holes:
            return corners
        return Sentence(
            "%(corners)s, %(holes)s",
            corners=corners,
            holes=Sentence.counted("%(n)s hole", "%(n)s holes", len(holes)),
        )
    if field == "accuracy" and value is not None:
        return f"{value:,} m"
    if field == "verified":
        return Sentence("confirmed") if value else Sentence("not confirmed")
    if field == "closed":
        return Sentence("closed") if value else Sentence("open")
    return str(value) if value not in (None, "") else Sentence("(nothing)")
