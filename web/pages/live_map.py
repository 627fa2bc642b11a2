"""The page with the live map."""

from __future__ import annotations

from flask import render_template, request
from flask.typing import ResponseReturnValue

from web.pages import kiosk
from web.pages.blueprint import bp


@bp.get("/")
def index() -> ResponseReturnValue:
    return kiosk.screen() if "kiosk" in request.args else render_template("map.html")
