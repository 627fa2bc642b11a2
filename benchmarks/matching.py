"""Find the areas that cover a point: `AreaIndex`, a loop over prepared polygons, PostGIS with GiST."""

from __future__ import annotations

import json
import math
import os
import random
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from postgis import PostGis, binaries, versions
from servers import ROOT, is_installed

sys.path.insert(0, str(ROOT))

import shapely
from shapely.geometry import Point, Polygon, mapping

from geo.index import AreaIndex

SIZES = (100, 10_000, 100_000)
LEVEL = 3


def polygon(source: random.Random, longitude: float, latitude: float, radius: float) -> Polygon:
    """Return a star-shaped polygon of 8 to 60 vertices around a position."""
    count = source.randint(8, 60)
    corners = []
    for number in range(count):
        angle = 2 * math.pi * number / count
        length = radius * source.uniform(0.6, 1)
        corners.append((longitude + length * math.cos(angle), latitude + length * math.sin(angle)))
    return Polygon(corners)


def polygons(count: int) -> list[Polygon]:
    """Return polygons all over the world that overlap: a point is in about two of them."""
    source = random.Random(count)
    radius = math.sqrt(2 * 360 * 140 / count / 2)
    return [
        polygon(source, source.uniform(-175, 175), source.uniform(-70, 70), min(radius, 20))
        for _ in range(count)
    ]


def collection(count: int, place: list[float]) -> dict[str, Any]:
    """Return a FeatureCollection of areas, the first of which covers the position."""
    found = [polygon(random.Random(1), *place, 0.5), *polygons(count - 1)]
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "geometry": mapping(one),
                "properties": {"name": f"Area {number}", "severity": "ME"},
            }
            for number, one in enumerate(found)
        ],
    }


def median_us(ask: Callable[[float, float], object], points: list[tuple[float, float]]) -> list[float]:
    times = []
    for point in points:
        start = time.perf_counter()
        ask(*point)
        times.append((time.perf_counter() - start) * 1e6)
    return times


def matching(*, toy: bool) -> dict[str, Any]:
    """Measure all three in turn at each size: the median time of a query, and the cost of saving one area."""
    sizes, rounds, asked = ((100,), 2, 20) if toy else (SIZES, 5, 400)
    rows = {}
    server = None
    if not toy and binaries() and is_installed("psycopg"):
        server = PostGis(os.sched_getaffinity(0))  # on the client's core: the fastest connection
    try:
        for size in sizes:
            rows[str(size)] = _size(size, rounds, asked, server)
    finally:
        if server:
            server.__exit__()
    return {"rows": rows} | ({"version": versions()} if server else {})


def _size(size: int, rounds: int, asked: int, server: PostGis | None) -> dict[str, float]:
    shapes = polygons(size)
    areas = [(number, LEVEL, shape) for number, shape in enumerate(shapes)]
    start = time.perf_counter()
    index = AreaIndex(range(size), [LEVEL] * size, shapes)
    found = {"build_ms": (time.perf_counter() - start) * 1e3}
    shapely.prepare(shapes)

    def loop(longitude: float, latitude: float) -> list[int]:
        point = Point(longitude, latitude)
        return [number for number, level, shape in areas if level <= LEVEL and shape.covers(point)]

    ways: dict[str, Callable[[float, float], Any]] = {
        "index": lambda longitude, latitude: index.covering(longitude, latitude, LEVEL),
        "loop": loop,
    }
    if server:
        ways["postgis"] = _postgis(server, shapes)
    source = random.Random(7)
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        points = [(source.uniform(-175, 175), source.uniform(-70, 70)) for _ in range(asked)]
        for point in points[:20]:
            answers = {name: ask(*point) for name, ask in ways.items()}
            assert all(answer == answers["loop"] for answer in answers.values()), answers
        for name, ask in ways.items():
            few = points if name != "loop" else points[: max(5, 20_000 // size)]
            times[name] += median_us(ask, few)
    found |= {f"{name}_us": statistics.median(one) for name, one in times.items()}
    found |= _saving(index, size)
    if server:
        found["postgis_to_index"] = found["postgis_us"] / found["index_us"]
    return found


def _saving(index: AreaIndex, size: int) -> dict[str, float]:
    """Change areas one by one with a query after each, as saves of areas and incidents alternate."""
    source = random.Random(3)
    times = []
    for number in range(600):
        shape = polygon(source, source.uniform(-175, 175), source.uniform(-70, 70), 1)
        start = time.thread_time()  # only CPU time blocks the loop
        index.put(number % size, LEVEL, shape)
        index.covering(0, 0, LEVEL)
        times.append((time.thread_time() - start) * 1e3)
    return {"save_ms": statistics.median(times), "save_worst_ms": max(times)}


def _postgis(server: PostGis, shapes: list[Polygon]) -> Callable[[float, float], list[int]]:
    import psycopg

    connection = psycopg.connect(host=server.folder, user="postgres", dbname="postgres", autocommit=True)
    connection.execute("CREATE EXTENSION IF NOT EXISTS postgis")
    connection.execute("DROP TABLE IF EXISTS area")
    connection.execute("CREATE TABLE area (id int PRIMARY KEY, level int, polygon geometry(Polygon, 4326))")
    with connection.cursor().copy("COPY area FROM STDIN") as copy:
        for number, shape in enumerate(shapes):
            copy.write_row((number, LEVEL, shapely.to_wkb(shape, hex=True, include_srid=False)))
    connection.execute("CREATE INDEX ON area USING gist (polygon)")
    connection.execute("VACUUM ANALYZE area")
    query = (
        "SELECT id FROM area, (SELECT ST_SetSRID(ST_MakePoint(%s, %s), 4326) AS point) AS asked "
        "WHERE polygon && point AND level <= %s AND ST_Covers(polygon, point) ORDER BY id"
    )
    cursor = connection.cursor()

    def ask(longitude: float, latitude: float) -> list[int]:
        cursor.execute(query, (longitude, latitude, LEVEL), prepare=True)
        return [row[0] for row in cursor.fetchall()]

    return ask


if __name__ == "__main__":
    print(json.dumps(matching(toy=False), indent=1))
