"""A city's streets: from an extract of OpenStreetMap to an archive of tiles in the Protomaps schema.

Shapes are cut into tiles one by one, and wait in a file. So memory holds the positions of the extract's nodes
(16 bytes each), and otherwise one shape and one tile.
Needs the packages of requirements-streets.txt.
"""

from __future__ import annotations

import gzip
import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy
import shapely
from shapely.geometry.base import BaseGeometry
from tqdm import tqdm

from commands import street_features
from commands.street_features import Box, Feature, Unreadable
from storage import streets

ZOOMS = (10, 14)  # the map enlarges the last one
EXTENT = 4096  # units along the side of a tile
MARGIN = 64  # units that tiles overlap, so that wide lines are not cut at the edge
TOLERANCE = 4  # units; half a pixel
SMALLEST = 64  # square units; one pixel
MAX_EXTRACT = 100 << 20  # bytes; a city has 50 MB
MAX_TILES = 20_000  # of the last zoom, each 2.4 km wide at the equator; a city has hundreds
ROOM = 6  # bytes of the disk for each byte of the extract, for waiting shapes and the archive
CREDIT = '<a href="https://www.openstreetmap.org/copyright">© OpenStreetMap contributors</a>'
LAYERS = ("earth", "landuse", "water", "roads", "buildings", "places")

Tile = tuple[int, int, int]  # zoom, x, y


def make(source: Path, folder: Path) -> streets.Archive:
    """Make an archive of an extract in the folder. Nothing is left of one that breaks off.

    Raises BadArchive, OSError.
    """
    size = source.stat().st_size
    if size > MAX_EXTRACT:
        raise streets.BadArchive(
            f"It is too large: at most {MAX_EXTRACT >> 20} MiB are converted. Cut out the city first."
        )
    try:
        box = street_features.box_of(source)
        check_box(box)
        streets.begin(folder)
        streets.check_space(folder, size * ROOM)
        name = streets.name_for(source.name)
        waiting, part = (
            folder / f"{name}.{os.getpid()}.{kind}{streets.PART}" for kind in ("shapes", "tiles")
        )
        try:
            _make(source, box, waiting, part)
            return streets.finish(part, name)
        finally:
            waiting.unlink(missing_ok=True)
            part.unlink(missing_ok=True)
    except Unreadable as error:
        raise streets.BadArchive(f"It is no complete extract of OpenStreetMap: {error}.") from error
    except sqlite3.Error as error:
        raise OSError(f"the disk can't take the tiles: {error}") from error


def check_box(box: Box) -> None:
    """Raise BadArchive if a box covers more than a city and its surroundings."""
    west, north, east, south = project_box(box).bounds
    side = 1 << ZOOMS[1]
    if ((east - west) * side + 1) * ((south - north) * side + 1) > MAX_TILES:
        raise streets.BadArchive("It covers more than a city and its surroundings. Cut out the city first.")


def project_box(box: Box) -> BaseGeometry:
    """Return the rectangle of a box on the Mercator map."""
    return street_features.project(shapely.box(*box))


def _make(source: Path, box: Box, waiting: Path, part: Path) -> None:
    with closing(sqlite3.connect(waiting, isolation_level=None)) as pieces:
        pieces.execute("PRAGMA journal_mode = OFF")
        pieces.execute("PRAGMA synchronous = OFF")
        pieces.execute("CREATE TABLE piece (tile INTEGER, layer TEXT, properties TEXT, shape BLOB)")
        pieces.execute("BEGIN")
        with tqdm(desc="Reading", unit=" objects", unit_scale=True, disable=None, leave=False) as bar:
            found = street_features.features_of(source, box, bar.update)
            pieces.executemany("INSERT INTO piece VALUES (?, ?, ?, ?)", _pieces(found, project_box(box)))
        pieces.execute("CREATE INDEX by_tile ON piece (tile)")
        pieces.execute("COMMIT")
        (count,) = pieces.execute("SELECT COUNT(DISTINCT tile) FROM piece").fetchone()
        with tqdm(desc="Writing", unit=" tiles", total=count, disable=None, leave=False) as bar:
            rows = pieces.execute("SELECT tile, layer, properties, shape FROM piece ORDER BY tile, rowid")
            _write(part, rows, box, bar.update)


def _pieces(features: Iterable[Feature], frame: BaseGeometry) -> Iterator[tuple[int, str, str, bytes]]:
    from pmtiles.tile import zxy_to_tileid

    for feature in features:
        properties = json.dumps(feature.properties, ensure_ascii=False, sort_keys=True)
        for tile, shape in cut(feature, frame):
            yield zxy_to_tileid(*tile), feature.layer, properties, shapely.to_wkb(shape)


def cut(feature: Feature, frame: BaseGeometry) -> Iterator[tuple[Tile, BaseGeometry]]:
    """Give the part of a feature in each tile that it touches, in the tile's units.

    The frame is a rectangle, outside of which everything is cut off.
    """
    shape = shapely.clip_by_rect(feature.shape, *frame.bounds)
    if not shape.is_empty:
        yield from _cut(shape, feature.first_zoom, _tiles(shape, feature.first_zoom))


def _cut(
    shape: BaseGeometry, zoom: int, tiles: Iterable[tuple[int, int]]
) -> Iterator[tuple[Tile, BaseGeometry]]:
    side = 1 << zoom
    margin = MARGIN / EXTENT
    for x, y in tiles:
        edges = ((x - margin) / side, (y - margin) / side, (x + 1 + margin) / side, (y + 1 + margin) / side)
        inside = shapely.clip_by_rect(shape, *edges)
        if inside.is_empty:
            continue
        drawn = _in_units(inside, zoom, x, y)
        if drawn is not None:
            yield (zoom, x, y), drawn
        if zoom < ZOOMS[1]:
            children = {(2 * x + i, 2 * y + j) for i in (0, 1) for j in (0, 1)}
            yield from _cut(inside, zoom + 1, children.intersection(_tiles(inside, zoom + 1)))


def _tiles(shape: BaseGeometry, zoom: int) -> Iterator[tuple[int, int]]:
    """Give the tiles that the bounds of a shape touch, with the margin around them."""
    side = 1 << zoom
    margin = MARGIN / EXTENT
    west, north, east, south = (bound * side for bound in shape.bounds)
    for x in range(max(0, int(west - margin)), min(side - 1, int(east + margin)) + 1):
        for y in range(max(0, int(north - margin)), min(side - 1, int(south + margin)) + 1):
            yield x, y


def _in_units(shape: BaseGeometry, zoom: int, x: int, y: int) -> BaseGeometry | None:
    """Return a shape in the whole units of a tile, simplified, or None if nothing of it would be seen."""
    scale = EXTENT << zoom
    offset = numpy.array([x * EXTENT, y * EXTENT])
    units = shapely.transform(shape, lambda positions: positions * scale - offset)
    if units.area and units.area < SMALLEST:
        return None
    kind = units.geom_type.removeprefix("Multi")
    plain = shapely.make_valid(shapely.simplify(units, TOLERANCE, preserve_topology=True))
    whole = shapely.set_precision(plain, 1)
    parts = [part for part in shapely.get_parts(whole) if part.geom_type == kind and not part.is_empty]
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else type(whole)(parts) if whole.geom_type == f"Multi{kind}" else None


def _write(
    part: Path, rows: Iterable[tuple[int, str, str, bytes]], box: Box, step: Callable[[int], Any]
) -> None:
    from pmtiles.writer import Writer

    with part.open("xb") as file:
        writer = Writer(file)
        with closing(writer.tile_f):  # a break leaves it open otherwise
            for tile, group in groupby(rows, lambda row: row[0]):
                writer.write_tile(tile, gzip.compress(encode([row[1:] for row in group]), mtime=0))
                step(1)
            writer.finalize(_header(box), {"vector_layers": _layers(), "attribution": CREDIT})


def _layers() -> list[dict[str, Any]]:
    return [{"id": layer, "fields": {"kind": "String", "name": "String"}} for layer in LAYERS]


def _header(box: Box) -> dict[str, Any]:
    from pmtiles.tile import Compression, TileType

    west, south, east, north = (round(degree * 1e7) for degree in box)
    return {
        "tile_type": TileType.MVT,
        "tile_compression": Compression.GZIP,
        "min_lon_e7": west,
        "min_lat_e7": south,
        "max_lon_e7": east,
        "max_lat_e7": north,
        "center_zoom": ZOOMS[0],
        "center_lon_e7": (west + east) // 2,
        "center_lat_e7": (south + north) // 2,
    }


def encode(pieces: list[tuple[str, str, bytes]]) -> bytes:
    """Return a Mapbox Vector Tile of layers, properties (JSON) and shapes (WKB).

    Lines with the same properties, such as those of one street, are joined.
    """
    import mapbox_vector_tile

    shapes: dict[tuple[str, str, str], list[BaseGeometry]] = {}
    for layer, properties, wkb in pieces:
        for part in shapely.get_parts(shapely.from_wkb(wkb)):
            shapes.setdefault((layer, properties, part.geom_type), []).append(part)
    layers: dict[str, list[dict[str, Any]]] = {}
    for (layer, properties, kind), parts in shapes.items():
        joined = [shapely.line_merge(shapely.multilinestrings(parts))] if kind == "LineString" else parts
        layers.setdefault(layer, []).extend(
            {"geometry": shape, "properties": json.loads(properties)} for shape in joined
        )
    return mapbox_vector_tile.encode(
        [{"name": name, "features": features} for name, features in layers.items()],
        default_options={"y_coord_down": True, "extents": EXTENT},
    )
