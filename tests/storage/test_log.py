"""The log: what an entry is, how it is read in chunks, and where it begins and ends."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from models import Setting, actor, database
from storage import log
from storage.log import Notification


@pytest.fixture(autouse=True)
def database_file(database: Path) -> Iterator[Path]:
    token = actor.set("ann")
    yield database
    actor.reset(token)


def append(count: int) -> list[int]:
    return [Notification.append(f"Incident:{number}", "post_save") for number in range(count)]


def test_entry_has_its_number_first_and_the_feature_last() -> None:
    """The feature's text is put in as it is, without being parsed."""
    seq = Notification.append("Area:7", "post_save", feature='{"a": 1}', reason="raised")
    stored = Notification.get()
    rest = '"type":"post_save","reason":"raised","actor":"ann","feature":{"a": 1}}'
    assert Notification.after(0, 1) == [(seq, f'{{"seq":1,"mark":"{stored.mark}",{rest}'.encode())]
    assert len(stored.mark) == 8
    assert (stored.model, stored.object_id) == ("Area", 7)
    actor.set(None)
    Notification.append("Area:7", "post_delete")
    Notification.update(mark="").execute()  # as in entries of older versions
    (_, text) = Notification.after(1, 1)[0]
    assert json.loads(text) == {"seq": 2, "type": "post_delete", "actor": None}


def test_chunk_ends_with_the_entry_that_fills_it() -> None:
    """One entry at least, and no more than the size asks for."""
    append(4)
    (length,) = {len(row.message) for row in Notification.select()}
    for size, count in ((0, 1), (1, 1), (length, 1), (length + 1, 2), (3 * length, 3), (1 << 20, 4)):
        assert [seq for seq, _ in Notification.after(0, size)] == [1, 2, 3, 4][:count]
    assert [seq for seq, _ in Notification.after(2, 1 << 20)] == [3, 4]
    assert Notification.after(4, 1 << 20) == []


def test_reading_waits_for_the_disk(database_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut takes back nothing that was sent. Meanwhile the read is over, and a checkpoint can run."""
    busy: list[int] = []

    def sync() -> None:
        with closing(sqlite3.connect(database_file, timeout=0)) as other:
            busy.append(other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0])

    append(3)
    monkeypatch.setattr(database, "sync", sync)
    assert len(Notification.after(0, 1)) == 1
    assert busy == [0]


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
    """With a text that is another one each time: after a restore the same numbers come again."""
    for expected in ("1", "2"):
        first, second = Notification.next_version(), Notification.next_version()
        assert first != second
        for version in (first, second):
            number, _, text = version.partition("-")
            assert (number, len(text)) == (expected, 8)
        append(1)
    Notification.delete().execute()
    assert Notification.next_version().startswith("3-")


def test_every_reader_is_woken_once_for_each_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[str] = []
    monkeypatch.setattr(log, "committed", [lambda: woken.append("one"), lambda: woken.append("two")])
    with database.atomic():
        append(3)
        assert woken == []
    append(1)
    assert woken == ["one", "two"] * 2


def test_mark_of_the_last_pruned_entry_is_kept() -> None:
    """A reader that has read all that was pruned goes on, and one that has not is refused."""
    assert Notification.position() == {"seq": 0, "mark": ""}
    append(3)
    marks = [row.mark for row in Notification.select().order_by(Notification.seq)]
    assert len(set(marks)) == 3
    assert [Notification.mark_at(seq) for seq in (0, 1, 2, 3, 4)] == ["", *marks, ""]
    assert Notification.position() == {"seq": 3, "mark": marks[2]}
    for name in ("a_setting_before", "zz_one_after"):
        Setting.create(name=name, value="2 of-no-entry")
    Notification.delete().where(Notification.seq <= 2).execute()
    assert Notification.mark_at(2) == ""
    Setting.create(name=log.LOG_START, value=f"2 {marks[1]}")
    assert [Notification.mark_at(seq) for seq in (1, 2, 3)] == ["", marks[1], marks[2]]
