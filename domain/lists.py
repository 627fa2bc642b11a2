"""Lists of incidents and areas: filtered, sorted, and a page at a time.

A page begins after the last row of the one before, named by its key, and not after a number of rows. So rows
that are added or deleted meanwhile neither repeat nor hide others. Long lists are read in pieces, with pauses
for others in between.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from base import loop
from base.severity import Severity
from base.values import to_json
from domain.areas import AreaOfInterest
from domain.filters import Filter
from geo import geojson
from storage.engine import MAX_DIGITS, MAX_ID, database

PIECE = 2_000  # rows that are looked at, at once; others wait a few milliseconds
MOST_SORTED = 2_000  # rows that are found by counting and then sorted; more are read in the order of an index
RANK = " ".join(f"WHEN '{severity.value}' THEN {severity.level}" for severity in list(Severity)[:-1])
# The key of each order, as in the indexes of the migration 0010_lists.
KEYS = {
    "reported": "id",
    "happened": "happened",
    "closed": "coalesce(closed_at, '')",
    "name": "name COLLATE NOCASE",
    "severity": f"(CASE severity {RANK} ELSE 0 END)",
}
AREA_KEYS = {name: KEYS[name] for name in ("reported", "name", "severity")}
FALLING = ("reported", "happened", "closed", "severity")  # orders that people want from the top


@dataclass(frozen=True)
class Order:
    """An order of a list: by which key, and whether the greatest comes first."""

    name: str
    falling: bool

    @classmethod
    def read(cls, text: str, keys: dict[str, str]) -> Order:
        """Return the order of an address, such as `name`, or `-name` for the other way round."""
        name = text.removeprefix("-")
        if name not in keys:
            name, text = "reported", "reported"
        return cls(name, (name in FALLING) != text.startswith("-"))

    @property
    def text(self) -> str:
        return self.name if self.falling == (self.name in FALLING) else f"-{self.name}"

    def reversed(self) -> Order:
        return Order(self.name, not self.falling)


@dataclass(frozen=True)
class Place:
    """The place of a row in a list: its id, and its key in that order."""

    id: int
    key: str | int

    @classmethod
    def read(cls, text: str, order: Order) -> Place | None:
        """Return the place that `text` names; None if it names none in this order."""
        digits, _, key = text.partition(".")
        is_number = digits.isascii() and digits.isdigit() and len(digits) <= MAX_DIGITS
        if not (is_number and 0 < int(digits) <= MAX_ID):
            return None
        if order.name in ("reported", "severity"):
            rank = key if order.name == "severity" else digits
            return (
                cls(int(digits), int(rank)) if rank.isascii() and rank.isdigit() and len(rank) < 19 else None
            )
        return cls(int(digits), key)

    def text(self) -> str:
        return f"{self.id}.{self.key}"


@dataclass
class Rows:
    """A part of a list: ids, and where it is in the whole."""

    ids: list[int] = field(default_factory=list)
    start: int = 0  # rows before these
    total: int = 0
    before: str = ""  # the place that the page before ends at; "" if this is the first
    after: str = ""  # the place that the next page begins after; "" if this is the last


class Listing:
    """A list of a table's rows that pass a filter, in an order."""

    def __init__(self, table: str, chosen: Filter, order: Order) -> None:
        self._table = table
        self._order = order
        is_area = table == "area_of_interest"
        self._key = (AREA_KEYS if is_area else KEYS)[order.name]
        self._condition, self._values = chosen.searched() if is_area else chosen.condition()
        self._position = "0.0, 0.0" if is_area else "longitude, latitude"
        self._area = None if is_area or chosen.area is None else _Inside(chosen.area)
        # The open ones have an index of their own; the planner finds it only by these words.
        self._open = "closed = 0 AND " if not is_area and chosen.state in ("open", "unconfirmed") else ""

    def page(self, size: int, *, after: Place | None = None, before: Place | None = None) -> Rows:
        """Return at most so many rows after a place, or before it, or the first ones."""
        place, order = after or before, self._order
        total, ahead, few = self._count(place, inclusive=after is not None)
        if after is None and before is not None:
            order = order.reversed()
        rows = self._sorted(few, order, place, size) if few is not None else self._first(order, place, size)
        if order is not self._order:
            if len(rows) < size:
                return self.page(size)  # the first page, and a whole one
            rows.reverse()
            ahead -= len(rows)
        found = Rows([id_ for id_, _ in rows], max(0, ahead), total)
        if rows and found.start > 0:
            found.before = Place(*rows[0]).text()
        if rows and found.start + len(rows) < total:
            found.after = Place(*rows[-1]).text()
        return found

    def after(self, place: Place | None, size: int) -> list[tuple[int, Any]]:
        """Return (id, key) of at most so many rows after a place, without counting the others."""
        return self._first(self._order, place, size)

    def _first(self, order: Order, place: Place | None, size: int) -> list[tuple[int, Any]]:
        pieces = loop.interleaved(self._pieces(order, place))
        return list(islice((row for piece in pieces for row in piece), size))

    def _sorted(self, ids: list[int], order: Order, place: Place | None, size: int) -> list[tuple[int, Any]]:
        beyond, values = self._beyond(order, place)
        way = "DESC" if order.falling else "ASC"
        found: list[tuple[int, Any]] = database.execute_sql(
            f"SELECT id, {self._key} FROM {self._table} WHERE id IN (SELECT value FROM json_each(?)) "  # noqa: S608  # nosec B608
            f"AND {beyond} ORDER BY {self._key} {way}, id {way} LIMIT ?",
            (to_json(ids), *values, size),
        ).fetchall()
        return found

    def _beyond(self, order: Order, place: Place | None, *, inclusive: bool = False) -> tuple[str, list[Any]]:
        """Return the condition that a row is after the place. So written, SQLite begins there in an index."""
        if place is None:
            return "1", []
        compare = "<" if order.falling else ">"
        same = "=" if inclusive else ""
        condition = f"{self._key} {compare}= ? AND ({self._key} {compare} ? OR id {compare}{same} ?)"
        return f"({condition})", [place.key, place.key, place.id]

    def _pieces(self, order: Order, place: Place | None) -> Iterator[list[tuple[int, Any]]]:
        """Yield lists of the (id, key) that pass, each after a look at PIECE rows in this order."""
        way = "DESC" if order.falling else "ASC"
        is_open = self._open if order.name == "reported" else ""  # in other orders, few may be open
        last = PIECE
        while last == PIECE:
            beyond, values = self._beyond(order, place)
            rows = database.execute_sql(
                f"SELECT id, {self._key}, {self._position}, {self._condition} FROM {self._table} "  # noqa: S608  # nosec B608
                f"WHERE {is_open}{beyond} ORDER BY {self._key} {way}, id {way} LIMIT {PIECE}",
                (*self._values, *values),
            ).fetchall()
            last = len(rows)
            if rows:
                place = Place(rows[-1][0], rows[-1][1])
            yield [(id_, key) for id_, key, *_ in self._inside([row for row in rows if row[-1]])]

    def _count(self, place: Place | None, *, inclusive: bool) -> tuple[int, int, list[int] | None]:
        """Return how many rows pass, how many of these come before the place, and their ids if they are few.

        The row at the place counts as before it if `inclusive`.
        """
        total = ahead = 0
        ids: list[int] = []
        for more, before, found in loop.interleaved(self._counts(place, inclusive=inclusive)):
            total, ahead = total + more, ahead + before
            if total <= MOST_SORTED:
                ids += found
        return total, ahead, ids if total <= MOST_SORTED else None

    def _counts(self, place: Place | None, *, inclusive: bool) -> Iterator[tuple[int, int, list[int]]]:
        earlier, values = self._beyond(self._order.reversed(), place, inclusive=inclusive)
        earlier = earlier if place else "0"
        summed = f"count(*), total({earlier}), coalesce(group_concat(id), '')"
        columns = summed if self._area is None else f"id, 0, {self._position}, {earlier}"
        query = (
            f"SELECT {columns} FROM {self._table} "  # noqa: S608  # nosec B608
            f"WHERE {self._open}id > ? AND id <= ? AND {self._condition}"
        )
        for first, last in self._ranges():
            rows = database.execute_sql(query, (*values, first, last, *self._values)).fetchall()
            if self._area is None:
                count, ahead, ids = rows[0]
                yield count, int(ahead), [int(id_) for id_ in ids.split(",") if id_]
            else:
                rows = self._inside(rows)
                yield len(rows), sum(row[-1] for row in rows), [row[0] for row in rows]

    def _ranges(self) -> Iterator[tuple[int, int]]:
        """Yield ranges of ids of about PIECE rows, without its first and with its last."""
        first = 0
        while True:
            (last,) = database.execute_sql(
                f"SELECT id FROM {self._table} WHERE {self._open}id > ? "  # noqa: S608  # nosec B608
                "ORDER BY id LIMIT 1 OFFSET ?",
                (first, PIECE - 1),
            ).fetchone() or (MAX_ID,)
            yield first, last
            if last == MAX_ID:
                return
            first = last

    def _inside(self, rows: Sequence[Any]) -> Sequence[Any]:
        """Return the rows in the wanted area, if one is wanted. The columns 2 and 3 are a position."""
        return rows if self._area is None or not rows else self._area.among(rows)


class _Inside:
    """The area of a filter. Nothing lies in one that does not exist."""

    def __init__(self, pk: int) -> None:
        area = AreaOfInterest.get_or_none(AreaOfInterest.id == pk)
        self._matcher = geojson.matcher(geojson.to_polygon(area.polygon)) if area else None

    def among(self, rows: Sequence[Any]) -> Sequence[Any]:
        if self._matcher is None:
            return []
        covered = [is_in for piece in self._matcher.pieces([row[2:4] for row in rows]) for is_in in piece]
        return [row for row, is_in in zip(rows, covered, strict=True) if is_in]
