"""TLS as this server speaks it: what is offered, and handshakes that can't hold the loop."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

from gevent.socket import wait_read, wait_write

# Of TLS 1.2 only what is authenticated encryption (no CBC) with an exchange on curves (no finite fields).
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
# Finite fields, which OpenSSL offers as well, cost up to 200 ms for each ClientHello (CVE-2022-40735).
GROUPS = "X25519:P-256"
# Python before 3.15 can name a single curve. Every client must know this one (RFC 8446, section 9.1).
CURVE = "prime256v1"


def context(certfile: str, keyfile: str) -> ssl.SSLContext:
    """Return what TLS needs. Raises OSError, of which ssl.SSLError is one, if the files are no good."""
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    found.minimum_version = ssl.TLSVersion.TLSv1_2
    found.options |= ssl.OP_NO_RENEGOTIATION
    found.set_ciphers(CIPHERS)
    set_groups: Callable[[str], None] | None = getattr(found, "set_groups", None)
    if set_groups:
        set_groups(GROUPS)
    else:
        found.set_ecdh_curve(CURVE)
    found.load_cert_chain(certfile, keyfile or None)
    return found


def shake_hands(connection: Any, take_turn: Callable[[], None]) -> None:
    """Do the handshake, and take a turn before each step: many at once must not hold up the others.

    Sets no bound on the time. Raises OSError or ValueError if the handshake fails.
    """
    connection.settimeout(0)
    while True:
        take_turn()
        try:
            connection.do_handshake()
        except ssl.SSLWantReadError:
            wait_read(connection.fileno())
        except ssl.SSLWantWriteError:
            wait_write(connection.fileno())
        else:
            return
