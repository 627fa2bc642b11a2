"""The pages of the second step of a sign-in: entering a code, and setting up the app."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

from flask import Blueprint, abort, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from base.sentences import Sentence
from domain import totp
from domain.sign_ins import SignIn
from models import User, database
from web import auth, confirm
from web.forms import Form
from web.languages import gettext
from web.pages.account_actions import log_own

HALFWAY_S = 5 * 60  # between the password and the code

bp = Blueprint("two_step", __name__, url_prefix="/accounts")


@bp.route("/login/code/", methods=["GET", "POST"])
@auth.public
def code() -> ResponseReturnValue:
    """Ask a person who has given the password for the code."""
    target = auth.local(request.values.get("next", ""))
    user = halfway()
    if user is None:
        flash(gettext("This took too long. Sign in again."))
        return redirect(url_for("auth.login", next=target), 303)
    errors = {}
    wait = 0.0
    if request.method == "POST":
        wait, why = confirm.check_code(user, request.form.get("code", ""))
        if not why and auth.sign_in(user):
            SignIn.note(user.name, request.remote_addr or "", "signed in with a code")
            return redirect(target, 303)
        errors = {"code": why or Sentence("The account was changed meanwhile. Sign in again.")}
    page = render_template("sign_in/code.html", form=Form(errors=errors), next=target)
    return page, _status(wait, errors), auth.retry_after(wait)


def _status(wait: float, errors: dict[str, str]) -> int:
    return 429 if wait else 401 if errors else 200


def halfway() -> User | None:
    """Return the account whose password was just given in this browser, without the code yet.

    None if the password or the account was changed since.
    """
    try:
        id_, given, credentials = str(session.get("halfway", "")).split()
        user: User | None = User.get_or_none(User.id == int(id_), User.active)
        is_new = 0 <= time.time() - float(given) < HALFWAY_S
    except ValueError:
        return None
    return user if user and is_new and credentials == auth.credentials(user) else None


@bp.route("/totp/", methods=["GET", "POST"])
@auth.needs("viewer")
def enrol() -> ResponseReturnValue:
    """Show the secret to set up an app with; POST makes a new one first."""
    user = auth.signed_in()
    if request.method == "POST":
        if (page := confirm.ask(Sentence("Set up two-step sign-in"))) is not None:
            return page
        totp.begin(user)
        return redirect(url_for("two_step.enrol"), 303)
    return _enrol(user)


def _enrol(user: User, error: str = "") -> ResponseReturnValue:
    secret = totp.pending(user) if confirm.is_recent() else None
    uri = totp.uri(user, secret, urlsplit(request.host_url).hostname or "") if secret else ""
    page = render_template(
        "accounts/totp.html",
        form=Form(errors={"code": error} if error else {}),
        secret=" ".join(secret[start : start + 4] for start in range(0, len(secret), 4)) if secret else "",
        uri=uri,
        qr_code=Markup(totp.qr_code(uri)) if uri else "",  # noqa: S704 (our own squares) # nosec
        is_on=totp.is_on(user),
        required=auth.unfinished(user) == "two_step.enrol",
    )
    return page, 422 if error else 200


@bp.post("/totp/enable/")
@auth.needs("viewer")
def enable() -> ResponseReturnValue:
    """Turn codes on, after a first code from the app; show the recovery codes, once."""
    user = auth.signed_in()
    if (page := confirm.ask(Sentence("Turn on two-step sign-in"))) is not None:
        return page
    with database.atomic():
        codes = totp.enable(user, request.form.get("code", ""))
        if codes is not None:
            log_own("codes turned on")
    if codes is None:
        return _enrol(user, Sentence("Wrong code. Wait for the next one"))
    return render_template("accounts/recovery_codes.html", codes=codes)


@bp.post("/totp/recovery/")
@auth.needs("viewer")
def recovery() -> ResponseReturnValue:
    """Replace the recovery codes and show the new ones, once."""
    user = auth.signed_in()
    if (page := confirm.ask(Sentence("Create new recovery codes"))) is not None:
        return page
    if not totp.is_on(user):
        abort(404)
    with database.atomic():
        codes = totp.new_recovery_codes(user)
        log_own("recovery codes replaced")
    return render_template("accounts/recovery_codes.html", codes=codes)


@bp.post("/totp/off/")
@auth.needs("viewer")
def off() -> ResponseReturnValue:
    if (page := confirm.ask(Sentence("Turn off two-step sign-in"))) is not None:
        return page
    user = auth.signed_in()
    with database.atomic():
        if totp.turn_off(user):
            log_own("codes turned off")
    return redirect(url_for("accounts.own"), 303)
