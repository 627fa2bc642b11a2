"""Codes of an authenticator app (TOTP, RFC 6238) as the second step of a sign-in, and recovery codes.

A code is valid once: the statement that accepts it stores its time step. The app
and this machine may differ by one step; if this machine's clock is wrong by more, only recovery codes work.
"""

from __future__ import annotations

import base64
import hmac
import secrets
import time

import peewee
import pyotp

from domain.accounts import CLOCK_STEP_S, token_hash
from domain.users import User
from storage.engine import Model, database

STEP_S = 30  # the period of authenticator apps
DRIFT = 1  # steps that the app's clock may be wrong, in either direction
RECOVERY_CODES = 8
RECOVERY_BYTES = 10  # of randomness in each; 16 characters


class Totp(Model):
    """The secret that an account shares with an app. It is enabled by a first code from the app."""

    user = peewee.ForeignKeyField(User, primary_key=True)
    secret = peewee.TextField()
    enabled = peewee.BooleanField(default=False)
    last_step = peewee.IntegerField(default=0)  # of the last code that was accepted


class RecoveryCode(Model):
    """A code that can be used once instead of a code of the app."""

    hash = peewee.TextField(primary_key=True)
    user = peewee.ForeignKeyField(User)


def is_on(user: User) -> bool:
    """Return whether the account's sign-in asks for a code."""
    return Totp.select().where(Totp.user == user.id, Totp.enabled).exists()


def begin(user: User) -> None:
    """Make a new secret for `enable`. Does nothing if codes are on."""
    with database.atomic():
        if not is_on(user):
            Totp.replace(user=user.id, secret=pyotp.random_base32()).execute()


def pending(user: User) -> str | None:
    """Return the secret that `begin` has made, until it is enabled."""
    row = Totp.get_or_none(Totp.user == user.id, ~Totp.enabled)
    return row and row.secret


def enable(user: User, code: str) -> list[str] | None:
    """Turn codes on. Return the recovery codes; None if the code is wrong."""
    with database.atomic():
        if is_on(user) or not _use(user, _compact(code), enabled=False):
            return None
        return new_recovery_codes(user)


def turn_off(user: User) -> bool:
    """Delete the secret and the recovery codes. Return whether codes were on."""
    with database.atomic():
        was_on = is_on(user)
        Totp.delete().where(Totp.user == user.id).execute()
        RecoveryCode.delete().where(RecoveryCode.user == user.id).execute()
    return was_on


def new_recovery_codes(user: User) -> list[str]:
    """Return new recovery codes, which replace all earlier ones. Only their hashes are stored."""
    codes = [base64.b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode() for _ in range(RECOVERY_CODES)]
    with database.atomic():
        RecoveryCode.delete().where(RecoveryCode.user == user.id).execute()
        for code in codes:
            RecoveryCode.insert(hash=token_hash(code), user=user.id).execute()
    return ["-".join(code[start : start + 4] for start in range(0, len(code), 4)) for code in codes]


def recovery_codes_left(user: User) -> int:
    return int(RecoveryCode.select().where(RecoveryCode.user == user.id).count())


def accepts(user: User, code: str) -> bool:
    """Return whether this is a code of the account's app, or a recovery code, and use it up."""
    code = _compact(code)
    with database.atomic():
        if not is_on(user):
            return False
        return _use(user, code, enabled=True) or _use_recovery_code(user, code)


def _use(user: User, code: str, *, enabled: bool) -> bool:
    """Accept a code of a newer step than the last one, and store the step.

    A last step in the future was stored by a wrong clock, and is ignored.
    """
    row = Totp.get_or_none(Totp.user == user.id, Totp.enabled == enabled)
    step = row and _step_of(code, row.secret)
    if not step:
        return False
    latest = int((time.time() + CLOCK_STEP_S) // STEP_S) + DRIFT  # the newest step that can be stored by now
    unused = (Totp.last_step < step) | (Totp.last_step > latest)
    noted = Totp.update(last_step=step, enabled=True).where(Totp.user == user.id, unused)
    return bool(noted.execute())


def _step_of(code: str, secret: str) -> int | None:
    """Return the newest accepted step to which the code belongs; None if there is none."""
    now = int(time.time() // STEP_S)
    for step in range(now + DRIFT, now - DRIFT - 1, -1):
        if hmac.compare_digest(pyotp.TOTP(secret).generate_otp(step).encode(), code.encode()):
            return step
    return None


def _use_recovery_code(user: User, code: str) -> bool:
    mine = (RecoveryCode.user == user.id) & (RecoveryCode.hash == token_hash(code.upper()))
    return bool(RecoveryCode.delete().where(mine).execute())


def _compact(code: str) -> str:
    """Return a code without the spaces and dashes that people type."""
    return "".join(char for char in code if char.isascii() and char.isalnum())


def uri(user: User, secret: str, host: str) -> str:
    """Return the otpauth: address that sets up an app."""
    return pyotp.TOTP(secret).provisioning_uri(name=user.name, issuer_name=f"Tracker {host}")


def qr_code(text: str) -> str:
    """Return a QR code as an SVG element."""
    import segno  # imported here, since few people need it

    return segno.make(text, micro=False, error="m").svg_inline(
        dark="#000", light="#fff", border=4, omitsize=True, svgclass="qr"
    )
