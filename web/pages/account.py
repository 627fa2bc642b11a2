"""A person's own page under /accounts/: password, tokens and sessions; and the one-time link."""

from __future__ import annotations

import textwrap

from flask import Blueprint, abort, flash, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from base.errors import Invalid
from base.sentences import Sentence
from domain import accounts, totp
from domain.accounts import Token
from domain.sign_ins import SignIn
from models import MAX_ID, Session, User, database
from web import auth, confirm, languages
from web.forms import Form
from web.languages import gettext
from web.lists import Page
from web.pages import kiosk
from web.pages.account_actions import log_own, token_once

# The meaning of words in a User-Agent. The first match counts, because most browsers also name others.
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
# The parameters of the page numbers, one for each list.
LISTS = ("tokens_page", "sessions_page", "walls_page")

DIFFERENT = Sentence("The two passwords differ")
NO_LINK = Sentence("This link was already used, or has expired. Ask an admin for a new one.")

bp = Blueprint("accounts", __name__)


@bp.app_template_filter("browser")
def browser_words(user_agent: str) -> str:
    """Return a User-Agent in words, like "Firefox on Linux"; or its start, if it is unknown."""
    browser, system = (
        next((name for word, name in known.items() if word in user_agent), "")
        for known in (BROWSERS, SYSTEMS)
    )
    if not browser:
        return textwrap.shorten(user_agent, 40, placeholder="…") or gettext("Unknown")
    return gettext("%(browser)s on %(system)s", browser=browser, system=system) if system else browser


@bp.get("/accounts/")
def own() -> ResponseReturnValue:
    return _own()


def _own(
    *,
    password: Form | None = None,
    token: Form | None = None,
    wall: Form | None = None,
    secret: str = "",
    link: str = "",
    wait: float = 0,
) -> ResponseReturnValue:
    """Show the person's own page; `secret` is a new token, `link` a new wall screen, never shown again.

    `wait` is the number of seconds before the next attempt.
    """
    user = auth.signed_in()
    password, token, wall = password or Form(), token or Form(), wall or Form()
    mine = Token.select().where(Token.user == user.id).order_by(Token.id.desc())
    page = render_template(
        "accounts/own.html",
        password_form=password,
        token_form=token,
        secret=secret,
        pages={name: request.args[name] for name in LISTS if name in request.args},
        tokens=Page.of(mine.where(~Token.kiosk), "tokens_page"),
        wall_form=wall,
        walls=Page.of(mine.where(Token.kiosk), "walls_page"),
        wall_link=link,
        sessions=Page.of(
            Session.select().where(Session.user == user.id).order_by(Session.last_used.desc()),
            "sessions_page",
        ),
        this_session=g.credential.id,
        codes_on=totp.is_on(user),
        asks_for_code=confirm.needs_code(user),
        recovery_codes_left=totp.recovery_codes_left(user),
    )
    status = 429 if wait else 422 if password.errors or token.errors or wall.errors else 200
    return page, status, auth.retry_after(wait)


@bp.route("/accounts/password/", methods=["GET", "POST"])
@auth.needs("viewer")
def change_password() -> ResponseReturnValue:
    """Set a new password, end every session, and begin a new one here."""
    user = auth.signed_in()
    if request.method == "GET":
        return _password_page(user) if user.password_temporary else redirect(url_for("accounts.own"))
    old, new = request.form.get("current_password", ""), request.form.get("new_password", "")
    wait, known = auth.check(user.name, old, "gave the password again")
    if wait:
        return _password_page(user, "current_password", auth.too_often(wait), wait=wait)
    if known is None:
        return _password_page(user, "current_password", Sentence("Wrong password"))
    if new == old:
        return _password_page(
            user, "new_password", Sentence("This is your current password. Choose another one")
        )
    return _change_password(user, known, new)


def _change_password(user: User, known: User, new: str) -> ResponseReturnValue:
    """Change the password of `user`, who has given the present one; `known` is the account at that time."""
    if new != request.form.get("new_password_again", ""):
        return _password_page(user, "new_password_again", DIFFERENT)
    if confirm.needs_code(user):  # otherwise a session and a password would be enough for a confirmed session
        wait, why = confirm.check_code(user, request.form.get(confirm.CODE, ""))
        if why:
            return _password_page(user, confirm.CODE, why, wait=wait)
        confirm.note()
    try:
        accounts.set_password(known, new)
    except Invalid as error:
        return _password_page(user, "new_password", error.fields["password"])
    log_own("password changed")
    auth.sign_in(known)
    flash(gettext("Password changed. All your other sessions have ended."))
    return redirect(url_for("accounts.own"), 303)


def _password_page(user: User, field: str = "", error: str = "", *, wait: float = 0) -> ResponseReturnValue:
    """Show the error of a field: on the own page, or on the only one while a password is temporary."""
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
    if (page := confirm.ask(Sentence("Create token"))) is not None:
        return page
    user = auth.signed_in()
    days = request.form.get("days", "").strip()

    def make() -> str:
        return accounts.make_token(
            user,
            request.form.get("label", ""),
            read_only=bool(request.form.get("read_only")),
            days=_days(days) if days else None,
        )

    try:
        secret = token_once(make, "token")
    except Invalid as error:
        return _own(
            token=Form.refused({{"name": "label"}.get(name, name): why for name, why in error.fields.items()})
        )
    return _own(secret=secret)


@bp.post("/accounts/wall_screens/")
def create_wall() -> ResponseReturnValue:
    """Make the link of a wall screen, and show it."""
    if (page := confirm.ask(Sentence("Create a wall screen link"))) is not None:
        return page
    user, form = auth.signed_in(), request.form
    try:
        choices = kiosk.choices(form)
        name = form.get("wall", "")
        secret = token_once(lambda: accounts.make_token(user, name, kiosk=True), "wall screen")
    except Invalid as error:
        return _own(
            wall=Form.refused({{"name": "wall"}.get(name, name): why for name, why in error.fields.items()})
        )
    return _own(link=kiosk.link(secret, choices) if secret else "")


def _days(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise Invalid({"days": Sentence("Must be a number")}) from error


@bp.post("/accounts/tokens/<int:pk>/revoke/")
@auth.needs("viewer")
def revoke_token(pk: int) -> ResponseReturnValue:
    user = auth.signed_in()
    with database.atomic():
        if not accounts.revoke((Token.id == min(pk, MAX_ID)) & (Token.user == user.id)):
            abort(404)
        log_own(f"token {pk} revoked")
    flash(gettext("The token is revoked."))
    return redirect(url_for("accounts.own"), 303)


@bp.post("/accounts/language/")
@auth.needs("viewer")
def choose_language() -> ResponseReturnValue:
    """Set the language of the account's pages; "" is that of the browser."""
    code = request.form.get("language", "")
    if code and code not in languages.languages():
        abort(400)
    User.update(language=code or None).where(User.id == auth.signed_in().id).execute()
    return redirect(url_for("accounts.own"), 303)


@bp.route("/accounts/sign_out_everywhere/", methods=["GET", "POST"])
@auth.needs("viewer")
def sign_out_everywhere() -> ResponseReturnValue:
    """Ask first; with POST, end all sessions of the account, also this one."""
    if request.method == "GET":
        return render_template(
            "accounts/ask.html",
            title=gettext("Sign out everywhere?"),
            words=gettext("All browsers with your account are signed out, this one too. Tokens stay valid."),
            verb=gettext("Sign out everywhere"),
            back=url_for("accounts.own"),
        )
    accounts.sign_out_everywhere(auth.signed_in())
    session.clear()
    flash(gettext("You are signed out everywhere."))
    return redirect(url_for("auth.login"), 303)


@bp.post("/accounts/sessions/end/")
@auth.needs("viewer")
def end_session() -> ResponseReturnValue:
    mine = Session.user == auth.signed_in().id
    if not accounts.end_sessions(mine & (Session.id == request.form.get("session", ""))):
        abort(404)
    flash(gettext("The session has ended."))
    return redirect(url_for("accounts.own"), 303)


@bp.route("/accounts/reset/<secret>/", methods=["GET", "POST"])
@auth.public
def reset(secret: str) -> ResponseReturnValue:
    """Let the owner of a one-time link choose a password. Opening the link does not use it up."""
    user = accounts.find_reset(secret)
    if user is None:
        abort(404, NO_LINK)
    form = Form()
    if request.method == "POST":
        new = request.form.get("new_password", "")
        try:
            if new != request.form.get("new_password_again", ""):
                form = Form.refused({"new_password_again": DIFFERENT})  # nosec B105 (words)
            else:
                with auth.admitted():
                    accounts.set_password(user, new, link=secret)
                SignIn.note(user.name, request.remote_addr or "", "password set by one-time link")
                session.clear()
                flash(gettext("Password set. Sign in with it."))
                return redirect(url_for("auth.login"), 303)
        except Invalid as error:
            form = Form.refused({"new_password": error.fields["password"]})
        except accounts.Reset.DoesNotExist:
            abort(404, NO_LINK)
    return render_template("sign_in/reset.html", user=user, form=form), 422 if form.errors else 200
