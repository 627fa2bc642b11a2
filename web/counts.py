"""Counts of the requests that the application has answered: by route, method and status, and by time."""

from __future__ import annotations

import time
from collections import Counter

from flask import Flask, Response, g, request

from base.metrics import Histogram

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

    def init_app(self, app: Flask) -> None:
        """Count from now on. To be called when the functions that read the body are in their places."""
        app.before_request(self._begin)
        app.after_request(self._count)

    def _begin(self) -> None:
        g.began = time.perf_counter()

    def _count(self, response: Response) -> Response:
        route = request.url_rule.rule if request.url_rule else NO_ROUTE
        method = request.method if request.method in METHODS else "other"
        status = UPGRADED if g.get("upgraded") else response.status_code
        self.answered[route, method, status] += 1
        if "began" in g:
            self.seconds.observe(time.perf_counter() - g.began)
        return response
