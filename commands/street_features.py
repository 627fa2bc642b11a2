"""The features of an extract of OpenStreetMap, in the layers and kinds of the Protomaps schema.

Needs osmium, of requirements-streets.txt. Tags: https://wiki.openstreetmap.org/wiki/Map_features
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy
import shapely
from shapely.geometry.base import BaseGeometry

MAX_LATITUDE = 85.05  # degrees; the Mercator map ends there
KEYS = (
    "place",
    "highway",
    "railway",
    "building",
    "landuse",
    "leisure",
    "natural",
    "waterway",
    "amenity",
    "aeroway",
)
AREA_KEYS = KEYS[3:]
BUILDINGS_FROM = 14  # zoom

# The kind of a road, and the zoom from which tiles have it.
ROADS = {
    **dict.fromkeys(("motorway", "motorway_link"), ("highway", 10)),
    **dict.fromkeys(("trunk", "trunk_link", "primary", "primary_link"), ("major_road", 10)),
    **dict.fromkeys(("secondary", "secondary_link"), ("major_road", 10)),
    **dict.fromkeys(("tertiary", "tertiary_link"), ("major_road", 11)),
    **dict.fromkeys(("residential", "unclassified", "road", "living_street"), ("minor_road", 12)),
    **dict.fromkeys(("service", "busway", "raceway"), ("minor_road", 13)),
    **dict.fromkeys(
        ("pedestrian", "track", "path", "footway", "cycleway", "bridleway", "steps"), ("path", 14)
    ),
}
RAILS = dict.fromkeys(("rail", "light_rail", "subway", "tram", "narrow_gauge", "funicular"), ("rail", 10))
WATERWAYS = {"river": 10, "canal": 11, "stream": 13, "drain": 14, "ditch": 14}
# The kind of a place, the zoom from which tiles have it, and its rank among others.
PLACES = {
    "city": ("locality", 10, 12),
    "town": ("locality", 10, 9),
    "village": ("locality", 11, 6),
    "hamlet": ("locality", 12, 3),
    "suburb": ("macrohood", 12, 5),
    "quarter": ("neighbourhood", 13, 4),
    "neighbourhood": ("neighbourhood", 13, 2),
}
USES = {
    "landuse": {
        "residential", "commercial", "industrial", "retail", "railway", "forest", "grass", "meadow",
        "cemetery", "recreation_ground", "village_green", "orchard", "allotments",
    },
    "leisure": {"park", "garden", "golf_course", "pitch", "playground", "nature_reserve"},
    "natural": {"wood", "scrub", "grassland"},
    "amenity": {"school", "university", "college", "hospital"},
    "aeroway": {"aerodrome"},
}  # fmt: skip
WATERS = {"natural": {"water"}, "waterway": {"riverbank", "dock"}, "landuse": {"reservoir", "basin"}}

Tags = Mapping[str, str]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Feature:
    """A shape of one layer. Its coordinates are the Mercator map's: 0 to 1, from the north-west corner."""

    layer: str
    shape: BaseGeometry
    first_zoom: int
    properties: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Drawn:
    """The layer and kind of an object by its tags, and the zoom from which tiles have it."""

    layer: str
    kind: str
    first_zoom: int
    rank: int = 0


class Unreadable(Exception):
    """The file is no whole extract. The text is the reason."""


def line_of(tags: Tags) -> Drawn | None:
    """Return what a way is drawn as, or None."""
    if found := ROADS.get(tags.get("highway", "")) or RAILS.get(tags.get("railway", "")):
        return Drawn("roads", *found)
    waterway = tags.get("waterway", "")
    if waterway in WATERWAYS and tags.get("tunnel", "no") == "no":
        return Drawn("water", waterway, WATERWAYS[waterway])
    return None


def area_of(tags: Tags) -> Drawn | None:
    """Return what an area is drawn as, or None."""
    if any(tags.get(key) in values for key, values in WATERS.items()):
        return Drawn("water", "water", 10)
    if tags.get("building", "no") != "no":
        return Drawn("buildings", "building", BUILDINGS_FROM)
    for key, values in USES.items():
        if (kind := tags.get(key)) in values:
            return Drawn("landuse", str(kind), 10)
    return None


def place_of(tags: Tags) -> Drawn | None:
    """Return what a node is drawn as, or None. A place without a name is not drawn."""
    found = PLACES.get(tags.get("place", ""))
    return Drawn("places", *found) if found and tags.get("name") else None


def project(shape: BaseGeometry) -> BaseGeometry:
    """Return a shape of longitudes and latitudes in degrees on the Mercator map, see Feature."""

    def convert(positions: Any) -> Any:
        latitude = numpy.radians(numpy.clip(positions[:, 1], -MAX_LATITUDE, MAX_LATITUDE))
        return numpy.column_stack(
            [(positions[:, 0] + 180) / 360, (1 - numpy.arcsinh(numpy.tan(latitude)) / math.pi) / 2]
        )

    return shapely.transform(shape, convert)


def box_of(path: Path) -> Box:
    """Return west, south, east and north of an extract in degrees: its header's, or those of its nodes.

    Raises Unreadable.
    """
    import osmium

    file = osmium.io.File(str(path), "pbf")
    try:
        with osmium.io.Reader(file, osmium.osm.NOTHING) as reader:
            box = reader.header().box()
        if not box.valid():
            nodes: Any = osmium.FileProcessor(file, osmium.osm.NODE)
            for node in nodes:
                box.extend(node.location)
    except (RuntimeError, ValueError) as error:
        raise Unreadable(str(error)) from error
    if not box.valid():
        raise Unreadable("it has no nodes")
    low, high = box.bottom_left, box.top_right
    return low.lon, low.lat, high.lon, high.lat


def features_of(path: Path, box: Box, step: Callable[[int], Any]) -> Iterator[Feature]:
    """Give the features of an extract, the land and the sea last.

    `step` gets the number of objects read since its last call.
    Objects that lack a part, as at the border of an extract, are left out. Raises Unreadable.
    """
    import osmium

    source = osmium.FileProcessor(osmium.io.File(str(path), "pbf")).with_locations("flex_mem")
    areas = source.with_areas(osmium.filter.KeyFilter(*AREA_KEYS))
    shapes = osmium.geom.WKBFactory()
    coast: list[BaseGeometry] = []
    try:
        entries: Any = areas.with_filter(osmium.filter.KeyFilter(*KEYS))
        for entry in entries:
            step(1)
            tags = {tag.k: tag.v for tag in entry.tags}
            is_coast = entry.is_way() and tags.get("natural") == "coastline"
            drawn = _drawn(entry, tags)
            shape = _shape(entry, shapes) if drawn or is_coast else None
            if shape is None:
                continue
            if is_coast:
                coast.append(shape)
            if drawn:
                yield Feature(drawn.layer, project(shape), drawn.first_zoom, _properties(drawn, tags))
    except (RuntimeError, ValueError) as error:
        raise Unreadable(str(error)) from error
    yield from land_and_sea(coast, box)


def _drawn(entry: Any, tags: Tags) -> Drawn | None:
    if entry.is_area():
        return area_of(tags)
    if entry.is_way():
        return line_of(tags)
    return place_of(tags) if entry.is_node() else None


def _shape(entry: Any, shapes: Any) -> BaseGeometry | None:
    """Return the shape of an object in degrees, or None if it lacks a part."""
    from osmium import InvalidLocationError

    try:
        if entry.is_node():
            text = shapes.create_point(entry)
        else:
            text = shapes.create_linestring(entry) if entry.is_way() else shapes.create_multipolygon(entry)
    except (InvalidLocationError, RuntimeError):  # of this object only; one in the file comes from the loop
        return None
    return shapely.from_wkb(bytes.fromhex(text) if isinstance(text, str) else text)


def _properties(drawn: Drawn, tags: Tags) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": drawn.kind}
    if drawn.layer in ("roads", "places") and (name := tags.get("name")):
        found["name"] = name
    if drawn.rank:
        found["population_rank"] = drawn.rank
    return found


def land_and_sea(coast: list[BaseGeometry], box: Box) -> Iterator[Feature]:
    """Give the land and the sea within the box. Land is on the left of a coastline.

    Without a coastline all is land.
    """
    frame = shapely.box(*box)
    lines = [line for line in coast if line.intersects(frame)]
    edges = shapely.union_all([frame.boundary, *(shapely.intersection(line, frame) for line in lines)])
    coasts = shapely.STRtree(lines)
    for face in shapely.get_parts(shapely.polygonize([*shapely.get_parts(edges)])):
        layer, kind = ("water", "ocean") if _is_sea(face, coasts) else ("earth", "earth")
        yield Feature(layer, project(face), 10, {"kind": kind})


def _is_sea(face: BaseGeometry, coasts: Any) -> bool:
    """Return whether the face is on the right of most of the coastline around it."""
    balance = 0.0
    for index in coasts.query(face, predicate="intersects"):
        for part in shapely.get_parts(shapely.intersection(coasts.geometries[index], face.boundary)):
            if part.geom_type == "LineString" and part.length:
                middle = part.interpolate(0.5, normalized=True)
                balance += part.length * _side(coasts.geometries[index], middle, face)
    return balance < 0


def _side(line: BaseGeometry, point: Any, face: BaseGeometry) -> int:
    """Return 1 if the face is on the left of the line at the point, and -1 on its right."""
    at = line.project(point)
    step = min(line.length, 1e-5)  # degrees; about a metre
    start, end = line.interpolate(max(0, at - step)), line.interpolate(min(line.length, at + step))
    along = math.hypot(end.x - start.x, end.y - start.y) or 1
    left = shapely.Point(
        point.x - (end.y - start.y) / along * step / 10, point.y + (end.x - start.x) / along * step / 10
    )
    return 1 if face.contains(left) else -1
