"""The connection of a request, which only Tracker's own server can hand over.

Only this module reads that server's addition to the WSGI environ. Under any other server pages and the API
work, and a request that needs the connection is refused.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

from flask import request
from werkzeug.exceptions import NotImplemented as NotImplementedHere

from server.connections import Connection, TlsConnection
from server.handler import Handler
from web.state import state

KEY = "tracker.handler"  # under which the server puts its handler into the environ


def _handler() -> Handler:
    """Return the server's handler of this request. Raises NotImplementedHere (501) under another server."""
    found: Handler | None = request.environ.get(KEY)
    if found is None:
        raise NotImplementedHere(
            "This server can't keep connections open for notifications. Start Tracker by "
            "`python tracker.py`, or ask /api/notifications without `wait`."
        )
    return found


def is_local() -> bool:
    """Return whether a program of the server's own machine sent this request itself, and no proxy."""
    found: Handler | None = request.environ.get(KEY)
    return found is not None and found.is_local()


def require() -> None:
    """Raise NotImplementedHere (501) if the server can't hand this request's connection over."""
    _handler()


def current_socket() -> socket.socket:
    """Return the socket while it is still the server's. Raises NotImplementedHere (501)."""
    own: socket.socket = _handler().socket
    return own


def take(freed: Callable[[], None]) -> tuple[Connection | TlsConnection, bytes]:
    """Take the connection from the server. Return it, and the bytes that came after the request.

    `freed` is called when the connection is closed. Raises NotImplementedHere (501).
    """
    connection, received = _handler().detach(freed)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, state().group.limits.send_buffer_bytes)
    return connection, received
