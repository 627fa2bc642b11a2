"""The pages of areas of interest, and muting one."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from base.values import to_json
from domain import personal_mutes, versions
from models import AreaOfInterest, parse_until
from web import auth, root
from web.forms import Form
from web.pages.blueprint import bp
from web.pages.objects import add_pages, detail_page

MORNING = time(8)  # when a mute until tomorrow ends


def area_from(form: Form, area: AreaOfInterest) -> bool:
    polygon = area.polygon if "polygon_geojson" in form.theirs else form.polygon
    if polygon and polygon.long_edge and "long_edges" not in form.values and polygon != area.polygon:
        form.errors["polygon_geojson"] = f"{polygon.long_edge}; say below which way it goes"
        form.values["long_edges"] = "cross"
    values = {
        "name": form.values.get("name", ""),
        **form.present("severity", *AreaOfInterest.plain_texts()),
        "polygon": polygon,
    }
    return form.save(area, values, {"polygon": "polygon_geojson"})


def area_values(area: AreaOfInterest) -> dict[str, str]:
    return {
        "name": area.name or "",
        "severity": area.severity,
        **{name: getattr(area, name) or "" for name in AreaOfInterest.plain_texts()},
        "polygon_geojson": to_json(area.polygon) if area.id else "",
        "version": area.version,
    }


add_pages(AreaOfInterest, "area", area_from, area_values)


@bp.post("/tracker/area_of_interest/mute/<int:pk>/")
@auth.needs("viewer")
def area_mute(pk: int) -> ResponseReturnValue:
    """Mute an area: `until` is hour, tomorrow, week, off, or a time with its offset from UTC.

    With `for=me` it is muted for this account only. Otherwise it is for everybody, and needs an editor.
    """
    is_for_me = request.form.get("for") == "me"
    if not is_for_me:
        auth.require("editor")
    until = mute_until(request.form.get("until", ""), datetime.now().astimezone())
    reason = request.form.get("reason", "")
    if is_for_me:
        _mute_for_me(AreaOfInterest.find(pk), until, reason)
        return redirect(url_for("pages.area_detail", pk=pk), 303)
    try:
        with AreaOfInterest.changing(pk) as area:
            versions.ensure_unchanged(area, request.form.get("version"), "muted_until")
            area.mute(until, reason)
    except versions.Conflict as conflict:
        return detail_page(AreaOfInterest.find(pk), conflict.clashes)
    return redirect(root.address(area.url), 303)


def _mute_for_me(area: AreaOfInterest, until: datetime | None, reason: str) -> None:
    user = auth.signed_in()
    if until is None:
        personal_mutes.end(user.id, area.id)
    else:
        personal_mutes.set_(user.id, area.id, until, reason)


def mute_until(choice: str, here: datetime) -> datetime | None:
    """Return the end of a mute that begins now, `here` by the clock of this machine. Raises Invalid.

    A page with JavaScript sends tomorrow as a time, in the time zone of its reader.
    """
    tomorrow = datetime.combine(here.date() + timedelta(days=1), MORNING)
    presets = {
        "off": None,
        "hour": here + timedelta(hours=1),
        "tomorrow": tomorrow.astimezone(),  # with the offset from UTC that holds tomorrow
        "week": here + timedelta(days=7),
    }
    return presets[choice] if choice in presets else parse_until(choice)
