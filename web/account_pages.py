"""The pages of accounts: everybody's own under /accounts/, all of them for admins under /admin/."""

from __future__ import annotations

import secrets
import textwrap
from collections.abc import Callable

from flask import Blueprint, abort, flash, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from base.errors import Invalid
from base.values import to_json
from domain import accounts, admin_log, idempotency, totp
from domain.accounts import ROLES, Token
from domain.admin_log import AdminAction
from domain.sign_ins import Refusal, SignIn
from models import MAX_ID, Session, User, database
from web import auth, confirm, server_facts
from web.forms import Form
from web.lists import Page

# What words in a User-Agent mean. The first that is in it counts: most browsers claim to be others, too.
BROWSERS = {
    "Edg": "Edge",
    "OPR": "Opera",
    "SamsungBrowser": "Samsung Internet",
    "Firefox": "Firefox",
    "FxiOS": "Firefox",
    "CriOS": "Chrome",
    "Chrome": "Chrome",
    "Safari": "Safari",
}
SYSTEMS = {
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "CrOS": "ChromeOS",
    "Windows": "Windows",
    "Mac OS X": "macOS",
    "Linux": "Linux",
}
# Actions that give power to somebody, and what they are called.
GIVES_POWER = {
    "role": "change a role",
    "reset": "make a link for a new password",
    "activate": "activate an account",
}
LISTS = (
    "users_page",
    "tokens_page",
    "sessions_page",
    "sign_ins_page",
    "refusals_page",
    "actions_page",
)  # which page of each list /admin/ shows

OWN_LISTS = ("tokens_page", "sessions_page")  # the same of /accounts/

NO_LINK = "This link has been used, or is too old. Ask for another."

bp = Blueprint("accounts", __name__)


@bp.app_template_filter("browser")
def browser_words(user_agent: str) -> str:
    """Say what a User-Agent is, like "Firefox on Linux"; or its beginning if that is not known."""
    browser, system = (
        next((name for word, name in known.items() if word in user_agent), "")
        for known in (BROWSERS, SYSTEMS)
    )
    if not browser:
        return textwrap.shorten(user_agent, 40, placeholder="…") or "unknown"
    return f"{browser} on {system}" if system else browser


@bp.get("/accounts/")
def own() -> ResponseReturnValue:
    return _own()


def _own(
    *, password: Form | None = None, token: Form | None = None, secret: str = "", wait: float = 0
) -> ResponseReturnValue:
    """Show the person's own page; `secret` is a token just made, which is never shown again.

    `wait` is how many seconds the person must wait before the next try.
    """
    user = auth.signed_in()
    password, token = password or Form(), token or Form()
    page = render_template(
        "accounts/own.html",
        password_form=password,
        token_form=token,
        secret=secret,
        pages={name: request.args[name] for name in OWN_LISTS if name in request.args},
        tokens=Page.of(Token.select().where(Token.user == user.id).order_by(Token.id.desc()), "tokens_page"),
        sessions=Page.of(
            Session.select().where(Session.user == user.id).order_by(Session.last_used.desc()),
            "sessions_page",
        ),
        this_session=g.credential.id,
        codes_on=totp.is_on(user),
        asks_for_code=confirm.needs_code(user),
        recovery_codes_left=totp.recovery_codes_left(user),
    )
    status = 429 if wait else 422 if password.errors or token.errors else 200
    return page, status, auth.retry_after(wait)


@bp.route("/accounts/password/", methods=["GET", "POST"])
@auth.needs("viewer")
def change_password() -> ResponseReturnValue:
    """Set it, end every session, and begin a new one here."""
    user = auth.signed_in()
    if request.method == "GET":
        return _password_page(user) if user.password_temporary else redirect(url_for("accounts.own"))
    old, new = request.form.get("current_password", ""), request.form.get("new_password", "")
    wait, known = auth.check(user.name, old, "gave the password again")
    if wait:
        too_many = f"Too many tries; again in {auth.duration(wait)}."
        return _password_page(user, "current_password", too_many, wait=wait)
    if known is None:
        return _password_page(user, "current_password", "This is not your present password.")
    if new == old:
        return _password_page(user, "new_password", "This is the present password. Choose another.")
    return _change_password(user, known, new)


def _change_password(user: User, known: User, new: str) -> ResponseReturnValue:
    """Do it for `user`, who has given the present password; `known` is as the account was then."""
    if new != request.form.get("new_password_again", ""):
        return _password_page(user, "new_password_again", "These are two different passwords.")
    if confirm.needs_code(user):  # or a session and a password would be enough to get one that is confirmed
        wait, why = confirm.check_code(user, request.form.get(confirm.CODE, ""))
        if why:
            return _password_page(user, confirm.CODE, why, wait=wait)
        confirm.note()
    try:
        accounts.set_password(known, new)
    except Invalid as error:
        return _password_page(user, "new_password", error.fields["password"])
    if user.is_admin:
        _log("password changed", user.name)
    auth.sign_in(known)
    flash("Your password is changed. All other sessions have ended.")
    return redirect(url_for("accounts.own"), 303)


def _password_page(user: User, field: str = "", error: str = "", *, wait: float = 0) -> ResponseReturnValue:
    """Show what is wrong with a field: on the own page, or on the only one while a password is temporary."""
    form = Form.refused({field: error} if error else {})
    if user.password_temporary:
        status = 429 if wait else 422 if error else 200
        shown = {"password_form": form, "asks_for_code": confirm.needs_code(user)}
        page = render_template("accounts/password.html", **shown)
        return page, status, auth.retry_after(wait)
    return _own(password=form, wait=wait)


@bp.post("/accounts/tokens/")
@auth.needs("viewer")
def create_token() -> ResponseReturnValue:
    if (page := confirm.ask("create a token")) is not None:
        return page
    user = auth.signed_in()
    days = request.form.get("days", "").strip()
    secret = ""  # nosec B105 (none yet)

    def make() -> int:
        nonlocal secret
        secret = accounts.make_token(
            user,
            request.form.get("label", ""),
            read_only=bool(request.form.get("read_only")),
            days=_days(days) if days else None,
        )
        if user.is_admin:
            _log("token created", user.name)
        return int(Token.get(hash=accounts.token_hash(secret)).id)

    try:
        id_ = _once(make)
        if not secret:  # the answer that showed the first secret was lost
            with database.atomic():
                secret = accounts.renew_token(id_)
                if secret and user.is_admin:
                    _log(f"token {id_} given a new secret", user.name)
    except Invalid as error:
        return _own(
            token=Form.refused({{"name": "label"}.get(name, name): why for name, why in error.fields.items()})
        )
    return _own(secret=secret)


def _once(make: Callable[[], int]) -> int:
    """Call `make` once, however often this form is sent, and return the id that it returned.

    The secret that belongs to the id is not kept. If the form is sent again, the caller makes a new secret.
    """

    def do() -> idempotency.Answer:
        return idempotency.Answer(200, {"id": str(make())}, b"")

    anew = {"csrf_token", confirm.PASSWORD, confirm.CODE}  # may be others when the form is sent again
    fields = sorted(item for item in request.form.items() if item[0] not in anew)
    asked = idempotency.request_hash(request.path.encode(), to_json(fields).encode())
    key = asked if "key" in request.form else secrets.token_hex(16)
    return int(idempotency.once(auth.owner(), key, asked, do).headers["id"])


def _days(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise Invalid({"days": "this must be a number"}) from error


@bp.post("/accounts/tokens/<int:pk>/revoke/")
@auth.needs("viewer")
def revoke_token(pk: int) -> ResponseReturnValue:
    user = auth.signed_in()
    with database.atomic():
        if not accounts.revoke((Token.id == min(pk, MAX_ID)) & (Token.user == user.id)):
            abort(404)
        if user.is_admin:
            _log(f"token {pk} revoked", user.name)
    return redirect(url_for("accounts.own"), 303)


@bp.post("/accounts/sign_out_everywhere/")
@auth.needs("viewer")
def sign_out_everywhere() -> ResponseReturnValue:
    accounts.sign_out_everywhere(auth.signed_in())
    session.clear()
    return redirect(url_for("auth.login"), 303)


@bp.post("/accounts/sessions/end/")
@auth.needs("viewer")
def end_session() -> ResponseReturnValue:
    mine = Session.user == auth.signed_in().id
    if not accounts.end_sessions(mine & (Session.id == request.form.get("session", ""))):
        abort(404)
    return redirect(url_for("accounts.own"), 303)


@bp.route("/accounts/reset/<secret>/", methods=["GET", "POST"])
@auth.public
def reset(secret: str) -> ResponseReturnValue:
    """The one-time link: choose a password. Opening it uses nothing up."""
    user = accounts.find_reset(secret)
    if user is None:
        abort(404, NO_LINK)
    form = Form()
    if request.method == "POST":
        new = request.form.get("new_password", "")
        try:
            if new != request.form.get("new_password_again", ""):
                form = Form.refused({"new_password_again": "These are two different passwords."})  # nosec B105 (words)
            else:
                with auth.admitted():
                    accounts.set_password(user, new, link=secret)
                SignIn.note(user.name, request.remote_addr or "", "password set by one-time link")
                session.clear()
                flash("Your password is set. Sign in with it.")
                return redirect(url_for("auth.login"), 303)
        except Invalid as error:
            form = Form.refused({"new_password": error.fields["password"]})
        except accounts.Reset.DoesNotExist:
            abort(404, NO_LINK)
    return render_template("sign_in/reset.html", user=user, form=form), 422 if form.errors else 200


@bp.get("/admin/")
@auth.needs("admin")
def admin() -> ResponseReturnValue:
    return _admin()


def _admin(
    *, form: Form | None = None, link_for: User | None = None, secret: str = ""
) -> ResponseReturnValue:
    """Show the page of all accounts; `secret` is of a one-time link just made, which is never shown again."""
    form = form or Form()
    link = url_for("accounts.reset", secret=secret, _external=True) if secret else ""
    page = render_template(
        "accounts/admin.html",
        form=form,
        link=link,
        link_for=link_for,
        roles=ROLES,
        pages={name: request.args[name] for name in LISTS if name in request.args},
        users=Page.of(User.select().order_by(~User.active, User.name), "users_page"),
        tokens=Page.of(Token.select(Token, User).join(User).order_by(Token.id.desc()), "tokens_page"),
        sessions=Page.of(
            Session.select(Session, User).join(User).order_by(Session.last_used.desc()), "sessions_page"
        ),
        this_session=g.credential.id,
        sign_ins=Page.of(SignIn.select().order_by(SignIn.id.desc()), "sign_ins_page"),
        actions=Page.of(AdminAction.select().order_by(AdminAction.id.desc()), "actions_page"),
        server_facts=server_facts.facts(),
        server_started=server_facts.started(),
        last_backup=server_facts.last_backup(),
        problems=server_facts.problems(),
        refusals=Page.of(Refusal.select().order_by(Refusal.id.desc()), "refusals_page"),
    )
    return page, 422 if form.errors else 200


@bp.post("/admin/users/")
@auth.needs("admin")
def create_user() -> ResponseReturnValue:
    """Create an account and show the one-time link by which its owner chooses a password."""
    if (page := confirm.ask("create an account")) is not None:
        return page
    name, role = request.form.get("name", ""), request.form.get("role", "")
    made = False

    def make() -> int:
        nonlocal made
        made = True
        user = accounts.create(name, role)
        _log(f"account created as {user.role}", user.name)
        return int(user.id)

    try:
        with database.atomic():
            user = User.get_by_id(_once(make))
            secret = accounts.make_reset(user)
            if not made:  # the form was sent again, perhaps when the account has long been in use
                _log("link for a new password made", user.name)
    except Invalid as error:
        return _admin(form=Form.refused(error.fields))
    return _admin(link_for=user, secret=secret)


@bp.post("/admin/users/<int:pk>/<action>/")
@auth.needs("admin")
def change_user(pk: int, action: str) -> ResponseReturnValue:
    user: User = User.get_by_id(min(pk, MAX_ID))
    if action in GIVES_POWER and (page := confirm.ask(GIVES_POWER[action])) is not None:
        return page
    link = ""
    try:
        with database.atomic():
            if action == "reset":
                link = accounts.make_reset(user)
                _log("link for a new password made", user.name)
            elif action == "role":
                if accounts.set_role(user, request.form.get("role", "")):
                    _log(f"role set to {request.form['role']}", user.name)
            elif action in ("activate", "deactivate"):
                if accounts.set_active(user, active=action == "activate"):
                    _log(f"account {action}d", user.name)
            else:
                abort(404)
    except Invalid as error:
        return _admin(form=Form.refused({"": f"{user.name}: {'; '.join(error.fields.values())}."}))
    return _admin(link_for=user, secret=link) if link else redirect(url_for("accounts.admin"), 303)


def _log(what: str, whose: str) -> None:
    """Note in the admins' log what who sends this request does, in the transaction that does it."""
    admin_log.note(what, whose, who=auth.signed_in().name, address=request.remote_addr or "")


@bp.post("/admin/tokens/<int:pk>/revoke/")
@auth.needs("admin")
def revoke_any_token(pk: int) -> ResponseReturnValue:
    token = Token.select(Token, User).join(User).where(Token.id == min(pk, MAX_ID)).first() or abort(404)
    with database.atomic():
        accounts.revoke(Token.id == token.id)
        _log(f"token {token.id} revoked", token.user.name)
    return redirect(url_for("accounts.admin"), 303)


@bp.post("/admin/sessions/end/")
@auth.needs("admin")
def end_any_session() -> ResponseReturnValue:
    id_ = request.form.get("session", "")
    found = Session.select(Session, User).join(User).where(Session.id == id_).first() or abort(404)
    with database.atomic():
        accounts.end_sessions(Session.id == found.id)
        _log("session ended", found.user.name)
    return redirect(url_for("accounts.admin"), 303)
