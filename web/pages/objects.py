"""The pages that incidents and areas have in common: list, detail, create, update and delete."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from base import loop
from domain import versions
from models import MAX_ID, AreaOfInterest, Incident, Tracked, actor, areas
from web import auth, root, unsent
from web.forms import Form
from web.languages import gettext, translated
from web.lists import Listed, ago
from web.pages.blueprint import bp, isolated
from web.places import places

MAX_INSIDE = 100  # incidents listed on an area's page
MOST_AREAS = 3  # of a listed incident, that are named
MAX_CHOICE = 1000  # areas that the filter of a list names


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
        page = Listed.of(model)
        more = _incident_facts(page) if model is Incident else {}
        return render_template(f"{noun}s/list.html", page=page, ago=ago, **more)

    def detail(pk: int) -> ResponseReturnValue:
        return detail_page(model.find(pk))

    def store(form: Form, pk: int | None) -> str:
        """Store the form. Return the object's path; "" if the form must be shown again."""
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
        if request.method == "POST" and (path := store(form, pk)):
            return redirect(root.address(path), 303)
        shown = {"form": form, noun: pk and model.get_or_none(model.id == min(pk, MAX_ID))}
        return render_template(f"{noun}s/form.html", **shown), form.status

    @auth.needs("editor")
    def delete(pk: int) -> ResponseReturnValue:
        clashes = []
        if request.method == "POST":
            try:
                with model.changing(pk) as thing:
                    versions.ensure_unchanged(thing, request.form.get("version"))
                    thing.delete_instance()
                flash(_said_deleted(thing))
                return redirect(url_for(f"pages.{noun}_list"), 303)
            except versions.Conflict as conflict:
                clashes = conflict.clashes
            except model.DoesNotExist:
                flash_who_deleted(model, pk)
                return redirect(url_for(f"pages.{noun}_list"), 303)
        shown = {noun: model.find(pk), "clashes": clashes}
        return render_template(f"{noun}s/delete.html", **shown), 409 if clashes else 200

    both = ["GET", "POST"]
    bp.add_url_rule(model.path, f"{noun}_list", list_page)
    bp.add_url_rule(f"{model.path}<int:pk>/", f"{noun}_detail", detail)
    bp.add_url_rule(f"{model.path}create/", f"{noun}_create", edit, methods=both)
    bp.add_url_rule(f"{model.path}update/<int:pk>/", f"{noun}_update", edit, methods=both)
    bp.add_url_rule(f"{model.path}delete/<int:pk>/", f"{noun}_delete", delete, methods=both)


def _incident_facts(page: Listed) -> dict[str, Any]:
    """Return where the listed incidents are: towns and areas. And the areas to choose from."""
    towns = places().whereabouts([(each.longitude, each.latitude) for each in page.items])
    named = AreaOfInterest.select(AreaOfInterest.id, AreaOfInterest.name).order_by(AreaOfInterest.name)
    return {
        "towns": dict(zip((each.id for each in page.items), towns, strict=True)),
        "around": {each.id: areas.around(each) for each in page.items},
        "most_areas": MOST_AREAS,
        "area_choices": list(named.limit(MAX_CHOICE).tuples()),
    }


def detail_page(
    thing: Tracked, clashes: Sequence[versions.Clash] = (), **mute: Mapping[str, Any]
) -> ResponseReturnValue:
    """Show one incident or area; `clashes` are the reasons why an action was not carried out.

    `mute` has the `mute_errors` of the form that mutes an area, by field, and its `mute_typed` values.
    """
    noun = "area" if isinstance(thing, AreaOfInterest) else "incident"
    shown = {noun: thing, "feature": thing.feature(), "clashes": clashes, **mute}
    if isinstance(thing, AreaOfInterest):
        total = 0
        newest: list[int] = []
        for places in loop.interleaved(thing.inside()):
            total += len(places)
            newest += [place.id for place in places[: MAX_INSIDE - len(newest)]]
        listed = Incident.select().where(Incident.id << newest).order_by(Incident.id.desc())
        shown |= {"inside": list(listed), "inside_total": total}
    return render_template(f"{noun}s/detail.html", **shown), 409 if clashes else 422 if mute else 200


def _said_deleted(thing: Tracked) -> str:
    name = isolated(thing.name)
    if isinstance(thing, Incident) and not thing.verified:
        return gettext("Discarded “%(name)s”.", name=name)
    return gettext("Deleted “%(name)s”.", name=name)


def flash_who_deleted(model: type[Tracked], pk: int) -> None:
    """Name the person who deleted it first, unless it is the same one, who pressed twice.

    Raises DoesNotExist.
    """
    by = versions.deleted_by(model, min(pk, MAX_ID))
    if by != actor.get():
        flash(gettext("%(name)s deleted it already.", name=translated(versions.who(by))))
