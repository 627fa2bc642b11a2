"""`/notifications`, a WebSocket, and the same over plain HTTP: access, and the handover to the group.

flask-sock routes the request and does the handshake, after Flask has checked its sender. Then the group
takes the socket from the HTTP server, and the view returns. Nothing of the request stays in memory. A plain
request for `/api/notifications` that has to wait goes the same way.
"""

from __future__ import annotations

import re
from collections.abc import Set
from typing import Any

import gevent
from flask import Blueprint, Flask, Response, abort, g, request
from flask_sock import Sock
from wsproto.utilities import RemoteProtocolError

import models
from base import addresses
from base.times import now
from base.version import VERSION
from domain import readers
from realtime import polling
from realtime.client import Client
from realtime.group import Group
from realtime.watcher import Watcher
from web import auth, connection, handshake, origins
from web.state import state, state_of

WEBSOCKET_VERSION = "13"  # of the WebSocket protocol (RFC 6455)
KEY = re.compile(r"[A-Za-z0-9+/]{21}[AQgw]==")  # 16 bytes in base64

Owner = tuple[int, str]  # of a connection: its `auth.session_key`

bp = Blueprint("notifications", __name__)
sock = Sock()


def init_app(app: Flask) -> None:
    """Add the routes."""
    app.config["SOCK_SERVER_OPTIONS"] = handshake.SERVER_OPTIONS
    app.register_blueprint(bp)


def start(app: Flask) -> gevent.Greenlet:
    """Start the app's group, for saves of this process and of others on the same file.

    Returns the greenlet of the watcher.
    """
    group = state_of(app).group
    group.pull()
    models.areas.refresh()  # builds the index now, and not at the first incident
    models.committed.append(group.committed)
    readers.here.append(group.lowest_cursor)
    group.start()
    return gevent.spawn(_watcher(app, group).run)


def _watcher(app: Flask, group: Group) -> Watcher:
    """Return the watcher of the open database."""

    def valid(owners: Set[Owner]) -> Set[Owner]:
        with app.app_context():
            return auth.valid_keys(owners)

    def note_use(owners: Set[Owner]) -> None:
        with app.app_context():
            auth.note_use(owners)

    return Watcher(
        group,
        version=lambda: models.database.version,
        valid=valid,
        note_use=note_use,
        refresh=models.areas.refresh,  # in pieces, so that no save waits for an import of areas
    )


def stop(app: Flask, watcher: gevent.Greenlet) -> None:
    """Close every client with 1001, and use the database no more."""
    watcher.kill()
    state_of(app).group.stop()


def heartbeat(seq: int) -> bytes:
    """Return the text of the message that breaks a silence."""
    return b'{"seq":%d,"type":"heartbeat"}' % seq


@bp.before_request
def admit() -> Response | None:
    """Refuse a client that may not connect, before the upgrade; find the cursor of the others."""
    if request.method != "GET":
        abort(405)
    origin = request.headers.get("Origin")
    if not _may_connect_from(origin):
        abort(403, origins.explain("WebSocket", origin) or None)
    origins.note_hidden_tls()
    if request.endpoint == "notifications.notifications":
        if problem := _wrong_with_handshake():
            return problem
        connection.require()
    g.release = state().quota.take(g.user.id, addresses.key(request.remote_addr))
    if request.endpoint == "notifications.not_a_websocket":
        return None
    if request.endpoint == "notifications.notifications":
        handshake.use_connection(request.environ, connection.current_socket())
    head = state().group.pull()
    g.since, g.went_back = _since(head)
    g.head = head
    return None


def _wrong_with_handshake() -> Response | None:
    """Return the refusal of a WebSocket's handshake; None if it is well formed."""
    if request.headers.get("Sec-WebSocket-Version") != WEBSOCKET_VERSION:
        return _refusal(426, f"WebSockets are spoken here in version {WEBSOCKET_VERSION}.\n")
    if not KEY.fullmatch(request.headers.get("Sec-WebSocket-Key", "")):
        return _refusal(400, "Sec-WebSocket-Key must be 16 bytes in base64.\n")
    return None


def _refusal(status: int, text: str) -> Response:
    """Return the answer to a bad handshake, with the right version (RFC 6455, section 4.4)."""
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": WEBSOCKET_VERSION}
    return Response(text, status, headers, content_type="text/plain")


@bp.get("/notifications")
def not_a_websocket() -> Response:
    """Tell a browser, which can't see why its WebSocket was refused: 401 not signed in, 429 too many."""
    if "Sec-WebSocket-Key" in request.headers:
        origins.note_lost_upgrade()
    return _refusal(426, "This is a WebSocket.\n")


def _may_connect_from(origin: str | None) -> bool:
    """Return whether a page of this origin may connect: of this site, or of one that the operator named.

    A request without the header (None) is from no browser.
    """
    return origin is None or origin in state().settings.origins or origins.is_ours(origin)


def _since(head: int) -> tuple[int | None, bool]:
    """Return the cursor that the client asks to continue from, and whether the log has gone back since.

    The cursor is None if that can't be done. The log has gone back if its name is the same, but the entry at
    the cursor is another one or missing. Then an old copy of the file was put in its place.
    """
    text, mark = request.args.get("since", ""), request.args.get("mark", "")
    if request.args.get("epoch") != state().epoch:
        return None, False
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        return None, False
    since = int(text)
    start, _ = models.Notification.bounds()
    if since < start:
        return None, False
    if since > head or (mark and mark != models.Notification.mark_at(since)):
        return None, True
    return since, False


@sock.route("/notifications", bp=bp)
def notifications(ws: Any) -> None:
    handshake.leave_connection(ws)
    g.upgraded = True
    sock, received = connection.take(g.pop("release"))
    client = Client(sock, g.head if g.since is None else g.since, auth.session_key())
    state().group.add(client, _hello(recovered=g.since is not None), received)


def _hello(*, recovered: bool) -> bytes:
    """Return the text of the first message."""
    place = {"seq": g.head, "mark": models.Notification.mark_at(g.head), "epoch": state().epoch}
    hello = {"type": "hello", **place, "recovered": recovered, "version": VERSION, "time": now()}
    if g.went_back:
        hello["went_back"] = True
    return models.to_json(hello).encode()


class Silence(Response):
    """No answer by the HTTP server: the group has the connection, and answers."""

    def __call__(self, _environ: Any, _start_response: Any) -> Any:
        return []


@bp.get("/api/notifications")
def messages() -> Response:
    """Return the messages after `since`, one a line. If there are none, wait for some."""
    wait = _wait()
    is_behind = g.since is not None and g.since < g.head
    entries = models.Notification.after(g.since, state().group.limits.chunk_bytes) if is_behind else []
    if is_behind and (not entries or entries[0][0] != g.since + 1):  # pruned in this very moment
        g.since, entries = None, []
    hello = _hello(recovered=g.since is not None)
    if entries or g.since is None or not wait:
        text = polling.body(hello, entries, heartbeat(g.head))
        return Response(text, content_type=polling.CONTENT_TYPE)
    connection.require()
    group = state().group
    _make_room(group)
    sock, _ = connection.take(g.pop("release"))
    group.wait(polling.Request(sock, g.since, auth.session_key(), hello), wait)
    return Silence()


def _wait() -> float:
    text, most = request.args.get("wait", "0"), state().group.limits.heartbeat_s
    if not (text.isascii() and text.isdigit() and len(text) <= 2 and int(text) <= most):
        abort(400, f"wait must be a number of seconds from 0 to {most:.0f}.")
    return float(text)


def _make_room(group: Group) -> None:
    """Answer the oldest waiting request of this session, if a browser would run out of connections."""
    own = [poll for poll in group.polls if poll.owner == auth.session_key()]
    most = 1 if state().settings.share_port else polling.PER_SESSION  # other processes have some as well
    if len(own) >= most and not g.credential.is_token:
        group.answer(own[0])


@bp.teardown_request
def release_quota(_error: BaseException | None) -> None:
    """Release the quota of a connection that did not become a WebSocket."""
    release = g.pop("release", None)
    if release is not None:
        release()


@bp.errorhandler(ConnectionError)
def gone(_error: ConnectionError) -> Response:
    return Response(status=400)  # nobody reads it, because the peer closed during the handshake


@bp.errorhandler(RemoteProtocolError)
@bp.errorhandler(UnicodeDecodeError)  # wsproto takes the fields of a handshake for ASCII
def bad_handshake(_error: Exception) -> Response:
    return _refusal(400, "This is not a WebSocket handshake.\n")
