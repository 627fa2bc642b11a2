"""The accuracy of an incident's location, and the number of a report."""

from typing import Any

import pytest
from flask import Flask
from harness import incident, point
from in_process import Browser

from models import Incident

REPORT = "/tracker/incident/report/"
PLACE: dict[str, Any] = {"location_lat": "1", "location_lon": "2"}


@pytest.fixture
def person(app: Flask) -> Browser:
    person = Browser(app)
    person.sign_in()
    return person


def token(person: Browser) -> str:
    return person.get("/").text.split('name="csrf-token" content="')[1].split('"')[0]


def call(person: Browser, method: str, path: str, body: Any) -> Any:
    options = {"json": body, "base_url": person.base_url, "headers": {"X-CSRFToken": token(person)}}
    return person.client.open(path, method=method, **options)


def saved(person: Browser, **properties: Any) -> Any:
    answer = call(person, "POST", "/api/incidents/", incident("Fire", **properties))
    assert answer.status_code == 201, answer.text
    return answer.json


@pytest.mark.parametrize(("given", "kept"), [(30, 30), (4.2, 5), (0, 0), (None, None)])
def test_accuracy_is_kept_in_whole_metres(person: Browser, given: Any, kept: Any) -> None:
    stored = saved(person, accuracy=given)
    assert stored["properties"]["accuracy"] == kept
    collection: Any = person.get("/tracker/incident/feature_collection/").json
    assert collection["features"] == [stored]


@pytest.mark.parametrize("bad", [-1, 1e9, "30", True, [30]])
def test_what_is_no_distance_is_refused(person: Browser, bad: Any) -> None:
    answer = call(person, "POST", "/api/incidents/", incident("Fire", accuracy=bad))
    assert answer.status_code == 422
    assert set(answer.json["fields"]) == {"accuracy"}


def test_another_location_has_no_accuracy_unless_it_comes_with_one(person: Browser) -> None:
    """A merge of a whole Feature counts its accuracy as unchanged. The same location keeps it."""
    stored = saved(person, accuracy=30)
    path = f"/api/incidents/{stored['properties']['pk']}/"
    stored = call(person, "PATCH", path, stored | {"geometry": stored["geometry"]}).json
    assert stored["properties"]["accuracy"] == 30
    moved = call(person, "PATCH", path, stored | {"geometry": point(3, 4)}).json
    assert moved["properties"]["accuracy"] is None
    both = {"type": "Feature", "geometry": point(5, 6), "properties": {"accuracy": 12}}
    assert call(person, "PATCH", path, both).json["properties"]["accuracy"] == 12


def test_form_has_the_accuracy(person: Browser) -> None:
    """A decimal comma is understood. Other text is refused at its field."""
    pk = saved(person)["properties"]["pk"]
    path = f"/tracker/incident/update/{pk}/"
    form: dict[str, Any] = {"location_geojson": '{"type": "Point", "coordinates": [2, 1]}', "severity": "HI"}
    assert person.send(path, **form, accuracy="12,5").status_code == 303
    assert Incident.get().accuracy == 13
    assert "accurate to 13 m" in person.get(f"/tracker/incident/{pk}/").text
    refused = person.send(path, **form, accuracy="a street")
    assert refused.status_code == 422
    assert 'id="accuracy-error"' in refused.text
    assert Incident.get().accuracy == 13


@pytest.mark.parametrize(
    ("given", "kept"), [("30", 30), ("", None), ("about a mile", None), ("nan", None), ("1e400", None)]
)
def test_no_report_is_refused_for_its_accuracy(app: Flask, given: str, kept: int | None) -> None:
    answer = Browser(app).send(REPORT, name="Smoke", **PLACE, location_accuracy=given)
    assert answer.status_code == 303, answer.text
    assert Incident.get().accuracy == kept


def test_success_page_tells_the_number(app: Flask, person: Browser) -> None:
    """A stranger gets the number, a person of the team a link. A repeated report has the same number."""
    visitor = Browser(app)
    answers = [visitor.send(REPORT, name="Smoke", **PLACE, key="k") for _ in range(2)]
    assert Incident.select().count() == 1
    (location,) = {answer.location for answer in answers}
    number = Incident.get().id
    assert f"report is <strong><bdi>{number}</bdi></strong>." in visitor.get(location).text
    assert f'href="/tracker/incident/{number}/"' not in visitor.get(location).text
    assert f'href="/tracker/incident/{number}/"' in person.get(location).text


@pytest.mark.parametrize("number", ["", "x", "-1", "0", "9" * 30, "<b>"])
def test_success_page_repeats_nothing_else(app: Flask, number: str) -> None:
    page = Browser(app).get(f"/tracker/incident/report_success/?number={number}")
    assert page.status_code == 200
    assert "number of your report" not in page.text
