"""How long the HTTP server waits for a peer, and how much it takes from one."""

from __future__ import annotations

HEADERS_S = 10.0  # for the line and headers of a request, and for the handshake of TLS
KEPT_S = 60.0  # between two requests on one connection
BODY_S = 30.0  # for a body: 1 MiB by a bad mobile network
TAKE_S = 60.0  # for the peer to take a piece of an answer
LINGER_S = 2.0  # for reading the rest of a body after the answer, so that the peer sees the answer
LINGER_BYTES = 2 << 20  # of that rest
PER_ADDRESS = 250  # connections at once, WebSockets not counted; a browser has six, an office many browsers
