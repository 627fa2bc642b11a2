"""GeoJSON geometries, parsed and validated, and the index of areas.

Pure: knows neither Flask nor the database. Longitudes and latitudes are degrees on WGS 84, in the order
and with the rules of RFC 7946.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from typing import Any

import shapely
from shapely.geometry import Point, Polygon
from shapely.geometry.polygon import orient
from shapely.validation import explain_validity

DECIMALS = 7  # of a degree: 1.1 cm at the equator, finer than any receiver
MAX_POSITIONS = 10_000  # in one polygon; keeps one notification under half a megabyte
MAX_LONGITUDE = 360.0  # of a polygon's vertex: one drawn across the antimeridian runs past 180
MERGE_AT = 512  # recent changes that are searched on their own before they join the big tree

Position = tuple[float, float]


class GeometryError(ValueError):
    """The input is not the geometry that was asked for; the message says why, in a sentence."""


def parse_json(text: str | bytes, *, lenient: bool = False) -> Any:
    """Read JSON: UTF-8, and unless `lenient` no NaN, Infinity or lone surrogates anywhere.

    Raises GeometryError, whose message says where the text stops being JSON.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        if lenient:
            return json.loads(text)
        value = json.loads(text, parse_constant=_no_constant, parse_float=_finite)
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeError as error:
        raise GeometryError("not valid UTF-8 text") from error
    except RecursionError as error:
        raise GeometryError("nested too deeply") from error
    except json.JSONDecodeError as error:
        raise GeometryError(f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from error
    except GeometryError:
        raise
    except ValueError as error:  # an integer of more digits than Python converts
        raise GeometryError("a number is too long") from error
    return value


def parse_point(geometry: Any) -> Position:
    """Return (longitude, latitude) of a GeoJSON Point; an altitude is dropped.

    Raises GeometryError.
    """
    coordinates = _coordinates(geometry, "Point")
    longitude, latitude = _position(coordinates, "the point")
    if not -180 <= longitude <= 180:
        raise GeometryError(f"longitude {longitude:g} is not between -180 and 180")
    return longitude, latitude


def parse_polygon(geometry: Any) -> dict[str, Any]:
    """Return a GeoJSON Polygon, normalised: two dimensions, 7 decimals, right-hand rule.

    Longitudes may run past ±180° for a polygon across the antimeridian; the whole polygon is shifted by
    full turns so that its middle lies within ±180°. An open ring, under four positions, one that crosses
    itself or another, or has no extent raises GeometryError.
    """
    rings = _coordinates(geometry, "Polygon")
    if not isinstance(rings, list) or not rings:
        raise GeometryError("a polygon needs at least one ring")
    count = sum(len(ring) for ring in rings if isinstance(ring, list))
    if count > MAX_POSITIONS:
        raise GeometryError(f"{count} positions are more than {MAX_POSITIONS}")
    shell, *holes = [_ring(ring, number) for number, ring in enumerate(rings, start=1)]
    polygon = Polygon(shell, holes)
    if not polygon.is_valid:
        raise GeometryError(_invalidity(polygon))
    west, _, east, _ = polygon.bounds
    if east - west > 360:
        raise GeometryError("the polygon is wider than the world")
    turn = -360 * math.floor(((west + east) / 2 + 180) / 360)
    return polygon_geojson(orient(polygon), turn)


def polygon_geojson(polygon: Polygon, shift: float = 0) -> dict[str, Any]:
    """Return the GeoJSON of a shapely polygon, its longitudes shifted by `shift` degrees."""
    rings = [polygon.exterior, *polygon.interiors]
    coordinates = [
        [[round(x + shift, DECIMALS), round(y, DECIMALS)] for x, y in ring.coords] for ring in rings
    ]
    return {"type": "Polygon", "coordinates": coordinates}


def to_polygon(geometry: dict[str, Any]) -> Polygon:
    """Return the shapely polygon of an already validated GeoJSON Polygon."""
    shell, *holes = geometry["coordinates"]
    return Polygon(shell, holes)


def centroid(geometry: dict[str, Any]) -> dict[str, Any]:
    """Return the GeoJSON Point at a polygon's centre of mass, its longitude within ±180°."""
    point = to_polygon(geometry).centroid
    longitude = (point.x + 180) % 360 - 180
    return point_geojson(round(longitude, DECIMALS), round(point.y, DECIMALS))


def point_geojson(longitude: float, latitude: float) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [longitude, latitude]}


def geometries(value: Any) -> Iterator[tuple[dict[str, Any], Any]]:
    """Yield (feature, geometry) for a GeoJSON FeatureCollection, Feature or bare geometry.

    A bare geometry comes with an empty feature. What the features hold is not checked here.
    Raises GeometryError if the value as a whole is not GeoJSON.
    """
    kind = value.get("type") if isinstance(value, dict) else None
    if kind == "FeatureCollection":
        features = value.get("features")
        if not isinstance(features, list):
            raise GeometryError("the FeatureCollection has no list of features")
        for feature in features:
            known = isinstance(feature, dict) and feature.get("type") == "Feature"
            yield (feature, feature.get("geometry")) if known else ({}, None)
    elif kind == "Feature":
        yield value, value.get("geometry")
    elif kind in GEOMETRY_TYPES:
        yield {}, value
    else:
        raise GeometryError("not GeoJSON: neither a FeatureCollection, a Feature nor a geometry")


GEOMETRY_TYPES = (
    "Point",
    "MultiPoint",
    "LineString",
    "MultiLineString",
    "Polygon",
    "MultiPolygon",
    "GeometryCollection",
)


def covered(polygon: Polygon, positions: list[Position]) -> list[bool]:
    """Tell of each position whether the polygon covers it, also where it runs past ±180°."""
    shapely.prepare(polygon)
    shapes = [polygon, *_wrapped(polygon)]
    x, y = [lon for lon, _ in positions], [lat for _, lat in positions]
    return [bool(any(hits)) for hits in zip(*(shapely.intersects_xy(s, x, y) for s in shapes), strict=True)]


class AreaIndex:
    """Answers which areas cover a point at or below a severity level.

    One big immutable STRtree, and beside it a small tree of what has changed since it was built, so that
    one saved area does not rebuild the whole. Covers is shapely's: a point on an edge is inside. An area
    that runs past ±180° is indexed a second time, shifted by a full turn.
    """

    def __init__(self, areas: Iterable[tuple[int, int, Polygon]] = ()) -> None:
        """`areas`: (id, level, polygon); an area is alerted by points of its level and above."""
        self._areas = {id_: (level, polygon) for id_, level, polygon in areas}
        self._changed: set[int] = set()  # ids for which the big tree is out of date
        self._recent_ids: list[int] = []
        self._recent: shapely.STRtree | None = None  # of the changed areas; None: to be built
        self._build()

    def __len__(self) -> int:
        return len(self._areas)

    def put(self, id_: int, level: int, polygon: Polygon) -> None:
        """Add an area, or replace the one with this id."""
        self._areas[id_] = (level, polygon)
        self._change(id_)

    def remove(self, id_: int) -> None:
        """Remove an area; one that is not there is ignored."""
        if self._areas.pop(id_, None) is not None:
            self._change(id_)

    def covering(self, longitude: float, latitude: float, level: int) -> list[int]:
        """Return the ids of the areas that cover the point and whose level is at most `level`."""
        point = Point(longitude, latitude)
        found = {self._ids[i] for i in self._tree.query(point, "covered_by")} - self._changed
        if self._changed:
            if self._recent is None:
                self._recent_ids, self._recent = _tree(
                    (id_, self._areas[id_][1]) for id_ in self._changed if id_ in self._areas
                )
            found.update(self._recent_ids[i] for i in self._recent.query(point, "covered_by"))
        return sorted(id_ for id_ in found if self._areas[id_][0] <= level)

    def _change(self, id_: int) -> None:
        self._changed.add(id_)
        self._recent = None
        if len(self._changed) > MERGE_AT:
            self._build()

    def _build(self) -> None:
        self._ids, self._tree = _tree((id_, polygon) for id_, (_, polygon) in self._areas.items())
        self._changed = set()
        self._recent = None


def _tree(areas: Iterable[tuple[int, Polygon]]) -> tuple[list[int], shapely.STRtree]:
    ids, polygons = [], []
    for id_, polygon in areas:
        for shape in (polygon, *_wrapped(polygon)):
            ids.append(id_)
            polygons.append(shape)
    return ids, shapely.STRtree(polygons)


def _wrapped(polygon: Polygon) -> list[Polygon]:
    west, _, east, _ = polygon.bounds
    shifts = [360] * (west <= -180) + [-360] * (east >= 180)
    return [shapely.transform(polygon, lambda xy, s=shift: xy + (s, 0)) for shift in shifts]


def _coordinates(geometry: Any, kind: str) -> Any:
    if not isinstance(geometry, dict):
        raise GeometryError(f"not a GeoJSON {kind}")
    if geometry.get("type") != kind:
        found = geometry.get("type")
        raise GeometryError(f"expected a {kind}, not {found if found in GEOMETRY_TYPES else 'this'}")
    if "coordinates" not in geometry:
        raise GeometryError(f"the {kind} has no coordinates")
    return geometry["coordinates"]


def _position(value: Any, where: str) -> Position:
    if not isinstance(value, list) or not 2 <= len(value) <= 4 or not all(map(_is_number, value)):
        raise GeometryError(f"{where} is not a position [longitude, latitude] of finite numbers")
    longitude, latitude = float(value[0]), float(value[1])
    if not -90 <= latitude <= 90:
        raise GeometryError(f"latitude {latitude:g} is not between -90 and 90")
    return round(longitude, DECIMALS) + 0.0, round(latitude, DECIMALS) + 0.0  # + 0.0: no "-0.0"


def _ring(ring: Any, number: int) -> list[Position]:
    if not isinstance(ring, list):
        raise GeometryError(f"ring {number} is not a list of positions")
    if len(ring) < 4:
        raise GeometryError(f"ring {number} has {len(ring)} positions, a closed ring has 4 or more")
    positions = [_position(value, f"position {i} of ring {number}") for i, value in enumerate(ring, 1)]
    for longitude, _ in positions:
        if abs(longitude) > MAX_LONGITUDE:
            raise GeometryError(
                f"longitude {longitude:g} is not between -{MAX_LONGITUDE:g} and {MAX_LONGITUDE:g}"
            )
    if positions[0] != positions[-1]:
        raise GeometryError(f"ring {number} is open: its last position must repeat its first")
    return positions


def _invalidity(polygon: Polygon) -> str:
    """Put shapely's word for an invalid polygon, such as "Self-intersection[5 5]", in a sentence."""
    reason, _, place = explain_validity(polygon).partition("[")
    where = f" at {place.rstrip(']').replace(' ', ', ')}" if place else ""
    known = {
        "Self-intersection": "the ring crosses itself",
        "Ring Self-intersection": "the ring touches itself",
        "Hole lies outside shell": "a hole lies outside the polygon",
        "Holes are nested": "a hole lies inside another hole",
        "Interior is disconnected": "the holes cut the polygon apart",
        "Too few points in geometry component": "the ring has no extent",
    }
    return known.get(reason, f"not a valid polygon ({reason.lower()})") + where


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and abs(value) < 1e300
        and math.isfinite(value)
    )


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise GeometryError(f"{text[:20]} is not a finite number")
    return value


def _no_constant(text: str) -> float:
    raise GeometryError(f"{text} is not allowed in JSON")
