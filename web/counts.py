"""Counts of the requests that the application has answered: by route, method and status, and by time."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from flask import Request, Response

from base.metrics import Histogram
from server.access_log import USER

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}  # others count as one
NO_ROUTE = "none"  # stands for all addresses that lead nowhere
UPGRADED = 101
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class RequestCounts:
    """Totals since the start.

    There is a fixed number of routes, methods and statuses, so strangers can't make this grow.
    """

    def __init__(self) -> None:
        self.answered: Counter[tuple[str, str, int]] = Counter()  # by route, method and status
        self.seconds = Histogram(*SECONDS)  # in the application, after the body has come

    def count(self, request: Request, values: Any, response: Response) -> None:
        """Count an answer. `values` are Flask's `g`, handed over: each look through its proxy costs more."""
        route = request.url_rule.rule if request.url_rule else NO_ROUTE
        method = request.method if request.method in METHODS else "other"
        status = UPGRADED if values.get("upgraded") else response.status_code
        self.answered[route, method, status] += 1
        if user := values.get("user"):
            request.environ[USER] = user.name
        if begun := values.get("begun"):
            self.seconds.observe(time.perf_counter() - begun)
