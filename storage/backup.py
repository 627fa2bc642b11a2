"""Backups of the database, and the outcome of the last ones.

A backup has a connection of its own, so that nobody waits for it.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from base.errors import TrackerError
from base.times import now
from storage import files
from storage.engine import Setting, database

GOOD, FAILED = "backup", "backup_failure"  # settings that hold JSON, see LastBackup
IS_OVER = "UPDATE setting SET value = json_set(value, '$.is_failing', json('false')) WHERE name = ?"
KEEP_VALUE = "INSERT INTO setting VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"


class Stopped(Exception):
    """A backup ends because the process does."""


@dataclass(frozen=True)
class LastBackup:
    """The last backup that succeeded, and the last one that failed. Times are ISO 8601; "" means never."""

    at: str = ""
    file: str = ""
    bytes: int = 0
    failed_at: str = ""
    reason: str = ""  # of that failure, as a sentence
    is_failing: bool = False  # whether none has succeeded since; the times may be of a wrong clock


def back_up(target: str | Path, source: str | Path | None = None, step: files.Step | None = None) -> None:
    """Write a database, by default the open one, to a new file. See files.copy.

    Success and failure are noted in the database itself, for `last_backup`. Raises UnusableDatabase.
    """
    source = source or database.database
    try:
        files.copy(source, target, step)
        values = {"at": now(), "file": str(Path(target).absolute()), "bytes": files.size_of(target)}
    except TrackerError as error:
        _note(source, FAILED, {"failed_at": now(), "reason": str(error), "is_failing": True})
        raise
    _note(source, GOOD, values)


# By database: the failure that it could not take, as when the disk is full.
_unnoted: dict[str, dict[str, Any]] = {}


def _note(source: str | Path, name: str, values: dict[str, Any]) -> None:
    """Keep the outcome in the database that was copied, if it is one of Tracker's and can be written."""
    _unnoted.pop(str(source), None)
    try:
        files.check_ours(source)
        with closing(files.connect(source, "rw")) as connection, connection:
            connection.execute(KEEP_VALUE, (name, json.dumps(values)))
            if name == GOOD:
                connection.execute(IS_OVER, (FAILED,))
    except (sqlite3.Error, TrackerError):
        _unnoted[str(source)] = values


def last_backup() -> LastBackup:
    """Return the outcome of the last backups of the open database, by the server and by the command."""
    found: dict[str, Any] = {}
    for row in Setting.select().where(Setting.name << (GOOD, FAILED)):
        with suppress(ValueError):
            found |= json.loads(row.value)
    found |= _unnoted.get(str(database.database), {})
    known = {field.name for field in fields(LastBackup)}
    return LastBackup(**{name: value for name, value in found.items() if name in known})
