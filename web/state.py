"""The state of the application: what is kept from one request to the next, reached by `state()`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flask import Flask, current_app
from flask_wtf.csrf import CSRFProtect

from base.settings import Settings
from realtime.group import Group
from web.quota import ConnectionQuota

KEY = "tracker"  # of this object among Flask's extensions


@dataclass(frozen=True)
class State:
    """What `create_app` has put together. The database is not in it: `models` has the open one."""

    settings: Settings
    epoch: str  # names the log; a cursor of another epoch is worthless
    group: Group
    quota: ConnectionQuota  # of WebSockets and waiting polls
    csrf: CSRFProtect
    pmtiles: Path | None  # the archive of vector tiles that is served


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
