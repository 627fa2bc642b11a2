"""The HTML pages and their forms."""

from __future__ import annotations

import contextlib
import math
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

import peewee
from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

import auth
import geo
import throttle
import unsent
from models import (
    MAX_ID,
    Alert,
    AreaOfInterest,
    Incident,
    Invalid,
    Notification,
    Severity,
    Tracked,
    parse_until,
    to_json,
)

PER_PAGE = 25
MAX_KEY = 100  # characters of a report's idempotency key; a UUID has 36
MAX_CHOICE = 1000  # alerts whose areas one can choose from
MAX_INSIDE = 100  # incidents listed on an area's page
DELETED = "Somebody has deleted this meanwhile. Save to keep what you have here as a new one."
MORNING = time(8)  # when a mute until tomorrow ends

# With these a text could break out of its isolate.
BIDI_CONTROLS = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])

bp = Blueprint("pages", __name__)


@bp.app_context_processor
def common() -> dict[str, Any]:
    return {
        "current_user": auth.current_user(),
        "unread": Alert.unread(user) if (user := auth.current_user()) else 0,
        "public_reports": auth.settings().public_reports,
        "severities": [(severity.value, severity.word) for severity in Severity],
    }


@bp.app_template_filter()
def isolated(text: str) -> str:
    """Keep the writing direction of a person's text from the sentence around it, where <bdi> can't stand."""
    return f"\u2068{text.translate(BIDI_CONTROLS)}\u2069"


@bp.get("/")
def index() -> ResponseReturnValue:
    return render_template("map.html")


@dataclass
class Form:
    """What was typed, as text, and what is wrong with it, by field; "" stands for the whole form."""

    values: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def submitted(cls) -> Form:
        values = {name: text.replace("\r\n", "\n") for name, text in request.form.items()}
        return cls(values, {"": words} if (words := unsent.sentence()) else {})

    @property
    def status(self) -> int:
        """Return the status of the answer that shows the form."""
        return 400 if unsent.sentence() else 422 if self.errors else 200

    def is_of(self, thing: Tracked) -> bool:
        """Tell whether the form shows the newest state of the thing; if not, note it and ask once."""
        if not thing.id or self.values.get("updated", thing.updated) == thing.updated:
            return True
        self.values["updated"] = thing.updated
        self.errors[""] = "Somebody has changed this meanwhile. Save again if yours should replace it."
        return False

    def make_new(self) -> None:
        """Note that what the form shows was deleted, and let it be saved as a new one."""
        self.values.pop("updated", None)
        self.errors[""] = f"{self.errors.get('', '')} {DELETED}".strip()

    def save(self, thing: Tracked, values: dict[str, Any], names: dict[str, str]) -> bool:
        """Store the values; or note what is wrong, under the names that the fields have in the form."""
        try:
            thing.assign({name: value for name, value in values.items() if name not in self.errors})
        except Invalid as invalid:
            for name, reason in invalid.fields.items():
                self.errors.setdefault(names.get(name, name), reason)
        if self.errors:
            return False
        thing.save()
        return True

    def json(self, name: str, *, missing: str) -> Any:
        """Return the JSON typed in a field; None, and a note of what is wrong or missing, if it is none."""
        text = self.values.get(name, "")
        if not text.strip():
            self.errors[name] = missing
            return None
        try:
            return geo.parse_json(text)
        except geo.GeometryError as error:
            self.errors[name] = str(error)
            return None

    def degrees(self, name: str, limit: int) -> float:
        """Return the number typed in a field; note what is wrong if it is not within ±limit."""
        text = self.values.get(name, "").strip()
        try:
            value = float(text.replace(",", "."))
        except ValueError:
            value = math.nan
        if not -limit <= value <= limit:
            wanted = f"this must be a number from -{limit} to {limit}"
            self.errors[name] = wanted if text else "this is required"
        return value

    def present(self, *names: str) -> dict[str, str]:
        return {name: self.values[name] for name in names if name in self.values}


@dataclass(frozen=True)
class Page:
    """One page of a list, counted from 1."""

    items: list[Any]
    number: int
    pages: int
    total: int

    @classmethod
    def of(cls, query: Any, argument: str = "page") -> Page:
        """Return the page of a query that the request asks for; the nearest one if it has no such page."""
        total = query.count()
        pages = max(1, -(-total // PER_PAGE))
        number = min(max(request.args.get(argument, 1, type=int), 1), pages)
        return cls(list(query.paginate(number, PER_PAGE)), number, pages, total)


def incident_from(form: Form, incident: Incident) -> bool:
    values = {
        "name": form.values.get("name", ""),
        **form.present("description", "severity"),
        "closed": form.values.get("closed", "") not in ("", "false", "0"),
        "location": form.json("location_geojson", missing="click the map or type coordinates"),
    }
    return form.save(incident, values, {"location": "location_geojson"})


def area_from(form: Form, area: AreaOfInterest) -> bool:
    values = {
        "name": form.values.get("name", ""),
        **form.present("severity"),
        "polygon": form.json("polygon_geojson", missing="draw the area on the map or type it"),
    }
    return form.save(area, values, {"polygon": "polygon_geojson"})


def incident_values(incident: Incident) -> dict[str, str]:
    return {
        "name": incident.name or "",
        "description": incident.description,
        "severity": incident.severity,
        "closed": "on" if incident.closed else "",
        "location_geojson": to_json(incident.location) if incident.location else "",
        "updated": incident.updated or "",
    }


def area_values(area: AreaOfInterest) -> dict[str, str]:
    return {
        "name": area.name or "",
        "severity": area.severity,
        "polygon_geojson": to_json(area.polygon) if area.id else "",
        "updated": area.updated or "",
    }


def add_pages(  # noqa: C901 (five small views that share their model)
    model: type[Any],
    noun: str,
    read: Callable[[Form, Any], bool],
    show: Callable[[Any], dict[str, str]],
) -> None:
    """Add the list, detail, create, update and delete pages of one model."""

    def find(pk: int | None) -> Any:
        return model.find(pk) if pk else model()

    def list_page() -> ResponseReturnValue:
        return render_template(f"{noun}_list.html", page=Page.of(model.select().order_by(model.id.desc())))

    def detail(pk: int) -> ResponseReturnValue:
        thing = model.find(pk)
        shown = {noun: thing, "feature": thing.feature()}
        if isinstance(thing, AreaOfInterest):
            inside = thing.inside()
            newest = [place.id for place in inside[:MAX_INSIDE]]
            listed = Incident.select().where(Incident.id << newest).order_by(Incident.id.desc())
            shown |= {"inside": list(listed), "inside_total": len(inside)}
        return render_template(f"{noun}_detail.html", **shown)

    @auth.needs("editor")
    @auth.shows_unsent
    def edit(pk: int | None = None) -> ResponseReturnValue:
        thing = None if request.method == "POST" else find(pk)
        form = Form(show(thing)) if thing else Form.submitted()
        if thing is None:
            try:
                with model.changing(pk) if pk else contextlib.nullcontext(model()) as thing:
                    if not form.errors and form.is_of(thing) and read(form, thing):
                        return redirect(thing.url, 303)
            except model.DoesNotExist:
                form.make_new()
        shown = {"form": form, noun: thing if thing and thing.id else None}
        return render_template(f"{noun}_form.html", **shown), form.status

    @auth.needs("editor")
    def delete(pk: int) -> ResponseReturnValue:
        thing = model.find(pk)
        if request.method == "POST":
            thing.delete_instance()
            return redirect(url_for(f"pages.{noun}_list"), 303)
        return render_template(f"{noun}_delete.html", **{noun: thing})

    both = ["GET", "POST"]
    bp.add_url_rule(model.path, f"{noun}_list", list_page)
    bp.add_url_rule(f"{model.path}<int:pk>/", f"{noun}_detail", detail)
    bp.add_url_rule(f"{model.path}create/", f"{noun}_create", edit, methods=both)
    bp.add_url_rule(f"{model.path}update/<int:pk>/", f"{noun}_update", edit, methods=both)
    bp.add_url_rule(f"{model.path}delete/<int:pk>/", f"{noun}_delete", delete, methods=both)


add_pages(Incident, "incident", incident_from, incident_values)
add_pages(AreaOfInterest, "area", area_from, area_values)


@bp.get("/tracker/alert/")
def alert_list() -> ResponseReturnValue:
    """Open alerts, and below them past ones, filtered by area, severity and state."""
    return _alert_list(notes={})


def _alert_list(*, notes: dict[int, str]) -> ResponseReturnValue:
    """Show the list; `notes` are typed already, by alert: it got worse before they were sent."""
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
        "alert_list.html",
        chosen=chosen,
        alerts=Page.of(going_on.where(nothing) if chosen["state"] == "past" else going_on, "open_page"),
        page=Page.of(past if chosen["state"] in ("", "past") else past.where(nothing)),
        areas=_alerting_areas(),
        head=Notification.bounds()[1],
        notes=notes,
    ), 409 if notes else 200


def _alerting_areas() -> list[tuple[int, str]]:
    """Return (id, name) of the areas that the newest alerts were of, by name, to choose from."""
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
    """Note that this person has seen the alerts up to the `seq` that the page showed."""
    seq = request.form.get("seq", 0, type=int)
    auth.signed_in().read_up_to(min(max(seq, 0), Notification.bounds()[1]))
    return redirect(url_for("pages.alert_list"), 303)


@bp.post("/tracker/area_of_interest/mute/<int:pk>/")
def area_mute(pk: int) -> ResponseReturnValue:
    """Mute an area: `until` is hour, tomorrow, week, off, or a time with its offset from UTC."""
    until = mute_until(request.form.get("until", ""), datetime.now().astimezone())
    with AreaOfInterest.changing(pk) as area:
        area.mute(until)
    return redirect(area.url, 303)


def mute_until(choice: str, here: datetime) -> datetime | None:
    """Return the end of a mute that begins now, `here` by the clock of this machine. Raises Invalid.

    A page with JavaScript sends tomorrow as a time: that of who looks at it, wherever the server stands.
    """
    tomorrow = datetime.combine(here.date() + timedelta(days=1), MORNING)
    presets = {
        "off": None,
        "hour": here + timedelta(hours=1),
        "tomorrow": tomorrow.astimezone(),  # by the offset from UTC that holds there and then
        "week": here + timedelta(days=7),
    }
    return presets[choice] if choice in presets else parse_until(choice)


@bp.post("/tracker/incident/confirm/<int:pk>/")
def incident_confirm(pk: int) -> ResponseReturnValue:
    """Say that a public report is true."""
    with Incident.changing(pk) as incident:
        incident.verified = True
        incident.save()
    return redirect(incident.url, 303)


@bp.route("/tracker/incident/report/", methods=["GET", "POST"])
@auth.public
@auth.shows_unsent
def report() -> ResponseReturnValue:
    """The public form: no account needed, unless the operator wants one. An editor's report is verified."""
    verified = auth.may("editor")
    if not (verified or auth.settings().public_reports):
        abort(403, "Reports are taken from the people of this tracker only: sign in as one who may edit.")
    form = Form({"severity": Severity.MEDIUM.value, "key": secrets.token_hex(16)})
    if request.method == "POST":
        if request.form.get("website"):  # invisible to people: a program fills it in
            return _answer_report(form, 0)
        form = Form.submitted()
        values: dict[str, Any] = {
            "name": form.values.get("name", ""),
            **form.present("description", "severity"),
        }
        longitude, latitude = form.degrees("location_lon", 180), form.degrees("location_lat", 90)
        if not form.errors.keys() & {"location_lon", "location_lat"}:
            values["location"] = geo.point_geojson(longitude, latitude)
        return _answer_report(form, _store_once(form, values, verified=verified))
    return render_template("report.html", form=form)


def _answer_report(form: Form, wait: float) -> ResponseReturnValue:
    """Tell a person by a page, and the page's script in JSON, what became of a report."""
    stored = not (wait or form.errors)
    status = 429 if wait else 201 if stored else form.status
    headers = {"Retry-After": str(math.ceil(wait))} if wait else {}
    if request.accept_mimetypes.best == "application/json":
        fields = {name: reason for name, reason in form.errors.items() if name}
        error = form.errors.get("", "Some fields need another look.")
        return {"stored": True} if stored else {"error": error, "fields": fields}, status, headers
    if stored:
        return redirect(url_for("pages.report_success"), 303)
    return render_template("report.html", form=form), status, headers


def _store_once(form: Form, values: dict[str, Any], *, verified: bool) -> float:
    """Store a report; one that came before with the same `key`, because the answer was lost, counts as it.

    Returns the seconds to wait if too many came; then nothing is stored, nor if the form has errors.
    """
    key = form.values.get("key", "")
    source_id = f"report:{key[:MAX_KEY]}" if key else None
    if source_id and Incident.select().where(Incident.source_id == source_id).exists():
        return 0.0
    wait = 0.0 if verified or form.errors else _wait_to_report()
    if wait:
        form.errors[""] = f"Too many reports came lately. Try again in {auth.duration(wait)}."
    with contextlib.suppress(peewee.IntegrityError):  # the same report came twice at once
        form.save(Incident(source_id=source_id, verified=verified), values, {})
    return wait


def _wait_to_report() -> float:
    """Count a public report; return the seconds to wait if there were too many, 0 if not."""
    limits = auth.settings()
    mine = f"report:{throttle.by_address(request.remote_addr)}"
    hour = 3600.0
    return throttle.limit(mine, limits.reports_per_address, hour) or throttle.limit(
        "report", limits.reports_in_total, hour
    )


@bp.get("/tracker/incident/report_success/")
@auth.public
def report_success() -> ResponseReturnValue:
    return render_template("report_success.html")
