"""The first steps of a new tracker's admin."""

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from in_process import NAME, Browser, form_of

from domain import accounts
from models import User


@pytest.fixture
def admin(app: Flask) -> Browser:
    User.update(role="admin").where(User.name == NAME).execute()
    browser = Browser(app)
    browser.sign_in()
    return browser


def steps(browser: Browser, path: str = "/") -> dict[str, bool]:
    """Return the steps of a page, and which are done."""
    page = BeautifulSoup(browser.get(path).text, "html.parser")
    found = page.select(".first-steps li")
    return {
        " ".join(step.get_text(" ", strip=True).split()[:2]): "done" in str(step.get("class"))
        for step in found
    }


@pytest.mark.parametrize("path", ["/", "/admin/"])
def test_admin_sees_what_is_left(admin: Browser, path: str) -> None:
    """Each step is marked when it is done, by whom ever."""
    assert steps(admin, path)["Invite people"] is False
    accounts.create("bob", "viewer", "a password of bob's")
    assert steps(admin, path)["Invite people"] is True


def test_only_admins_see_them(app: Flask) -> None:
    editor = Browser(app)
    editor.sign_in()
    assert steps(editor) == {}


def test_they_go_when_dismissed(admin: Browser) -> None:
    page = admin.get("/")
    form = BeautifulSoup(page.text, "html.parser").select_one(".first-steps form")
    assert form is not None
    assert (
        admin.post(str(form["action"]), data={"csrf_token": form_of(page)["csrf_token"]}).status_code == 303
    )
    assert steps(admin) == {}
