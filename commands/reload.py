"""`python tracker.py --reload`, for developers: the server starts again when one of its files changes.

These are its code, the templates and static/.

The server is a child process, so that it starts without the earlier code. This process only checks files. A
server that has ended by itself, as after a mistake in the code, starts again with the next change.
"""

from __future__ import annotations

import signal
import subprocess  # nosec B404 (starts our own program)
import sys
from collections.abc import Iterator
from pathlib import Path

import gevent
from gevent.event import Event

from base.settings import Settings
from base.terminal import say

POLL_S = 0.3  # between two checks of the files
STOP_S = 15.0  # for the server to end: it has 10 s for the requests in flight
ROOT = Path(__file__).resolve().parent.parent

# The settings that are options with a value, too. The command line has put them into `Settings`.
OPTIONS = (
    *("host", "port", "unix", "root", "database", "certfile", "keyfile"),
    *("backup_folder", "backup_every", "backup_keep"),
)

Snapshot = dict[Path, int]  # when each file was changed, in nanoseconds


def run(settings: Settings, config: str = "") -> int:
    """Serve until SIGTERM or Ctrl-C, in one child process after another. `config` is the settings' file."""
    stop_requested = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, stop_requested.set)
    before, server = snapshot(), _start(settings, config)
    try:
        while not stop_requested.wait(POLL_S):
            if (now := snapshot()) != before:
                say(f"Changed: {', '.join(sorted(_changed(before, now)))}. The server starts again.")
                _end(server)
                before, server = now, _start(settings, config)
    finally:
        _end(server)
    return 0


def snapshot(root: Path = ROOT) -> Snapshot:
    """Return when each file was changed that a start of the server reads."""
    found: Snapshot = {}
    for path in _files(root):
        try:
            found[path] = path.stat().st_mtime_ns
        except FileNotFoundError:  # some editors remove a file while they save
            continue
    return found


def _files(root: Path) -> Iterator[Path]:
    yield from root.glob("*.py")
    yield from root.glob("templates/**/*.html")
    yield from (path for path in root.glob("static/**/*") if path.is_file())
    for room in root.glob("*/__init__.py"):  # tests/ and a virtual environment have none
        yield from room.parent.glob("**/*.py")


def _changed(before: Snapshot, now: Snapshot) -> set[str]:
    return {path.name for path, _ in before.items() ^ now.items()}


def _start(settings: Settings, config: str) -> subprocess.Popen[bytes]:
    given = [(name, getattr(settings, name)) for name in OPTIONS]
    arguments = [f"--{name.replace('_', '-')}={value}" for name, value in given if value != ""]
    arguments += [f"--config={config}"] if config else []
    arguments += ["--share-port"] if settings.share_port else []
    return subprocess.Popen([sys.executable, ROOT / "tracker.py", *arguments])  # noqa: S603 # nosec B603 (our own program)


def _end(server: subprocess.Popen[bytes]) -> None:
    """End the server by SIGTERM and wait; kill it if it does not end."""
    server.terminate()
    try:
        server.wait(STOP_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
