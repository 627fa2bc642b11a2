"""`python tracker.py prune`: deletes at once what is older than the periods of the settings."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from contextlib import ExitStack
from typing import IO, Any

import models
from base.settings import Settings
from base.terminal import say
from base.times import timestamp
from base.values import to_json
from commands.shared import Commands, add_command, confirm
from domain import retention
from domain.retention import KINDS, Periods
from storage.files import PRIVATE


def add_arguments(commands: Commands) -> None:
    """Add the command `prune` to the parser of tracker.py."""
    text = "delete what is older than TRACKER_KEEP_DAYS and the other periods, also while a server runs"
    parser = add_command(commands, "prune", text, prune)
    parser.add_argument("--dry-run", action="store_true", help="only say what would be deleted")
    parser.add_argument("--yes", action="store_true", help="do not ask before")
    force = "with --yes: delete it even if it is more than half of the log or of another kind"
    parser.add_argument("--force", action="store_true", help=force)
    parser.add_argument(
        "--export", metavar="FILE", help="first write it to this new file, as JSON Lines; it is private"
    )


def periods(settings: Settings) -> Periods:
    """Return the periods that the settings name."""
    return Periods(
        log=settings.keep_days,
        closed=settings.keep_closed_days,
        unconfirmed=settings.keep_unconfirmed_days,
        alerts=settings.keep_alerts_days,
        sign_ins=settings.keep_sign_ins_days,
    )


def prune(options: argparse.Namespace) -> None:
    """Say what is old and, if the person agrees, delete it. Raises TrackerError."""
    kept = periods(options.settings)
    if not any(kept):
        raise models.TrackerError("there is nothing to prune: no period is set (see TRACKER_KEEP_DAYS)")
    say(f"Ages are measured from {timestamp(retention.present())[:16]}Z.")
    old = {kind: cutoff for kind in KINDS if (cutoff := retention.cutoff_of(kind, kept))}
    counts = _report(old)
    if not any(counts.values()) or options.dry_run:
        return
    large = _large(counts)
    if large:
        say(f"This is more than half of: {', '.join(large)}. A wrong clock makes everything seem old.")
    if options.yes and large and not options.force:
        raise models.TrackerError("nothing was deleted: check the clock, and add --force if it is right")
    if not options.yes and not confirm("Delete all of it? Nobody can bring it back."):
        say("Nothing was deleted.")
        return
    with ExitStack() as stack:
        file = stack.enter_context(_new_file(options.export)) if options.export else None
        for kind, cutoff in old.items():
            export = _exporter(file, options.export, kind.name) if file else None
            say(retention.prune(kind, cutoff, export=export), f"{kind.name} deleted")


def _large(counts: dict[Any, int]) -> list[str]:
    """Return the kinds of which more than half would be deleted, except sign-ins, which are few."""
    return [
        kind.name for kind, count in counts.items() if kind.period != "sign_ins" and 2 * count > kind.total
    ]


def _report(old: dict[Any, str]) -> dict[Any, int]:
    """Print how many of each kind are old, and return it."""
    counts = {}
    for kind in KINDS:
        if kind not in old:
            say("-", kind.name, "kept for ever")
            continue
        counts[kind] = count = retention.count_old(kind, old[kind])
        say(count, kind.name, f"of {kind.total}, from before {old[kind][:16]}Z")
    floor = retention.log_floor()
    say(f"The log is kept from entry {floor.seq} in any case: {floor.why}.")
    return counts


def _new_file(path: str) -> IO[str]:
    """Open a new file that only this user can read. Raises TrackerError."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    except OSError as error:
        raise models.TrackerError(f"can't write {path}: {error.strerror}; nothing was deleted") from error
    return os.fdopen(descriptor, "w", encoding="utf-8")


def _exporter(file: IO[str], path: str, kind: str) -> Callable[[list[dict[str, Any]]], None]:
    """Return a function that puts rows on the disk, one a line."""

    def export(rows: list[dict[str, Any]]) -> None:
        try:
            file.writelines(f"{to_json({'kind': kind} | row)}\n" for row in rows)
            file.flush()
            os.fsync(file.fileno())
        except OSError as error:
            raise models.TrackerError(
                f"can't write {path}: {error.strerror}; what it does not have was not deleted"
            ) from error

    return export
