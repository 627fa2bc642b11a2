"""Checks that a request comes from a page of this site, and explains a proxy that hides the site's name.

Browsers send the page's site in Origin or Referer. It must be the name in Host. A proxy that puts its own
name there makes each page look like another site's.
"""

from __future__ import annotations

import logging
from urllib.parse import SplitResult, urlsplit

from flask import g, request
from werkzeug.exceptions import BadRequest

from base import addresses
from base.once import Once
from server.http1 import is_host

log = logging.getLogger("tracker.proxies")
_told, _told_strangers = Once(), Once()  # apart, so that strangers can't use up what people may cause


class OtherHost(BadRequest):
    """A form or a call came from a page whose name is not the one in Host."""


def is_ours(source: str | None) -> bool:
    """Return whether an Origin or a Referer is of this site.

    A site that is reached by TLS trusts no page that was not.
    """
    parts = _split(source)
    return parts.netloc == request.host and parts.scheme in ("https", request.scheme)


def of_request() -> str | None:
    """Return the Origin, which browsers send with each form, or else the Referer."""
    return request.headers.get("Origin") or request.referrer


def explain(what: str, source: str | None) -> str:
    """Return a sentence for the person if the page's name is not the one in Host; "" if it is, or unknown.

    The log says once for each pair of names what to set. `what` was refused: "form" or "WebSocket".
    """
    page = _split(source).netloc
    if not is_host(page) or page == request.host:
        return ""
    if _is_new(page, request.host):
        log.warning(
            "A %s of a page of %s was refused, because it came for the host %s. If a proxy stands between, "
            "it must pass on the name that people use (nginx: proxy_set_header Host $http_host), and "
            "TRACKER_HOSTS must have that name: %s. Pages of other sites may open a WebSocket if "
            "TRACKER_ORIGINS has their origin.",
            what,
            page,
            request.host,
            page.rpartition(":")[0] or page,
        )
    return (
        f"This page came from {page}, but the request came for {request.host}. "
        "A proxy seems to change the name. The operator finds in Tracker's log what to set."
    )


def note_hidden_tls() -> None:
    """Log once if a page came by https, and the proxy does not say so."""
    page = _split(of_request())
    if page.scheme == "https" and request.scheme == "http" and _is_new("https", page.netloc):
        log.warning(
            "A page of https://%s is served, but its requests seem to come by http. So cookies are not kept "
            "to TLS. Let the proxy set X-Forwarded-Proto, and put its address into TRACKER_PROXIES.",
            page.netloc,
        )


def note_lost_upgrade() -> None:
    """Log once if a handshake came without its header Upgrade, which only a proxy can have removed."""
    if _is_new("upgrade"):
        log.warning(
            "A WebSocket came without the header Upgrade. A proxy seems to remove it. Let it pass on Upgrade "
            "and Connection (nginx: see deploy/nginx/tracker-proxy.conf). Until then pages use plain HTTP."
        )


def _is_new(*occasion: str) -> bool:
    """Return whether to log this now. The request's sender counts: an account, or else an address."""
    if user := g.get("user"):
        return _told.is_new(*occasion, sender=user.name)
    return _told_strangers.is_new(*occasion, sender=addresses.client(request.remote_addr or ""))


def _split(source: str | None) -> SplitResult:
    try:
        return urlsplit(source or "")
    except ValueError:
        return urlsplit("")
