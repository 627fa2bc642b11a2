"""`python tracker.py check`: says whether the database is sound."""

from __future__ import annotations

import argparse
import sqlite3
import sys
from pathlib import Path

from base.terminal import say
from base.version import VERSION
from commands.shared import Commands, add_command
from domain import check
from storage import schema

MOST = 20  # problems of one part that are listed


def add_arguments(commands: Commands) -> None:
    """Add the command `check` to the parser of tracker.py."""
    text = "say whether the database is sound, also while a server runs; the exit status is 1 if it is not"
    add_command(commands, "check", text, run).set_defaults(opens=False)


def run(options: argparse.Namespace) -> int:
    """Check the database and return the exit status. Raises UnusableDatabase if it can't be read at all."""
    path, total = Path(options.database), 0
    try:
        with check.snapshot(path) as connection:
            newest = (schema.applied(connection) or ["none"])[-1]
            say(f"Tracker {VERSION}, SQLite {sqlite3.sqlite_version}, schema {newest}, {path}")
            for part in check.parts(connection, path):
                total += _run(part)
    except sqlite3.DatabaseError as error:
        say(f"the rest can't be read: {error}")
        total += 1
    say(f"{path} has {_problems(total)}." if total else f"{path} is sound.")
    return 1 if total else 0


def _run(part: check.Part) -> int:
    """Run one part, list its problems, and return how many there are."""
    from tqdm import tqdm  # only here: few commands show their progress

    found: list[str] = []
    count = 0
    with tqdm(
        total=part.rows, desc=part.title, unit="row", disable=None, leave=False, file=sys.stderr
    ) as bar:
        try:
            for problem in part.problems(bar.update):
                count += 1
                found = [*found, problem][:MOST]
        except sqlite3.DatabaseError as error:
            count += 1
            found.append(f"this can't be read: {error}")
    say(f"{part.title}: {_problems(count) if count else 'good'}")
    for problem in found:
        say(f"  {problem}")
    if count > len(found):
        say(f"  and {count - len(found)} more")
    return count


def _problems(count: int) -> str:
    return "1 problem" if count == 1 else f"{count} problems"
