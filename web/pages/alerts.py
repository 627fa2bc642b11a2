"""The list of alerts, a row for each incident, and what can be done with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from base.severity import Severity
from domain import handling, incident_alerts
from domain.incident_alerts import Chosen, parse_key
from models import MAX_DIGITS, MAX_ID, Alert, AreaOfInterest, Incident, Invalid, Notification, actor
from web import auth
from web.languages import gettext
from web.pages.blueprint import bp

MAX_CHOICE = 1000  # alerts whose areas one can choose from
STATES = (*incident_alerts.STATES, "past")


@bp.get("/tracker/alert/")
def alert_list() -> ResponseReturnValue:
    """Open alerts, and below them past ones, by incident; filtered by area, severity and state."""
    return _alert_list()


def _alert_list(status: int = 200, problem: object = "", **typed: Any) -> ResponseReturnValue:
    """Show the list; `typed` has the unsent note and name of the row with the key `incident`."""
    asked = {name: request.values.get(name, "") for name in ("area", "severity", "state")}
    area = asked["area"]
    chosen = Chosen(
        int(area) if area.isdecimal() and len(area) <= MAX_DIGITS and int(area) <= MAX_ID else None,
        asked["severity"] if asked["severity"] in list(Severity) else "",
        asked["state"] if asked["state"] in STATES else "",
    )
    user, no_part = auth.signed_in(), incident_alerts.Part([], has_before=False, has_after=False)
    going_on, past = no_part, no_part
    if chosen.state != "past":
        going_on = incident_alerts.open_part(user, chosen, **_place("", int, int, str, int))
    if chosen.state in ("", "past"):
        past = incident_alerts.past_part(chosen, **_place("past_", str, int))
    return render_template(
        "alerts/list.html",
        chosen={name: value for name, value in asked.items() if value},
        alerts=going_on,
        total=incident_alerts.count_open(user, chosen) if chosen.state != "past" else 0,
        past=past,
        areas=_alerting_areas(),
        names=handling.names() if user.can_edit else [],
        head=Notification.bounds()[1],
        unverified=_unverified([row.first.incident_id for row in [*going_on.rows, *past.rows]]),
        muted_areas=_muted_areas([alert.area_id for row in going_on.rows for alert in row.alerts]),
        problem=problem,
        typed=typed,
        key_text=incident_alerts.key_text,
    ), status


def _unverified(ids: list[int]) -> dict[int, Incident]:
    """Return the unverified incidents among these, by id."""
    found = Incident.select().where(Incident.id << ids, ~Incident.verified)
    return {incident.id: incident for incident in found}


def _muted_areas(ids: list[int]) -> set[int]:
    """Return those of these areas that are muted for everybody."""
    return {area.id for area in AreaOfInterest.listed().where(AreaOfInterest.id << ids) if area.is_muted}


def _place(prefix: str, *types: type) -> dict[str, Any]:
    """Return the keys of the address, between which the page is."""
    return {name: parse_key(request.args.get(f"{prefix}{name}", ""), *types) for name in ("after", "before")}


def _alerting_areas() -> list[tuple[int, str]]:
    """Return (id, name) of the areas of the newest alerts, by name, for the filter."""
    newest = Alert.select(Alert.area_id, Alert.area_name).order_by(Alert.id.desc()).limit(MAX_CHOICE)
    return sorted(dict(newest.tuples()).items(), key=lambda area: area[1].casefold())


@bp.post("/tracker/alert/acknowledge/<int:pk>/")
def alert_acknowledge(pk: int) -> ResponseReturnValue:
    """Acknowledge an incident's alerts in all areas.

    Alerts that were raised or escalated after the `seen` that the page showed stay as they are.
    """
    note = request.form.get("note", "")
    found = _change(pk, lambda ids: Alert.acknowledge(ids, note, seen=_seen()))
    others = {alert.acknowledged_by for alert in found if alert.acknowledged} - {actor.get()}
    if any(alert.state == "open" for alert in found):
        problem = gettext(
            "This alert escalated or was raised again after you opened the page. "
            "Look at it, then acknowledge it."
        )
        return _alert_list(409, problem, incident=pk, note=note)
    for name in sorted(filter(None, others)):
        flash(gettext("%(name)s acknowledged it already.", name=name))
    return _back()


@bp.post("/tracker/alert/release/<int:pk>/")
def alert_release(pk: int) -> ResponseReturnValue:
    """Make an incident's alerts unacknowledged again."""
    try:
        _change(pk, lambda ids: handling.release(ids, seen=_seen()))
    except handling.Changed as changed:
        return _alert_list(409, changed)
    return _back()


@bp.post("/tracker/alert/hand_over/<int:pk>/")
def alert_hand_over(pk: int) -> ResponseReturnValue:
    """Hand an incident's alerts over `to` another account."""
    to, note = request.form.get("to", ""), request.form.get("note", "")
    try:
        _change(pk, lambda ids: handling.hand_over(ids, to, note, seen=_seen()))
    except handling.Changed as changed:
        return _alert_list(409, changed, incident=pk, to=to, note=note)
    except Invalid as invalid:
        problem = next(iter(invalid.fields.values()))
        return _alert_list(422, problem, incident=pk, to=to, note=note)
    return _back()


def _change(pk: int, do: Callable[[list[int]], list[Alert]]) -> list[Alert]:
    """Do something with the open alerts of an incident; answer 404 if it has none."""
    ids = handling.ids_of([min(pk, MAX_ID)])
    return do(ids) if ids else abort(404)


def _seen() -> int | None:
    seen = request.form.get("seen", type=int)
    return seen if seen is None else min(seen, MAX_ID)


def _back() -> ResponseReturnValue:
    """Return to the page of the list from which the form was sent."""
    return redirect(auth.local(request.form.get("back") or url_for("pages.alert_list")), 303)


@bp.post("/tracker/alert/read/")
@auth.needs("viewer")
def alert_read() -> ResponseReturnValue:
    """Record that this person has seen the alerts up to the `seq` that the page showed."""
    seq = request.form.get("seq", 0, type=int)
    auth.signed_in().read_up_to(min(max(seq, 0), Notification.bounds()[1]))
    return redirect(url_for("pages.alert_list"), 303)
