"""Small PMTiles archives of vector tiles, made from GeoJSON-like features: just enough to draw a town.

Formats: PMTiles version 3 (header of 127 bytes, one root directory, tiles along a Hilbert curve) and Mapbox
Vector Tile 2.1. Nothing is clipped, compressed or split into leaf directories, as befits a few streets.
"""

import json
import math
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

EXTENT = 4096  # units along the side of a tile
HEADER = 127  # bytes
SHAPES = {"Point": 1, "LineString": 2, "Polygon": 3}
NO_COMPRESSION, MVT = 1, 1

Position = tuple[float, float]


@dataclass(frozen=True)
class Drawn:
    """A feature: its layer, shape, positions (of a polygon: the ring without its last one), properties."""

    layer: str
    shape: str
    positions: Sequence[Position]
    properties: dict[str, Any] = field(default_factory=dict)


def write_archive(path: Path, features: Sequence[Drawn], zooms: Iterable[int], **metadata: Any) -> None:
    """Write all features into tiles of these zooms. The metadata has the names of the layers."""
    zooms = list(zooms)
    box = _box(features)
    tiles = {}
    for zoom in zooms:
        west, north = _tile(box[0], box[3], zoom)
        east, south = _tile(box[2], box[1], zoom)
        for x in range(int(west), int(east) + 1):
            for y in range(int(north), int(south) + 1):
                tiles[_hilbert(zoom, x, y)] = _encode_tile(features, zoom, x, y)
    layers = sorted({feature.layer for feature in features})
    described = {"vector_layers": [{"id": layer, "fields": {}} for layer in layers], **metadata}
    path.write_bytes(_archive(dict(sorted(tiles.items())), described, zooms, box))


def _archive(
    tiles: dict[int, bytes], metadata: dict[str, Any], zooms: list[int], box: Sequence[float]
) -> bytes:
    directory = _directory(tiles)
    described = json.dumps(metadata).encode()
    data = b"".join(tiles.values())
    start = HEADER + len(directory) + len(described)
    places = [HEADER, len(directory), HEADER + len(directory), len(described), start, 0, start, len(data)]
    degrees = [round(degree * 1e7) for degree in box]
    header = b"PMTiles\x03" + struct.pack("<8Q3Q", *places, *[len(tiles)] * 3)
    header += bytes([1, NO_COMPRESSION, NO_COMPRESSION, MVT, zooms[0], zooms[-1]])
    header += struct.pack("<4iB2i", *degrees, zooms[0], degrees[0], degrees[1])
    assert len(header) == HEADER
    return header + directory + described + data


def _directory(tiles: dict[int, bytes]) -> bytes:
    ids = list(tiles)
    steps = [after - before for before, after in zip([0, *ids], ids, strict=False)]
    offsets = [1] + [0] * (len(ids) - 1)  # one more than the first, then "right behind the one before"
    sizes = [len(tile) for tile in tiles.values()]
    return _varints([len(ids), *steps, *[1] * len(ids), *sizes, *offsets])


def _hilbert(zoom: int, x: int, y: int) -> int:
    """Return the number of a tile: lower zooms come first, then the tiles along a Hilbert curve."""
    number, side = 0, 1 << zoom
    half = side >> 1
    while half:
        right, down = int(x & half > 0), int(y & half > 0)
        number += half * half * ((3 * right) ^ down)
        if not down:
            if right:
                x, y = side - 1 - x, side - 1 - y
            x, y = y, x
        half >>= 1
    return ((1 << 2 * zoom) - 1) // 3 + number


def _tile(longitude: float, latitude: float, zoom: int) -> Position:
    """Return a position in tiles, measured from the north-west corner of the Mercator map."""
    side = 1 << zoom
    y = math.asinh(math.tan(math.radians(latitude))) / math.pi
    return (longitude + 180) / 360 * side, (1 - y) / 2 * side


def _encode_tile(features: Sequence[Drawn], zoom: int, x: int, y: int) -> bytes:
    layers = {feature.layer: b"" for feature in features}
    return b"".join(_part(3, _layer(name, features, (zoom, x, y))) for name in layers)


def _layer(name: str, features: Sequence[Drawn], tile: tuple[int, int, int]) -> bytes:
    keys: list[str] = []
    values: list[Any] = []
    body = b""
    for each in (each for each in features if each.layer == name):
        tags = []
        for key, value in each.properties.items():
            tags += [_index(keys, key), _index(values, value)]
        shape = _varint(3 << 3) + _varint(SHAPES[each.shape])
        body += _part(2, _part(2, _varints(tags)) + shape + _part(4, _varints(_commands(each, tile))))
    keyed = b"".join(_part(3, key.encode()) for key in keys) + b"".join(_part(4, _value(v)) for v in values)
    return _part(1, name.encode()) + body + keyed + _varints([5 << 3, EXTENT, 15 << 3, 2])


def _commands(feature: Drawn, tile: tuple[int, int, int]) -> list[int]:
    """Return the drawing commands of one feature: move to, line to, close path."""
    zoom, x, y = tile
    at = [_tile(*position, zoom) for position in feature.positions]
    points = [(round((px - x) * EXTENT), round((py - y) * EXTENT)) for px, py in at]
    if feature.shape == "Polygon" and _doubled_area(points) < 0:
        points.reverse()  # an outer ring runs clockwise on the screen
    steps = [(b[0] - a[0], b[1] - a[1]) for a, b in zip([(0, 0), *points], points, strict=False)]
    numbers = [_zigzag(number) for step in steps for number in step]
    drawn = [1 | 1 << 3, *numbers[:2]]
    if len(points) > 1:
        drawn += [2 | (len(points) - 1) << 3, *numbers[2:]]
    return [*drawn, 7 | 1 << 3] if feature.shape == "Polygon" else drawn


def _doubled_area(ring: list[tuple[int, int]]) -> int:
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, [*ring[1:], ring[0]], strict=True))


def _value(value: str | int) -> bytes:
    return _part(1, value.encode()) if isinstance(value, str) else _varints([4 << 3, value])


def _index(known: list[Any], value: Any) -> int:
    if value not in known:
        known.append(value)
    return known.index(value)


def _box(features: Sequence[Drawn]) -> tuple[float, float, float, float]:
    longitudes, latitudes = zip(*[at for feature in features for at in feature.positions], strict=True)
    return min(longitudes), min(latitudes), max(longitudes), max(latitudes)


def _part(number: int, content: bytes) -> bytes:
    """Return a field of a protocol buffer that has a length."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _zigzag(number: int) -> int:
    return (number << 1) ^ (number >> 63)


def _varints(numbers: Iterable[int]) -> bytes:
    return b"".join(_varint(number) for number in numbers)


def _varint(number: int) -> bytes:
    content = bytearray()
    while number > 0x7F:
        content.append(number & 0x7F | 0x80)
        number >>= 7
    content.append(number)
    return bytes(content)
