"""Copies of the database while it is in use."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from storage.engine import PRIVATE, UnusableDatabase, database, new_epoch


def back_up(path: str | Path) -> None:
    """Write the open database, as it is at one moment, to a new file. Raises UnusableDatabase.

    The copy's log has another `epoch`. If the copy replaces the database, its log goes on from an earlier
    `seq`. From the epoch a reader that has read further knows that the next entries are different ones.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, PRIVATE))
    except OSError as error:
        raise UnusableDatabase(f"can't write {path}: {error.strerror}") from error
    try:
        with closing(sqlite3.connect(path)) as copy:
            database.connection().backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file
            copy.execute("UPDATE setting SET value = ? WHERE name = 'epoch'", (new_epoch(),))
            copy.commit()
    except sqlite3.Error as error:
        Path(path).unlink()
        raise UnusableDatabase(f"can't write {path}: {error}") from error
