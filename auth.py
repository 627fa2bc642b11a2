"""Who somebody is: accounts, sign-in and sessions.

The browser holds a random secret in Flask's signed cookie; the database holds its hash, so that a session
can be ended from here and a copy of the database lets nobody in.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from functools import cache
from urllib.parse import urlsplit

import gevent
from flask import Blueprint, abort, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from werkzeug.security import check_password_hash, generate_password_hash

from models import Session, User, actor, database, now

SESSION_DAYS = 30  # after sign-in a session ends
TOUCH_S = 300  # how exact `last_used` of a session is: not every page view is a write

bp = Blueprint("auth", __name__, url_prefix="/accounts")


def first_account() -> str | None:
    """Create the account `admin` if there is none at all. Returns its password, which is kept nowhere."""
    if User.select().exists():
        return None
    password = secrets.token_urlsafe(12)
    User.create(name="admin", password_hash=generate_password_hash(password), role="admin")
    return password


def current_user() -> User | None:
    """Return who this request comes from; None if nobody is signed in."""
    if "user" not in g:
        g.user = None
        g.session = _find_session(session.get("secret"))
        if g.session is not None:
            g.user = g.session.user
        actor.set(g.user.name if g.user else None)
    return g.user


def signed_in() -> User:
    """Return who this request comes from. Raises Unauthorized if nobody is signed in."""
    return current_user() or abort(401)


def session_key() -> tuple[int, str]:
    """Return (user id, session id) of this request, by which its socket can be found again."""
    return g.user.id, g.session.id


def valid_keys() -> set[tuple[int, str]]:
    """Return the `session_key` of every session that has not ended."""
    oldest = (datetime.now(UTC) - timedelta(days=SESSION_DAYS)).isoformat()
    found = Session.select(Session.user, Session.id).join(User).where(Session.created > oldest, User.active)
    return set(found.tuples())


def require_user() -> ResponseReturnValue | None:
    """Send whoever is not signed in to the sign-in page, and back afterwards."""
    if current_user() is None:
        here = request.full_path.rstrip("?") if request.method == "GET" else None
        return redirect(url_for("auth.login", next=here))
    return None


def require_user_or_401() -> None:
    if current_user() is None:
        abort(401)


@bp.route("/login/", methods=["GET", "POST"])
def login() -> ResponseReturnValue:
    target = _local(request.values.get("next", ""))
    name = request.form.get("username", "")
    errors = {}
    if request.method == "POST":
        user = _check(name, request.form.get("password", ""))
        if user is not None:
            _sign_in(user)
            return redirect(target, 303)
        errors[""] = "That name and password do not belong together."
    form = {"values": {"username": name}, "errors": errors}
    page = render_template("login.html", form=form, next=target)
    return page, 401 if errors else 200


@bp.post("/logout/")
def logout() -> ResponseReturnValue:
    if current_user() is not None:
        g.session.delete_instance()
    session.clear()
    return redirect(url_for("auth.login"), 303)


def _check(name: str, password: str) -> User | None:
    """Return the active account of that name and password. As slow for a name that does not exist."""
    user = User.get_or_none(User.name == name, User.active)
    stored = user.password_hash if user else _nobodys_hash()
    # scrypt takes 50 ms and lets go of the interpreter meanwhile: in a thread, nobody waits for it
    matches = gevent.get_hub().threadpool.apply(check_password_hash, (stored, password))
    return user if matches else None


@cache
def _nobodys_hash() -> str:
    return generate_password_hash(secrets.token_urlsafe())


def _sign_in(user: User) -> None:
    secret = secrets.token_urlsafe(32)
    oldest = datetime.now(UTC) - timedelta(days=SESSION_DAYS)
    with database.atomic():
        Session.delete().where(Session.created < oldest.isoformat()).execute()
        Session.create(
            id=_hash(secret),
            user=user,
            address=request.remote_addr or "",
            user_agent=request.user_agent.string[:300],
            force_insert=True,
        )
    session.clear()
    session["secret"] = secret
    session.permanent = True


def _find_session(secret: object) -> Session | None:
    if not isinstance(secret, str):
        return None
    oldest = (datetime.now(UTC) - timedelta(days=SESSION_DAYS)).isoformat()
    found: Session | None = (
        Session.select(Session, User)
        .join(User)
        .where(Session.id == _hash(secret), Session.created > oldest, User.active)
        .first()
    )
    if found is not None and _age_s(found.last_used) > TOUCH_S:
        database.try_write(Session.update(last_used=now()).where(Session.id == found.id))
    return found


def _age_s(timestamp: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(timestamp)).total_seconds()


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _local(target: str) -> str:
    """Return the target if it leads to this site, else the start page."""
    parts = urlsplit(target)
    local = target.startswith("/") and target[1:2] not in ("/", "\\") and not (parts.scheme or parts.netloc)
    return target if local and target.isprintable() else url_for("pages.index")
