"""The HTTP server: bounds on what connections may cost, TLS, and the listening socket.

`handler.py` serves a connection, and `pywsgi.py` is the part of gevent's server that is used. A WebSocket
takes its connection over by `Handler.detach`.
"""

from __future__ import annotations

import contextlib
import logging
import resource
import socket
import ssl
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import gevent

from base import addresses
from base.logs import event
from server import tls
from server.connections import Connections, RequestQueue
from server.handler import Handler
from server.limits import Limits
from server.proxies import UNIX, is_proxy
from server.pywsgi import AcceptingServer

DEFAULTS = Limits()
BACKLOG = 1024  # connections that wait to be accepted, at most
DRAIN_S = 1.0  # between closing the listener and the idle connections, if another process shares the port

log = logging.getLogger(__name__)


class Server(AcceptingServer):
    """The HTTP server. When it is closed, requests in flight may finish, and no more begin.

    `before_answer` is called before each piece of an answer is sent. It is not called before the refusal of a
    malformed request, which has only a status.
    """

    def __init__(
        self,
        listener: socket.socket,
        app: Any,
        host: str,
        *,
        before_answer: Callable[[], None],
        proxies: Sequence[str] = (),
        context: ssl.SSLContext | None = None,
        limits: Limits = DEFAULTS,
        shares_port: bool = False,
    ) -> None:
        super().__init__(listener, app, host, Handler, context)
        self.context: Any = context  # used only if there is one
        self.before_answer = before_answer
        self.proxies = [addresses.parse_network(proxy) for proxy in proxies]
        self.limits = limits
        self.connections = Connections(limits.per_address)
        self.queue = RequestQueue()
        self.shares_port = shares_port
        self.refused = 0  # connections, because their address had too many
        self.detached: set[Any] = set()  # TLS connections that were handed over

    def close(self) -> None:
        """Close the listener, and the connections without a request.

        If another process shares the port, nobody may be refused. Then connections that wait to be accepted
        are served. Idle ones have DRAIN_S for another request, and its answer says that it is the last.
        """
        if self.closed:
            return
        if self.shares_port:
            self.accept_waiting(BACKLOG)  # the system would reset them when the listener is closed
        super().close()
        if self.shares_port:
            gevent.spawn_later(DRAIN_S, self.connections.close_idle)
        else:
            self.connections.close_idle()

    def admit(self, connection: Any, address: Any) -> Any:
        """Count a connection; return None if too many come from its address, unless that is a proxy's."""
        address = _known_as(address)
        bounded = not is_proxy(address[0], self.proxies)
        if self.connections.add(connection, address[0], bounded=bounded):
            return address
        self.refused += 1
        event(log, logging.WARNING, "A connection was refused: its address has too many", address=address[0])
        return None

    def left(self, connection: Any, address: Any) -> None:
        self.connections.remove(connection, _known_as(address)[0])

    def serve_tls(self, client_socket: Any, address: Any) -> None:
        """Serve a connection by TLS. If the handshake fails or takes too long, close it."""
        idle, connection = self.connections.of(address[0]).idle, client_socket
        try:
            connection = tls.Socket(client_socket, self.context)
            idle.pop(client_socket, None)
            idle[connection] = None
            with gevent.Timeout(self.limits.headers_s, TimeoutError):
                connection.shake_hands(partial(self.queue.wait, addresses.client(address[0])))
            idle.pop(connection, None)
            self.handle(connection, address)
        except (OSError, ValueError) as error:
            log.debug("A handshake of TLS failed: %s", error)
        finally:
            idle.pop(connection, None)
            if connection in self.detached:
                self.detached.discard(connection)
            else:
                connection.close()


def _known_as(address: Any) -> tuple[Any, ...]:
    """Return (address, port, …) of a peer; a peer of a Unix socket has neither."""
    return (addresses.canonical(address[0]), *address[1:]) if address else (UNIX, 0)


def listen(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """Return the listening socket. Raises OSError, OverflowError or ValueError.

    If the port is shared with other processes, the socket does not listen yet: new connections would wait
    for it until this process is ready. Then call `listen(BACKLOG)`.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Without this the second piece of an answer waits 40 ms. Connections inherit it.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if listener.family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)  # `::` is for IPv4, too
    if shared:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind((host, port))
    if not shared:
        listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener


def allow_many_descriptors() -> None:
    """Raise the system's limit of open files for this process, as far as possible."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
