"""A proxy with an incomplete set-up: the log says once what to set, and the person gets a reason."""

import logging
import re

import pytest
from flask import Flask
from harness import Server
from in_process import NAME, PASSWORD, Browser, form_of
from websockets.exceptions import InvalidStatus

from base import addresses
from base.once import PER_HOUR, PER_SENDER, Once
from server import proxies
from web import origins

PAGE = "map.example.org"
WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.fixture(autouse=True)
def _nothing_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (origins, proxies):
        for name in ("_told", "_told_strangers"):
            monkeypatch.setattr(module, name, Once())


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was logged about proxies. A busy machine adds warnings of slow requests."""
    return [record.getMessage() for record in caplog.records if record.name == "tracker.proxies"]


@pytest.fixture
def person(app: Flask) -> Browser:
    person = Browser(app)
    person.sign_in()
    return person


def test_refused_socket_names_both_hosts(person: Browser, caplog: pytest.LogCaptureFixture) -> None:
    """The page's host and the proxy's; said once, however often the page tries again."""
    headers = {**WEBSOCKET, "Origin": f"https://{PAGE}"}
    answers = [person.get("/notifications", headers=headers) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {403}
    sentence = answers[0].get_json()["error"]
    assert PAGE in sentence
    assert "localhost" in sentence
    (said,) = warnings(caplog)
    assert said.startswith(
        f"A WebSocket of a page of {PAGE} was refused, because it came for the host localhost."
    )
    assert f"TRACKER_HOSTS must have that name: {PAGE}." in said


def test_each_pair_of_hosts_is_said_once(person: Browser, caplog: pytest.LogCaptureFixture) -> None:
    for host in ("a.example", "b.example:8443", "a.example"):
        person.get("/notifications", headers={**WEBSOCKET, "Origin": f"https://{host}"})
    assert [re.findall(r"page of (\S+) was", said) for said in warnings(caplog)] == [
        ["a.example"],
        ["b.example:8443"],
    ]


@pytest.mark.parametrize(
    "origin", ["null", "https://", "https://a b", "https://a@b", "https://[", "file:///x"]
)
def test_nonsense_is_not_logged(person: Browser, caplog: pytest.LogCaptureFixture, origin: str) -> None:
    """Only what can be a host gets into the log."""
    assert person.get("/notifications", headers={**WEBSOCKET, "Origin": origin}).status_code == 403
    assert warnings(caplog) == []


def test_refused_form_names_both_hosts(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    """Over TLS, a form must come from a page of the same host."""
    stranger = Browser(app, "https://localhost")
    form = {**form_of(stranger.get("/accounts/login/")), "username": NAME, "password": PASSWORD}
    own = {"Referer": f"https://{PAGE}/accounts/login/", "Origin": f"https://{PAGE}"}
    answers = [stranger.post("/accounts/login/", data=form, headers=own) for _ in range(2)]
    assert {answer.status_code for answer in answers} == {400}
    assert f"This page came from {PAGE}, but the request came for localhost." in answers[0].text
    (said,) = warnings(caplog)
    assert said.startswith(f"A form of a page of {PAGE} was refused, because it came for the host localhost.")


def test_refused_call_is_explained_to_the_script(app: Flask) -> None:
    """The page shows the sentence, and does not ask for a new token again and again."""
    person = Browser(app, "https://localhost")
    answer = person.send("/accounts/login/", username=NAME, password=PASSWORD)
    assert answer.status_code == 303
    token = re.findall(r'name="csrf-token" content="([^"]+)"', person.get("/").text)[0]
    own = {"X-CSRFToken": token, "Referer": f"https://{PAGE}/"}
    refused = person.post("/api/alerts/read/", json={"seq": 0}, headers=own)
    assert refused.status_code == 400
    assert PAGE in refused.get_json()["error"]
    assert refused.get_json()["fields"] == {}


def test_form_with_an_old_token_is_still_shown_again(
    person: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is said of proxies when the names are the same."""
    form = {"name": "Fire", "csrf_token": "old"}
    own = {"Origin": person.base_url, "Referer": f"{person.base_url}/tracker/incident/create/"}
    answer = person.post("/tracker/incident/create/", data=form, headers=own)
    assert answer.status_code == 400
    assert "Fire" in answer.text
    assert warnings(caplog) == []


def test_hidden_tls_is_logged_once(person: Browser, caplog: pytest.LogCaptureFixture) -> None:
    """The page came by https, and the proxy says nothing of that."""
    for _ in range(2):
        person.get("/notifications", headers={**WEBSOCKET, "Origin": "https://localhost"})
    (said,) = warnings(caplog)
    assert "X-Forwarded-Proto" in said


def test_lost_upgrade_is_logged_once(person: Browser, caplog: pytest.LogCaptureFixture) -> None:
    """A proxy that knows no WebSockets removes Upgrade, but not the handshake's other headers."""
    person.get("/notifications")
    assert warnings(caplog) == []
    left = {name: text for name, text in WEBSOCKET.items() if name.startswith("Sec-")}
    assert [person.get("/notifications", headers=left).status_code for _ in range(2)] == [426, 426]
    (said,) = warnings(caplog)
    assert said.startswith("A WebSocket came without the header Upgrade.")


def test_page_knows_for_which_host_it_was_asked(person: Browser) -> None:
    """Its script compares that with the name in its address."""
    assert 'data-host="localhost"' in person.get("/").text


def test_forwarded_address_of_an_unknown_proxy_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    trusted = [addresses.parse_network("10.0.0.0/24")]
    for peer in ("10.0.1.9", "10.0.1.9", "10.0.0.1", "10.0.2.9"):
        proxies.through_proxies({"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": "192.0.2.1"}, trusted)
    assert [re.findall(r"set TRACKER_PROXIES=(\S+)\.", said) for said in warnings(caplog)] == [
        ["10.0.1.9"],
        ["10.0.2.9"],
    ]


def test_request_without_the_header_is_nothing_to_log(caplog: pytest.LogCaptureFixture) -> None:
    proxies.through_proxies({"REMOTE_ADDR": "10.0.1.9"}, [])
    assert warnings(caplog) == []


def test_strangers_cannot_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    for number in range(10 * PER_HOUR):
        for peer in (f"2a00:{number + 1}::1", f"2a00::{number}"):
            proxies.through_proxies({"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": "::1"}, [])
    said = warnings(caplog)
    assert len(said) == PER_HOUR
    assert sum("=2a00::" in line for line in said) == PER_SENDER


def test_strangers_cannot_hide_what_the_operator_must_read(
    app: Flask, person: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither invented names, nor invented proxies, use up what people and private addresses may cause."""
    stranger = Browser(app, "https://localhost")
    for number in range(2 * PER_HOUR):
        environ = {"REMOTE_ADDR": f"1.2.3.{number}"}
        own = {"Referer": f"https://x{number}.example/"}
        stranger.post("/accounts/login/", data={"username": "x"}, headers=own, environ_base=environ)
        proxies.through_proxies({**environ, "HTTP_X_FORWARDED_FOR": "::1"}, [])
    assert len(warnings(caplog)) == 2 * PER_HOUR
    caplog.clear()
    person.get("/notifications", headers={**WEBSOCKET, "Origin": f"https://{PAGE}"})
    proxies.through_proxies({"REMOTE_ADDR": "10.0.1.9", "HTTP_X_FORWARDED_FOR": "::1"}, [])
    assert [PAGE in warnings(caplog)[0], "10.0.1.9" in warnings(caplog)[1]] == [True, True]


def test_server_prints_it(server: Server) -> None:
    """The log is on standard error, without a traceback."""
    person = server.person()
    with pytest.raises(InvalidStatus):
        person.watch(origin=f"https://{PAGE}")
    person.http.get("/healthz", headers={"X-Forwarded-For": "192.0.2.1"})
    assert f"A WebSocket of a page of {PAGE} was refused" in server.output
    assert "set TRACKER_PROXIES=127.0.0.1" in server.output
