"""The areas in memory: up to date with the log, and no larger than the table."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.area_index import AreaCache
from models import AreaOfInterest, Incident, Notification, database, open_database


@pytest.fixture
def cache(database: Path) -> AreaCache:
    assert database.exists()
    return AreaCache()


def square(west: float) -> dict[str, Any]:
    ring = [[west, 0], [west + 10, 0], [west + 10, 10], [west, 10], [west, 0]]
    return {"type": "Polygon", "coordinates": [ring]}


def area(name: str, west: float = 0, severity: str = "ME") -> AreaOfInterest:
    return AreaOfInterest.create(name=name, severity=severity, polygon=square(west))


def names(cache: AreaCache, longitude: float = 5, severity: str = "ME") -> list[str]:
    fire = Incident(name="Fire", severity=severity)
    fire.location = (longitude, 5)
    return [found.name for found in cache.covering(fire)]


def test_areas_are_found_as_they_are_now(cache: AreaCache) -> None:
    """In the order of their ids, those that ask for the incident's severity or less."""
    assert names(cache) == []
    first, second = area("first", severity="HI"), area("second")
    assert names(cache) == ["second"]
    assert names(cache, severity="UR") == ["first", "second"]
    first.assign({"name": "renamed", "severity": "Info"})
    first.save()
    second.assign({"polygon": square(20)})
    second.save()
    third = area("third")
    assert names(cache) == ["renamed", "third"]
    assert names(cache, 25) == ["second"]
    third.mute(datetime.now(UTC) + timedelta(hours=1))
    fire = Incident(name="Fire", severity="ME")
    fire.location = (5, 5)
    assert [found.is_muted for found in cache.covering(fire)] == [False, True]
    first.delete_instance()
    assert names(cache) == ["third"]


def test_area_that_is_deleted_is_forgotten(cache: AreaCache) -> None:
    """Else the memory would grow with every area that there ever was."""
    for number in range(5):
        made = area(str(number))
        assert names(cache) == [str(number)]
        made.delete_instance()
        cache.refresh()
        assert len(cache._index) == len(cache._summaries) == 0


def test_areas_that_have_not_changed_are_not_read(cache: AreaCache, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []
    known = area("known")
    assert names(cache) == ["known"]
    get_or_none = AreaOfInterest.get_or_none

    def noted(*which: object) -> AreaOfInterest | None:
        read.append(which)
        found: AreaOfInterest | None = get_or_none(*which)
        return found

    monkeypatch.setattr(AreaOfInterest, "get_or_none", noted)
    monkeypatch.setattr(cache, "_rebuild", lambda: pytest.fail("all areas were read"))
    assert names(cache) == ["known"]
    Incident.create(name="Fire", longitude=50, latitude=50)
    assert names(cache) == ["known"]
    assert read == []
    for name in ("again", "and again"):
        known.assign({"name": name})
        known.save()
    assert names(cache) == ["and again"]
    assert len(read) == 1


def test_area_of_another_process_is_found(cache: AreaCache, database: Path) -> None:
    area("known")
    assert names(cache) == ["known"]
    with closing(sqlite3.connect(database)) as other, other:
        other.execute("UPDATE area_of_interest SET name = 'changed'")
        other.execute(
            "INSERT INTO notification (model, object_id, created, message) "
            "VALUES ('AreaOfInterest', 1, '2026-01-01T00:00:00.000000Z', '{}')"
        )
    assert names(cache) == ["changed"]


def test_areas_of_a_log_that_was_exchanged_are_read_again(cache: AreaCache, tmp_path: Path) -> None:
    """The entry at the cursor is another one: a transaction was rolled back, or another file is open."""
    with database.atomic() as transaction:
        area("rolled back")
        assert names(cache) == ["rolled back"]
        transaction.rollback()
    area("stored")
    assert names(cache) == ["stored"]
    open_database(tmp_path / "other.db")
    assert names(cache) == []
    area("other", 20)
    assert names(cache) == []
    assert names(cache, 25) == ["other"]
    Notification.delete().execute()
    assert names(cache, 25) == ["other"], "the log has been cut; the areas stay"
