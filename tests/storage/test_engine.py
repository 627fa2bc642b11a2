"""The engine: transactions, the write lock, and the flushes that put data on the disk."""

import io
import os
import shutil
import sqlite3
import stat
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import gevent
import peewee
import pytest
from harness import PATIENCE_S

import models
from storage import engine, files


def add(name: str) -> None:
    models.Setting.create(name=name, value="")


def synchronous() -> int:
    """Return SQLite's level: 1 is normal, 2 is full."""
    return int(models.database.execute_sql("PRAGMA synchronous").fetchone()[0])


def names() -> set[str]:
    return {setting.name for setting in models.Setting.select()} - {"epoch"}


# Transactions


def test_error_after_which_sqlite_has_rolled_back_is_the_one_raised(database: Path) -> None:
    """SQLite rolls back on a full disk. Another ROLLBACK would fail and hide the cause."""
    assert database.exists()
    called: list[str] = []

    def save() -> None:
        with models.database.atomic():
            add("one")
            models.database.after_commit(lambda: called.append("of the lost transaction"))
            models.database.execute_sql("INSERT OR ROLLBACK INTO setting (name, value) VALUES ('epoch', '')")

    with pytest.raises(peewee.IntegrityError):
        save()
    with models.database.atomic():
        add("two")
    assert names() == {"two"}
    assert called == []


def test_error_of_ours_rolls_back(database: Path) -> None:
    assert database.exists()

    def save() -> None:
        with models.database.atomic():
            add("one")
            raise KeyError

    with pytest.raises(KeyError):
        save()
    assert names() == set()


def test_transaction_takes_the_write_lock_at_its_start(database: Path) -> None:
    with (
        closing(sqlite3.connect(database, timeout=0)) as other,
        models.database.atomic(),
        pytest.raises(sqlite3.OperationalError, match="locked"),
    ):
        other.execute("BEGIN IMMEDIATE")


def test_save_waits_for_another_process(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine sleeps between two attempts, and gives up after LOCK_WAIT_S."""
    waited: list[float] = []
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        def sleep(seconds: float) -> None:
            waited.append(seconds)
            if len(waited) == 3:
                other.execute("ROLLBACK")

        monkeypatch.setattr(time, "sleep", sleep)
        add("one")
        assert waited == [engine.LOCK_POLL_S] * 3
        assert waited[0] > 0
        with models.database.atomic():
            add("two")
        other.execute("BEGIN IMMEDIATE")
        monkeypatch.setattr(engine, "LOCK_WAIT_S", -1.0)
        with pytest.raises(peewee.OperationalError, match="locked"), models.database.atomic():
            add("three")
        with pytest.raises(peewee.OperationalError, match="locked"):
            add("three")
        other.execute("ROLLBACK")
    assert names() == {"one", "two"}
    assert len(waited) == 3


def test_other_errors_are_not_waited_for(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert database.exists()
    monkeypatch.setattr(time, "sleep", lambda _seconds: pytest.fail("it slept"))
    with pytest.raises(peewee.OperationalError, match="no such table"):
        models.database.execute_sql("SELECT * FROM missing")


def test_write_that_may_be_left_out_does_not_wait(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _seconds: pytest.fail("it slept"))
    write = models.Setting.insert(name="one", value="")
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        models.database.try_write(write)
        other.execute("ROLLBACK")
    assert names() == set()
    models.database.try_write(write)
    assert names() == {"one"}


def test_version_differs_after_every_change(database: Path) -> None:
    seen = [models.database.version]
    add("one")
    seen.append(models.database.version)
    with closing(sqlite3.connect(database)) as other, other:
        other.execute("UPDATE setting SET value = 'x'")
    seen.append(models.database.version)
    assert len(set(seen)) == 3
    assert models.database.version == seen[-1]


# Flushes


class Disk:
    """A disk that records which thread flushed. Only flushes advance its clock."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.takes = 0.0
        self.flushed_by: list[int] = []

    def fdatasync(self, descriptor: int) -> None:
        os.fstat(descriptor)
        self.now += self.takes
        self.flushed_by.append(threading.get_ident())

    def monotonic(self) -> float:
        return self.now

    @property
    def in_loop(self) -> list[bool]:
        return [ident == threading.get_ident() for ident in self.flushed_by]


@pytest.fixture
def disk(database: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    assert database.exists()
    disk = Disk()
    monkeypatch.setattr(engine, "fdatasync", disk.fdatasync)
    monkeypatch.setattr(time, "monotonic", disk.monotonic)
    models.database.group_commits()
    return disk


def test_what_is_on_the_disk_is_not_flushed_again(disk: Disk) -> None:
    add("one")
    models.database.sync()
    models.database.sync()
    assert len(disk.flushed_by) == 1
    add("two")
    models.database.sync()
    assert len(disk.flushed_by) == 2


def test_first_flush_runs_in_a_thread_and_fast_ones_in_the_loop(disk: Disk) -> None:
    """Before the first flush the speed of the disk is unknown."""
    add("one")
    models.database.sync()
    disk.now += engine.ALONE_S * 1.01
    add("two")
    models.database.sync()
    assert disk.in_loop == [False, True]


def test_flush_soon_after_another_is_made_in_a_thread(disk: Disk) -> None:
    add("one")
    models.database.sync()
    disk.now += engine.ALONE_S * 0.99
    add("two")
    models.database.sync()
    assert disk.in_loop == [False, False]


@pytest.mark.parametrize(("took", "in_loop"), [(0.99, True), (1.01, False)])
def test_flush_after_a_slow_one_is_made_in_a_thread(disk: Disk, took: float, *, in_loop: bool) -> None:
    disk.takes = engine.FAST_DISK_S * took
    add("one")
    models.database.sync()
    disk.now += 1
    add("two")
    models.database.sync()
    assert disk.in_loop == [False, in_loop]


def test_reader_that_the_commit_has_woken_shares_a_flush_in_the_loop(disk: Disk) -> None:
    add("one")
    models.database.sync()
    disk.now += 1
    add("two")

    def save_and_read() -> None:
        add("three")
        models.database.sync()

    other = gevent.spawn(save_and_read)
    models.database.sync()
    other.get(timeout=5)
    assert disk.in_loop == [False, True]


def test_callers_that_come_during_a_flush_share_the_next(disk: Disk) -> None:
    """Callers during a flush share the next one, because the running one may miss their data."""
    begun, goes_on = threading.Event(), threading.Event()

    def slow(_descriptor: int) -> None:
        disk.flushed_by.append(0)
        begun.set()
        goes_on.wait(10)

    engine.fdatasync = slow  # put back with the fixture's
    add("one")
    first = gevent.spawn(models.database.sync)
    while not begun.is_set():
        gevent.sleep(0.001)
    add("two")
    others = [gevent.spawn(models.database.sync) for _ in range(3)]
    gevent.sleep(0.01)
    assert not any(greenlet.ready() for greenlet in (first, *others))
    goes_on.set()
    gevent.joinall([first, *others], timeout=PATIENCE_S, raise_error=True)
    assert len(disk.flushed_by) == 2
    models.database.sync()
    assert len(disk.flushed_by) == 2


def test_close_frees_the_descriptor_and_ends_the_flushes(disk: Disk) -> None:
    descriptor = models.database._wal
    assert os.fstat(descriptor)
    add("one")
    models.database.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
    models.database.sync()
    assert disk.flushed_by == []


def test_database_that_does_not_answer_is_flushed(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an answer its version is unknown, and may be new."""
    add("one")
    models.database.sync()

    def fail(*_arguments: object) -> None:
        raise peewee.OperationalError("disk I/O error")

    monkeypatch.setattr(models.database, "execute_sql", fail)
    models.database.sync()
    models.database.sync()
    assert len(disk.flushed_by) == 3


def test_commits_wait_for_the_disk_until_they_are_grouped(database: Path, disk: Disk) -> None:
    """The server groups them; commands do not."""
    assert synchronous() == 1
    models.open_database(database)
    assert synchronous() == 2
    add("one")
    models.database.sync()
    assert disk.flushed_by == [], "each commit has waited"


def test_database_without_a_write_ahead_log_waits_at_each_commit(database: Path) -> None:
    """Some file systems have none."""
    assert database.exists()
    models.database.journal_mode = "delete"
    models.database.group_commits()
    assert synchronous() == 2
    assert models.database._wal < 0


def test_disk_that_fails_ends_the_process(
    disk: Disk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The next flush would succeed and prove nothing."""

    def fail(_descriptor: int) -> None:
        raise OSError("Input/output error")

    def leave(status: int) -> None:
        raise SystemExit(status)

    monkeypatch.setattr(engine, "fdatasync", fail)
    monkeypatch.setattr(os, "_exit", leave)
    with pytest.raises(SystemExit) as caught:
        engine._flush(models.database._wal)
    assert caught.value.code == 1
    assert "the disk failed to keep what was saved: Input/output error" in capsys.readouterr().err
    assert disk.flushed_by == []


# Whether it can be written


@pytest.fixture
def clock(database: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    """Return the time of the engine. The database was written just now."""
    assert database.exists()
    clock = Disk()
    monkeypatch.setattr(time, "monotonic", clock.monotonic)
    with models.database.atomic():
        add("just now")
    assert models.database.why_not_writable() == ""
    return clock


def make_readonly(on: int) -> None:
    models.database.execute_sql(f"PRAGMA query_only = {on}")


def fail_to_save() -> None:
    with pytest.raises(peewee.DatabaseError), models.database.atomic():
        add(f"number {len(names())}")


def test_save_that_fails_says_why_until_one_succeeds(clock: Disk) -> None:
    """A save is tried again after PROBE_S without one, if somebody asks."""
    make_readonly(1)
    assert models.database.why_not_writable() == "", "nobody has tried yet"
    fail_to_save()
    assert models.database.why_not_writable() == engine.FAILURES["readonly"]
    make_readonly(0)
    clock.now += engine.PROBE_S
    assert models.database.why_not_writable() == engine.FAILURES["readonly"]
    clock.now += 0.001
    assert models.database.why_not_writable() == ""
    make_readonly(1)
    clock.now += engine.PROBE_S + 0.001
    assert models.database.why_not_writable() == engine.FAILURES["readonly"]
    make_readonly(0)
    with models.database.atomic():
        add("again")
    assert models.database.why_not_writable() == ""


def test_full_database_says_so(clock: Disk) -> None:
    pages = models.database.execute_sql("PRAGMA page_count").fetchone()[0]
    models.database.execute_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(peewee.DatabaseError), models.database.atomic():
        models.Setting.create(name="large", value="x" * 100_000)
    assert models.database.why_not_writable() == engine.FAILURES["is full"]
    assert clock.flushed_by == []


def test_locked_database_says_so(database: Path, clock: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "LOCK_WAIT_S", -1.0)
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        fail_to_save()
        other.execute("ROLLBACK")
    assert models.database.why_not_writable() == engine.FAILURES["locked"]
    assert clock.flushed_by == []


def test_commit_that_fails_says_why(clock: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_self: object) -> None:
        raise peewee.OperationalError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(peewee.SqliteDatabase, "commit", fail)
        fail_to_save()
    assert models.database.why_not_writable() == engine.FAILURES["disk I/O error"]
    assert clock.flushed_by == []


def test_mistake_of_ours_is_no_failure_of_the_disk(clock: Disk) -> None:
    with pytest.raises(peewee.IntegrityError), models.database.atomic():
        add("just now")
    assert models.database.why_not_writable() == ""
    assert clock.flushed_by == []


def test_file_that_was_exchanged_says_so(database: Path, clock: Disk) -> None:
    """Later saves go into the old file and are lost with it."""
    moved = database.with_suffix(".moved")
    database.rename(moved)
    assert models.database.why_not_writable().startswith("The database file was replaced or removed")
    database.write_bytes(moved.read_bytes())
    assert models.database.why_not_writable().startswith("The database file was replaced or removed")
    moved.rename(database)
    assert models.database.why_not_writable() == ""
    assert clock.flushed_by == []


# Opening


def test_database_behind_a_link_is_flushed_and_watched(database: Path, tmp_path: Path) -> None:
    """SQLite puts the -wal beside the file itself. A link to another file is noticed."""
    link = tmp_path / "link.db"
    link.symlink_to(database)
    models.open_database(link)
    models.database.group_commits()
    add("kept")
    models.database.sync()
    assert models.database.replaced == ""
    shutil.copy(database, tmp_path / "other.db")
    link.unlink()
    link.symlink_to(tmp_path / "other.db")
    assert models.database.replaced == str(link)
    models.database.close()


def test_other_database_takes_the_place_of_the_open_one(database: Path, tmp_path: Path) -> None:
    """With settings of its own, and a name of its own for the log."""
    models.open_database(database, hold_reports=True)
    assert models.database.hold_reports
    add("one")
    epoch = models.Setting.get_by_id("epoch").value
    assert len(epoch) == 16
    models.open_database(tmp_path / "second.db")
    assert not models.database.hold_reports
    assert names() == set()
    assert models.Setting.get_by_id("epoch").value != epoch
    models.open_database(database)
    assert names() == {"one"}
    assert models.Setting.get_by_id("epoch").value == epoch


def test_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Remember the milk. " * 1000)
    with pytest.raises(models.UnusableDatabase, match="file is not a database"):
        models.open_database(path)
    assert path.read_text() == "Remember the milk. " * 1000
    assert models.database.is_closed()


def test_database_is_private_and_marked_as_ours(tmp_path: Path) -> None:
    path = tmp_path / "own.db"
    models.open_database(path)
    try:
        assert models.database.application_id == files.APPLICATION_ID == int.from_bytes(b"TRKR", "big")
        assert models.database.foreign_keys == 1
        assert models.database.wal_autocheckpoint == engine.CHECKPOINT_PAGES
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    finally:
        models.database.close()
    path.chmod(0o644)  # as a copy would be
    models.open_database(path)
    models.database.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_missing_database_is_made_only_if_wanted(tmp_path: Path) -> None:
    with pytest.raises(models.UnusableDatabase, match=r"can't use the database .*none\.db: No such file"):
        models.open_database(tmp_path / "none.db", create=False)
    assert models.database.is_closed()
    assert list(tmp_path.iterdir()) == []


def test_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE theirs (id)")
    before = path.read_bytes()
    with pytest.raises(models.UnusableDatabase, match="another program"):
        models.open_database(path)
    assert models.database.is_closed()
    assert path.read_bytes() == before


def test_database_of_a_newer_version_is_refused(database: Path) -> None:
    models.database.execute_sql("UPDATE schema_migration SET name = '9999_future' WHERE name LIKE '0001%'")
    with pytest.raises(models.UnusableDatabase, match=r"newer version of Tracker \(9999_future\)"):
        models.open_database(database)
    assert models.database.is_closed()


def test_every_thread_has_the_one_connection_and_none_after_its_end(database: Path) -> None:
    """After `close` a query must not open the file again."""
    assert database.exists()
    closed: list[bool] = []
    other = threading.Thread(target=lambda: closed.append(models.database.is_closed()))
    other.start()
    other.join()
    assert closed == [False]
    models.database.close()
    with pytest.raises(peewee.InterfaceError):
        names()
    assert engine.MAX_ID == 2**63 - 1


def test_setting_keeps_its_first_value(database: Path) -> None:
    assert database.exists()
    assert models.Setting.default("colour", "red") == "red"
    assert models.Setting.default("colour", "blue") == "red"


# Models


def test_first_returns_the_object_and_what_stands_before_it(database: Path) -> None:
    assert database.exists()
    sql = "SELECT 7, 'x', 8, t.* FROM setting AS t WHERE name = ?"
    models.Setting.create(name="colour", value="red")
    setting, before = models.Setting.first(sql, "colour")
    assert (setting.name, setting.value, before) == ("colour", "red", (7, "x", 8))
    assert models.Setting.first(sql, "size") == (None, ())


def test_insert_gives_the_object_its_id_and_its_defaults(database: Path) -> None:
    assert database.exists()
    user = models.User(name="ada", password_hash="x")
    assert user.save() == 1
    assert not user.is_dirty()
    stored = models.User.get_by_id(user.id)
    assert (stored.name, stored.role, stored.active) == ("ada", "editor", True)
    user.role = "viewer"
    user.save()
    assert models.User.get_by_id(user.id).role == "viewer"
    some = models.User(name="bob", password_hash="x", role="admin")
    with pytest.raises(peewee.IntegrityError, match="NOT NULL"):
        some.save(only=[models.User.name])
    user.role, user.name = "admin", "eve"
    user.save(only=[models.User.role])
    stored = models.User.get_by_id(user.id)
    assert (stored.name, stored.role) == ("ada", "admin")
    assert models.User.select().count() == 1


# A file that is replaced


class EndedError(Exception):
    """In the place of the end of this process."""


@pytest.fixture
def guarded(database: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The database of a server, whose end a test can see."""

    def end(status: int) -> None:
        raise EndedError(status)

    monkeypatch.setattr(os, "_exit", end)
    models.database.group_commits()
    add("before")
    models.database.sync()
    return database


def replace_file(path: Path) -> None:
    path.with_name("new.db").write_bytes(b"")
    path.with_name("new.db").rename(path)


@pytest.mark.parametrize(
    "change",
    [
        Path.unlink,
        replace_file,
        lambda path: path.rename(path.with_name("moved.db")),
        lambda path: path.parent.rename(path.parent.with_name(f"{path.parent.name}-moved")),
        lambda path: Path(f"{path}-wal").unlink(),
        lambda path: replace_file(Path(f"{path}-wal")),
    ],
)
def test_nothing_is_acknowledged_after_the_file_was_replaced(
    guarded: Path, change: Callable[[Path], object], capsys: pytest.CaptureFixture[str]
) -> None:
    add("while it is")
    change(guarded)
    for _ in range(2):  # also what another greenlet has flushed
        with pytest.raises(EndedError, match="3"):
            models.database.sync()
    assert "was replaced or removed while the server ran" in capsys.readouterr().err


def test_idle_server_ends_soon_after_the_file_was_replaced(
    guarded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "FILE_LOOK_S", 0.001)
    monkeypatch.setattr(gevent.get_hub(), "exception_stream", io.StringIO())
    watching = gevent.spawn(models.database.watch_file)
    gevent.sleep(0.01)
    assert not watching.dead
    guarded.unlink()
    watching.join(PATIENCE_S)
    assert isinstance(watching.exception, EndedError)


def test_file_that_was_moved_has_all_that_was_saved(guarded: Path) -> None:
    """Not a part of it in a -wal, which stays at the old path."""
    add("last")
    moved = guarded.rename(guarded.with_name("moved.db"))
    with pytest.raises(EndedError):
        models.database.sync()
    assert Path(f"{guarded}-wal").stat().st_size == 0
    models.database.close()
    with closing(sqlite3.connect(moved)) as copy:
        assert {"before", "last"} <= {name for (name,) in copy.execute("SELECT name FROM setting")}


def test_folder_that_can_not_be_looked_at_ends_nothing(
    guarded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says nothing about the file."""

    def fail(_path: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files, "identity", fail)
    assert guarded.exists()
    add("while it is")
    models.database.sync()
    assert models.database.replaced == ""


def test_file_that_is_replaced_while_it_is_opened_is_refused(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by a `restore` that was under way: nothing may be saved in the file of before."""
    shutil.copy(database, database.with_name("new.db"))
    connect = models.database.connect

    def replace_and_connect() -> None:
        connect()
        database.with_name("new.db").rename(database)

    monkeypatch.setattr(models.database, "connect", replace_and_connect)
    with pytest.raises(models.UnusableDatabase, match="it was replaced in this moment: try again"):
        models.open_database(database)
    assert models.database.is_closed()
