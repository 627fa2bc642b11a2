"""The parts of each page for its alerts: its place in the log, the bell, the connection and the dialog."""

import json

import pytest
from bs4 import BeautifulSoup, Tag
from flask import Flask
from in_process import NAME, Browser

import models
from domain import accounts

PAGES = (
    "/tracker/incident/",
    "/tracker/incident/create/",
    "/tracker/area_of_interest/",
    "/tracker/alert/",
    "/tracker/overview/",
    "/accounts/",
    "/tracker/incident/99/",  # an error page
)


@pytest.fixture
def ada(app: Flask) -> Browser:
    browser = Browser(app)
    browser.sign_in()
    return browser


def part(browser: Browser, path: str, selector: str) -> Tag | None:
    return BeautifulSoup(browser.get(path).text, "html.parser").select_one(selector)


@pytest.mark.parametrize("path", PAGES)
def test_each_page_begins_at_its_place_in_the_log(ada: Browser, path: str) -> None:
    """A page that is made after a save does not ask for that save again."""
    models.Incident(name="Fire", longitude=0, latitude=0).save()
    live = part(ada, path, "#live")
    assert live is not None
    place = json.loads(str(live["data-place"]))
    assert place["seq"] == models.Notification.bounds()[1] > 0
    assert place["epoch"] == models.Setting.get_by_id("epoch").value
    assert (place["unread"], place["unacknowledged"]) == (0, 0)
    for selector in ("#bell", "#connection", "dialog#alert-dialog"):
        assert part(ada, path, selector), selector


def test_map_has_a_connection_of_its_own(ada: Browser) -> None:
    """It follows all changes, so a second connection for its alerts would be one too many."""
    assert part(ada, "/", "#live") is None
    assert part(ada, "/", "#connection")
    assert part(ada, "/", "#bell")


def test_viewer_may_not_acknowledge_on_any_page(app: Flask, ada: Browser) -> None:
    live = part(ada, "/tracker/alert/", "#live")
    assert live is not None
    assert live["data-may-edit"] == "yes"
    accounts.create("root", "admin", "a password of nobody else")
    accounts.set_role(accounts.find(NAME), "viewer")
    live = part(ada, "/tracker/alert/", "#live")
    assert live is not None
    assert live["data-may-edit"] == "no"


def test_pages_without_an_account_follow_nothing(app: Flask, ada: Browser) -> None:
    """Neither the pages of strangers nor those of an account that must first change its password."""
    stranger = Browser(app)
    for path in ("/accounts/login/", "/tracker/incident/report/"):
        for selector in ("#live", "#bell", "#connection"):
            assert part(stranger, path, selector) is None
    models.User.update(password_temporary=True).execute()
    for selector in ("#live", "#connection"):
        assert part(ada, "/accounts/password/", selector) is None
