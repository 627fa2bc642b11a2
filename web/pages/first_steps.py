"""The first steps of a new tracker's admin, shown until they are done or dismissed."""

from __future__ import annotations

from typing import NamedTuple

from flask import redirect, url_for
from flask.typing import ResponseReturnValue

from models import AreaOfInterest, Incident, Setting, User
from web import auth, streets
from web.languages import gettext
from web.pages.blueprint import bp
from web.state import state

DISMISSED = "first_steps_dismissed"  # the setting that hides them, for all admins


class Step(NamedTuple):
    """A step: its sentence, why it helps, where it is done, and whether that has happened."""

    text: str
    why: str
    address: str
    is_done: bool


def steps() -> list[Step]:
    """Return the steps for the admin of this request; none for others, and when all are done."""
    user = auth.current_user()
    if user is None or not auth.may("admin") or Setting.get_or_none(Setting.name == DISMISSED):
        return []
    found = [
        Step(
            gettext("Choose your own password"),
            gettext("The first one was printed at the start."),
            url_for("accounts.own"),
            not user.password_temporary,
        ),
        Step(
            gettext("Invite people"),
            gettext("Create an account for each person, and send its password link."),
            url_for("admin.page"),
            User.select().count() > 1,
        ),
        Step(
            gettext("Draw the first area"),
            gettext("Incidents inside it alert everybody who has Tracker open."),
            url_for("pages.area_create"),
            AreaOfInterest.select().exists(),
        ),
        Step(
            gettext("Report the first incident"),
            gettext("It appears on every open map at once."),
            url_for("pages.incident_create"),
            Incident.select().exists(),
        ),
        Step(
            gettext("Add a street map"),
            gettext("Upload an archive of your city. Without one, cities are blank."),
            url_for("admin.page", _anchor="streets"),
            bool(streets.addresses() or state().settings.tiles),
        ),
        Step(
            gettext("Take reports from the public"),
            gettext("Share the address of this form. TRACKER_PUBLIC_REPORTS turns it on or off."),
            url_for("pages.report"),
            not state().settings.public_reports
            or Incident.select().where(Incident.created_by.is_null()).exists(),
        ),
    ]
    return [] if all(step.is_done for step in found) else found


@bp.app_context_processor
def common() -> dict[str, object]:
    return {"first_steps": steps}


@bp.post("/admin/first_steps/dismiss/")
@auth.needs("admin")
def dismiss_first_steps() -> ResponseReturnValue:
    """Hide the steps for all admins."""
    Setting.default(DISMISSED, "yes")
    return redirect(url_for("pages.index"), 303)
