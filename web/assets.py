"""The files of the basemap: map libraries and the world.

`/vendor/` serves the files of the package that `frontend/` builds, also as they were compressed then.
web/streets.py has the archives of streets.
"""

from __future__ import annotations

import mimetypes

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
from web import auth, root, streets

VENDOR_AGE_S = 24 * 3600  # for this time a browser keeps the map libraries

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
        "pmtiles": streets.addresses() or None,
        "streetsHelp": _streets_help(),
        "tilesAttribution": settings.tiles_attribution,
        "vendor": root.address("/vendor/"),
    }


def _streets_help() -> str | None:
    """Return where an admin can add streets; None for others."""
    user = auth.current_user()
    return url_for("admin.page", _anchor="streets") if user and user.is_admin else None


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


@bp.get("/service-worker.js")
@auth.public
def service_worker() -> Response:
    """The script that opens the report page without a network; up here so that its scope may be that page."""
    return current_app.send_static_file("js/pages/service-worker.js")
