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
from web.languages import gettext, ngettext
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
    refused = state().quota.refused
    loop = state().loop_watch
    own = process()
    rows = [
        ("Tracker", VERSION),
        ("Python", platform.python_version()),
        ("SQLite", sqlite3.sqlite_version),
        (gettext("Packages"), ", ".join(_packages())),
        (gettext("Database"), readable(found.database)),
        (gettext("Its -wal file"), readable(found.wal)),
        (
            gettext("Log"),
            ngettext(
                "%(count)s entry, about %(size)s",
                "%(count)s entries, about %(size)s",
                found.log_entries,
                count=format(found.log_entries, ","),
                size=readable(found.log),
            ),
        ),
        (
            gettext("Disk"),
            gettext("%(free)s free of %(all)s", free=readable(found.disk_free), all=readable(found.disk)),
        ),
        (
            gettext("Live pages"),
            gettext(
                "%(live)s, and %(behind)s behind",
                live=clients["live"] + clients["waiting"],
                behind=clients["behind"],
            ),
        ),
        (
            gettext("Refused"),
            gettext(
                "%(accounts)s pages by accounts' limits, %(addresses)s by addresses'",
                accounts=refused["account"],
                addresses=refused["address"],
            ),
        ),
        (
            gettext("Loop stalls"),
            gettext(
                "%(count)s, of at most %(longest)s ms",
                count=loop.stalls,
                longest=format(loop.longest * 1000, ".0f"),
            )
            if loop.stalls
            else gettext("none"),
        ),
    ]
    if own:
        rows += [
            (gettext("Memory"), readable(own.memory)),
            (
                gettext("Open files"),
                gettext(
                    "%(open)s of %(most)s", open=format(own.open_files, ","), most=format(own.max_files, ",")
                ),
            ),
        ]
    return rows


def _packages() -> Iterator[str]:
    for name in PACKAGES:
        try:
            yield f"{name} {version(name)}"
        except PackageNotFoundError:  # it was put here in another way
            yield gettext("%(package)s of an unknown version", package=name)


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
        yield gettext(
            "Unused parts of the database file may still hold an erased report. Run `erase --free-space`."
        )
    backup = models.last_backup()
    if backup.is_failing:
        yield gettext("The last backup failed: %(reason)s.", reason=backup.reason)
    if found.disk_free < LOW_DISK:
        yield gettext(
            "The disk has only %(size)s left. Make room before it is full.", size=readable(found.disk_free)
        )
    if found.wal > LARGE_WAL:
        yield gettext(
            "The -wal file has %(size)s. A program that reads for long keeps it so large.",
            size=readable(found.wal),
        )


def _limits_reached() -> Iterator[str]:
    accounts, addresses = state().quota.at_limit()
    if accounts:
        names = models.User.select(models.User.name).where(models.User.id << accounts[:SHOWN])
        who = ", ".join(user.name for user in names)
        yield gettext(
            "These accounts have as many live pages as they may: %(names)s. See TRACKER_SOCKETS_PER_ACCOUNT.",
            names=who,
        )
    if addresses:
        who = ", ".join(key.removeprefix(throttle.ADDRESS) for key in addresses[:SHOWN])
        yield gettext(
            "These addresses have as many live pages as they may: %(names)s. "
            "See TRACKER_SOCKETS_PER_ADDRESS.",
            names=who,
        )
    own = process()
    if own and own.open_files > MANY_FILES * own.max_files:
        yield gettext(
            "%(open)s of the %(most)s open files that the system allows are in use.",
            open=format(own.open_files, ","),
            most=format(own.max_files, ","),
        )
