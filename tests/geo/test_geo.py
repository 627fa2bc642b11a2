"""Parsing and validating geometries, and the index of areas compared with brute force."""

import itertools
import json
import math
from collections.abc import Callable
from typing import Any

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from random_data import examples
from shapely.geometry import Point, Polygon

from geo import geojson, index
from geo.geojson import GeometryError
from geo.index import AreaIndex

LEVELS = st.integers(0, 4)


def polygon(*positions: tuple[float, float]) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": [[list(position) for position in positions]]}


def box(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    return polygon((west, south), (east, south), (east, north), (west, north), (west, south))


# Parsing


@pytest.mark.parametrize(
    ("geometry", "position"),
    [
        ({"type": "Point", "coordinates": [24.0, 35.5]}, (24.0, 35.5)),
        ({"type": "Point", "coordinates": [24, 35, 120.5]}, (24.0, 35.0)),
        ({"type": "Point", "coordinates": [180, -90]}, (180.0, -90.0)),
        ({"type": "Point", "coordinates": [0.123456789, -0.0]}, (0.1234568, 0.0)),
    ],
)
def test_point_is_a_position_of_seven_decimals(geometry: Any, position: geojson.Position) -> None:
    """A point has longitude, latitude and perhaps an altitude, which is dropped."""
    found = geojson.parse_point(geometry)
    assert found == position
    assert "-0" not in repr(found)


@pytest.mark.parametrize(
    "coordinates",
    [None, [], [1], [1, 2, 3, 4, 5], ["1", "2"], [True, False], [math.nan, 0], [0, math.inf], [10**400, 0]]
    + [[181, 0], [-180.1, 0], [0, 90.1], [0, -91], {"0": 1, "1": 2}, "12"],
)
def test_bad_position_is_refused(coordinates: Any) -> None:
    """A position has two or three finite numbers, in range."""
    with pytest.raises(GeometryError):
        geojson.parse_point({"type": "Point", "coordinates": coordinates})


def test_polygon_is_normalised() -> None:
    """Altitudes are dropped, and rings follow the right-hand rule."""
    clockwise = {"type": "Polygon", "coordinates": [[[0, 0, 9], [0, 1, 9], [1, 1, 9], [1, 0, 9], [0, 0, 9]]]}
    ring = shapely.LinearRing(geojson.parse_polygon(clockwise)["coordinates"][0])
    assert ring.is_ccw
    assert not ring.has_z


@pytest.mark.parametrize(("west", "moved"), [(-350, 10), (170, -190), (10, 10), (-190, -190), (300, -60)])
def test_polygon_drawn_on_a_copy_of_the_world_is_moved_to_this_one(west: float, moved: float) -> None:
    """The middle of a stored polygon lies within ±180°, its edges may not."""
    stored = geojson.parse_polygon(box(west, 0, west + 20, 10))
    assert geojson.to_polygon(stored).bounds == (moved, 0, moved + 20, 10)


def circle(positions: int) -> list[list[float]]:
    """Return a closed ring of this many positions, the first equal to the last."""
    turns = [2 * math.pi * number / (positions - 1) for number in range(positions - 1)]
    ring = [[math.cos(turn), math.sin(turn)] for turn in turns]
    return [*ring, ring[0]]


def test_polygon_of_exactly_the_most_positions_is_taken() -> None:
    ring = circle(geojson.MAX_POSITIONS)
    taken = geojson.parse_polygon({"type": "Polygon", "coordinates": [ring]})
    assert len(taken["coordinates"][0]) == len(ring) == 10_000
    with pytest.raises(GeometryError, match="10001 positions"):
        geojson.parse_polygon({"type": "Polygon", "coordinates": [circle(10_001)]})


def test_positions_of_all_rings_count() -> None:
    hole = [[x / 10, y / 10] for x, y in circle(5_001)]
    with pytest.raises(GeometryError, match="10001 positions"):
        geojson.parse_polygon({"type": "Polygon", "coordinates": [circle(5_000), hole]})


def test_polygon_as_wide_as_the_world_is_taken() -> None:
    """A polygon may be 360° wide, if no edge is longer than 180°."""
    ring = [[-180, 0], [-60, 0], [60, 0], [180, 0], [180, 9], [60, 9], [-60, 9], [-180, 9], [-180, 0]]
    taken = geojson.parse_polygon({"type": "Polygon", "coordinates": [ring]})
    assert geojson.to_polygon(taken).bounds == (-180, 0, 180, 9)
    wider = [[x - (x == -180) * 1e-7, y] for x, y in ring]
    with pytest.raises(GeometryError, match="wider than the world"):
        geojson.parse_polygon({"type": "Polygon", "coordinates": [wider]})


@pytest.mark.parametrize(("west", "east"), [(350, 360), (-360, -350)])
def test_vertex_at_the_last_longitude_is_taken(west: float, east: float) -> None:
    taken = geojson.parse_polygon(box(west, 0, east, 10))
    moved = -360 if east == 360 else 360
    assert geojson.to_polygon(taken).bounds == (west + moved, 0, east + moved, 10)
    beyond = 1e-7 * (1 if east == 360 else -1)
    with pytest.raises(GeometryError, match=r"longitude -?360 is not between"):
        geojson.parse_polygon(box(west + beyond, 0, east + beyond, 10))


@pytest.mark.parametrize(
    ("rings", "reason"),
    [
        ([], "at least one ring"),
        ([[]], "has 0 positions"),
        ([[[0, 0], [1, 0], [0, 0]]], "has 3 positions"),
        ([[[0, 0], [1, 0], [1, 1], [0, 1]]], "is open"),
        ([[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]], "crosses itself at 0.5, 0.5"),
        ([[[0, 0], [1, 0], [2, 0], [0, 0]]], "itself|no extent"),
        ([[[0, 0], [0, 0], [0, 0], [0, 0]]], "no extent"),
        ([[[0, 0], [9, 0], [9, 9], [0, 9], [0, 0]], [[20, 20], [21, 20], [21, 21], [20, 20]]], "outside"),
        ([[[0, 0], [400, 0], [400, 9], [0, 0]]], "longitude 400"),
        ([[[-200, 0], [200, 0], [200, 9], [-200, 0]]], "wider than the world"),
        ([[[0, 0], [1, 0], [1, 91], [0, 0]]], "latitude 91"),
        ([[[0, 0]] * 10_001], "10001 positions"),
        ("rings", "at least one ring"),
        ([7], "not a list"),
    ],
)
def test_bad_polygon_is_refused_with_the_reason(rings: Any, reason: str) -> None:
    """Each refusal names the ring or the position."""
    with pytest.raises(GeometryError, match=reason):
        geojson.parse_polygon({"type": "Polygon", "coordinates": rings})


@pytest.mark.parametrize(
    "text", ["{", "NaN", "[1e999]", "-Infinity", '"\\ud800"', b"\xff", "[" * 100_000, "9" * 5000]
)
def test_unportable_json_is_refused(text: Any) -> None:
    """NaN, infinities, broken UTF-8, half a surrogate pair and very deep nesting are errors."""
    with pytest.raises(GeometryError):
        geojson.parse_json(text)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=8))
def test_any_geometry_parses_or_raises_geometry_error(coordinates: Any) -> None:
    """Any value in place of coordinates gives a geometry or a GeometryError."""
    parsers: list[Callable[[Any], Any]] = [geojson.parse_point, geojson.parse_polygon]
    for kind, parse in zip(("Point", "Polygon"), parsers, strict=True):
        for geometry in ({"type": kind, "coordinates": coordinates}, coordinates):
            try:
                parse(geometry)
            except GeometryError:
                continue


@given(
    st.lists(st.tuples(st.floats(-180, 180), st.floats(-90, 90)), min_size=3, max_size=8),
)
def test_parsing_again_changes_nothing(positions: list[tuple[float, float]]) -> None:
    """A stored geometry is valid and normal: parsing it again returns it unchanged."""
    try:
        stored = geojson.parse_polygon(polygon(*positions, positions[0]))
    except GeometryError:
        return
    assert geojson.parse_polygon(json.loads(json.dumps(stored))) == stored


# The index

# Coordinates on a coarse grid make shared edges, shared corners, and points on both, the common case.
GRID = st.integers(-12, 12).map(lambda i: i * 15.0)
LATITUDES = st.integers(-6, 6).map(lambda i: i * 15.0)


@st.composite
def polygons(draw: st.DrawFn) -> Polygon:
    """Yield a triangle or quadrangle on the grid, a sliver, or a frame with a hole, perhaps across ±180°."""
    west, south = draw(GRID), draw(LATITUDES.filter(lambda y: y <= 60))
    width, height = (
        draw(st.sampled_from([1e-7, 15.0, 30.0, 170.0])),
        draw(st.sampled_from([1e-7, 15.0, 30.0])),
    )
    east, north = west + width, south + height
    kind = draw(st.sampled_from(["box", "triangle", "frame"]))
    if kind == "triangle":
        return Polygon([(west, south), (east, south), (west, north)])
    ring = [(west, south), (east, south), (east, north), (west, north)]
    x, y = (west + east) / 2, (south + north) / 2
    hole = [(west, y), (x, north), (east, y), (x, south)]  # it touches the frame at four places
    if kind == "frame" and Polygon(ring, [hole[:3]]).is_valid:
        return Polygon(ring, [hole[:3]])
    return Polygon(ring)


def stored(shape: Polygon) -> Polygon | None:
    """Return the polygon as the database returns it; None if it is refused."""
    try:
        return geojson.to_polygon(geojson.parse_polygon(geojson.polygon_geojson(shape, 0)))
    except GeometryError:
        return None


def brute_force(areas: dict[int, tuple[int, Polygon]], x: float, y: float, level: int) -> list[int]:
    """Ask shapely for every area, on each copy of the world."""
    places = [Point(round(x + turn, geojson.DECIMALS), y) for turn in (-360, 0, 360)]
    return sorted(
        id_
        for id_, (wanted, shape) in areas.items()
        if wanted <= level and any(shape.covers(place) for place in places)
    )


class Index(RuleBasedStateMachine):
    """Areas are added, replaced and removed in any order, and every answer is compared with brute force."""

    def __init__(self) -> None:
        super().__init__()
        self.areas: dict[int, tuple[int, Polygon]] = {}
        self.index = AreaIndex()

    @rule(id_=st.integers(1, 8), level=LEVELS, shape=polygons())
    def put(self, id_: int, level: int, shape: Polygon) -> None:
        area = stored(shape)
        if area is not None:
            self.areas[id_] = (level, area)
            self.index.put(id_, level, area)

    @rule(id_=st.integers(1, 8))
    def remove(self, id_: int) -> None:
        self.areas.pop(id_, None)
        self.index.remove(id_)

    @rule()
    def build_from_the_database(self) -> None:
        ids = list(self.areas)
        self.index = AreaIndex(ids, [self.areas[i][0] for i in ids], [self.areas[i][1] for i in ids])

    @rule(x=GRID, y=LATITUDES, dx=st.sampled_from([0.0, 1e-7, 7.5]), level=LEVELS)
    def ask(self, x: float, y: float, dx: float, level: int) -> None:
        x = min(180.0, x + dx)
        assert self.index.covering(x, y, level) == brute_force(self.areas, x, y, level)

    @precondition(lambda self: self.areas)
    @rule(data=st.data(), level=LEVELS)
    def ask_at_a_corner(self, data: st.DataObject, level: int) -> None:
        _, shape = self.areas[data.draw(st.sampled_from(sorted(self.areas)))]
        x, y = data.draw(
            st.sampled_from(list(itertools.chain(*(r.coords for r in [shape.exterior, *shape.interiors]))))
        )
        x = round((x + 180) % 360 - 180, geojson.DECIMALS)
        assert self.index.covering(x, y, level) == brute_force(self.areas, x, y, level)


class SmallTrees(Index):
    """The same test with trees that often fill up and merge."""

    def __init__(self) -> None:
        super().__init__()
        self.limits = (index.MAX_RECENT, index.MAX_MERGED)
        index.MAX_RECENT, index.MAX_MERGED = 1, 3

    def teardown(self) -> None:
        index.MAX_RECENT, index.MAX_MERGED = self.limits


TestIndex = Index.TestCase
TestSmallTrees = SmallTrees.TestCase
for case in (TestIndex, TestSmallTrees):
    case.settings = settings(max_examples=examples(60), stateful_step_count=40)


def test_no_tree_that_is_built_while_others_wait_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """A change builds the tree of a few areas; now and then one of some more; never that of all."""
    monkeypatch.setattr(index, "MAX_RECENT", 3)
    monkeypatch.setattr(index, "MAX_MERGED", 12)
    built: list[int] = []
    tree = AreaIndex._tree

    def noted(self: AreaIndex, ids: Any) -> index.Tree:
        ids = list(ids)
        built.append(len(ids))
        return tree(self, ids)

    monkeypatch.setattr(AreaIndex, "_tree", noted)
    shape = geojson.to_polygon(box(0, 0, 1, 1))
    areas = AreaIndex(range(100), [0] * 100, [shape] * 100)
    assert built == [100]
    built.clear()
    for number in range(100, 150):
        areas.put(number, 0, shape)
        assert areas.covering(0.5, 0.5, 0)[-1] == number
        areas.covering(0.5, 0.5, 0)
        assert len(areas._trees[0][0]) == 100, "the tree of the beginning stays"
    merges = [size for size in built if size > 3]
    assert set(built) == {1, 2, 3, *merges}
    assert merges == [4, 8, 12] * 4
    assert len(areas._trees) == 1 + 4
    areas.put(7, 1, shape)
    assert 7 not in areas.covering(0.5, 0.5, 0)
    areas.remove(7)
    areas.remove(7)
    assert len(areas) == 149
    assert areas.covering(0.5, 0.5, 0) == [number for number in range(150) if number != 7]


def test_area_across_the_antimeridian_covers_both_sides() -> None:
    """A polygon from 170° to 190° covers 175° and -175°, its edges, and nothing else."""
    area = geojson.to_polygon(geojson.parse_polygon(box(170, 0, 190, 10)))
    index = AreaIndex([1], [0], [area])
    asked = [169.9, 170, 175, 180, -180, -175, -170, -169.9]
    inside = [False, True, True, True, True, True, True, False]
    assert [bool(index.covering(x, 5, 0)) for x in asked] == inside
    assert [*itertools.chain(*geojson.matcher(area).pieces([(x, 5) for x in asked]))] == inside


@pytest.mark.parametrize(
    "text",
    ["", "{", '{"a" 1}', '{"a":', "[1,", '"abc', "tru", '{"a":1,}', "[1 2]", "{a:1}", '"\\x"', '"a\nb"'],
)
def test_json_error_is_one_sentence(text: str) -> None:
    """The position appears once, although some of Python's own messages end in "at"."""
    with pytest.raises(geojson.GeometryError, match=r"^not JSON: .*[^ ] at line \d+, column \d+$") as caught:
        geojson.parse_json(text)
    assert "at at" not in str(caught.value)


POINT = {"type": "Point", "coordinates": [1, 2]}
FEATURE = {"type": "Feature", "geometry": POINT, "properties": {"name": "Fire"}}


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (POINT, [({}, POINT)]),
        (FEATURE, [(FEATURE, POINT)]),
        ({"type": "Feature"}, [({"type": "Feature"}, None)]),
        ({"type": "FeatureCollection", "features": []}, []),
        (
            {"type": "FeatureCollection", "features": [FEATURE, POINT, 7]},
            [(FEATURE, POINT), ({}, None), ({}, None)],
        ),
    ],
)
def test_geometries_come_with_their_features(value: Any, found: Any) -> None:
    """In a collection, a member that is no Feature comes without a geometry."""
    assert list(geojson.geometries(value)) == found


@pytest.mark.parametrize("value", [7, None, [], {}, {"type": "Topology"}, {"type": "FeatureCollection"}])
def test_what_is_no_geojson_has_no_geometries(value: Any) -> None:
    with pytest.raises(GeometryError):
        list(geojson.geometries(value))
