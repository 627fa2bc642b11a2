"""The handshake of a WebSocket by flask-sock and simple-websocket, without their later steps.

All their fields that Tracker uses are named here; none is documented. tests/web/test_handshake.py fails with
the name that an upgrade has changed.
"""

from __future__ import annotations

from typing import Any


class NoThread:
    """A stand-in for simple-websocket's reading thread, because the group reads."""

    name = ""

    def __init__(self, **_options: Any) -> None:
        pass

    def start(self) -> None:
        pass


SERVER_OPTIONS = {"thread_class": NoThread}  # for flask-sock's SOCK_SERVER_OPTIONS


def use_connection(environ: dict[str, Any], connection: Any) -> None:
    """Have simple-websocket take this connection, without compression.

    It would take a copy, which stays open if the handshake fails.
    """
    environ["werkzeug.socket"] = connection
    environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)  # compressed, no two clients could share a frame


def leave_connection(ws: Any) -> None:
    """Let flask-sock send nothing more when the view returns: the group has the connection then."""
    ws.connected = False  # otherwise flask-sock would send a close frame
    ws.mode = "gevent"  # in this mode flask-sock answers with no bytes
