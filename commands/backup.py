"""`python tracker.py backup FILE`: copies the database."""

from __future__ import annotations

import argparse
import shlex

import models
from base.terminal import say
from commands.shared import Commands, add_command


def add_arguments(commands: Commands) -> None:
    """Add the command `backup` to the parser of tracker.py."""
    text = "copy the database to a new file, also while a server runs"
    parser = add_command(commands, "backup", text, back_up)
    parser.set_defaults(opens=False)  # a database of any version can be copied, and stays of that version
    parser.add_argument(
        "file", metavar="FILE", help="the new file; it holds secrets, so only you can read it"
    )
    for name in ("--every", "--keep"):  # are for the server, as `back_up` says
        parser.add_argument(name, help=argparse.SUPPRESS)


def back_up(options: argparse.Namespace) -> None:
    """Copy the database. Raises TrackerError."""
    if options.every or options.keep:
        raise models.TrackerError(_how_to_schedule(options))
    from tqdm import tqdm  # only here: few commands show their progress

    with tqdm(total=0, unit="page", disable=None, leave=False) as bar:

        def show(left: int, pages: int) -> None:
            bar.total = pages
            bar.update(pages - left - bar.n)

        models.back_up(options.file, options.database, show)
    say(f"{options.file} is a complete copy of the database, in one file.")


def _how_to_schedule(options: argparse.Namespace) -> str:
    """Return the sentence that says how the server makes the backups that this command was asked for."""
    named = {"folder": options.file, "every": options.every, "keep": options.keep}
    words = " ".join(f"--backup-{name} {shlex.quote(value)}" for name, value in named.items() if value)
    return f"the server makes these backups by itself. Start it with: python tracker.py {words}"
