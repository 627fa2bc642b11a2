"""Tracker: incidents and areas of interest on a map, live. Run it: `python tracker.py`."""

from gevent import monkey

monkey.patch_all()  # before anything else is imported

import argparse
import gc
import os
import socket
import ssl
import sys
from typing import Any, NoReturn

import gevent
import peewee

import models
from base import logs
from base.settings import BadSetting, Settings
from base.terminal import Traceback, prepare, say
from base.version import VERSION
from commands import backup, erase, importer, prune, reload, shared, tokens, users
from realtime.limits import Limits as GroupLimits
from server.limits import Limits as ServerLimits

STOP_S = 10  # after which the server has ended when it is told to stop, whatever hangs
REQUESTS_S = 7  # of these, for requests in flight
OPTIONS = ("host", "port", "database", "certfile", "keyfile")  # the settings that are options, too
GROUP_LIMITS, SERVER_LIMITS = GroupLimits(), ServerLimits()


def serve(settings: Settings, group_limits: GroupLimits, server_limits: ServerLimits) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    # Only here: Flask and the map's files take a third of a start, and no command needs them.
    from domain import mutes, retention
    from server import stopping, wsgi
    from web import notifications
    from web.app import create_app
    from web.state import state_of

    logs.set_up(settings.log, settings.log_level)
    gevent.get_hub().print_exception = lambda _context, *error: logs.log_failure(*error)
    listener = _listen(settings)
    context = _tls_context(settings)
    wsgi.allow_many_descriptors()
    models.open_database(settings.database, hold_reports=settings.hold_reports)
    app = create_app(settings, group_limits)
    sign_in = _first_account(settings)  # told once, so only when nothing can fail any more
    models.database.group_commits()
    http = wsgi.Server(
        listener,
        app,
        settings.host,
        before_answer=models.database.sync,  # no answer tells what a power cut could take back
        proxies=settings.proxies,
        context=context,
        limits=server_limits,
    )
    watcher = notifications.start(app)
    loop_watch = state_of(app).loop_watch
    loop_watch.start()
    ending_mutes = gevent.spawn(mutes.watch)
    pruning = gevent.spawn(retention.watch, prune.periods(settings))
    sockets = gevent.Greenlet(notifications.stop, app, watcher)

    def stop() -> None:
        http.close()
        sockets.start()

    stopping.on_stop(stop, STOP_S)
    stopping.on_reload(lambda: _reload_certificate(settings, http))
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    scheme = "https" if context else "http"
    say(f"Tracker runs at {scheme}://{host}:{listener.getsockname()[1]}")
    if sign_in:
        say(sign_in)
    gc.freeze()  # what the start has made stays: the collector need not look through it again and again
    http.serve_forever(stop_timeout=REQUESTS_S)
    stop()
    ending_mutes.kill()
    pruning.kill()
    loop_watch.stop()
    sockets.join()
    models.database.close()


def _listen(settings: Settings) -> socket.socket:
    """Return the listening socket, or end with a sentence that says why there is none."""
    from server import wsgi

    try:
        return wsgi.listen(settings.host, settings.port)
    except (OSError, OverflowError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        fail(f"can't listen on {settings.host}, port {settings.port}: {reason}")


def _tls_context(settings: Settings) -> ssl.SSLContext | None:
    """Return the context with the certificate; None without one. Ends with a sentence if it can't be used."""
    if settings.keyfile and not settings.certfile:
        fail("--keyfile needs --certfile: without a certificate there is no TLS")
    if not settings.certfile:
        return None
    from server import tls

    try:
        return tls.context(settings.certfile, settings.keyfile)
    except OSError as error:
        fail(f"can't use the certificate {settings.certfile}: {error.strerror or error}")


def _first_account(settings: Settings) -> str:
    """Create the first account if there is none. Return the sentence that says how to sign in, or ""."""
    from domain import accounts

    if not settings.admin_password_file:
        password = accounts.first_account()
        return f"Sign in as admin, password: {password}" if password else ""
    path = settings.admin_password_file
    try:
        password = accounts.first_account(lambda: _first_line(path))
    except models.Invalid as error:
        raise models.TrackerError(f"{path}: {'; '.join(error.fields.values())}") from error
    return f"Sign in as admin, with the password in {path}" if password else ""


def _first_line(path: str) -> str:
    """Return the first line of a file. Raises TrackerError."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.readline().rstrip("\r\n")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise models.TrackerError(f"can't read the password in {path}: {reason}") from error


def _reload_certificate(settings: Settings, http: Any) -> None:
    """Read the certificate again, for the connections to come. If it can't be used, keep the one before."""
    from server import tls

    if not settings.certfile:
        say("Nothing is reloaded: this server has no certificate. Restart it for other settings.")
        return
    try:
        http.context = tls.context(settings.certfile, settings.keyfile)
    except OSError as error:
        reason = error.strerror or error
        say(f"tracker: keeps its certificate: can't use {settings.certfile}: {reason}", to_stderr=True)
    else:
        say(f"The certificate {settings.certfile} is reloaded.")


def fail(message: str) -> NoReturn:
    say(f"tracker: {message}", to_stderr=True)
    sys.exit(2)


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        fail(f"{message} (see {self.prog} --help)")


def parse_arguments(arguments: list[str] | None) -> tuple[argparse.Namespace, Settings]:
    """Return what the command line asks for, and the settings: an option counts before all else."""
    parser = Parser(prog="tracker.py", description=__doc__, allow_abbrev=False)
    given: dict[str, Any] = {"default": argparse.SUPPRESS}  # of what is not given, the settings decide
    parser.add_argument("--host", help=f"address to listen on (default: {Settings.host})", **given)
    parser.add_argument("--port", type=int, help=f"0 for any free one (default: {Settings.port})", **given)
    parser.add_argument("--database", metavar="FILE", help=f"(default: {Settings.database})", **given)
    parser.add_argument("--certfile", metavar="FILE", help="PEM, to speak TLS", **given)
    parser.add_argument("--keyfile", metavar="FILE", help="PEM, if not in that file", **given)
    parser.add_argument("--config", default="", metavar="FILE", help="TOML with the settings")
    parser.add_argument("--version", action="version", version=f"Tracker {VERSION}")
    parser.add_argument(
        "--reload",
        action="store_true",
        help="for developers: start the server again when a .py file or a template changes",
    )
    subparsers = parser.add_subparsers(dest="command", metavar="command", parser_class=Parser)
    importer.add_arguments(subparsers.add_parser("import", help="import GeoJSON", allow_abbrev=False))
    users.add_arguments(subparsers, Parser)
    tokens.add_arguments(subparsers, Parser)
    backup.add_arguments(subparsers)
    erase.add_arguments(subparsers)
    prune.add_arguments(subparsers)
    found = parser.parse_args(arguments)
    if found.reload and found.command:
        fail(f"--reload is for the server, not for `{found.command}`")
    try:
        settings = Settings.from_environment(file=found.config)
    except BadSetting as error:
        fail(str(error))
    for name in OPTIONS:
        setattr(settings, name, getattr(found, name, getattr(settings, name)))
    return found, settings


def run(
    found: argparse.Namespace, settings: Settings, group_limits: GroupLimits, server_limits: ServerLimits
) -> int:
    """Do what is asked, and return the exit status."""
    if found.reload:
        return reload.run(settings, found.config)
    if not found.command:
        serve(settings, group_limits, server_limits)
        return 0
    is_new = not os.path.exists(settings.database)
    do = importer.run if found.command == "import" else shared.run
    try:
        return do(found, settings)
    finally:
        if is_new and os.path.exists(settings.database):  # perhaps another one was meant
            say(f"{settings.database} is a new database: there was none of that name.", to_stderr=True)


def main(
    arguments: list[str] | None = None,
    group_limits: GroupLimits = GROUP_LIMITS,
    server_limits: ServerLimits = SERVER_LIMITS,
) -> int:
    """Run the program and return its exit status. Only tests give it other limits."""
    prepare()
    gevent.get_hub().exception_stream = Traceback()
    found, settings = parse_arguments(arguments)
    try:
        status = run(found, settings, group_limits, server_limits)
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
