"""The places in the log from which some reader still has to read: pruning leaves them.

A server knows its own readers, by the functions in `here`. It tells other processes on the same file by a
row, but only if one of its readers is far behind. So nothing is written in the ordinary case.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

import peewee

from base import times
from base.times import timestamp
from storage.engine import Model, database

FAR = timedelta(hours=1)  # the age of the next entry of a reader that is far behind
VALID = timedelta(minutes=3)  # for which a row counts; a server writes it each minute
FORGOTTEN = timedelta(days=1)  # after which the row of a server that is gone is deleted

here: list[Callable[[], int | None]] = []  # the lowest cursor of each group of readers in this process
process = secrets.token_hex(8)


class Reader(Model):
    """The lowest cursor of a server whose readers are far behind. `at` is when it wrote so."""

    process = peewee.TextField(primary_key=True)
    cursor = peewee.IntegerField()
    at = peewee.TextField()


def lowest() -> int | None:
    """Return the lowest cursor of a reader, as far as is known here; None without readers."""
    own = [cursor for lowest_of in here if (cursor := lowest_of()) is not None]
    now = times.clock()
    valid = Reader.at.between(timestamp(now - VALID), timestamp(now + VALID))
    others = Reader.select(peewee.fn.min(Reader.cursor)).where(valid, Reader.process != process).scalar()
    return min(own if others is None else [*own, others], default=None)


def publish() -> None:
    """Tell other processes how far behind the readers of this one are. To be called each minute."""
    now = times.clock()
    own = [cursor for lowest_of in here if (cursor := lowest_of()) is not None]
    if own and _is_far(min(own), now):
        Reader.replace(process=process, cursor=min(own), at=timestamp(now)).execute()
        return
    is_past = (Reader.process == process) | (Reader.at < timestamp(now - FORGOTTEN))
    if Reader.select().where(is_past).exists():
        Reader.delete().where(is_past).execute()


def _is_far(cursor: int, now: datetime) -> bool:
    row = database.execute_sql("SELECT created FROM notification WHERE seq = ?", (cursor + 1,)).fetchone()
    return row is not None and str(row[0]) < timestamp(now - FAR)
