"""The basemap in a real browser: the world, an operator's streets, and no request to another host."""

import re
from pathlib import Path

import pytest
from archive import Drawn, Position, write_archive
from conftest import OpenScreen, StartServer
from harness import PATIENCE_S, Person, Screen, wait_until
from playwright.sync_api import expect

HERE = (24.025, 35.511)  # Chania, where the archives' town stands
CREDITS = (
    'Surveyed by <a href="https://example.org/us">Us</a><img src="/x"><script>window.hacked = 1</script>'
)
RENDERED = """(layers) => {
  const all = tracker.map.getStyle().layers.map(({ id }) => id);
  const known = layers ?? all.filter((id) => id.startsWith("streets-"));
  return tracker.map.queryRenderedFeatures({ layers: known.filter((id) => tracker.map.getLayer(id)) })
    .map((found) => [found.layer.id, found.properties.name ?? found.properties.label ?? ""]);
}"""


def rectangle(size: float, x: float = 0, y: float = 0) -> list[Position]:
    west, south = HERE[0] + x - size, HERE[1] + y - size
    return [
        (west, south),
        (west, south + 2 * size),
        (west + 2 * size, south + 2 * size),
        (west + 2 * size, south),
    ]


def across(y: float) -> list[Position]:
    return [(HERE[0] - 0.009, HERE[1] + y), (HERE[0] + 0.009, HERE[1] + y)]


OPENMAPTILES = [
    Drawn("landuse", "Polygon", rectangle(0.009), {"class": "residential"}),
    Drawn("park", "Polygon", rectangle(0.003, 0.006, 0.004), {"class": "public_park"}),
    Drawn("water", "Polygon", rectangle(0.002, -0.006, 0.004), {"class": "lake"}),
    Drawn("building", "Polygon", rectangle(0.0006, 0.002, -0.002), {}),
    Drawn("transportation", "LineString", across(0), {"class": "primary"}),
    Drawn("transportation", "LineString", across(-0.003), {"class": "minor"}),
    Drawn("transportation_name", "LineString", across(0), {"class": "primary", "name": "Harbour Road"}),
    Drawn("place", "Point", [(HERE[0], HERE[1] + 0.006)], {"class": "city", "name": "Hania", "rank": 4}),
]
PROTOMAPS = [
    Drawn("earth", "Polygon", rectangle(0.009), {"kind": "earth"}),
    Drawn("landuse", "Polygon", rectangle(0.003, 0.006, 0.004), {"kind": "park"}),
    Drawn("water", "Polygon", rectangle(0.002, -0.006, 0.004), {"kind": "lake"}),
    Drawn("buildings", "Polygon", rectangle(0.0006, 0.002, -0.002), {"kind": "building"}),
    Drawn("roads", "LineString", across(0), {"kind": "major_road", "name": "Harbour Road"}),
    Drawn("roads", "LineString", across(-0.003), {"kind": "minor_road"}),
    Drawn("places", "Point", [(HERE[0], HERE[1] + 0.006)], {"kind": "locality", "name": "Hania"}),
]


def open_at(screen: Screen, zoom: float) -> None:
    screen.open(f"/#map={zoom}/{HERE[1]}/{HERE[0]}")
    wait_until(
        lambda: screen.page.evaluate("window.tracker?.map?.loaded()"), what="the map", timeout=PATIENCE_S
    )


def drawn(screen: Screen, layers: list[str] | None = None) -> dict[str, set[str]]:
    """Return the names of the drawn features, by layer. Without an argument it reads the archive's layers."""
    found: dict[str, set[str]] = {}
    for layer, name in screen.page.evaluate(RENDERED, layers):
        found.setdefault(layer, set()).add(name)
    return found


@pytest.mark.parametrize(
    ("town", "scheme"),
    [(OPENMAPTILES, "light"), (PROTOMAPS, "dark")],
    ids=["openmaptiles-light", "protomaps-dark"],
)
def test_streets_of_an_archive_are_drawn(
    start_server: StartServer, open_screen: OpenScreen, tmp_path: Path, town: list[Drawn], scheme: str
) -> None:
    """Streets, water, green, buildings and names come from the server itself, with their owner's credits."""
    write_archive(tmp_path / "city.pmtiles", town, range(8, 15), attribution=CREDITS)
    server = start_server(env={"TRACKER_PMTILES": str(tmp_path / "city.pmtiles")})
    screen = open_screen(server.person(), color_scheme=scheme, world=True)
    open_at(screen, 14.5)
    wait_until(lambda: "Harbour Road" in str(drawn(screen)), what="the street", timeout=PATIENCE_S)
    layers = drawn(screen)
    assert {"streets-road-major", "streets-road-minor", "streets-road-names"} <= layers.keys()
    for kind in ("water", "building", "park|landuse"):
        assert [layer for layer in layers if re.match(f"streets-({kind})", layer)], kind
    assert layers["streets-places-large"] == {"Hania"}
    assert layers["streets-road-names"] == {"Harbour Road"}
    assert "Chania" not in str(drawn(screen, ["places", "places-outside"]))
    credit = screen.page.locator("#map .maplibregl-ctrl-attrib")
    expect(credit).to_contain_text("Surveyed by Us")
    expect(credit.get_by_role("link", name="Us", exact=True)).to_have_attribute(
        "href", "https://example.org/us"
    )
    expect(credit.locator("img")).to_have_count(0)
    assert screen.page.evaluate("window.hacked") is None


def test_archive_of_another_schema_is_not_drawn(
    start_server: StartServer, open_screen: OpenScreen, tmp_path: Path
) -> None:
    """For an archive of another schema the console shows a warning. The map draws the world without it."""
    write_archive(tmp_path / "odd.pmtiles", [Drawn("odd", "Polygon", rectangle(0.009))], range(8, 9))
    server = start_server(env={"TRACKER_PMTILES": str(tmp_path / "odd.pmtiles")})
    screen = open_screen(server.person(), world=True)
    open_at(screen, 10)
    wait_until(lambda: "Chania" in str(drawn(screen, ["places"])), what="the name of the town")
    assert len(screen.complaints) == 1
    assert "schema" in screen.complaints.pop()


def test_world_has_coasts_borders_and_names(person: Person, open_screen: OpenScreen) -> None:
    """From far away there are land, borders, countries and their capitals."""
    screen = open_screen(person, world=True)
    screen.open("/#map=4/48/10")
    wanted = ["land", "borders", "countries", "places"]
    wait_until(
        lambda: (
            screen.page.evaluate("Boolean(window.tracker?.map)")
            and drawn(screen, wanted).keys() == set(wanted)
        ),
        what="the world",
        timeout=PATIENCE_S,
    )
    assert "Germany" in drawn(screen, wanted)["countries"]


def test_zoomed_in_map_has_fine_coasts_and_labelled_lines(person: Person, open_screen: OpenScreen) -> None:
    """Zoomed in, the map draws the fine coast instead of the coarse one, and the graticule shows degrees."""
    screen = open_screen(person, world=True)
    asked: list[str] = []
    screen.page.on("requestfinished", lambda request: asked.append(request.url))
    screen.open("/#map=3/35.51/24.02")
    wait_until(
        lambda: screen.page.evaluate("window.tracker?.map?.loaded()"), what="the map", timeout=PATIENCE_S
    )
    assert not [url for url in asked if "detail" in url]
    screen.page.evaluate("() => { tracker.map.jumpTo({zoom: 11}); }")
    near = ["land", "land-detail", "graticule-degrees"]
    wait_until(
        lambda: drawn(screen, near).keys() == {"land-detail", "graticule-degrees"},
        what="the coast",
        timeout=PATIENCE_S,
    )
    assert "24.00° E" in drawn(screen, near)["graticule-degrees"]
