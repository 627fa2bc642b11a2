"""`python tracker.py restore FILE`: puts a backup in the place of the database."""

from __future__ import annotations

import argparse
import sqlite3
from pathlib import Path

import models
from base.terminal import say
from commands.shared import Commands, add_command
from storage import files, restore


def add_arguments(commands: Commands) -> None:
    """Add the command `restore` to the parser of tracker.py."""
    text = "put a backup in the place of the database; no server may run"
    parser = add_command(commands, "restore", text, run)
    parser.set_defaults(opens=False)
    parser.add_argument("file", metavar="FILE", help="the backup, which stays as it is")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def run(options: argparse.Namespace) -> None:
    """Check the backup, ask, and replace the database. Raises TrackerError."""
    path = Path(options.database).resolve()
    _check_unused(path)
    copy = restore.prepare(options.file, path)
    try:
        say(f"{options.file} is whole. {_extent(copy)}")
        if path.exists():
            say(f"It replaces {path}. {_extent(path)}")
        if not options.yes and not _agreed():
            raise models.TrackerError("nothing is restored. To restore without a question, give --yes")
        try:
            aside = restore.replace(path, copy)
        except OSError as error:
            raise models.TrackerError(f"can't replace {path}: {error.strerror}") from error
    finally:
        copy.unlink(missing_ok=True)
    if aside:
        say(f"The database of before is {aside} now.")
    say(f"{path} is restored. Open pages load it anew when the server runs.")


def _check_unused(path: Path) -> None:
    """Raise UnusableDatabase if the database is in use: before a long copy, and before the question."""
    try:
        if path.exists() and files.is_in_use(path):
            raise models.UnusableDatabase(f"{path} is in use: stop the server and all commands first")
    except OSError as error:
        raise models.UnusableDatabase(f"can't use the database {path}: {error.strerror}") from error


def _extent(path: Path) -> str:
    try:
        log = restore.log_of(path)
    except sqlite3.Error as error:
        return f"It can't be read: {error}."
    return f"Its log ends with entry {log.head} of {log.at[:19]}Z." if log.head else "Its log is empty."


def _agreed() -> bool:
    try:
        return input("Restore it? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False
