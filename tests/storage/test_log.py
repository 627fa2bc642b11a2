"""The log: what an entry is, how it is read in chunks, and where it begins and ends."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from models import actor, database
from storage import log
from storage.log import Notification


@pytest.fixture(autouse=True)
def _log(database: Path) -> Iterator[None]:
    assert database.exists()
    token = actor.set("ann")
    yield
    actor.reset(token)


def append(count: int) -> list[int]:
    return [Notification.append(f"Incident:{number}", "post_save") for number in range(count)]


def test_entry_has_its_number_first_and_the_feature_last() -> None:
    """The feature's text is put in as it is, without being parsed."""
    seq = Notification.append("Area:7", "post_save", feature='{"a": 1}', reason="raised")
    stored = Notification.get()
    start = f'{{"seq":1,"mark":"{stored.mark}","type":"post_save"'
    text = f'{start},"reason":"raised","actor":"ann","feature":{{"a": 1}}}}'
    assert Notification.after(0, 1) == [(seq, text.encode())]
    assert (stored.model, stored.object_id) == ("Area", 7)
    actor.set(None)
    Notification.append("Area:7", "post_delete")
    (_, message) = Notification.after(1, 1)[0]
    mark = Notification.mark_at(2)
    assert json.loads(message) == {"seq": 2, "mark": mark, "type": "post_delete", "actor": None}


def test_chunk_ends_with_the_entry_that_fills_it() -> None:
    """One entry at least, and no more than the size asks for."""
    append(4)
    (length,) = {len(row.message) for row in Notification.select()}
    for size, count in ((0, 1), (1, 1), (length, 1), (length + 1, 2), (3 * length, 3), (1 << 20, 4)):
        assert [seq for seq, _ in Notification.after(0, size)] == [1, 2, 3, 4][:count]
    assert [seq for seq, _ in Notification.after(2, 1 << 20)] == [3, 4]
    assert Notification.after(4, 1 << 20) == []


def test_reading_waits_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is sent what a power cut could take back."""
    synced: list[int] = []
    monkeypatch.setattr(database, "sync", lambda: synced.append(1))
    append(1)
    Notification.after(0, 1)
    assert synced == [1]


def test_bounds_are_those_of_a_reader_that_misses_nothing() -> None:
    assert Notification.bounds() == (0, 0)
    assert append(3) == [1, 2, 3]
    assert Notification.bounds() == (0, 3)
    Notification.delete().where(Notification.seq <= 2).execute()
    assert Notification.bounds() == (2, 3)
    Notification.delete().execute()
    assert Notification.bounds() == (3, 3)
    assert append(1) == [4]
    assert Notification.bounds() == (3, 4)


def test_server_reads_the_tail_at_its_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "TAIL", 3)
    assert Notification.tail() == 0
    append(5)
    assert Notification.tail() == 2
    Notification.delete().where(Notification.seq <= 4).execute()
    assert Notification.tail() == 4


def test_next_version_names_the_entry_that_is_written_next() -> None:
    """It begins with the seq of the next entry, and none comes twice."""
    versions = [Notification.next_version() for _ in range(2)]
    (seq,) = append(1)
    versions.append(Notification.next_version())
    Notification.delete().execute()
    versions.append(Notification.next_version())
    assert [version.partition("-")[0] for version in versions] == ["1", "1", str(seq + 1), str(seq + 1)]
    assert len({version.partition("-")[2] for version in versions}) == 4


def test_every_reader_is_woken_once_for_each_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[str] = []
    monkeypatch.setattr(log, "committed", [lambda: woken.append("one"), lambda: woken.append("two")])
    with database.atomic():
        append(3)
        assert woken == []
    append(1)
    assert woken == ["one", "two"] * 2
