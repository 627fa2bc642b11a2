"""How large the database's files are, and how much room the disk has."""

from __future__ import annotations

import os
from typing import NamedTuple

from storage.engine import database
from storage.log import Notification

SAMPLE = 200  # newest entries from which the size of the log is estimated

# Bytes, not characters, of the newest messages.
MEAN_SIZE = """
SELECT coalesce(avg(length(CAST(message AS BLOB))), 0)
FROM (SELECT message FROM notification ORDER BY seq DESC LIMIT ?)
"""


class Sizes(NamedTuple):
    """All in bytes, but for the number of entries."""

    database: int
    wal: int
    log_entries: int
    log: int  # about: the mean of the newest entries, times their number
    disk_free: int  # for whom this process runs
    disk: int


def sizes() -> Sizes:
    """Return the sizes of the open database. Raises OSError, peewee.DatabaseError."""
    path = os.path.abspath(database.database)
    start, head = Notification.bounds()
    (mean,) = database.execute_sql(MEAN_SIZE, (SAMPLE,)).fetchone()
    disk = os.statvfs(os.path.dirname(path))
    return Sizes(
        database=_size(path),
        wal=_size(f"{path}-wal"),
        log_entries=head - start,
        log=int(mean * (head - start)),
        disk_free=disk.f_bavail * disk.f_frsize,
        disk=disk.f_blocks * disk.f_frsize,
    )


def _size(path: str) -> int:
    """Return the size of a file; 0 if there is none."""
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0
