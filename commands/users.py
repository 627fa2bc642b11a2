"""`python tracker.py user ...`: manages accounts.

A password comes from a prompt, or from standard input if that is no terminal. It never comes from an
argument, which every process on the machine could read.
"""

from __future__ import annotations

import argparse
import getpass
import sys

import models
from base.terminal import say
from commands.shared import APPLIED, Commands, add_command, add_group, log
from domain import accounts, totp
from domain.accounts import ROLES
from models import Session, User

PASSWORDS = (
    f"{APPLIED} A password comes from a prompt, or from standard input if that is no terminal. It never "
    "comes from an argument, which every process on the machine could read."
)


def add_arguments(commands: Commands, parser_class: type) -> None:
    """Add the command `user` to the parser of tracker.py."""
    user = add_group(commands, parser_class, "user", "manage the accounts", PASSWORDS)
    new = add_command(user, "add", "create an account", add, "name")
    new.add_argument("--role", choices=ROLES, default="editor", help="(default: %(default)s)")
    new.set_defaults(creates=True)
    add_command(user, "list", "list the accounts", list_)
    role = add_command(user, "role", "set the role of an account", set_role, "name")
    role.add_argument("role", choices=ROLES)
    add_command(user, "password", "set a password, and end the account's sessions", set_password, "name")
    add_command(
        user, "deactivate", "deactivate an account, and end its sessions and tokens", deactivate, "name"
    )
    add_command(user, "activate", "activate an account again", activate, "name")
    codes = add_command(user, "totp", "show whether a sign-in needs a code", show_totp, "name")
    codes.add_argument("--off", action="store_true", help="require no codes, for example after a lost phone")


def add(options: argparse.Namespace) -> None:
    user = accounts.create(options.name, options.role, _read_password())
    log(f"account created as {user.role}", user)
    say(f"{user.name} may sign in as {user.role}.")


def list_(_options: argparse.Namespace) -> None:
    for user in User.select().order_by(User.name):
        state = "active" if user.active else "not active"
        sessions = Session.select().where(Session.user == user.id).count()
        say(user.name, user.role, state, f"{sessions} sessions", f"since {user.created[:10]}")


def set_role(options: argparse.Namespace) -> None:
    user = accounts.find(options.name)
    with models.database.atomic():
        accounts.set_role(user, options.role)
        log(f"role set to {options.role}", user)
    say(f"{user.name} is {options.role} now.")


def set_password(options: argparse.Namespace) -> None:
    user = accounts.find(options.name)
    accounts.set_password(user, _read_password())
    log("password set", user)
    say(f"The password of {user.name} is set; its sessions have ended.")


def deactivate(options: argparse.Namespace) -> None:
    user = accounts.find(options.name)
    with models.database.atomic():
        accounts.set_active(user, active=False)
        log("account deactivated", user)
    say(f"{user.name} is deactivated.")


def activate(options: argparse.Namespace) -> None:
    user = accounts.find(options.name)
    with models.database.atomic():
        accounts.set_active(user, active=True)
        log("account activated", user)
    say(f"{user.name} may sign in again.")


def show_totp(options: argparse.Namespace) -> None:
    user = accounts.find(options.name)
    if not options.off:
        say(f"{user.name} signs in {'with' if totp.is_on(user) else 'without'} a code.")
        return
    with models.database.atomic():
        was_on = totp.turn_off(user)
        if was_on:
            log("codes turned off", user)
    say(f"{user.name} signs in without a code{' now' if was_on else ' already'}.")


def _read_password() -> str:
    """Return the password: typed twice at the prompt, or the first line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("New password: ")
    if getpass.getpass("Once more: ") != password:
        raise models.Invalid({"": "the two passwords differ: try again"})
    return password
