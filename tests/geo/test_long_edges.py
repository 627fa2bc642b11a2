"""A polygon with an edge longer than 180° needs an answer, or is refused with instructions."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from harness import Person, Screen, Server, api_path, feature, polygon_text
from playwright.sync_api import expect

from geo import geojson

Json = dict[str, Any]
OpenScreen = Callable[..., Screen]
FORM = "/tracker/area_of_interest/create/"

FIJI: Json = {  # as most tools write it
    "type": "Polygon",
    "coordinates": [[[177, -20], [-178, -20], [-178, -15], [177, -15], [177, -20]]],
}
ACROSS = geojson.parse_polygon(
    {"type": "Polygon", "coordinates": [[[177, -20], [182, -20], [182, -15], [177, -15], [177, -20]]]}
)
BAND = {**geojson.parse_polygon(FIJI)}  # unchanged: round the world


def extent(stored: Json) -> tuple[float, float]:
    x = [position[0] for position in stored["geometry"]["coordinates"][0]]
    return min(x), max(x)


@pytest.mark.parametrize(
    "body", [feature(FIJI, name="Fiji refused"), feature(FIJI, name="Fiji refused", severity="Low")]
)
def test_api_refuses_and_says_how_to_write_either(person: Person, body: Json) -> None:
    """The error names the edge, the number to write, and the parameter that keeps the polygon as it is."""
    answer = person.api("POST", "/api/areas/", body)
    assert answer.status_code == 422
    sentence = answer.json()["fields"]["polygon"]
    for part in ("from longitude 177 to -178", "write 182, not -178", "?long_edges=keep"):
        assert part in sentence
    assert person.api("POST", "/api/areas/inside/", body).status_code == 422
    assert not person.named("Fiji refused", "area_of_interest")


def test_api_keeps_a_confirmed_long_edge(person: Person) -> None:
    """A band round the world can be stored, read, changed and sent back."""
    stored = person.api("POST", "/api/areas/?long_edges=keep", feature(FIJI, name="Band")).json()
    assert extent(stored) == (-178, 177)
    path = api_path(stored)
    renamed = {**stored, "properties": {"name": "Band, renamed"}}
    assert person.api("PATCH", path, renamed).json()["properties"]["name"] == "Band, renamed"
    shorter = json.loads(json.dumps(FIJI).replace("-20", "-19"))
    assert person.api("PATCH", path, feature(shorter)).status_code == 422
    assert person.api("PATCH", f"{path}?long_edges=keep", feature(shorter)).status_code == 200


@pytest.mark.parametrize(
    "ring", [[[-180, 0], [180, 0], [180, 9], [-180, 9], [-180, 0]], ACROSS["coordinates"][0]]
)
def test_clear_polygon_is_not_asked_about(ring: list[Any]) -> None:
    """No question comes for a polygon as wide as the world, or for short edges."""
    assert not geojson.parse_polygon({"type": "Polygon", "coordinates": [ring]}).long_edge


def test_short_way_takes_its_holes_along() -> None:
    hole = [[-179, -18], [179, -18], [179, -17], [-179, -17], [-179, -18]]
    shape = {"type": "Polygon", "coordinates": [FIJI["coordinates"][0], hole]}
    with pytest.raises(
        geojson.GeometryError, match="write 182, not -178"
    ):  # and not that a hole lies outside
        geojson.parse_polygon(shape)
    found = geojson.parse_polygon(shape, short_way=True)
    assert geojson.to_polygon(found).bounds == (177, -20, 182, -15)
    assert geojson.to_polygon(found).area == 25 - 2


def test_ring_round_a_pole_has_no_short_way() -> None:
    ring = [[-170, 80], [-60, 80], [60, 80], [170, 80], [-170, 80]]
    with pytest.raises(geojson.GeometryError, match="pole"):
        geojson.parse_polygon({"type": "Polygon", "coordinates": [ring]}, short_way=True)


def test_import_refuses_long_edges_by_default(server: Server, person: Person) -> None:
    """The import prints one line a feature and exits with 1.

    With --long-edges keep it stores them unchanged.
    """
    done = server.import_geojson(feature(FIJI, name="Fiji imported"))
    assert done.returncode == 1
    assert "write 182, not -178" in done.stderr
    assert "--long-edges keep" in done.stderr
    assert not person.named("Fiji imported", "area_of_interest")
    assert server.import_geojson(feature(FIJI, name="Fiji imported"), "--long-edges", "keep").returncode == 0
    assert [extent(found) for found in person.named("Fiji imported", "area_of_interest")] == [(-178, 177)]


@pytest.mark.parametrize(("way", "bounds"), [("cross", (177, 182)), ("keep", (-178, 177))])
def test_form_asks_without_a_script(person: Person, way: str, bounds: tuple[float, float]) -> None:
    """The form comes back with the question and the short way chosen. Then it stores the answer."""
    page = person.submit(FORM, name=f"Typed {way}", polygon_geojson=json.dumps(FIJI))
    assert page.status == 422
    assert page.wrong_fields() == {"polygon_geojson"}
    assert page.value("long_edges") == "cross"
    typed = page.filled_in(long_edges=way)
    person.http.post(FORM, data=typed)
    (stored,) = person.named(f"Typed {way}", "area_of_interest")
    assert extent(stored) == bounds
    update = person.get(f"/tracker/area_of_interest/update/{stored['properties']['pk']}/")
    assert not update.select("#long-edges:not([disabled])")
    kept = {name: text for name, text in update.filled_in(name="Same shape").items() if name != "long_edges"}
    assert person.http.post(update.path, data=kept).status_code == 303


OUTLINES = """() => Object.fromEntries(
  tracker.map.getSource("outline").serialize().data.features.map(({ properties, geometry }) => {
    const x = geometry.coordinates[0].map(([longitude]) => longitude);
    return [properties.other ? "other" : "chosen", [Math.min(...x), Math.max(...x)]];
  }),
)"""


def test_typed_polygon_is_asked_about_on_the_map(person: Person, open_screen: OpenScreen) -> None:
    """The live map draws both ways and chooses the short one. One press chooses the other."""
    screen = open_screen(person)
    page = screen.open_map()
    page.get_by_role("link", name="New area").click()
    question = page.locator("#long-edges")
    expect(question).to_be_hidden()
    for way, bounds, other in (("short", (177, 182), (-178, 177)), ("long", (-178, 177), (177, 182))):
        page.locator("#area-panel").get_by_label("Name", exact=True).fill(f"On the map, {way}")
        polygon_text(page).fill(json.dumps(FIJI))
        expect(question).to_be_in_viewport()
        expect(question.get_by_label("The short way")).to_be_checked()
        question.get_by_label(f"The {way} way").check()
        drawn = page.evaluate(OUTLINES)
        assert drawn["other"] == list(other)
        # the map draws the long one with its vertices
        assert way == "long" or drawn["chosen"] == list(bounds)
        page.locator("#area-panel").get_by_role("button", name="Save").click()
        expect(page.locator("#area-panel")).to_be_hidden()
        (stored,) = person.named(f"On the map, {way}", "area_of_interest")
        assert extent(stored) == bounds
        page.get_by_role("link", name="New area").click()
        expect(question).to_be_hidden()
