"""`python tracker.py backup FILE`: copies the database."""

from __future__ import annotations

import argparse

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


def back_up(options: argparse.Namespace) -> None:
    """Copy the database. Raises UnusableDatabase."""
    from tqdm import tqdm  # only here: few commands show their progress

    with tqdm(total=0, unit="page", disable=None, leave=False) as bar:

        def show(left: int, pages: int) -> None:
            bar.total = pages
            bar.update(pages - left - bar.n)

        models.back_up(options.file, options.database, show)
    say(f"{options.file} is a complete copy of the database, in one file.")
