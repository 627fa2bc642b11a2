"""The nearest town of a position, in words. static/js/base/places.js says the same on pages.

tests/data/whereabouts.json has examples that the tests of both read.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from typing import Any

from base.lazy import Lazy

np: Any = Lazy("numpy")

EARTH_RADIUS_KM = 6371
NEAR_KM = 30  # up to this distance a place is "near"; beyond, distance and direction are given
FARTHEST_KM = 2000  # beyond this distance no town is named
DIRECTIONS = ("north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west")
STRESSED = ("GR", "CY")  # countries whose names GeoNames writes with stress marks; others do not


class Places:
    """Populated places, as in places.json of the package in `frontend/`."""

    def __init__(self, file: dict[str, Any]) -> None:
        self._names = [_full_name(name, code, file["countries"]) for name, code, *_ in file["places"]]
        self._positions = [(place[2], place[3]) for place in file["places"]]
        self._vectors = _vectors(self._positions)

    def whereabouts(self, positions: Sequence[tuple[float, float]]) -> list[str]:
        """Return for each (longitude, latitude) words such as `near Chania, Greece`; "" far from any town."""
        if not positions or not self._names:
            return [""] * len(positions)
        nearest = (_vectors(positions) @ self._vectors.T).argmax(axis=1)
        return [self._words(int(index), position) for index, position in zip(nearest, positions, strict=True)]

    def _words(self, index: int, position: tuple[float, float]) -> str:
        km, bearing = _way(self._positions[index], position)
        name = self._names[index]
        if km > FARTHEST_KM:
            return ""
        if km <= NEAR_KM:
            return f"near {name}"
        rounded = math.floor(km + 0.5) if km < 100 else math.floor(km / 10 + 0.5) * 10
        return f"{rounded} km {DIRECTIONS[math.floor(bearing / 45 + 0.5) % 8]} of {name}"


def _full_name(name: str, code: str, countries: dict[str, str]) -> str:
    if code in STRESSED:
        apart = unicodedata.normalize("NFD", name)
        name = unicodedata.normalize(
            "NFC", "".join(char for char in apart if not unicodedata.combining(char))
        )
    country = countries.get(code, "")
    return f"{name}, {country}" if country and country != name else name


def _vectors(positions: Sequence[tuple[float, float]]) -> Any:
    """Return the points on a unit sphere: an array of as many rows, with 3 columns."""
    longitude, latitude = np.radians(np.array(positions, dtype=float).reshape(-1, 2)).T
    return np.stack(
        [np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)], axis=1
    )


def _way(start: tuple[float, float], end: tuple[float, float]) -> tuple[float, float]:
    """Return the distance in km and the bearing in degrees from north, by the haversine formula."""
    from_, to = math.radians(start[1]), math.radians(end[1])
    east = math.radians(end[0] - start[0])
    half = math.sin((to - from_) / 2) ** 2 + math.cos(from_) * math.cos(to) * math.sin(east / 2) ** 2
    bearing = math.atan2(
        math.sin(east) * math.cos(to),
        math.cos(from_) * math.sin(to) - math.sin(from_) * math.cos(to) * math.cos(east),
    )
    return 2 * EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(half))), (math.degrees(bearing) + 360) % 360
