"""The page with the live map."""

from __future__ import annotations

from flask import render_template
from flask.typing import ResponseReturnValue

from web.pages.blueprint import bp


@bp.get("/")
def index() -> ResponseReturnValue:
    return render_template("map.html")
