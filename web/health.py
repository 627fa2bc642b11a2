"""`/healthz`, for whatever watches the server: whether the database answers."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

import models
from web import auth
from web.state import state

bp = Blueprint("health", __name__)


@bp.get("/healthz")
@auth.public
def healthz() -> Response:
    """Answer with the log's head and the number of clients; 503 if the database does not answer."""
    _, head = models.Notification.bounds()
    return jsonify(seq=head, clients=len(state().group.clients))
