"""The facts about the running server that /admin/ shows: versions, sizes, the last backup, and problems."""

from __future__ import annotations

import platform
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

import models
from base.process import STARTED, process
from base.times import timestamp
from base.version import VERSION
from domain import throttle
from storage import free_space
from storage.sizes import Sizes, sizes
from web.state import state

PACKAGES = ("gevent", "flask", "peewee", "shapely")  # whose versions matter when something goes wrong
LOW_DISK = 256 << 20  # bytes that are left, below which the page warns; a backup needs room, too
LARGE_WAL = 64 << 20  # bytes: four times as large as it grows between two checkpoints
MANY_FILES = 0.8  # of the open files that the system allows
SHOWN = 5  # accounts or addresses that a warning names


def readable(size: float) -> str:
    """Return a number of bytes for people."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def facts() -> list[tuple[str, str]]:
    """Return what the page lists, as pairs of a name and a value."""
    found, clients = sizes(), state().group.states()
    entries = "entry" if found.log_entries == 1 else "entries"
    refused = state().quota.refused
    loop = state().loop_watch
    own = process()
    rows = [
        ("Tracker", VERSION),
        ("Python", platform.python_version()),
        ("SQLite", sqlite3.sqlite_version),
        ("Packages", ", ".join(_packages())),
        ("Database", readable(found.database)),
        ("Its -wal file", readable(found.wal)),
        ("Log", f"{found.log_entries:,} {entries}, about {readable(found.log)}"),
        ("Disk", f"{readable(found.disk_free)} free of {readable(found.disk)}"),
        ("Live pages", f"{clients['live'] + clients['waiting']}, and {clients['behind']} behind"),
        ("Refused", f"{refused['account']} pages by accounts' limits, {refused['address']} by addresses'"),
        ("Loop stalls", f"{loop.stalls}, of at most {loop.longest * 1000:.0f} ms" if loop.stalls else "none"),
    ]
    if own:
        rows += [
            ("Memory", readable(own.memory)),
            ("Open files", f"{own.open_files:,} of {own.max_files:,}"),
        ]
    return rows


def _packages() -> Iterator[str]:
    for name in PACKAGES:
        try:
            yield f"{name} {version(name)}"
        except PackageNotFoundError:  # it was put here in another way
            yield f"{name} of an unknown version"


def started() -> str:
    """Return when the server started, as a timestamp."""
    return timestamp(datetime.fromtimestamp(STARTED, UTC))


def problems() -> list[str]:
    """Return a sentence for each limit that is exceeded or reached."""
    return [*_storage_problems(sizes()), *_limits_reached()]


def _storage_problems(found: Sizes) -> Iterator[str]:
    if reason := models.database.why_not_writable():
        yield reason
    if free_space.is_due():
        yield "Unused parts of the database file may still hold an erased report. Run `erase --free-space`."
    backup = models.last_backup()
    if backup.is_failing:
        yield f"The last backup failed: {backup.reason}."
    if found.disk_free < LOW_DISK:
        yield f"The disk has only {readable(found.disk_free)} left. Make room before it is full."
    if found.wal > LARGE_WAL:
        yield f"The -wal file has {readable(found.wal)}. A program that reads for long keeps it so large."


def _limits_reached() -> Iterator[str]:
    accounts, addresses = state().quota.at_limit()
    if accounts:
        names = models.User.select(models.User.name).where(models.User.id << accounts[:SHOWN])
        who = ", ".join(user.name for user in names)
        yield f"These accounts have as many live pages as they may: {who}. See TRACKER_SOCKETS_PER_ACCOUNT."
    if addresses:
        who = ", ".join(key.removeprefix(throttle.ADDRESS) for key in addresses[:SHOWN])
        yield f"These addresses have as many live pages as they may: {who}. See TRACKER_SOCKETS_PER_ADDRESS."
    own = process()
    if own and own.open_files > MANY_FILES * own.max_files:
        yield f"{own.open_files:,} of the {own.max_files:,} open files that the system allows are in use."
