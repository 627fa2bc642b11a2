"""The reporter of an incident, and its closing: the time and the account."""

import argparse
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from harness import point
from in_process import NAME, Browser, make_app

import models
from base import times
from commands import importer
from models import Incident


@pytest.fixture
def app(database: Path) -> Flask:
    return make_app(public_reports=True)


@pytest.fixture
def browser(app: Flask) -> Browser:
    found = Browser(app)
    found.sign_in()
    return found


def send(browser: Browser, method: str, path: str, **properties: Any) -> dict[str, Any]:
    token = browser.get("/").text.partition('name="csrf-token" content="')[2].partition('"')[0]
    body = {"type": "Feature", "properties": properties}
    if method == "POST":
        body["geometry"] = point(1, 2)
    answer = browser.client.open(
        path, method=method, json=body, headers={"X-CSRFToken": token}, base_url=browser.base_url
    )
    assert answer.status_code in (200, 201), answer.text
    found: dict[str, Any] = answer.get_json()["properties"]
    return found


def test_closing_is_kept_and_reopening_forgets_it(browser: Browser) -> None:
    """Saving a closed incident once more changes neither the time nor the name."""
    made = send(browser, "POST", "/api/incidents/", name="Fire")
    path = f"/api/incidents/{made['pk']}/"
    assert (made["created_by"], made["closed_at"], made["closed_by"]) == (NAME, None, None)
    closed = send(browser, "PATCH", path, closed=True)
    assert (closed["closed_at"], closed["closed_by"]) == (closed["updated"], NAME)
    models.actor.set("other")
    later = Incident.find(made["pk"])
    later.name = "Fire, out"
    later.save()
    assert (later.closed_at, later.closed_by) == (closed["closed_at"], NAME)
    opened = send(browser, "PATCH", path, closed=False)
    assert (opened["closed_at"], opened["closed_by"]) == (None, None)
    again = send(browser, "PATCH", path, closed=True)
    assert again["closed_at"] > closed["closed_at"]


def test_reported_closed_is_closed_by_its_reporter(browser: Browser) -> None:
    made = send(browser, "POST", "/api/incidents/", name="Fire", closed=True)
    assert (made["closed_at"], made["closed_by"]) == (made["created"], NAME)


def test_client_can_set_neither(browser: Browser) -> None:
    """They are ignored like all members that only the server sets."""
    lies = {"created_by": "eve", "closed_by": "eve", "closed_at": "2020-01-01T00:00:00Z"}
    made = send(browser, "POST", "/api/incidents/", name="Fire", closed=True, **lies)
    assert (made["created_by"], made["closed_by"], made["closed_at"]) == (NAME, NAME, made["created"])


def test_public_report_has_no_reporter(app: Flask) -> None:
    Browser(app).send("/tracker/incident/report/", name="Fire", location_lat="1", location_lon="2")
    (incident,) = Incident.select()
    assert incident.created_by is None


def test_old_incident_that_was_closed_before_stays_without_a_time(browser: Browser) -> None:
    """It is closed already, so no save of it is the closing."""
    made = send(browser, "POST", "/api/incidents/", name="Fire", closed=True)
    models.database.execute_sql("UPDATE incident SET closed_at = NULL, closed_by = NULL")
    changed = send(browser, "PATCH", f"/api/incidents/{made['pk']}/", name="Fire, out")
    assert (changed["closed_at"], changed["closed_by"]) == (None, None)


def stored(feature: dict[str, Any]) -> Incident:
    """Import one feature, as the command does after reading its file."""
    options = argparse.Namespace(name=None, severity="severity", levels=None, source=None)
    models.actor.set("import")
    for part in importer._parts(feature, feature["geometry"], 1, options):
        importer._store(part)
    found: Incident = Incident.select().order_by(Incident.id.desc()).get()
    return found


def test_import_keeps_what_an_export_says(browser: Browser) -> None:
    """A closed incident that was exported comes back with the time and the name of its closing."""
    made = send(browser, "POST", "/api/incidents/", name="Fire", closed=True)
    feature = json.loads(Incident.json_by_id([made["pk"]])[made["pk"]])
    Incident.find(made["pk"]).delete_instance()
    again = stored(feature)
    assert (again.closed_at, again.closed_by, again.created_by) == (made["closed_at"], NAME, "import")


@pytest.mark.parametrize("said", [None, "yesterday", 7, "future"])
def test_import_that_does_not_say_it_closes_now(browser: Browser, said: object) -> None:
    """So does one with a time that can't be true."""
    if said == "future":
        said = models.timestamp(datetime.fromisoformat(times.now()) + timedelta(days=1))
    properties = {"name": "Fire", "closed": True, "closed_at": said, "closed_by": "eve"}
    again = stored({"type": "Feature", "id": "f", "geometry": point(1, 2), "properties": properties})
    assert (again.closed_at, again.closed_by) == (again.created, "import")
    properties |= {"closed": False}
    opened = stored({"type": "Feature", "id": "f", "geometry": point(1, 2), "properties": properties})
    assert (opened.closed_at, opened.closed_by) == (None, None)
