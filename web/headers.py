"""Headers of every answer, and conditions of a request that nobody can read.

An answer gets the Content-Security-Policy, the other security headers, and Cache-Control.
"""

from __future__ import annotations

from functools import partial
from urllib.parse import urlsplit

from flask import Flask, Response, request
from werkzeug.http import parse_date

from base.settings import Settings

# endpoints of files that are the same for all clients
CACHEABLE = ("static", "page_sentences.sentences", "tiles.vendor", "streets.basemap", "streets.archive")


def init_app(app: Flask, settings: Settings) -> None:
    """Add the headers to each answer, and drop invalid conditions of each request."""
    app.before_request(_drop_bad_dates)
    app.after_request(partial(_add_headers, security_headers(settings.tiles)))
    app.after_request(_forbid_storing)


def security_headers(tiles: str) -> dict[str, str]:
    """Return the headers that name the sources from which a page may load.

    `tiles` is the tiles' URL template. A tile server gets this site's origin, since OpenStreetMap's refuses
    requests without one. Without such tiles no other site gets anything.
    """
    tile_host = ""
    if tiles:
        parts = urlsplit(tiles)
        tile_host = f" {parts.scheme}://{parts.netloc}"
    policy = (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        f"img-src 'self' data: blob:{tile_host}; connect-src 'self'{tile_host}"
    )
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "strict-origin-when-cross-origin" if tiles else "same-origin",
    }


def _drop_bad_dates() -> None:
    """Drop a condition whose date is invalid (RFC 9110, section 13.1.3): Werkzeug would fail on it."""
    environ = request.environ
    for name in ("HTTP_IF_MODIFIED_SINCE", "HTTP_IF_UNMODIFIED_SINCE", "HTTP_IF_RANGE"):
        try:
            parse_date(environ.get(name))
        except OverflowError:
            del environ[name]
            if name == "HTTP_IF_RANGE":  # the range may be of another version, so the whole file is sent
                environ.pop("HTTP_RANGE", None)


def _add_headers(found: dict[str, str], response: Response) -> Response:
    response.headers.update(found)
    return response


def _forbid_storing(response: Response) -> Response:
    if response.status_code >= 400 or request.endpoint not in CACHEABLE:
        response.headers["Cache-Control"] = "no-store"
    return response
