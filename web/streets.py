"""Archives of streets: which there are, their files for the map, and the admins' uploads.

A browser sends a large file in pieces, one request after the other. So each request has the bounds of all
others, and the server never holds more than one piece.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    flash,
    jsonify,
    redirect,
    render_template,
    request,
    send_file,
    url_for,
)
from flask.typing import ResponseReturnValue

from base.errors import TrackerError
from models import database
from storage import streets
from web import auth
from web.languages import gettext
from web.pages.account_actions import log
from web.pages.blueprint import isolated
from web.state import state

bp = Blueprint("streets", __name__)


class Listed(NamedTuple):
    """An archive for the admins' page; `facts` is None if it can't be drawn, and `reason` says why."""

    name: str
    facts: streets.Archive | None
    reason: str


def init_app(app: Flask) -> None:
    """Add the routes, and give the admins' page the list of archives."""
    app.register_blueprint(bp)
    app.jinja_env.globals["street_archives"] = listed


def configured(setting: str) -> tuple[Path, ...]:
    """Return the archives that the operator names, in order. Raises TrackerError."""
    names = [name.strip() for name in setting.split(",") if name.strip()]
    return tuple(map(_configured, names))


def _configured(name: str) -> Path:
    path = Path(name).absolute()
    try:
        with path.open("rb") as file:
            magic = file.read(len(streets.MAGIC))
    except OSError as error:
        raise TrackerError(f"can't read the tiles {name}: {error.strerror}") from error
    if magic != streets.MAGIC:
        raise TrackerError(f"{name} is not a PMTiles archive of version 3")
    return path


def addresses() -> list[str]:
    """Return the addresses of all archives, for the map."""
    first = [url_for("streets.basemap")] if state().pmtiles else []
    more = [url_for("streets.basemap", number=at) for at in range(2, len(state().pmtiles) + 1)]
    return [
        *first,
        *more,
        *(url_for("streets.archive", name=path.name) for path in streets.in_folder(_folder())),
    ]


def listed() -> list[Listed]:
    """Return the archives in the folder, with what the map can do with them."""
    return [_look(path) for path in streets.in_folder(_folder())]


def _look(path: Path) -> Listed:
    try:
        return Listed(path.name, streets.check(path), "")
    except streets.BadArchive as error:
        return Listed(path.name, None, str(error))
    except OSError as error:
        return Listed(path.name, None, error.strerror or "")


def _folder() -> Path:
    return streets.folder_of(str(database.database))


@bp.get("/basemap.pmtiles")
@bp.get("/basemap-<int:number>.pmtiles")
@auth.public  # the report form has a map, too
def basemap(number: int = 1) -> Response:
    """Return a file that the operator names, in HTTP ranges."""
    known = state().pmtiles
    if not 1 <= number <= len(known):
        abort(404)
    return _send(known[number - 1])


@bp.get("/streets/<name>")
@auth.public
def archive(name: str) -> Response:
    """Return a file of the folder, in HTTP ranges. Only its own names are served."""
    path = next((path for path in streets.in_folder(_folder()) if path.name == name), None)
    if path is None:
        abort(404)
    return _send(path)


def _send(path: Path) -> Response:
    options: dict[str, Any] = {"mimetype": "application/vnd.pmtiles", "conditional": True}
    if not path.is_file():  # it may have been moved away
        abort(404)
    return send_file(path, **options)


@bp.post("/admin/streets/")
@auth.needs("admin")
def upload() -> ResponseReturnValue:
    """Take the next piece of an archive: `name`, `size` and `offset` are in the query, in bytes.

    Return where the next piece begins; 201 when the archive is whole, and drawn from now on.
    """
    offset, size = _number("offset"), _number("size")
    name = streets.name_for(request.args.get("name", ""))
    piece = request.get_data()
    folder = _folder()
    part = folder / f"{name}.upload{streets.PART}"
    try:
        if offset == 0:
            streets.begin(folder)
            streets.check_space(folder, size)
            if piece[: len(streets.MAGIC)] != streets.MAGIC:
                raise streets.BadArchive("It is not a PMTiles archive of version 3.")
        elif not part.exists() or part.stat().st_size != offset:
            abort(409, "Another upload of this name is under way, or this one broke off. Begin again.")
        if not piece or offset + len(piece) > size:
            abort(400, "The piece does not fit the size of the archive.")
        with part.open("wb" if offset == 0 else "ab") as file:
            file.write(piece)
        if offset + len(piece) < size:
            return jsonify(next=offset + len(piece))
        found = streets.finish(part, name)
    except streets.BadArchive as error:
        part.unlink(missing_ok=True)
        abort(422, str(error))
    except OSError as error:
        part.unlink(missing_ok=True)
        abort(503, f"The server can't store it: {error.strerror}.")
    with database.atomic():
        log(f"streets uploaded: {found.path.name}", "")
    return jsonify(name=found.path.name), 201


@bp.route("/admin/streets/<name>/delete/", methods=["GET", "POST"])
@auth.needs("admin")
def delete(name: str) -> ResponseReturnValue:
    """Ask, and then delete an archive."""
    if request.method == "GET":
        return render_template(
            "accounts/ask.html",
            title=gettext("Delete %(name)s", name=isolated(name)),
            words=gettext("The map no longer shows these streets. You can upload the file again."),
            verb=gettext("Delete"),
            back=url_for("admin.page", _anchor="streets"),
        )
    if not streets.remove(_folder(), name):
        abort(404)
    with database.atomic():
        log(f"streets deleted: {name}", "")
    flash(gettext("Deleted “%(name)s”.", name=isolated(name)))
    return redirect(url_for("admin.page", _anchor="streets"), 303)


def _number(name: str) -> int:
    """Return a whole number of the query, or answer 400."""
    text = request.args.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        abort(400, f"{name} must be a number of bytes.")
    return int(text)
