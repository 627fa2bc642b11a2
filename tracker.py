"""Tracker: incidents and areas of interest on a map, live. Run it: `python tracker.py`."""

import sys

if sys.platform == "win32":
    sys.exit(
        "tracker: Tracker runs on Linux, and on macOS to try it. On Windows start it in WSL or a container."
    )
if sys.version_info < (3, 11):  # noqa: UP036 (somebody may start it with another one)
    sys.exit("tracker: this needs Python 3.11 or newer")

from gevent import monkey

monkey.patch_all()  # before anything else is imported

import argparse
import gc
import logging
import os
import socket
import ssl
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import gevent
import peewee

import models
from base import logs
from base.settings import BadSetting, Settings
from base.terminal import Traceback, prepare, say
from base.times import parse_period
from base.version import VERSION
from commands import (
    backup,
    check,
    demo,
    erase,
    importer,
    migrate,
    prune,
    reload,
    restore,
    shared,
    streets,
    tokens,
    users,
)
from realtime.limits import Limits as GroupLimits
from server import shared_port
from server.limits import Limits as ServerLimits
from storage.schedule import Schedule

T = TypeVar("T")
STOP_S = 10  # the longest time of a stop, whatever hangs
REQUESTS_S = 7  # of these, for requests in flight
OPTIONS = (*reload.OPTIONS, "share_port")  # the settings that are options, too
GROUP_LIMITS, SERVER_LIMITS = GroupLimits(), ServerLimits()


def serve(
    settings: Settings,
    group_limits: GroupLimits,
    server_limits: ServerLimits,
    *,
    sign_in: str = "",
    beside: Callable[[], None] | None = None,
) -> None:
    """Serve until SIGTERM or Ctrl-C. `sign_in` is printed, and `beside` runs as a greenlet meanwhile."""
    # Imported only here: Flask and the map's files take a third of a start, and no command needs them.
    from domain import mutes, retention
    from server import stopping, systemd, unix_socket, wsgi
    from web import notifications
    from web.app import compile_templates, create_app
    from web.state import state_of

    logs.set_up(settings.log, settings.log_level)
    gevent.get_hub().print_exception = lambda _context, *error: logs.log_failure(*error)
    listener = _listen(settings)
    context = _tls_context(settings)
    wsgi.allow_many_descriptors()
    if settings.share_port:
        _on_shared_port(shared_port.check, listener, settings)  # before the file is made or migrated
    models.open_database(settings.database, migrate=True, hold_reports=settings.hold_reports)
    claimed = _on_shared_port(shared_port.claim, listener, settings) if settings.share_port else None
    app = create_app(settings, group_limits)
    sign_in = (
        _first_account(settings) or sign_in
    )  # it is printed once, so only when nothing can fail any more
    models.database.group_commits()
    http = wsgi.Server(
        listener,
        app,
        settings.host,
        before_answer=models.database.sync,  # no answer has data that a power cut could lose
        proxies=settings.proxies,
        context=context,
        limits=server_limits,
        shares_port=settings.share_port,
    )
    watcher = notifications.start(app)
    loop_watch = state_of(app).loop_watch
    loop_watch.start()
    ending_mutes = gevent.spawn(mutes.watch)
    pruning = gevent.spawn(retention.watch, prune.periods(settings))
    backups = _backups(settings)
    watching_file = gevent.spawn(models.database.watch_file)
    sockets = gevent.Greenlet(notifications.stop, app, watcher)

    def stop() -> None:
        systemd.notify("STOPPING=1")
        http.close()
        sockets.start()
        backups.stop()

    stopping.on_stop(stop, STOP_S)
    stopping.on_reload(lambda: _reload_certificate(settings, http))
    if settings.share_port:
        listener.listen(wsgi.BACKLOG)
    logs.event(logs.log, logging.INFO, "Tracker starts", version=VERSION, pid=os.getpid())
    say(f"Tracker runs at {_address(settings, listener)}")
    if sign_in:
        say(sign_in)
    further = gevent.spawn(beside) if beside else None
    gevent.spawn(compile_templates, app)
    gc.freeze()  # the objects of the start stay, so the garbage collector need not examine them again
    systemd.ready()
    http.serve_forever(stop_timeout=REQUESTS_S)
    logs.event(logs.log, logging.INFO, "Tracker stops")
    stop()
    if further:
        further.kill()
    ending_mutes.kill()
    pruning.kill()
    loop_watch.stop()
    sockets.join()
    backups.join()
    watching_file.kill()
    if settings.unix:
        unix_socket.remove(settings.unix)
    models.database.close()
    logging.shutdown()
    if claimed:
        claimed.close()


def _address(settings: Settings, listener: socket.socket) -> str:
    """Return where the server can be reached, for people."""
    below = f"{settings.root}/" if settings.root else ""
    if settings.unix:
        return f"the Unix socket {settings.unix}" + (f", below {below}" if below else "")
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    scheme = "https" if settings.certfile else "http"
    return f"{scheme}://{host}:{listener.getsockname()[1]}{below}"


def _listen(settings: Settings) -> socket.socket:
    """Return the listening socket, or end with a sentence that says why there is none."""
    from server import unix_socket, wsgi

    if settings.unix and settings.share_port:
        fail("--share-port is for a port: with --unix, give each process a socket of its own")
    if settings.unix:
        try:
            return unix_socket.listen(settings.unix)
        except OSError as error:
            fail(f"can't listen on {settings.unix}: {error.strerror or error}")
    if settings.share_port and not settings.port:
        fail("--share-port needs a port that the other processes know, not 0")
    try:
        return wsgi.listen(settings.host, settings.port, shared=settings.share_port)
    except (OSError, OverflowError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        advice = "; each process on this port needs --share-port and the same user"
        advice = advice if settings.share_port else ""
        fail(f"can't listen on {settings.host}, port {settings.port}: {reason}{advice}")


def _on_shared_port(
    step: Callable[[socket.socket, str], T], listener: socket.socket, settings: Settings
) -> T:
    """Return the result of a step of shared_port, or end if another process serves another database there."""
    try:
        return step(listener, settings.database)
    except OSError as error:
        fail(f"can't share port {settings.port}: {error.strerror or error}")


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
    """Read the certificate again, for new connections. If it can't be used, keep the old one."""
    from server import tls

    names = {"certfile": settings.certfile, "keyfile": settings.keyfile or settings.certfile}
    if not settings.certfile:
        logs.event(logs.log, logging.WARNING, "Nothing is reloaded: this server has no certificate")
        return
    try:
        http.context = tls.context(settings.certfile, settings.keyfile)
    except OSError as error:
        reason = error.strerror or str(error)
        words = "The server keeps its certificate: it can't use the files"
        logs.event(logs.log, logging.ERROR, words, reason=reason, **names)
    else:
        logs.event(logs.log, logging.INFO, "The certificate is reloaded", **names)


def fail(message: str) -> NoReturn:
    sys.stderr.write(logs.last_line(message))
    sys.stderr.flush()
    sys.exit(2)


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        fail(f"{message} (see {self.prog} --help)")


def command_line() -> Parser:
    """Return the parser of all commands and options."""
    parser = Parser(prog="tracker.py", description=__doc__, allow_abbrev=False)
    given: dict[str, Any] = {"default": argparse.SUPPRESS}  # without an option the settings decide
    parser.add_argument("--host", help=f"address to listen on (default: {Settings.host})", **given)
    parser.add_argument("--port", type=int, help=f"0 for any free one (default: {Settings.port})", **given)
    parser.add_argument("--unix", metavar="FILE", help="a Unix socket, in place of host and port", **given)
    parser.add_argument("--root", metavar="PATH", help="path below which Tracker is: /tracker", **given)
    shares = "let further processes serve the same database on the same port"
    parser.add_argument("--share-port", action="store_true", help=shares, **given)
    parser.add_argument("--database", metavar="FILE", help=f"(default: {Settings.database})", **given)
    parser.add_argument("--certfile", metavar="FILE", help="PEM, to speak TLS", **given)
    parser.add_argument("--keyfile", metavar="FILE", help="PEM, if not in that file", **given)
    backups = "let the server make backups in this folder"
    parser.add_argument("--backup-folder", metavar="FOLDER", help=backups, **given)
    every = f"minutes (30m), hours or days (default: {Settings.backup_every})"
    parser.add_argument("--backup-every", metavar="PERIOD", help=every, **given)
    keep = f"the newest backups to keep there (default: {Settings.backup_keep})"
    parser.add_argument("--backup-keep", metavar="COUNT", type=int, help=keep, **given)
    parser.add_argument("--config", default="", metavar="FILE", help="TOML with the settings")
    parser.add_argument("--version", action="version", version=f"Tracker {VERSION}")
    parser.add_argument(
        "--reload",
        action="store_true",
        help="for developers: start the server again when its code, a template or a file of static/ changes",
    )
    subparsers = parser.add_subparsers(dest="command", metavar="command", parser_class=Parser)
    importer.add_arguments(subparsers.add_parser("import", help="import GeoJSON", allow_abbrev=False))
    users.add_arguments(subparsers, Parser)
    tokens.add_arguments(subparsers, Parser)
    backup.add_arguments(subparsers)
    erase.add_arguments(subparsers)
    prune.add_arguments(subparsers)
    restore.add_arguments(subparsers)
    check.add_arguments(subparsers)
    migrate.add_arguments(subparsers)
    streets.add_arguments(subparsers)
    demo.add_arguments(subparsers)
    return parser


def parse_arguments(arguments: list[str] | None) -> tuple[argparse.Namespace, Settings]:
    """Return the parsed command line and the settings. An option overrides a variable and the file."""
    found = command_line().parse_args(arguments)
    if found.reload and found.command:
        fail(f"--reload is for the server, not for `{found.command}`")
    if found.command not in (None, "demo"):
        logs.end_as("text")  # a person reads it
    try:
        settings = Settings.from_environment(file=found.config)
        for name in OPTIONS:
            setattr(settings, name, getattr(found, name, getattr(settings, name)))
        settings.check()
    except BadSetting as error:
        fail(str(error))
    if found.command in (None, "demo"):
        logs.end_as(settings.log)
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
    if found.command == "demo":
        return demo.run(
            settings,
            lambda own, sign_in, city: serve(
                own, group_limits, server_limits, sign_in=sign_in, beside=city.live
            ),
        )
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
    if not sys.stderr.isatty():
        logs.end_as(os.environ.get("TRACKER_LOG", ""))
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
    except BrokenPipeError:  # the reader of the output has closed it, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
