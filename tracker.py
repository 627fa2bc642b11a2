"""Tracker: incidents and areas of interest on a map, live. Run it: `python tracker.py`."""

from gevent import monkey

monkey.patch_all()  # before anything else is imported

import argparse
import gc
import os
import signal
import socket
import ssl
import sys
from typing import NoReturn

import gevent
import peewee

import models
from base.settings import BadSetting, Settings
from base.terminal import Traceback, prepare, say
from base.times import parse_period
from base.version import VERSION
from commands import backup, check, importer, migrate, reload, restore, shared, tokens, users
from realtime.limits import Limits as GroupLimits
from server.limits import Limits as ServerLimits
from storage.schedule import Schedule

STOP_S = 10  # for requests in flight, when the server is told to stop
GROUP_LIMITS, SERVER_LIMITS = GroupLimits(), ServerLimits()


def serve(settings: Settings, group_limits: GroupLimits, server_limits: ServerLimits) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    # Only here: Flask and the map's files take a third of a start, and no command needs them.
    from domain import accounts, mutes
    from server import wsgi
    from web import notifications
    from web.app import create_app

    listener = _listen(settings)
    context = _tls_context(settings)
    wsgi.allow_many_descriptors()
    models.open_database(settings.database, migrate=True, hold_reports=settings.hold_reports)
    app = create_app(settings, group_limits)
    password = accounts.first_account()  # told once, so only when nothing can fail any more
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
    ending_mutes = gevent.spawn(mutes.watch)
    backups = _backups(settings)
    watching_file = gevent.spawn(models.database.watch_file)
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
    backups.stop()
    watching_file.kill()
    notifications.stop(app, watcher)
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


def _backups(settings: Settings) -> Schedule:
    """Make backups from now on, if the settings name a folder for them."""
    schedule = Schedule(
        settings.backup_folder, every_s=parse_period(settings.backup_every), keep=settings.backup_keep
    )
    if settings.backup_folder:
        schedule.start()
    return schedule


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
    restore.add_arguments(subparsers)
    check.add_arguments(subparsers)
    migrate.add_arguments(subparsers)
    found = parser.parse_args(arguments)
    if found.reload and found.command:
        fail(f"--reload is for the server, not for `{found.command}`")
    for name in ("host", "port", "database", "certfile", "keyfile"):
        setattr(settings, name, getattr(found, name))
    return found, settings


def run(
    found: argparse.Namespace, settings: Settings, group_limits: GroupLimits, server_limits: ServerLimits
) -> int:
    """Do what is asked, and return the exit status."""
    if found.reload:
        return reload.run(settings)
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
