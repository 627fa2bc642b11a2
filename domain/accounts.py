"""Accounts, passwords, tokens and one-time links, for the pages and the command line.

Secrets are made here and returned once; the database has their hashes. A session or token that a process ends
is invalid for the next request of every process. A server watches the database, and closes its sockets.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Set
from datetime import timedelta
from typing import Any, NamedTuple

import peewee

from base import names, times
from base.errors import Invalid
from base.sentences import Sentence
from base.times import now, timestamp
from base.values import to_json, valid_text
from domain import passwords, strength
from domain.tracked import CLOCK_STEP
from domain.users import Session, User
from storage.engine import Model, database

ROLES = ("viewer", "editor", "admin")  # in the order of their rights
NAME_LENGTH = 60
CHANGED = Sentence("The account is deactivated, or was changed meanwhile. Check it again")
NAME_WANTED = Sentence("Must be 1 to %(most)s printable characters", most=NAME_LENGTH)
TAKEN = Sentence("An account with this name already exists")
MAX_TOKENS = 50  # of an account; another one is refused
MAX_SESSIONS = 50  # of an account; the least recently used ones end
CLOCK_STEP_S = CLOCK_STEP.total_seconds()
KIOSK_PREFIX = "wall_"  # of the secret of a wall screen, so that people see what it is for
RESET_S = 24 * 3600  # how long a one-time link is valid


class Token(Model):
    """A personal key to the API. Only its owner has the secret; the database has its hash.

    One of a wall screen (`kiosk`) opens only the map of a wall: see `find_kiosk`.
    """

    hash = peewee.TextField(unique=True)
    user = peewee.ForeignKeyField(User, backref="tokens")
    name = peewee.TextField()
    read_only = peewee.BooleanField(default=False)
    kiosk = peewee.BooleanField(default=False)
    created = peewee.TextField(default=now)
    expires = peewee.TextField(null=True)
    last_used = peewee.TextField(null=True)


class Reset(Model):
    """A one-time link to set a password."""

    hash = peewee.TextField(primary_key=True)
    user = peewee.ForeignKeyField(User)
    expires = peewee.TextField()


def moment(seconds: float = 0) -> str:
    """Return the time this many seconds from now, in the form of the database."""
    return timestamp(times.clock() + timedelta(seconds=seconds))


def token_hash(secret: str) -> str:
    """Return the hash of a token or link for the database. They are random, so a fast hash is enough."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def find(name: str) -> User:
    """Return the account of that name. Raises Invalid."""
    user = named(name)
    if user is None:
        raise Invalid({"name": Sentence("There is no account %(name)s", name=name)})
    return user


def named(name: str) -> User | None:
    """Return the account with this name in any spelling; None if there is none.

    Accounts older than this rule may share a normal form. Then each is found by its own spelling, and the
    oldest by any other spelling.
    """
    if not _is_unicode(name):
        return None
    exact, trimmed = User.name == name, User.name == names.shown(name)
    found = User.select().where(exact | trimmed | (User.name_key == names.normal(name)))
    user: User | None = found.order_by(exact.desc(), trimmed.desc()).first()
    return user


def first_account(chosen: Callable[[], str] | None = None) -> str | None:
    """Create the account `admin` if there is no account. Return its password, which is not stored.

    `chosen` returns the password that the operator has chosen. Without it the password is random. It is
    printed and may stay in a log, so it must be changed at the first sign-in. Raises Invalid.
    """
    if User.select().exists():
        return None
    password = _acceptable(passwords.normal(chosen()), "admin") if chosen else secrets.token_urlsafe(12)
    hashed = passwords.hashed(password)
    with database.atomic():  # two servers may start on a new file at once
        if User.select().exists():
            return None
        User.create(name="admin", password_hash=hashed, role="admin", password_temporary=not chosen)
    return password


def create(name: str, role: str, password: str | None = None) -> User:
    """Create an account; without a password, a one-time link must set one. Raises Invalid."""
    name = names.shown(name)
    if not names.normal(name) or len(name) > NAME_LENGTH or not valid_name(name):
        raise Invalid({"name": NAME_WANTED})
    if names.mixes_scripts(name):
        raise Invalid({"name": Sentence("Letters of different scripts look alike: use one script")})
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
    """Return whether the text can be stored. Command-line arguments may be bytes in no encoding."""
    try:
        valid_text(text)
    except ValueError:
        return False
    return True


def set_password(user: User, password: str, *, link: str = "") -> None:
    """Set the password, and end all sessions and one-time links of the account. Raises Invalid.

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
    """End an account's sessions and links. Requests that began before can't store new ones."""
    sign_out_everywhere(user)
    Reset.delete().where(Reset.user == user.id).execute()


def sign_out_everywhere(user: User) -> None:
    """End an account's sessions. A password that was given before can't begin a new one."""
    with database.atomic():
        newer = User.credentials_version + 1
        User.update(credentials_version=newer).where(User.id == user.id).execute()
        end_sessions(Session.user == user.id)


def is_current(user: User) -> bool:
    """Return whether the account is active, and nothing has ended its sessions since this object was read.

    Call it in the transaction that makes a session or a token, since an earlier check may be outdated.
    """
    same = User.credentials_version == user.credentials_version
    return bool(User.select().where(User.id == user.id, User.active, same).exists())


def set_role(user: User, role: str) -> bool:
    """Set the role. Return whether it changed. Raises Invalid for an unknown role, and for the last admin."""
    _check_role(role)
    return _change(user, role=role)


def set_active(user: User, *, active: bool) -> bool:
    """Activate an account; or deactivate it, and end its sessions, links and tokens.

    Return whether that changed anything. Raises Invalid for the last admin.
    """
    return _change(user, active=active)


def _change(user: User, **values: Any) -> bool:
    with database.atomic():
        before = User.get_by_id(user.id)
        User.update(**values).where(User.id == user.id).execute()
        if not User.select().where(User.active, User.role == "admin").exists():
            raise Invalid({"role": Sentence("This is the last admin")})
        if values.get("active") is False:
            _end_all_access(user)
            revoke(Token.user == user.id)
    return any(getattr(before, name) != value for name, value in values.items())


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise Invalid({"role": Sentence("Must be one of %(words)s", words=", ".join(ROLES))})


def end_sessions(which: Any) -> int:
    """Delete the sessions for which the condition holds."""
    return int(Session.delete().where(which).execute())


class Lifetime(NamedTuple):
    """How long sessions last, in seconds: after the sign-in, and without being used."""

    session_s: float
    idle_s: float

    def alive(self) -> tuple[str, list[str]]:
        """Return the SQL condition that the session `s` is alive, and the values for its question marks.

        This is the only place that decides it. A time in the future was stored by a wrong clock. A session
        that began in the future is over. One last used in the future counts as unused since it began.
        """
        credible = moment(CLOCK_STEP_S)
        condition = (
            "(s.created > ? AND s.created <= ? "
            "AND CASE WHEN s.last_used <= ? THEN s.last_used ELSE s.created END > ?)"
        )
        return condition, [moment(-self.session_s), credible, credible, moment(-self.idle_s)]

    def delete_ended(self) -> None:
        """Delete the sessions that time has ended. Those with a time in the future stay.

        They are alive again when the clock is right again.
        """
        credible = moment(CLOCK_STEP_S)
        condition, values = self.alive()
        database.execute_sql(
            f"DELETE FROM session AS s WHERE s.created <= ? AND s.last_used <= ? AND NOT {condition}",  # noqa: S608 # nosec (our own text)
            [credible, credible, *values],
        )


def drop_surplus_sessions(user: User, newest: str) -> None:
    """End the sessions of an account above MAX_SESSIONS, but not the one with the id `newest`."""
    credible = Session.last_used <= moment(CLOCK_STEP_S)
    order = (Session.id == newest).desc(), credible.desc(), Session.last_used.desc()
    kept = Session.select(Session.id).where(Session.user == user.id).order_by(*order)
    end_sessions((Session.user == user.id) & Session.id.not_in(kept.limit(MAX_SESSIONS)))


def valid_keys(keys: Set[tuple[int, str]], lifetime: Lifetime) -> set[tuple[int, str]]:
    """Return those of these (account id, session id) that have not ended; of tokens, "token:" and the id.

    The cost grows with the number of keys only.
    """
    tokens = [id_.removeprefix("token:") for _, id_ in keys if id_.startswith("token:")]
    sessions = [id_ for _, id_ in keys if not id_.startswith("token:")]
    condition, times = lifetime.alive()
    query = (
        "SELECT s.user_id, s.id FROM session s JOIN user u ON u.id = s.user_id AND u.active "  # noqa: S608 # nosec (our own text)
        f"WHERE s.id IN (SELECT value FROM json_each(?)) AND {condition} UNION ALL "
        "SELECT t.user_id, 'token:' || t.id FROM token t JOIN user u ON u.id = t.user_id AND u.active "
        "WHERE t.id IN (SELECT value FROM json_each(?)) "
        "AND (t.expires IS NULL OR t.expires > ? AND t.created <= ?)"
    )
    values = [to_json(sessions), *times, to_json([*map(int, tokens)]), now(), moment(CLOCK_STEP_S)]
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
    """Return the account whose password this link may set; None if the link is not valid.

    A link that is valid for more than RESET_S was made by a wrong clock, and is not valid.
    """
    good = (Reset.expires > now()) & (Reset.expires <= moment(RESET_S + CLOCK_STEP_S))
    row = (
        Reset.select(Reset, User)
        .join(User)
        .where(Reset.hash == token_hash(secret), good, User.active)
        .first()
    )
    return row and row.user


def make_token(
    user: User, name: str, *, read_only: bool = False, days: float | None = None, kiosk: bool = False
) -> str:
    """Return the secret of a new token; `kiosk`: for a wall screen. Raises Invalid, also at MAX_TOKENS."""
    name = name.strip()
    if not 0 < len(name) <= NAME_LENGTH or not valid_name(name):
        raise Invalid({"name": NAME_WANTED})
    if days is not None and not 0 < days <= 3660:
        raise Invalid({"days": Sentence("Must be a number of days, up to ten years")})
    secret = _new_secret(kiosk=kiosk)
    with database.atomic():
        if not is_current(user):
            raise Invalid({"name": CHANGED})
        if Token.select().where(Token.user == user.id).count() >= MAX_TOKENS:
            raise Invalid(
                {
                    "name": Sentence(
                        "There are already %(most)s tokens: revoke one that is not in use", most=MAX_TOKENS
                    )
                }
            )
        Token.create(
            hash=token_hash(secret),
            user=user,
            name=name,
            read_only=read_only or kiosk,
            kiosk=kiosk,
            expires=None if days is None else moment(days * 24 * 3600),
        )
    return secret


def renew_token(id_: int) -> str:
    """Replace the secret of a token. Return the new secret; "" if the token is gone."""
    token = Token.get_or_none(Token.id == id_)
    if token is None:
        return ""
    secret = _new_secret(kiosk=token.kiosk)
    found = Token.update(hash=token_hash(secret)).where(Token.id == id_).execute()
    return secret if found else ""


def _new_secret(*, kiosk: bool) -> str:
    return f"{KIOSK_PREFIX if kiosk else 'tracker_'}{secrets.token_urlsafe(32)}"


def find_kiosk(secret: str) -> Token | None:
    """Return the token of a wall screen that has this secret, of an active account; None if there is none."""
    found: Token | None = (
        Token.select(Token, User)
        .join(User)
        .where(
            Token.hash == token_hash(secret),
            Token.kiosk,
            User.active,
            Token.expires.is_null() | (Token.expires > now()),
            Token.created <= moment(CLOCK_STEP_S),
        )
        .first()
    )
    return found


def revoke(which: Any) -> int:
    """Delete the tokens for which the condition holds."""
    return int(Token.delete().where(which).execute())


def matches(user: User | None, password: str) -> bool:
    """Return whether this is the password of the account. It takes as long without an account or password."""
    return passwords.matches(user.password_hash if user else "", password)


def _acceptable(password: str, name: str) -> str:
    """Return the password. Raises Invalid if it is too short or easily guessed."""
    if (reason := strength.password_problem(password, name)) is not None:
        raise Invalid({"password": reason})
    return password
