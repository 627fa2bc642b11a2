"""The lines that requests, saves, sockets and sign-ins leave in the log, and what never stands in one."""

import json
import logging
import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from conftest import end
from flask import Flask, abort
from harness import Person, Server, wait_until
from in_process import Browser
from websockets.exceptions import InvalidStatus

from server import access_log
from server.request_id import id_of_request
from web import auth

Line = dict[str, Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One that logs all it can, as JSON, and trusts this machine as a proxy."""
    env = {
        "TRACKER_LOG": "json",
        "TRACKER_LOG_LEVEL": "debug",
        "TRACKER_PROXIES": "127.0.0.1",
        "TRACKER_SOCKETS_PER_ACCOUNT": "2",
    }
    server = Server(tmp_path_factory.mktemp("server"), env=env)
    yield server
    end(server)


def lines(server: Server) -> list[Line]:
    return [json.loads(line) for line in server.output.splitlines() if line.startswith("{")]


def line_of(server: Server, **wanted: object) -> Line:
    """Return the newest line with these members, once it is there."""

    def find() -> Line | None:
        fitting = [line for line in lines(server) if wanted.items() <= line.items()]
        return fitting[-1] if fitting else None

    found: Line | None = wait_until(find, what=f"a line with {wanted}")
    assert found
    return found


def test_request_has_one_line(server: Server, person: Person) -> None:
    """It has no query, and the id that the answer names."""
    answer = person.http.get("/tracker/incident/?page=2&secret=hidden")
    line = line_of(server, path="/tracker/incident/")
    assert line["request"] == answer.headers["x-request-id"]
    shown = {name: line[name] for name in ("method", "status", "user")}
    assert shown == {"method": "GET", "status": 200, "user": "admin"}
    said = line["event"], line["level"]
    assert said in (("Answered", "info"), ("A request was slow", "warning"))  # on a busy machine
    assert line["bytes"] > 1000
    assert line["address"] == "127.0.0.1"
    assert "hidden" not in server.output


def test_request_is_followed_to_its_save_and_broadcast(server: Server, person: Person) -> None:
    """One id, a proxy's own, stands in the lines of the request, the entry and the round."""
    person.csrf_token()
    person.http.headers["X-Request-ID"] = "proxy-7.b"
    with person.watch() as watch:
        person.save_incident("followed")
        watch.wait_for_type("post_save", "followed")
        round_ = line_of(server, event="A round was sent", requests="proxy-7.b")
    del person.http.headers["X-Request-ID"]
    entry = line_of(server, event="An entry was appended", request="proxy-7.b")
    assert entry["seq"] == round_["head"]
    assert line_of(server, path="/api/incidents/", request="proxy-7.b")["status"] == 201


@pytest.mark.parametrize("given", ["x" * 65, "a b", 'a"b', "é", ""])
def test_id_of_a_proxy_must_be_clean(server: Server, given: str) -> None:
    """Else the request gets one of the server's own."""
    headers = {b"X-Request-ID": given.encode()}
    answer = httpx.get(f"{server.url}/healthz", headers=headers, trust_env=False)
    assert len(answer.headers["x-request-id"]) == 16


def test_id_of_a_stranger_is_not_taken() -> None:
    assert id_of_request("chosen", is_trusted=True) == "chosen"
    assert id_of_request("chosen", is_trusted=False) != "chosen"


def test_no_secret_is_logged(server: Server) -> None:
    """Neither a password, a cookie, a token, a one-time link nor a query, whatever is done with them."""
    person = server.person()
    secret = "s3cret-of-nobody-in-particular"
    person.sign_in("admin", secret)
    person.http.get(f"/accounts/reset/{secret}/")
    person.http.get(f"/accounts/reset/{secret}")
    person.http.get(f"/accounts/{secret}/x", params={"token": secret})
    person.http.get("/api/alerts/", headers={"Authorization": f"Bearer {secret}"})
    person.http.get("/metrics", headers={"Authorization": f"Bearer {secret}"})
    for malformed in (
        f"GET /?{secret} HTTP/1.1\r\nHost: x\r\nHost: y\r\nCookie: {secret}\r\n\r\n",
        f"{secret} /{secret} HTTP/1.1\r\nBad header: {secret}\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(malformed.encode())
            assert b" 400 " in connection.recv(1000)
    line_of(server, event="A malformed request was refused", status=400)
    own = server.output.replace(f"Sign in as admin, password: {server.password}", "")
    for hidden in (secret, server.password, person.cookie):
        assert hidden not in own


def test_path_forges_no_line(server: Server, visitor: Person) -> None:
    """Line ends and escape sequences in a path stay within its value."""
    visitor.http.get("/x%0a%7B%22event%22%3A1%7D%1b%5B2J%c2%9b")
    wait_until(lambda: [line for line in lines(server) if line.get("path", "").startswith('/x\n{"event"')])
    assert all(line.isascii() and line.isprintable() for line in server.output.splitlines())


def test_refused_socket_is_logged_with_its_limit(server: Server) -> None:
    """The browser hides why it was refused; the log and a plain request say it."""
    person = server.person()
    with person.watch(), person.watch():
        with pytest.raises(InvalidStatus):
            person.watch()
        answer = person.http.get("/notifications", headers={"Accept": "application/json"})
    line = line_of(server, event="A request was refused", route="/notifications", status=429)
    assert line["level"] == "warning"
    assert line["reason"] == answer.json()["error"]
    assert "limit of 2 live pages" in line["reason"]


def test_page_of_another_site_is_logged(server: Server) -> None:
    with pytest.raises(InvalidStatus):
        server.person().watch(origin="https://evil.example")
    assert line_of(server, event="A request was refused", route="/notifications", status=403)


def test_sign_ins_are_logged(server: Server) -> None:
    """A refused one is a warning. A name of no account is left out: it may be a password."""
    person = server.visitor()
    person.sign_in("a password typed as a name", "wrong")
    refused = line_of(server, event="A sign-in was refused", outcome="refused: no such account")
    assert (refused["level"], refused["account"], refused["address"]) == ("warning", "none", "127.0.0.1")
    server.person()
    assert line_of(server, event="Signed in", account="admin")["level"] == "info"
    assert "typed as a name" not in server.output


def test_error_is_logged_by_its_route(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    """Flask itself would log the path, which may be a one-time link."""

    def fail(secret: str) -> str:
        raise RuntimeError(f"{len(secret)} letters")

    app.view_functions["accounts.reset"] = fail
    fail.role = "nobody"  # type: ignore[attr-defined]
    with caplog.at_level(logging.ERROR):
        assert Browser(app).get("/accounts/reset/hidden/").status_code == 500
    (record,) = caplog.records
    assert record.__dict__["fields"] == {"route": "/accounts/reset/<secret>/"}
    assert record.exc_info
    assert "hidden" not in caplog.text


def test_refusal_is_logged_by_its_status(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    """A limit is a warning; a mistyped address is for developers."""

    def refuse() -> str:
        abort(503, "Not now.")

    refuse.role = "nobody"  # type: ignore[attr-defined]
    app.view_functions["health.healthz"] = refuse
    with caplog.at_level(logging.INFO):
        Browser(app).get("/healthz")
        Browser(app).get("/nowhere/")
    assert [(record.levelname, record.__dict__["fields"]["reason"]) for record in caplog.records] == [
        ("WARNING", "Not now.")
    ]


@pytest.mark.parametrize(
    ("path", "status", "seconds", "level"),
    [
        ("/", 200, 0.1, "INFO"),
        ("/", 200, 0.11, "WARNING"),
        ("/", 404, 0.11, "WARNING"),
        ("/static/js/x.js", 200, 0.1, "DEBUG"),
        ("/static/js/x.js", 404, 0.1, "INFO"),
        ("/healthz", 200, 0.1, "DEBUG"),
        ("/healthz", 503, 0.1, "INFO"),
        ("/readyz", 200, 2.0, "WARNING"),
        ("/api/notifications", None, 0.1, "DEBUG"),
        ("/api/notifications", 200, 25.0, "DEBUG"),
        ("/notifications", 101, 3.0, "INFO"),
    ],
)
def test_level_of_a_request(
    path: str, status: int | None, seconds: float, level: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A slow one is a warning. Those that nobody asked for by hand are for developers."""
    environ = {"PATH_INFO": path, "REQUEST_METHOD": "GET", "REMOTE_ADDR": "192.0.2.1"}
    with caplog.at_level(logging.DEBUG):
        access_log.note(environ, status=status, size=1, seconds=seconds)
    assert [record.levelname for record in caplog.records] == [level]


def test_time_to_hash_a_password_is_not_slow(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    """It is slow on purpose, and may wait for its turn. The line has it all the same."""
    with app.test_request_context("/accounts/login/", method="POST") as context:
        with auth.admitted():
            time.sleep(0.02)
        with auth.admitted():
            pass
        environ = {**context.request.environ, "REMOTE_ADDR": "192.0.2.1"}
    waited = environ[access_log.WAITED_S]
    assert waited >= 0.02
    for seconds in (waited, waited + 0.2):
        with caplog.at_level(logging.INFO):
            access_log.note(environ, status=200, size=1, seconds=seconds)
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING"]


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/tracker/incident/feature_collection/", "/tracker/incident/feature_collection/"),
        (f"/accounts/reset/{'x' * 43}/", "/accounts/reset/…/"),
        (f"/accounts/{'x' * 43}", "/accounts/…"),
        ("/accounts/reset/short", "/accounts/reset/…"),
        (
            "/static/js/pages/a-very-long-name-of-a-module.js",
            "/static/js/pages/a-very-long-name-of-a-module.js",
        ),
    ],
)
def test_long_part_of_a_path_is_hidden(path: str, shown: str) -> None:
    assert access_log.shown(path) == shown
