"""Bad input gets a 4xx that names the field and the reason. Nothing is stored, and text stays text."""

import json
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest
from harness import PATIENCE_S, Feature, Person, Server, api_path, feature, incident, point, square

SQL = "Robert'); DROP TABLE incident;-- \" OR 1=1"
SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>{{ 7 * 7 }}&amp;"
MIB = 1 << 20


def polygon(*rings: list[Any]) -> Feature:
    return {"type": "Polygon", "coordinates": list(rings)}


BAD_POINTS: dict[str, Any] = {
    "null": None,
    "text": "1, 2",
    "a number": 12,
    "a list": [1, 2],
    "an empty object": {},
    "a polygon": square(0, 0),
    "no coordinates": {"type": "Point"},
    "null coordinates": {"type": "Point", "coordinates": None},
    "no numbers": {"type": "Point", "coordinates": []},
    "one number": {"type": "Point", "coordinates": [1]},
    "numbers as text": {"type": "Point", "coordinates": ["1", "2"]},
    "booleans": {"type": "Point", "coordinates": [True, False]},
    "null numbers": {"type": "Point", "coordinates": [None, None]},
    "nested": {"type": "Point", "coordinates": [[1, 2], [3, 4]]},
    "longitude over 180": point(180.1, 0),
    "longitude of 400": point(400, 0),
    "latitude over 90": point(0, 90.0001),
    "latitude under -90": point(0, -91),
    "huge": {"type": "Point", "coordinates": [10**400, 0]},
    "NaN": point(float("nan"), 0),
    "Infinity": point(0, float("inf")),
    "-Infinity": point(float("-inf"), 0),
}

BAD_POLYGONS: dict[str, Any] = {
    "null": None,
    "text": "POLYGON ((0 0, 1 0, 1 1, 0 0))",
    "a point": point(0, 0),
    "a multipolygon": {"type": "MultiPolygon", "coordinates": [square(0, 0)["coordinates"]]},
    "no coordinates": {"type": "Polygon"},
    "no rings": polygon(),
    "an empty ring": polygon([]),
    "a flat list": {"type": "Polygon", "coordinates": [0, 0, 1, 0, 1, 1, 0, 0]},
    "open": polygon([[0, 0], [1, 0], [1, 1], [0, 1]]),
    "three positions": polygon([[0, 0], [1, 0], [0, 0]]),
    "crosses itself": polygon([[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]),
    "no extent": polygon([[0, 0], [1, 0], [2, 0], [0, 0]]),
    "all one point": polygon([[0, 0], [0, 0], [0, 0], [0, 0]]),
    "hole outside": polygon(square(0, 0)["coordinates"][0], square(5, 5)["coordinates"][0]),
    "hole crosses the edge": polygon(square(0, 0, 2)["coordinates"][0], square(1, 1, 2)["coordinates"][0]),
    "hole in a hole": polygon(*(square(at, at, 9 - 2 * at)["coordinates"][0] for at in (0, 1, 2))),
    "text in it": polygon([[0, 0], ["1", 0], [1, 1], [0, 0]]),
    "null in it": polygon([[0, 0], None, [1, 1], [0, 0]]),
    "one number": polygon([[0, 0], [1], [1, 1], [0, 0]]),
    "latitude over 90": square(0, 89.5, 1),
    "longitude of 4000": square(4000, 0),
    "NaN": polygon([[0, 0], [float("nan"), 0], [1, 1], [0, 0]]),
    "Infinity": polygon([[0, 0], [float("inf"), 0], [1, 1], [0, 0]]),
    "too many positions": polygon([[n / 1000, (n % 2) / 1000] for n in range(20_000)] + [[20, 9], [0, 0]]),
}

BAD_TEXTS: dict[str, Any] = {
    "null": None,
    "a number": 5,
    "a boolean": True,
    "a list": ["name"],
    "an object": {"en": "name"},
    "empty": "",
    "blank": " \t\n",
    "invisible": "\u200b\u2060",
    "151 characters": "n" * 151,
    "10,000 characters": "n" * 10_000,
}


def cases(table: dict[str, Any]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("bad", table.values(), ids=table)


@pytest.fixture(autouse=True)
def nothing_is_stored(request: pytest.FixtureRequest, server: Server) -> Iterator[None]:
    """Compare the log's head around each test that doesn't say it stores something."""
    before = server.health()["seq"]
    yield
    if "stores" not in request.keywords:
        assert server.health()["seq"] == before


# The API


class Resource(NamedTuple):
    path: str
    good: Feature


RESOURCES = {
    "incidents": Resource("/api/incidents/", incident("Fine", 1, 2)),
    "areas": Resource("/api/areas/", feature(square(0, 0), name="Fine")),
}
both = pytest.mark.parametrize("resource", RESOURCES.values(), ids=RESOURCES)


def refused(person: Person, path: str, body: object, *fields: str) -> None:
    """Send a body that must not be stored. Check that the refusal gives a reason and names the fields."""
    answer = person.api("POST", path, body)
    assert 400 <= answer.status_code < 500, answer.text
    error = answer.json()
    assert len(error["error"]) > 3
    assert set(fields) <= error["fields"].keys(), error


@cases(BAD_POINTS)
def test_bad_point_is_refused(person: Person, bad: object) -> None:
    """An incident needs a GeoJSON Point of two or three finite numbers in range."""
    refused(person, "/api/incidents/", feature(bad, name="Bad point"))


@cases(BAD_POLYGONS)
def test_bad_polygon_is_refused(person: Person, bad: object) -> None:
    """An area needs a valid GeoJSON Polygon of closed rings that cross nothing."""
    refused(person, "/api/areas/", feature(bad, name="Bad polygon"))


@both
@cases(BAD_TEXTS)
def test_bad_name_is_refused(person: Person, resource: Resource, bad: object) -> None:
    """A name is text of 1 to 150 characters."""
    body = {**resource.good, "properties": {"name": bad}}
    refused(person, resource.path, body, "name")


@pytest.mark.parametrize("bad", [None, 5, [], {}, "d" * 1001], ids=str)
def test_bad_description_is_refused(person: Person, bad: object) -> None:
    """A description is text of up to 1,000 characters."""
    refused(person, "/api/incidents/", incident("Bad description", description=bad), "description")


@both
@pytest.mark.parametrize("bad", [None, 5, True, [], {}, "", "Dire", "MEDIUMM", SQL], ids=str)
def test_bad_severity_is_refused(person: Person, resource: Resource, bad: object) -> None:
    """A severity is one of five words."""
    body = {**resource.good, "properties": {"name": "Bad severity", "severity": bad}}
    refused(person, resource.path, body, "severity")


@pytest.mark.parametrize("bad", [None, 0, 1, "no", "false", [], {}], ids=repr)
def test_bad_closed_is_refused(person: Person, bad: object) -> None:
    """`closed` is true or false and no other value."""
    refused(person, "/api/incidents/", incident("Bad closed", closed=bad), "closed")


@both
@pytest.mark.parametrize("unknown", ["colour", "Name", "", "__class__", "id", "parsers", "source_id", SCRIPT])
def test_unknown_property_is_refused(person: Person, resource: Resource, unknown: str) -> None:
    """An unknown property is named, so that a misspelling is not lost silently."""
    body = {**resource.good, "properties": {"name": "Unknown", unknown: "x"}}
    refused(person, resource.path, body, unknown)


@both
def test_unknown_member_is_refused(person: Person, resource: Resource) -> None:
    """An unknown member of the Feature is refused, too."""
    refused(person, resource.path, {**resource.good, "propertys": {}}, "propertys")


@both
@pytest.mark.parametrize("missing", ["geometry", "name", "properties", "type"])
def test_missing_member_is_refused(person: Person, resource: Resource, missing: str) -> None:
    """Each member without a default must be there."""
    body: Feature = json.loads(json.dumps(resource.good))
    body.pop(missing, None)
    body.get("properties", {}).pop(missing, None)
    refused(person, resource.path, body)


@both
@pytest.mark.parametrize(
    "body",
    [None, 5, "Feature", [], {}, {"type": "Point"}, {"type": ["Feature"]}, {"type": "Feature"}],
    ids=repr,
)
def test_body_that_is_no_feature_is_refused(person: Person, resource: Resource, body: object) -> None:
    """JSON that is no Feature is refused as such."""
    answer = person.send("POST", resource.path, json.dumps(body))
    assert 400 <= answer.status_code < 500
    assert answer.json()["error"]


@both
@pytest.mark.parametrize("bad", [5, "x", [], [["name", "x"]], True], ids=repr)
def test_properties_that_are_no_object_are_refused(person: Person, resource: Resource, bad: object) -> None:
    """Properties are an object."""
    refused(person, resource.path, {**resource.good, "properties": bad})


BODIES: dict[str, bytes] = {
    "empty": b"",
    "blank": b"  ",
    "text": b"Dear diary",
    "cut off": b'{"type": "Feature", "geometry": {"type": "Point"',
    "two values": b"{} {}",
    "a comment": b"{} // why not",
    "single quotes": b"{'type': 'Feature'}",
    "form": b"name=x&location_geojson=y",
    "broken UTF-8": b'{"type": "Feature", "properties": {"name": "\xff\xfe"}}',
    "overlong UTF-8": b'{"type": "Feature", "properties": {"name": "\xc0\xaf"}}',
    "surrogates in UTF-8": b'{"type": "Feature", "properties": {"name": "\xed\xa0\x80"}}',
    "half a character": json.dumps(incident("\ud800")).encode(),
    "UTF-16": '{"type": "Feature"}'.encode("utf-16"),
    "NUL": b"\x00",
    "deep list": b"[" * 100_000,
    "deep object": b'{"a":' * 100_000,
    "deep and closed": b"[" * 100_000 + b"]" * 100_000,
    "endless number": b'{"type": "Feature", "properties": {"name": ' + b"9" * 100_000 + b"}}",
    "endless exponent": b'{"type": "Point", "coordinates": [1e999999999, 0]}',
}


@both
@cases(BODIES)
def test_body_that_is_no_json_is_refused(person: Person, resource: Resource, bad: bytes) -> None:
    """Bytes that are no JSON are refused as such."""
    answer = person.send("POST", resource.path, bad)
    assert 400 <= answer.status_code < 500
    assert answer.json()["error"]


@pytest.mark.stores
@both
def test_refused_change_changes_nothing(person: Person, server: Server, resource: Resource) -> None:
    """A PATCH with one good and one bad field stores neither."""
    stored = person.api("POST", resource.path, resource.good).json()
    path = api_path(stored)
    head = server.health()["seq"]
    parts: list[Feature] = [
        {"properties": {"name": "Changed", "severity": "Dire"}},
        {"properties": {"name": "Changed"}, "geometry": {"type": "Point", "coordinates": [500, 0]}},
        {"properties": {"name": "Changed", "colour": "red"}},
        {"properties": {"name": None}},
        {"properties": {"name": "Changed"}, "geometry": None},
    ]
    for part in parts:
        assert 400 <= person.api("PATCH", path, {"type": "Feature", **part}).status_code < 500, part
    assert person.http.get(path).json() == stored
    assert server.health()["seq"] == head


# The forms


class Form(NamedTuple):
    path: str
    good: dict[str, str]


FORMS = {
    "incident": Form(
        "/tracker/incident/create/", {"name": "Fine", "location_geojson": json.dumps(point(1, 2))}
    ),
    "area": Form(
        "/tracker/area_of_interest/create/", {"name": "Fine", "polygon_geojson": json.dumps(square(0, 0))}
    ),
    "report": Form("/tracker/incident/report/", {"name": "Fine", "location_lat": "1", "location_lon": "2"}),
}
every_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


def marks(person: Person, form: Form, field: str, value: str) -> None:
    """Send a form with one bad field. Check that it is marked and that all fields stay as typed."""
    page = person.submit(form.path, **{**form.good, field: value})
    assert 400 <= page.status < 500
    assert page.wrong_fields() == {field}
    typed = {**form.good, field: value}
    shown = {name: (page.value(name) or "").replace("\r\n", "\n") for name in typed}
    assert shown == typed


@every_form
@pytest.mark.parametrize("bad", ["", "   ", "n" * 151, "n" * 10_000], ids=["empty", "blank", "151", "10,000"])
def test_form_marks_a_bad_name(person: Person, form: Form, bad: str) -> None:
    """Every form gives the reason for a bad name."""
    marks(person, form, "name", bad)


@every_form
@pytest.mark.parametrize("bad", ["Dire", "XX", SCRIPT])
def test_form_refuses_a_bad_severity(person: Person, form: Form, bad: str) -> None:
    """A severity that the form doesn't offer is refused and marked."""
    page = person.submit(form.path, **form.good, severity=bad)
    assert 400 <= page.status < 500
    assert page.wrong_fields() == {"severity"}


@pytest.mark.parametrize("form", [FORMS["incident"], FORMS["report"]], ids=["incident", "report"])
def test_form_marks_a_long_description(person: Person, form: Form) -> None:
    """A description has up to 1,000 characters."""
    marks(person, form, "description", "d" * 1001)


@cases(BAD_POINTS)
def test_incident_form_marks_a_bad_point(person: Person, bad: object) -> None:
    """The typed location follows the same rules as the API's."""
    marks(person, FORMS["incident"], "location_geojson", json.dumps(bad))


@cases(BAD_POLYGONS)
def test_area_form_marks_a_bad_polygon(person: Person, bad: object) -> None:
    """The typed polygon follows the same rules as the API's."""
    marks(person, FORMS["area"], "polygon_geojson", json.dumps(bad))


@pytest.mark.parametrize("text", ["", "nonsense", "{", "[" * 20_000, "35.5, 24.0", SCRIPT], ids=range(6))
@pytest.mark.parametrize(
    ("form", "field"),
    [(FORMS["incident"], "location_geojson"), (FORMS["area"], "polygon_geojson")],
    ids=["incident", "area"],
)
def test_form_marks_broken_json(person: Person, form: Form, field: str, text: str) -> None:
    """Text that isn't JSON is refused, and stays in the form."""
    marks(person, form, field, text)


@pytest.mark.parametrize("bad", ["", "north", "nan", "inf", "-inf", "1e999", "500", "-180.1", "1 2", "0x10"])
@pytest.mark.parametrize("field", ["location_lat", "location_lon"])
def test_report_marks_a_bad_coordinate(person: Person, field: str, bad: str) -> None:
    """Latitude and longitude are plain numbers in range; a bad one is marked."""
    marks(person, FORMS["report"], field, bad)


@every_form
def test_empty_form_is_refused(person: Person, form: Form) -> None:
    """A form without any field marks those that it needs."""
    answer = person.http.post(form.path, data={"csrf_token": person.csrf_token()})
    assert 400 <= answer.status_code < 500


@every_form
@pytest.mark.parametrize("raw", [b"%ff%fe", b"\xff\xfe", b"%C0%AF", b"%ED%A0%80"])
def test_form_with_broken_utf8_is_refused(person: Person, form: Form, raw: bytes) -> None:
    """Invalid UTF-8 is refused, and not stored as question marks."""
    fields = {
        key: value for key, value in person.get(form.path).filled_in(**form.good).items() if key != "name"
    }
    body = person.http.build_request("POST", form.path, data=fields).read() + b"&name=" + raw
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = person.http.post(form.path, content=body, headers=headers)
    assert 400 <= answer.status_code < 500


@every_form
def test_form_as_multipart_is_read_or_refused(person: Person, form: Form) -> None:
    """A form that contains a file causes no error of the server."""
    fields = person.get(form.path).filled_in(**{**form.good, "name": ""})
    answer = person.http.post(form.path, data=fields, files={"name": ("x.txt", b"\xff\xfe")})
    assert 400 <= answer.status_code < 500


# Any request


def too_long(target: Resource | Form) -> tuple[str, bytes]:
    """Return the type and the bytes of a body that is correct but longer than 1 MiB."""
    if isinstance(target, Resource):
        return "application/json", json.dumps(target.good).encode() + b" " * MIB
    fields = urlencode({**target.good, "padding": "x" * MIB})
    return "application/x-www-form-urlencoded", fields.encode()


@pytest.mark.parametrize("target", [*RESOURCES.values(), *FORMS.values()], ids=[*RESOURCES, *FORMS])
@pytest.mark.parametrize("in_chunks", [False, True], ids=["announced", "in chunks"])
def test_body_over_one_mib_is_refused(person: Person, target: Resource | Form, *, in_chunks: bool) -> None:
    """A body over 1 MiB is refused, with or without its length in the head."""
    content_type, body = too_long(target)
    content = (body[at : at + 65_536] for at in range(0, len(body), 65_536)) if in_chunks else body
    headers = {"X-CSRFToken": person.csrf_token(), "Content-Type": content_type}
    answer = person.http.post(target.path, content=content, headers=headers)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "path",
    [
        "/tracker/incident/%ff/",
        "/tracker/incident/%00/",
        "/tracker/incident/-1/",
        "/tracker/incident/0/",
        "/tracker/incident/9999999999999999999999/",
        "/tracker/incident/update/9999999999999999999999/",
        "/tracker/area_of_interest/delete/9223372036854775808/",
        "/api/incidents/9223372036854775808/",
        "/api/areas/9999999999999999999999/",
        f"/api/incidents/{'9' * 5000}/",
        "/api/incidents/1.5/",
        "/static/../tracker.py",
        "/static/%2e%2e/tracker.py",
        "/static/..%2ftracker.py",
        "/static//etc/passwd",
        "/vendor/%2e%2e/%2e%2e/flask/app.py",
        "/%ff%fe",
        "/%00",
        "//evil.example",
        "/\\evil.example",
    ],
)
def test_path_that_leads_nowhere_is_404(server: Server, person: Person, path: str) -> None:
    """Any unknown path is a 404, or redirects within this site."""
    with closing(
        HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
    ) as connection:  # sends paths as they are
        connection.request("GET", path, headers={"Cookie": f"{person.cookie_name}={person.cookie}"})
        answer = connection.getresponse()
        answer.read()
    if answer.status == 308:
        assert str(answer.headers["location"]).startswith(server.url)
        assert person.get(str(answer.headers["location"])).status == 404
    else:
        assert answer.status in {400, 404}


@pytest.mark.parametrize(
    "name", [SQL, SCRIPT, "'", '"', "\\", "%s%n", "${7*7}", "=cmd|' /C calc'!A0", "\u202eterces"]
)
@pytest.mark.stores
def test_text_is_shown_as_text(person: Person, name: str) -> None:
    """Any text is stored as given and shown as text on every page that names it."""
    area = person.save_area(name, square(0, 0))["properties"]
    stored = person.save_incident(name, description=name)["properties"]
    assert stored["name"] == stored["description"] == name
    for properties, listing in ((stored, "/tracker/incident/"), (area, "/tracker/area_of_interest/")):
        pk = properties["pk"]
        for path in (listing, f"{listing}{pk}/", f"{listing}update/{pk}/", f"{listing}delete/{pk}/"):
            page = person.get(path)
            assert page.status == 200
            controls = [str(control.get("value")) for control in page.select("input")]
            shown = [*page.stripped_strings, *controls]
            assert any(name in text for text in shown), path
            assert not page.find("img"), path
            assert "alert(1)" not in "".join(
                script.get_text() for script in page.select("script:not([type])")
            )
        form = person.get(f"{listing}update/{pk}/")
        assert form.value("name") == name


@pytest.mark.parametrize("text", [SCRIPT, SQL])
def test_text_in_a_refusal_is_shown_as_text(person: Person, text: str) -> None:
    """A refusal shows the wrong value as text, never as HTML."""
    for form in FORMS.values():
        page = person.submit(form.path, **dict.fromkeys(form.good, text))
        assert 400 <= page.status < 500
        assert page.value("name") == text
        assert not page.select("img, script:not([src]):not([type])")
    login = person.get("/accounts/login/").filled_in(username=text, password=text, next=text)
    answer = person.http.post("/accounts/login/", data=login)
    assert answer.status_code < 500
    assert "<script>alert" not in answer.text
    assert "<script>alert" not in person.http.get(f"/{text}").text


@pytest.mark.stores
def test_tables_are_still_there(person: Person) -> None:
    """After all these tests the tracker still works."""
    person.save_incident(SQL)
    assert person.named(SQL)


@pytest.mark.parametrize("number", ["0", "-1", "x", "9" * 40, "%ff", SQL, "NaN"])
def test_bad_page_number_is_a_page_or_404(person: Person, number: str) -> None:
    """A bad page number of a list gets a page or a 404."""
    assert person.get(f"/tracker/incident/?page={number}").status in {200, 302, 303, 400, 404}
