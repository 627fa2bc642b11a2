"""A collection is made and compressed once for all who ask for the same state."""

import gzip
import json
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from in_process import Browser
from werkzeug.test import TestResponse

from geo.geojson import parse_point
from models import Incident
from web import collections
from web.collections import Collection, Collections

PATH = "/tracker/incident/feature_collection/"
PACKED = {"Accept-Encoding": "gzip"}


def save(name: str) -> None:
    Incident(name=name, location=parse_point({"type": "Point", "coordinates": [2, 1]})).save()


def names(answer: TestResponse) -> list[str]:
    data = gzip.decompress(answer.data) if answer.headers.get("Content-Encoding") == "gzip" else answer.data
    return [feature["properties"]["name"] for feature in json.loads(data)["features"]]


@pytest.fixture
def person(app: Flask) -> Browser:
    person = Browser(app)
    person.sign_in()
    return person


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Record each read of features: the number after which it begins."""
    found: list[int] = []
    read = Incident.features

    def counted(where: Any, after: int) -> list[tuple[int, str]]:
        found.append(after)
        return read(where, after)

    monkeypatch.setattr(Incident, "features", counted)
    return found


def test_second_reader_gets_the_same_bytes(person: Browser, reads: list[int]) -> None:
    """The database is read once, also for a client that takes no compression."""
    save("One")
    first, second = (person.get(PATH, headers=PACKED) for _ in range(2))
    assert first.data == second.data
    assert "Accept-Encoding" in first.headers["Vary"]
    assert names(first) == names(person.get(PATH)) == ["One"]
    assert reads == [0, 1]


def test_save_makes_a_new_one(person: Browser) -> None:
    """Nobody is sent the state before a save that has been answered."""
    for name in ("One", "Two"):
        save(name)
        assert names(person.get(PATH, headers=PACKED))[-1] == name


def test_open_and_closed_are_kept_apart(person: Browser) -> None:
    save("Open")
    assert names(person.get(PATH)) == ["Open"]
    assert names(person.get(f"{PATH}?closed=true")) == []


def texts(*parts: bytes) -> Iterator[bytes]:
    yield from parts


def test_readers_make_it_in_turns() -> None:
    """A reader that stops early leaves the rest to the others, and all get the whole."""
    made = Collection(texts(*(bytes([number]) * 500_000 for number in range(20))), "gzip")
    early, late = iter(made), iter(made)
    begun = [next(early), next(early)]
    whole = list(late)
    assert whole[:2] == begun
    assert whole == list(made) == [*begun, *early]
    assert len(gzip.decompress(b"".join(whole))) == 20 * 500_000
    assert b"" not in whole  # which would end the answer


def test_slow_reader_keeps_nothing_that_it_has_read() -> None:
    """Else each slow phone would keep a whole collection in memory, while saves go on."""
    old = Collection(texts(*(bytes([number]) * 500_000 for number in range(20))), "gzip")
    slow = iter(old)
    next(slow)
    first = weakref.ref(old._start.following)
    next(slow)
    del old  # a newer one has taken its place
    assert first() is None
    assert list(slow)


def test_failure_is_not_taken_for_the_end() -> None:
    """After an error all readers fail, and the next who asks gets a new collection."""

    def failing() -> Iterator[bytes]:
        yield b"a" * 100
        raise OSError("the disk is gone")

    made = Collection(failing(), "gzip")
    with pytest.raises(OSError, match="the disk is gone"):
        list(made)
    with pytest.raises(RuntimeError):
        list(made)
    assert made.work.failed


def test_large_collection_is_not_kept(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than KEPT_BYTES are forgotten with the last reader."""
    monkeypatch.setattr(collections, "KEPT_BYTES", 10)
    kept, made = Collections(), []

    def make() -> Iterator[bytes]:
        made.append(1)
        return texts(b"some text")

    with app.test_request_context(headers=PACKED):
        for _ in range(2):
            assert gzip.decompress(b"".join(kept.answer("areas", "at 7", make).response)) == b"some text"  # type: ignore[arg-type]
    assert len(made) == 2
