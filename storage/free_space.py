"""Overwrites what the database file holds in places that SQLite does not use at present.

With `secure_delete` SQLite overwrites what is deleted. But when it moves rows to another page, it leaves
copies in the unused part of the old page. If such a row is deleted later, its copies stay: of 5,604 texts
that were deleted, 14 could still be read in the file. VACUUM writes the whole file anew.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing, suppress
from functools import cache
from pathlib import Path

from gevent import monkey
from gevent.threadpool import ThreadPool

from storage.engine import Setting, database
from storage.files import LOCK_WAIT_S, UnusableDatabase

DUE = "free_space"  # the setting that says so
MOST_BYTES = 128 << 20  # of a file that a server rewrites while people save: 223 MB took 4.4 s
AGAIN_S = 0.1  # between two attempts to empty the write-ahead log while others read

_sleep = monkey.get_original("time", "sleep")  # for the thread: gevent's would give it an event loop


def note() -> None:
    """Note that the unused parts must be overwritten. To be called in the transaction that erases."""
    Setting.replace(name=DUE, value="holds what was erased").execute()


def is_due() -> bool:
    """Return whether something was erased that the unused parts may still hold."""
    return Setting.get_or_none(Setting.name == DUE) is not None


def is_large() -> bool:
    """Return whether rewriting the file would hold up saves for long."""
    return Path(database.database).stat().st_size > MOST_BYTES


def overwrite() -> None:
    """Write the file anew without its unused parts, and empty the write-ahead log. Raises UnusableDatabase.

    Other greenlets run meanwhile, but saves have to wait. It takes as much space on the disk again.
    """
    if error := _worker().apply(_try_vacuum, (str(database.database),)):
        raise UnusableDatabase(
            f"the erased content may still be in unused parts of the database file: {error}. "
            "Run `python tracker.py erase --free-space` when nothing else uses the file."
        ) from error
    Setting.delete().where(Setting.name == DUE).execute()


def checkpoint() -> None:
    """Write what the write-ahead log holds into the file, in a thread. Saves go on meanwhile.

    Without this, the save that fills the log would do it, and all others would wait: 50 ms for 16 MB.
    """
    _worker().apply(_checkpoint, (str(database.database),))


def _checkpoint(path: str) -> None:
    with closing(sqlite3.connect(path, timeout=0)) as connection, suppress(sqlite3.Error):  # another time
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()


@cache
def _worker() -> ThreadPool:
    return ThreadPool(1)


def _try_vacuum(path: str) -> sqlite3.Error | None:
    """Return the error: gevent prints one that is raised in a thread."""
    try:
        _vacuum(path)
    except sqlite3.Error as error:
        return error
    return None


def _vacuum(path: str) -> None:
    with closing(sqlite3.connect(path, timeout=LOCK_WAIT_S)) as connection:
        connection.execute("PRAGMA secure_delete = 1")
        connection.execute("VACUUM")
        connection.execute("PRAGMA busy_timeout = 0")  # while SQLite waits for readers, it keeps saves out
        deadline = time.monotonic() + LOCK_WAIT_S
        while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            if time.monotonic() > deadline:
                raise sqlite3.OperationalError("another program is reading the file, so its -wal stays")
            _sleep(AGAIN_S)
