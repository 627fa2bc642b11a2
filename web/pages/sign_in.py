"""The pages of signing in and out."""

from __future__ import annotations

import time

from flask import Blueprint, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from base.sentences import Sentence
from domain import accounts, passwords, totp
from domain.sign_ins import SignIn
from models import Session, User
from web import auth, unsent
from web.forms import Form
from web.languages import gettext, translated

bp = Blueprint("auth", __name__, url_prefix="/accounts")


@bp.route("/login/", methods=["GET", "POST"])
@auth.public
@auth.shows_unsent
def login() -> ResponseReturnValue:
    target = auth.local(request.values.get("next", ""))
    name = request.form.get("username", "")
    errors = {}
    status = 200
    headers: dict[str, str] = {}
    if unsent.sentence():
        return _login_again(name, target)
    if request.method == "POST":
        try:
            wait, user = auth.check(name, request.form.get("password", ""), "")
        except passwords.Busy as busy:
            wait, user, status, errors[""] = passwords.RETRY_S, None, 429, busy.description or ""
        else:
            status, errors[""] = 401, Sentence("Wrong name or password.")
            if wait:
                status, errors[""] = 429, auth.too_often(wait)
        if user is not None:
            if (answer := _let_in(user, target)) is not None:
                return answer
            errors[""] = Sentence("The account was changed meanwhile. Sign in again.")
        headers = auth.retry_after(wait)
    return _login_page(name, target, errors), status, headers


def _let_in(user: User, target: str) -> ResponseReturnValue | None:
    """Begin a session, or ask for the code first; None if the account was changed meanwhile."""
    if totp.is_on(user):
        return _ask_for_code(user, target)
    if not auth.sign_in(user):
        return None
    SignIn.note(user.name, request.remote_addr or "", "signed in")
    return redirect(target, 303)


def _login_again(name: str, target: str) -> ResponseReturnValue:
    """Answer an old sign-in page, from before another sign-in. Redirect if that was the same account."""
    known = auth.current_user()
    if known is not None and known == accounts.named(name):
        return redirect(target, 303)
    return _login_page(
        name, target, {"": f"{translated(unsent.sentence())} {gettext('Enter your password again.')}"}
    ), 400


def _login_page(name: str, target: str, errors: dict[str, str]) -> str:
    form = Form({"username": name}, errors)
    return render_template("sign_in/login.html", form=form, next=target)


@bp.get("/signed_in/", endpoint="signed_in")
@auth.public
def signed_in_page() -> ResponseReturnValue:
    """Name the signed-in account, for a person who signed in for another tab, and for that tab's script."""
    return render_template("sign_in/signed_in.html")


def _ask_for_code(user: User, target: str) -> ResponseReturnValue:
    """Redirect to the second step. For some minutes the cookie names the account whose password was given."""
    SignIn.note(user.name, request.remote_addr or "", "gave the password, was asked for a code")
    session.clear()
    session["halfway"] = f"{user.id} {time.time()} {auth.credentials(user)}"
    return redirect(url_for("two_step.code", next=target), 303)


@bp.post("/logout/")
@auth.needs("viewer")
def logout() -> ResponseReturnValue:
    accounts.end_sessions(Session.id == g.credential.id)
    session.clear()
    return redirect(url_for("auth.login"), 303)
