"""TLS of this server: the offered versions and ciphers, and a socket that no message can block."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable
from typing import Any

import gevent
import gevent.socket

from base.loop import PAUSE_S

# Of TLS 1.2 only authenticated encryption (no CBC) with a key exchange on curves (no finite fields).
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
# Finite fields, which OpenSSL offers as well, cost up to 200 ms for each ClientHello (CVE-2022-40735).
GROUPS = "X25519:P-256"
# Python before 3.15 can name a single curve. Every client must know this one (RFC 8446, section 9.1).
CURVE = "prime256v1"
RECORD = 16 << 10  # bytes of data in one record, at most
PIECE = 4 << 10  # bytes that OpenSSL is given at once: 150 KeyUpdates, which it answers in 4 ms at most
MAX_OVERHEAD = 64 << 10  # bytes that may arrive beside the data, after a handshake or since the last data
OVERHEAD_PER_BYTE = 32  # for a byte of data, which may come in a record of its own


def context(certfile: str, keyfile: str) -> ssl.SSLContext:
    """Return the TLS context. Raises OSError (ssl.SSLError is one) if the files can't be used."""
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


class Socket:
    """The server's side of a connection by TLS, on a socket that it takes over.

    OpenSSL gets the received bytes in small pieces. If it read from the socket itself, it would read all
    messages without data in sequence. A megabyte of KeyUpdate would block the loop for a second. Methods that
    wait are for one greenlet at a time. All may raise OSError.
    """

    def __init__(self, sock: Any, context: ssl.SSLContext) -> None:
        self._sock = gevent.socket.socket(sock.family, sock.type, sock.proto, fileno=sock.detach())
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._owed = b""  # encrypted, and not sent yet
        self._overhead = 0  # bytes that have arrived without data
        self.fileno = self._sock.fileno
        self.setsockopt = self._sock.setsockopt
        self.settimeout = self._sock.settimeout
        self.shutdown = self._sock.shutdown  # past TLS
        self.close = self._sock.close

    def shake_hands(self, take_turn: Callable[[], None]) -> None:
        """Do the handshake, and wait in the queue before each step, so that requests are not delayed.

        Sets no bound on the time. Raises OSError or ValueError if the handshake fails.
        """
        while True:
            take_turn()
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._send_on()
                self._take_in()
            except ssl.SSLError:
                self._send_on()  # the alert that says why
                raise
            else:
                self._send_on()
                return

    def recv(self, size: int) -> bytes:
        """Return up to `size` bytes; nothing at the end. Meanwhile the loop serves others."""
        data, pause = self._read(size), False
        while data is None:
            self._send_on()  # the answer to a KeyUpdate
            if pause:
                gevent.sleep(PAUSE_S)
            pause = True
            self._take_in()
            data = self._read(size)
        return data

    def recv_now(self) -> bytes:
        """Return all bytes that are available now; nothing at the end.

        Raises BlockingIOError if there is no data.
        """
        if (data := self.decrypt()) is None:
            self._take_in()
            data = self.decrypt()
        self.flush()
        if data is None:
            raise BlockingIOError
        return data

    def decrypt(self) -> bytes | None:
        """Return all data of the received bytes; nothing at the end; None if more must come first."""
        data = self._read(RECORD)
        while data and (more := self._read(RECORD)):
            data += more
        return data

    def sendall(self, data: bytes) -> None:
        view = memoryview(data)
        for start in range(0, len(view), RECORD):
            self.encrypt(view[start : start + RECORD])
            self._send_on()

    def send(self, data: bytes) -> int:
        self.sendall(data)
        return len(data)

    def encrypt(self, data: bytes | memoryview) -> None:
        """Encrypt a piece; `flush` sends it."""
        self._tls.write(data)

    def flush(self) -> bool:
        """Send encrypted bytes, as far as a non-blocking socket takes them. Return whether all were sent."""
        self._owed += self._outgoing.read()
        try:
            while self._owed:
                self._owed = self._owed[self._sock.send(self._owed) :]
        except BlockingIOError:
            return False
        return True

    def say_goodbye(self) -> None:
        """Announce the end of the data, and do not wait for the answer."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self._tls.unwrap()
        self.flush()

    def _read(self, size: int) -> bytes | None:
        try:
            data = self._tls.read(size)
        except ssl.SSLWantReadError:
            return None
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return b""
        self._overhead = max(0, self._overhead - OVERHEAD_PER_BYTE * len(data))
        return data

    def _take_in(self) -> None:
        """Give OpenSSL the next piece of the received bytes."""
        piece = self._sock.recv(PIECE)
        self._overhead += len(piece)
        if self._overhead > MAX_OVERHEAD:
            raise ConnectionError("more is sent beside the data than is needed")
        if piece:
            self._incoming.write(piece)
        else:
            self._incoming.write_eof()

    def _send_on(self) -> None:
        if self._outgoing.pending:
            self._sock.sendall(self._outgoing.read())
