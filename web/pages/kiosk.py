"""Wall screens: the map for a wall, and the link that opens it.

The link has its secret behind a `#`, which browsers send to no server. So no log and no Referer has it. The
page of the link sends the secret once in a form, and gets a cookie for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from base.errors import Invalid
from base.sentences import Sentence
from domain import accounts
from web import auth, kiosk_cookie

# The secret, alone or at the end of a link.
SECRET = re.compile(rf"(?:^|#)({accounts.KIOSK_PREFIX}[A-Za-z0-9_-]{{20,100}})(?:&|$)")
NIGHT = re.compile(r"off|on|(1?\d|2[0-3])-(1?\d|2[0-3])")  # hours of the wall's clock, such as 22-6
MAX_LINK = 2000  # characters

bp = Blueprint("kiosk", __name__)


@bp.route("/tracker/kiosk/", methods=["GET", "POST"])
@auth.public
def enter() -> ResponseReturnValue:
    """Exchange the secret of a link for the cookie of a wall screen."""
    if request.method == "GET":
        return render_template("kiosk/enter.html", ended="ended" in request.args, refused=False)
    found = SECRET.search(request.form.get("link", "").strip()[:MAX_LINK])
    if found is None or accounts.find_kiosk(found[1]) is None:
        return render_template("kiosk/enter.html", ended=False, refused=True), 403
    chosen = {name: value for name, value in _chosen(request.args).items() if _is_valid(name, value)}
    values: dict[str, Any] = {"kiosk": "", **chosen}
    response = make_response(redirect(url_for("pages.index", **values), 303))
    kiosk_cookie.keep(response, found[1])
    return response


def screen() -> ResponseReturnValue:
    """Return the map for a wall, and renew its cookie."""
    response = make_response(render_template("kiosk/map.html"))
    secret = kiosk_cookie.secret()
    if secret is not None:
        kiosk_cookie.keep(response, secret)
    return response


def choices(form: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that a new link gets: the hours when the wall is dim, and sound. Raises Invalid."""
    found = _chosen(form)
    wrong = [name for name, value in found.items() if not _is_valid(name, value)]
    if wrong:
        raise Invalid({"night": Sentence("Write two hours, such as 22-6, or leave it empty.")})
    return found


def link(secret: str, chosen: dict[str, Any]) -> str:
    """Return the link that opens the wall screen with this secret."""
    return f"{url_for('kiosk.enter', _external=True, **chosen)}#{secret}"


def _chosen(given: Mapping[str, str]) -> dict[str, str]:
    found = {name: given.get(name, "").replace(" ", "").replace("\u2013", "-") for name in ("night", "sound")}
    return {name: value for name, value in found.items() if value}


def _is_valid(name: str, value: str) -> bool:
    return value == "on" if name == "sound" else bool(NIGHT.fullmatch(value))
