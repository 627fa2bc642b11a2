"""Ask for the password again, and for a code if the account uses them, before a lasting change.

A stolen session or an unlocked machine should not be enough to make a token, or to raise an account's rights.
A confirmation counts for some minutes, in the session that it was made in; so does the sign-in itself.
"""

from __future__ import annotations

from flask import g, render_template, request
from flask.typing import ResponseReturnValue

from base import addresses
from base.sentences import Sentence
from base.times import now
from domain import accounts, throttle, totp
from domain.sign_ins import Refusal
from models import Confirmation, Session, User
from web import auth
from web.forms import Form

RECENT_S = 10 * 60  # how long a confirmation, or a sign-in, counts
PASSWORD, CODE = "confirm_password", "confirm_code"  # nosec B105 (names of fields)


def is_recent() -> bool:
    """Return whether this session was confirmed, or begun, a few minutes ago.

    A time in the future does not count: the clock was set back since, so the age is unknown.
    """
    confirmed = Confirmation.select(Confirmation.created).where(Confirmation.session == g.credential.id)
    begun = Session.select(Session.created).where(Session.id == g.credential.id)
    earliest, latest = accounts.moment(-RECENT_S), now()
    return any(earliest < created <= latest for (created,) in [*confirmed.tuples(), *begun.tuples()])


def needs_code(user: User) -> bool:
    """Return whether a change of the password needs a code in this session."""
    return totp.is_on(user) and not is_recent()


def note() -> None:
    """Record that this session was confirmed now."""
    Confirmation.replace(session=g.credential.id, created=now()).execute()


def ask(purpose: Sentence) -> ResponseReturnValue | None:
    """Return the page to show first; None if no question is needed, or the request has the right answer.

    The page sends the request again, with all its fields. `purpose` names the change.
    """
    if is_recent():
        return None
    errors: dict[str, str] = {}
    wait = 0.0
    if PASSWORD in request.form:
        wait, errors = _check(auth.signed_in(), request.form[PASSWORD], request.form.get(CODE, ""))
        auth.look_again()
        if not errors:
            note()
            return None
    page = render_template(
        "sign_in/confirm.html",
        purpose=purpose,
        form=Form(errors=errors),
        fields=[
            (name, value)
            for name, value in request.form.items(multi=True)
            if name not in (PASSWORD, CODE, "csrf_token")
        ],
        asks_for_code=totp.is_on(auth.signed_in()),
    )
    return page, 429 if wait else 422 if errors else 403, auth.retry_after(wait)


def _check(user: User, password: str, code: str) -> tuple[float, dict[str, str]]:
    """Return the seconds to wait, and the errors by field."""
    wait, known = auth.check(user.name, password, "gave the password again")
    if wait:
        return wait, {PASSWORD: auth.too_often(wait)}
    if known is None:
        return 0.0, {PASSWORD: Sentence("Wrong password")}  # nosec B105 (words)
    if totp.is_on(user):
        wait, why = check_code(user, code)
        return wait, {CODE: why} if why else {}
    return 0.0, {}


def check_code(user: User, code: str) -> tuple[float, str]:
    """Use up a code. Return the seconds to wait, and the error, if there is one.

    Codes have their own count of attempts, so a right password does not reset it.
    """
    address = request.remote_addr or ""
    keys = f"code:{user.id}", addresses.key(address)
    wait = throttle.attempt({keys[0]: throttle.BURST_PER_NAME, keys[1]: throttle.BURST_PER_ADDRESS})
    if wait:
        Refusal.note(user.name, address, "refused: tried too often")
        return wait, auth.too_often(wait)
    if not totp.accepts(user, code):
        Refusal.note(user.name, address, "refused: wrong code")
        return 0.0, Sentence("Wrong or used code. Wait for the next one")
    throttle.succeeded(*keys)
    return 0.0, ""
