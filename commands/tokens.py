"""`python tracker.py token ...`: manages the tokens with which programs use the API."""

from __future__ import annotations

import argparse

import models
from base.terminal import say
from commands.shared import APPLIED, Commands, add_command, add_group, log
from domain import accounts
from domain.accounts import Token
from models import User


def add_arguments(commands: Commands, parser_class: type) -> None:
    """Add the command `token` to the parser of tracker.py."""
    token = add_group(commands, parser_class, "token", "manage the tokens for the API", APPLIED)
    new = add_command(token, "add", "create a token and print it once", add, "name")
    new.add_argument("label", metavar="LABEL", help="the purpose of the token")
    new.add_argument("--read-only", action="store_true", help="the token can't change anything")
    new.add_argument("--days", type=float, help="days until the token expires (default: never)")
    listing = add_command(token, "list", "list the tokens", list_)
    listing.add_argument("name", metavar="NAME", nargs="?", help="of this account only")
    revoke_ = add_command(token, "revoke", "revoke a token", revoke)
    revoke_.add_argument("id", metavar="ID", type=int, help="the number in `token list`")


def add(options: argparse.Namespace) -> None:
    user = accounts.find(options.name)
    with models.database.atomic():
        secret = accounts.make_token(user, options.label, read_only=options.read_only, days=options.days)
        log("token created", user)
    say(secret)


def list_(options: argparse.Namespace) -> None:
    query = Token.select(Token, User).join(User).order_by(Token.id)
    if options.name is not None:
        query = query.where(Token.user == accounts.find(options.name).id)
    for token in query:
        kind = "reads and writes" if token.user.can_edit and not token.read_only else "reads"
        if token.kiosk:
            kind = "wall screen"
        expires = f"until {token.expires[:10]}" if token.expires else "no end"
        used = f"last used {token.last_used[:10]}" if token.last_used else "never used"
        say(token.id, token.user.name, token.name, kind, expires, used)


def revoke(options: argparse.Namespace) -> None:
    token = Token.select(Token, User).join(User).where(Token.id == min(options.id, models.MAX_ID)).first()
    if token is None:
        raise models.Invalid({"id": f"there is no token {options.id}"})
    with models.database.atomic():
        accounts.revoke(Token.id == token.id)
        log(f"token {token.id} revoked", token.user)
    say(f"Token {options.id} is revoked.")
