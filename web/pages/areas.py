"""The pages of areas of interest, and muting one."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from base.sentences import Sentence
from base.values import to_json
from domain import personal_mutes, versions
from models import AreaOfInterest, Invalid, parse_until
from web import auth
from web.forms import Form
from web.pages.blueprint import bp
from web.pages.objects import add_pages, detail_page

MORNING = time(8)  # when a mute until tomorrow ends
LOCAL_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?")  # the value of a datetime-local field


def area_from(form: Form, area: AreaOfInterest) -> bool:
    polygon = area.polygon if "polygon_geojson" in form.theirs else form.polygon
    if polygon and polygon.long_edge and "long_edges" not in form.values and polygon != area.polygon:
        form.errors["polygon_geojson"] = Sentence(
            "%(problem)s; say below which way it goes", problem=polygon.long_edge
        )
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
    """Mute an area: `until` is hour, tomorrow, week, off, end, or a time with its offset from UTC.

    With `end` the time is in the field `end`, in UTC if it has no offset. With `for=me` it is muted for this
    account only. Otherwise it is for everybody, and needs an editor. `back` is the page to which it returns.
    """
    is_own = request.form.get("for") == "me"
    if not is_own:
        auth.require("editor")
    try:
        (_mute_for_me if is_own else _mute_for_everybody)(pk, _end_of_mute(), request.form.get("reason", ""))
    except versions.Conflict as conflict:
        return detail_page(AreaOfInterest.find(pk), conflict.clashes)
    except Invalid as invalid:
        typed = {"end": request.form.get("end", ""), "reason": request.form.get("reason", "")}
        typed["whom"] = "me" if is_own else "everybody"
        return detail_page(AreaOfInterest.find(pk), mute_errors=invalid.fields, mute_typed=typed)
    return redirect(auth.local(request.form.get("back") or url_for("pages.area_detail", pk=pk)), 303)


def _end_of_mute() -> datetime | None:
    """Return the end that the form has, None to end the mute. Raises Invalid."""
    choice = request.form.get("until", "")
    if choice == "end":
        end = request.form.get("end", "")
        return parse_until(f"{end}Z" if LOCAL_TIME.fullmatch(end) else end)
    return mute_until(choice, datetime.now().astimezone())


def _mute_for_everybody(pk: int, until: datetime | None, reason: str) -> None:
    with AreaOfInterest.changing(pk) as area:
        versions.ensure_unchanged(area, request.form.get("version"), "muted_until")
        area.mute(until, reason)


def _mute_for_me(pk: int, until: datetime | None, reason: str) -> None:
    user, area = auth.signed_in(), AreaOfInterest.find(pk)
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
