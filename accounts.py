"""Accounts, passwords, tokens and one-time links, as the pages and the command line change them.

Secrets are made here and returned once; the database holds their hashes. What ends here has ended for the
next request, whichever process it was ended in; the server that watches the database closes the sockets.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import gevent
import peewee
from werkzeug.security import check_password_hash, generate_password_hash

import strength
from models import Invalid, Model, Session, User, database, now, timestamp, valid_text

ROLES = ("viewer", "editor", "admin")  # each may do what those before it may
NAME_LENGTH = 60
RESET_S = 24 * 3600  # for which a one-time link is good


class Token(Model):
    """A personal key to the API. The hash is of the secret, which only its owner has."""

    hash = peewee.TextField(unique=True)
    user = peewee.ForeignKeyField(User, backref="tokens")
    name = peewee.TextField()
    read_only = peewee.BooleanField(default=False)
    created = peewee.TextField(default=now)
    expires = peewee.TextField(null=True)
    last_used = peewee.TextField(null=True)


class Reset(Model):
    """A one-time link by which somebody chooses a password."""

    hash = peewee.TextField(primary_key=True)
    user = peewee.ForeignKeyField(User)
    expires = peewee.TextField()


def moment(seconds: float = 0) -> str:
    """Return the time so many seconds from now, as the database has it."""
    return timestamp(datetime.now(UTC) + timedelta(seconds=seconds))


def fingerprint(secret: str) -> str:
    """Return what the database holds of a secret. Quick, for the secrets are long and random."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def find(name: str) -> User:
    """Return the account of that name. Raises Invalid."""
    user: User | None = User.get_or_none(User.name == name)
    if user is None:
        raise Invalid({"name": f"there is no account {name}"})
    return user


def first_account() -> str | None:
    """Create the account `admin` if there is none at all. Returns its password, which is kept nowhere.

    It is printed, so it may stay in a log: whoever signs in with it must change it first.
    """
    password = secrets.token_urlsafe(12)
    hashed = generate_password_hash(password)
    with database.atomic():  # two servers may start on a new file at once
        if User.select().exists():
            return None
        User.create(name="admin", password_hash=hashed, role="admin", password_temporary=True)
    return password


def create(name: str, role: str, password: str | None = None) -> User:
    """Create an account; without a password it waits for a one-time link. Raises Invalid."""
    name = name.strip()
    if not 0 < len(name) <= NAME_LENGTH or not valid_name(name):
        raise Invalid({"name": f"this must be 1 to {NAME_LENGTH} printable characters"})
    _check_role(role)
    hashed = "" if password is None else _hash(_acceptable(password, name))
    try:
        return User.create(name=name, role=role, password_hash=hashed)
    except peewee.IntegrityError as error:
        raise Invalid({"name": "there is an account of this name already"}) from error


def valid_name(name: str) -> bool:
    try:
        return valid_text(name).isprintable()
    except ValueError:
        return False


def set_password(user: User, password: str) -> None:
    """Set it and end all sessions and one-time links of the account. Raises Invalid."""
    hashed = _hash(_acceptable(password, user.name))
    with database.atomic():
        User.update(password_hash=hashed, password_temporary=False).where(User.id == user.id).execute()
        Reset.delete().where(Reset.user == user.id).execute()
        end_sessions(Session.user == user.id)


def set_role(user: User, role: str) -> None:
    """Raises Invalid if it is none, or if no admin would be left."""
    _check_role(role)
    _change(user, role=role)


def set_active(user: User, *, active: bool) -> None:
    """Let an account in again, or shut it out and end its sessions. Raises Invalid: the last admin."""
    _change(user, active=active)


def _change(user: User, **values: Any) -> None:
    with database.atomic():
        User.update(**values).where(User.id == user.id).execute()
        if not User.select().where(User.active, User.role == "admin").exists():
            raise Invalid({"role": "this is the last account that may manage the others"})
        if values.get("active") is False:
            Reset.delete().where(Reset.user == user.id).execute()
            end_sessions(Session.user == user.id)


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise Invalid({"role": f"this must be one of {', '.join(ROLES)}"})


def end_sessions(which: Any) -> int:
    """Delete the sessions for which the condition holds."""
    return int(Session.delete().where(which).execute())


def valid_keys(*, session_s: float, idle_s: float) -> set[tuple[int, str]]:
    """Return (account id, session id) of all that has not ended; of tokens, "token:" and the id."""
    query = (
        "SELECT s.user_id, s.id FROM session s JOIN user u ON u.id = s.user_id AND u.active "
        "WHERE s.created > ? AND s.last_used > ? UNION ALL "
        "SELECT t.user_id, 'token:' || t.id FROM token t JOIN user u ON u.id = t.user_id AND u.active "
        "WHERE t.expires IS NULL OR t.expires > ?"
    )
    return set(database.execute_sql(query, (moment(-session_s), moment(-idle_s), now())).fetchall())


def make_reset(user: User) -> str:
    """Return the secret of a new one-time link, which replaces earlier ones. Raises Invalid: not active."""
    if not user.active:
        raise Invalid({"name": "the account is not active"})
    secret = secrets.token_urlsafe(32)
    with database.atomic():
        Reset.delete().where((Reset.user == user.id) | (Reset.expires < now())).execute()
        Reset.insert(hash=fingerprint(secret), user=user.id, expires=moment(RESET_S)).execute()
    return secret


def find_reset(secret: str) -> User | None:
    """Return whose password this link may set, if it is still good."""
    row = (
        Reset.select(Reset, User)
        .join(User)
        .where(Reset.hash == fingerprint(secret), Reset.expires > now(), User.active)
        .first()
    )
    return row and row.user


def make_token(user: User, name: str, *, read_only: bool = False, days: float | None = None) -> str:
    """Return the secret of a new token. Raises Invalid."""
    name = name.strip()
    if not 0 < len(name) <= NAME_LENGTH or not valid_name(name):
        raise Invalid({"name": f"this must be 1 to {NAME_LENGTH} printable characters"})
    if days is not None and not 0 < days <= 3660:
        raise Invalid({"days": "this must be a number of days, up to ten years"})
    secret = f"tracker_{secrets.token_urlsafe(32)}"
    Token.create(
        hash=fingerprint(secret),
        user=user,
        name=name,
        read_only=read_only,
        expires=None if days is None else moment(days * 24 * 3600),
    )
    return secret


def revoke(which: Any) -> int:
    """Delete the tokens for which the condition holds."""
    return int(Token.delete().where(which).execute())


def matches(user: User | None, password: str) -> bool:
    """Tell whether this is the password of the account. As slow for none, or one without a password."""
    stored = (user.password_hash if user else "") or nobodys_hash()
    # scrypt takes 50 ms and lets go of the interpreter meanwhile: in a thread, nobody waits for it
    apply = gevent.get_hub().threadpool.apply
    return bool(apply(check_password_hash, (stored, password[: strength.LONGEST + 1])) and user)


_nobody: list[str] = []


def nobodys_hash() -> str:
    """Return the hash of a password that nobody knows."""
    if not _nobody:
        _nobody.append(generate_password_hash(secrets.token_urlsafe()))
    return _nobody[0]


def _hash(password: str) -> str:
    return str(gevent.get_hub().threadpool.apply(generate_password_hash, (password,)))


def _acceptable(password: str, name: str) -> str:
    """Return the password. Raises Invalid if it is too short, or one of those that are tried first."""
    if (reason := strength.weakness(password, name)) is not None:
        raise Invalid({"password": reason})
    return password
