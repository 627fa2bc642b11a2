"""The blueprint of the pages, and the variables of every template."""

from __future__ import annotations

import secrets
from functools import cache
from typing import Any

from flask import Blueprint, g, request

from base.severity import DEFAULT, Severity
from base.times import now
from base.version import VERSION
from domain import incident_alerts, personal_mutes
from domain.limits import DESCRIPTION_LENGTH, NAME_LENGTH
from models import AreaOfInterest, Incident, Notification, User
from web import auth, languages, terms
from web.state import state

KM = 1000  # metres

# With these a text could break out of its isolate.
BIDI_CONTROLS = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])

# Each page has this as JSON for its scripts; static/js/base/published.js reads it.
PUBLISHED: dict[str, Any] = {
    "severities": [
        {"code": severity.value, "name": severity.word, "rank": severity.level + 1} for severity in Severity
    ],
    "default_severity": DEFAULT.word,
    "limits": {"name": NAME_LENGTH, "description": DESCRIPTION_LENGTH},
    "plain_texts": Incident.plain_texts(),
    "plain_texts_of_areas": AreaOfInterest.plain_texts(),
    "version": VERSION,
}

bp = Blueprint("pages", __name__)
bp.add_app_template_filter(terms.term)
bp.add_app_template_filter(terms.who)


@bp.app_context_processor
def common() -> dict[str, Any]:
    user = auth.current_user()
    return {
        "current_user": user,
        "unread": incident_alerts.unread(user) if user else 0,
        "unacknowledged": incident_alerts.unacknowledged(user) if user else 0,
        "personal_mutes": _personal_mutes,
        "live": _live(user),
        "public_reports": state().settings.public_reports,
        "new_key": lambda: secrets.token_hex(16),
        "plain_texts_of_incidents": Incident.plain_texts(),
        "plain_texts_of_areas": AreaOfInterest.plain_texts(),
        "published": {**PUBLISHED, "time": now(), "root": request.script_root, **_words(languages.current())},
        "limits": PUBLISHED["limits"],
        "default_severity": DEFAULT.value,
        "severities": [(severity.value, terms.term(severity.word)) for severity in Severity],
    }


@cache
def _words(_language: str) -> dict[str, Any]:
    """Return what the scripts show in the language of the page: words of severities, labels of fields."""
    return {
        "words": {severity.word: terms.term(severity.word) for severity in Severity},
        "labels": {
            name: terms.label(name)
            for model in (Incident, AreaOfInterest)
            for name in [*model.parsers, *model.shown]
        },
    }


def _personal_mutes() -> dict[int, personal_mutes.PersonalMute]:
    """Return the mutes of this account by area, read once for a page."""
    if "personal_mutes" not in g:
        g.personal_mutes = {mute.area_id: mute for mute in personal_mutes.of(auth.signed_in().id)}
    found: dict[int, personal_mutes.PersonalMute] = g.personal_mutes
    return found


def _live(user: User | None) -> dict[str, Any] | None:
    """Return the place in the log at which a page begins to follow the alerts; None if nobody may follow."""
    if user is None or auth.unfinished(user):
        return None
    place = Notification.position() | {"epoch": state().epoch}
    counts = {"unread": incident_alerts.unread(user), "unacknowledged": incident_alerts.unacknowledged(user)}
    own = {"account": user.id, "account_name": user.name}
    mutes = [mute.as_json() for mute in _personal_mutes().values()]
    return place | counts | own | {"read_seq": user.read_seq, "personal_mutes": mutes}


@bp.app_template_filter()
def isolated(text: str) -> str:
    """Keep the writing direction of a person's text from the sentence around it, where <bdi> can't stand."""
    return f"\u2068{text.translate(BIDI_CONTROLS)}\u2069"


@bp.app_template_filter()
def distance(metres: int) -> str:
    """Return a distance in metres, or from a kilometre on in kilometres."""
    return f"{metres} m" if metres < KM else f"{metres / KM:.{0 if metres >= 10 * KM else 1}f} km"
