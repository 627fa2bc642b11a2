"""The common parts of the pages of accounts: forms that act once, and entries of the admins' log."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from flask import request

from base.values import to_json
from domain import accounts, admin_log, idempotency
from domain.accounts import Token
from models import database
from web import auth, confirm


def once(make: Callable[[], int]) -> int:
    """Call `make` once, however often this form is sent, and return the id that it returned.

    The secret that belongs to the id is not kept. If the form is sent again, the caller makes a new secret.
    """

    def do() -> idempotency.Answer:
        return idempotency.Answer(200, {"id": str(make())}, b"")

    changing = {"csrf_token", confirm.PASSWORD, confirm.CODE}  # these may differ when the form is sent again
    fields = sorted(item for item in request.form.items() if item[0] not in changing)
    asked = idempotency.request_hash(request.path.encode(), to_json(fields).encode())
    key = asked if "key" in request.form else secrets.token_hex(16)
    return int(idempotency.once(auth.owner(), key, asked, do).headers["id"])


def token_once(make: Callable[[], str], what: str) -> str:
    """Make a token once, however often its form is sent. Return its secret. Raises Invalid.

    `make` returns the secret. `what` is for the log: "token" or "wall screen".
    """
    secret = ""  # nosec B105 (none yet)

    def do() -> int:
        nonlocal secret
        secret = make()
        log_own(f"{what} created")
        return int(Token.get(hash=accounts.token_hash(secret)).id)

    id_ = once(do)
    if not secret:  # the answer that showed the first secret was lost
        with database.atomic():
            secret = accounts.renew_token(id_)
            if secret:
                log_own(f"{what} {id_} given a new secret")
    return secret


def log(what: str, whose: str) -> None:
    """Add to the admins' log an action of this request's account, in the transaction that does it."""
    admin_log.note(what, whose, who=auth.signed_in().name, address=request.remote_addr or "")


def log_own(what: str) -> None:
    """Add to the admins' log a change of this request's own account, if that is an admin's."""
    user = auth.signed_in()
    if user.is_admin:
        log(what, user.name)
