"""The map libraries and the world in the installed package, and the scripts that make them."""

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import tracker_frontend
from harness import ROOT

VENDOR: Path = tracker_frontend.PATH
MODULES = sorted(path.name for path in VENDOR.glob("*.mjs"))
MIB = 1 << 20


def load(name: str) -> Any:
    return json.loads((VENDOR / name).read_text(encoding="utf-8"))


def rings(name: str) -> list[list[list[float]]]:
    """Return all rings of a file of polygons."""
    return [ring for feature in load(name)["features"] for ring in feature["geometry"]["coordinates"]]


@pytest.mark.parametrize(
    "name",
    ["maplibre-gl.mjs", "maplibre-gl-worker.mjs", "maplibre-gl.css", "terra-draw.mjs", "pmtiles.mjs"]
    + ["terra-draw-maplibre-gl-adapter.mjs", "LICENSES.txt"],
)
def test_what_the_pages_load_is_there(name: str) -> None:
    assert (VENDOR / name).stat().st_size > 1000


@pytest.mark.parametrize("name", MODULES)
def test_modules_find_each_other_without_an_import_map(name: str) -> None:
    """Each static import names a file, because our content security policy forbids import maps."""
    text = (VENDOR / name).read_text(encoding="utf-8")
    for target in re.findall(r"""(?:^|[;}\s])(?:import|export)\b[^;"'()]*?from\s*["']([^"']+)["']""", text):
        assert target.startswith("./")
        assert (VENDOR / target).is_file()
    assert "sourceMappingURL" not in text[-200:]


@pytest.mark.parametrize("name", ["land.json", "land-detail.json"])
def test_no_band_runs_across_the_map(name: str) -> None:
    """Every ring lies within ±180°, is closed, and has no step across half the world."""
    for ring in rings(name):
        assert ring[0] == ring[-1]
        assert all(-180 <= x <= 180 and -90 <= y <= 90 for x, y in ring)
        steps = [abs(a[0] - b[0]) for a, b in pairwise(ring) if abs(a[1]) < 89]
        assert max(steps, default=0) <= 180


def test_land_is_where_it_should_be() -> None:
    """Crete and both ends of the Russian far east are land; the sea south of Crete is not."""
    from shapely import Point, Polygon

    land = [Polygon(f["geometry"]["coordinates"][0]) for f in load("land.json")["features"]]
    dry = [Point(24.8, 35.2), Point(179, 67.5), Point(-175, 66.8), Point(0, -85)]
    wet = [Point(24.8, 34), Point(-150, 0), Point(170, 50)]
    assert [any(part.covers(place) for part in land) for place in dry + wet] == [True] * 4 + [False] * 3


def test_places_have_the_format_that_the_search_reads() -> None:
    """The most populous places come first, every country code has a name, and capitals are marked."""
    places = load("places.json")
    assert places["fields"] == ["name", "country", "longitude", "latitude", "population", "capital"]
    people = [row[4] for row in places["places"]]
    assert people == sorted(people, reverse=True)
    assert {row[1] for row in places["places"]} <= places["countries"].keys()
    athens = next(row for row in places["places"] if row[0] == "Athens" and row[1] == "GR")
    assert athens[5] == 1
    assert (round(athens[2]), round(athens[3])) == (24, 38)
    assert "CC BY" in places["attribution"]


def test_country_names_know_from_which_zoom_they_fit() -> None:
    """Large countries are named at the lowest zoom, small ones only at higher zooms."""
    zooms = {f["properties"]["name"]: f["properties"]["minzoom"] for f in load("countries.json")["features"]}
    assert zooms["Russia"] < 2 < zooms["Luxembourg"]


def test_country_names_are_well_inside_their_countries() -> None:
    """A country's name is far from its borders, and not on a minor island."""
    points = {
        f["properties"]["name"]: f["geometry"]["coordinates"] for f in load("countries.json")["features"]
    }
    boxes = {
        "Greece": (21, 38.5, 23, 40.5),
        "Antarctica": (-180, -82, 180, -72),
        "Fiji": (177, -18.3, 178.6, -17.3),
        "France": (-1, 45, 5, 49),
        "Canada": (-125, 55, -90, 65),
    }
    for name, (west, south, east, north) in boxes.items():
        x, y = points[name]
        assert west <= x <= east, name
        assert south <= y <= north, name


def test_all_of_it_is_small() -> None:
    """The files of a first page are a few megabytes before compression."""
    first = ("maplibre-gl.mjs", "maplibre-gl-worker.mjs", "land.json", "borders.json", "countries.json")
    assert sum((VENDOR / name).stat().st_size for name in (*first, "places.json")) < 5 * MIB


def test_lock_file_names_no_host() -> None:
    """The machine's settings say where packages come from. The lock file has only their hashes."""
    packages = json.loads((ROOT / "frontend/package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert all("resolved" not in package for package in packages.values())
    assert all(package.get("integrity") for name, package in packages.items() if name)
