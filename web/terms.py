"""Words that are stored or sent in English, and shown in the language of the page.

These are severities, roles, labels of fields, and what the sign-in log and the admins' log say.
"""

from __future__ import annotations

import re

from base.sentences import Sentence
from domain import versions
from web.languages import translated

TERMS = {
    # severities
    "Urgent": Sentence("Urgent"),
    "High": Sentence("High"),
    "Medium": Sentence("Medium"),
    "Low": Sentence("Low"),
    "Info": Sentence("Info"),
    # roles
    "viewer": Sentence("Viewer"),
    "editor": Sentence("Editor"),
    "admin": Sentence("Admin"),
    # the sign-in log
    "signed in": Sentence("Signed in"),
    "signed in with a code": Sentence("Signed in with a code"),
    "gave the password, was asked for a code": Sentence("Password correct, code requested"),
    "gave the password again": Sentence("Password confirmed"),
    "password set by one-time link": Sentence("Password set by one-time link"),
    "refused: tried too often": Sentence("Refused: too many attempts"),
    "refused: wrong password": Sentence("Refused: wrong password"),
    "refused: wrong code": Sentence("Refused: wrong code"),
    "refused: not active": Sentence("Refused: account deactivated"),
    "refused: no such account": Sentence("Refused: unknown account"),
    # the admins' log
    "password changed": Sentence("Password changed"),
    "password set": Sentence("Password set"),
    "token created": Sentence("Token created"),
    "session ended": Sentence("Session ended"),
    "codes turned on": Sentence("Two-step sign-in turned on"),
    "codes turned off": Sentence("Two-step sign-in turned off"),
    "recovery codes replaced": Sentence("Recovery codes replaced"),
    "link for a new password made": Sentence("Password link created"),
    "account activated": Sentence("Account reactivated"),
    "account deactivated": Sentence("Account deactivated"),
    "erased": Sentence("Erased"),
}
LABELS = {  # of fields, by their names in a Feature
    "name": Sentence("Name"),
    "description": Sentence("Description"),
    "severity": Sentence("Severity"),
    "closed": Sentence("State"),
    "location": Sentence("Location"),
    "polygon": Sentence("Outline"),
    "verified": Sentence("Confirmation"),
    "muted_until": Sentence("Muted until"),
    "happened": Sentence("Happened"),
    "created": Sentence("Reported"),
    "updated": Sentence("Updated"),
    "note": Sentence("Note"),
    "accuracy": Sentence("Accuracy"),
}


def term(text: str) -> str:
    """Return a stored word or an entry of a log in the language of the page. Other texts stay as they are."""
    known = TERMS.get(text)
    return translated(known if known is not None else _with_value(text))


def _with_value(text: str) -> str:
    """Return the sentence of an entry of the admins' log that names a role or a number."""
    if found := re.fullmatch(r"account created as (viewer|editor|admin)", text):
        return Sentence("Account created, role: %(role)s", role=TERMS[found[1]])
    if found := re.fullmatch(r"role set to (viewer|editor|admin)", text):
        return Sentence("Role changed to: %(role)s", role=TERMS[found[1]])
    if found := re.fullmatch(r"token ([0-9]+) revoked", text):
        return Sentence("Token %(number)s revoked", number=found[1])
    if found := re.fullmatch(r"token ([0-9]+) given a new secret", text):
        return Sentence("Token %(number)s replaced", number=found[1])
    return text


def who(name: str) -> str:
    """Return who did something by the admins' log: an account, or a person at the command line."""
    if found := re.fullmatch(r"(.*), by command line", name, re.DOTALL):
        return translated(Sentence("%(name)s, by command line", name=found[1]))
    return name


def label(name: str) -> str:
    """Return the label of a field, in the language of the page."""
    known = LABELS.get(name)
    return translated(known) if known is not None else versions.label(name).capitalize()
