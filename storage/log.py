"""The log of saves and deletions, in the order of their commits.

A save or delete appends its notification in its own transaction. A reader asks for the entries after a `seq`
of its own. This module sends nothing: after a commit the functions in `committed` wake the readers.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import peewee

from base.logs import event
from base.times import now
from base.values import to_json
from storage.engine import Model, Setting, database

log = logging.getLogger("tracker.saves")
MARK_BYTES = 6  # random ones, as 8 characters: two entries have the same mark once in 2**48 cases
LOG_START = "log_start"  # the setting that keeps the `seq` and the mark of the last pruned entry


TAIL = 10_000  # messages that a server reads at its start, for clients that come back to it


# The name of the person who saves, for the log.
actor: ContextVar[str | None] = ContextVar("actor", default=None)


committed: list[Callable[[], None]] = []  # called after each commit that appended to the log


HEAD = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'notification'), 0)"


def new_mark() -> str:
    """Return a random text for one entry or one version, in characters that a URL may have."""
    return secrets.token_urlsafe(MARK_BYTES)


class Notification(Model):
    """The log: one row a message, `seq` without gaps. `message` is the JSON without `seq` and `mark`.

    The mark is random. If the file is put back to an earlier state, the log goes on with entries whose `seq`
    readers have seen already. Their marks differ, even if their content is the same. Entries that were
    written before the migration 0009_marks have none.
    """

    seq = peewee.AutoField()
    model = peewee.TextField()
    object_id = peewee.IntegerField()
    created = peewee.TextField()
    message = peewee.TextField()
    mark = peewee.TextField(default="")

    @classmethod
    def append(cls, subject: str, type_: str, *, feature: str = "", **fields: Any) -> int:
        """Write one message about a feature, named by its id, in the transaction that changes it.

        `feature` is the JSON of the feature itself, if the message shows it. Returns the message's seq.
        """
        model, _, object_id = subject.partition(":")
        message = to_json({"type": type_, **fields, "actor": actor.get()})
        if feature:
            message = f'{message[:-1]},"feature":{feature}}}'
        cursor = database.execute_sql(
            "INSERT INTO notification (model, object_id, created, message, mark) VALUES (?, ?, ?, ?, ?)",
            (model, int(object_id), now(), message, new_mark()),
        )
        database.after_commit(_wake_readers)
        seq = int(cursor.lastrowid)
        event(log, logging.DEBUG, "An entry was appended", seq=seq, type=type_, subject=subject)
        return seq

    @classmethod
    def next_version(cls) -> str:
        """Return the version of the object in the next entry: the entry's `seq` and a random text.

        The random text keeps versions apart when the log goes on from an earlier `seq`, after a restore. To
        be called in the transaction that writes the entry.
        """
        (seq,) = database.execute_sql(HEAD).fetchone()
        return f"{seq + 1}-{new_mark()}"

    @classmethod
    def mark_at(cls, seq: int) -> str:
        """Return the mark of the entry at `seq`; "" if it has none, or was pruned with later ones."""
        row = database.execute_sql("SELECT mark FROM notification WHERE seq = ?", (seq,)).fetchone()
        if row is not None:
            return str(row[0])
        start = Setting.get_or_none(Setting.name == LOG_START)
        pruned, _, mark = start.value.partition(" ") if start else ("", "", "")
        return mark if pruned == str(seq) else ""

    @classmethod
    def position(cls) -> dict[str, Any]:
        """Return the `seq` and the `mark` of the newest entry, for a reader that continues after it."""
        (seq,) = database.execute_sql(HEAD).fetchone()
        return {"seq": seq, "mark": cls.mark_at(seq)}

    @classmethod
    def after(cls, seq: int, size: int) -> list[tuple[int, bytes]]:
        """Return messages after `seq` as (seq, JSON): at least one if there is any, about `size` bytes."""
        cursor = database.execute_sql(
            "SELECT seq, message, mark FROM notification WHERE seq > ? ORDER BY seq", (seq,)
        )
        entries: list[tuple[int, bytes]] = []
        for number, message, mark in cursor:
            marked = f'"mark":"{mark}",' if mark else ""
            entries.append((number, f'{{"seq":{number},{marked}{message[1:]}'.encode()))
            size -= len(message)
            if size <= 0:
                break
        cursor.close()
        database.sync()
        return entries

    @classmethod
    def tail(cls) -> int:
        """Return a `seq` after which there are at most TAIL messages. A server reads those at its start."""
        start, head = cls.bounds()
        return max(start, head - TAIL)

    @classmethod
    def bounds(cls) -> tuple[int, int]:
        """Return (start, head): a reader that is at `start` or later, up to `head`, has missed nothing."""
        first, head = database.execute_sql(
            "SELECT (SELECT min(seq) FROM notification), "
            "(SELECT seq FROM sqlite_sequence WHERE name = 'notification')"
        ).fetchone()
        return (first - 1 if first else head or 0), head or 0


def _wake_readers() -> None:
    for wake in committed:
        wake()
