"""The path of the host below which Tracker is: `TRACKER_ROOT`, or the prefix that a proxy has removed.

WSGI calls it SCRIPT_NAME. `url_for` adds it, and so does `address` for a path that is stored, such as an
incident's. Stored paths are without it, so that a database can move to another root.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, abort, redirect, request
from flask.typing import ResponseReturnValue

OUTSIDE = "tracker.outside"  # in the environ of a request for a path that is not below the root
# Programs that watch the server ask for these. They need not know the root.
WITHOUT_ROOT = ("/healthz", "/readyz", "/metrics")

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


def address(path: str) -> str:
    """Return the address of a path of this tracker, as a page or a redirect must name it."""
    return f"{request.script_root}{path}"


def without(address: str) -> str:
    """Return the path of an address below the root; "" if it is another's."""
    is_ours = address.startswith(f"{request.script_root}/")
    return address[len(request.script_root) :] if is_ours else ""


def init_app(app: Flask, root: str) -> None:
    """Serve the application below `root`, which is "" at the top of its host."""
    if not root:
        return
    app.wsgi_app = _Below(root, app.wsgi_app)  # type: ignore[method-assign] # as Flask wants it done
    app.before_request(_refuse_outside)


class _Below:
    """Moves the root from PATH_INFO to SCRIPT_NAME, unless a proxy has removed a prefix."""

    def __init__(self, root: str, application: Application) -> None:
        self._root = root
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if not environ.get("SCRIPT_NAME"):
            path = environ["PATH_INFO"]
            environ["SCRIPT_NAME"] = self._root
            if path.startswith(f"{self._root}/"):
                environ["PATH_INFO"] = path[len(self._root) :]
            elif path not in WITHOUT_ROOT:
                environ[OUTSIDE] = path
        return self._application(environ, start_response)


def _refuse_outside() -> ResponseReturnValue | None:
    """Answer what is not below the root: 404, or a redirect if only the last slash is missing."""
    path = request.environ.get(OUTSIDE)
    if path is not None and path != request.script_root:
        abort(404, f"Tracker is at {address('/')} of this host.")
    return None if path is None else redirect(address("/"))
