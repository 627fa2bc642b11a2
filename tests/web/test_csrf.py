"""Forms are accepted only from pages of this tracker, in the session that is now signed in."""

import pytest
from flask import Flask
from in_process import Browser, form_of

from models import Incident

CREATE = "/tracker/incident/create/"
PLACE = '{"type": "Point", "coordinates": [2, 1]}'
SECURE = "https://localhost"


@pytest.fixture
def secure(app: Flask) -> Browser:
    """Return a person who has signed in over TLS."""
    browser = Browser(app, SECURE)
    browser.sign_in()
    return browser


def filled_in(browser: Browser, name: str) -> dict[str, str]:
    return {**form_of(browser.get(CREATE)), "name": name, "location_geojson": PLACE, "severity": "HI"}


def test_form_of_an_own_page_is_taken_by_tls(secure: Browser) -> None:
    answer = secure.post(CREATE, data=filled_in(secure, "Own"), headers={"Referer": f"{SECURE}{CREATE}"})
    assert answer.status_code in (302, 303), answer.text
    assert Incident.select().count() == 1


@pytest.mark.parametrize(
    "referer",
    [
        None,
        "",
        "https://evil.example/tracker/incident/create/",
        "https://localhost.evil.example/",
        "https://localhost:8443/",
        "http://localhost/tracker/incident/create/",
        "https://[",
        "nothing",
    ],
)
def test_form_of_another_page_is_refused_by_tls(secure: Browser, referer: str | None) -> None:
    """Over TLS each form needs the right Referer, even with a token that was just accepted."""
    fields = filled_in(secure, "First")
    assert secure.post(CREATE, data=fields, headers={"Referer": f"{SECURE}{CREATE}"}).status_code in (
        302,
        303,
    )
    headers = {} if referer is None else {"Referer": referer}
    answer = secure.post(CREATE, data={**fields, "name": "Second"}, headers=headers)
    assert answer.status_code == 400
    assert [found.name for found in Incident.select()] == ["First"]


@pytest.mark.parametrize("base_url", ["http://localhost", SECURE])
@pytest.mark.parametrize("token", ["", "nothing", "IjEi.aaaaaa.bbbbbb"])
def test_form_without_a_good_token_is_refused(app: Flask, base_url: str, token: str) -> None:
    browser = Browser(app, base_url)
    browser.sign_in()
    fields = {**filled_in(browser, "Forged"), "csrf_token": token}
    answer = browser.post(CREATE, data=fields, headers={"Referer": f"{base_url}{CREATE}"})
    assert answer.status_code == 400
    assert Incident.select().count() == 0


@pytest.mark.parametrize("base_url", ["http://localhost", SECURE])
def test_token_of_another_session_is_refused(app: Flask, base_url: str) -> None:
    """A token of one session is invalid in another session of the same account."""
    first, second = Browser(app, base_url), Browser(app, base_url)
    first.sign_in()
    second.sign_in()
    headers = {"Referer": f"{base_url}{CREATE}"}
    fields = filled_in(first, "Ours")
    assert first.post(CREATE, data=fields, headers=headers).status_code in (302, 303)
    assert second.post(CREATE, data={**fields, "name": "Theirs"}, headers=headers).status_code == 400
    assert [found.name for found in Incident.select()] == ["Ours"]


@pytest.mark.parametrize("base_url", ["http://localhost", SECURE])
def test_sign_in_leaves_nothing_of_the_session_before(app: Flask, base_url: str) -> None:
    """A cookie planted before the sign-in has no token that is valid after it."""
    browser = Browser(app, base_url)
    before = form_of(browser.get("/accounts/login/"))["csrf_token"]
    browser.sign_in()
    fields = {**filled_in(browser, "Fixed"), "csrf_token": before}
    answer = browser.post(CREATE, data=fields, headers={"Referer": f"{base_url}{CREATE}"})
    assert answer.status_code == 400
    assert Incident.select().count() == 0


def test_sign_out_leaves_nothing_of_the_session_before(app: Flask) -> None:
    """After the sign-out the browser's cookie has no token for forms of that session."""
    browser = Browser(app)
    browser.sign_in()
    before = filled_in(browser, "Left")["csrf_token"]
    assert browser.post("/accounts/logout/", data={"csrf_token": before}).status_code == 303
    fields = {"csrf_token": before, "username": "ada", "password": "a password of nobody"}
    assert browser.post("/accounts/login/", data=fields).status_code == 400
