"""`/metrics`, for Prometheus: what the server does, how much, and how fast.

Requests come from a program of this machine, or with a token. A metric is added here, to docs/monitoring.md
and to deploy/grafana.json.
"""

from __future__ import annotations

import platform
import sqlite3
from datetime import datetime

from flask import Blueprint, Response, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

import models
from base.metrics import CONTENT_TYPE, Exposition
from base.process import STARTED, process
from base.version import VERSION
from storage.sizes import sizes
from web import auth, connection
from web.hosts import LOCAL_NAMES, PORT
from web.state import state

# Of entries of the log. They are shown before there is one, so that the first is seen as a rise.
TYPES = (
    *("alert", "alert_acknowledged", "alert_cleared", "alert_handed_over", "alert_released"),
    *("personal_mute", "post_delete", "post_save"),
)

bp = Blueprint("metrics", __name__)


@bp.get("/metrics")
@auth.public
def metrics() -> Response:
    """Answer with all metrics as text. Refuses with 401 who may not see them."""
    if not _may_see():
        raise Unauthorized(
            "The metrics are for programs on the server's own machine. Others send a token.",
            www_authenticate=WWWAuthenticate("bearer"),
        )
    text = Exposition()
    for write in (_about, _log, _clients, _requests, _alerts, _storage, _loop, _process):
        write(text)
    return Response(text.text(), content_type=CONTENT_TYPE)


def _may_see() -> bool:
    """Return whether the request has a token, or comes from this machine and by one of its own names.

    A web site can have its own name lead to this machine; a browser here would then show it the answer.
    """
    if auth.has_bearer():
        auth.signed_in()  # a wrong token is refused
        return True
    return connection.is_local() and PORT.sub("", request.host) in LOCAL_NAMES


def _about(text: Exposition) -> None:
    labels = {"version": VERSION, "python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
    text.gauge("tracker_build_info", "The versions that run; always 1.", [(labels, 1)])


def _log(text: Exposition) -> None:
    read = state().group.buffer.entries
    entries = dict.fromkeys(TYPES, 0) | {type_.decode(): count for type_, count in read.items()}
    text.counter(
        "tracker_log_appended_total",
        "Entries of the log since the start, by type; a save is a post_save.",
        [({"type": type_}, count) for type_, count in sorted(entries.items())],
    )
    _, head = models.Notification.bounds()
    text.gauge("tracker_log_head", "Number of the newest entry of the log.", head)


def _clients(text: Exposition) -> None:
    group = state().group
    text.gauge(
        "tracker_clients",
        "Clients that are live, wait by long polling, are behind, or are being closed.",
        [({"state": name}, count) for name, count in group.states().items()],
    )
    counts = group.counts
    text.counter("tracker_sent_bytes_total", "Bytes that clients' sockets took.", counts.bytes)
    text.counter("tracker_sent_frames_total", "Frames and answers that clients' sockets took.", counts.frames)
    text.counter(
        "tracker_clients_closed_total",
        "Clients that the server closed, by reason.",
        [({"reason": reason or "other"}, count) for reason, count in sorted(counts.closed.items())],
    )
    text.histogram("tracker_broadcast_seconds", "Time from a commit to the last live client.", counts.delay)


def _requests(text: Exposition) -> None:
    counts = state().requests
    text.counter(
        "tracker_requests_total",
        "Requests that the application answered, by route, method and status.",
        [
            ({"route": route, "method": method, "status": status}, count)
            for (route, method, status), count in sorted(counts.answered.items())
        ],
    )
    text.histogram(
        "tracker_request_seconds", "Time in the application, after the body has come.", counts.seconds
    )
    text.counter(
        "tracker_sockets_refused_total",
        "WebSockets and long polls that a limit refused, by limit.",
        [({"limit": limit}, count) for limit, count in sorted(state().quota.refused.items())],
    )


def _alerts(text: Exposition) -> None:
    open_, unacknowledged = models.Alert.count_open()
    text.gauge("tracker_alerts_open", "Open alerts.", open_)
    text.gauge("tracker_alerts_unacknowledged", "Open alerts that nobody has acknowledged.", unacknowledged)


def _storage(text: Exposition) -> None:
    text.histogram(
        "tracker_flush_seconds", "Time of a flush of commits to the disk.", models.database.flushes
    )
    found = sizes()
    text.gauge("tracker_database_bytes", "Size of the database file.", found.database)
    text.gauge("tracker_wal_bytes", "Size of the write-ahead log, the -wal file.", found.wal)
    text.gauge("tracker_log_entries", "Entries that the log has.", found.log_entries)
    text.gauge("tracker_log_bytes", "About the size of the log, as a part of the database.", found.log)
    text.gauge("tracker_disk_free_bytes", "Free room on the disk of the database.", found.disk_free)
    backup = models.last_backup()
    for name, help_, at in (
        ("tracker_backup_timestamp_seconds", "When the last backup succeeded; 0 for never.", backup.at),
        ("tracker_backup_failed_timestamp_seconds", "When one last failed; 0 for never.", backup.failed_at),
    ):
        text.gauge(name, help_, datetime.fromisoformat(at).timestamp() if at else 0)


def _loop(text: Exposition) -> None:
    watch = state().loop_watch
    text.histogram(
        "tracker_loop_lag_seconds", "How much later than planned the event loop ran a timer.", watch.lag
    )
    text.counter("tracker_loop_stalls_total", "Times that the event loop stood still for long.", watch.stalls)


def _process(text: Exposition) -> None:
    text.gauge("process_start_time_seconds", "When the server started, in seconds since 1970.", STARTED)
    if found := process():
        text.counter("process_cpu_seconds_total", "CPU time.", found.cpu)
        text.gauge("process_resident_memory_bytes", "Memory.", found.memory)
        text.gauge("process_open_fds", "Open files and connections.", found.open_files)
        text.gauge("process_max_fds", "Open files and connections that the system allows.", found.max_files)
