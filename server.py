"""The HTTP server: gevent's, with bounds on what a request may cost, TLS, and proxies that are believed.

A connection becomes a WebSocket's by `Handler.let_go`. This module knows neither Flask nor the database.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import re
import resource
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, cast

import gevent
from gevent.pool import Pool
from gevent.pywsgi import WSGIHandler, WSGIServer
from gevent.ssl import SSLSocket
from werkzeug.exceptions import ClientDisconnected, RequestTimeout

from connections import RECORD, Connection, Connections, TlsConnection, Turns
from group import PAUSE_S

HEADERS_S = 10.0  # for the line and headers of a request, and for the handshake of TLS
KEPT_S = 60.0  # between two requests on one connection
BODY_S = 30.0  # for a body: 1 MiB by a bad mobile network
TAKE_S = 60.0  # for the peer to take a piece of an answer
LINGER_S = 2.0  # for reading what is left of a body after the answer, so that the peer sees the answer
LINGER_BYTES = 2 << 20  # of it
MAX_HEADERS = 32 << 10  # bytes
MAX_FIELDS = 100  # of a header
ONCE = {"host", "content-length", "transfer-encoding"}  # each reader would believe another of two
OPTIONS = re.compile(r"[, \t]+")  # what is between those of Connection
TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110, section 5.6.2

log = logging.getLogger(__name__)

Network = IPv4Network | IPv6Network


class TooLarge(ValueError):
    """More headers than anybody needs."""


class Fields(dict[str, str]):
    """The header fields of a request: the values of one name joined, names in lower case.

    Has what pywsgi wants of an `email.message.Message`, which takes longer, and more than the RFC allows.
    """

    status = ""  # that they could be read

    @classmethod
    def read(cls, stream: Any) -> Fields:
        """Read fields up to the empty line. Raises TooLarge; ValueError if they are not as in RFC 9112."""
        fields, left = cls(), MAX_HEADERS
        for _ in range(MAX_FIELDS + 1):
            line = stream.readline(left).decode("latin-1")
            if line in ("\r\n", "\n"):
                return fields
            left -= len(line)
            if left <= 0:
                raise TooLarge
            name, colon, value = line.partition(":")
            name, value = name.lower(), value.removesuffix("\n").removesuffix("\r").strip(" \t")
            if not (colon and TOKEN.fullmatch(name)) or "\r" in value or "\0" in value:
                raise ValueError("no header field")
            if name in fields and name in ONCE:
                raise ValueError("unclear whom this is for, or where it ends")
            if name in fields:
                value = f"{fields[name]}{'; ' if name == 'cookie' else ','}{value}"
            fields[name] = value
        raise TooLarge

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)

    getheader = get

    @property
    def typeheader(self) -> str | None:
        return super().get("content-type")


class Body:
    """A request's body, which must come in time: what WSGI reads, and what pywsgi wants of its `Input`."""

    def __init__(self, stream: Any, handler: Handler) -> None:
        self._stream = stream
        self._handler = handler
        self._left = BODY_S

    def read(self, size: int) -> bytes:
        """Return up to so many bytes, fewer only at the end. Raises RequestTimeout, ClientDisconnected."""
        if self._left <= 0:
            raise RequestTimeout
        started = time.monotonic()
        with gevent.Timeout(self._left) as timeout:
            try:
                return cast(bytes, self._stream.read(size))
            except gevent.Timeout as late:
                if late is not timeout:
                    raise
                self._handler.close_connection = True
                raise RequestTimeout("The request came too slowly.") from None
            except (OSError, ValueError) as error:  # the peer has gone, or its chunks are none
                self._handler.close_connection = True  # for who knows where the next request would begin
                self._left = 0.0
                raise ClientDisconnected from error
            finally:
                self._left -= time.monotonic() - started

    def _discard(self) -> None:
        """Read what is left, but neither for long nor much; then the connection can't be kept."""
        stream, budget = self._stream, LINGER_BYTES
        stream.send_100_continue_enabled = False
        if self._left <= 0 or not (stream.chunked_input or stream.position < (stream.content_length or 0)):
            return
        with gevent.Timeout(LINGER_S, False):
            while budget > 0:
                piece = stream.read(RECORD)
                budget -= len(piece)
                if not piece:
                    return
        self._handler.close_connection = True


class Handler(WSGIHandler):
    """A request handler that waits for nobody too long, and can let go of its connection to a WebSocket."""

    server: Server
    ignored_socket_errors = (*WSGIHandler.ignored_socket_errors, errno.ETIMEDOUT, errno.EBADF)
    _patience: gevent.Timeout | None = None
    _together: list[bytes] | None = None
    response_headers: list[tuple[bytes, bytes]]
    rfile: Any
    wsgi_input: Any
    socket: Any
    _begun = False  # whether a byte of the request has come
    _kept = False  # whether a request has come on this connection before

    def __init__(self, connection: Any, address: Any, server: Server) -> None:
        connection.settimeout(TAKE_S)
        self._waiting = server.connections.of(address[0]).waiting
        super().__init__(connection, address, server)

    def handle(self) -> None:
        with contextlib.suppress(OSError):  # the peer has gone before it was told what was wrong
            super().handle()

    def handle_one_request(self) -> Any:
        connection = self.socket
        self._waiting[connection] = None
        if self._kept:
            gevent.sleep(PAUSE_S)  # else who asks without pause would be served before everybody else
        self._wait_at_most(KEPT_S if self._kept else HEADERS_S)
        try:
            return super().handle_one_request()
        except gevent.Timeout as late:
            if late is not self._patience:
                raise
            return _refusal("408 Request Timeout") if self._begun else None
        finally:
            self._wait_at_most(None)
            self._waiting.pop(connection, None)
            self._kept = True

    def _wait_at_most(self, seconds: float | None) -> None:
        if self._patience is not None:
            self._patience.close()
        self._patience = None if seconds is None else gevent.Timeout.start_new(seconds)

    def read_requestline(self) -> Any:
        self._begun = False
        received = self.rfile.peek(1)  # waits for the first byte of a request
        self._begun = True
        if b"\r\n\r\n" not in received:
            self._wait_at_most(HEADERS_S)
        line = super().read_requestline()
        return super().read_requestline() if line in ("\r\n", "\n") else line  # RFC 9112, section 2.2

    def MessageClass(self, stream: Any, *_: object) -> Fields:  # noqa: N802 (pywsgi's name)
        """Return the header fields. Raises TooLarge; ValueError if the body's end or the host is unclear."""
        fields, is_new = Fields.read(stream), self.request_version == "HTTP/1.1"
        if is_new and "host" not in fields:
            raise ValueError("unclear whom this is for")
        if not fields.get("content-length", "0").encode().isdigit():
            raise ValueError("unclear length")
        is_clear = fields.get("transfer-encoding", "").lower() == "chunked" and "content-length" not in fields
        if "transfer-encoding" in fields and not (is_new and is_clear):
            raise ValueError("unclear encoding")
        if "close" in OPTIONS.split(fields.get("connection", "").lower()):
            fields["connection"] = "close"
        return fields

    def _headers(self) -> Iterator[tuple[str, str]]:
        """Yield the fields as WSGI names them, but for those it names otherwise or could confuse."""
        for name, value in self.headers.items():
            if "_" not in name and name not in ("content-type", "content-length"):
                yield f"HTTP_{name.replace('-', '_').upper()}", value

    def _handle_client_error(self, ex: Exception) -> Any:
        """Answer what is no request of HTTP. What it says is not logged: it may be anything."""
        if not isinstance(ex, ValueError | OSError):
            log.error("A request could not be read", exc_info=ex)
        too_large = isinstance(ex, TooLarge)
        return _refusal("431 Request Header Fields Too Large" if too_large else "400 Bad Request")

    def handle_error(self, t: Any, v: Any, tb: Any) -> None:
        """Log what went wrong in the program; a peer that is too slow or gone is not that."""
        if issubclass(t, OSError):
            self.close_connection = True
        else:
            super().handle_error(t, v, tb)

    def get_environ(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environ()
        stream, self.wsgi_input = self.wsgi_input, Body(self.wsgi_input, self)
        if environ["wsgi.input"] is stream:  # not the connection itself, as for a WebSocket
            environ["wsgi.input"] = self.wsgi_input
        environ["tracker.handler"] = self
        if "HTTP_HOST" in environ:
            environ["HTTP_HOST"] = environ["HTTP_HOST"].lower()
        through_proxies(environ, self.server.proxies)
        return environ

    def log_request(self) -> None:
        """Log nothing; pywsgi would word it all the same."""

    def handle_one_response(self) -> None:
        self._wait_at_most(None)
        self._waiting.pop(self.socket, None)
        self.server.turns.take()
        super().handle_one_response()
        if self.server.closed:
            self.close_connection = True

    def finalize_headers(self) -> None:
        super().finalize_headers()
        self.response_headers += self.server.headers

    def _write_with_headers(self, data: bytes) -> None:
        """Send the headers and the first piece of the body at once: each send costs 50 µs."""
        pieces: list[bytes] = []
        self._together = pieces
        try:
            super()._write_with_headers(data)
        finally:
            self._together = None
        self._sendall(b"".join(pieces))

    def _sendall(self, data: bytes) -> None:
        if self._together is None:
            self.server.before_answer()
            super()._sendall(data)
        else:
            self._together.append(data)

    def let_go(self, freed: Callable[[], None]) -> tuple[Connection | TlsConnection, bytes]:
        """Return the connection, and what was read of it beyond the request; nothing of it stays here."""
        own: Any = self.__dict__.pop("socket")
        own.settimeout(0)
        received = b""
        with contextlib.suppress(OSError):  # the peer has gone: whoever has the connection now will see
            received = bytes(self.rfile.peek())
        self.rfile.close()
        self.socket = None  # so that the server does not read on
        self.close_connection = True
        if isinstance(own, SSLSocket):
            self.server.given_away.add(own)
            return TlsConnection(own, freed), received
        connection = Connection(fileno=own.detach())
        connection.freed = freed
        connection.setblocking(False)
        return connection, received


def _refusal(status: str) -> tuple[str, bytes]:
    return status, f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode()


class Server(WSGIServer):
    """The HTTP server. When it is closed, requests in flight may finish, and no more begin.

    `before_answer` is called before each piece of an answer is sent, and `headers` are added to it, but for
    refusals of what is no request: they tell nothing.
    """

    def __init__(
        self,
        listener: socket.socket,
        app: Any,
        host: str,
        *,
        before_answer: Callable[[], None],
        headers: dict[str, str],
        proxies: Sequence[str] = (),
        context: ssl.SSLContext | None = None,
    ) -> None:
        # SERVER_NAME: otherwise pywsgi asks the DNS for it, which on a closed network may take long
        environ = {"SERVER_NAME": host}
        options: dict[str, Any] = {} if context is None else {"ssl_context": context}
        super().__init__(
            listener, app, log=None, handler_class=Handler, spawn=Pool(), environ=environ, **options
        )
        self.before_answer = before_answer
        self.headers = [(name.encode(), value.encode()) for name, value in headers.items()]
        self.proxies = [ip_network(proxy) for proxy in proxies]
        self.connections = Connections()
        self.turns = Turns()
        self.given_away: set[Any] = set()  # TLS connections that somebody else has now

    def close(self) -> None:
        super().close()
        self.connections.hang_up()

    def do_handle(self, connection: Any, address: Any) -> None:
        """Serve a connection, unless too many come from this address, which is no proxy's."""
        if self.connections.admit(connection, address[0], bounded=not _is_of(address[0], self.proxies)):
            super().do_handle(connection, address)
        else:
            connection.close()

    def do_close(self, connection: Any, address: Any) -> None:
        super().do_close(connection)
        self.connections.leave(connection, address[0])

    def wrap_socket_and_handle(self, client_socket: Any, address: Any) -> None:
        """Serve a connection by TLS. A handshake that fails or takes long is nobody's loss."""
        connection = self.wrap_socket(client_socket, do_handshake_on_connect=False, **self.ssl_args)
        waiting = self.connections.of(address[0]).waiting
        try:
            shaken = False
            waiting.pop(client_socket, None)
            waiting[connection] = None
            with contextlib.suppress(OSError, ValueError), gevent.Timeout(HEADERS_S, False):
                connection.do_handshake()
                shaken = True
            waiting.pop(connection, None)
            if shaken:
                self.handle(connection, address)
        finally:
            if connection in self.given_away:
                self.given_away.discard(connection)
            else:
                connection.close()


def through_proxies(environ: dict[str, Any], proxies: list[Network]) -> None:
    """Put the client's address and scheme in place of the proxy's, as far as proxies are to be believed.

    The last address in X-Forwarded-For that is no proxy's is the client: what stands before it is hearsay.
    """
    hops = environ.pop("HTTP_X_FORWARDED_FOR", "").split(",")
    scheme = environ.pop("HTTP_X_FORWARDED_PROTO", "").rpartition(",")[2].strip().lower()
    if not proxies or not _is_of(environ.get("REMOTE_ADDR", ""), proxies):
        return
    for hop in reversed(hops):
        try:
            environ["REMOTE_ADDR"] = str(ip_address(hop.strip()))
        except ValueError:
            break
        if not _is_of(environ["REMOTE_ADDR"], proxies):
            break
    if scheme in ("http", "https"):
        environ["wsgi.url_scheme"] = scheme


def _is_of(text: str, networks: list[Network]) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in network for network in networks)


def listen(host: str, port: int) -> socket.socket:
    """Return the listening socket. Raises OSError, OverflowError or ValueError."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Without this the second piece of an answer waits 40 ms. Connections inherit it.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.bind((host, port))
    listener.listen(1024)
    listener.setblocking(False)
    return listener


def tls_context(certfile: str, keyfile: str) -> ssl.SSLContext:
    """Return what TLS needs. Raises OSError, of which ssl.SSLError is one, if the files are no good."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certfile, keyfile or None)
    return context


def allow_many_descriptors() -> None:
    """Raise the number of connections that the system lets this process have, as far as it may."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
