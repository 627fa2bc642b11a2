"""The pages of incidents, and the buttons that close, reopen and confirm one."""

from __future__ import annotations

from collections.abc import Callable

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from base.sentences import Sentence
from base.values import to_json
from domain import erasure, versions
from models import MAX_ID, Incident
from web import auth, root
from web.forms import Form
from web.languages import gettext
from web.pages.blueprint import bp, isolated
from web.pages.objects import add_pages, detail_page, flash_who_deleted


def incident_from(form: Form, incident: Incident) -> bool:
    values = {
        "name": form.values.get("name", ""),
        **form.present("description", "severity", *Incident.plain_texts()),
        **{name: text.strip() or None for name, text in form.present("happened").items()},
        **{name: _number(text) for name, text in form.present("accuracy").items()},
        "closed": form.values.get("closed", "") not in ("", "false", "0"),
        "location": form.json("location_geojson", missing=Sentence("click the map or type coordinates")),
    }
    return form.save(incident, values, {"location": "location_geojson"})


def _number(text: str) -> float | str | None:
    """Return the number that was typed, None for none, or the text if it is no number."""
    try:
        return float(text.replace(",", ".")) if text.strip() else None
    except ValueError:
        return text


def incident_values(incident: Incident) -> dict[str, str]:
    return {
        "name": incident.name or "",
        "description": incident.description,
        "severity": incident.severity,
        "happened": incident.happened or "",
        **{name: getattr(incident, name) or "" for name in Incident.plain_texts()},
        "accuracy": "" if incident.accuracy is None else str(incident.accuracy),
        "closed": "on" if incident.closed else "",
        "location_geojson": to_json(incident.location) if incident.location else "",
        "version": incident.version,
    }


add_pages(Incident, "incident", incident_from, incident_values)


@bp.post("/tracker/incident/close/<int:pk>/")
def incident_close(pk: int) -> ResponseReturnValue:
    return _press(pk, lambda incident: _set_closed(incident, closed=True))


@bp.post("/tracker/incident/reopen/<int:pk>/")
def incident_reopen(pk: int) -> ResponseReturnValue:
    return _press(pk, lambda incident: _set_closed(incident, closed=False))


@bp.post("/tracker/incident/confirm/<int:pk>/")
def incident_confirm(pk: int) -> ResponseReturnValue:
    """Confirm that a public report is true, in the version that the page showed."""
    return _press(pk, _confirm)


def _press(pk: int, change: Callable[[Incident], str]) -> ResponseReturnValue:
    """Carry out what one button does, and return to the page that had it. `change` returns what was done."""
    try:
        with Incident.changing(pk) as incident:
            done = change(incident)
    except versions.Conflict as conflict:
        return detail_page(Incident.find(pk), conflict.clashes)
    except Incident.DoesNotExist:
        flash_who_deleted(Incident, pk)
        return redirect(url_for("pages.incident_list"), 303)
    flash(done)
    back = request.form.get("next")
    return redirect(auth.local(back) if back else root.address(incident.url), 303)


def _set_closed(incident: Incident, *, closed: bool) -> str:
    """Close or reopen it. Other people's changes of other fields since the page was shown stay."""
    values, name = {"closed": closed}, isolated(incident.name)
    if "version" in request.form:
        values = versions.merge(incident, values, request.form["version"])
    if values and incident.closed != closed:
        incident.assign(values)
        incident.save()
        return (
            gettext("Closed “%(name)s”.", name=name) if closed else gettext("Reopened “%(name)s”.", name=name)
        )
    if closed:
        return gettext("“%(name)s” is closed already.", name=name)
    return gettext("“%(name)s” is open already.", name=name)


def _confirm(incident: Incident) -> str:
    if incident.verified:
        return gettext("“%(name)s” is confirmed already.", name=isolated(incident.name))
    versions.ensure_unchanged(incident, request.form.get("version"))
    incident.verified = True
    incident.save()
    return gettext("Confirmed “%(name)s”.", name=isolated(incident.name))


@bp.route("/tracker/incident/erase/<int:pk>/", methods=["GET", "POST"])
@auth.needs("admin")
def incident_erase(pk: int) -> ResponseReturnValue:
    """Ask whether to erase an incident; with POST, erase it. A deleted one has log entries to erase."""
    erasure.ensure_known(pk)
    if request.method == "GET":
        return render_template(
            "incidents/erase.html", pk=pk, incident=Incident.get_or_none(Incident.id == min(pk, MAX_ID))
        )
    erasure.erase(pk, auth.signed_in().name, request.remote_addr or "")
    flash(erasure.overwrite() or gettext("Incident %(number)s is erased.", number=pk))
    return redirect(url_for("pages.incident_list"), 303)
