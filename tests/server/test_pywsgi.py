"""The contract with gevent's pywsgi: each test fails with the name that an upgrade has changed."""

import inspect
import socket
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import gevent
import pytest
from gevent.pool import Pool
from gevent.pywsgi import WSGIHandler, WSGIServer

from server import pywsgi
from server.pywsgi import AcceptingServer, AnsweringHandler

HANDLER_METHODS = {  # those that are extended or called, with their parameters
    "__init__": ["self", "sock", "address", "server", "rfile"],
    "handle": ["self"],
    "handle_error": ["self", "t", "v", "tb"],
    "handle_one_response": ["self"],
    "log_request": ["self"],
    "finalize_headers": ["self"],
    "process_result": ["self"],
    "write": ["self", "data"],
    "_write_with_headers": ["self", "data"],
    "_sendall": ["self", "data"],
}
SERVER_METHODS = {
    "get_environ": ["self"],
    "do_handle": ["self", "args"],
    "do_read": ["self"],
    "do_close": ["self", "sock", "args"],
    "wrap_socket_and_handle": ["self", "client_socket", "address"],
    "handle": ["self", "sock", "address"],
}
HANDLER_ATTRIBUTES = {  # with their values before a request
    "status": None,
    "code": None,
    "response_length": 0,
    "headers_sent": False,
    "response_headers": None,
    "provided_content_length": None,
    "response_use_chunked": False,
    "close_connection": False,
    "environ": None,
    "application": None,
    "result": None,
    "wsgi_input": None,
    "command": None,
    "request_version": None,
}


@pytest.mark.parametrize("name", HANDLER_METHODS)
def test_method_of_the_handler(name: str) -> None:
    assert list(inspect.signature(getattr(WSGIHandler, name)).parameters) == HANDLER_METHODS[name]


def test__write_takes_the_data() -> None:
    assert list(inspect.signature(WSGIHandler._write).parameters)[:2] == ["self", "data"]


@pytest.mark.parametrize("name", SERVER_METHODS)
def test_method_of_the_server(name: str) -> None:
    assert list(inspect.signature(getattr(WSGIServer, name)).parameters) == SERVER_METHODS[name]


@pytest.mark.parametrize("name", HANDLER_ATTRIBUTES)
def test_attribute_of_the_handler(name: str) -> None:
    assert getattr(WSGIHandler, name) == HANDLER_ATTRIBUTES[name]


def test_ignored_socket_errors_is_a_tuple() -> None:
    assert isinstance(WSGIHandler.ignored_socket_errors, tuple)
    assert set(WSGIHandler.ignored_socket_errors) < set(AnsweringHandler.ignored_socket_errors)


class Peer:
    """A socket that records the calls that send."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def sendall(self, data: bytes) -> None:
        self.sent.append(bytes(data))


class Body:
    """A request's body that has been read to its end."""

    def __init__(self) -> None:
        self.discarded = 0

    def is_left(self) -> bool:
        return False

    def discard(self) -> None:
        self.discarded += 1


class Handler(AnsweringHandler):
    """A handler that records which of pywsgi's methods it calls."""

    def __init__(self, application: Callable[..., Any]) -> None:
        self.called: list[str] = []
        self.errors: list[type] = []
        server = SimpleNamespace(
            application=application,
            secure_environ_class=dict,
            loop=SimpleNamespace(handle_error=lambda _context, kind, *_: self.errors.append(kind)),
        )
        super().__init__(Peer(), ("192.0.2.1", 1), server)

    def more_headers(self) -> pywsgi.Headers:
        return [(b"X-More", b"1")]

    def before_send(self) -> None:
        self.called.append("before_send")

    def finalize_headers(self) -> None:
        self.called.append("finalize_headers")
        super().finalize_headers()

    def process_result(self) -> None:
        self.called.append("process_result")
        super().process_result()

    def log_request(self) -> None:
        self.called.append("log_request")


def answered(
    application: Callable[..., Any], method: str = "GET", *, keeps_alive: bool = True
) -> tuple[Handler, list[bytes]]:
    handler, body = Handler(application), Body()
    handler.answer(method, "HTTP/1.1", {}, body, keeps_alive=keeps_alive)
    assert body.discarded == 1, "_discard of the request's body was not called once"
    return handler, cast(Peer, handler.socket).sent


def application(*pieces: bytes, length: int | None = None, status: str = "200 OK") -> Callable[..., Any]:
    def app(_environ: Any, start_response: Any) -> Any:
        start_response(status, [] if length is None else [("Content-Length", str(length))])
        return iter(pieces)

    return app


def test_handle_one_response_calls_process_result_finalize_headers_and_log_request() -> None:
    handler, sent = answered(application(b"ab", b"c", length=3))
    assert handler.called == [
        "process_result",
        "finalize_headers",
        "before_send",
        "before_send",
        "log_request",
    ]
    head, _, first = sent[0].partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"X-More: 1" in head
    assert b"Connection" not in head
    assert [first, *sent[1:]] == [b"ab", b"c"]
    assert not handler.close_connection


def test_response_use_chunked_ends_with_an_empty_chunk() -> None:
    _, sent = answered(application(b"ab"))
    head, _, first = sent[0].partition(b"\r\n\r\n")
    assert b"Transfer-Encoding: chunked" in head
    assert b"".join([first, *sent[1:]]) == b"2\r\nab\r\n0\r\n\r\n"


def test_command_HEAD_sends_no_body() -> None:  # noqa: N802 (the method's name)
    _, sent = answered(application(b"ab", length=2), "HEAD")
    head, _, rest = b"".join(sent).partition(b"\r\n\r\n")
    assert b"Content-Length: 2" in head
    assert rest == b""


def test_close_connection_is_said_in_a_header() -> None:
    handler, sent = answered(application(b"ab", length=2), keeps_alive=False)
    assert b"\r\nConnection: close\r\n" in sent[0]
    assert handler.close_connection


def test_close_connection_is_set_by_an_answer_that_is_too_short() -> None:
    handler, _ = answered(application(b"ab", length=3))
    assert handler.close_connection


def test_handle_error_is_called_for_an_error_of_the_application() -> None:
    def fails(_environ: Any, _start_response: Any) -> Any:
        raise KeyError

    handler, sent = answered(fails)
    assert handler.errors == [KeyError]
    assert sent[0].startswith(b"HTTP/1.1 500 ")


def test_code_is_negative_when_the_answer_can_not_be_sent() -> None:
    """The code is negative, so that a closed peer is not logged as an error."""

    class Gone(Peer):
        def sendall(self, data: bytes) -> None:
            raise OSError(999, "gone")

    handler = Handler(application(b"ab", length=2))
    handler.socket = Gone()
    handler.answer("GET", "HTTP/1.1", {}, Body(), keeps_alive=True)
    assert (handler.errors, handler.close_connection) == ([], True)
    assert handler.code < 0


def test_do_handle_do_close_and_get_environ_are_called_for_a_connection() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    called: list[Any] = []

    class Serving(Handler):
        def __init__(self, connection: Any, address: Any, server: Any) -> None:
            AnsweringHandler.__init__(self, connection, address, server)

        def serve(self) -> None:
            called.append((self.client_address[0], self.base_environ()["SERVER_NAME"]))

    class Server(AcceptingServer):
        def admit(self, connection: Any, address: Any) -> Any:
            called.append("admit")
            return None if len(called) > 3 else ("192.0.2.7", 1)

        def left(self, connection: Any, address: Any) -> None:
            called.append(("left", address[0]))

    server = Server(listener, lambda *_: [], "the.name", Serving)
    server.start()
    try:
        for _ in range(2):
            with gevent.Timeout(5), gevent.socket.create_connection(listener.getsockname()) as peer:
                assert peer.recv(1) == b""
    finally:
        server.close()
    assert called == ["admit", ("192.0.2.7", "the.name"), ("left", "192.0.2.7"), "admit"]
    assert isinstance(server.pool, Pool)
    assert server.closed


def test_wrap_socket_and_handle_is_called_with_an_ssl_context() -> None:
    """Pywsgi does not use the context; it only checks that there is one."""
    near, far = socket.socketpair()
    listener = socket.create_server(("127.0.0.1", 0))
    served: list[Any] = []

    class Server(AcceptingServer):
        def serve_tls(self, connection: Any, address: Any) -> None:
            served.append((connection, address))

    context: Any = SimpleNamespace(wrap_socket=lambda *_: pytest.fail("pywsgi wrapped the socket"))
    server = Server(listener, lambda *_: [], "the.name", Handler, context)
    server.start()
    server.do_handle(near, ("192.0.2.1", 1))
    server.pool.join(5)
    server.close()
    far.close()
    assert served == [(near, ("192.0.2.1", 1))]
