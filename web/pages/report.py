"""The public report."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import math
import secrets
from datetime import timedelta
from typing import Any

import peewee
from flask import abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from base import addresses, times
from base.logs import event
from base.sentences import Sentence
from base.severity import DEFAULT
from base.times import timestamp
from base.values import to_json
from domain import throttle
from domain.incidents import parse_accuracy
from domain.limits import DESCRIPTION_LENGTH
from geo import geojson
from models import MAX_ID, Incident
from web import auth
from web.forms import Form
from web.languages import translated
from web.pages.blueprint import bp
from web.state import state

# Two reports are different if one of these fields differs.
TYPED = (*Incident.texts(), "severity", "location_lon", "location_lat")
TRAP = "remark_2"  # a field that people do not see, by a name that no browser or password manager fills in
MAX_REPORT_AGE = timedelta(days=30)  # no phone waits longer for a network: its clock has been set
log = logging.getLogger("tracker.limits")
TOO_OLD = Sentence(
    "Written %(days)s days or more before it was sent, by the clock of the device.", days=MAX_REPORT_AGE.days
)


@bp.route("/tracker/incident/report/", methods=["GET", "POST"])
@auth.public
@auth.shows_unsent
def report() -> ResponseReturnValue:
    """The public form: no account needed, unless the operator wants one. An editor's report is verified."""
    verified = auth.may("editor")
    if not (verified or state().settings.public_reports):
        abort(403, Sentence("Only people with an account can report here. Sign in first."))
    form = Form({"severity": DEFAULT.value, "key": secrets.token_hex(16)})
    if request.method == "POST":
        form = Form.submitted()
        suspected = bool(form.values.get(TRAP)) and not verified
        values: dict[str, Any] = {
            "name": form.values.get("name", ""),
            **form.present("description", "severity", *Incident.plain_texts()),
        }
        said = _note_age(form, values)
        longitude, latitude = form.degrees("location_lon", 180), form.degrees("location_lat", 90)
        if not form.errors.keys() & {"location_lon", "location_lat"}:
            values["location"] = geojson.point_geojson(longitude, latitude)
            values["accuracy"] = _accuracy(form.values.get("location_accuracy", ""))
        incident = Incident(verified=verified, suspected_spam=suspected)
        number, wait = _store_once(form, incident, values)
        return _answer_report(form, number, wait, said)
    return render_template("report/form.html", form=form)


def _accuracy(text: str) -> int | None:
    """Return the accuracy that the device gave; None if it is no distance: no report is refused for that."""
    with contextlib.suppress(ValueError):
        return parse_accuracy(float(text))
    return None


def _note_age(form: Form, values: dict[str, Any]) -> str:
    """Set the time of the incident, if the report waited `age` seconds for a network.

    A device's clock may be wrong, so an age beyond MAX_REPORT_AGE is cut. Return a sentence about that, or
    "".
    """
    text = form.values.get("age", "")
    try:
        age_s = float(text or 0)
    except ValueError:
        age_s = math.nan
    if math.isnan(age_s):
        form.errors["age"] = Sentence("Must be a number of seconds")
    elif age_s >= 1:
        age = timedelta(seconds=min(age_s, MAX_REPORT_AGE.total_seconds()))
        values["happened"] = timestamp(times.clock() - age)
        if age == MAX_REPORT_AGE:
            noted = f"{values.get('description', '')}\n\n({TOO_OLD})".strip()
            values |= {"description": noted} if len(noted) <= DESCRIPTION_LENGTH else {}
            return TOO_OLD
    return ""


def _answer_report(form: Form, number: int, wait: float, said: str) -> ResponseReturnValue:
    """Answer a report, which got this number: a person gets a page, and the page's script JSON."""
    stored = not (wait or form.errors)
    status = 429 if wait else 201 if stored else form.status
    headers = auth.retry_after(wait)
    if request.accept_mimetypes.best == "application/json":
        fields = {name: translated(reason) for name, reason in form.errors.items() if name}
        error = translated(form.errors.get("", Sentence("Please correct the fields below.")))
        answer = {"stored": True, "number": number} | ({"note": translated(said)} if said else {})
        return answer if stored else {"error": error, "fields": fields}, status, headers
    if stored:
        return redirect(url_for("pages.report_success", number=number), 303)
    return render_template("report/form.html", form=form), status, headers


def _store_once(form: Form, incident: Incident, values: dict[str, Any]) -> tuple[int, float]:
    """Store a report; one that came before with the same `key` and words counts as it: its answer was lost.

    Other words with the same key are another report: somebody has gone back to the form and used it again.

    Returns the incident's number, and the seconds to wait if too many came. Then nothing is stored and the
    number is 0, as it is if the form has errors.
    """
    key = form.values.get("key", "")
    if key:
        typed = to_json([key, *(form.values.get(name, "") for name in TYPED)])
        incident.source_id = f"report:{hashlib.sha256(typed.encode()).hexdigest()}"
    if key and (known := _stored(incident)):
        return known, 0.0
    wait = 0.0 if incident.verified or form.errors else _wait_to_report()
    if wait:
        form.errors[""] = Sentence(
            "Too many reports came lately. Try again in %(time)s.", time=auth.duration(wait)
        )
    with contextlib.suppress(peewee.IntegrityError):  # the same report came twice at once
        if form.save(incident, values, {}):
            return incident.id, wait
    return _stored(incident) if key else 0, wait


def _stored(incident: Incident) -> int:
    """Return the number of the same report that is stored already, or 0."""
    same = Incident.select(Incident.id).where(Incident.source_id == incident.source_id)
    return int(same.scalar() or 0)


def _wait_to_report() -> float:
    """Count a public report; return the seconds to wait if there were too many, 0 if not."""
    limits = state().settings
    mine = f"report:{addresses.key(request.remote_addr)}"
    hour = 3600.0
    wait = throttle.limit(mine, limits.reports_per_address, hour)
    limit = "TRACKER_REPORTS_PER_ADDRESS" if wait else "TRACKER_REPORTS_IN_TOTAL"
    wait = wait or throttle.limit("report", limits.reports_in_total, hour)
    if wait:
        event(log, logging.WARNING, "A report was refused", limit=limit, address=request.remote_addr)
    return wait


@bp.get("/tracker/incident/report_success/")
@auth.public
def report_success() -> ResponseReturnValue:
    """Thank a person. The number is that of the address, which nobody trusts: it is only repeated."""
    number = request.args.get("number", 0, type=int)
    return render_template("report/success.html", number=number if 0 < number <= MAX_ID else 0)
