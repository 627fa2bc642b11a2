"""The pages of incidents, and confirming a public report."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from base.values import to_json
from domain import erasure, versions
from models import MAX_ID, Incident
from web import auth, root
from web.forms import Form
from web.pages.blueprint import bp
from web.pages.objects import add_pages, detail_page


def incident_from(form: Form, incident: Incident) -> bool:
    values = {
        "name": form.values.get("name", ""),
        **form.present("description", "severity", *Incident.plain_texts()),
        **{name: text.strip() or None for name, text in form.present("happened").items()},
        "closed": form.values.get("closed", "") not in ("", "false", "0"),
        "location": form.json("location_geojson", missing="click the map or type coordinates"),
    }
    return form.save(incident, values, {"location": "location_geojson"})


def incident_values(incident: Incident) -> dict[str, str]:
    return {
        "name": incident.name or "",
        "description": incident.description,
        "severity": incident.severity,
        "happened": incident.happened or "",
        **{name: getattr(incident, name) or "" for name in Incident.plain_texts()},
        "closed": "on" if incident.closed else "",
        "location_geojson": to_json(incident.location) if incident.location else "",
        "version": incident.version,
    }


add_pages(Incident, "incident", incident_from, incident_values)


@bp.post("/tracker/incident/confirm/<int:pk>/")
def incident_confirm(pk: int) -> ResponseReturnValue:
    """Confirm that a public report is true, in the version that the page showed."""
    try:
        with Incident.changing(pk) as incident:
            if not incident.verified:
                versions.ensure_unchanged(incident, request.form.get("version"))
                incident.verified = True
                incident.save()
    except versions.Conflict as conflict:
        return detail_page(Incident.find(pk), conflict.clashes)
    return redirect(root.address(incident.url), 303)


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
    flash(erasure.overwrite() or f"Incident {pk} is erased.")
    return redirect(url_for("pages.incident_list"), 303)
