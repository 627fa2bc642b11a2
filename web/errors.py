"""Errors: the status of each exception, and the page or JSON for it."""

from __future__ import annotations

import logging
from functools import partial

import peewee
from flask import Flask, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, SecurityError
from werkzeug.http import HTTP_STATUS_CODES

import models
from base.logs import event
from domain import handling, idempotency, versions
from geo import geojson
from web import security
from web.state import state

STATUSES: tuple[tuple[type[Exception], int], ...] = (
    (models.Invalid, 422),
    (geojson.GeometryError, 400),
    (peewee.DoesNotExist, 404),
    (peewee.DatabaseError, 503),
)

# Of the log, for each status that operators want to read of.
LEVELS = {
    401: logging.INFO,
    403: logging.INFO,
    413: logging.INFO,
    429: logging.WARNING,
    501: logging.WARNING,
    503: logging.WARNING,
}

log = logging.getLogger("tracker")


def init_app(app: Flask) -> None:
    """Let this module answer every error."""
    for kind, status in STATUSES:
        app.register_error_handler(kind, partial(_answer, status))
    app.register_error_handler(idempotency.Reused, lambda error: (error.as_json(), 422))
    app.register_error_handler(handling.Changed, lambda error: (error.as_json(), 409))
    app.register_error_handler(versions.Conflict, lambda error: (error.as_json(), error.code))
    app.register_error_handler(SecurityError, lambda _error: security.wrong_host(state().settings.hosts))
    app.register_error_handler(HTTPException, _answer_http)


def _answer(status: int, error: Exception) -> ResponseReturnValue:
    """Answer an exception of ours or of the database."""
    if isinstance(error, models.Invalid):
        return _page_or_json(status, str(error), error.fields)
    if isinstance(error, peewee.DoesNotExist):
        return _page_or_json(status, "This does not exist or was deleted.")
    if isinstance(error, peewee.DatabaseError):
        event(log, logging.ERROR, "The database does not answer", reason=error)
        message = "The database can't take this now. Nothing was stored; try again in a moment."
        return _page_or_json(status, message)
    return _page_or_json(status, str(error))


def _answer_http(error: HTTPException) -> ResponseReturnValue | HTTPException:
    """Answer an exception that has a status of its own, such as `abort` raises. A redirect stays as it is."""
    status = error.code or 500
    if error.code is None or status < 400:
        return error
    _log_refusal(error, status)
    headers = [(name, value) for name, value in error.get_headers() if name != "Content-Type"]
    return _page_or_json(
        status, error.description or error.name, getattr(error, "fields", None), headers=headers
    )


def _log_refusal(error: HTTPException, status: int) -> None:
    """Log why a request is refused: what a limit refuses as a warning, an ordinary mistake for developers."""
    level = LEVELS.get(status, logging.DEBUG)
    event(
        log,
        level,
        "A request was refused",
        status=status,
        route=request.url_rule.rule if request.url_rule else "none",
        reason=error.description,
        address=request.remote_addr,
    )


def _page_or_json(
    status: int,
    message: str,
    fields: dict[str, str] | None = None,
    *,
    headers: list[tuple[str, str]] | None = None,
) -> ResponseReturnValue:
    """Return a page for people, or for programs JSON: {"error": message, "fields": {name: what is wrong}}."""
    is_program = request.path.startswith(("/api/", "/notifications"))
    if is_program or request.accept_mimetypes.best == "application/json":
        return jsonify(error=message, fields=fields or {}), status, headers or []
    title = HTTP_STATUS_CODES.get(status, "Error")
    return render_template("error.html", code=status, title=title, message=message), status, headers or []
