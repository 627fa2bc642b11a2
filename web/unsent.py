"""Forms that can't be accepted: their browser was signed out, or signed in again, after the page was opened.

The typed texts are shown again, so that nothing is lost. Nothing is stored before the person has sent the
form once more. Only forms of this tracker's own pages are shown again; a form of another site is refused.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import current_app, g, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest

from base.sentences import Sentence
from models import AreaOfInterest, Incident
from web import origins, root, terms

SECRETS = (
    "csrf_token",
    "password",
    "code",
    "secret",
)  # fields with such a word in their name are not sent back
# The texts that a person typed, with the fields whose labels they have: the page shows them.
TYPED = {
    **{name: name for model in (Incident, AreaOfInterest) for name in model.texts()},
    "note": "note",
    "label": "name",
}
ASKED_AGAIN = ("confirm_password", "confirm_code")  # nosec B105 (names of fields); by confirm.py, when missing
DRAWN = ("location_geojson", "polygon_geojson")


class StaleToken(BadRequest):
    """The CSRF token is missing, or is not that of this session."""

    description = Sentence(
        "The CSRF token is missing, or is older than your last sign-in. Load the page again."
    )
    fields = {"csrf_token": Sentence("This is not the token of your session")}  # noqa: RUF012  # nosec B105 (words)


def sentence() -> str:
    """Return the sentence for the person if this form must only be shown again, or ""."""
    words: str = g.get("unsent", "")
    return words


def show_again(words: str) -> None:
    """Let the view show the form again, with these words, instead of acting on it."""
    g.unsent = words


def is_form() -> bool:
    """Return whether the request is a form that a page of this tracker has sent."""
    is_program = request.accept_mimetypes.best == "application/json"
    is_form = request.method == "POST" and request.mimetype == "application/x-www-form-urlencoded"
    return is_form and not is_program and origins.is_ours(origins.of_request())


def is_typed() -> bool:
    """Return whether the form has a text or drawing that a person would have to enter again."""
    return any(request.form.get(name, "").strip() for name in (*TYPED, *DRAWN))


def has_page() -> bool:
    """Return whether the form's address is also that of its page."""
    return _can_be_opened(request.path)


def page(words: str, status: int) -> ResponseReturnValue:
    """Answer with a page that says why nothing was done, and can send the same fields again.

    Passwords and codes are not sent back. If there were any, the page links to the form for them.
    """
    fields = [(name, value) for name, value in request.form.items(multi=True) if not _is_secret(name)]
    lost = any(_is_secret(name) for name in request.form if name not in ("csrf_token", *ASKED_AGAIN))
    back = root.without(urlsplit(request.referrer or "").path) if origins.is_ours(request.referrer) else ""
    back = root.address(back if back and _can_be_opened(back) else "/")
    typed = [(terms.label(TYPED[name]), value) for name, value in fields if name in TYPED and value.strip()]
    shown = {"words": words, "fields": fields, "typed": typed, "lost": lost, "back": back}
    return render_template("unsent.html", **shown), status


def isolated(name: str) -> str:
    """Isolate the writing direction of a name within a sentence."""
    return f"\u2068{name}\u2069"


def _can_be_opened(path: str) -> bool:
    return "GET" in current_app.url_map.bind("").allowed_methods(path)


def _is_secret(name: str) -> bool:
    return any(word in name for word in SECRETS)
