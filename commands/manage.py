"""`python tracker.py user …`, `token …` and `backup FILE`: accounts, tokens and copies from the command line.

A password comes from a prompt, or from standard input if that is no terminal; never from an argument, where
every process on the machine could read it. A running server heeds a change at once.
"""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable
from typing import Any

import models
from base.settings import Settings
from base.terminal import say
from domain import accounts, admin_log, totp
from domain.accounts import ROLES, Token
from models import Session, User

HEEDED = "A running server heeds a change at once."
PASSWORDS = (
    f"{HEEDED} A password comes from a prompt, or from standard input if that is no terminal; never from an "
    "argument, where every process on the machine could read it."
)

Run = Callable[[argparse.Namespace], None]
Commands = Any  # what add_subparsers() returns, which has no public name


def add_arguments(commands: Commands, parser_class: type) -> None:
    """Add the commands `user` and `token` to the parser of `tracker.py`."""
    user = _group(commands, parser_class, "user", "manage the accounts", PASSWORDS)
    add = _command(user, "add", "create an account", user_add, "name")
    add.add_argument("--role", choices=ROLES, default="editor", help="(default: %(default)s)")
    _command(user, "list", "list the accounts", user_list)
    role = _command(user, "role", "change what an account may do", user_role, "name")
    role.add_argument("role", choices=ROLES)
    _command(user, "password", "set a password, and end the account's sessions", user_password, "name")
    _command(
        user, "deactivate", "shut an account out, and end its sessions and tokens", user_deactivate, "name"
    )
    _command(user, "activate", "let an account in again", user_activate, "name")
    codes = _command(user, "totp", "tell whether a sign-in asks for a code", user_totp, "name")
    codes.add_argument("--off", action="store_true", help="ask for no more codes: the phone is lost")

    token = _group(commands, parser_class, "token", "manage the tokens for the API", HEEDED)
    add = _command(token, "add", "create a token and print it, once", token_add, "name")
    add.add_argument("label", metavar="LABEL", help="what it is for")
    add.add_argument("--read-only", action="store_true", help="it changes nothing")
    add.add_argument("--days", type=float, help="after which it ends (default: never)")
    listing = _command(token, "list", "list the tokens", token_list)
    listing.add_argument("name", metavar="NAME", nargs="?", help="of this account only")
    revoke = _command(token, "revoke", "make a token worthless", token_revoke)
    revoke.add_argument("id", metavar="ID", type=int, help="as `token list` shows it")

    backup = _command(
        commands, "backup", "copy the database to a new file, while a server runs, too", back_up
    )
    backup.add_argument(
        "file", metavar="FILE", help="where to; it holds secrets, and is readable by you only"
    )


def _group(commands: Commands, parser_class: type, name: str, text: str, more: str) -> Commands:
    description = f"{text.capitalize()}. {more}"
    parser = commands.add_parser(name, help=text, description=description, allow_abbrev=False)
    return parser.add_subparsers(dest="action", metavar="action", required=True, parser_class=parser_class)


def _command(
    group: Commands,
    name: str,
    text: str,
    run: Run,
    *arguments: str,
) -> argparse.ArgumentParser:
    parser = group.add_parser(name, help=text, description=text, allow_abbrev=False)
    for argument in arguments:
        parser.add_argument(argument, metavar=argument.upper())
    parser.add_argument("--database", metavar="FILE", default=argparse.SUPPRESS, help="see tracker.py --help")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Do what is asked and return the exit status. Raises TrackerError.

    Only an account that is added makes the database's file: one that is to be read must be there.
    """
    models.open_database(
        settings.database, create=options.run is user_add, hold_reports=settings.hold_reports
    )
    try:
        options.run(options)
    except models.Invalid as error:
        raise models.TrackerError("; ".join(error.fields.values())) from error
    finally:
        models.database.close()
    return 0


def user_add(options: argparse.Namespace) -> None:
    user = accounts.create(options.name, options.role, _new_password())
    _log(f"account created as {user.role}", user)
    say(f"{user.name} may sign in as {user.role}.")


def user_list(_options: argparse.Namespace) -> None:
    for user in User.select().order_by(User.name):
        state = "active" if user.active else "not active"
        sessions = Session.select().where(Session.user == user.id).count()
        say(user.name, user.role, state, f"{sessions} sessions", f"since {user.created[:10]}")


def user_role(options: argparse.Namespace) -> None:
    user = accounts.find(options.name)
    with models.database.atomic():
        accounts.set_role(user, options.role)
        _log(f"role set to {options.role}", user)
    say(f"{user.name} is {options.role} now.")


def user_password(options: argparse.Namespace) -> None:
    user = accounts.find(options.name)
    accounts.set_password(user, _new_password())
    _log("password set", user)
    say(f"The password of {user.name} is set; its sessions have ended.")


def user_deactivate(options: argparse.Namespace) -> None:
    user = accounts.find(options.name)
    with models.database.atomic():
        accounts.set_active(user, active=False)
        _log("account deactivated", user)
    say(f"{user.name} is shut out.")


def user_activate(options: argparse.Namespace) -> None:
    user = accounts.find(options.name)
    with models.database.atomic():
        accounts.set_active(user, active=True)
        _log("account activated", user)
    say(f"{user.name} may sign in again.")


def user_totp(options: argparse.Namespace) -> None:
    user = accounts.find(options.name)
    if not options.off:
        say(f"{user.name} signs in {'with' if totp.is_on(user) else 'without'} a code.")
        return
    with models.database.atomic():
        was_on = totp.turn_off(user)
        if was_on:
            _log("codes turned off", user)
    say(f"{user.name} signs in without a code{' now' if was_on else ' already'}.")


def token_add(options: argparse.Namespace) -> None:
    user = accounts.find(options.name)
    with models.database.atomic():
        secret = accounts.make_token(user, options.label, read_only=options.read_only, days=options.days)
        _log("token created", user)
    say(secret)


def token_list(options: argparse.Namespace) -> None:
    query = Token.select(Token, User).join(User).order_by(Token.id)
    if options.name is not None:
        query = query.where(Token.user == accounts.find(options.name).id)
    for token in query:
        kind = "reads and writes" if token.user.can_edit and not token.read_only else "reads"
        expires = f"until {token.expires[:10]}" if token.expires else "no end"
        used = f"last used {token.last_used[:10]}" if token.last_used else "never used"
        say(token.id, token.user.name, token.name, kind, expires, used)


def token_revoke(options: argparse.Namespace) -> None:
    token = Token.select(Token, User).join(User).where(Token.id == min(options.id, models.MAX_ID)).first()
    if token is None:
        raise models.Invalid({"id": f"there is no token {options.id}"})
    with models.database.atomic():
        accounts.revoke(Token.id == token.id)
        _log(f"token {token.id} revoked", token.user)
    say(f"Token {options.id} is worthless now.")


def _log(what: str, user: User) -> None:
    """Note what was done in the admins' log, with the name of the system's user."""
    try:
        who = getpass.getuser()
    except (KeyError, OSError):  # a container may have no name for its user
        who = "somebody"
    admin_log.note(what, user.name, who=f"{who}, by command line")


def back_up(options: argparse.Namespace) -> None:
    models.back_up(options.file)
    say(f"{options.file} is a copy of the database, whole in one file.")


def _new_password() -> str:
    """Return the password from the prompt, where it is typed twice, or the first line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("New password: ")
    if getpass.getpass("Once more: ") != password:
        raise models.Invalid({"": "these are two different passwords"})
    return password
