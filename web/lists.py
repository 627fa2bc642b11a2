"""Lists that pages show a part at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import request

from base import times
from domain import lists
from domain.filters import Filter
from models import AreaOfInterest, Incident, Tracked
from web.languages import gettext, ngettext

PER_PAGE = 25


@dataclass(frozen=True)
class Page:
    """One page of a list, counted from 1."""

    items: list[Any]
    number: int
    pages: int
    total: int

    @classmethod
    def of(cls, query: Any, argument: str = "page") -> Page:
        """Return the page of a query that the request asks for; the nearest one if it has no such page."""
        total = query.count()
        pages = max(1, -(-total // PER_PAGE))
        number = min(max(request.args.get(argument, 1, type=int), 1), pages)
        return cls(list(query.paginate(number, PER_PAGE)), number, pages, total)


@dataclass(frozen=True)
class Listed:
    """A page of incidents or areas, with its filter and its order, which all its links keep."""

    items: list[Any]
    rows: lists.Rows
    chosen: Filter
    order: lists.Order

    @classmethod
    def of(cls, model: type[Incident] | type[AreaOfInterest]) -> Listed:
        """Return the page that the request's address asks for; the first one if it names no place."""
        is_area = model is AreaOfInterest
        chosen = filter_of_request()
        order = lists.Order.read(request.args.get("sort", ""), lists.AREA_KEYS if is_area else lists.KEYS)
        listing = lists.Listing("area_of_interest" if is_area else "incident", chosen, order)
        after, before = (lists.Place.read(request.args.get(name, ""), order) for name in ("after", "before"))
        rows = listing.page(PER_PAGE, after=after, before=before)
        return cls(read(model, rows.ids), rows, chosen, order)

    def address(self, **others: str) -> dict[str, str]:
        """Return the parameters of a page with this filter and this order, and others."""
        sort = {} if self.order.text == "reported" else {"sort": self.order.text}
        return {**self.chosen.address(), **sort, **others}

    def sorted_by(self, name: str) -> dict[str, str]:
        """Return the parameters of this list in another order; the other way round if it is in this one."""
        flipped = self.order.name == name and not self.order.text.startswith("-")
        sort = f"-{name}" if flipped else name
        return {**self.chosen.address(), **({} if sort == "reported" else {"sort": sort})}

    def aria_sort(self, name: str) -> str:
        """Return the value of `aria-sort` for the header of a column; "" if the list has another order."""
        return ("descending" if self.order.falling else "ascending") if self.order.name == name else ""


def filter_of_request() -> Filter:
    """Return the filter in the request's address."""
    return Filter.read({name: request.args.getlist(name) for name in request.args})


def read(model: type[Tracked], ids: list[int]) -> list[Any]:
    """Return the objects with these ids, in their order. One that was deleted meanwhile is left out."""
    found = {thing.id: thing for thing in model.listed().where(model.id << ids)}
    return [found[id_] for id_ in ids if id_ in found]


def ago(moment: str) -> str:
    """Return how long ago a stored time was, for people."""
    seconds = int((times.clock() - datetime.fromisoformat(moment)).total_seconds())
    if seconds < 60:
        return gettext("just now")
    if seconds < 3600:
        return gettext("%(n)s min ago", n=seconds // 60)
    if seconds < 86400:
        return gettext("%(n)s h ago", n=seconds // 3600)
    return ngettext("%(n)s day ago", "%(n)s days ago", seconds // 86400)
