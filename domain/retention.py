"""Deletes what is older than the periods that the operator has set, in small transactions.

Entries of the log are deleted from its start. `log_floor` is the first entry that somebody still needs.

A wrong clock may be days or years ahead. Two rules limit what it can do. Ages are measured at most a day
after the newest entry of the log. And a server deletes only a share of each kind in an hour.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple, NoReturn

import gevent

from base import times
from base.loop import pause
from base.times import timestamp
from base.values import to_json
from domain import readers
from domain.incidents import Incident
from domain.tracked import latest_credible
from storage import free_space
from storage.engine import WRITE_GAP_S, Setting, database
from storage.log import LOG_START, Notification

PORTION = 200  # rows that are deleted in one transaction
PORTION_BYTES = 128 << 10  # of messages in it; an area's may have a megabyte
CHECKPOINTS = 8  # portions between two: at most 2,000 pages are written then
INCIDENTS = 10  # that are deleted in one transaction: each ends its alerts and is logged
WINDOW = 1000  # rows that are looked at, at once
QUIET = timedelta(days=1)  # after the newest entry: a clock that is further ahead is not believed
LOOK_S = 60.0  # between two looks at the readers
LOOKS = 60  # after which a server prunes: an hour

log = logging.getLogger(__name__)


class Periods(NamedTuple):
    """After how many days something is deleted, by kind; 0 for never."""

    log: float = 0
    closed: float = 0
    unconfirmed: float = 0
    alerts: float = 0
    sign_ins: float = 0


class Kind(NamedTuple):
    """Rows of one table that are deleted when they are old enough. `old` is the SQL; its `?` is a time."""

    name: str  # for people, in the plural
    period: str  # the field of Periods
    table: str
    old: str
    portion: int = PORTION

    @property
    def total(self) -> int:
        """The number of rows of the table."""
        return int(database.execute_sql(f"SELECT count(*) FROM {self.table}").fetchone()[0])  # noqa: S608  # nosec B608 (our names)

    def portions(self, cutoff: str) -> Iterator[list[int]]:
        """Yield the ids of old rows, a portion at a time, and an empty list for a piece without any."""
        last = 0
        window = f"SELECT max(id) FROM (SELECT id FROM {self.table} WHERE id > ? ORDER BY id LIMIT ?)"  # noqa: S608  # nosec B608
        old = f"SELECT id FROM {self.table} WHERE id > ? AND id <= ? AND {self.old} ORDER BY id"  # noqa: S608  # nosec B608
        while (end := database.execute_sql(window, (last, WINDOW)).fetchone()[0]) is not None:
            ids = [id_ for (id_,) in database.execute_sql(old, (last, end, cutoff)).fetchall()]
            for start in range(0, max(len(ids), 1), self.portion):
                yield ids[start : start + self.portion]
            last = end

    def rows(self, ids: list[int]) -> list[dict[str, Any]]:
        """Return the rows as they are exported."""
        sql = f"SELECT * FROM {self.table} WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id"  # noqa: S608  # nosec B608
        cursor = database.execute_sql(sql, (to_json(ids),))
        names = [name for name, *_ in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def delete(self, ids: list[int], cutoff: str) -> int:
        """Delete those of these rows that are still old, in one transaction. Return how many."""
        still = f"WHERE id IN (SELECT value FROM json_each(?)) AND {self.old}"  # noqa: S608  # nosec B608
        with database.atomic():
            if self.table == "incident":
                sql = f"SELECT id FROM incident {still}"  # noqa: S608  # nosec B608
                found = [id_ for (id_,) in database.execute_sql(sql, (to_json(ids), cutoff)).fetchall()]
                for id_ in found:
                    Incident.find(id_).delete_instance()  # ends its alerts, and tells readers
                return len(found)
            sql = f"DELETE FROM {self.table} {still}"  # noqa: S608  # nosec B608
            return int(database.execute_sql(sql, (to_json(ids), cutoff)).rowcount)


class LogKind:
    """The entries of the log. They are deleted from its start only, so that it has no gap."""

    name, period = "log entries", "log"

    @property
    def total(self) -> int:
        """The number of entries of the log."""
        start, head = Notification.bounds()
        return head - start

    def portions(self, cutoff: str) -> Iterator[list[int]]:
        """Yield the `seq` of old entries that nobody needs, a portion at a time."""
        last, _ = Notification.bounds()
        while seqs := self._portion(last, cutoff):
            yield seqs
            last = seqs[-1]

    def _portion(self, last: int, cutoff: str) -> list[int]:
        """Return the `seq` of the next old entries.

        An entry from the future was written by a wrong clock. It is as old as the next entry that was not.
        """
        cursor = database.execute_sql(
            "SELECT seq, created, length(message) FROM notification "
            "WHERE seq > ? AND seq < ? ORDER BY seq LIMIT ?",
            (last, log_floor().seq, PORTION),
        )
        credible, seqs, size = latest_credible(), [], 0
        for seq, created, length in cursor:
            if (created if created <= credible else _next_credible(seq, credible)) >= cutoff:
                break
            seqs.append(seq)
            size += length
            if size >= PORTION_BYTES:
                break
        cursor.close()
        return seqs

    def rows(self, ids: list[int]) -> list[dict[str, Any]]:
        """Return the entries as they are exported."""
        found = database.execute_sql(
            "SELECT seq, created, mark, message FROM notification WHERE seq BETWEEN ? AND ? ORDER BY seq",
            (ids[0], ids[-1]),
        )
        return [
            {"seq": seq, "created": created, "mark": mark, "message": json.loads(message)}
            for seq, created, mark, message in found.fetchall()
        ]

    def delete(self, ids: list[int], _cutoff: str) -> int:
        """Delete the log up to the last of these entries, or less if somebody needs more by now.

        The mark of the last one stays: a reader that has just read it has missed nothing.
        """
        with database.atomic():
            last = min(ids[-1], log_floor().seq - 1)
            if last < ids[0]:
                return 0
            Setting.replace(name=LOG_START, value=f"{last} {Notification.mark_at(last)}").execute()
            return int(database.execute_sql("DELETE FROM notification WHERE seq <= ?", (last,)).rowcount)


def _next_credible(seq: int, credible: str) -> str:
    """Return the time of the first entry after `seq` that is not from the future; the latest time if none."""
    row = database.execute_sql(
        "SELECT created FROM notification WHERE seq > ? AND created <= ? ORDER BY seq LIMIT 1",
        (seq, credible),
    ).fetchone()
    return str(row[0]) if row else credible


class Floor(NamedTuple):
    """The first entry that must stay, with all after it, and why."""

    seq: int
    why: str


OPEN_AND_UNREAD = """
SELECT min(raised_seq), id FROM alert
WHERE cleared IS NULL AND raised_seq > (SELECT min(read_seq) FROM user WHERE active = 1)
"""


def log_floor() -> Floor:
    """Return the first entry of the log that somebody still needs.

    Everything that needs old entries has its lines here, and nowhere else: an undo period will have, too.
    """
    _, head = Notification.bounds()
    found = [Floor(head, "it is the newest entry")]
    raised, alert = database.execute_sql(OPEN_AND_UNREAD).fetchone()
    if raised is not None:  # the save that raised it is the entry before
        found.append(Floor(raised - 1, f"alert {alert} is open, and an account has not read it"))
    cursor = readers.lowest()
    if cursor is not None:
        found.append(Floor(cursor + 1, "a page or program is still reading from there"))
    return min(found)


KINDS: tuple[Kind | LogKind, ...] = (
    Kind("closed incidents", "closed", "incident", "closed = 1 AND updated < ?", INCIDENTS),
    Kind("unconfirmed reports", "unconfirmed", "incident", "verified = 0 AND updated < ?", INCIDENTS),
    Kind("past alerts", "alerts", "alert", "cleared < ?"),
    Kind("sign-ins", "sign_ins", "sign_in", "created < ?"),
    Kind("refused sign-ins", "sign_ins", "refusal", "created < ?"),
    LogKind(),
)


def present() -> datetime:
    """Return the time from which ages are measured: now, but at most QUIET after the newest entry."""
    now = times.clock()
    row = database.execute_sql("SELECT created FROM notification ORDER BY seq DESC LIMIT 1").fetchone()
    return now if row is None else min(now, datetime.fromisoformat(row[0]) + QUIET)


def cutoff_of(kind: Kind | LogKind, periods: Periods) -> str | None:
    """Return the time before which rows of this kind are old; None if they are kept for ever."""
    days = getattr(periods, kind.period)
    return timestamp(present() - timedelta(days=days)) if days else None


def count_old(kind: Kind | LogKind, cutoff: str) -> int:
    """Return how many rows would be deleted. Lets other greenlets run."""
    count = 0
    for ids in kind.portions(cutoff):
        count += len(ids)
        pause(0)
    return count


def prune(
    kind: Kind | LogKind,
    cutoff: str,
    most: float = math.inf,
    export: Callable[[list[dict[str, Any]]], None] | None = None,
) -> int:
    """Delete old rows of a kind, at most about `most`, and return how many. Lets other greenlets run.

    `export` is called with the rows of each portion before they are deleted. If it raises, they stay.
    """
    count = 0
    for number, ids in enumerate(kind.portions(cutoff), 1):
        if count >= most:
            break
        wanted = ids[: math.ceil(min(most - count, len(ids)))]
        if wanted and export is not None:
            export(kind.rows(wanted))
        count += kind.delete(wanted, cutoff) if wanted else 0
        pause(WRITE_GAP_S)
        if number % CHECKPOINTS == 0:
            free_space.checkpoint()
    return count


def in_an_hour(kind: Kind | LogKind, periods: Periods) -> int:
    """Return how many rows of a kind a server may delete in an hour.

    In a day it is a tenth of them. If the period is short, it is twice the part that becomes old in a day,
    but at most the half. So a clock that is years ahead for an hour costs a fiftieth at most.
    """
    share = min(0.5, max(0.1, 2 / getattr(periods, kind.period)))
    return max(1, math.ceil(kind.total * share / 24))


def prune_an_hour(periods: Periods) -> dict[str, int]:
    """Delete what a server may delete in an hour. Return how many rows, by the names of the kinds."""
    counts = {}
    for kind in KINDS:
        cutoff = cutoff_of(kind, periods)
        if cutoff is not None:
            counts[kind.name] = prune(kind, cutoff, in_an_hour(kind, periods))
    return counts


def watch(periods: Periods) -> NoReturn:
    """Tell other processes where readers are, and prune each hour, for as long as the server runs."""
    while True:
        for _ in range(LOOKS):
            gevent.sleep(LOOK_S)
            _succeeds(readers.publish)
        _succeeds(partial(prune_an_hour, periods))


def _succeeds(step: Callable[[], object]) -> None:
    try:
        step()
    except Exception:
        log.exception("Can't prune the database; the next try is in an hour")
