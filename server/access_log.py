"""The line that the log gets for each request.

A line has the path, but never the query, nor a long part of the path: both may be secret.
"""

from __future__ import annotations

import logging
import re
from http import HTTPStatus
from typing import Any

from base.logs import event

SLOW_S = 0.1  # until the answer begins; a request that takes longer is logged as a warning
WAITING = "/api/notifications"  # a request there waits for the next message
# Paths of requests that a page or a program sends by itself, which are logged for developers only.
QUIET = ("/static/", "/vendor/", "/healthz", "/readyz", "/metrics", WAITING)
FILES = ("/static/", "/vendor/")  # whose names are long, and no secrets
ONE_TIME = re.compile(r"(?<=/reset/)[^/]+")  # the secret of a one-time link, also one that is mistyped
LONG_PART = re.compile(r"[^/]{24,}")  # of a path: perhaps a secret
WAITED_S = "tracker.waited_s"  # under which the application puts the seconds in which it hashed a password
USER = "tracker.user"  # under which the application puts the name of who sent the request into the environ

log = logging.getLogger("tracker.requests")


def shown(path: str) -> str:
    """Return a path as the log may have it."""
    return path if path.startswith(FILES) else LONG_PART.sub("…", ONE_TIME.sub("…", path))


def note(environ: dict[str, Any], *, status: int | None, size: int, seconds: float) -> None:
    """Log an answered request. `seconds` went by until its answer began, without waiting for its body."""
    path = environ["PATH_INFO"]
    is_quiet = path.startswith(QUIET) and (status or 0) < 400
    level, words = (logging.DEBUG if is_quiet else logging.INFO), "Answered"
    if _is_slow(environ, path, status, seconds):
        level, words = logging.WARNING, "A request was slow"
    if not log.isEnabledFor(level):
        return
    fields = {
        "method": environ["REQUEST_METHOD"],
        "path": shown(path),
        "status": status,
        "bytes": size,
        "ms": round(seconds * 1000, 1),
        "address": environ["REMOTE_ADDR"],
    }
    if user := environ.get(USER):
        fields["user"] = user
    event(log, level, words, **fields)


def _is_slow(environ: dict[str, Any], path: str, status: int | None, seconds: float) -> bool:
    """Return whether a request took too long, apart from what is slow on purpose.

    That is a long poll, a connection that was handed over, and the hash of a password.
    """
    if path == WAITING or status in (None, HTTPStatus.SWITCHING_PROTOCOLS):
        return False
    return bool(seconds - environ.get(WAITED_S, 0.0) > SLOW_S)
