"""`restore`: asks, checks, and puts a backup in the place of the database, of which nothing is lost."""

import os
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from harness import run_tracker

import models
from storage import restore


def fill(path: Path, *names: str) -> str:
    """Make a database with these settings, and return its epoch."""
    models.open_database(path)
    for name in names:
        models.Setting.create(name=name, value="")
    epoch: str = models.Setting.get_by_id("epoch").value
    models.database.close()
    return epoch


def settings(path: Path) -> dict[str, str]:
    with closing(sqlite3.connect(path)) as database:
        return dict(database.execute("SELECT name, value FROM setting").fetchall())


def only(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


def test_restore_replaces_the_database_and_keeps_the_old_one(tmp_path: Path) -> None:
    path, copy = tmp_path / "tracker.db", tmp_path / "copy.db"
    fill(path, "old")
    epoch = fill(copy, "new")
    content = copy.read_bytes()
    done = run_tracker(tmp_path, "restore", "copy.db", stdin="yes\n")
    assert done.returncode == 0, done.stderr
    assert "copy.db is whole. Its log is empty." in done.stdout
    found = settings(path)
    assert "new" in found
    assert found["epoch"] != epoch
    aside = only(tmp_path, "tracker.db.replaced-*")
    assert f"The database of before is {aside} now." in done.stdout
    assert "old" in settings(aside)
    assert copy.read_bytes() == content
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(list(tmp_path.iterdir())) == 3


def test_what_only_the_wal_has_is_kept_too_and_not_taken_for_the_backups(tmp_path: Path) -> None:
    """After a kill -9 or a power cut the last saves are in the -wal."""
    path, copy = tmp_path / "tracker.db", tmp_path / "copy.db"
    fill(path)
    fill(copy, "new")
    with closing(sqlite3.connect(path)) as database:
        database.execute("INSERT INTO setting VALUES ('only in the wal', '')")
        database.commit()
        kept = tmp_path / "kept"
        kept.mkdir()
        for end in ("", "-wal", "-shm"):
            shutil.copy(f"{path}{end}", kept)
    for left in kept.iterdir():
        left.rename(tmp_path / left.name)
    assert run_tracker(tmp_path, "restore", "copy.db", "--yes").returncode == 0
    assert "only in the wal" in settings(only(tmp_path, "tracker.db.replaced-*"))
    assert settings(path).keys() == {"epoch", "new"}


def test_database_that_is_damaged_or_missing_can_be_replaced(tmp_path: Path) -> None:
    path, copy = tmp_path / "tracker.db", tmp_path / "copy.db"
    fill(copy, "new")
    Path(f"{path}-wal").write_bytes(b"of what is gone")
    assert run_tracker(tmp_path, "restore", "copy.db", "--yes").returncode == 0
    assert "new" in settings(path)
    assert only(tmp_path, "tracker.db.replaced-*-wal").read_bytes() == b"of what is gone"
    path.write_bytes(b"damaged" * 10_000)
    done = run_tracker(tmp_path, "restore", "copy.db", "--yes")
    assert done.returncode == 0, done.stderr
    assert "It can't be read" in done.stdout
    assert "new" in settings(path)


def test_restores_in_the_same_second_keep_each_old_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when only the -wal of an older one is left under the name."""
    moment = datetime(2026, 11, 28, 11, 2, 3, tzinfo=UTC)
    monkeypatch.setattr(restore, "clock", lambda: moment)
    path = tmp_path / "tracker.db"
    kept = f"{path}.replaced-20261128T110203Z"
    for name in ("first", "second", "third"):
        path.unlink(missing_ok=True)
        fill(path, name)
        fill(tmp_path / f"copy of {name}.db")
        if name == "third":
            Path(f"{kept}-3-wal").write_bytes(b"of another one")
        restore.replace(path, restore.prepare(tmp_path / f"copy of {name}.db", path))
    for name, end in (("first", ""), ("second", "-2"), ("third", "-4")):
        assert name in settings(Path(f"{kept}{end}"))


@pytest.mark.parametrize("answer", ["", "\n", "no\n"])
def test_without_consent_nothing_changes(tmp_path: Path, answer: str) -> None:
    fill(tmp_path / "tracker.db", "old")
    fill(tmp_path / "copy.db")
    done = run_tracker(tmp_path, "restore", "copy.db", stdin=answer)
    assert done.returncode == 2
    assert "nothing is restored" in done.stderr
    assert "old" in settings(tmp_path / "tracker.db")
    assert len(list(tmp_path.iterdir())) == 2


def test_database_in_use_is_refused(tmp_path: Path) -> None:
    """Any open connection counts, also one that has written nothing."""
    path = tmp_path / "tracker.db"
    fill(path, "old")
    fill(tmp_path / "copy.db")
    with closing(sqlite3.connect(path)) as other:
        other.execute("SELECT * FROM setting").fetchall()
        done = run_tracker(tmp_path, "restore", "copy.db", "--yes")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "tracker.db is in use: stop the server" in done.stderr
    assert "old" in settings(path)


def damage(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096 * 3)
        file.write(os.urandom(4096 * 4))


def make_foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE theirs (id)")


def make_newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE schema_migration SET name = '9999_future' WHERE name LIKE '0001%'")
        database.commit()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (damage, "copy.db"),
        (make_foreign, "belongs to another program"),
        (make_newer, "written by a newer version of Tracker (9999_future)"),
        (Path.unlink, "there is no such file"),
        (lambda path: path.write_text("not a database " * 1000), "file is not a database"),
        (lambda path: path.write_text(""), "it is empty"),
        (lambda path: (path.unlink(), path.symlink_to("tracker.db")), "is the database itself"),
    ],
)
def test_bad_backup_is_refused_and_the_database_stays(tmp_path: Path, spoil: object, reason: str) -> None:
    path, copy = tmp_path / "tracker.db", tmp_path / "copy.db"
    fill(path, "old")
    fill(copy)
    assert callable(spoil)
    spoil(copy)
    done = run_tracker(tmp_path, "restore", "copy.db", "--yes")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert reason in done.stderr
    assert "old" in settings(path)
    left = [path.name for path in tmp_path.iterdir()]
    assert not [name for name in left if "restore" in name or "restoring" in name or "replaced" in name]
