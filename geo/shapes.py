"""What polygons cost to check and to match against points, and how that is bounded.

Both costs grow with the edges that lie side by side, not with the number of positions: to tell whether a
point is inside, GEOS looks at each edge whose latitudes include the point's. A coast of 10,000 positions has
some dozens of those; a zigzag of as many may have thousands. If its teeth point north, a meridian still
crosses few of them, so that exchanging longitudes with latitudes makes it cheap; if they point north-east,
nothing does.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import shapely
from shapely.geometry import Polygon

MAX_CROSSINGS = 300  # edges of a polygon that lie side by side: its check then takes 0.05 s at most
MAX_WORK = 1_000_000  # edges looked at in one piece of matching: 10 to 20 ms
POINT_WORK = 20  # edges that a point costs at least, however simple the polygon
LONGITUDE, LATITUDE = 0, 1  # the columns of a position


def crossings(polygon: Polygon) -> int:
    """Return how many edges a parallel crosses at most, or a meridian, if that is less.

    Edges that run along it do not count: a border on a parallel may have thousands of positions.
    """
    counts = []
    for axis in (LATITUDE, LONGITUDE):
        low, high = _spans([polygon], axis)
        across = low < high
        counts.append(_most(low[across], high[across]))
    return min(counts)


def _spans(polygons: list[Polygon], axis: int) -> tuple[Any, Any]:
    """Return the lower and the higher end of each edge on an axis, as two arrays."""
    positions, ring = shapely.get_coordinates(shapely.get_rings(polygons), return_index=True)
    same = ring[1:] == ring[:-1]
    a, b = positions[:-1, axis][same], positions[1:, axis][same]
    return np.minimum(a, b), np.maximum(a, b)


def _most(low: Any, high: Any) -> int:
    """Return how many spans share one place, at most."""
    return int(_count(np.sort(low), np.sort(high), low).max(initial=0))


def _count(low: Any, high: Any, places: Any) -> Any:
    """Count for each place the spans that include it, of which `low` and `high` are the sorted ends."""
    return np.searchsorted(low, places, "right") - np.searchsorted(high, places, "left")


def _exchanged(polygon: Polygon) -> Polygon:
    return shapely.transform(polygon, lambda positions: positions[:, ::-1])


class Matcher:
    """Tells which positions some polygons cover, in pieces of at most MAX_WORK.

    A point on an edge is covered. A position that costs more than a piece may is a piece of its own.
    """

    def __init__(self, polygons: list[Polygon]) -> None:
        spans = {axis: _spans(polygons, axis) for axis in (LATITUDE, LONGITUDE)}
        self._axis = min(spans, key=lambda axis: _most(*spans[axis]))
        self._polygons = polygons if self._axis == LATITUDE else list(map(_exchanged, polygons))
        shapely.prepare(self._polygons)
        self._low, self._high = map(np.sort, spans[self._axis])

    def work(self, positions: Any) -> Any:
        """Return how many edges must be looked at for each of an array of positions."""
        return POINT_WORK + _count(self._low, self._high, positions[:, self._axis])

    def pieces(self, positions: list[tuple[float, float]]) -> Iterator[list[bool]]:
        """Yield for each position, in order, whether it is covered."""
        array = np.array(positions, dtype=float).reshape(-1, 2)
        x, y = array.T if self._axis == LATITUDE else array.T[::-1]
        piece = np.cumsum(self.work(array)) // MAX_WORK  # the number of the piece that each position is in
        starts = np.flatnonzero(np.diff(piece, prepend=-1)).tolist()
        for start, end in pairwise([*starts, len(y)]):
            hits = [shapely.intersects_xy(shape, x[start:end], y[start:end]) for shape in self._polygons]
            yield np.any(hits, axis=0).tolist()
