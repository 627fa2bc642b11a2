"""All parts of gevent's pywsgi server that Tracker uses, under public names.

No other module may name an attribute or a method of pywsgi. Most of them are undocumented; tests of
tests/server/test_pywsgi.py fail with the name that an upgrade has changed.

Only the side that answers is used. pywsgi's reader of requests accepts too much and waits too long.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
import ssl
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import gevent
from gevent.pool import Pool
from gevent.pywsgi import WSGIHandler, WSGIServer

from base.loop import PAUSE_S

Headers = list[tuple[bytes, bytes]]

log = logging.getLogger(__name__)


class RequestBody(Protocol):
    """The methods of the request's body that an answer needs."""

    def is_left(self) -> bool:
        """Return whether the rest is too long to keep the connection."""

    def discard(self) -> None:
        """Read the rest, so that the next request can be found."""


class _Input:
    """A request's body as pywsgi knows it: `_discard` is its name."""

    def __init__(self, body: RequestBody) -> None:
        self._discard = body.discard


class AnsweringHandler(WSGIHandler):
    """Answers requests on one connection. A subclass reads them, and calls `answer` for each."""

    ignored_socket_errors = (*WSGIHandler.ignored_socket_errors, errno.ETIMEDOUT, errno.EBADF)
    server: Any
    socket: Any
    close_connection: bool
    response_headers: Headers
    code: Any  # int, or None before there is one
    response_length: int
    provided_content_length: str | None
    _body: RequestBody
    _together: list[bytes] | None = None  # while it is a list, it collects the bytes to send

    def __init__(self, connection: Any, address: Any, server: Any) -> None:
        # Not pywsgi's, which opens a file to read requests from.
        self.socket, self.client_address, self.server = connection, address, server

    def serve(self) -> None:
        """Serve the connection to its end. A subclass must define it."""
        raise NotImplementedError

    def more_headers(self) -> Headers:
        """Return headers that every answer gets. A subclass may extend it."""
        return []

    def before_send(self) -> None:
        """Called before each piece of an answer is sent. A subclass may extend it."""

    def answer(
        self,
        method: str,
        version: str,
        environ: dict[str, Any],
        body: RequestBody,
        application: Callable[..., Iterable[bytes]] | None = None,
        *,
        keeps_alive: bool,
    ) -> None:
        """Call the application, by default the server's, and send its answer.

        Then `close_connection` says whether another request may follow.
        """
        self.command, self.request_version = method, version
        self.environ, self.application = environ, application or self.server.application
        self._body, self.wsgi_input = body, _Input(body)
        self.close_connection = not keeps_alive
        self.code = None
        super().handle_one_response()

    def answered(self) -> tuple[int | None, int]:
        """Return the last answer's status, None if there was none, and how many bytes of it were sent."""
        return (None if self.code is None else abs(self.code)), self.response_length

    def base_environ(self) -> dict[str, Any]:
        """Return a new environ with what is the same for every request."""
        environ: dict[str, Any] = self.server.get_environ()
        return environ

    # The methods below have pywsgi's names.

    def handle(self) -> None:
        self.serve()

    def handle_error(self, t: Any, v: Any, tb: Any) -> None:
        """Log an error in the program, such as a disk that fails, but no closed peer.

        pywsgi makes the code negative when an answer can't be sent.
        """
        if issubclass(t, OSError) and (self.code or 0) < 0:
            self.close_connection = True
        else:
            super().handle_error(t, v, tb)

    def log_request(self) -> None:
        """Log nothing. pywsgi would compose the line in any case."""

    def finalize_headers(self) -> None:
        if self.command == "HEAD" and self.provided_content_length is None:
            self.provided_content_length = ""  # otherwise pywsgi gives the length of no body, or sends chunks
        if self._body.is_left():  # a header says it, so that no proxy sends the next request here
            self.close_connection = True
        super().finalize_headers()
        self.response_headers += self.more_headers()
        if self.close_connection and self.request_version == "HTTP/1.1":  # for 1.0 pywsgi has added it
            self.response_headers.append((b"Connection", b"close"))

    def process_result(self) -> None:
        """Send the answer piece by piece, and pause between two pieces.

        Without pauses a peer that reads as fast as the server sends would be the only one served. No more
        bytes are sent than Content-Length says. With fewer the connection ends: a file may change while it
        is being read.
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
            self.before_send()
            super()._sendall(data)
        else:
            self._together.append(data)


class AcceptingServer(WSGIServer):
    """Accepts connections, and serves each in a greenlet of its own by a handler.

    With a TLS context, `serve_tls` is called instead of the handler.
    """

    def __init__(
        self,
        listener: socket.socket,
        app: Any,
        name: str,
        handler: type[AnsweringHandler],
        context: ssl.SSLContext | None = None,
    ) -> None:
        environ = {"SERVER_NAME": name}  # otherwise pywsgi queries the DNS, which may take long
        options: dict[str, Any] = {} if context is None else {"ssl_context": context}
        super().__init__(
            listener,
            app,
            log=None,
            error_log=log,
            handler_class=handler,
            spawn=Pool(),
            environ=environ,
            **options,
        )

    def accept_waiting(self, most: int) -> None:
        """Accept the connections that wait to be accepted, up to so many."""
        with contextlib.suppress(OSError):
            for _ in range(most):
                if not (accepted := self.do_read()):
                    return
                self.do_handle(*accepted)

    def admit(self, connection: Any, address: Any) -> Any:
        """Return the peer's address, or None to close the connection unserved. A subclass may extend it."""
        return address

    def left(self, connection: Any, address: Any) -> None:
        """Called when an admitted connection has ended. A subclass may extend it."""

    def serve_tls(self, connection: Any, address: Any) -> None:
        """Serve a connection over TLS. A subclass must define it."""
        raise NotImplementedError

    # The methods below have pywsgi's names.

    def do_handle(self, connection: Any, address: Any) -> None:
        known_as = self.admit(connection, address)
        if known_as is None:
            connection.close()
        else:
            super().do_handle(connection, known_as)

    def do_close(self, connection: Any, address: Any) -> None:
        super().do_close(connection)
        self.left(connection, address)

    def wrap_socket_and_handle(self, client_socket: Any, address: Any) -> None:
        self.serve_tls(client_socket, address)
