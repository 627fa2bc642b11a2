"""Accounts, passwords, tokens and one-time links, as the pages and the command line change them.

Secrets are made here and returned once; the database holds their hashes. What ends here has ended for the
next request, whichever process it was ended in; the server that watches the database closes the sockets.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Set
from datetime import timedelta
from typing import Any

import peewee

from base import names, times
from base.errors import Invalid
from base.times import now, timestamp
from base.values import to_json, valid_text
from domain import passwords, strength
from domain.tracked import CLOCK_STEP
from domain.users import Session, User
from storage.engine import Model, database

ROLES = ("viewer", "editor", "admin")  # each may do what those before it may
NAME_LENGTH = 60
CHANGED = "the account is not active, or was changed meanwhile; look at it again"
TAKEN = "there is an account of this name already"
MAX_TOKENS = 50  # of an account; one more is refused, since any of these may be in use
MAX_SESSIONS = 50  # of an account; those that were unused for longest end
CLOCK_STEP_S = CLOCK_STEP.total_seconds()
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
    return timestamp(times.clock() + timedelta(seconds=seconds))


def token_hash(secret: str) -> str:
    """Return the hash of a token or link, which the database stores. A fast hash will do: they are random."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def find(name: str) -> User:
    """Return the account of that name. Raises Invalid."""
    user = named(name)
    if user is None:
        raise Invalid({"name": f"there is no account {name}"})
    return user


def named(name: str) -> User | None:
    """Return the account of a name, however it is spelt; None if there is none.

    Accounts that are older than this rule may have one normal form: each is found by its own spelling, and
    the oldest of them by any other.
    """
    if not _is_unicode(name):
        return None
    exact, trimmed = User.name == name, User.name == names.shown(name)
    found = User.select().where(exact | trimmed | (User.name_key == names.normal(name)))
    user: User | None = found.order_by(exact.desc(), trimmed.desc()).first()
    return user


def first_account() -> str | None:
    """Create the account `admin` if there is none at all. Returns its password, which is kept nowhere.

    It is printed, so it may stay in a log: whoever signs in with it must change it first.
    """
    password = secrets.token_urlsafe(12)
    hashed = passwords.hashed(password)
    with database.atomic():  # two servers may start on a new file at once
        if User.select().exists():
            return None
        User.create(name="admin", password_hash=hashed, role="admin", password_temporary=True)
    return password


def create(name: str, role: str, password: str | None = None) -> User:
    """Create an account; without a password it waits for a one-time link. Raises Invalid."""
    name = names.shown(name)
    if not names.normal(name) or len(name) > NAME_LENGTH or not valid_name(name):
        raise Invalid({"name": f"this must be 1 to {NAME_LENGTH} printable characters"})
    if names.mixes_scripts(name):
        raise Invalid({"name": "this mixes letters of different scripts, which look alike; use one"})
    if named(name):
        raise Invalid({"name": TAKEN})
    _check_role(role)
    hashed = "" if password is None else passwords.hashed(_acceptable(passwords.normal(password), name))
    try:
        return User.create(name=name, role=role, password_hash=hashed)
    except peewee.IntegrityError as error:
        raise Invalid({"name": TAKEN}) from error


def valid_name(name: str) -> bool:
    return _is_unicode(name) and name.isprintable()


def _is_unicode(text: str) -> bool:
    """Tell whether it can be stored: an argument of the command line may be bytes of no encoding."""
    try:
        valid_text(text)
    except ValueError:
        return False
    return True


def set_password(user: User, password: str, *, link: str = "") -> None:
    """Set it and end all sessions and one-time links of the account. Raises Invalid.

    With the secret of a one-time link, the link is used up in the same transaction. Raises Reset.DoesNotExist
    if it has been used already.
    """
    hashed = passwords.hashed(_acceptable(passwords.normal(password), user.name))
    with database.atomic():
        if link and not Reset.delete().where(Reset.hash == token_hash(link)).execute():
            raise Reset.DoesNotExist
        same = User.credentials_version == user.credentials_version
        change = User.update(password_hash=hashed, password_temporary=False)
        if not change.where(User.id == user.id, same).execute():
            raise Invalid({"password": CHANGED})
        _end_all_access(user)
    user.credentials_version += 1


def _end_all_access(user: User) -> None:
    """End an account's sessions and one-time links, and let nobody store one who began before this."""
    sign_out_everywhere(user)
    Reset.delete().where(Reset.user == user.id).execute()


def sign_out_everywhere(user: User) -> None:
    """End an account's sessions, and let nobody begin one who has given the password before this."""
    with database.atomic():
        newer = User.credentials_version + 1
        User.update(credentials_version=newer).where(User.id == user.id).execute()
        end_sessions(Session.user == user.id)


def is_current(user: User) -> bool:
    """Tell whether the account is active, and nothing has ended its sessions since this object was read.

    To be asked in the transaction that makes a session or a token: what was checked before may be outdated.
    """
    same = User.credentials_version == user.credentials_version
    return bool(User.select().where(User.id == user.id, User.active, same).exists())


def set_role(user: User, role: str) -> bool:
    """Tell whether it was another. Raises Invalid if it is none, or if no admin would be left."""
    _check_role(role)
    return _change(user, role=role)


def set_active(user: User, *, active: bool) -> bool:
    """Let an account in again; or shut it out, and end its sessions, links and tokens.

    Tell whether it was different. Raises Invalid: the last admin.
    """
    return _change(user, active=active)


def _change(user: User, **values: Any) -> bool:
    with database.atomic():
        before = User.get_by_id(user.id)
        User.update(**values).where(User.id == user.id).execute()
        if not User.select().where(User.active, User.role == "admin").exists():
            raise Invalid({"role": "this is the last account that may manage the others"})
        if values.get("active") is False:
            _end_all_access(user)
            revoke(Token.user == user.id)
    return any(getattr(before, name) != value for name, value in values.items())


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise Invalid({"role": f"this must be one of {', '.join(ROLES)}"})


def end_sessions(which: Any) -> int:
    """Delete the sessions for which the condition holds."""
    return int(Session.delete().where(which).execute())


def is_over(age_s: float, idle_s: float, *, session_s: float, idle_limit_s: float) -> bool:
    """Tell whether a session has ended that began and was last used so many seconds ago.

    A negative time lies in the future, where a wrong clock put it. A session that began there may last too
    long, so it is over. One that was last used there counts as unused since it began.
    """
    if idle_s < -CLOCK_STEP_S:
        idle_s = age_s
    return not -CLOCK_STEP_S <= age_s < session_s or idle_s >= idle_limit_s


def drop_surplus_sessions(user: User, newest: str) -> None:
    """End the sessions of an account above MAX_SESSIONS, but not the one with the id `newest`."""
    credible = Session.last_used <= moment(CLOCK_STEP_S)
    order = (Session.id == newest).desc(), credible.desc(), Session.last_used.desc()
    kept = Session.select(Session.id).where(Session.user == user.id).order_by(*order)
    end_sessions((Session.user == user.id) & Session.id.not_in(kept.limit(MAX_SESSIONS)))


def valid_keys(keys: Set[tuple[int, str]], *, session_s: float, idle_s: float) -> set[tuple[int, str]]:
    """Return those of these (account id, session id) that have not ended; of tokens, "token:" and the id.

    A time in the future was given by a wrong clock: see `is_over`.

    The cost depends on how many are asked about, not on how many there are.
    """
    tokens = [id_.removeprefix("token:") for _, id_ in keys if id_.startswith("token:")]
    sessions = [id_ for _, id_ in keys if not id_.startswith("token:")]
    query = (
        "SELECT s.user_id, s.id FROM session s JOIN user u ON u.id = s.user_id AND u.active "
        "WHERE s.id IN (SELECT value FROM json_each(?)) AND s.created > ? AND s.created <= ? "
        "AND CASE WHEN s.last_used <= ? THEN s.last_used ELSE s.created END > ? UNION ALL "
        "SELECT t.user_id, 'token:' || t.id FROM token t JOIN user u ON u.id = t.user_id AND u.active "
        "WHERE t.id IN (SELECT value FROM json_each(?)) "
        "AND (t.expires IS NULL OR t.expires > ? AND t.created <= ?)"
    )
    credible = moment(CLOCK_STEP_S)
    values = [to_json(sessions), moment(-session_s), credible, credible, moment(-idle_s)]
    values += [to_json([*map(int, tokens)]), now(), credible]
    return set(database.execute_sql(query, values).fetchall())


def make_reset(user: User) -> str:
    """Return the secret of a new one-time link, which replaces earlier ones. Raises Invalid: not active."""
    secret = secrets.token_urlsafe(32)
    with database.atomic():
        if not is_current(user):
            raise Invalid({"name": CHANGED})
        Reset.delete().where((Reset.user == user.id) | (Reset.expires < now())).execute()
        Reset.insert(hash=token_hash(secret), user=user.id, expires=moment(RESET_S)).execute()
    return secret


def find_reset(secret: str) -> User | None:
    """Return whose password this link may set, if it is still good.

    One that is good for longer than any can be was made by a wrong clock.
    """
    good = (Reset.expires > now()) & (Reset.expires <= moment(RESET_S + CLOCK_STEP_S))
    row = (
        Reset.select(Reset, User)
        .join(User)
        .where(Reset.hash == token_hash(secret), good, User.active)
        .first()
    )
    return row and row.user


def make_token(user: User, name: str, *, read_only: bool = False, days: float | None = None) -> str:
    """Return the secret of a new token. Raises Invalid, also if the account has MAX_TOKENS already."""
    name = name.strip()
    if not 0 < len(name) <= NAME_LENGTH or not valid_name(name):
        raise Invalid({"name": f"this must be 1 to {NAME_LENGTH} printable characters"})
    if days is not None and not 0 < days <= 3660:
        raise Invalid({"days": "this must be a number of days, up to ten years"})
    secret = f"tracker_{secrets.token_urlsafe(32)}"
    with database.atomic():
        if not is_current(user):
            raise Invalid({"name": CHANGED})
        if Token.select().where(Token.user == user.id).count() >= MAX_TOKENS:
            raise Invalid({"name": f"there are {MAX_TOKENS} tokens already; revoke one that is not in use"})
        Token.create(
            hash=token_hash(secret),
            user=user,
            name=name,
            read_only=read_only,
            expires=None if days is None else moment(days * 24 * 3600),
        )
    return secret


def renew_token(id_: int) -> str:
    """Return a new secret of a token, in place of the one it had; "" if the token is gone."""
    secret = f"tracker_{secrets.token_urlsafe(32)}"
    found = Token.update(hash=token_hash(secret)).where(Token.id == id_).execute()
    return secret if found else ""


def revoke(which: Any) -> int:
    """Delete the tokens for which the condition holds."""
    return int(Token.delete().where(which).execute())


def matches(user: User | None, password: str) -> bool:
    """Tell whether this is the password of the account. As slow for none, or one without a password."""
    return passwords.matches(user.password_hash if user else "", password)


def _acceptable(password: str, name: str) -> str:
    """Return the password. Raises Invalid if it is too short, or one of those that are tried first."""
    if (reason := strength.password_problem(password, name)) is not None:
        raise Invalid({"password": reason})
    return password
