"""Acknowledging takes only what its reader has seen: the table, the API and the list of alerts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import Page, Person, Server, square

import models
from models import Alert, AreaOfInterest, Incident


@pytest.fixture
def fire(database: Path) -> Iterator[Incident]:
    """An incident with an alert, in a database of this process."""
    token = models.actor.set("ann")
    AreaOfInterest.create(name="Town", severity="ME", polygon=square(0, 0, 10))
    incident = Incident(name="Fire", severity="ME")
    incident.location = (5, 5)
    incident.save()
    yield incident
    models.actor.reset(token)


def test_escalation_after_what_was_seen_is_not_acknowledged(fire: Incident) -> None:
    """Seen up to the raising, the escalated alert stays open; seen up to the escalation, it is taken."""
    raised = Alert.get().raised_seq
    fire.severity = "UR"
    fire.save()
    (alert,) = Alert.acknowledge([1], "on my way", seen=raised)
    assert (alert.state, alert.note) == ("open", "")
    assert not models.Notification.select().where(models.Notification.message.contains("alert_ack")).exists()
    (alert,) = Alert.acknowledge([1], "on my way", seen=alert.raised_seq)
    assert (alert.state, alert.note) == ("acknowledged", "on my way")


def test_of_two_alerts_only_the_one_seen_is_acknowledged(fire: Incident) -> None:
    """The second one, raised later, waits."""
    other = Incident(name="Flood", severity="ME")
    other.location = (6, 6)
    other.save()
    first, second = Alert.select().order_by(Alert.id)
    states = [alert.state for alert in Alert.acknowledge([1, 2], seen=first.raised_seq)]
    assert states == ["acknowledged", "open"]
    assert second.raised_seq > first.raised_seq


def test_without_seen_all_are_acknowledged(fire: Incident) -> None:
    """A program that does not say what it has seen acknowledges as before."""
    fire.severity = "UR"
    fire.save()
    assert Alert.acknowledge([1])[0].state == "acknowledged"


class Town:
    """An area of a running server with one incident that alerts in it."""

    def __init__(self, person: Person, name: str, west: float) -> None:
        self.person, self.name = person, name
        person.save_area(name, square(west, 50, 4))
        self.incident = person.save_incident(f"Fire in {name}", west + 1, 51, severity="High")

    @property
    def alert(self) -> dict[str, Any]:
        alerts = self.person.http.get("/api/alerts/").json()["alerts"]
        return dict(next(alert for alert in alerts if alert["area_name"] == self.name))


def test_api_takes_what_was_seen(person: Person) -> None:
    """`seen` leaves open what got worse later; the answer says so."""
    town = Town(person, "Upper Town", 0)
    before = town.alert
    person.change(town.incident, severity="Urgent")
    body = {"alerts": [before["id"]], "note": "mine", "seen": before["raised_seq"]}
    answer = person.api("POST", "/api/alerts/acknowledge/", body).json()
    assert [alert["state"] for alert in answer["alerts"]] == ["open"]
    answer = person.api("POST", "/api/alerts/acknowledge/", body | {"seen": town.alert["raised_seq"]}).json()
    assert [alert["state"] for alert in answer["alerts"]] == ["acknowledged"]


@pytest.mark.parametrize("seen", [-1, 1.5, "3", True, [], 1 << 63])
def test_seen_must_be_a_seq(person: Person, seen: object) -> None:
    """Anything but a whole number that can be one is refused, and acknowledges nothing."""
    answer = person.api("POST", "/api/alerts/acknowledge/", {"alerts": [1], "seen": seen})
    assert answer.status_code == 422
    assert set(answer.json()["fields"]) == {"seen"}


def test_list_does_not_acknowledge_what_got_worse_meanwhile(server: Server, person: Person) -> None:
    """The list comes again and says so, with the note still in its field; pressed again it is taken."""
    town = Town(person, "Lower Town", 20)
    pk = town.alert["id"]
    path = f"/tracker/alert/acknowledge/{pk}/"

    def form_of(page: Page) -> dict[str, str]:
        return {
            str(field["name"]): str(field["value"]) for field in page.select(f"form[action='{path}'] input")
        }

    form = form_of(person.get("/tracker/alert/")) | {"note": "Boat is on its way"}
    person.change(town.incident, severity="Urgent")
    page = Page(person.http.post(path, data=form))
    assert page.status == 409
    assert "got worse after you opened the page" in page.words
    assert town.alert["state"] == "open"
    again = form_of(page)
    assert again["note"] == "Boat is on its way"
    assert Page(person.http.post(path, data=again, follow_redirects=True)).status == 200
    assert (town.alert["state"], town.alert["note"]) == ("acknowledged", "Boat is on its way")
