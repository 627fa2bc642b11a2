"""`python tracker.py migrate`: brings an older database up to date, as a start of the server does."""

from __future__ import annotations

import argparse
import sqlite3
from contextlib import closing

import models
from base.terminal import say
from commands.shared import Commands, add_command
from storage import files, schema
from storage.engine import MIGRATIONS


def add_arguments(commands: Commands) -> None:
    """Add the command `migrate` to the parser of tracker.py."""
    text = "bring an older database up to date, as a start of the server does; a copy is made first"
    add_command(commands, "migrate", text, migrate).set_defaults(opens=False)


def migrate(options: argparse.Namespace) -> None:
    """Migrate the database. Raises UnusableDatabase, also while a server of an older version runs."""
    path = options.database
    if _pending(path) and files.is_in_use(path):
        raise models.UnusableDatabase(f"{path} is in use: stop the server and all commands first")
    models.open_database(path, create=False, migrate=True)
    models.database.close()
    say(f"{path} has the newest schema ({schema.names(MIGRATIONS)[-1]}).")


def _pending(path: str) -> bool:
    """Return whether there is something to migrate. Errors are left to `open_database`."""
    try:
        with closing(files.connect(path)) as connection:
            return schema.applied(connection) != schema.names(MIGRATIONS)
    except sqlite3.Error:
        return False
