"""`python tracker.py migrate`: brings an older database up to date, as a start of the server does."""

from __future__ import annotations

import argparse

import models
from base.terminal import say
from commands.shared import Commands, add_command
from storage import schema
from storage.engine import MIGRATIONS


def add_arguments(commands: Commands) -> None:
    """Add the command `migrate` to the parser of tracker.py."""
    text = "bring an older database up to date, as a start of the server does; a copy is made first"
    add_command(commands, "migrate", text, migrate).set_defaults(opens=False)


def migrate(options: argparse.Namespace) -> None:
    """Migrate the database. Raises UnusableDatabase."""
    models.open_database(options.database, create=False, migrate=True)
    models.database.close()
    say(f"{options.database} has the newest schema ({schema.names(MIGRATIONS)[-1]}).")
