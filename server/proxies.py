"""Proxies: which address and scheme a request really came from."""

from __future__ import annotations

from typing import Any

from base import addresses


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
