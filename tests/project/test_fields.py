"""Each test names the field, the severity or the message type that is missing somewhere."""

import ast
import json
import re
from datetime import timedelta
from typing import Any

import peewee
import pytest
from harness import ROOT, Person, point, square

import models
from base import times
from base.severity import Severity
from commands import importer
from domain import limits, versions
from domain.incidents import INCIDENT_JSON
from domain.tracked import READ_ONLY
from models import AreaOfInterest, Incident
from storage import peewee_private
from web import unsent

API = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
MESSAGES = (ROOT / "static" / "js" / "live" / "messages.js").read_text(encoding="utf-8")
COLUMNS = {field.name for field in peewee_private.fields(Incident)}
NOT_SHOWN = {
    "id",
    "source_id",
    "version",
    "longitude",
    "latitude",
    "folded",
}  # as properties that the list names
AREA_COLUMNS = {field.name for field in peewee_private.fields(AreaOfInterest)}
AREA_SHOWN = (*AreaOfInterest.shown, *AreaOfInterest.shown_while_muted)
# The collection says when an incident was created; of an area only its page says that.
AREA_NOT_SHOWN = {"id", "source_id", "version", "polygon", "created", "updated", "muted_at", "folded"}
SENDERS = ("domain", "realtime", "storage", "web")  # the rooms that make messages of the socket
SAMPLES: dict[str, Any] = {
    "severity": "High",
    "happened": "2020-01-31T08:00:00Z",
    "closed": True,
    "verified": False,
    "location": point(3, 4),
    "accuracy": 30,
}
FIELDS = list(Incident.parsers)
AREA_FIELDS = list(AreaOfInterest.parsers)
FORM_NAMES = {"location": "location_geojson", "polygon": "polygon_geojson"}


def sample(name: str) -> Any:
    return SAMPLES.get(name, f"A {name}")


def stored(**values: Any) -> Incident:
    incident = Incident()
    incident.assign({"name": "First", "location": point(1, 2)} | values)
    incident.save()
    return incident


def in_collection(incident: Incident) -> Any:
    return json.loads(Incident.json_by_id([incident.id])[incident.id])


def value_in(feature: dict[str, Any], name: str) -> Any:
    return feature["geometry"] if name == "location" else feature["properties"].get(name)


@pytest.mark.parametrize("name", sorted(COLUMNS - NOT_SHOWN))
def test_column_is_shown(name: str) -> None:
    assert name in Incident.shown


@pytest.mark.parametrize("name", sorted(set(Incident.shown) - READ_ONLY))
def test_shown_field_has_a_parser(name: str) -> None:
    """A field that a client may set has a parser. The others are in READ_ONLY."""
    assert name in Incident.parsers


@pytest.mark.parametrize("name", Incident.shown)
def test_shown_field_is_a_column(name: str) -> None:
    assert name in COLUMNS
    assert isinstance(getattr(Incident, name), peewee.Field)


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("name", FIELDS)
def test_parsed_field_is_in_feature_and_collection(name: str) -> None:
    """A value that was set is in the Feature and in the collection."""
    incident = stored(**{name: sample(name)})
    feature = json.loads(models.to_json(incident.feature()))
    shown = value_in(feature, name)
    assert shown == value_in(in_collection(incident), name)
    assert str(shown)[:16] == str(sample(name))[:16]


@pytest.mark.usefixtures("database")
def test_feature_and_collection_are_equal() -> None:
    """All members, in the same order."""
    incident = stored(**{name: sample(name) for name in FIELDS})
    assert models.to_json(incident.feature()) == models.to_json(in_collection(incident))
    assert "json_object" in INCIDENT_JSON


@pytest.mark.parametrize("name", sorted(set(Incident.shown) | set(FIELDS) - {"location"}))
def test_field_is_documented(name: str) -> None:
    row = rf"^\| `{name}` \|"
    assert re.search(row, API, re.MULTILINE) or (name in READ_ONLY and f"`{name}`" in API), (
        f"docs/api.md has no row for {name}"
    )


@pytest.mark.parametrize("name", sorted(AREA_COLUMNS - AREA_NOT_SHOWN))
def test_column_of_an_area_is_shown(name: str) -> None:
    assert name in AREA_SHOWN


@pytest.mark.parametrize("name", AREA_SHOWN)
def test_shown_field_of_an_area_is_a_documented_column(name: str) -> None:
    assert name in AREA_COLUMNS
    assert f"`{name}`" in API, f"docs/api.md does not name {name}"


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("muted", [False, True])
def test_feature_and_collection_of_an_area_are_equal(muted: bool) -> None:  # noqa: FBT001
    """Both have all shown fields, and those of a mute only while the area is muted."""
    area = AreaOfInterest()
    area.assign({"name": "First", "polygon": square(0, 0, 2)} | dict.fromkeys(area.plain_texts(), "x"))
    area.mute(times.clock() + timedelta(hours=1) if muted else None)
    ((_, text),) = AreaOfInterest.features(AreaOfInterest.id == area.id, 0)
    found = json.loads(text)
    assert found == json.loads(models.to_json(area.feature()))
    assert set(AREA_SHOWN if muted else AreaOfInterest.shown) <= set(found["properties"])
    assert ("muted_until" in found["properties"]) is muted


@pytest.mark.parametrize("name", AREA_FIELDS)
def test_field_of_an_area_is_on_the_form(person: Person, name: str) -> None:
    page = person.get("/tracker/area_of_interest/create/")
    assert page.select(f'[name="{FORM_NAMES.get(name, name)}"]'), f"the form has no field {name}"


def test_plain_texts_follow_from_the_parsers() -> None:
    """A parser without a control of its own is a plain text, of incidents and of areas."""
    for model in (Incident, AreaOfInterest):
        assert model.with_own_control <= set(model.parsers)
        assert set(model.plain_texts()) == set(model.parsers) - model.with_own_control
        assert set(model.texts()) >= {"name", *model.plain_texts()}
        assert set(model.texts()) <= set(unsent.TYPED)


def test_page_publishes_a_label_for_each_field(person: Person) -> None:
    assert {*FIELDS, *Incident.shown, *AREA_FIELDS, *AreaOfInterest.shown} <= set(published(person)["labels"])


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("name", FIELDS)
def test_field_is_merged(name: str) -> None:
    """A change based on an earlier version is merged, and conflicts with another person's change."""
    incident = stored()
    before = incident.version
    assert name in versions.merge(incident, {name: sample(name)}, before)
    with Incident.changing(incident.id) as now:
        now.assign({name: sample(name)})
        now.save()
    clashes = {clash.field for clash in _clashes(Incident.find(incident.id), before)}
    assert name in clashes


def _clashes(incident: Incident, base: str) -> list[versions.Clash]:
    with pytest.raises(versions.Conflict) as caught:
        versions.ensure_unchanged(incident, base)
    return caught.value.clashes


@pytest.mark.parametrize("name", [name for name in FIELDS if name != "verified"])  # which has a button
def test_field_is_on_the_form(person: Person, name: str) -> None:
    page = person.get("/tracker/incident/create/")
    assert page.select(f'[name="{FORM_NAMES.get(name, name)}"]'), f"the form has no field {name}"


def test_plain_texts_are_on_report_and_published(person: Person) -> None:
    """The report form has them, and the page publishes them for the map's form."""
    page = person.get("/tracker/incident/report/")
    names = Incident.plain_texts()
    assert [name for name in names if not page.select(f'[name="{name}"]')] == []
    assert [name for name in names if name not in published(person)["plain_texts"]] == []


OWN_OPTIONS = {"severity", "happened"}  # fields whose import has options, since feeds write them in many ways


@pytest.mark.parametrize(
    "name", [name for name in FIELDS if isinstance(sample(name), str) and name not in OWN_OPTIONS]
)
def test_text_is_imported(name: str) -> None:
    assert importer._fields({name: sample(name)}, None)[name] == sample(name)


def published(person: Person) -> Any:
    (script,) = person.get("/").select("script#published")
    return json.loads(script.get_text())


def test_page_publishes_severities_and_limits(person: Person) -> None:
    found = published(person)
    assert [(each["code"], each["name"]) for each in found["severities"]] == [
        (severity.value, severity.word) for severity in Severity
    ]
    assert found["limits"] == {"name": limits.NAME_LENGTH, "description": limits.DESCRIPTION_LENGTH}


@pytest.mark.parametrize("severity", Severity, ids=lambda severity: severity.word)
def test_severity_has_shape_colour_and_documentation(severity: Severity) -> None:
    shapes = (ROOT / "templates" / "shared" / "_severity_shapes.html").read_text(encoding="utf-8")
    styles = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "static" / "css").glob("*.css"))
    assert f'id="shape-{severity.value}"' in shapes
    assert severity.value in styles or severity.word.lower() in styles
    assert severity.word in API


def message_types() -> set[str]:
    """Return the message types that the server's source appends to the log or sends."""
    found = set()
    for path in [
        ROOT / "models.py",
        *(path for room in SENDERS for path in sorted((ROOT / room).rglob("*.py"))),
    ]:
        text = path.read_text(encoding="utf-8")
        found |= set(re.findall(r'"type": ?"([a-z_]+)"', text))
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Notification.append":
                found.add(ast.literal_eval(node.args[1]))
    return found


def test_message_types_are_found() -> None:
    """The search finds every message type that the documentation says is logged, with its actor."""
    assert set(re.findall(r"^\| `([a-z_]+)` \| .* \| .*`?actor`? \|$", API, re.MULTILINE)) <= message_types()
    assert {"hello", "heartbeat"} <= message_types()


@pytest.mark.parametrize("type_", sorted(message_types()))
def test_message_type_is_documented_and_read(type_: str) -> None:
    assert f"| `{type_}` |" in API, f"docs/api.md has no row for messages of the type {type_}"
    assert re.search(rf"^  {type_}: ", MESSAGES, re.MULTILINE), f"messages.js does not read {type_}"
