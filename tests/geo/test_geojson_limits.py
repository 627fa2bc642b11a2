"""GeoJSON at its limits: the last value that is taken, the first that is refused, and the sentence for it."""

import json
import math
from typing import Any

import pytest
import shapely

from geo import geojson, matching
from geo.geojson import MAX_RINGS, MAX_VALUES, GeometryError

SQUARE = [[0, 0], [9, 0], [9, 9], [0, 9], [0, 0]]
HOLE = [[1, 1], [1, 2], [2, 2], [1, 1]]


def polygon(*rings: Any) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings)}


def refusal(geometry: Any, **options: Any) -> str:
    with pytest.raises(GeometryError) as caught:
        geojson.parse_polygon(geometry, **options)
    return str(caught.value)


# JSON


@pytest.mark.parametrize("count", [MAX_VALUES, MAX_VALUES + 1, 2 * MAX_VALUES])
def test_json_of_so_many_values(count: int) -> None:
    """Programs that this machine trusts may send more."""
    text = f"[{'0,' * count}0]"
    assert len(geojson.parse_json(text, lenient=True)) == count + 1
    if count == MAX_VALUES:
        assert len(geojson.parse_json(text)) == count + 1
    else:
        with pytest.raises(GeometryError, match=f"more than {MAX_VALUES} values"):
            geojson.parse_json(text)


def test_json_of_the_largest_polygon_with_altitudes_is_taken() -> None:
    position = [1.5, 2.5, 3.5]
    text = json.dumps({"type": "Polygon", "coordinates": [[position] * geojson.MAX_POSITIONS]})
    assert len(geojson.parse_json(text)["coordinates"][0]) == geojson.MAX_POSITIONS


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[1, NaN]", "NaN is not allowed in JSON"),
        ("1e999", "1e999 is not a finite number"),
        ("-1" + "0" * 30 + "e999", "-1000000000000000000 is not a finite number"),
        (b"\xff", "not valid UTF-8 text"),
        ('"\\ud800"', "not valid UTF-8 text"),
        ("[" * 100_000, "nested too deeply"),
        ("9" * 5000, "a number is too long"),
        ("[1,\n 2", "not JSON: Expecting ',' delimiter at line 2, column 3"),
    ],
)
def test_json_is_refused_with_a_sentence(text: Any, sentence: str) -> None:
    with pytest.raises(GeometryError) as caught:
        geojson.parse_json(text)
    assert str(caught.value) == sentence


def test_json_begins_after_a_byte_order_mark() -> None:
    assert geojson.parse_json(b'\xef\xbb\xbf{"a": "\\u00fc\\ud83d\\ude00"}') == {"a": "ü😀"}


# Positions


@pytest.mark.parametrize("position", [[180, 90], [-180, -90], [0, 0, 0, 0]])
def test_point_at_the_ends_of_the_world_is_taken(position: list[int]) -> None:
    assert geojson.parse_point({"type": "Point", "coordinates": position}) == tuple(position[:2])


@pytest.mark.parametrize(
    ("position", "sentence"),
    [
        ([180.5, 0], "longitude 180.5 is not between -180 and 180"),
        ([-180.5, 0], "longitude -180.5 is not between -180 and 180"),
        ([0, 90.5], "latitude 90.5 is not between -90 and 90"),
        ([0, -90.5], "latitude -90.5 is not between -90 and 90"),
        ([1], "the point is not a position [longitude, latitude] of finite numbers"),
        ([1, 2, True], "the point is not a position [longitude, latitude] of finite numbers"),
        ([1, 2, 10**400], "the point is not a position [longitude, latitude] of finite numbers"),
        ([1, 2, math.inf], "the point is not a position [longitude, latitude] of finite numbers"),
        ([math.nan, 2], "the point is not a position [longitude, latitude] of finite numbers"),
    ],
)
def test_point_is_refused_with_a_sentence(position: Any, sentence: str) -> None:
    with pytest.raises(GeometryError) as caught:
        geojson.parse_point({"type": "Point", "coordinates": position})
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("geometry", "sentence"),
    [
        (None, "not a GeoJSON Point"),
        ([1, 2], "not a GeoJSON Point"),
        ({}, "expected a Point, not this"),
        ({"type": "Circle"}, "expected a Point, not this"),
        ({"type": "Polygon"}, "expected a Point, not Polygon"),
        ({"type": "Point"}, "the Point has no coordinates"),
    ],
)
def test_geometry_of_another_type_is_refused_with_a_sentence(geometry: Any, sentence: str) -> None:
    with pytest.raises(GeometryError) as caught:
        geojson.parse_point(geometry)
    assert str(caught.value) == sentence


# Polygons


@pytest.mark.parametrize(
    ("rings", "sentence"),
    [
        ([], "a polygon needs at least one ring"),
        (None, "a polygon needs at least one ring"),
        ([SQUARE, 7], "ring 2 is not a list of positions"),
        ([SQUARE[:3]], "ring 1 has 3 positions, a closed ring has 4 or more"),
        ([SQUARE, HOLE[:3] + [[1, 3]]], "ring 2 is open: its last position must repeat its first"),
        (
            [[*SQUARE[:2], [9], *SQUARE[3:]]],
            "position 3 of ring 1 is not a position [longitude, latitude] of finite numbers",
        ),
        (
            [[*SQUARE[:2], [9, True], *SQUARE[3:]]],
            "position 3 of ring 1 is not a position [longitude, latitude] of finite numbers",
        ),
        (
            [[*SQUARE[:2], [9, math.inf], *SQUARE[3:]]],
            "position 3 of ring 1 is not a position [longitude, latitude] of finite numbers",
        ),
        (
            [[*SQUARE[:2], [10**400, 9], *SQUARE[3:]]],
            "position 3 of ring 1 is not a position [longitude, latitude] of finite numbers",
        ),
        ([[[0, 0], [9, 0], [9, -91], [0, 0]]], "latitude -91 is not between -90 and 90"),
        ([[[0, 0], [-361, 0], [9, 9], [0, 0]]], "longitude -361 is not between -360 and 360"),
        ([[[0, 0], [9, 9], [9, 0], [0, 9], [0, 0]]], "the ring crosses itself at 4.5, 4.5"),
        ([SQUARE, [[20, 1], [21, 1], [21, 2], [20, 1]]], "a hole lies outside the polygon at 20, 1"),
        ([SQUARE, [[1, 1], [1, 8], [8, 8], [1, 1]], [[2, 4], [2, 5], [3, 5], [2, 4]]], "a hole lies inside"),
    ],
)
def test_polygon_is_refused_with_a_sentence(rings: Any, sentence: str) -> None:
    assert refusal({"type": "Polygon", "coordinates": rings}).startswith(sentence)


def test_ring_of_four_positions_is_taken() -> None:
    assert geojson.parse_polygon(polygon(HOLE))["coordinates"][0][0] == [1, 1]


def test_poles_are_taken() -> None:
    ring = [[-90, -90], [90, -90], [90, 90], [-90, 90], [-90, -90]]
    assert geojson.to_polygon(geojson.parse_polygon(polygon(ring))).bounds == (-90, -90, 90, 90)


def test_polygon_of_the_most_rings_is_taken() -> None:
    holes = [[[x, 1], [x, 2], [x + 0.01, 2], [x, 1]] for x in (i / 10 for i in range(MAX_RINGS))]
    outline = [[-1, 0], [120, 0], [120, 9], [-1, 9], [-1, 0]]
    assert len(geojson.parse_polygon(polygon(outline, *holes[1:]))["coordinates"]) == MAX_RINGS
    assert refusal(polygon(outline, *holes)) == f"{MAX_RINGS + 1} rings are more than {MAX_RINGS}"


def test_polygon_with_the_most_edges_side_by_side_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    crossed = matching.crossings(shapely.Polygon(SQUARE))
    monkeypatch.setattr(matching, "MAX_CROSSINGS", crossed)
    assert geojson.parse_polygon(polygon(SQUARE))
    monkeypatch.setattr(matching, "MAX_CROSSINGS", crossed - 1)
    sentence = f"it goes to and fro too often: {crossed} of its edges lie side by side, and at most"
    assert refusal(polygon(SQUARE)).startswith(f"{sentence} {crossed - 1} may")


def test_what_was_refused_once_is_refused_again() -> None:
    """The check is not repeated; the error travels to where the polygon would be stored."""
    error = GeometryError("known")
    assert refusal(error) == "known"
    checked = geojson.parse_polygon(polygon(SQUARE))
    assert geojson.parse_polygon(checked) is checked


@pytest.mark.parametrize("values", [[0, 0], [0.0, 0.0], [0, 0, 5], [-0.0, -0.0]])
def test_positions_of_any_numbers_are_the_same(values: list[float]) -> None:
    """Integers, floats, an altitude, and minus zero; rounded to seven decimals."""
    ring = [values, [9.00000001, 0], [9, 9.00000004], values]
    stored = geojson.parse_polygon(polygon(ring))
    assert json.dumps(stored["coordinates"]) == "[[[0.0, 0.0], [9.0, 0.0], [9.0, 9.0], [0.0, 0.0]]]"


def test_middle_at_the_antimeridian_belongs_to_the_west() -> None:
    """Half-open, so that each polygon has one form."""
    for west in (170, -190):
        ring = [[west, 0], [west + 20, 0], [west + 20, 9], [west, 9], [west, 0]]
        assert geojson.to_polygon(geojson.parse_polygon(polygon(ring))).bounds == (-190, 0, -170, 9)


@pytest.mark.parametrize(
    ("a", "b", "instead"),
    [(177, -178, "182"), (-178, 177, "-183"), (-90.5, 90, "-270"), (90, -90.5, "269.5")],
)
def test_long_edge_is_asked_about(a: float, b: float, instead: str) -> None:
    ring = [[a, 0], [b, 0], [b, 9], [a, 9], [a, 0]]
    sentence = geojson.parse_polygon(polygon(ring)).long_edge
    assert sentence.startswith(f"an edge from longitude {a} to {b} is longer than 180°")
    assert sentence.endswith(f"if it crosses the antimeridian, write {instead}, not {b}")


@pytest.mark.parametrize("width", [180, 360])
def test_edge_with_one_meaning_is_not_asked_about(width: float) -> None:
    west = -width / 2
    ring = [[west, 0], [west + width, 0], [west + width, 9], [west, 9], [west, 0]]
    assert geojson.parse_polygon(polygon(ring)).long_edge == ""


def test_long_edge_of_a_hole_is_asked_about() -> None:
    outline = [[-180, 0], [0, 0], [180, 0], [180, 9], [0, 9], [-180, 9], [-180, 0]]
    hole = [[-100, 1], [-100, 2], [100, 2], [-100, 1]]
    assert "from longitude -100 to 100" in geojson.parse_polygon(polygon(outline, hole)).long_edge


def test_short_way_of_an_outline_and_its_holes() -> None:
    """Each edge goes the short way, and a hole is moved to its outline."""
    outline = [[170, 0], [-170, 0], [-170, 9], [170, 9], [170, 0]]
    hole = [[-179, 1], [-179, 2], [179, 2], [-179, 1]]
    found = geojson.parse_polygon(polygon(outline, hole), short_way=True)
    assert found.long_edge == ""
    shape = geojson.to_polygon(found)
    assert shape.bounds == (-190, 0, -170, 9)
    assert shapely.bounds(shape.interiors[0]).tolist() == [-181, 1, -179, 2]
    assert shape.area == pytest.approx(180 - 1)
    plain = geojson.parse_polygon(polygon(SQUARE, HOLE), short_way=True)
    assert plain == geojson.parse_polygon(polygon(SQUARE, HOLE))


@pytest.mark.parametrize("turn", [-360, 0, 360])
@pytest.mark.parametrize("west", [-175, -174.0000001, 0, 169])
def test_hole_is_moved_to_its_outline_however_far_it_is_from_the_first_vertex(west: float, turn: int) -> None:
    """The outline is nearly as wide as the world, and its first vertex is at an end of it."""
    outline = [[x, 0] for x in range(-175, 176, 50)] + [[x, 9] for x in range(175, -176, -50)] + [[-175, 0]]
    if abs(west + turn) > 355:
        turn = 0
    hole = [[x + turn, y] for x, y in ([west, 1], [west + 5, 2], [west + 5, 1], [west, 1])]
    shape = geojson.to_polygon(geojson.parse_polygon(polygon(outline, hole), short_way=True))
    assert shapely.bounds(shape.interiors[0]).tolist() == pytest.approx([west, 1, west + 5, 2])
    other = [[100, 1], [100, 2], [101, 2], [100, 1]]
    both = geojson.to_polygon(geojson.parse_polygon(polygon(outline, hole, other), short_way=True))
    assert shapely.bounds(both.interiors[1]).tolist() == [100, 1, 101, 2]


def test_outline_round_a_pole_has_no_short_way() -> None:
    ring = [[-170, 80], [-60, 80], [60, 80], [170, 80], [-170, 80]]
    assert refusal(polygon(ring), short_way=True) == "the polygon goes round a pole: there is no short way"


# Centres


@pytest.mark.parametrize(
    ("west", "middle"), [(0, 5), (170, 175), (178, -177), (-185, -180), (-190, 175), (175, -180)]
)
def test_centre_lies_on_this_world(west: float, middle: float) -> None:
    ring = [[west, 0], [west + 10, 0], [west + 10, 8], [west, 8], [west, 0]]
    stored = geojson.parse_polygon(polygon(ring))
    expected = {"type": "Point", "coordinates": [middle, 4]}
    assert geojson.centroid(stored) == stored.centroid == expected
    assert geojson.centroid({**stored}) == expected, "of one that is read from the database"


def test_many_polygons_are_read_at_once() -> None:
    texts = [json.dumps(polygon(SQUARE)), json.dumps(polygon(HOLE))]
    assert [found.bounds for found in geojson.to_polygons(texts)] == [(0, 0, 9, 9), (1, 1, 2, 2)]
    assert len(geojson.to_polygons([])) == 0


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({"type": "FeatureCollection", "features": {}}, "the FeatureCollection has no list of features"),
        ({"type": "Topology"}, "not GeoJSON: neither a FeatureCollection, a Feature nor a geometry"),
    ],
)
def test_what_is_no_geojson_is_refused_with_a_sentence(value: Any, sentence: str) -> None:
    with pytest.raises(GeometryError) as caught:
        list(geojson.geometries(value))
    assert str(caught.value) == sentence


def test_area_that_ends_at_the_antimeridian_covers_both_of_its_names() -> None:
    for west, east, inside in ((170, 180, [True, True, False]), (-180, -170, [True, True, True])):
        ring = [[west, 0], [east, 0], [east, 9], [west, 9], [west, 0]]
        matcher = geojson.matcher(shapely.Polygon(ring))
        (found,) = matcher.pieces([(180, 5), (-180, 5), (-170, 5)])
        assert found == inside
