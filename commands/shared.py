"""The common parts of the commands: parsers, opening the database, and the admins' log."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable
from typing import Any

import models
from base.settings import Settings
from base.terminal import say
from domain import admin_log
from models import User

APPLIED = "A running server applies a change at once."

Run = Callable[[argparse.Namespace], Any]
Commands = Any  # what add_subparsers() returns; argparse has no public name for it


def add_group(commands: Commands, parser_class: type, name: str, text: str, more: str) -> Commands:
    """Add a command with subcommands, such as `user`, and return their parser."""
    description = f"{text.capitalize()}. {more}"
    parser = commands.add_parser(name, help=text, description=description, allow_abbrev=False)
    return parser.add_subparsers(dest="action", metavar="action", required=True, parser_class=parser_class)


def add_command(group: Commands, name: str, text: str, run: Run, *arguments: str) -> argparse.ArgumentParser:
    """Add a command that calls `run`, with these required arguments, and return its parser."""
    parser: argparse.ArgumentParser = group.add_parser(name, help=text, description=text, allow_abbrev=False)
    for argument in arguments:
        parser.add_argument(argument, metavar=argument.upper())
    parser.add_argument("--database", metavar="FILE", default=argparse.SUPPRESS, help="see tracker.py --help")
    parser.set_defaults(run=run, creates=False, opens=True)
    return parser


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Run the command on the database, and return the exit status. Raises TrackerError.

    Only a command that sets `creates` makes the database file if there is none. A command that sets `opens`
    to false opens `options.database` itself; its function may return an exit status.
    """
    options.database = settings.database
    if not options.opens:
        return int(options.run(options) or 0)
    models.open_database(settings.database, create=options.creates, hold_reports=settings.hold_reports)
    options.settings = settings
    try:
        options.run(options)
    except models.Invalid as error:
        raise models.TrackerError("; ".join(error.fields.values())) from error
    finally:
        models.database.close()
    return 0


def log(action: str, user: User) -> None:
    """Append an action on an account to the admins' log, with the name of the system's user."""
    admin_log.note(action, user.name, who=system_user())


def system_user() -> str:
    """Return the name of the system's user, as the admins' log has it."""
    try:
        who = getpass.getuser()
    except (KeyError, OSError):  # a container may have no name for its user
        who = "somebody"
    return f"{who}, by command line"


def confirm(question: str) -> bool:
    """Ask a question, and return whether the answer is yes. Raises TrackerError if nobody can answer."""
    say(question, "Type yes to go on.")
    answer = sys.stdin.readline()
    if not answer:
        raise models.TrackerError("nobody has answered: say --yes if you are sure")
    return answer.strip().lower() in ("yes", "y")
