"""Tracker: incidents and areas of interest on a map, live. Run it: `python tracker.py`."""

from gevent import monkey

monkey.patch_all()  # before anything else is imported

import argparse
import gc
import logging
import os
import posixpath
import re
import signal
import sys
from collections.abc import Set
from functools import cache, partial
from typing import Any, NoReturn
from urllib.parse import urlsplit

import gevent
import peewee
from flask import Flask, Response, abort, jsonify, render_template, request
from flask.json.provider import DefaultJSONProvider
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, SecurityError
from werkzeug.http import HTTP_STATUS_CODES, parse_date

import models
from base import addresses
from base.settings import BadSetting, Settings
from base.terminal import Traceback, prepare, say
from commands import importer, manage
from domain import accounts, idempotency, mutes, versions
from geo import geojson
from server import tls, wsgi
from web import account_pages, api, assets, auth, bodies, notifications, pages, two_step

STOP_S = 10  # for requests in flight, when the server is told to stop

LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")  # of a machine for itself
OTHER_NAME = (
    "This tracker does not answer to the name in this address.\n"
    "Use the name that you were given. Who runs the tracker can let it answer to more names: TRACKER_HOSTS.\n"
)
PORT = re.compile(r":[0-9]+$")
PLAIN_PATH = re.compile(r"[0-9A-Za-z_/-]*")  # that needs no escapes

log = logging.getLogger("tracker")


def create_app(settings: Settings) -> Flask:
    """Return the application on the open database."""
    models.policy.hold_reports = settings.hold_reports
    app = App(__name__)
    app.json = Json(app)
    app.config.update(
        SECRET_KEY=models.Setting.default("secret_key", os.urandom(32).hex()),
        SETTINGS=settings,
        TRUSTED_HOSTS=[host.lower() for host in settings.hosts] or None,
        PERMANENT_SESSION_LIFETIME=int(settings.session_hours * 3600) + 1,
        SESSION_REFRESH_EACH_REQUEST=False,  # it ends that long after sign-in, however often it is used
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_NAME=f"tracker_{models.Setting.default('cookie', os.urandom(4).hex())}",
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session
    )
    if not settings.hosts and addresses.is_loopback(settings.host):
        app.before_request(partial(_answer_to, {*LOCAL_NAMES, settings.host}))
    app.before_request(_leave_out_bad_dates)
    app.before_request(bodies.read_body)  # before anything reads the form
    auth.init_app(app)
    notifications.init_app(app)
    for module in (pages, api, account_pages, two_step):
        app.register_blueprint(module.bp)
    assets.init_app(app, settings.tiles, settings.tiles_attribution, settings.pmtiles)
    _add_errors(app)
    app.after_request(_forbid_storing)
    return app


class Redirect(Response):
    """An answer without a page, to a path that needs no escapes: Werkzeug would have nothing to complete."""

    def __call__(self, _environ: Any, start_response: Any) -> Any:
        start_response(self.status, [*self.headers.to_wsgi_list(), ("Content-Length", "0")])
        return []


class App(Flask):
    """Flask, less what each request would pay for: views that are coroutines, pages that only redirect."""

    request_class = bodies.FormRequest

    def send_static_file(self, filename: str) -> Response:
        """Return a file of static/ by its one name: x, never ./x, y/../x or x/."""
        if posixpath.normpath(filename) != filename:
            abort(404)
        return super().send_static_file(filename)

    def ensure_sync(self, func: Any) -> Any:
        return func

    def redirect(self, location: str, code: int = 302) -> Response:
        response = (Redirect if PLAIN_PATH.fullmatch(location) else Response)(status=code)
        response.headers["Location"] = location
        return response


class Json(DefaultJSONProvider):
    """Flask's, which writes what the log and the socket have."""

    def dumps(self, obj: Any, **_options: Any) -> str:
        return models.to_json(obj)


def _answer_to(names: Set[str]) -> None:
    """Refuse a request for another name: a web site may have its own lead here, and read what it gets."""
    name = PORT.sub("", request.host)
    if name not in names:
        raise SecurityError("other names than localhost must be in TRACKER_HOSTS")


@cache
def _tell_operator(hosts: tuple[str, ...]) -> None:
    """Say once why requests are refused. The name that was asked for is a stranger's, and is left out."""
    if hosts:
        log.warning(
            "A request was refused: its name is not in TRACKER_HOSTS, which has %s. If it came through a "
            "proxy, that must pass on the name that people use (nginx: proxy_set_header Host $host).",
            ", ".join(hosts),
        )
    else:
        log.warning(
            "A request was refused: on a loopback address only %s are answered. If people reach this tracker "
            "by another name, through a proxy, put it into TRACKER_HOSTS.",
            ", ".join(LOCAL_NAMES),
        )


def _leave_out_bad_dates() -> None:
    """Leave out a condition whose date is none (RFC 9110, section 13.1.3), for which Werkzeug would fail."""
    environ = request.environ
    for name in ("HTTP_IF_MODIFIED_SINCE", "HTTP_IF_UNMODIFIED_SINCE", "HTTP_IF_RANGE"):
        try:
            parse_date(environ.get(name))
        except OverflowError:
            del environ[name]
            if name == "HTTP_IF_RANGE":  # the part wanted may be of another version: the whole is sent
                environ.pop("HTTP_RANGE", None)


def _add_errors(app: Flask) -> None:
    """Turn every error into its answer."""
    for kind, code in (
        (models.Invalid, 422),
        (geojson.GeometryError, 400),
        (peewee.DoesNotExist, 404),
        (peewee.DatabaseError, 503),
    ):
        app.register_error_handler(kind, partial(_answer, code))
    app.register_error_handler(idempotency.Reused, lambda error: (error.as_json(), 422))
    app.register_error_handler(versions.Conflict, lambda error: (error.as_json(), error.code))
    app.register_error_handler(HTTPException, lambda error: _answer(error.code, error))


def _answer(code: int | None, error: Exception) -> ResponseReturnValue | HTTPException:
    """Return what the person or program is told: a page, or JSON {error, fields}."""
    message, fields = str(error), {}
    headers: list[tuple[str, str]] = []
    if isinstance(error, SecurityError):
        _tell_operator(auth.settings().hosts)
        return Response(OTHER_NAME, code, content_type="text/plain; charset=utf-8")
    if isinstance(error, models.Invalid):
        fields = error.fields
    elif isinstance(error, peewee.DoesNotExist):
        message = "There is nothing with this number, or no more."
    elif isinstance(error, peewee.DatabaseError):
        log.error("The database does not answer: %s", error)
        message = "The database can't take this now. Nothing was stored; try again in a moment."
    elif isinstance(error, HTTPException):
        if code is None or code < 400:
            return error  # a redirect
        message = error.description or error.name
        fields = getattr(error, "fields", fields)
        headers = [(name, value) for name, value in error.get_headers() if name != "Content-Type"]
    code = code or 500
    is_program = request.path.startswith(("/api/", "/notifications"))
    if is_program or request.accept_mimetypes.best == "application/json":
        return jsonify(error=message, fields=fields), code, headers
    title = HTTP_STATUS_CODES.get(code, "Error")
    return render_template("error.html", code=code, title=title, message=message), code, headers


def _forbid_storing(response: Response) -> Response:
    if response.status_code >= 400 or request.endpoint not in ("static", "tiles.vendor", "tiles.pmtiles"):
        response.headers["Cache-Control"] = "no-store"
    return response


def security_headers(template: str) -> dict[str, str]:
    """Return what an answer says to browsers: where pages may load from, with the host of these tiles.

    A tile server is told this site's origin: OpenStreetMap's refuses requests without one. Without tiles from
    elsewhere no other site is told anything.
    """
    tile_host = ""
    if template:
        parts = urlsplit(template)
        tile_host = f" {parts.scheme}://{parts.netloc}"
    policy = (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        f"img-src 'self' data: blob:{tile_host}; connect-src 'self'{tile_host}"
    )
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "strict-origin-when-cross-origin" if template else "same-origin",
    }


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    try:
        listener = wsgi.listen(settings.host, settings.port)
    except (OSError, OverflowError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        fail(f"can't listen on {settings.host}, port {settings.port}: {reason}")
    context = None
    if settings.keyfile and not settings.certfile:
        fail("--keyfile needs --certfile: without a certificate there is no TLS")
    if settings.certfile:
        try:
            context = tls.context(settings.certfile, settings.keyfile)
        except OSError as error:
            fail(f"can't use the certificate {settings.certfile}: {error.strerror or error}")
    wsgi.allow_many_descriptors()
    models.open_database(settings.database)
    app = create_app(settings)
    password = accounts.first_account()  # told once, so only when nothing can fail any more
    models.database.group_commits()
    http = wsgi.Server(
        listener,
        app,
        settings.host,
        before_answer=models.database.sync,  # no answer tells what a power cut could take back
        headers=security_headers(settings.tiles),
        proxies=settings.proxies,
        context=context,
    )
    notifications.serve(app)
    ending_mutes = gevent.spawn(mutes.watch)
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, http.close)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    scheme = "https" if context else "http"
    say(f"Tracker runs at {scheme}://{host}:{listener.getsockname()[1]}")
    if password:
        say(f"Sign in as admin, password: {password}")
    gc.freeze()  # what the start has made stays: the collector need not look through it again and again
    http.serve_forever(stop_timeout=STOP_S)
    ending_mutes.kill()
    notifications.stop(app)
    models.database.close()


def fail(message: str) -> NoReturn:
    say(f"tracker: {message}", to_stderr=True)
    sys.exit(2)


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        fail(f"{message} (see {self.prog} --help)")


def parse_arguments(arguments: list[str] | None) -> tuple[argparse.Namespace, Settings]:
    try:
        settings = Settings.from_environment()
    except BadSetting as error:
        fail(str(error))
    parser = Parser(prog="tracker.py", description=__doc__, allow_abbrev=False)
    parser.add_argument("--host", default=settings.host, help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", default=settings.port, type=int, help="0 for any free one (default: %(default)s)"
    )
    parser.add_argument(
        "--database", default=settings.database, metavar="FILE", help="(default: %(default)s)"
    )
    parser.add_argument("--certfile", default=settings.certfile, metavar="FILE", help="PEM, to speak TLS")
    parser.add_argument(
        "--keyfile", default=settings.keyfile, metavar="FILE", help="PEM, if not in that file"
    )
    subparsers = parser.add_subparsers(dest="command", metavar="command", parser_class=Parser)
    importer.add_arguments(subparsers.add_parser("import", help="import GeoJSON", allow_abbrev=False))
    manage.add_arguments(subparsers, Parser)
    found = parser.parse_args(arguments)
    for name in ("host", "port", "database", "certfile", "keyfile"):
        setattr(settings, name, getattr(found, name))
    return found, settings


def run(found: argparse.Namespace, settings: Settings) -> int:
    """Do what is asked, and return the exit status."""
    if not found.command:
        serve(settings)
        return 0
    is_new = not os.path.exists(settings.database)
    do = importer.run if found.command == "import" else manage.run
    try:
        return do(found, settings.database)
    finally:
        if is_new and os.path.exists(settings.database):  # perhaps another one was meant
            say(f"{settings.database} is a new database: there was none of that name.", to_stderr=True)


def main(arguments: list[str] | None = None) -> int:
    prepare()
    gevent.get_hub().exception_stream = Traceback()
    found, settings = parse_arguments(arguments)
    try:
        status = run(found, settings)
        sys.stdout.flush()  # here, where it may fail
    except models.TrackerError as error:
        fail(str(error))
    except peewee.DatabaseError as error:
        fail(f"the database can't take this: {error}")
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read the answer has had enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
