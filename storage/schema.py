"""The schema of a database: which migrations it has, and the safe way to those that it lacks.

Only the server and `python tracker.py migrate` migrate. They copy the database before, within the transaction
that migrates it, so that the copy has every save.
"""

from __future__ import annotations

import re
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import peewee
from playhouse.migrations import Runner

from base.terminal import say
from base.times import clock
from storage import files
from storage.files import UnusableDatabase

ALONE_S = 1.0  # in which another process that looks at the database, as this one does, closes it
WRITES_S = 0.5  # a transaction that lasts longer is a migration: those of a running server are short
LOOK_S = 0.1  # between two looks
COPIES = 2  # made before migrations, and kept beside the database
STAMP = "%Y%m%dT%H%M%SZ"


def names(directory: Path) -> list[str]:
    """Return the names of all migrations, such as 0001_initial, in their order."""
    return sorted(path.stem for path in directory.glob("[0-9]*.py"))


def applied(connection: sqlite3.Connection) -> list[str]:
    """Return the names of the migrations that a database has, in their order."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'schema_migration'").fetchone():
        return []
    return sorted(name for (name,) in connection.execute("SELECT name FROM schema_migration"))


def check_alone(path: Path, directory: Path) -> None:
    """Raise UnusableDatabase if migrating the file would change tables that another process works with.

    To be called before this process opens the database. Errors of the file are left to who opens it. While
    another process migrates the file, this one waits: of servers that start at once, one migrates.
    """
    deadline = time.monotonic() + ALONE_S
    while _would_disturb(path, directory):
        if files.is_being_written(path, WRITES_S):
            deadline = time.monotonic() + ALONE_S
        elif time.monotonic() > deadline:
            raise UnusableDatabase(
                "it must be migrated, and another process uses it: stop all servers and commands first"
            )
        time.sleep(LOOK_S)


def _would_disturb(path: Path, directory: Path) -> bool:
    """Return whether the file must be migrated, and another process has it open."""
    try:
        with closing(files.connect(path)) as connection:
            has = applied(connection)
        return bool(has) and has != names(directory) and files.is_in_use(path)
    except (sqlite3.Error, OSError):
        return False


def bring_up_to_date(database: peewee.SqliteDatabase, directory: Path, *, migrate: bool) -> None:
    """Make the tables of a new database, or migrate an older one if `migrate` says so.

    To be called in a transaction, which the error undoes. Raises UnusableDatabase.
    """
    has, known = applied(database.connection()), names(directory)
    if unknown := sorted(set(has) - set(known)):
        raise UnusableDatabase(f"it was written by a newer version of Tracker ({unknown[-1]})")
    pending = [name for name in known if name not in has]
    if not pending:
        return
    if has and not migrate:
        raise UnusableDatabase(
            f"its schema is older ({has[-1]}) than this version of Tracker needs ({known[-1]}). "
            "Start the server, or run `python tracker.py migrate`: both keep a copy of it first"
        )
    if not has:
        Runner(database, str(directory)).up()
        return
    path = Path(database.database)
    kept = _keep_copy(path, has[-1])
    try:
        _migrate(database, directory, pending)
    except UnusableDatabase:
        kept.unlink()  # it is as the database is, and each try would add one
        raise
    _remove_old(path, kept)


def _keep_copy(path: Path, newest: str) -> Path:
    """Copy the database beside itself. First remove the rests of such copies that were interrupted."""
    for part in _beside(path, ".part"):
        if files.is_abandoned(part):
            part.unlink()
    target = path.with_name(f"{path.name}.before-{newest[:4]}-{clock().strftime(STAMP)}")
    say(f"The database is migrated. First it is copied to {target}.")
    try:
        files.copy(path, target)
    except UnusableDatabase as error:
        raise UnusableDatabase(f"it is not migrated, because there is no copy of it: {error}") from error
    return target


def _remove_old(path: Path, kept: Path) -> None:
    """Remove the oldest copies; never the new one, whatever the clock said when the others were made."""
    others = [copy for copy in copies(path) if copy != kept]
    for old in others[: max(0, len(others) + 1 - COPIES)]:
        old.unlink()
        say(f"{old} is removed: it was the oldest copy from before a migration.")


def copies(path: Path) -> list[Path]:
    """Return the copies that were made before migrations of this database, the oldest first."""
    return _beside(path, "")


def _beside(path: Path, end: str) -> list[Path]:
    """Return the files that are named like copies of this database, with this end, the oldest first."""
    pattern = re.compile(rf"{re.escape(path.name)}\.before-\d{{4}}-(\d{{8}}T\d{{6}}Z){re.escape(end)}")
    folder = path.absolute().parent
    found = [(match[1], other) for other in folder.iterdir() if (match := pattern.fullmatch(other.name))]
    return [path.with_name(other.name) for _, other in sorted(found) if other.is_file()]


def _migrate(database: peewee.SqliteDatabase, directory: Path, pending: list[str]) -> None:
    runner = Runner(database, str(directory))
    broken = _broken_references(database)
    for name in pending:
        say(f"Migration {name} …")
        try:
            runner.up(name)
        except Exception as error:  # a migration is any code
            raise UnusableDatabase(_failed(name, error)) from error
    if more := _broken_references(database) - broken:
        raise UnusableDatabase(_failed(pending[-1], f"{len(more)} rows refer to rows that do not exist"))


def _broken_references(database: peewee.SqliteDatabase) -> set[tuple[object, ...]]:
    return set(database.execute_sql("PRAGMA foreign_key_check").fetchall())


def _failed(name: str, reason: object) -> str:
    return (
        f"the migration {name} failed: {reason}. The database is as it was: start the version of Tracker "
        "that you had before, and report this"
    )
