"""The true address and scheme of a request that came through proxies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from base import addresses

SIGNS = {"forwarded", "via", "x-real-ip"}  # headers that only proxies add, beside those of X-Forwarded-…


def is_local(address: str, version: str, fields: Mapping[str, str], proxies: list[addresses.Network]) -> bool:
    """Return whether the peer is a program of this machine, and seems to be no proxy.

    A proxy on this machine is known by its address, or by the headers that it adds. An unconfigured nginx
    adds none; it speaks HTTP/1.0.
    """
    is_proxied = any(name in SIGNS or name.startswith("x-forwarded-") for name in fields)
    is_proxied |= version == "HTTP/1.0" or addresses.is_of(address, proxies)
    return addresses.is_loopback(address) and not is_proxied


def through_proxies(environ: dict[str, Any], proxies: list[addresses.Network]) -> None:
    """Replace a trusted proxy's address and scheme in the environ by the client's.

    The client is the last address in X-Forwarded-For that is no trusted proxy's. Addresses before it may be
    invented.
    """
    hops = environ.pop("HTTP_X_FORWARDED_FOR", "").split(",")
    scheme = environ.pop("HTTP_X_FORWARDED_PROTO", "").rpartition(",")[2].strip().lower()
    if not proxies or not addresses.is_of(environ["REMOTE_ADDR"], proxies):
        return
    for hop in reversed([hop for hop in hops if hop.strip()]):
        address = addresses.forwarded(hop)
        if address is None:
            break
        environ["REMOTE_ADDR"] = address
        if not addresses.is_of(address, proxies):
            break
    if scheme in ("http", "https"):
        environ["wsgi.url_scheme"] = scheme
