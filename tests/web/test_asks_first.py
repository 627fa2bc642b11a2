"""Deactivating an account and signing out everywhere ask first, and pages say what was done."""

import pytest
from flask import Flask
from in_process import Browser

from domain import accounts
from models import Session

OWN, ADMIN = "/accounts/", "/admin/"
EVERYWHERE = "/accounts/sign_out_everywhere/"


@pytest.fixture
def admin(app: Flask) -> Browser:
    accounts.create("boss", "admin", "a password of nobody")
    admin = Browser(app)
    admin.sign_in("boss")
    return admin


@pytest.fixture
def person(app: Flask) -> Browser:
    person = Browser(app)
    person.sign_in()
    return person


def words(browser: Browser, path: str) -> str:
    return browser.get(path).text.translate({0x2068: None, 0x2069: None})


def test_signing_out_everywhere_asks_first(person: Browser, app: Flask) -> None:
    """The button leads to a question, which ends no session. Its form ends all."""
    elsewhere = Browser(app)
    elsewhere.sign_in()
    assert f'href="{EVERYWHERE}"' in person.get(OWN).text
    assert "Sign out everywhere?" in person.get(EVERYWHERE).text
    assert Session.select().count() == 2
    answer = person.send(EVERYWHERE)
    assert answer.location == "/accounts/login/"
    assert Session.select().count() == 0
    assert "You are signed out everywhere." in person.get(answer.location).text
    assert elsewhere.get(OWN).status_code == 302


def test_deactivating_asks_first(admin: Browser) -> None:
    """The question names the account. Its form deactivates it, and the page says so."""
    pk = accounts.find("ada").id
    path = f"/admin/users/{pk}/deactivate/"
    assert f'href="{path}"' in admin.get(ADMIN).text
    assert "Deactivate ada?" in words(admin, path)
    assert accounts.find("ada").active
    assert admin.send(path).location == ADMIN
    assert not accounts.find("ada").active
    page = words(admin, ADMIN)
    assert "ada is deactivated." in page
    assert f"/admin/users/{pk}/activate/" in page


def test_only_admins_are_asked(person: Browser) -> None:
    assert person.get(f"/admin/users/{accounts.find('ada').id}/deactivate/").status_code == 403


def test_ended_session_and_revoked_token_are_said(person: Browser, app: Flask) -> None:
    Browser(app).sign_in()
    other = Session.select().order_by(Session.created.desc()).get()
    token = person.get("/").text.split('name="csrf-token" content="')[1].split('"')[0]
    person.post("/accounts/sessions/end/", data={"csrf_token": token, "session": other.id})
    assert "The session has ended." in person.get(OWN).text
    with app.app_context():
        accounts.make_token(accounts.find("ada"), "probe")
    person.post("/accounts/tokens/1/revoke/", data={"csrf_token": token})
    assert "The token is revoked." in person.get(OWN).text


def test_new_token_has_a_button_that_copies_it(person: Browser) -> None:
    token = person.get("/").text.split('name="csrf-token" content="')[1].split('"')[0]
    page = person.post("/accounts/tokens/", data={"csrf_token": token, "label": "probe", "key": "k"}).text
    assert "data-copy" in page.split('class="secret"')[1]
    assert "data-copy" not in person.get(OWN).text
