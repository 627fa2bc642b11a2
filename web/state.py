"""The state of the application between requests. `state()` returns it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flask import Flask, current_app
from flask_wtf.csrf import CSRFProtect

from base.loop_watch import LoopWatch
from base.settings import Settings
from realtime.group import Group
from web.collections import Collections
from web.counts import RequestCounts
from web.socket_limits import ConnectionQuota

KEY = "tracker"  # of this object among Flask's extensions


@dataclass(frozen=True)
class State:
    """The parts of the application, made by `create_app`. The open database is in `models`."""

    settings: Settings
    epoch: str  # the name of the log; a cursor of another epoch is refused
    group: Group
    quota: ConnectionQuota  # of WebSockets and waiting polls
    csrf: CSRFProtect
    requests: RequestCounts
    collections: Collections
    loop_watch: LoopWatch
    pmtiles: tuple[Path, ...]  # the archives of streets that the operator names


def keep(app: Flask, kept: State) -> None:
    """Let `state()` return this wherever the app handles a request."""
    app.extensions[KEY] = kept


def state_of(app: Flask) -> State:
    """Return the state of an application, outside of its requests."""
    kept: State = app.extensions[KEY]
    return kept


def state() -> State:
    """Return the state of the application that handles the current request."""
    return state_of(current_app)
