"""All limits of the HTTP server: its waits for a peer, and the bytes that it accepts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The limits of the HTTP server."""

    headers_s: float = 10.0  # for the line and headers of a request, and for the handshake of TLS
    kept_s: float = 60.0  # between two requests on one connection
    body_s: float = 30.0  # for a body: 1 MiB by a bad mobile network
    take_s: float = 60.0  # for the peer to take a piece of an answer
    linger_s: float = 2.0  # for reading the rest of a body after the answer, so that the peer gets the answer
    linger_bytes: int = 2 << 20  # of that rest
    per_address: int = (
        250  # connections at once, without WebSockets; an office has many browsers, each with six
    )
