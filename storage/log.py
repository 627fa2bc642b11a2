"""The log of saves and deletions, in the order of their commits.

A save or delete appends its notification in its own transaction. A reader asks for the entries after a `seq`
of its own. Nothing is sent from here: after a commit the functions in `committed` wake the readers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import peewee

from base.logs import event
from base.times import now
from base.values import to_json
from storage.engine import Model, database

log = logging.getLogger("tracker.saves")
EPOCH_PART = 4  # characters of the epoch in a version: enough, since the `seq` must be equal too


TAIL = 10_000  # messages that a server reads at its start, for clients that come back to it


actor: ContextVar[str | None] = ContextVar("actor", default=None)  # the name of who saves, for the log


committed: list[Callable[[], None]] = []  # called after each commit that appended to the log


NEXT_VERSION = """
SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'notification'), 0),
    (SELECT substr(value, 1, ?) FROM setting WHERE name = 'epoch')
"""


class Notification(Model):
    """The log: one row a message, `seq` without gaps. `message` is the JSON sent, less its `seq`."""

    seq = peewee.AutoField()
    model = peewee.TextField()
    object_id = peewee.IntegerField()
    created = peewee.TextField()
    message = peewee.TextField()

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
            "INSERT INTO notification (model, object_id, created, message) VALUES (?, ?, ?, ?)",
            (model, int(object_id), now(), message),
        )
        database.after_commit(_wake_readers)
        seq = int(cursor.lastrowid)
        event(log, logging.DEBUG, "An entry was appended", seq=seq, type=type_, subject=subject)
        return seq

    @classmethod
    def next_version(cls) -> str:
        """Return the version of the object in the next entry: the entry's `seq` and a part of the epoch.

        The epoch keeps versions apart after a restore from a backup, when the log goes on from an earlier
        `seq`. To be called in the transaction that writes the entry.
        """
        seq, epoch = database.execute_sql(NEXT_VERSION, (EPOCH_PART,)).fetchone()
        return f"{seq + 1}-{epoch}"

    @classmethod
    def after(cls, seq: int, size: int) -> list[tuple[int, bytes]]:
        """Return messages after `seq` as (seq, JSON): at least one if there is any, about `size` bytes."""
        cursor = database.execute_sql(
            "SELECT seq, message FROM notification WHERE seq > ? ORDER BY seq", (seq,)
        )
        entries: list[tuple[int, bytes]] = []
        for number, message in cursor:
            entries.append((number, b'{"seq":%d,%s' % (number, message[1:].encode())))
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
