"""Matching positions against polygons, in bounded pieces; and the bound on how costly a polygon may be.

GEOS examines each edge whose range of latitudes includes that of the position. So the cost of checking and
of matching grows with the number of edges side by side, not with the number of positions. A coast of 10,000
positions has some dozens of such edges; a zigzag may have thousands. If its teeth point north, few of them
cross one meridian: then it is cheap to match with longitudes and latitudes exchanged. If they point
north-east, that does not help.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from base.lazy import Lazy

if TYPE_CHECKING:
    from shapely.geometry import Polygon

np: Any = Lazy("numpy")
shapely: Any = Lazy("shapely")

MAX_CROSSINGS = 300  # edges of a polygon that lie side by side: its check then takes 0.05 s at most
MAX_WORK = 1_000_000  # edges examined in one piece of matching: 10 to 20 ms
POINT_WORK = 20  # the least cost of a position, in edges, however simple the polygon is
LONGITUDE, LATITUDE = 0, 1  # the columns of a position


def crossings(polygon: Polygon) -> int:
    """Return the most edges that one parallel crosses, or one meridian, whichever is less.

    Edges along the parallel or meridian do not count: a border on a parallel may have thousands of positions.
    """
    counts = []
    for axis in (LATITUDE, LONGITUDE):
        low, high = _spans([polygon], axis)
        across = low < high
        counts.append(_most(low[across], high[across]))
    return min(counts)


def _spans(polygons: list[Polygon], axis: int) -> tuple[Any, Any]:
    """Return each edge's lower and higher end on an axis, as two arrays."""
    positions, ring = shapely.get_coordinates(shapely.get_rings(polygons), return_index=True)
    same = ring[1:] == ring[:-1]
    a, b = positions[:-1, axis][same], positions[1:, axis][same]
    return np.minimum(a, b), np.maximum(a, b)


def _most(low: Any, high: Any) -> int:
    """Return the most spans that share one value."""
    return int(_count(np.sort(low), np.sort(high), low).max(initial=0))


def _count(low: Any, high: Any, values: Any) -> Any:
    """Return for each value how many spans include it; `low` and `high` are the spans' sorted ends."""
    return np.searchsorted(low, values, "right") - np.searchsorted(high, values, "left")


def _exchanged(polygon: Polygon) -> Polygon:
    return shapely.transform(polygon, lambda positions: positions[:, ::-1])


class Matcher:
    """Finds the positions that any of some polygons covers, in pieces of at most MAX_WORK.

    A position on an edge is covered. A position that costs more than MAX_WORK is a piece of its own.
    """

    def __init__(self, polygons: list[Polygon]) -> None:
        spans = {axis: _spans(polygons, axis) for axis in (LATITUDE, LONGITUDE)}
        self._axis = min(spans, key=lambda axis: _most(*spans[axis]))
        self._polygons = polygons if self._axis == LATITUDE else list(map(_exchanged, polygons))
        shapely.prepare(self._polygons)
        self._low, self._high = map(np.sort, spans[self._axis])

    def work(self, positions: Any) -> Any:
        """Return for each of an array of positions how many edges must be examined."""
        return POINT_WORK + _count(self._low, self._high, positions[:, self._axis])

    def pieces(self, positions: list[tuple[float, float]]) -> Iterator[list[bool]]:
        """Yield lists with a boolean for each position, in order: whether it is covered."""
        array = np.array(positions, dtype=float).reshape(-1, 2)
        x, y = array.T if self._axis == LATITUDE else array.T[::-1]
        piece = np.cumsum(self.work(array)) // MAX_WORK  # the number of the piece that each position is in
        starts = np.flatnonzero(np.diff(piece, prepend=-1)).tolist()
        for start, end in pairwise([*starts, len(y)]):
            hits = [shapely.intersects_xy(shape, x[start:end], y[start:end]) for shape in self._polygons]
            yield np.any(hits, axis=0).tolist()
