"""The list of alerts, and acknowledging and reading them."""

from __future__ import annotations

from flask import abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from base.severity import Severity
from models import MAX_ID, Alert, Notification
from web import auth
from web.lists import Page
from web.pages.blueprint import bp

MAX_CHOICE = 1000  # alerts whose areas one can choose from


@bp.get("/tracker/alert/")
def alert_list() -> ResponseReturnValue:
    """Open alerts, and below them past ones, filtered by area, severity and state."""
    return _alert_list(notes={})


def _alert_list(*, notes: dict[int, str]) -> ResponseReturnValue:
    """Show the list; `notes` has the typed notes, by alert, if an alert escalated before they were sent."""
    chosen = {name: request.args.get(name, "") for name in ("area", "severity", "state")}
    query = Alert.select()
    if chosen["area"].isdecimal() and int(chosen["area"]) <= MAX_ID:
        query = query.where(Alert.area_id == int(chosen["area"]))
    if chosen["severity"] in list(Severity):
        query = query.where(Alert.severity == chosen["severity"])
    going_on = query.where(Alert.cleared.is_null()).order_by(Alert.raised_seq.desc())
    if chosen["state"] in ("open", "acknowledged"):
        going_on = going_on.where(Alert.acknowledged.is_null(chosen["state"] == "open"))
    past = query.where(Alert.cleared.is_null(False)).order_by(Alert.cleared.desc(), Alert.id.desc())
    nothing = Alert.id < 0
    return render_template(
        "alerts/list.html",
        chosen=chosen,
        alerts=Page.of(going_on.where(nothing) if chosen["state"] == "past" else going_on, "open_page"),
        page=Page.of(past if chosen["state"] in ("", "past") else past.where(nothing)),
        areas=_alerting_areas(),
        head=Notification.bounds()[1],
        notes=notes,
    ), 409 if notes else 200


def _alerting_areas() -> list[tuple[int, str]]:
    """Return (id, name) of the areas of the newest alerts, by name, for the filter."""
    newest = Alert.select(Alert.area_id, Alert.area_name).order_by(Alert.id.desc()).limit(MAX_CHOICE)
    return sorted(dict(newest.tuples()).items(), key=lambda area: area[1].casefold())


@bp.post("/tracker/alert/acknowledge/<int:pk>/")
def alert_acknowledge(pk: int) -> ResponseReturnValue:
    """Acknowledge an alert, unless it was raised or escalated after the `seen` that the page showed."""
    note, seen = request.form.get("note", ""), request.form.get("seen", type=int)
    found = Alert.acknowledge([min(pk, MAX_ID)], note, seen=seen if seen is None else min(seen, MAX_ID))
    if not found:
        abort(404)
    if found[0].state == "open":
        return _alert_list(notes={pk: note})
    return redirect(url_for("pages.alert_list"), 303)


@bp.post("/tracker/alert/read/")
@auth.needs("viewer")
def alert_read() -> ResponseReturnValue:
    """Record that this person has seen the alerts up to the `seq` that the page showed."""
    seq = request.form.get("seq", 0, type=int)
    auth.signed_in().read_up_to(min(max(seq, 0), Notification.bounds()[1]))
    return redirect(url_for("pages.alert_list"), 303)
