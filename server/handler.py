"""One HTTP connection: reads its requests, has them answered, and can hand the connection over."""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_to_bytes

import gevent

from base import addresses
from base.logs import event, request_id
from base.loop import PAUSE_S
from server import access_log, tls
from server.body import Body
from server.connections import Connection, TlsConnection
from server.http1 import Head, Incoming, Refused
from server.proxies import is_local, is_proxy, through_proxies
from server.pywsgi import AnsweringHandler
from server.request_id import id_of_request
from server.tls import RECORD

HSTS = b"max-age=15552000"  # 180 days: then browsers forget it, in case the operator gives up TLS
METHODS = "GET, HEAD, POST, PATCH, DELETE, OPTIONS"  # methods that this server answers

log = logging.getLogger(__name__)


class Handler(AnsweringHandler):
    """Serves the requests of one connection, waits for no peer too long, and can detach the connection."""

    lingers = False  # whether the peer may still be sending when the connection is closed
    _head: Head
    _pieces = 0  # received of this request
    _first_sent = 0.0  # when its answer began, by the monotonic clock

    def __init__(self, connection: Any, address: Any, server: Any) -> None:
        super().__init__(connection, address, server)
        connection.settimeout(self.server.limits.take_s)
        self._idle = server.connections.of(address[0]).idle
        self._incoming = Incoming()

    def serve(self) -> None:
        """Serve requests until the peer or the server ends the connection."""
        wait_s = self.server.limits.headers_s
        try:
            while self._serve_one(wait_s):
                wait_s = self.server.limits.kept_s
                self._idle[self.socket] = None
                gevent.sleep(PAUSE_S)  # otherwise a peer that never pauses would be served before all others
        except OSError as error:
            log.debug("A peer broke off: %s", error)
        finally:
            self._close()

    def _serve_one(self, wait_s: float) -> bool:
        """Serve the next request, which must begin in time. Return whether another may follow."""
        self._idle[self.socket] = None
        try:
            head = self._next_head(wait_s)
        except Refused as refused:
            self._refuse(refused)
            return False
        finally:
            self._idle.pop(self.socket, None)
        if head is None:
            return False
        self._head = head
        body = Body(head, self._incoming, self, self.server.limits)
        environ = self._environ(body)
        started, self._first_sent = time.monotonic(), 0.0
        request_id.set(environ["tracker.request_id"])
        self.server.queue.wait(addresses.client(environ["REMOTE_ADDR"]))
        app = _answer_with_methods if head.path == "*" else None
        self.answer(
            head.method,
            head.version,
            environ,
            body,
            app,
            keeps_alive=head.keeps_alive and not self.server.closed,
        )
        self._log_answer(environ, started + body.waited_s())
        request_id.set("")
        return self.socket is not None and not (self.close_connection or self.server.closed)

    def _log_answer(self, environ: dict[str, Any], started: float) -> None:
        """Log the request that was answered, or whose connection was handed over."""
        status, size = self.answered()
        if status is None and self._head.upgrades:
            status = int(HTTPStatus.SWITCHING_PROTOCOLS)
        seconds = (self._first_sent or time.monotonic()) - started
        access_log.note(environ, status=status, size=size, seconds=max(0.0, seconds))

    def _next_head(self, wait_s: float) -> Head | None:
        """Return the next request's head; None if the peer sends none. Raises Refused, OSError."""
        self._pieces, begun = 0, bool(self._incoming.data)
        deadline = time.monotonic() + (self.server.limits.headers_s if begun else wait_s)
        try:
            while (head := self._incoming.head()) is None:
                piece = self.receive(deadline)
                if not piece:
                    return None
                if not begun:
                    begun, deadline = True, time.monotonic() + self.server.limits.headers_s
                self._incoming.feed(piece)
        except TimeoutError:
            if not begun:
                return None
            raise Refused(HTTPStatus.REQUEST_TIMEOUT, "the head came too slowly") from None
        return head

    def receive(self, deadline: float) -> bytes:
        """Return the peer's next bytes; nothing at its end. Raises OSError.

        Raises TimeoutError at the deadline, even while the peer sends without a break. So there is a pause
        before each piece but the first, in which the loop updates its clock.
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
        """Answer a refused request with its status alone. The log gets the reason in our own words."""
        event(
            log,
            logging.INFO,
            "A malformed request was refused",
            status=refused.status.value,
            reason=refused,
            address=self.client_address[0],
        )
        status = f"{refused.status.value} {refused.status.phrase}"
        self.socket.sendall(f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode())
        self.lingers = True

    def _close(self) -> None:
        """Close the connection.

        If the peer still sends, read on, because otherwise it would lose the answer.
        """
        connection = self.__dict__.pop("socket", None)
        if connection is None:
            return
        with contextlib.suppress(OSError):
            if self.lingers:
                self._idle[connection] = None
                self._read_on(connection)
        self._idle.pop(connection, None)
        connection.close()

    def _read_on(self, connection: Any) -> None:
        budget = self.server.limits.linger_bytes
        with gevent.Timeout(self.server.limits.linger_s, TimeoutError):
            connection.shutdown(socket.SHUT_WR)
            while budget > 0 and (piece := connection.recv(RECORD)):
                budget -= len(piece)
                gevent.sleep(PAUSE_S)

    def _environ(self, body: Body) -> dict[str, Any]:
        """Return the request as WSGI has it. Headers with "_" are left out: they could pass for others."""
        head, environ = self._head, self.base_environ()
        environ["REQUEST_METHOD"] = head.method
        environ["PATH_INFO"] = unquote_to_bytes(head.path).decode("latin-1")
        environ["QUERY_STRING"] = head.query
        environ["SERVER_PROTOCOL"] = head.version
        environ["REMOTE_ADDR"], environ["REMOTE_PORT"] = self.client_address[0], str(self.client_address[1])
        environ["wsgi.input"], environ["wsgi.input_terminated"] = body, True
        environ["tracker.handler"] = self
        for name, value in head.fields.items():
            if name in ("content-type", "content-length"):
                environ[name.replace("-", "_").upper()] = value
            elif "_" not in name and (name != "upgrade" or head.upgrades):
                environ[f"HTTP_{name.replace('-', '_').upper()}"] = value
        if "HTTP_HOST" in environ:
            environ["HTTP_HOST"] = environ["HTTP_HOST"].lower()
        environ["tracker.request_id"] = self._request_id(environ.pop("HTTP_X_REQUEST_ID", None))
        through_proxies(environ, self.server.proxies)
        return environ

    def _request_id(self, given: str | None) -> str:
        is_trusted = given is not None and is_proxy(self.client_address[0], self.server.proxies)
        return id_of_request(given, is_trusted=is_trusted)

    def more_headers(self) -> list[tuple[bytes, bytes]]:
        # Other programs use other ports of localhost, and may speak no TLS there.
        is_local = self.environ.get("HTTP_HOST", "").startswith("localhost")
        is_https = self.environ["wsgi.url_scheme"] == "https"
        found = [(b"X-Request-ID", self.environ["tracker.request_id"].encode())]
        return [*found, (b"Strict-Transport-Security", HSTS)] if is_https and not is_local else found

    def before_send(self) -> None:
        self._first_sent = self._first_sent or time.monotonic()
        self.server.before_answer()

    def send_continue(self) -> None:
        self.socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

    def break_off(self) -> None:
        """Close the connection after this answer, and read on for a while, so that the peer gets it."""
        self.close_connection = self.lingers = True

    def is_local(self) -> bool:
        """Return whether a program of this machine seems to have sent the request itself."""
        head = self._head
        return is_local(self.client_address[0], head.version, head.fields, self.server.proxies)

    def detach(self, freed: Callable[[], None]) -> tuple[Connection | TlsConnection, bytes]:
        """Hand over the connection. Return it, and the bytes that were read after the request.

        `freed` is called when the connection is closed.
        """
        own: Any = self.socket
        self.socket = None  # so that nothing more is read here
        self.close_connection = True
        own.settimeout(0)
        if isinstance(own, tls.Socket):
            self.server.detached.add(own)
            return TlsConnection(own, freed), self._incoming.data + (own.decrypt() or b"")
        connection = Connection(fileno=own.detach())
        connection.freed = freed
        connection.setblocking(False)
        return connection, self._incoming.data


def _answer_with_methods(_environ: Any, start_response: Any) -> list[bytes]:
    """Answer `OPTIONS *`, which asks for the methods of the whole server."""
    start_response("204 No Content", [("Allow", METHODS)])
    return []
