"""`/healthz` and `/readyz`, for programs that watch the server. They answer to every host name."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

import models
from base.version import VERSION
from web import auth
from web.state import state

bp = Blueprint("health", __name__)


@bp.get("/healthz")
@auth.public
def healthz() -> Response:
    """Answer with the head of the log, the clients and the version; 503 if the database does not answer."""
    _, head = models.Notification.bounds()
    return jsonify(seq=head, clients=len(state().group.clients), version=VERSION)


@bp.get("/readyz")
@auth.public
def readyz() -> tuple[Response, int]:
    """Answer whether saves were possible a moment ago; 503 with the reason if not."""
    reason = models.database.why_not_writable()
    return (jsonify(error=reason, fields={}), 503) if reason else (jsonify(ready=True), 200)
