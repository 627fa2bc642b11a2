"""The true address, scheme and path of a request that came through proxies."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from base import addresses
from base.once import Once
from base.paths import is_root

SIGNS = {"forwarded", "via", "x-real-ip"}  # headers that only proxies add, beside those of X-Forwarded-…
UNIX = "unix"  # stands for the address of who connects to a Unix socket

log = logging.getLogger("tracker.proxies")
_told, _told_strangers = Once(), Once()  # of addresses that a proxy of ours can have, and of others


def is_proxy(address: str, proxies: list[addresses.Network]) -> bool:
    """Return whether a peer is a trusted proxy. All clients of a Unix socket are."""
    return address == UNIX or (bool(proxies) and addresses.is_of(address, proxies))


def is_local(address: str, version: str, fields: Mapping[str, str], proxies: list[addresses.Network]) -> bool:
    """Return whether the peer is a program of this machine, and seems to be no proxy.

    A proxy on this machine is known by its address, or by the headers that it adds. An unconfigured nginx
    adds none; it speaks HTTP/1.0.
    """
    is_proxied = any(name in SIGNS or name.startswith("x-forwarded-") for name in fields)
    is_proxied |= version == "HTTP/1.0" or is_proxy(address, proxies)
    return addresses.is_loopback(address) and not is_proxied


def through_proxies(environ: dict[str, Any], proxies: list[addresses.Network]) -> None:
    """Replace a trusted proxy's address, scheme and path in the environ by those that its client used.

    The client is the last address in X-Forwarded-For that is no trusted proxy's. Addresses before it may be
    invented. X-Forwarded-Prefix is a path that the proxy has removed from the address.
    """
    forwarded = environ.pop("HTTP_X_FORWARDED_FOR", "")
    scheme = environ.pop("HTTP_X_FORWARDED_PROTO", "").rpartition(",")[2].strip().lower()
    prefix = environ.pop("HTTP_X_FORWARDED_PREFIX", "").rstrip("/")
    if not is_proxy(environ["REMOTE_ADDR"], proxies):
        if forwarded:
            _warn_operator(environ["REMOTE_ADDR"])
        return
    for hop in reversed([hop for hop in forwarded.split(",") if hop.strip()]):
        address = addresses.forwarded(hop)
        if address is None:
            break
        environ["REMOTE_ADDR"] = address
        if not is_proxy(address, proxies):
            break
    if scheme in ("http", "https"):
        environ["wsgi.url_scheme"] = scheme
    if is_root(prefix):
        environ["SCRIPT_NAME"] = prefix


def _warn_operator(address: str) -> None:
    """Log once for each address that its X-Forwarded-For is not trusted."""
    told = _told if addresses.is_private(address) else _told_strangers
    if told.is_new(address, sender=addresses.site(address)):
        log.warning(
            "A request from %s has the header X-Forwarded-For, which is ignored: this address is not in "
            "TRACKER_PROXIES. If a proxy of yours has this address, set TRACKER_PROXIES=%s. Until then all "
            "people who come through it count as one, in limits and in the list of sign-ins.",
            address,
            address,
        )
