"""The files of the basemap: map libraries, the world, and the operator's own tiles.

`/vendor/` serves the files of the package that `frontend/` builds, also as they were compressed then;
`/basemap.pmtiles` the operator's PMTiles archive, with HTTP ranges.
"""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import Any

import tracker_frontend
from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    current_app,
    request,
    send_file,
    send_from_directory,
    url_for,
)

from base.errors import TrackerError
from base.settings import Settings
from web import auth, root
from web.state import state

VENDOR_AGE_S = 24 * 3600  # for this time a browser keeps the map libraries
PMTILES_MAGIC = b"PMTiles\x03"  # of version 3, the current one

# Only these names are served, each from the folder itself: no request decides which path is opened.
VENDOR_FILES = {path.name for path in tracker_frontend.PATH.iterdir()}

bp = Blueprint("tiles", __name__)
mimetypes.add_type("text/javascript", ".js")
mimetypes.add_type("text/javascript", ".mjs")  # otherwise no browser accepts it as a module


def init_app(app: Flask, settings: Settings) -> None:
    """Add the routes, and give the pages the settings of the basemap."""
    app.register_blueprint(bp)
    app.jinja_env.globals["map_config"] = lambda: {
        "tiles": settings.tiles or None,
        "pmtiles": url_for("tiles.pmtiles") if settings.pmtiles else None,
        "tilesAttribution": settings.tiles_attribution,
        "vendor": root.address("/vendor/"),
    }


def archive(name: str) -> Path:
    """Return the path of a PMTiles archive. Raises TrackerError."""
    path = Path(name).absolute()
    try:
        with path.open("rb") as file:
            magic = file.read(len(PMTILES_MAGIC))
    except OSError as error:
        raise TrackerError(f"can't read the tiles {name}: {error.strerror}") from error
    if magic != PMTILES_MAGIC:
        raise TrackerError(f"{name} is not a PMTiles archive of version 3")
    return path


@bp.get("/vendor/<filename>")
@auth.public
def vendor(filename: str) -> Response:
    """Return a library's file, compressed if the browser takes gzip and does not ask for a range."""
    if filename not in VENDOR_FILES:
        abort(404)
    packed = f"{filename}.gz"
    is_packed = packed in VENDOR_FILES and request.accept_encodings["gzip"] and not request.range
    response = send_from_directory(
        tracker_frontend.PATH,
        packed if is_packed else filename,
        mimetype=mimetypes.guess_type(filename)[0],
        max_age=VENDOR_AGE_S,
    )
    response.vary.add("Accept-Encoding")
    if is_packed:
        response.content_encoding = "gzip"
    return response


@bp.get("/basemap.pmtiles")
@auth.public  # the report form has a map, too
def pmtiles() -> Response:
    archive = state().pmtiles
    options: dict[str, Any] = {"mimetype": "application/vnd.pmtiles", "conditional": True}
    if archive is None or not archive.is_file():  # it may have been moved away
        abort(404)
    return send_file(archive, **options)


@bp.get("/service-worker.js")
@auth.public
def service_worker() -> Response:
    """The script that opens the report page without a network; up here so that its scope may be that page."""
    return current_app.send_static_file("js/pages/service-worker.js")
