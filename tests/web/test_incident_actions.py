"""Closing, reopening, confirming and discarding an incident by one button of a page."""

import pytest
from flask import Flask
from in_process import Browser
from werkzeug.test import TestResponse

from domain import accounts
from models import Alert, AreaOfInterest, Incident
from storage.log import actor

DETAIL = "/tracker/incident/{}/"
CLOSE = "/tracker/incident/close/{}/"
REOPEN = "/tracker/incident/reopen/{}/"
CONFIRM = "/tracker/incident/confirm/{}/"
DELETE = "/tracker/incident/delete/{}/"
LIST = "/tracker/incident/"
SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [5, 0], [5, 5], [0, 5], [0, 0]]]}


@pytest.fixture
def person(app: Flask) -> Browser:
    person = Browser(app)
    person.sign_in()
    return person


def stored(**values: object) -> Incident:
    incident = Incident()
    incident.assign({"name": "Burst pipe", "location": {"type": "Point", "coordinates": [1, 2]}} | values)
    incident.save()
    return incident


def change(incident: Incident, by: str, **values: object) -> None:
    """Change an incident as somebody else does meanwhile."""
    token = actor.set(by)
    with Incident.changing(incident.id) as now:
        now.assign(values)
        now.save()
    actor.reset(token)


def press(person: Browser, path: str, incident: Incident, **fields: str) -> TestResponse:
    """Press a button of a page that showed this version of the incident."""
    token = person.get("/").text.split('name="csrf-token" content="')[1].split('"')[0]
    typed = {"csrf_token": token, "version": incident.version, **fields}
    return person.post(path.format(incident.id), data=typed)


def notice(person: Browser, answer: TestResponse) -> str:
    """Follow a redirect, and return the page's text without the marks around names."""
    assert answer.status_code == 303, answer.text
    return person.get(answer.location).text.translate({0x2068: None, 0x2069: None})


def test_one_press_closes_and_reopens(person: Browser) -> None:
    """Each leads back to the page, which says what was done."""
    incident = stored()
    answer = press(person, CLOSE, incident)
    assert answer.location == DETAIL.format(incident.id)
    assert "Closed “Burst pipe”." in notice(person, answer)
    assert Incident.get().closed
    answer = press(person, REOPEN, Incident.get())
    assert "Reopened “Burst pipe”." in notice(person, answer)
    assert not Incident.get().closed


def test_page_has_the_button_that_fits(person: Browser) -> None:
    """An open incident can be closed, a closed one reopened. Viewers have neither."""
    incident = stored()
    page = person.get(DETAIL.format(incident.id)).text
    assert CLOSE.format(incident.id) in page
    assert REOPEN.format(incident.id) not in page
    change(incident, "bob", closed=True)
    assert REOPEN.format(incident.id) in person.get(DETAIL.format(incident.id)).text


def test_viewers_have_no_buttons_and_no_right(app: Flask) -> None:
    accounts.create("eve", "viewer", "a password of nobody")
    viewer = Browser(app)
    viewer.sign_in("eve")
    incident = stored(verified=False)
    page = viewer.get(DETAIL.format(incident.id)).text
    for path in (CLOSE, CONFIRM, DELETE):
        assert path.format(incident.id) not in page
        assert press(viewer, path, incident).status_code == 403
    assert (Incident.get().closed, Incident.get().verified) == (False, False)


def test_closing_keeps_what_others_have_changed(person: Browser) -> None:
    """Somebody moved and renamed it after the page was opened. Closing changes neither."""
    incident = stored()
    change(incident, "bob", name="Burst main", location={"type": "Point", "coordinates": [3, 4]})
    assert press(person, CLOSE, incident).status_code == 303
    now = Incident.get()
    assert (now.closed, now.name, now.longitude, now.latitude) == (True, "Burst main", 3, 4)


def test_second_press_saves_nothing(person: Browser) -> None:
    """Two people close it at once: the page says so to the second one, and no second version is stored."""
    incident = stored()
    change(incident, "bob", closed=True)
    version = Incident.get().version
    assert "“Burst pipe” is closed already." in notice(person, press(person, CLOSE, incident))
    assert Incident.get().version == version


@pytest.mark.parametrize("path", [CLOSE, REOPEN, CONFIRM])
def test_deleted_meanwhile_names_who_did_it(person: Browser, path: str) -> None:
    incident = stored()
    token = actor.set("bob")
    Incident.get().delete_instance()
    actor.reset(token)
    answer = press(person, path, incident)
    assert answer.location == LIST
    assert "bob deleted it already." in notice(person, answer)


@pytest.mark.parametrize(
    ("back", "leads_to"), [(LIST, LIST), ("https://evil.example/", "/"), ("//evil.example/", "/")]
)
def test_button_leads_back_to_its_own_tracker(person: Browser, back: str, leads_to: str) -> None:
    """A list returns to itself. Another host is not followed."""
    assert press(person, CLOSE, stored(), next=back).location == leads_to


def test_confirm_says_what_was_done(person: Browser) -> None:
    incident = stored(verified=False)
    assert "Confirmed “Burst pipe”." in notice(person, press(person, CONFIRM, incident))
    assert Incident.get().verified


def test_report_is_not_confirmed_unseen(person: Browser) -> None:
    """Somebody changed it after the page was opened. The page shows that, and nothing is confirmed."""
    incident = stored(verified=False)
    change(incident, "bob", name="Something else")
    answer = press(person, CONFIRM, incident)
    assert answer.status_code == 409
    assert "Something else" in answer.text
    assert "bob" in answer.text
    assert not Incident.get().verified


def test_discarding_asks_first_and_deletes(person: Browser) -> None:
    """The button leads to a page that asks. Its form deletes the report and says so."""
    incident = stored(verified=False)
    path = DELETE.format(incident.id)
    assert path in person.get(DETAIL.format(incident.id)).text
    page = person.get(path)
    assert "Discard this report?" in page.text
    assert Incident.select().count() == 1
    answer = person.send(path)
    assert "Discarded “Burst pipe”." in notice(person, answer)
    assert Incident.select().count() == 0


def test_deleting_says_what_was_done(person: Browser) -> None:
    answer = person.send(DELETE.format(stored().id))
    assert "Deleted “Burst pipe”." in notice(person, answer)


def test_closing_ends_the_alerts(person: Browser) -> None:
    """The press is an ordinary save: hooks end the alerts, and pages hear of it."""
    town = AreaOfInterest()
    town.assign({"name": "Town", "severity": "Info", "polygon": SQUARE})
    town.save()
    incident = stored()
    assert Alert.open().count() == 1
    press(person, CLOSE, incident)
    assert Alert.open().count() == 0


def test_alert_of_an_unverified_report_says_so(person: Browser) -> None:
    """The list of alerts marks the report, and offers to confirm or to discard it."""
    town = AreaOfInterest()
    town.assign({"name": "Town", "severity": "Info", "polygon": SQUARE})
    town.save()
    report, known = stored(verified=False), stored(name="Known fire")
    assert Alert.open().count() == 2
    page = person.get("/tracker/alert/").text
    assert page.count("Unverified</span>") == 1
    for path in (CONFIRM, DELETE):
        assert path.format(report.id) in page
        assert path.format(known.id) not in page
    answer = press(person, CONFIRM, report, next="/tracker/alert/")
    assert answer.location == "/tracker/alert/"
    assert "Unverified</span>" not in person.get(answer.location).text
