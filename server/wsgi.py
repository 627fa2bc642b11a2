"""The HTTP server: gevent's, with requests read by `http1`, bounds on what they may cost, TLS, and proxies.

Of pywsgi it uses the side that answers; its reader of requests takes too much for HTTP and waits too long.
A connection becomes a WebSocket's by `Handler.let_go`. This module knows neither Flask nor the database.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import resource
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_to_bytes

import gevent
from gevent.pool import Pool
from gevent.pywsgi import WSGIHandler, WSGIServer
from werkzeug.exceptions import BadRequest, ClientDisconnected, RequestEntityTooLarge, RequestTimeout

from base import addresses
from base.loop import PAUSE_S
from server import tls
from server.connections import Connection, Connections, TlsConnection, Turns
from server.http1 import Chunks, Head, Incoming, Refused
from server.tls import RECORD

HEADERS_S = 10.0  # for the line and headers of a request, and for the handshake of TLS
KEPT_S = 60.0  # between two requests on one connection
BODY_S = 30.0  # for a body: 1 MiB by a bad mobile network
TAKE_S = 60.0  # for the peer to take a piece of an answer
LINGER_S = 2.0  # for reading what is left of a body after the answer, so that the peer sees the answer
LINGER_BYTES = 2 << 20  # of it
HSTS = b"max-age=15552000"  # 180 days: longer than any session, and an end to it if TLS is given up
METHODS = "GET, HEAD, POST, PATCH, DELETE, OPTIONS"  # that something here answers

log = logging.getLogger(__name__)


class Body:
    """A request's body as WSGI reads it. It must come in time, and each piece but the first costs a turn.

    `_discard` is pywsgi's name.
    """

    def __init__(self, head: Head, incoming: Incoming, handler: Handler) -> None:
        self._incoming = incoming
        self._handler = handler
        self._left = head.length or 0
        self._chunks = Chunks() if head.length is None else None
        self._ready = b""  # of a chunked body, and not read yet
        self._expects_continue = head.expects_continue
        self._seconds = BODY_S
        self._broken = False

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes, fewer only at the end.

        Raises RequestTimeout, ClientDisconnected, BadRequest, RequestEntityTooLarge.
        """
        started = time.monotonic()
        pieces, count = [self._ready], len(self._ready)
        try:
            while not self._is_over() and not 0 <= size <= count:
                pieces.append(self._next(started + self._seconds))
                count += len(pieces[-1])
        except (OSError, Refused) as error:
            self._break_off()
            raise _as_answer(error) from error
        finally:
            self._seconds -= time.monotonic() - started
        data = b"".join(pieces)
        cut = size if size >= 0 else count
        self._ready = data[cut:]
        return data[:cut]

    def _is_over(self) -> bool:
        return self._broken or (self._chunks.finished if self._chunks else not self._left)

    def _break_off(self) -> None:
        """Read no more; nobody knows where the next request would begin."""
        self._broken = True
        self._handler.close_connection = self._handler.lingers = True

    def _next(self, deadline: float) -> bytes:
        """Return what comes next of the body; it may be nothing. Raises OSError, Refused."""
        if not self._incoming.data:
            self._continue()
            piece = self._handler.receive(deadline)
            if not piece:
                raise ConnectionError("the body has come to no end")
            self._incoming.feed(piece)
        self._expects_continue = False
        if self._chunks is None:
            data = self._incoming.take(self._left)
            self._left -= len(data)
            return data
        data = self._chunks.feed(self._incoming.take(RECORD))
        if self._chunks.finished:
            self._incoming.data = self._chunks.rest + self._incoming.data
        return data

    def _continue(self) -> None:
        if self._expects_continue:
            self._handler.socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

    def is_left(self) -> bool:
        """Tell whether the rest is not worth reading: perhaps nothing comes, or too much."""
        return not self._is_over() and (self._expects_continue or self._left > LINGER_BYTES)

    def _discard(self) -> None:
        """Read what is left, but neither for long nor much; then the connection can't be kept."""
        if self._is_over():
            return
        if self.is_left():
            self._break_off()
            return
        deadline, budget = time.monotonic() + LINGER_S, LINGER_BYTES
        with contextlib.suppress(OSError, Refused):
            while budget > 0 and not self._is_over():
                budget -= len(self._next(deadline))
        if not self._is_over():
            self._handler.close_connection = True


def _as_answer(error: OSError | Refused) -> Exception:
    if isinstance(error, TimeoutError):
        return RequestTimeout("The request came too slowly.")
    if isinstance(error, OSError):
        return ClientDisconnected()
    too_large = error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    return RequestEntityTooLarge() if too_large else BadRequest("The body is not chunked as HTTP has it.")


class Handler(WSGIHandler):
    """Serves the requests of one connection, waits for nobody too long, and can let go of the connection."""

    server: Server
    ignored_socket_errors = (*WSGIHandler.ignored_socket_errors, errno.ETIMEDOUT, errno.EBADF)
    response_headers: list[tuple[bytes, bytes]]
    provided_content_length: str | None
    socket: Any
    lingers = False  # whether the peer may still be sending when the connection is closed
    _head: Head
    _pieces = 0  # received of this request
    _together: list[bytes] | None = None

    def __init__(self, connection: Any, address: Any, server: Server) -> None:
        # Not pywsgi's, which would open a file to read requests from.
        self.socket, self.client_address, self.server = connection, address, server
        connection.settimeout(TAKE_S)
        self._waiting = server.connections.of(address[0]).waiting
        self._incoming = Incoming()

    def handle(self) -> None:
        """Serve requests until one of both has enough."""
        wait_s = HEADERS_S
        try:
            while self.handle_one_request(wait_s):
                wait_s = KEPT_S
                self._waiting[self.socket] = None
                gevent.sleep(PAUSE_S)  # else who asks without pause would be served before everybody else
        except OSError as error:
            log.debug("A peer broke off: %s", error)
        finally:
            self._hang_up()

    def handle_one_request(self, wait_s: float) -> bool:
        """Serve the next request, which must begin in time; tell whether another may follow."""
        self._waiting[self.socket] = None
        try:
            head = self._next_head(wait_s)
        except Refused as refused:
            self._refuse(refused)
            return False
        finally:
            self._waiting.pop(self.socket, None)
        if head is None:
            return False
        self._head = head
        self.command, self.request_version = head.method, head.version
        self.close_connection = not head.keeps_alive
        self.environ = self.get_environ()
        self.application = _tell_methods if head.path == "*" else self.server.application
        self.handle_one_response()
        return self.socket is not None and not self.close_connection

    def _next_head(self, wait_s: float) -> Head | None:
        """Return the next request's head; None if the peer sends none. Raises Refused, OSError."""
        self._pieces, begun = 0, bool(self._incoming.data)
        deadline = time.monotonic() + (HEADERS_S if begun else wait_s)
        try:
            while (head := self._incoming.head()) is None:
                piece = self.receive(deadline)
                if not piece:
                    return None
                if not begun:
                    begun, deadline = True, time.monotonic() + HEADERS_S
                self._incoming.feed(piece)
        except TimeoutError:
            if not begun:
                return None
            raise Refused(HTTPStatus.REQUEST_TIMEOUT, "the head came too slowly") from None
        return head

    def receive(self, deadline: float) -> bytes:
        """Return what the peer sends next; nothing at its end. Raises OSError.

        TimeoutError comes at the deadline however much is sent, for each piece of a request but the first
        waits until the loop has looked at everybody else and at its clocks.
        """
        if self._pieces:
            gevent.sleep(PAUSE_S)
        self._pieces += 1
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        with gevent.Timeout(left, TimeoutError):
            piece: bytes = self.socket.recv(RECORD)
        return piece

    def _refuse(self, refused: Refused) -> None:
        """Answer what is no request. The answer tells nothing, the log our own words only."""
        log.debug("A request was refused: %s", refused)
        status = f"{refused.status.value} {refused.status.phrase}"
        self.socket.sendall(f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode())
        self.lingers = True

    def _hang_up(self) -> None:
        """Close the connection; who is still sending is heard for a while, or they would lose the answer."""
        connection = self.__dict__.pop("socket", None)
        if connection is None:
            return
        with contextlib.suppress(OSError):
            if self.lingers:
                self._waiting[connection] = None
                self._read_on(connection)
        self._waiting.pop(connection, None)
        connection.close()

    def _read_on(self, connection: Any) -> None:
        budget = LINGER_BYTES
        with gevent.Timeout(LINGER_S, TimeoutError):
            connection.shutdown(socket.SHUT_WR)
            while budget > 0 and (piece := connection.recv(RECORD)):
                budget -= len(piece)
                gevent.sleep(PAUSE_S)

    def handle_error(self, t: Any, v: Any, tb: Any) -> None:
        """Log what went wrong in the program, such as a disk that fails; not that the peer has gone.

        pywsgi makes the code negative when an answer can't be sent.
        """
        if issubclass(t, OSError) and (self.code or 0) < 0:
            self.close_connection = True
        else:
            super().handle_error(t, v, tb)

    def get_environ(self) -> dict[str, Any]:
        """Return the request as WSGI has it. Names with "_" are left out: they could pass for others."""
        head, environ = self._head, self.server.get_environ()
        self.wsgi_input = Body(head, self._incoming, self)
        environ["REQUEST_METHOD"] = head.method
        environ["PATH_INFO"] = unquote_to_bytes(head.path).decode("latin-1")
        environ["QUERY_STRING"] = head.query
        environ["SERVER_PROTOCOL"] = head.version
        environ["REMOTE_ADDR"], environ["REMOTE_PORT"] = self.client_address[0], str(self.client_address[1])
        environ["wsgi.input"], environ["wsgi.input_terminated"] = self.wsgi_input, True
        environ["tracker.handler"] = self
        for name, value in head.fields.items():
            if name in ("content-type", "content-length"):
                environ[name.replace("-", "_").upper()] = value
            elif "_" not in name and (name != "upgrade" or head.upgrades):
                environ[f"HTTP_{name.replace('-', '_').upper()}"] = value
        if "HTTP_HOST" in environ:
            environ["HTTP_HOST"] = environ["HTTP_HOST"].lower()
        through_proxies(environ, self.server.proxies)
        return environ

    def log_request(self) -> None:
        """Log nothing; pywsgi would word it all the same."""

    def handle_one_response(self) -> None:
        self.server.turns.take(addresses.client(self.environ["REMOTE_ADDR"]))
        super().handle_one_response()
        if self.server.closed:
            self.close_connection = True

    def finalize_headers(self) -> None:
        if self.command == "HEAD" and self.provided_content_length is None:
            self.provided_content_length = ""  # else pywsgi would tell that of no body, or send chunks
        if self.wsgi_input.is_left():  # told, so that no proxy sends the next request on this connection
            self.close_connection = True
        super().finalize_headers()
        self.response_headers += self.server.headers
        is_local = self.environ.get("HTTP_HOST", "").startswith("localhost")  # whose other ports are others'
        if self.environ["wsgi.url_scheme"] == "https" and not is_local:
            self.response_headers.append((b"Strict-Transport-Security", HSTS))
        if self.close_connection and self.request_version == "HTTP/1.1":  # for 1.0 pywsgi tells it
            self.response_headers.append((b"Connection", b"close"))

    def process_result(self) -> None:
        """Send the answer piece by piece, and let the loop look at everybody else between two pieces.

        Otherwise a peer that reads as fast as we send would be the only one served. No more bytes are sent
        than Content-Length says. With fewer the connection ends: a file may change while it is being read.
        """
        size, sent = self.provided_content_length, 0
        for piece in self.result:
            if sent:
                gevent.sleep(PAUSE_S)
            whole = len(piece) if size is None else min(len(piece), int(size) - sent)
            if whole:
                self.write(piece[:whole])
            sent += whole
        if self.status and not self.headers_sent:
            self.write(b"")
        if self.response_use_chunked:
            self._sendall(b"0\r\n\r\n")
        if size is not None and sent < int(size) and self.command != "HEAD":
            self.close_connection = True

    def _write(self, data: bytes) -> None:
        if self.command != "HEAD":
            super()._write(data)

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
        own: Any = self.socket
        self.socket = None  # so that nobody reads on here
        self.close_connection = True
        own.settimeout(0)
        if isinstance(own, tls.Socket):
            self.server.given_away.add(own)
            return TlsConnection(own, freed), self._incoming.data + (own.decrypt() or b"")
        connection = Connection(fileno=own.detach())
        connection.freed = freed
        connection.setblocking(False)
        return connection, self._incoming.data


def _tell_methods(_environ: Any, start_response: Any) -> list[bytes]:
    """Answer `OPTIONS *`, which asks what the server as a whole can do."""
    start_response("204 No Content", [("Allow", METHODS)])
    return []


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
            listener,
            app,
            log=None,
            error_log=log,
            handler_class=Handler,
            spawn=Pool(),
            environ=environ,
            **options,
        )
        self.context: Any = context  # asked for only if there is one
        self.before_answer = before_answer
        self.headers = [(name.encode(), value.encode()) for name, value in headers.items()]
        self.proxies = [addresses.parse_network(proxy) for proxy in proxies]
        self.connections = Connections()
        self.turns = Turns()
        self.given_away: set[Any] = set()  # TLS connections that somebody else has now

    def close(self) -> None:
        super().close()
        self.connections.hang_up()

    def do_handle(self, connection: Any, address: Any) -> None:
        """Serve a connection, unless too many come from this address, which is no proxy's."""
        address = (addresses.canonical(address[0]), *address[1:])
        bounded = not addresses.is_of(address[0], self.proxies)
        if self.connections.admit(connection, address[0], bounded=bounded):
            super().do_handle(connection, address)
        else:
            connection.close()

    def do_close(self, connection: Any, address: Any) -> None:
        super().do_close(connection)
        self.connections.leave(connection, address[0])

    def wrap_socket_and_handle(self, client_socket: Any, address: Any) -> None:
        """Serve a connection by TLS. A handshake that fails or takes long is nobody's loss."""
        waiting, connection = self.connections.of(address[0]).waiting, client_socket
        try:
            connection = tls.Socket(client_socket, self.context)
            waiting.pop(client_socket, None)
            waiting[connection] = None
            with gevent.Timeout(HEADERS_S, TimeoutError):
                connection.shake_hands(partial(self.turns.take, addresses.client(address[0])))
            waiting.pop(connection, None)
            self.handle(connection, address)
        except (OSError, ValueError) as error:
            log.debug("A handshake of TLS failed: %s", error)
        finally:
            waiting.pop(connection, None)
            if connection in self.given_away:
                self.given_away.discard(connection)
            else:
                connection.close()


def through_proxies(environ: dict[str, Any], proxies: list[addresses.Network]) -> None:
    """Put the client's address and scheme in place of the proxy's, as far as proxies are to be believed.

    The last address in X-Forwarded-For that is no proxy's is the client: what stands before it is hearsay.
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


def listen(host: str, port: int) -> socket.socket:
    """Return the listening socket. Raises OSError, OverflowError or ValueError."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Without this the second piece of an answer waits 40 ms. Connections inherit it.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if listener.family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)  # `::` is for IPv4, too
    listener.bind((host, port))
    listener.listen(1024)
    listener.setblocking(False)
    return listener


def allow_many_descriptors() -> None:
    """Raise the number of connections that the system lets this process have, as far as it may."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
