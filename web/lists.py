"""Lists that pages show a part at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import request

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
