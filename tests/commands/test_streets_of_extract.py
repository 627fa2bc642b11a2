"""`python tracker.py streets city.osm.pbf`: makes an archive of an extract of OpenStreetMap."""

import gzip
import importlib.util
from pathlib import Path
from typing import Any

import mapbox_vector_tile
import osmium
import pytest
import shapely
from flask import Flask
from harness import run_tracker
from in_process import Browser
from osmium.osm.mutable import Node, Way
from pmtiles.reader import MmapSource, Reader

import models
from commands import street_features, street_tiles
from commands import streets as command
from storage import streets

BOX = (25.10, 35.30, 25.20, 35.40)  # west, south, east, north
Position = tuple[float, float]


class Town:
    """A small town, to be written as an extract."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.ways: list[Way] = []

    def node(self, at: Position, **tags: str) -> int:
        self.nodes.append(Node(id=len(self.nodes) + 1, location=at, tags=tags))
        return len(self.nodes)

    def way(self, positions: list[Position], *, closed: bool = False, **tags: str) -> None:
        nodes = [self.node(at) for at in positions]
        nodes += nodes[:1] if closed else []
        self.ways.append(Way(id=len(self.ways) + 1, nodes=nodes, tags=tags))

    def write(self, path: Path, box: tuple[float, float, float, float] | None = BOX) -> None:
        header = osmium.io.Header()
        if box:
            header.add_box(osmium.osm.Box(*box))
        with osmium.SimpleWriter(str(path), header=header, overwrite=True) as writer:
            for node in self.nodes:
                writer.add_node(node)
            for way in self.ways:
                writer.add_way(way)


def square(west: float, south: float, side: float) -> list[Position]:
    return [(west, south), (west + side, south), (west + side, south + side), (west, south + side)]


@pytest.fixture
def town() -> Town:
    """The sea in the north, and south of it two streets, a park, a house, a lake and the town's name."""
    made = Town()
    made.node((25.13, 35.34), place="town", name="Ηράκλειο")
    made.way([(25.12, 35.335), (25.15, 35.335)], highway="primary", name="Λεωφόρος")
    made.way([(25.131, 35.331), (25.132, 35.332)], highway="residential", name="Back Street")
    made.way(square(25.14, 35.32, 0.002), closed=True, leisure="park")
    made.way(square(25.131, 35.333, 0.0003), closed=True, building="yes")
    made.way(square(25.16, 35.31, 0.004), closed=True, natural="water")
    made.way([(25.25, 35.36), (25.05, 35.36)], natural="coastline")  # land is on its left, in the south
    return made


def tile_at(archive: Path, zoom: int, at: Position) -> dict[str, Any]:
    """Return the layers of the tile around a position, decoded."""
    shape = street_features.project(shapely.Point(at))
    with archive.open("rb") as file:
        data = Reader(MmapSource(file)).get(zoom, int(shape.x * 2**zoom), int(shape.y * 2**zoom))
    return mapbox_vector_tile.decode(gzip.decompress(data)) if data else {}


def kinds(tile: dict[str, Any], layer: str) -> list[str]:
    return sorted(feature["properties"]["kind"] for feature in tile.get(layer, {"features": []})["features"])


def convert(tmp_path: Path, town: Town, **options: Any) -> Path:
    town.write(tmp_path / "Old town.osm.pbf", **options)
    street_tiles.make(tmp_path / "Old town.osm.pbf", tmp_path / "streets")
    return tmp_path / "streets" / "Old-town.pmtiles"


def test_roads_are_in_their_tile_from_their_zoom_on(tmp_path: Path, town: Town) -> None:
    """Main roads are there from zoom 10 on, side streets from 12 on, with their names."""
    archive = convert(tmp_path, town)
    at = (25.1315, 35.3315)
    assert kinds(tile_at(archive, 10, at), "roads") == ["major_road"]
    assert kinds(tile_at(archive, 12, at), "roads") == ["major_road", "minor_road"]
    close = tile_at(archive, 14, at)
    names = {feature["properties"]["name"] for feature in close["roads"]["features"]}
    assert "Back Street" in names
    assert kinds(tile_at(archive, 14, (25.19, 35.305)), "roads") == []


def test_road_is_where_it_was(tmp_path: Path, town: Town) -> None:
    """The corner of a street is at its place in the tile, to a unit."""
    archive = convert(tmp_path, town)
    tile = tile_at(archive, 14, (25.1315, 35.3315))
    (street,) = [f for f in tile["roads"]["features"] if f["properties"].get("name") == "Back Street"]
    at = street_features.project(shapely.Point(25.131, 35.331))
    x, y = (value * 2**14 % 1 * 4096 for value in (at.x, at.y))
    found = street["geometry"]["coordinates"]
    assert any(abs(px - x) <= 1 and abs(4096 - py - y) <= 1 for px, py in (found[0], found[-1]))


def test_layers_have_what_the_map_draws(tmp_path: Path, town: Town) -> None:
    """Buildings come at zoom 14. Parks, lakes and names of places are there, too."""
    archive = convert(tmp_path, town)
    assert kinds(tile_at(archive, 14, (25.1311, 35.3331)), "buildings") == ["building"]
    assert "buildings" not in tile_at(archive, 13, (25.1311, 35.3331))
    assert "park" in kinds(tile_at(archive, 14, (25.141, 35.321)), "landuse")
    assert "water" in kinds(tile_at(archive, 14, (25.162, 35.312)), "water")
    (place,) = tile_at(archive, 14, (25.13, 35.34))["places"]["features"]
    assert place["properties"] == {"kind": "locality", "name": "Ηράκλειο", "population_rank": 9}


def test_sea_is_right_of_the_coastline(tmp_path: Path, town: Town) -> None:
    archive = convert(tmp_path, town)
    sea, land = tile_at(archive, 14, (25.15, 35.39)), tile_at(archive, 14, (25.15, 35.31))
    assert (kinds(sea, "water"), kinds(sea, "earth")) == (["ocean"], [])
    assert (kinds(land, "water"), kinds(land, "earth")) == ([], ["earth"])


def test_extract_without_a_box_has_that_of_its_nodes(tmp_path: Path, town: Town) -> None:
    convert(tmp_path, town, box=None)
    found = streets.check(tmp_path / "streets" / "Old-town.pmtiles")
    assert found.box == pytest.approx((25.05, 35.31, 25.25, 35.36))
    assert (found.schema, found.zooms) == ("Protomaps", (10, 14))


def test_ways_that_lack_nodes_are_left_out(tmp_path: Path, town: Town) -> None:
    """At the border of an extract some nodes are missing."""
    town.ways.append(Way(id=900, nodes=[1, 999_999], tags={"highway": "primary", "name": "Broken"}))
    tile = tile_at(convert(tmp_path, town), 14, (25.13, 35.34))
    assert "Broken" not in str(tile)


def test_command_makes_an_archive(tmp_path: Path, town: Town) -> None:
    """The program does it, too. A file cut short is refused in one sentence, and nothing is left of it."""
    path = tmp_path / "city.osm.pbf"
    town.write(path)
    done = run_tracker(tmp_path, "streets", str(path))
    assert done.returncode == 0, done.stderr
    assert "Protomaps schema, for the zooms 10 to 14" in done.stdout
    whole = path.read_bytes()
    for name, content in (("cut", whole[: len(whole) * 2 // 3]), ("odd", b"no extract"), ("empty", b"")):
        (tmp_path / f"{name}.osm.pbf").write_bytes(content)
        done = run_tracker(tmp_path, "streets", str(tmp_path / f"{name}.osm.pbf"))
        assert done.returncode == 2, name
        assert "is no complete extract" in done.stderr, name
        assert done.stderr.count("\n") == 1, name
    assert [each.name for each in (tmp_path / "streets").iterdir()] == ["city.pmtiles"]


def test_server_serves_the_archive(app: Flask, tmp_path: Path, town: Town) -> None:
    """The map's page names it, and a browser reads it in ranges. Its credits are OpenStreetMap's."""
    folder = streets.folder_of(str(models.database.database))
    town.write(tmp_path / "old.osm.pbf")
    made = street_tiles.make(tmp_path / "old.osm.pbf", folder)
    person = Browser(app)
    assert '"/streets/old.pmtiles"' in person.get("/tracker/incident/report/").text
    with person.get("/streets/old.pmtiles", headers={"Range": "bytes=0-6"}) as part:
        assert (part.status_code, part.data) == (206, b"PMTiles")
    with made.path.open("rb") as file:
        assert "© OpenStreetMap contributors" in Reader(MmapSource(file)).metadata()["attribution"]


def test_interruption_leaves_nothing(tmp_path: Path, town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_arguments: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(street_tiles, "encode", interrupt)
    with pytest.raises(KeyboardInterrupt):
        convert(tmp_path, town)
    assert list((tmp_path / "streets").iterdir()) == []


def test_too_large_extracts_are_refused(tmp_path: Path, town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(streets.BadArchive, match="covers more than a city"):
        convert(tmp_path, town, box=(20, 30, 30, 40))
    monkeypatch.setattr(street_tiles, "MAX_EXTRACT", 100)
    with pytest.raises(streets.BadArchive, match="too large"):
        convert(tmp_path, town)


def test_missing_package_and_mbtiles_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "osmium" else name)
    with pytest.raises(models.TrackerError, match=r"\(osmium\): run pip install -r requirements-streets"):
        command._convert(tmp_path / "a.osm.pbf", tmp_path / "streets")
    done = run_tracker(tmp_path, "streets", "city.mbtiles")
    assert done.returncode == 2
    assert "pmtiles convert" in done.stderr
