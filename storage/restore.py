"""Puts a backup in the place of the database, which no process may have open."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from base.times import clock
from storage import files, schema
from storage.engine import MIGRATIONS
from storage.files import UnusableDatabase

COPY = "restoring"  # the end of the name of the file that becomes the database


@dataclass(frozen=True)
class Log:
    """Where the log of a database ends: its last entry, and when that was made. 0 and "" if there is none."""

    head: int = 0
    at: str = ""


def log_of(path: str | Path) -> Log:
    """Return where the log of a database ends. Raises sqlite3.Error if it can't be read."""
    with closing(files.connect(path)) as connection:
        row = connection.execute("SELECT seq, created FROM notification ORDER BY seq DESC LIMIT 1").fetchone()
    return Log(*row) if row else Log()


def prepare(backup: str | Path, path: Path) -> Path:
    """Copy a backup beside the database, check it, give it a new epoch, and return the copy's path.

    Raises UnusableDatabase.
    """
    _check_known(backup)
    if path.exists() and os.path.samefile(backup, path):
        raise UnusableDatabase(f"{backup} is the database itself")
    copy = path.with_name(f"{path.name}.{COPY}")
    for left in (copy, copy.with_name(f"{copy.name}.part")):  # by a restore that was interrupted
        left.unlink(missing_ok=True)
    files.copy(backup, copy)
    owner = (path if path.exists() else path.absolute().parent).stat()
    with suppress(PermissionError):  # only root can give the file to the account that the server runs as
        os.chown(copy, owner.st_uid, owner.st_gid)
    return copy


def _check_known(backup: str | Path) -> None:
    if not Path(backup).is_file():
        raise UnusableDatabase(f"can't restore {backup}: there is no such file")
    try:
        files.check_ours(backup)
        with closing(files.connect(backup)) as connection:
            unknown = set(schema.applied(connection)) - set(schema.names(MIGRATIONS))
    except (sqlite3.Error, UnusableDatabase) as error:
        raise UnusableDatabase(f"can't restore {backup}: {error}") from error
    if unknown:
        raise UnusableDatabase(f"{backup} was written by a newer version of Tracker ({max(unknown)})")


def replace(path: Path, copy: Path) -> Path | None:
    """Put the copy in the place of the database. Return the name that the old one has now; None without one.

    Raises UnusableDatabase if a process has the database open.
    """
    aside = _unused(path.with_name(f"{path.name}.replaced-{clock().strftime(schema.STAMP)}"))
    if not path.exists():
        _move_others(path, aside)
        _put(copy, path)
        return None
    _empty_log(path)
    lock = files.lock_out(path)
    try:
        try:
            os.link(path, aside)  # and not a rename: a server that starts in this moment finds one of the two
        except PermissionError:  # some file systems know no links
            os.rename(path, aside)
        _move_others(path, aside)
        _put(copy, path)
    finally:
        os.close(lock)
    return aside


def _unused(path: Path) -> Path:
    """Return this path, or with a number at its end if a restore in the same second has taken it."""
    taken, number = {entry.name for entry in path.parent.iterdir()}, 1
    found = path
    while any(f"{found.name}{end}" in taken for end in ("", *files.BESIDE)):
        number += 1
        found = path.with_name(f"{path.name}-{number}")
    return found


def _empty_log(path: Path) -> None:
    """Move what is in the -wal into the database, so that the old file is whole by itself."""
    with suppress(sqlite3.Error), closing(files.connect(path, "rw")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _move_others(path: Path, aside: Path) -> None:
    """Let no -wal of the old database be taken for the new one's. The old one keeps it: it may hold saves."""
    for end in files.BESIDE:
        other = Path(f"{path}{end}")
        if end == "-shm":
            other.unlink(missing_ok=True)
        elif other.exists():
            os.rename(other, f"{aside}{end}")


def _put(copy: Path, path: Path) -> None:
    os.replace(copy, path)
    files.flush_folder(path)
