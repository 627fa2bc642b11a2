"""The files of the basemap: map libraries and the world.

`/vendor/VERSION/` serves the files of the package that `frontend/` builds, also as they were compressed then.
VERSION is a hash of all of them, so that browsers keep each file for a year. web/streets.py has the archives.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import mimetypes
from functools import cache
from typing import Any

import tracker_frontend
from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    current_app,
    request,
    send_from_directory,
    url_for,
)

from base.settings import Settings
from web import auth, encodings, root, static_files, streets

VENDOR_AGE_S = 24 * 3600  # for which browsers keep a map library at an address without a version

# Only these names are served, each from the folder itself: no request decides which path is opened.
VENDOR_FILES = {path.name for path in tracker_frontend.PATH.iterdir()}

SUFFIXES = {"br": ".br", "gzip": ".gz"}  # of the compressed files

bp = Blueprint("tiles", __name__)
mimetypes.add_type("text/javascript", ".js")
mimetypes.add_type("text/javascript", ".mjs")  # otherwise no browser accepts it as a module


def init_app(app: Flask, settings: Settings) -> None:
    """Add the routes, and give the pages the settings of the basemap."""
    app.register_blueprint(bp)
    app.url_defaults(_add_version)
    app.jinja_env.globals["map_config"] = lambda: {
        "tiles": settings.tiles or None,
        "pmtiles": streets.addresses() or None,
        "streetsHelp": _streets_help(),
        "tilesAttribution": settings.tiles_attribution,
        "vendor": root.address(f"/vendor/{vendor_version()}/"),
    }


def _streets_help() -> str | None:
    """Return where an admin can add streets; None for others."""
    user = auth.current_user()
    return url_for("admin.page", _anchor="streets") if user and user.is_admin else None


@cache
def vendor_version() -> str:
    """Return a hash of the package's files: of the list of their hashes that it was installed with."""
    record = importlib.metadata.distribution("tracker-frontend").read_text("RECORD") or ""
    return hashlib.sha256(record.encode()).hexdigest()[: static_files.VERSION_LENGTH]


def _add_version(endpoint: str, values: dict[str, Any]) -> None:
    if endpoint == "tiles.vendor":
        values["filename"] = f"{vendor_version()}/{values['filename']}"


@bp.get("/vendor/<path:filename>")
@auth.public
def vendor(filename: str) -> Response:
    """Return a library's file, compressed if the browser takes that and does not ask for a range."""
    name = filename.removeprefix(f"{vendor_version()}/")
    if name not in VENDOR_FILES:
        abort(404)
    encoding = "" if request.range else encodings.best()
    packed = name + SUFFIXES.get(encoding, "")
    is_packed = packed != name and packed in VENDOR_FILES
    response = send_from_directory(
        tracker_frontend.PATH,
        packed if is_packed else name,
        mimetype=mimetypes.guess_type(name)[0],
        max_age=VENDOR_AGE_S if name == filename else static_files.AGE_S,
    )
    response.vary.add("Accept-Encoding")
    response.cache_control.immutable = name != filename
    if is_packed:
        response.content_encoding = encoding
    return response


@bp.get("/service-worker.js")
@auth.public
def service_worker() -> Response:
    """The script that opens the report page without a network; up here so that its scope may be that page."""
    return static_files.unversioned(current_app, "js/pages/service-worker.js")
