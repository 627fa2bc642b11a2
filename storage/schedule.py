"""Backups that the server makes by itself, into one folder. Several processes on one database take turns."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import gevent
from gevent import monkey
from gevent.threadpool import ThreadPool

from base.errors import TrackerError
from base.logs import event
from base.times import clock, timestamp
from storage import files
from storage.backup import Stopped, back_up
from storage.engine import Setting, database
from storage.schema import STAMP

LOOK_S = 10.0  # between two looks whether a backup is due
PAUSE_S = 0.005  # after each MB that is copied
STOP_S = 2.0  # for a backup that is given up
RETRY_S = 15 * 60.0  # after a backup that failed
NAME = "backup_schedule"  # the setting that holds the state, as JSON
REMEMBERED = 1000  # names of backups

log = logging.getLogger(__name__)
_sleep = monkey.get_original("time", "sleep")  # for the thread: gevent's would give it an event loop


class Schedule:
    """Makes a backup after every `every_s` seconds, and removes the oldest of its own beyond `keep`.

    The state is in the database: when the last backup started, whether it succeeded, and the names of all.
    So a restart does not repeat a backup, and no file is removed that has not been named here.
    """

    def __init__(self, folder: str, every_s: float, keep: int) -> None:
        self._folder = Path(folder).absolute()
        self._every, self._keep = timedelta(seconds=every_s), keep
        self._retry = min(self._every, timedelta(seconds=RETRY_S))
        self._stopping = False
        self._is_idle = True
        self._greenlet: gevent.Greenlet | None = None
        self._threads = ThreadPool(1)  # of its own: a flush must not wait for a backup

    def start(self) -> None:
        """Make backups from now on, in a greenlet of its own."""
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """Give up a backup that is being made, and make no more. `join` waits for that."""
        self._stopping = True

    def join(self) -> None:
        """Return when the unfinished file is removed, or after STOP_S."""
        if self._greenlet:
            self._greenlet.join(0 if self._is_idle else STOP_S)
            self._greenlet.kill(block=False)

    def _run(self) -> None:
        while not self._stopping:
            try:
                self.look()
            except Exception:
                log.exception("Can't make a backup")
            if not self._stopping:
                gevent.sleep(LOOK_S)

    def look(self) -> None:
        """Make a backup if one is due. Other greenlets run meanwhile."""
        if self._stopping or not self._is_due(_state()):
            return
        with database.atomic():
            state = _state()
            if not self._is_due(state):
                return  # another process was faster
            target = self._folder / f"{Path(database.database).stem}-{clock().strftime(STAMP)}.db"
            names = [*state.get("files", []), str(target)][-REMEMBERED:]
            _keep({"started": timestamp(clock()), "done": False, "files": names})
        self._remove_unfinished(names)
        if self._make(target):
            left = self._remove_old(names)
            with database.atomic():
                _keep(_state() | {"done": True, "files": left})

    def _make(self, target: Path) -> bool:
        """Return whether the backup succeeded. If not, standard error says why."""
        self._is_idle = False
        try:
            error = self._threads.apply(self._back_up, (target, database.database))
        finally:
            self._is_idle = True
        if isinstance(error, TrackerError):
            event(log, logging.ERROR, "The backup failed", reason=str(error))
        if error is None:
            event(log, logging.INFO, "A backup is made", file=str(target), bytes=files.size_of(target))
        return error is None

    def _back_up(self, target: Path, source: str) -> Exception | None:
        """Make a backup in a thread, and return the error: gevent prints one that is raised there."""
        try:
            back_up(target, source, self._step)
        except (Stopped, TrackerError) as error:
            return error
        return None

    def _is_due(self, state: dict[str, Any]) -> bool:
        """Return whether a backup is due. One that started in the future was started by a wrong clock."""
        if not state:
            return True
        since = clock() - datetime.fromisoformat(state["started"])
        if state["done"]:
            return not timedelta(0) <= since < self._every
        part = Path(f"{state['files'][-1]}.part")
        works = part.exists() and not files.is_abandoned(part)
        return not works and not timedelta(0) <= since < self._retry

    def _step(self, _left: int, _pages: int) -> None:
        """Let others use the disk and the processor for a moment."""
        if self._stopping:
            raise Stopped
        _sleep(PAUSE_S)

    def _remove_unfinished(self, names: list[str]) -> None:
        for name in names:
            part = Path(f"{name}.part")
            if part.exists() and files.is_abandoned(part):
                part.unlink()

    def _remove_old(self, names: list[str]) -> list[str]:
        """Remove the oldest backups of the folder. Return the names that are left, also of other folders."""
        there = [name for name in names if Path(name).parent == self._folder and Path(name).is_file()]
        for name in there[: -self._keep]:
            try:
                Path(name).unlink()
            except OSError as error:
                event(log, logging.WARNING, "Can't remove an old backup", file=name, reason=error.strerror)
        return [name for name in names if Path(name).parent != self._folder or Path(name).is_file()]


def _state() -> dict[str, Any]:
    row = Setting.get_or_none(Setting.name == NAME)
    try:
        state = json.loads(row.value) if row else {}
        datetime.fromisoformat(state["started"])
    except (ValueError, KeyError, TypeError):
        return {}
    return dict(state)


def _keep(state: dict[str, Any]) -> None:
    value = json.dumps(state)
    Setting.insert(name=NAME, value=value).on_conflict_replace().execute()
