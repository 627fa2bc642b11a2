"""The names to which this tracker answers: the check of a request's Host header."""

from __future__ import annotations

import logging
import re
from collections.abc import Set
from functools import cache, partial

from flask import Flask, Response, request
from werkzeug.exceptions import SecurityError
from werkzeug.sansio.utils import host_is_trusted

from base import addresses
from base.settings import Settings

LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")  # of a machine for itself
OTHER_NAME = (
    "This tracker does not answer to the name in this address.\n"
    "Use the name that you were given. Who runs the tracker can let it answer to more names: TRACKER_HOSTS.\n"
)
PORT = re.compile(r":[0-9]+$")
# Endpoints without secrets. Their clients often use the server's address.
ANY_HOST = ("health.healthz", "health.readyz")

log = logging.getLogger("tracker")


def init_app(app: Flask, settings: Settings) -> None:
    """Check the Host header before each request."""
    if settings.hosts:
        app.before_request(partial(_check_named, [host.lower() for host in settings.hosts]))
    elif not settings.unix and addresses.is_loopback(settings.host):
        app.before_request(partial(_check_host, {*LOCAL_NAMES, settings.host}))


def wrong_host(hosts: tuple[str, ...]) -> Response:
    """Return the answer to a request for a name that is not this tracker's. The log says once what to set."""
    _warn_operator(hosts)
    return Response(OTHER_NAME, 400, content_type="text/plain; charset=utf-8")


def _check_named(names: list[str]) -> None:
    """Refuse a request for a name that the operator has not listed, except those that watch the server."""
    if request.endpoint not in ANY_HOST and not host_is_trusted(request.host, names):
        raise SecurityError("the name is not in TRACKER_HOSTS")


def _check_host(names: Set[str]) -> None:
    """Refuse a request for another name.

    Otherwise a web site could let its own name resolve to here, and read the answer.
    """
    name = PORT.sub("", request.host)
    if request.endpoint not in ANY_HOST and name not in names:
        raise SecurityError("other names than localhost must be in TRACKER_HOSTS")


@cache
def _warn_operator(hosts: tuple[str, ...]) -> None:
    """Log once why requests are refused. The name that was asked for is a stranger's, and is left out."""
    if hosts:
        log.warning(
            "A request was refused: its name is not in TRACKER_HOSTS, which has %s. If it came through a "
            "proxy, that must pass on the name that people use (nginx: proxy_set_header Host $host).",
            ", ".join(hosts),
        )
    else:
        log.warning(
            "A request was refused: on a loopback address only %s are answered. If people reach this tracker "
            "by another name, through a proxy, put it into TRACKER_HOSTS.",
            ", ".join(LOCAL_NAMES),
        )
