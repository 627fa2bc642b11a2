"""The HTML pages and their forms."""

from __future__ import annotations

import contextlib
import hashlib
import math
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

import peewee
from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from base import loop, times
from base.errors import Invalid
from base.severity import Severity
from base.times import timestamp
from base.values import to_json
from domain import idempotency, throttle, versions
from domain.limits import DESCRIPTION_LENGTH
from geo import geojson
from models import MAX_ID, Alert, AreaOfInterest, Incident, Notification, Tracked, actor, parse_until
from web import auth, unsent

PER_PAGE = 25
TYPED = ("name", "description", "severity", "location_lon", "location_lat")  # what makes a report another one
MAX_CHOICE = 1000  # alerts whose areas one can choose from
MAX_INSIDE = 100  # incidents listed on an area's page
DELETED = "Somebody has deleted this meanwhile. Save to keep what you have here as a new one."
TRAP = "remark_2"  # a field that people do not see, by a name that no browser or password manager fills in
MAX_REPORT_AGE = timedelta(days=30)  # no phone waits longer for a network: its clock has been set
TOO_OLD = f"Written {MAX_REPORT_AGE.days} days or more before it was sent, by the clock of the device."
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
        "new_key": lambda: secrets.token_hex(16),
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
    conflicts: dict[str, versions.Clash] = field(default_factory=dict)
    stored: dict[str, str] = field(default_factory=dict)  # what the form would show now
    theirs: set[str] = field(default_factory=set)  # fields in which the stored value was chosen
    polygon: geojson.CheckedPolygon | None = None

    @classmethod
    def submitted(cls) -> Form:
        values = {name: text.replace("\r\n", "\n") for name, text in request.form.items()}
        form = cls(values, {"": words} if (words := unsent.sentence()) else {})
        if "polygon_geojson" in form.values and not form.errors:
            form.check_polygon()
        return form

    @property
    def status(self) -> int:
        """Return the status of the answer that shows the form."""
        return 400 if unsent.sentence() else 409 if self.conflicts else 422 if self.errors else 200

    def check_polygon(self) -> None:
        """Check the polygon before any transaction, for which it takes too long; note what is wrong."""
        value = self.json("polygon_geojson", missing="draw the area on the map or type it")
        try:
            short_way = self.values.get("long_edges") == "cross"
            self.polygon = None if self.errors else geojson.parse_polygon(value, short_way=short_way)
        except geojson.GeometryError as error:
            self.errors["polygon_geojson"] = str(error)

    def make_new(self) -> None:
        """Note that what the form shows was deleted, and let it be saved as a new one."""
        self.values.pop("version", None)
        self.errors[""] = f"{self.errors.get('', '')} {DELETED}".strip()

    def save(self, thing: Tracked, values: dict[str, Any], names: dict[str, str]) -> bool:
        """Store the values that were changed; or note what is wrong, under the names of the form's fields."""
        values = {name: value for name, value in values.items() if name not in self.errors}
        try:
            if thing.id:
                values = versions.merge(thing, values, self.values.get("version", ""))
            thing.assign(values)
        except versions.Conflict as conflict:
            self._ask(conflict, names)
        except Invalid as invalid:
            for name, reason in invalid.fields.items():
                self.errors.setdefault(names.get(name, name), reason)
        if self.errors:
            return False
        if values or not thing.id:
            thing.save()
        return True

    def once(self, model: type[Tracked], read: Callable[[Form, Any], bool]) -> str:
        """Store a new object, and however often this form is sent no second one; return its address.

        Returns "", and notes why, if there is none.
        """

        def store() -> idempotency.Answer:
            thing = model()
            if not read(self, thing):
                raise Invalid(self.errors)
            return idempotency.Answer(303, {"Location": thing.url}, b"")

        key = self.values["key"][: idempotency.MAX_KEY]
        typed = {name: text for name, text in self.values.items() if name not in ("csrf_token", "key")}
        print_ = idempotency.request_hash(model.path.encode(), to_json(sorted(typed.items())).encode())
        try:
            return idempotency.once(auth.owner(), key, print_, store).headers["Location"]
        except Invalid:
            return ""
        except idempotency.Reused:
            self.values["key"] = secrets.token_hex(16)
            self.errors[""] = "This form has been saved before, with other words. Save again to make another."
            return ""

    def _ask(self, conflict: versions.Conflict, names: dict[str, str]) -> None:
        """Show both values of what others have changed, too, and what else they have changed."""
        self.conflicts = {names.get(clash.field, clash.field): clash for clash in conflict.clashes}
        self.errors[""] = (
            "Nothing has been saved: others have changed the same fields. Choose below, and save again."
        )
        mine = {names.get(name, name) for name in conflict.changed}
        self.values |= {name: value for name, value in self.stored.items() if name not in mine}

    def choose(self, stored: dict[str, str]) -> None:
        """Heed which of two values was chosen for the fields that others have changed, too."""
        self.stored = stored
        self.theirs = {name for name in stored if self.values.pop(f"keep_{name}", "") == "theirs"}
        self.values |= {name: stored[name] for name in self.theirs}
        self.errors = {name: why for name, why in self.errors.items() if name not in self.theirs}

    def json(self, name: str, *, missing: str) -> Any:
        """Return the JSON typed in a field; None, and a note of what is wrong or missing, if it is none."""
        text = self.values.get(name, "")
        if not text.strip():
            self.errors[name] = missing
            return None
        try:
            return geojson.parse_json(text)
        except geojson.GeometryError as error:
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
        **{name: text.strip() or None for name, text in form.present("happened").items()},
        "closed": form.values.get("closed", "") not in ("", "false", "0"),
        "location": form.json("location_geojson", missing="click the map or type coordinates"),
    }
    return form.save(incident, values, {"location": "location_geojson"})


def area_from(form: Form, area: AreaOfInterest) -> bool:
    polygon = area.polygon if "polygon_geojson" in form.theirs else form.polygon
    if polygon and polygon.long_edge and "long_edges" not in form.values and polygon != area.polygon:
        form.errors["polygon_geojson"] = f"{polygon.long_edge}; say below which way it goes"
        form.values["long_edges"] = "cross"
    values = {
        "name": form.values.get("name", ""),
        **form.present("severity"),
        "polygon": polygon,
    }
    return form.save(area, values, {"polygon": "polygon_geojson"})


def incident_values(incident: Incident) -> dict[str, str]:
    return {
        "name": incident.name or "",
        "description": incident.description,
        "severity": incident.severity,
        "happened": incident.happened or "",
        "closed": "on" if incident.closed else "",
        "location_geojson": to_json(incident.location) if incident.location else "",
        "version": incident.version,
    }


def area_values(area: AreaOfInterest) -> dict[str, str]:
    return {
        "name": area.name or "",
        "severity": area.severity,
        "polygon_geojson": to_json(area.polygon) if area.id else "",
        "version": area.version,
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
        return render_template(f"{noun}_list.html", page=Page.of(model.listed().order_by(model.id.desc())))

    def detail(pk: int) -> ResponseReturnValue:
        return detail_page(model.find(pk))

    def store(form: Form, pk: int | None) -> str:
        """Store what the form has. Return the object's address; "" if the form must be shown again."""
        if pk is None:
            return "" if unsent.sentence() else form.once(model, read)
        try:
            with model.changing(pk) as thing:
                form.choose(show(thing))
                return "" if unsent.sentence() or not read(form, thing) else str(thing.url)
        except model.DoesNotExist:
            form.make_new()
            return ""

    @auth.needs("editor")
    @auth.shows_unsent
    def edit(pk: int | None = None) -> ResponseReturnValue:
        form = Form.submitted() if request.method == "POST" else Form(show(find(pk)))
        form.values.setdefault("key", secrets.token_hex(16))
        if request.method == "POST" and (address := store(form, pk)):
            return redirect(address, 303)
        shown = {"form": form, noun: pk and model.get_or_none(model.id == min(pk, MAX_ID))}
        return render_template(f"{noun}_form.html", **shown), form.status

    @auth.needs("editor")
    def delete(pk: int) -> ResponseReturnValue:
        clashes = []
        if request.method == "POST":
            try:
                with model.changing(pk) as thing:
                    versions.ensure_unchanged(thing, request.form.get("version"))
                    thing.delete_instance()
                return redirect(url_for(f"pages.{noun}_list"), 303)
            except versions.Conflict as conflict:
                clashes = conflict.clashes
            except model.DoesNotExist:
                _tell_who_deleted(model, pk)
                return redirect(url_for(f"pages.{noun}_list"), 303)
        shown = {noun: model.find(pk), "clashes": clashes}
        return render_template(f"{noun}_delete.html", **shown), 409 if clashes else 200

    both = ["GET", "POST"]
    bp.add_url_rule(model.path, f"{noun}_list", list_page)
    bp.add_url_rule(f"{model.path}<int:pk>/", f"{noun}_detail", detail)
    bp.add_url_rule(f"{model.path}create/", f"{noun}_create", edit, methods=both)
    bp.add_url_rule(f"{model.path}update/<int:pk>/", f"{noun}_update", edit, methods=both)
    bp.add_url_rule(f"{model.path}delete/<int:pk>/", f"{noun}_delete", delete, methods=both)


def detail_page(thing: Tracked, clashes: Sequence[versions.Clash] = ()) -> ResponseReturnValue:
    """Show one incident or area; with `clashes`, why what was asked for was not done."""
    noun = "area" if isinstance(thing, AreaOfInterest) else "incident"
    shown = {noun: thing, "feature": thing.feature(), "clashes": clashes}
    if isinstance(thing, AreaOfInterest):
        total = 0
        newest: list[int] = []
        for places in loop.interleaved(thing.inside()):
            total += len(places)
            newest += [place.id for place in places[: MAX_INSIDE - len(newest)]]
        listed = Incident.select().where(Incident.id << newest).order_by(Incident.id.desc())
        shown |= {"inside": list(listed), "inside_total": total}
    return render_template(f"{noun}_detail.html", **shown), 409 if clashes else 200


def _tell_who_deleted(model: type[Tracked], pk: int) -> None:
    """Say who was quicker, unless it is the same person: a button pressed twice. Raises DoesNotExist."""
    by = versions.deleted_by(model, min(pk, MAX_ID))
    if by != actor.get():
        flash(f"{versions.who(by)} deleted it already.")


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
    try:
        with AreaOfInterest.changing(pk) as area:
            versions.ensure_unchanged(area, request.form.get("version"), "muted_until")
            area.mute(until)
    except versions.Conflict as conflict:
        return detail_page(AreaOfInterest.find(pk), conflict.clashes)
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
    """Say that a public report is true, as it was shown."""
    try:
        with Incident.changing(pk) as incident:
            if not incident.verified:
                versions.ensure_unchanged(incident, request.form.get("version"))
                incident.verified = True
                incident.save()
    except versions.Conflict as conflict:
        return detail_page(Incident.find(pk), conflict.clashes)
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
        form = Form.submitted()
        suspected = bool(form.values.get(TRAP)) and not verified
        values: dict[str, Any] = {
            "name": form.values.get("name", ""),
            **form.present("description", "severity"),
        }
        said = _note_age(form, values)
        longitude, latitude = form.degrees("location_lon", 180), form.degrees("location_lat", 90)
        if not form.errors.keys() & {"location_lon", "location_lat"}:
            values["location"] = geojson.point_geojson(longitude, latitude)
        incident = Incident(verified=verified, suspected_spam=suspected)
        return _answer_report(form, _store_once(form, incident, values), said)
    return render_template("report.html", form=form)


def _note_age(form: Form, values: dict[str, Any]) -> str:
    """Set when it happened, if the report was written `age` seconds before it was sent, without a network.

    A device may count wrongly, so an age beyond MAX_REPORT_AGE is cut. Return what to say of that, or "".
    """
    text = form.values.get("age", "")
    try:
        age_s = float(text or 0)
    except ValueError:
        age_s = math.nan
    if math.isnan(age_s):
        form.errors["age"] = "this must be a number of seconds"
    elif age_s >= 1:
        age = timedelta(seconds=min(age_s, MAX_REPORT_AGE.total_seconds()))
        values["happened"] = timestamp(times.clock() - age)
        if age == MAX_REPORT_AGE:
            noted = f"{values.get('description', '')}\n\n({TOO_OLD})".strip()
            values |= {"description": noted} if len(noted) <= DESCRIPTION_LENGTH else {}
            return TOO_OLD
    return ""


def _answer_report(form: Form, wait: float, said: str) -> ResponseReturnValue:
    """Tell a person by a page, and the page's script in JSON, what became of a report."""
    stored = not (wait or form.errors)
    status = 429 if wait else 201 if stored else form.status
    headers = auth.retry_after(wait)
    if request.accept_mimetypes.best == "application/json":
        fields = {name: reason for name, reason in form.errors.items() if name}
        error = form.errors.get("", "Some fields need another look.")
        told = {"stored": True} | ({"note": said} if said else {})
        return told if stored else {"error": error, "fields": fields}, status, headers
    if stored:
        return redirect(url_for("pages.report_success"), 303)
    return render_template("report.html", form=form), status, headers


def _store_once(form: Form, incident: Incident, values: dict[str, Any]) -> float:
    """Store a report; one that came before with the same `key` and words counts as it: its answer was lost.

    Other words with the same key are another report: somebody has gone back to the form and used it again.

    Returns the seconds to wait if too many came; then nothing is stored, nor if the form has errors.
    """
    key = form.values.get("key", "")
    if key:
        typed = to_json([key, *(form.values.get(name, "") for name in TYPED)])
        incident.source_id = f"report:{hashlib.sha256(typed.encode()).hexdigest()}"
    if key and Incident.select().where(Incident.source_id == incident.source_id).exists():
        return 0.0
    wait = 0.0 if incident.verified or form.errors else _wait_to_report()
    if wait:
        form.errors[""] = f"Too many reports came lately. Try again in {auth.duration(wait)}."
    with contextlib.suppress(peewee.IntegrityError):  # the same report came twice at once
        form.save(incident, values, {})
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
