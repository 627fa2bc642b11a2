"""The admins' page under /admin/: all accounts, tokens and sessions, and the log of admins' actions."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from base.errors import Invalid
from base.sentences import Sentence
from domain import accounts
from domain.accounts import ROLES, Token
from domain.admin_log import AdminAction
from domain.sign_ins import Refusal, SignIn
from models import MAX_ID, Session, User, database, last_backup
from web import auth, confirm, server_facts
from web.forms import Form
from web.languages import gettext, translated
from web.lists import Page
from web.pages.account_actions import log, once
from web.pages.blueprint import isolated

# Actions that raise an account's rights, as the page that asks for the password names them.
GIVES_POWER = {
    "role": Sentence("Change a role"),
    "reset": Sentence("Create a password link"),
    "activate": Sentence("Reactivate an account"),
}
# What the page says after an action, of which account.
DONE: dict[str, Callable[[str], str]] = {
    "role": lambda name: gettext("The role of %(name)s is set.", name=name),
    "activate": lambda name: gettext("%(name)s can sign in again.", name=name),
    "deactivate": lambda name: gettext("%(name)s is deactivated.", name=name),
}
# The parameters of the page numbers, one for each list.
LISTS = (
    "users_page",
    "tokens_page",
    "sessions_page",
    "sign_ins_page",
    "refusals_page",
    "actions_page",
)

bp = Blueprint("admin", __name__)
bp.add_app_template_filter(server_facts.readable, "readable_size")


@bp.get("/admin/")
@auth.needs("admin")
def page() -> ResponseReturnValue:
    return _admin()


def _admin(
    *, form: Form | None = None, link_for: User | None = None, secret: str = ""
) -> ResponseReturnValue:
    """Show the page of all accounts; `secret` is of a new one-time link, which is never shown again."""
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
        last_backup=last_backup(),
        problems=server_facts.problems(),
        refusals=Page.of(Refusal.select().order_by(Refusal.id.desc()), "refusals_page"),
    )
    return page, 422 if form.errors else 200


@bp.post("/admin/users/")
@auth.needs("admin")
def create_user() -> ResponseReturnValue:
    """Create an account and show the one-time link by which its owner chooses a password."""
    if (page := confirm.ask(Sentence("Create an account"))) is not None:
        return page
    name, role = request.form.get("name", ""), request.form.get("role", "")
    made = False

    def make() -> int:
        nonlocal made
        made = True
        user = accounts.create(name, role)
        log(f"account created as {user.role}", user.name)
        return int(user.id)

    try:
        with database.atomic():
            user = User.get_by_id(once(make))
            secret = accounts.make_reset(user)
            if not made:  # the form was sent again, perhaps long after the account was first used
                log("link for a new password made", user.name)
    except Invalid as error:
        return _admin(form=Form.refused(error.fields))
    return _admin(link_for=user, secret=secret)


@bp.route("/admin/users/<int:pk>/<action>/", methods=["GET", "POST"])
@auth.needs("admin")
def change_user(pk: int, action: str) -> ResponseReturnValue:
    """Carry out an action on an account; GET asks first, before it is deactivated."""
    user: User = User.get_by_id(min(pk, MAX_ID))
    if request.method == "GET":
        return _ask_deactivate(user) if action == "deactivate" else abort(404)
    if action in GIVES_POWER and (page := confirm.ask(GIVES_POWER[action])) is not None:
        return page
    try:
        with database.atomic():
            link = _change(user, action)
    except Invalid as error:
        reasons = "; ".join(map(translated, error.fields.values()))
        return _admin(form=Form.refused({"": f"{user.name}: {reasons}."}))
    if link:
        return _admin(link_for=user, secret=link)
    flash(DONE[action](isolated(user.name)))
    return redirect(url_for("admin.page"), 303)


def _ask_deactivate(user: User) -> ResponseReturnValue:
    return render_template(
        "accounts/ask.html",
        title=gettext("Deactivate %(name)s?", name=isolated(user.name)),
        words=gettext("The account is signed out everywhere. You can reactivate it later."),
        verb=gettext("Deactivate"),
        back=url_for("admin.page"),
    )


def _change(user: User, action: str) -> str:
    """Carry out an action, and log it. Return the secret of the link that it made, or ""."""
    if action == "reset":
        link = accounts.make_reset(user)
        log("link for a new password made", user.name)
        return link
    if action == "role":
        if accounts.set_role(user, request.form.get("role", "")):
            log(f"role set to {request.form['role']}", user.name)
    elif action in ("activate", "deactivate"):
        if accounts.set_active(user, active=action == "activate"):
            log(f"account {action}d", user.name)
    else:
        abort(404)
    return ""


@bp.post("/admin/tokens/<int:pk>/revoke/")
@auth.needs("admin")
def revoke_token(pk: int) -> ResponseReturnValue:
    token = Token.select(Token, User).join(User).where(Token.id == min(pk, MAX_ID)).first() or abort(404)
    with database.atomic():
        accounts.revoke(Token.id == token.id)
        log(f"token {token.id} revoked", token.user.name)
    flash(gettext("The token is revoked."))
    return redirect(url_for("admin.page"), 303)


@bp.post("/admin/sessions/end/")
@auth.needs("admin")
def end_session() -> ResponseReturnValue:
    id_ = request.form.get("session", "")
    found = Session.select(Session, User).join(User).where(Session.id == id_).first() or abort(404)
    with database.atomic():
        accounts.end_sessions(Session.id == found.id)
        log("session ended", found.user.name)
    flash(gettext("The session has ended."))
    return redirect(url_for("admin.page"), 303)
