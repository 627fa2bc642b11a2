"""Sign-in, sessions, tokens and roles, checked before every request.

The browser has a random secret in Flask's signed cookie, and the database has its hash. So the server can end
a session, and a copy of the database lets nobody in. A program sends a token instead.

A view that names no role needs a sign-in: viewers may read it, and editors may change something with it. So a
new page is never open by oversight.
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Set
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple, TypeVar

import peewee
from flask import (
    Flask,
    abort,
    current_app,
    flash,
    g,
    redirect,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, Unauthorized

from base import addresses, times
from base.sentences import Sentence
from base.times import now
from domain import accounts, passwords, throttle, totp
from domain.accounts import ROLES, Token
from domain.sign_ins import Refusal, SignIn
from models import Session, User, actor, database
from server.access_log import WAITED_S
from web import kiosk_cookie, languages, origins, root, session_cookie, unsent
from web.languages import gettext, translated
from web.session_cookie import SAFE
from web.state import state

TOUCH_S = 300  # the precision of `last_used`, so that not every page view is a write
# The endpoints for a person who must first change a password or set up codes.
FINISHING = {"accounts.change_password", "two_step.enrol", "two_step.enable", "auth.logout"}
# Blueprints that answer with a code instead of the sign-in page.
FOR_PROGRAMS = {"api", "notifications", "metrics"}

View = TypeVar("View", bound=Callable[..., object])


class Credential(NamedTuple):
    """The proof of a request: the id of a session, or "token:" and the id of a token."""

    id: str
    is_token: bool = False
    read_only: bool = False
    is_wall: bool = False  # of a wall screen


def needs(role: str) -> Callable[[View], View]:
    """Set the role that a view needs, for every method; "nobody" means no sign-in."""

    def mark(view: View) -> View:
        view.__dict__["role"] = role
        return view

    return mark


public = needs("nobody")


def admits_tokens(view: View) -> View:
    """Let a view for admins take an admin's token that may write. For others it is an editor's at most."""
    view.__dict__["admits_tokens"] = True
    return view


def shows_unsent(view: View) -> View:
    """Mark a view that only shows the form again if `unsent.sentence` is not ""."""
    view.__dict__["shows_unsent"] = True
    return view


def init_app(app: Flask) -> None:
    """Check the sender of each request before its view, and that each form is ours."""
    app.session_interface = session_cookie.SessionInterface()
    app.before_request(guard)


def guard() -> ResponseReturnValue | None:
    """Refuse a request whose sender may not use its view."""
    view = current_app.view_functions.get(request.endpoint or "")
    if view is None or request.endpoint == "static":
        return None
    role = _role_for(view)
    if role == "nobody" and request.method in SAFE:
        return None
    user = current_user()
    if role != "nobody":
        if user is None:
            return _ask_to_sign_in()
        if page := unfinished(user):
            return _finish_first(page, view)
        if not may(role):
            return _refuse(user, role)
    if g.credential is None or not g.credential.is_token:
        return _check_form(view)
    return None


def _refuse(user: User, role: str) -> ResponseReturnValue:
    """Refuse a request that needs a higher role. Show a typed form again, for an account with that role."""
    if unsent.is_form() and unsent.is_typed():
        words = gettext("You are signed in as %(name)s.", name=unsent.isolated(user.name))
        words = f"{words} {translated(_why_not(role))}"
        return unsent.page(words, 403)
    raise Forbidden(_why_not(role))


def _check_form(view: object) -> ResponseReturnValue | None:
    """Refuse a form that no page of this session has sent.

    If a page of an earlier session sent it, show it again.
    """
    try:
        state().csrf.protect()
    except CSRFError as error:
        if words := origins.explain("form", origins.of_request()):
            raise origins.OtherHost(words) from error
        if not unsent.is_form():
            raise unsent.StaleToken from error
        user = current_user()
        words = _signed_in_since(user)
        if not getattr(view, "shows_unsent", False):
            return unsent.page(words, 400)
        unsent.show_again(words)
    return None


def _signed_in_since(user: User | None) -> Sentence:
    """Return why a form of an older page is shown again."""
    if user is None:
        return Sentence(
            "You signed in or out after opening this page. Nothing is saved: check it and send it again."
        )
    return Sentence(
        "You signed in as %(name)s after opening this page. Nothing is saved: check it and send it again.",
        name=unsent.isolated(user.name),
    )


def _role_for(view: object) -> str:
    """Return the role that a view needs for this request's method."""
    return str(getattr(view, "role", "viewer" if request.method in SAFE else "editor"))


def look_again() -> None:
    """Check the sender again, after a pause during which a session, an account or a role may have ended.

    Raises Forbidden if that has happened.
    """
    g.pop("user", None)
    view = current_app.view_functions[request.endpoint or ""]
    if current_user() is None or not _has(_role_for(view)):
        raise Forbidden(
            Sentence("You were signed out, or your role was changed, meanwhile. Nothing was saved.")
        )


def may(role: str) -> bool:
    """Return whether the sender of this request has this role, or more."""
    user = current_user()
    return user is not None and not unfinished(user) and _has(role)


def require(role: str) -> None:
    """Raise Forbidden if the sender of this request does not have this role, or more."""
    if not may(role):
        raise Forbidden(_why_not(role))


def _has(role: str) -> bool:
    user = signed_in()
    level = ROLES.index(user.role)
    if g.credential.is_token:
        level = min(level, ROLES.index(_most_of_token()))
    return level >= ROLES.index(role)


def _most_of_token() -> str:
    """Return the highest role that the token of this request may have, for the view that it asks for."""
    if g.credential.read_only:
        return "viewer"
    view = current_app.view_functions.get(request.endpoint or "")
    return "admin" if getattr(view, "admits_tokens", False) else "editor"


def unfinished(user: User) -> str:
    """Return the endpoint that a session of this user must go to before all others; "" if there is none."""
    if g.credential.is_token:
        return ""
    if user.password_temporary:
        return "accounts.change_password"
    return "two_step.enrol" if state().settings.admin_totp and user.is_admin and not totp.is_on(user) else ""


def _finish_first(page: str, view: object) -> ResponseReturnValue | None:
    if request.endpoint in FINISHING:
        return _check_form(view)
    if request.blueprint in FOR_PROGRAMS:
        raise Forbidden(Sentence("First open %(page)s, and do what that page asks for.", page=url_for(page)))
    if unsent.is_form() and unsent.is_typed():
        words = Sentence(
            "This is not saved yet. First open %(page)s in another tab, and do what it asks for.",
            page=url_for(page),
        )
        return unsent.page(words, 403)
    return redirect(url_for(page))


def _why_not(role: str) -> str:
    if g.credential.read_only:
        return Sentence("This token is read-only.")
    if g.credential.is_token and role == "admin" and _most_of_token() != "admin":
        return Sentence("Only a signed-in admin can do this, not a token.")
    if role == "admin":
        return Sentence("Only admins have access to this page.")
    return Sentence("You have view-only access. To change something, ask an admin for the role of editor.")


def _ask_to_sign_in() -> ResponseReturnValue:
    if request.blueprint in FOR_PROGRAMS:
        raise Unauthorized(Sentence("Sign in, or send a token."), www_authenticate=WWWAuthenticate("bearer"))
    secret = _bearer()
    if secret is not None:
        _find_token(secret)
        raise Forbidden("Tokens are for the API only.")
    if kiosk_cookie.is_asked():
        return redirect(url_for("kiosk.enter", ended=""))
    here = root.address(request.full_path.rstrip("?")) if request.method == "GET" else None
    if unsent.is_form() and (unsent.is_typed() or not unsent.has_page()):
        return unsent.page(
            Sentence("You were signed out before this was saved. What you typed is kept here."), 401
        )
    if request.method == "POST" and unsent.has_page():
        here = root.address(request.path)  # a page with a form
        flash(gettext("You were signed out before this was saved. Sign in, and enter it again."))
    return redirect(url_for("auth.login", next=here))


def current_user() -> User | None:
    """Return the account of this request; None without a sign-in. A wrong token is refused with 401."""
    if "user" not in g:
        g.user = g.credential = None
        actor.set(None)
        found = _sender()
        if found is not None:
            g.user, g.credential = found
            actor.set(found[0].name)
    user: User | None = g.user
    return user


def _sender() -> tuple[User, Credential] | None:
    """Return the account of a token, of a wall screen or of a session, whichever the request comes with."""
    token = _bearer() if request.blueprint in FOR_PROGRAMS else None
    if token is not None:
        return _find_token(token)
    wall = kiosk_cookie.secret() if kiosk_cookie.is_asked() else None
    return _find_session(session.get("secret")) if wall is None else _find_wall(wall)


def own_language() -> str | None:
    """Return the code of the language that this request's account has chosen; English for programs."""
    if has_bearer():
        return languages.SOURCE
    user = current_user()
    return user.language if user else None


def has_bearer() -> bool:
    """Return whether the request has a token, valid or not."""
    return _bearer() is not None


def _bearer() -> str | None:
    """Return the token of the request; None without one."""
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    return secret.strip() if kind.lower() == "bearer" else None


def signed_in() -> User:
    """Return the account of this request. Raises Unauthorized without a sign-in."""
    return current_user() or abort(401)


def session_key() -> tuple[int, str]:
    """Return (user id, session id) of this request, by which its socket can be found again."""
    return g.user.id, g.credential.id


def owner() -> str:
    """Return the owner of this request's idempotency keys: an account, in all its sessions, or a token."""
    return str(g.credential.id) if g.credential.is_token else f"user:{signed_in().id}"


def valid_keys(keys: Set[tuple[int, str]]) -> set[tuple[int, str]]:
    """Return which of these `session_key`s belong to sessions that have not ended."""
    return accounts.valid_keys(keys, lifetime())


def lifetime() -> accounts.Lifetime:
    """Return how long sessions last."""
    hours = state().settings
    return accounts.Lifetime(hours.session_hours * 3600, hours.idle_hours * 3600)


def note_use(keys: Iterable[tuple[int, str]]) -> None:
    """Record that the sessions of these `session_key`s are in use, because their pages are open."""
    stale = accounts.moment(-min(TOUCH_S, state().settings.idle_hours * 360))
    wrong = Session.last_used > accounts.moment(accounts.CLOCK_STEP_S)
    for some in peewee.chunked([id_ for _, id_ in keys], 500):
        unnoted = (Session.id << some) & ((Session.last_used < stale) | wrong)
        if Session.select().where(unnoted).exists():
            database.try_write(Session.update(last_used=now()).where(unnoted))


def credentials(user: User) -> str:
    """Return a hash that changes when an account's sessions end, so that an unfinished sign-in ends, too."""
    return accounts.token_hash(f"{user.credentials_version} {user.password_hash}")


def check(name: str, password: str, outcome: str) -> tuple[float, User | None]:
    """Return (0, the active account of that name and password), (0, None), or (seconds to wait, None).

    Takes the same time for every name. Success is recorded as `outcome`, unless that is empty. Raises
    passwords.Busy, and counts no attempt, if too many are being checked.
    """
    address = request.remote_addr or ""
    with admitted():
        return _check(name, password, outcome, address)


@contextmanager
def admitted() -> Iterator[None]:
    """Take a place in the password queue, counted for the sender's network. Raises passwords.Busy.

    The access log does not call a request slow for the time in the block.
    """
    begun = time.monotonic()
    try:
        with passwords.in_flight.admitted(addresses.site(request.remote_addr or "")):
            yield
    finally:
        before = request.environ.get(WAITED_S, 0.0)
        request.environ[WAITED_S] = before + time.monotonic() - begun


def _check(name: str, password: str, outcome: str, address: str) -> tuple[float, User | None]:
    keys = throttle.by_name_from(name, address), addresses.key(address)
    wait = throttle.attempt({keys[0]: throttle.BURST_PER_NAME, keys[1]: throttle.BURST_PER_ADDRESS})
    user = accounts.named(name)
    known = user.name if user else None
    if wait:
        Refusal.note(known, address, "refused: tried too often")
        return wait, None
    if not accounts.matches(user if user and user.active else None, password) or user is None:
        why = "refused: not active" if user and not user.active else "refused: wrong password"
        Refusal.note(known, address, why if user else "refused: no such account")
        return 0.0, None
    wait = throttle.limit(f"signed in:{user.id}", throttle.SIGN_INS_PER_HOUR, 3600.0)
    if wait:  # it still counts as a failure: the owner of the password has no reason to go on
        Refusal.note(known, address, "refused: tried too often")
        return wait, None
    throttle.succeeded(*keys)
    throttle.remember(name, address)
    if outcome:
        SignIn.note(known, address, outcome)
    return 0.0, user


def sign_in(user: User) -> bool:
    """Begin a session with a new id.

    Returns False, and begins none, if the account was shut out or got a new password since `user` was read.
    """
    secret = secrets.token_urlsafe(32)
    id_ = accounts.token_hash(secret)
    with database.atomic():
        if not accounts.is_current(user):
            return False
        lifetime().delete_ended()
        Session.create(
            id=id_,
            user=user,
            address=request.remote_addr or "",
            user_agent=request.user_agent.string[:300],
            force_insert=True,
        )
        accounts.drop_surplus_sessions(user, id_)
    session.clear()
    session["secret"] = secret
    session.permanent = True
    return True


def _find_session(secret: object) -> tuple[User, Credential] | None:
    """Return the active account of a living session."""
    if not isinstance(secret, str):
        return None
    id_, lasts = accounts.token_hash(secret), lifetime()
    condition, values = lasts.alive()
    user, row = User.first(
        "SELECT s.last_used, u.* FROM session s JOIN user u ON u.id = s.user_id AND u.active "  # noqa: S608 # nosec (our own text)
        f"WHERE s.id = ? AND {condition}",
        id_,
        *values,
    )
    if user is None:
        return None
    if not -accounts.CLOCK_STEP_S <= _age_s(row[0]) <= min(TOUCH_S, lasts.idle_s / 10):
        database.try_write(Session.update(last_used=now()).where(Session.id == id_))
    return user, Credential(id_)


def _find_token(secret: str) -> tuple[User, Credential]:
    """Return the active account of a valid token. Raises Unauthorized."""
    user, row = User.first(
        "SELECT t.id, t.read_only, t.last_used, u.* "
        "FROM token t JOIN user u ON u.id = t.user_id AND u.active "
        "WHERE t.hash = ? AND NOT t.kiosk AND (t.expires IS NULL OR t.expires > ? AND t.created <= ?)",
        accounts.token_hash(secret),
        now(),
        accounts.moment(accounts.CLOCK_STEP_S),
    )
    if user is None:
        raise Unauthorized("Unknown, expired or revoked token.", www_authenticate=WWWAuthenticate("bearer"))
    id_, read_only, last_used = row
    _touch(id_, last_used)
    return user, Credential(f"token:{id_}", is_token=True, read_only=bool(read_only))


def _find_wall(secret: str) -> tuple[User, Credential] | None:
    """Return the account that made the link of a wall screen; None if the link was revoked."""
    token = accounts.find_kiosk(secret)
    if token is None:
        return None
    _touch(token.id, token.last_used)
    return token.user, Credential(f"token:{token.id}", is_token=True, read_only=True, is_wall=True)


def _touch(token: int, last_used: str | None) -> None:
    """Note that a token is in use."""
    if last_used is None or not -accounts.CLOCK_STEP_S <= _age_s(last_used) <= TOUCH_S:
        database.try_write(Token.update(last_used=now()).where(Token.id == token))


def _age_s(timestamp: str) -> float:
    return (times.clock() - datetime.fromisoformat(timestamp)).total_seconds()


def retry_after(seconds: float) -> dict[str, str]:
    """Return the header that tells programs how long to wait; none for 0."""
    return {"Retry-After": str(math.ceil(seconds))} if seconds else {}


def duration(seconds: float) -> Sentence:
    """Return a time to wait, for people."""
    if seconds < 90:
        return Sentence.counted("%(n)s second", "%(n)s seconds", math.ceil(seconds))
    return Sentence.counted("%(n)s minute", "%(n)s minutes", math.ceil(seconds / 60))


def too_often(seconds: float) -> Sentence:
    """Return the error for a person who has tried too often."""
    return Sentence("Too many attempts. Try again in %(time)s.", time=duration(seconds))


def local(target: str) -> str:
    """Return the target if it leads to a page of this tracker, else the start page."""
    path = root.without(target)
    local = path and path[1:2] not in ("/", "\\") and target.isprintable()
    return target if local else url_for("pages.index")
