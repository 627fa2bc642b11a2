"""The application runs under any WSGI server: here under Flask's test client and under wsgiref."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import httpx
import pytest
from flask import Flask
from harness import incident
from in_process import Browser

from base.version import VERSION
from domain import accounts
from models import Alert, AreaOfInterest, Incident, open_database

WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
HEADERS = {"Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Cache-Control"}


@pytest.fixture
def person(app: Flask) -> Browser:
    person = Browser(app)
    person.sign_in()
    return person


@pytest.fixture
def token(app: Flask) -> dict[str, str]:
    """Return the header with a token of the editor."""
    with app.app_context():
        return {"Authorization": f"Bearer {accounts.make_token(accounts.find('ada'), 'test')}"}


def test_form_is_saved(person: Browser) -> None:
    """A person signs in, opens a form, and saves an incident with it."""
    place = '{"type": "Point", "coordinates": [2, 1]}'
    answer = person.send("/tracker/incident/create/", name="By a form", location_geojson=place, severity="HI")
    assert answer.status_code in (302, 303), answer.text
    assert Incident.get().name == "By a form"


def test_page_asks_to_sign_in(app: Flask) -> None:
    answer = Browser(app).get("/")
    assert answer.status_code == 302
    assert answer.location == "/accounts/login/?next=/"


@pytest.mark.parametrize(
    "path", ["/accounts/login/", "/healthz", "/static/icon.svg", "/nothing/", "/api/incidents/"]
)
def test_every_answer_has_the_security_headers(app: Flask, path: str) -> None:
    """The application adds the headers, so no server has to."""
    answer = Browser(app).get(path)
    expected = HEADERS if path != "/static/icon.svg" else HEADERS - {"Cache-Control"}
    answer.close()
    assert expected <= set(answer.headers.keys())


def test_api_saves_and_lists(app: Flask, token: dict[str, str]) -> None:
    browser = Browser(app)
    made = browser.post("/api/incidents/", json=incident("By the API"), headers=token)
    assert made.status_code == 201, made.text
    listed = browser.get("/tracker/incident/feature_collection/", headers=token)
    assert [found["properties"]["name"] for found in json.loads(listed.data)["features"]] == ["By the API"]


def test_messages_are_read_without_a_connection_of_our_own(app: Flask, token: dict[str, str]) -> None:
    """Any server can answer a request that need not wait."""
    browser = Browser(app)
    browser.post("/api/incidents/", json=incident("First"), headers=token)
    answer = browser.get("/api/notifications", headers=token)
    assert answer.status_code == 200
    assert json.loads(answer.text.splitlines()[0])["seq"] == 1


@pytest.mark.parametrize("path", ["/notifications", "/api/notifications?wait=5"])
def test_connection_is_required_for_waiting(app: Flask, token: dict[str, str], path: str) -> None:
    """The answer is 501 with a sentence, and the quota of connections is freed."""
    browser = Browser(app)
    hello = json.loads(browser.get("/api/notifications", headers=token).text.splitlines()[0])
    headers = {**token, **(WEBSOCKET if path == "/notifications" else {})}
    if "?" in path:
        path = f"{path}&since={hello['seq']}&epoch={hello['epoch']}"
    answers = [browser.get(path, headers=headers) for _ in range(60)]  # more than an account may have at once
    assert {answer.status_code for answer in answers} == {501}
    assert "python tracker.py" in answers[-1].get_json()["error"]


def test_body_that_is_too_large_is_refused(app: Flask, token: dict[str, str]) -> None:
    answer = Browser(app).post("/api/bulk/", data=b" " * (2 << 20), headers=token)
    assert answer.status_code == 413


@pytest.mark.parametrize("hold", [False, True])
def test_database_stores_whether_reports_are_held(tmp_path: Path, hold: bool) -> None:  # noqa: FBT001
    """The open database has the setting, so commands follow it as the server does."""
    open_database(tmp_path / "own.db", hold_reports=hold)
    area = AreaOfInterest()
    square = [[0, 0], [5, 0], [5, 5], [0, 5], [0, 0]]
    area.assign(
        {"name": "Watched", "severity": "Info", "polygon": {"type": "Polygon", "coordinates": [square]}}
    )
    area.save()
    report = Incident(name="Report", verified=False)
    report.location = (1, 1)
    report.save()
    assert Alert.select().count() == (0 if hold else 1)


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the library's)
        pass


def ask_wsgiref(app: Flask, ask: Callable[[str], None]) -> None:
    """Serve `ask(address)`, which runs in another thread, with Python's own reference server."""
    with make_server("127.0.0.1", 0, app, handler_class=Quiet) as server, ThreadPoolExecutor(1) as pool:
        server.timeout = 0.05
        asked = pool.submit(ask, f"http://127.0.0.1:{server.server_port}")
        while not asked.done():  # in this thread, which has the database
            server.handle_request()
        asked.result()


def test_runs_under_the_reference_server(app: Flask, token: dict[str, str]) -> None:
    """A body is read to its length and no further, on a connection that stays open."""

    def ask(address: str) -> None:
        with httpx.Client(base_url=address) as http:
            assert http.get("/healthz").json() == {"seq": 0, "clients": 0, "version": VERSION}
            made = http.post("/api/incidents/", json=incident("By wsgiref"), headers=token)
            assert made.status_code == 201, made.text
            assert http.get("/notifications", headers={**token, **WEBSOCKET}).status_code == 501

    ask_wsgiref(app, ask)
    assert Incident.get().name == "By wsgiref"
