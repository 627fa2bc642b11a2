"""Backups by command and by the server: whole or not there, noted, and no file removed that is another's."""

import os
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import gevent
import pytest
from conftest import StartServer
from harness import run_tracker, wait_until

import models
from base import times
from storage import backup, files, schedule

HOUR = timedelta(hours=1)


class Clock:
    """The server's clock, which a test sets."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (times, schedule):
        monkeypatch.setattr(module, "clock", clock.now)
    return clock


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "backups"
    folder.mkdir()
    return folder


def add(name: str) -> None:
    models.Setting.create(name=name, value="")


def names_in(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as copy:
        return {name for (name,) in copy.execute("SELECT name FROM setting")}


# A copy


def test_copy_has_all_that_was_saved_before_it_and_nothing_later(database: Path, tmp_path: Path) -> None:
    """Somebody saves between its steps: the copy neither begins anew nor has a part of that."""
    for number in range(3):
        models.Setting.create(name=f"large {number}", value="x" * (2 << 20))
    steps: list[int] = []

    def save(left: int, _pages: int) -> None:
        steps.append(left)
        add(f"during step {len(steps)}")

    files.copy(database, tmp_path / "copy.db", save)
    assert len(steps) > 4
    assert steps == sorted(steps, reverse=True)
    assert [name for name in names_in(tmp_path / "copy.db") if name.startswith("during")] == []
    assert sorted(path.name for path in tmp_path.iterdir() if "copy" in path.name) == ["copy.db"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), backup.Stopped(), MemoryError()])
def test_copy_that_ends_early_leaves_no_file(database: Path, folder: Path, error: Exception) -> None:
    def fail(_left: int, _pages: int) -> None:
        raise error

    with pytest.raises((models.UnusableDatabase, type(error))):
        files.copy(database, folder / "copy.db", fail)
    assert list(folder.iterdir()) == []


def test_copy_of_a_damaged_database_is_refused_and_noted(database: Path, folder: Path) -> None:
    models.Setting.create(name="large", value="x" * (1 << 20))
    models.database.close()
    with database.open("r+b") as file:
        file.seek(40 * 4096)
        file.write(b"\xff" * 4096 * 20)
    with pytest.raises(models.UnusableDatabase, match=r"can't copy .*own\.db to .*damaged"):
        backup.back_up(folder / "copy.db", database)
    assert list(folder.iterdir()) == []


def test_unfinished_copy_of_another_process_is_not_touched(database: Path, folder: Path) -> None:
    part = folder / "copy.db.part"
    part.write_text("theirs")
    with pytest.raises(models.UnusableDatabase, match=r"copy\.db\.part. If no other backup runs, remove it"):
        files.copy(database, folder / "copy.db")
    assert part.read_text() == "theirs"


def test_copy_that_would_fill_the_disk_is_refused(
    database: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(1, 1, files.SPARE))
    with pytest.raises(models.UnusableDatabase, match="16 MB free"):
        files.copy(database, folder / "copy.db")
    assert list(folder.iterdir()) == []


# The notes


def test_last_backup_is_noted_and_the_last_failure_too(database: Path, folder: Path, clock: Clock) -> None:
    assert models.last_backup() == models.LastBackup()
    models.back_up(folder / "one.db")
    first = models.last_backup()
    assert (first.at, first.file) == (models.timestamp(clock.time), str(folder / "one.db"))
    assert first.bytes == (folder / "one.db").stat().st_size
    assert not first.is_failing
    clock.time += HOUR
    with pytest.raises(models.UnusableDatabase):
        models.back_up(folder / "one.db")
    last = models.last_backup()
    assert (last.at, last.failed_at) == (first.at, models.timestamp(clock.time))
    assert "one.db: File exists" in last.reason
    assert last.is_failing
    clock.time -= 5 * HOUR  # a clock that was ahead is set back
    models.back_up(folder / "two.db")
    assert not models.last_backup().is_failing
    with pytest.raises(models.UnusableDatabase):
        models.back_up(folder / "two.db")
    assert models.last_backup().is_failing
    assert database.exists()


def test_failure_that_the_database_can_not_take_is_known_all_the_same(
    database: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(files, "connect", fail)
        with pytest.raises(models.UnusableDatabase):
            backup.back_up(folder / "copy.db", database)
    assert "disk is full" in models.last_backup().reason
    models.back_up(folder / "copy.db")
    assert not models.last_backup().reason


# By the server


def backups(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_server_makes_a_backup_when_it_is_due_and_keeps_so_many(
    database: Path, folder: Path, clock: Clock
) -> None:
    """A start of the server in between repeats none, and files of others stay."""
    strange = [folder / name for name in ("own-20200101T000000Z.db", "mine.db")]
    newest = ""
    for path in strange:
        path.touch()
    for hour in range(5):
        schedule.Schedule(str(folder), HOUR.total_seconds(), keep=2).look()
        newest = backups(folder)[-1]
        assert newest == f"own-20260101T0{hour}0000Z.db"
        clock.time += HOUR / 2
        schedule.Schedule(str(folder), HOUR.total_seconds(), keep=2).look()
        assert backups(folder)[-1] == newest
        clock.time += HOUR / 2
    assert backups(folder) == [
        *("mine.db", "own-20200101T000000Z.db", "own-20260101T030000Z.db", "own-20260101T040000Z.db")
    ]
    assert names_in(folder / newest) >= {"epoch"}
    assert database.exists()


def test_clock_that_was_ahead_puts_off_no_backup(database: Path, folder: Path, clock: Clock) -> None:
    clock.time += 1000 * HOUR
    schedule.Schedule(str(folder), HOUR.total_seconds(), keep=5).look()
    clock.time -= 999 * HOUR
    schedule.Schedule(str(folder), HOUR.total_seconds(), keep=5).look()
    assert len(backups(folder)) == 2
    assert database.exists()


def test_failed_backup_is_said_and_tried_again(
    database: Path, folder: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """The older ones stay, however many."""
    made = schedule.Schedule(str(folder), HOUR.total_seconds(), keep=1)
    made.look()
    before = backups(folder)
    folder.rename(folder.with_name("away"))
    clock.time += HOUR
    for _ in range(2):
        made.look()
    (failure,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert failure.getMessage() == "The backup failed"
    assert "can't write" in str(failure.__dict__["fields"]["reason"])
    assert models.last_backup().is_failing
    folder.with_name("away").rename(folder)
    clock.time += timedelta(seconds=schedule.RETRY_S)
    assert backups(folder) == before
    made.look()
    assert len(backups(folder)) == 1
    assert backups(folder) != before
    assert not models.last_backup().is_failing
    assert database.exists()


def test_backup_of_another_process_is_waited_for_and_its_rest_is_removed(
    database: Path, folder: Path, clock: Clock
) -> None:
    """Whether it still works is known by its lock, not by the time it takes."""
    schedule.Schedule(str(folder), HOUR.total_seconds(), keep=2).look()
    only = folder / backups(folder)[0]
    part = only.with_name(f"{only.name}.part")
    only.unlink()
    models.Setting.update(
        value=models.Setting.get_by_id(schedule.NAME).value.replace("true", "false")
    ).execute()
    lock = files._create(part)
    clock.time += 5 * HOUR
    schedule.Schedule(str(folder), HOUR.total_seconds(), keep=2).look()
    assert backups(folder) == [part.name]
    os.close(lock)
    schedule.Schedule(str(folder), HOUR.total_seconds(), keep=2).look()
    assert backups(folder) == ["own-20260101T050000Z.db"]
    assert database.exists()


@pytest.fixture
def slow_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "STEP_PAGES", 1)
    monkeypatch.setattr(schedule, "PAUSE_S", 0.01)


@pytest.mark.usefixtures("slow_copy")
def test_others_save_while_the_server_makes_a_backup_and_it_ends_with_the_server(
    database: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The copy of these pages would take ten seconds."""
    models.Setting.create(name="large", value="x" * (4 << 20))
    made = schedule.Schedule(str(folder), HOUR.total_seconds(), keep=2)
    made.start()
    while not list(folder.glob("*.part")):
        gevent.sleep(0.001)
    for number in range(10):
        add(f"meanwhile {number}")
        models.database.sync()
        assert list(folder.glob("*.part"))
    made.stop()
    made.join()
    assert list(folder.iterdir()) == []
    assert not models.last_backup().reason
    assert capsys.readouterr().err == ""
    assert database.exists()


def test_server_makes_the_first_backup_when_it_starts(start_server: StartServer, folder: Path) -> None:
    """The options reach it; the backup has the account that the start has made."""
    server = start_server("--backup-folder", str(folder), "--backup-every", "1d", "--backup-keep", "14")
    (made,) = wait_until(lambda: list(folder.glob("tracker-*.db")), what="a backup")
    with closing(sqlite3.connect(made)) as copy:
        assert copy.execute("SELECT name FROM user").fetchall() == [("admin",)]
    wait_until(lambda: f"A backup is made file={made}" in server.output, what="a line of the log")


def test_command_says_how_the_server_makes_backups(tmp_path: Path) -> None:
    """It does not run on by itself, and a wrong period ends the start."""
    done = run_tracker(tmp_path, "backup", "--every", "12h", "--keep", "3", "my backups")
    options = "--backup-folder 'my backups' --backup-every 12h --backup-keep 3"
    assert (done.returncode, f"Start it with: python tracker.py {options}" in done.stderr) == (2, True)
    done = run_tracker(tmp_path, "--backup-every", "often")
    assert (done.returncode, "TRACKER_BACKUP_EVERY: " in done.stderr) == (2, True)
