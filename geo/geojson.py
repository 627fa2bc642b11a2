"""GeoJSON geometries, parsed and validated.

Pure: knows neither Flask nor the database. Longitudes and latitudes are degrees on WGS 84, in the order
and with the rules of RFC 7946.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from base.lazy import Lazy
from base.sentences import Sentence
from geo import matching

if TYPE_CHECKING:
    from shapely.geometry import Polygon

np: Any = Lazy("numpy")
shapely: Any = Lazy("shapely")

DECIMALS = 7  # decimals of a degree: 1.1 cm at the equator, finer than any receiver
MAX_POSITIONS = 10_000  # in one polygon, so that one notification is under half a megabyte
MAX_RINGS = 1000  # in one polygon; each costs as much as 20 positions
MAX_VALUES = 5 * MAX_POSITIONS  # in one JSON text; a position has two numbers, three with its altitude
MAX_LONGITUDE = 360.0  # of a polygon's vertex: one drawn across the antimeridian runs past 180

Position = tuple[float, float]


class GeometryError(ValueError):
    """The input is not the geometry that was asked for; `reason` says why, in a sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class CheckedPolygon(dict[str, Any]):
    """A GeoJSON Polygon that `parse_polygon` has returned or once stored: it need not be checked again.

    `centroid` is its GeoJSON Point, if it is known. `long_edge` is a sentence about an edge with two possible
    meanings, or empty: see `long_edge`.
    """

    centroid: dict[str, Any] | None = None
    long_edge: str | Sentence = ""


def parse_json(text: str | bytes, *, lenient: bool = False) -> Any:
    """Read JSON in UTF-8; unless `lenient`, strictly and in bounded time.

    Then NaN, Infinity, lone surrogates and more than MAX_VALUES values are refused.
    Raises GeometryError, whose message says where the text stops being JSON.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        return json.loads(text) if lenient else _strict_json(text)
    except UnicodeError as error:
        raise GeometryError(Sentence("not valid UTF-8 text")) from error
    except RecursionError as error:
        raise GeometryError(Sentence("nested too deeply")) from error
    except json.JSONDecodeError as error:
        reason = error.msg.removesuffix(" at")
        raise GeometryError(
            Sentence(
                "not JSON: %(reason)s at line %(line)s, column %(column)s",
                reason=reason,
                line=error.lineno,
                column=error.colno,
            )
        ) from error
    except GeometryError:
        raise
    except ValueError as error:  # an integer of more digits than Python converts
        raise GeometryError(Sentence("a number is too long")) from error


def _strict_json(text: str) -> Any:
    if text.count(",") > MAX_VALUES:  # before they are converted
        raise GeometryError(
            Sentence("more than %(most)s values, which is more than any polygon needs", most=MAX_VALUES)
        )
    value = STRICT.decode(text)
    _check_unicode(text, value)
    return value


def _check_unicode(text: str, value: Any) -> None:
    """Raise UnicodeError if a half of a surrogate pair is in the value: it can only have been escaped."""
    if "\\u" in text:
        json.dumps(value, ensure_ascii=False).encode()


def parse_point(geometry: Any) -> Position:
    """Return (longitude, latitude) of a GeoJSON Point; an altitude is dropped.

    Raises GeometryError.
    """
    coordinates = _coordinates(geometry, "Point")
    longitude, latitude = _position(coordinates, Sentence("the point"))
    if not -180 <= longitude <= 180:
        raise GeometryError(_outside_longitudes(longitude, 180))
    return longitude, latitude


def parse_polygon(geometry: Any, *, short_way: bool = False) -> CheckedPolygon:
    """Return a GeoJSON Polygon, normalised: two dimensions, 7 decimals, right-hand rule.

    Longitudes may run past ±180° for a polygon across the antimeridian. Then the whole polygon is shifted by
    full turns until its middle lies within ±180°. A polygon that was checked before is returned as it is, and
    its GeometryError is raised again.

    Raises GeometryError for a ring that is open, has under four positions or no extent, or crosses itself or
    another ring. It also does so if the check would cost too much.

    With `short_way`, an edge longer than 180° crosses the antimeridian.

    It takes up to 0.1 s. In the server, call it outside of transactions.
    """
    if isinstance(geometry, CheckedPolygon):
        return geometry
    if isinstance(geometry, GeometryError):
        raise geometry
    polygon = _sound(_coordinates(geometry, "Polygon"), short_way=short_way)
    west, _, east, _ = polygon.bounds
    if east - west > 360:
        raise GeometryError(Sentence("the polygon is wider than the world"))
    shift = -360 * math.floor(((west + east) / 2 + 180) / 360)
    checked = CheckedPolygon(polygon_geojson(shapely.geometry.polygon.orient(polygon), shift))
    checked.centroid = _centroid(polygon)
    checked.long_edge = long_edge(polygon) or ""
    return checked


def _sound(rings: Any, *, short_way: bool) -> Polygon:
    """Return the shapely polygon of these rings. Raises GeometryError if it is invalid, or costs too much."""
    if not isinstance(rings, list) or not rings:
        raise GeometryError(Sentence("a polygon needs at least one ring"))
    count = sum(len(ring) for ring in rings if isinstance(ring, list))
    if count > MAX_POSITIONS:
        raise GeometryError(
            Sentence("%(count)s positions are more than %(most)s", count=count, most=MAX_POSITIONS)
        )
    if len(rings) > MAX_RINGS:
        raise GeometryError(
            Sentence("%(count)s rings are more than %(most)s", count=len(rings), most=MAX_RINGS)
        )
    arrays = [_ring(ring, number) for number, ring in enumerate(rings, start=1)]
    shell, *holes = _short_way(arrays) if short_way else arrays
    if (shell[0] != shell[-1]).any():
        raise GeometryError(Sentence("the polygon goes round a pole: there is no short way"))
    polygon = shapely.Polygon(shell, holes)
    crossed = matching.crossings(polygon)
    if crossed > matching.MAX_CROSSINGS:
        raise GeometryError(
            Sentence(
                "it goes to and fro too often: %(count)s of its edges lie side by side, and at most %(most)s "
                "may; simplify it, or cut it into several areas",
                count=crossed,
                most=matching.MAX_CROSSINGS,
            )
        )
    if not polygon.is_valid:
        raise GeometryError(long_edge(polygon) or _invalidity(polygon))
    return polygon


def long_edge(polygon: Polygon) -> Sentence | None:
    """Return a sentence about the first edge that is longer than 180°; None if there is none.

    Most tools write a polygon across the antimeridian with longitudes from -180 to 180. Then such an edge is
    meant to go the short way round the world. An edge of exactly 360° can only go the long way.
    """
    for ring in (polygon.exterior, *polygon.interiors):
        x = shapely.get_coordinates(ring)[:, 0]
        lengths = np.abs(np.diff(x))
        long = np.flatnonzero((lengths > 180) & (lengths < 360))
        if long.size:
            a, b = x[long[0]], x[long[0] + 1]
            return Sentence(
                "an edge from longitude %(start)s to %(end)s is longer than 180° and can be meant in two "
                "ways: if it crosses the antimeridian, write %(other)s, not %(end)s",
                start=format(a, ".10g"),
                end=format(b, ".10g"),
                other=format(b + math.copysign(360, a - b), ".10g"),
            )
    return None


def _short_way(rings: list[Any]) -> list[Any]:
    """Return the rings with every edge the short way round, so that longitudes may run past ±180°."""
    turned: list[Any] = []
    for ring in rings:
        steps = np.diff(ring[:, 0])
        steps -= 360 * np.round(steps / 360)
        x = ring[0, 0] + np.concatenate([[0], np.cumsum(steps)])
        west = turned[0][:, 0].min() if turned else x.min()
        x += 360 * np.ceil(((west - x.min()) / 360).round(DECIMALS))  # a hole to its outline
        turned.append(np.column_stack([x, ring[:, 1]]).round(DECIMALS))
    return turned


def polygon_geojson(polygon: Polygon, shift: float) -> dict[str, Any]:
    """Return the GeoJSON of a shapely polygon, its longitudes shifted by `shift` degrees."""
    rings = [polygon.exterior, *polygon.interiors]
    coordinates = [
        (np.round(shapely.get_coordinates(ring) + (shift, 0), DECIMALS) + 0.0).tolist() for ring in rings
    ]
    return {"type": "Polygon", "coordinates": coordinates}


def to_polygon(geometry: dict[str, Any]) -> Polygon:
    """Return the shapely polygon of an already validated GeoJSON Polygon."""
    shell, *holes = geometry["coordinates"]
    return shapely.Polygon(shell, holes)


def to_polygons(texts: Sequence[str]) -> Any:
    """Return the shapely polygons of the texts of many validated GeoJSON Polygons, as an array."""
    return shapely.from_geojson(texts) if texts else []


def centroid(geometry: dict[str, Any]) -> dict[str, Any]:
    """Return the GeoJSON Point at a polygon's centre of mass, its longitude within ±180°."""
    known = geometry.centroid if isinstance(geometry, CheckedPolygon) else None
    return known or _centroid(to_polygon(geometry))


def _centroid(polygon: Polygon) -> dict[str, Any]:
    point = polygon.centroid
    longitude = (point.x + 180) % 360 - 180
    return point_geojson(round(longitude, DECIMALS), round(point.y, DECIMALS))


def point_geojson(longitude: float, latitude: float) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [longitude, latitude]}


def geometries(value: Any) -> Iterator[tuple[dict[str, Any], Any]]:
    """Yield (feature, geometry) for a GeoJSON FeatureCollection, Feature or bare geometry.

    A bare geometry comes with an empty feature. The contents of features are not checked here.
    Raises GeometryError if the value as a whole is not GeoJSON.
    """
    kind = value.get("type") if isinstance(value, dict) else None
    if kind == "FeatureCollection":
        features = value.get("features")
        if not isinstance(features, list):
            raise GeometryError(Sentence("the FeatureCollection has no list of features"))
        for feature in features:
            known = isinstance(feature, dict) and feature.get("type") == "Feature"
            yield (feature, feature.get("geometry")) if known else ({}, None)
    elif kind == "Feature":
        yield value, value.get("geometry")
    elif kind in GEOMETRY_TYPES:
        yield {}, value
    else:
        raise GeometryError(Sentence("not GeoJSON: neither a FeatureCollection, a Feature nor a geometry"))


GEOMETRY_TYPES = (
    "Point",
    "MultiPoint",
    "LineString",
    "MultiLineString",
    "Polygon",
    "MultiPolygon",
    "GeometryCollection",
)


def matcher(polygon: Polygon) -> matching.Matcher:
    """Return the matcher of a polygon, which may run past ±180°."""
    return matching.Matcher([polygon, *_wrapped(polygon)])


def shifted(polygon: Polygon, degrees: float) -> Polygon:
    """Return the polygon moved east by so many degrees."""
    return shapely.transform(polygon, lambda xy: (xy + (degrees, 0)).round(DECIMALS))


def _wrapped(polygon: Polygon) -> list[Polygon]:
    west, _, east, _ = polygon.bounds
    return [shifted(polygon, shift) for past, shift in ((west <= -180, 360), (east >= 180, -360)) if past]


def _coordinates(geometry: Any, kind: str) -> Any:
    if not isinstance(geometry, dict):
        raise GeometryError(Sentence("not a GeoJSON %(kind)s", kind=kind))
    if geometry.get("type") != kind:
        found = geometry.get("type")
        raise GeometryError(
            Sentence("expected a %(kind)s, not %(found)s", kind=kind, found=found)
            if found in GEOMETRY_TYPES
            else Sentence("expected a %(kind)s, not this", kind=kind)
        )
    if "coordinates" not in geometry:
        raise GeometryError(Sentence("the %(kind)s has no coordinates", kind=kind))
    return geometry["coordinates"]


def _position(value: Any, where: Sentence) -> Position:
    if not isinstance(value, list) or not 2 <= len(value) <= 4 or not all(map(_is_number, value)):
        raise GeometryError(
            Sentence("%(where)s is not a position [longitude, latitude] of finite numbers", where=where)
        )
    longitude, latitude = float(value[0]), float(value[1])
    if not -90 <= latitude <= 90:
        raise GeometryError(
            Sentence("latitude %(value)s is not between -90 and 90", value=format(latitude, "g"))
        )
    return round(longitude, DECIMALS) + 0.0, round(latitude, DECIMALS) + 0.0  # + 0.0: no "-0.0"


def _outside_longitudes(value: float, most: float) -> Sentence:
    return Sentence(
        "longitude %(value)s is not between -%(most)s and %(most)s",
        value=format(value, "g"),
        most=format(most, "g"),
    )


def _ring(ring: Any, number: int) -> Any:
    """Return the positions of a ring, as an array. Raises GeometryError."""
    if not isinstance(ring, list):
        raise GeometryError(Sentence("ring %(ring)s is not a list of positions", ring=number))
    if len(ring) < 4:
        raise GeometryError(
            Sentence.counted(
                "ring %(ring)s has %(n)s position, a closed ring has 4 or more",
                "ring %(ring)s has %(n)s positions, a closed ring has 4 or more",
                len(ring),
                ring=number,
            )
        )
    positions = _plain_positions(ring)
    if positions is None:
        positions = np.array(
            [
                _position(p, Sentence("position %(position)s of ring %(ring)s", position=i, ring=number))
                for i, p in enumerate(ring, 1)
            ]
        )
    furthest = positions[np.abs(positions[:, 0]).argmax(), 0]
    if abs(furthest) > MAX_LONGITUDE:
        raise GeometryError(_outside_longitudes(furthest, MAX_LONGITUDE))
    if (positions[0] != positions[-1]).any():
        raise GeometryError(
            Sentence("ring %(ring)s is open: its last position must repeat its first", ring=number)
        )
    return positions


def _plain_positions(ring: list[Any]) -> Any:
    """Return the positions as `_position` has them, many times faster; None if they need its closer look."""
    if not all(type(position) is list and len(position) == 2 for position in ring):
        return None
    if not {type(number) for position in ring for number in position} <= {int, float}:
        return None
    try:
        positions = np.array(ring, dtype=float)
    except OverflowError:
        return None
    if not (np.isfinite(positions).all() and (np.abs(positions[:, 1]) <= 90).all()):
        return None
    return np.round(positions, DECIMALS) + 0.0  # + 0.0: no "-0.0"


def _invalidity(polygon: Polygon) -> Sentence:
    """Put shapely's word for an invalid polygon, such as "Self-intersection[5 5]", in a sentence."""
    reason, _, place = shapely.is_valid_reason(polygon).partition("[")
    known = {
        "Self-intersection": Sentence("the ring crosses itself"),
        "Ring Self-intersection": Sentence("the ring touches itself"),
        "Hole lies outside shell": Sentence("a hole lies outside the polygon"),
        "Holes are nested": Sentence("a hole lies inside another hole"),
        "Interior is disconnected": Sentence("the holes cut the polygon apart"),
        "Too few points in geometry component": Sentence("the ring has no extent"),
    }
    what = known.get(reason) or Sentence("not a valid polygon (%(reason)s)", reason=reason.lower())
    if not place:
        return what
    return Sentence("%(problem)s at %(place)s", problem=what, place=place.rstrip("]").replace(" ", ", "))


def _is_number(value: Any) -> bool:
    """Return whether the value is a finite number. An integer may have any number of digits."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise GeometryError(Sentence("%(text)s is not a finite number", text=text[:20]))
    return value


def _no_constant(text: str) -> float:
    raise GeometryError(Sentence("%(text)s is not allowed in JSON", text=text))


STRICT = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite)
