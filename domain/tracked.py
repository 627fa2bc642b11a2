"""The common parts of incidents and areas: parsing, saving, versions, and GeoJSON features."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import peewee

from base.errors import Invalid
from base.sentences import Sentence, reason_of
from base.severity import BY_CODE
from base.times import now, timestamp
from storage.engine import MAX_ID, Model, database
from storage.log import Notification

CLOCK_STEP = timedelta(minutes=5)  # times that lie further in the future count as wrong


# Properties of a Feature that only the server sets: the API ignores them, and a merge does not compare them.
READ_ONLY = {
    *("created", "created_by", "updated", "closed_at", "closed_by", "suspected_spam"),
    *("version", "model", "pk", "url", "centroid"),
}

MOST_FEATURES = 500  # features that are read at once; other requests wait for 5 ms


FEATURES_SIZE = 128 << 10  # characters that are read at once, besides the end of the last feature


def parse_time(value: Any) -> datetime | None:
    """Return the time of an ISO 8601 text with an offset from UTC; None for None. Raises ValueError."""
    if value is None:
        return None
    try:
        time = datetime.fromisoformat(value)
        if time.tzinfo is None:
            raise ValueError
        return time.astimezone(UTC)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(Sentence("this must be a time such as 2030-01-31T08:00:00Z")) from error


def parse_until(value: Any) -> datetime | None:
    """Return the end of a mute, given in ISO 8601; None for None. Raises Invalid."""
    try:
        return parse_time(value)
    except ValueError as error:
        raise Invalid({"until": reason_of(error)}) from error


def parse_flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(Sentence("this must be true or false"))
    return value


class Tracked(Model):
    """An object on the map: an incident or an area. Every save and delete of it is logged.

    `parsers` has a function for each field that people fill in: it turns an input into the value to store.
    `shown` names the columns that a Feature has as properties, in this order. `with_own_control` names the
    parsed fields that forms and the import treat in a way of their own; the others are plain texts.
    """

    parsers: ClassVar[dict[str, Callable[[Any], Any]]]
    shown: ClassVar[tuple[str, ...]]
    with_own_control: ClassVar[set[str]]
    path: ClassVar[str]

    source_id = peewee.TextField(null=True, unique=True)
    created = peewee.TextField()
    updated = peewee.TextField()
    version = peewee.TextField(default="")  # each save makes a new one, which never repeats
    is_erased = False  # whether it is deleted by `erasure`, which blanks its log entries, too

    @classmethod
    def find(cls, pk: int) -> Any:
        """Return the object with this id. Raises DoesNotExist."""
        if pk > MAX_ID:
            raise cls.DoesNotExist
        return cls.get_by_id(pk)

    @classmethod
    def plain_texts(cls) -> list[str]:
        """Return the fields that every form shows as a line of text, and an import takes unchanged."""
        return [name for name in cls.parsers if name not in cls.with_own_control]

    @classmethod
    def texts(cls) -> list[str]:
        """Return the fields that people type as free text: name, description and plain texts."""
        named = [name for name in cls.parsers if name in ("name", "description")]
        return [*named, *cls.plain_texts()]

    @classmethod
    def listed(cls) -> Any:
        """Return the query for lists, without large columns."""
        return cls.select()

    @classmethod
    @contextmanager
    def changing(cls, pk: int) -> Iterator[Any]:
        """Yield the stored object in a transaction, so that no change comes between reading and saving.

        Raises DoesNotExist.
        """
        with database.atomic():
            yield cls.find(pk)

    def assign(self, values: dict[str, Any]) -> None:
        """Set fields to values from outside. Raises Invalid, which names every wrong or unknown field."""
        errors = {}
        for name, value in values.items():
            try:
                if name not in self.parsers:
                    raise ValueError("there is no such field")
                setattr(self, name, self.parsers[name](value))
            except ValueError as error:
                errors[name] = reason_of(error)
        if errors:
            raise Invalid(errors)

    def save(self, force_insert: bool = False, only: Any = None) -> int:  # noqa: FBT001, FBT002 (peewee's)
        """Validate, store and log, in one transaction.

        Raises Invalid, or DoesNotExist if the object has been deleted meanwhile.
        """
        self.assign({name: getattr(self, name) for name in self.parsers})
        with database.atomic():
            self.updated = now()
            self.created = self.created or self.updated
            self.version = Notification.next_version()
            self._complete()
            return self._found(super().save(force_insert, only))

    def _complete(self) -> None:
        """Compute the fields that follow from others, before a save."""

    def delete_instance(self, *args: Any, **kwargs: Any) -> int:
        """Delete and log, in one transaction. Raises DoesNotExist if the object is gone."""
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

    @classmethod
    def stub(cls, pk: int) -> dict[str, Any]:
        """Return the Feature of an object that is gone: which one it was, and nothing that it held."""
        properties = {"model": cls.__name__, "pk": pk}
        return {"type": "Feature", "id": f"{cls.__name__}:{pk}", "geometry": None, "properties": properties}

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
        """Return the query for the columns that `_as_json` needs, the id first."""
        raise NotImplementedError

    @classmethod
    def _as_json(cls, id_: int, *columns: Any) -> str:
        raise NotImplementedError


def latest_credible() -> str:
    """Return the latest time that is not in the future, with CLOCK_STEP of tolerance."""
    return timestamp(datetime.fromisoformat(now()) + CLOCK_STEP)
