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
from base.sentences import Sentence
from domain import handling, idempotency, versions
from geo import geojson
from web import hosts
from web.languages import translated
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

GONE = Sentence("This does not exist or was deleted.")
BUSY = Sentence("The database is busy. Nothing was saved. Try again in a moment.")
# The titles of pages, where the names that HTTP gives the statuses would say less to people.
TITLES = {
    400: Sentence("Invalid request"),
    401: Sentence("Please sign in"),
    403: Sentence("Access denied"),
    404: Sentence("Not found"),
    405: Sentence("Not possible here"),
    409: Sentence("Changed meanwhile"),
    410: Sentence("Erased"),
    413: Sentence("Too large"),
    422: Sentence("Not accepted"),
    429: Sentence("Too many requests"),
    500: Sentence("Something went wrong"),
    503: Sentence("Please try again"),
}
# The text of a page, where the exception has only the one of its package.
TEXTS = {
    404: Sentence("This page does not exist, or was deleted."),
    405: Sentence("This page can't be opened this way."),
    500: Sentence("The server could not do this. The log has the details."),
}

log = logging.getLogger("tracker")


def init_app(app: Flask) -> None:
    """Let this module answer every error."""
    for kind, status in STATUSES:
        app.register_error_handler(kind, partial(_answer, status))
    app.register_error_handler(idempotency.Reused, lambda error: (error.as_json(), 422))
    app.register_error_handler(handling.Changed, lambda error: (error.as_json(), 409))
    app.register_error_handler(versions.Conflict, lambda error: (error.as_json(), error.code))
    app.register_error_handler(SecurityError, lambda _error: hosts.wrong_host(state().settings.hosts))
    app.register_error_handler(HTTPException, _answer_http)


def _answer(status: int, error: Exception) -> ResponseReturnValue:
    """Answer an exception of ours or of the database."""
    if isinstance(error, models.Invalid):
        return _page_or_json(status, str(error), error.fields)
    if isinstance(error, peewee.DoesNotExist):
        return _page_or_json(status, GONE)
    if isinstance(error, peewee.DatabaseError):
        event(log, logging.ERROR, "The database does not answer", reason=error)
        return _page_or_json(status, BUSY)
    return _page_or_json(status, str(error))


def _answer_http(error: HTTPException) -> ResponseReturnValue | HTTPException:
    """Answer an exception that has a status of its own, such as `abort` raises. A redirect stays as it is."""
    status = error.code or 500
    if error.code is None or status < 400:
        return error
    _log_refusal(error, status)
    headers = [(name, value) for name, value in error.get_headers() if name != "Content-Type"]
    own = error.description or error.name
    text = TEXTS.get(status, own) if own == type(error).description and not _is_for_program() else own
    return _page_or_json(status, text, getattr(error, "fields", None), headers=headers)


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
    if _is_for_program():
        return jsonify(error=translated(message), fields=_translated(fields or {})), status, headers or []
    title = translated(TITLES.get(status) or HTTP_STATUS_CODES.get(status, str(status)))
    return render_template("error.html", code=status, title=title, message=message), status, headers or []


def _is_for_program() -> bool:
    """Return whether a program, or a page's script, has sent this request."""
    is_program = request.path.startswith(("/api/", "/notifications"))
    return is_program or request.accept_mimetypes.best == "application/json"


def _translated(fields: dict[str, str]) -> dict[str, str]:
    return {name: translated(reason) for name, reason in fields.items()}
