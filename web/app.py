"""The Flask application: `create_app` puts it together.

Checks before every request are in `hosts`, `auth` and `bodies`; headers of all answers are in `headers`, and
errors in `errors`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from flask import Flask, Response, request
from flask.globals import app_ctx, request_ctx
from flask.json.provider import DefaultJSONProvider

import models
from base.loop import interleaved
from base.loop_watch import LoopWatch
from base.settings import Settings
from realtime.group import DEFAULTS, Group
from realtime.limits import Limits
from web import (
    api,
    assets,
    auth,
    bodies,
    compression,
    csrf,
    errors,
    headers,
    health,
    hosts,
    languages,
    metrics,
    notifications,
    page_sentences,
    pages,
    root,
    static_files,
    streets,
)
from web.collections import Collections
from web.counts import RequestCounts
from web.socket_limits import ConnectionQuota
from web.state import State, keep, state_of

ROOT = Path(__file__).resolve().parent.parent  # where templates/ and static/ are


def create_app(settings: Settings, limits: Limits = DEFAULTS) -> Flask:
    """Return the application on the open database. Raises TrackerError if the tiles can't be read."""
    app = App("tracker", root_path=str(ROOT), static_folder=None)
    app.json = Json(app)
    app.config.update(
        SECRET_KEY=models.Setting.default("secret_key", os.urandom(32).hex()),
        PERMANENT_SESSION_LIFETIME=int(settings.session_hours * 3600) + 1,
        SESSION_REFRESH_EACH_REQUEST=False,  # it ends that long after sign-in, however often it is used
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_NAME=f"tracker_{models.Setting.default('cookie', os.urandom(4).hex())}",
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session
    )
    keep(
        app,
        State(
            settings,
            epoch=models.Setting.get_by_id("epoch").value,
            group=Group(
                models.Notification.after,
                notifications.heartbeat,
                head=models.Notification.tail(),
                limits=limits,
            ),
            quota=ConnectionQuota(settings.sockets_per_account, settings.sockets_per_address),
            csrf=csrf.Protect(app),
            requests=RequestCounts(),
            collections=Collections(),
            loop_watch=LoopWatch(),
            pmtiles=streets.configured(settings.pmtiles),
        ),
    )
    root.init_app(app, settings.root)
    hosts.init_app(app, settings)
    headers.init_app(app, settings)
    app.before_request(bodies.read_body)  # before anything reads the form
    auth.init_app(app)
    languages.init_app(app, auth.own_language)
    page_sentences.init_app(app)
    notifications.init_app(app)
    for blueprint in (*pages.BLUEPRINTS, api.bp, health.bp, metrics.bp):
        app.register_blueprint(blueprint)
    static_files.init_app(app, ROOT / "static")
    assets.init_app(app, settings)
    streets.init_app(app)
    compression.init_app(app)
    errors.init_app(app)
    return app


def compile_templates(app: Flask) -> None:
    """Compile all templates, in pieces with pauses. Otherwise the first requests would hold up the loop.

    The 35 templates take 0.22 s together, and the largest one 30 ms.
    """
    names = app.jinja_env.list_templates()
    names.sort(key=lambda name: not name.startswith(("base.", "shared/")))  # first what all pages need
    for _ in interleaved(app.jinja_env.get_template(name) for name in names):
        pass


class App(Flask):
    """Flask, with strict forms, and a log of errors without secrets."""

    request_class = bodies.FormRequest

    def process_response(self, response: Response) -> Response:
        """Count the answer, after all others have changed it. A function of `after_request` costs more."""
        response = super().process_response(response)
        state_of(self).requests.count(request_ctx.request, app_ctx.g, response)
        return response

    def log_exception(self, exc_info: Any) -> None:
        """Log an error that nothing caught, by its route: the path may be secret."""
        route = request.url_rule.rule if request.url_rule else "none"
        self.logger.error("A request failed", exc_info=exc_info, extra={"fields": {"route": route}})


class Json(DefaultJSONProvider):
    """Flask's JSON, written as in the log and on the socket."""

    def dumps(self, obj: Any, **_options: Any) -> str:
        return models.to_json(obj)
