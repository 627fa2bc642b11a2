"""A person acknowledges only the alerts that they have seen: by table, API and list of alerts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import Page, Person, Server, square

import models
from models import Alert, AreaOfInterest, Incident


@pytest.fixture
def fire(database: Path) -> Iterator[Incident]:
    """Return an incident with an alert, in a database of this process."""
    token = models.actor.set("ann")
    AreaOfInterest.create(name="Town", severity="ME", polygon=square(0, 0, 10))
    incident = Incident(name="Fire", severity="ME")
    incident.location = (5, 5)
    incident.save()
    yield incident
    models.actor.reset(token)


def test_unseen_escalation_is_not_acknowledged(fire: Incident) -> None:
    """`seen` up to the raising leaves an escalated alert open. Up to the escalation it acknowledges it."""
    raised = Alert.get().raised_seq
    fire.severity = "UR"
    fire.save()
    (alert,) = Alert.acknowledge([1], "on my way", seen=raised)
    assert (alert.state, alert.note) == ("open", "")
    assert not models.Notification.select().where(models.Notification.message.contains("alert_ack")).exists()
    (alert,) = Alert.acknowledge([1], "on my way", seen=alert.raised_seq)
    assert (alert.state, alert.note) == ("acknowledged", "on my way")


def test_of_two_alerts_only_the_seen_one_is_acknowledged(fire: Incident) -> None:
    """The alert that was raised later stays open."""
    other = Incident(name="Flood", severity="ME")
    other.location = (6, 6)
    other.save()
    first, second = Alert.select().order_by(Alert.id)
    states = [alert.state for alert in Alert.acknowledge([1, 2], seen=first.raised_seq)]
    assert states == ["acknowledged", "open"]
    assert second.raised_seq > first.raised_seq


def test_without_seen_all_are_acknowledged(fire: Incident) -> None:
    """A program that does not send `seen` acknowledges all."""
    fire.severity = "UR"
    fire.save()
    assert Alert.acknowledge([1])[0].state == "acknowledged"


class Town:
    """An area of a running server, with one incident that raises an alert."""

    def __init__(self, person: Person, name: str, west: float) -> None:
        self.person, self.name = person, name
        person.save_area(name, square(west, 50, 4))
        self.incident = person.save_incident(f"Fire in {name}", west + 1, 51, severity="High")

    @property
    def alert(self) -> dict[str, Any]:
        alerts = self.person.http.get("/api/alerts/").json()["alerts"]
        return dict(next(alert for alert in alerts if alert["area_name"] == self.name))


def test_api_takes_seen(person: Person) -> None:
    """An alert that has escalated after `seen` stays open, and the answer says so."""
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
    """A `seen` that can't be a seq is refused, and acknowledges nothing."""
    answer = person.api("POST", "/api/alerts/acknowledge/", {"alerts": [1], "seen": seen})
    assert answer.status_code == 422
    assert set(answer.json()["fields"]) == {"seen"}


def test_list_does_not_acknowledge_a_later_escalation(server: Server, person: Person) -> None:
    """The list says that the alert escalated, and keeps the note. Pressed again, it acknowledges."""
    town = Town(person, "Lower Town", 20)
    pk = town.alert["incident"].partition(":")[2]
    path = f"/tracker/alert/acknowledge/{pk}/"

    def form_of(page: Page) -> dict[str, str]:
        return {
            str(field["name"]): str(field["value"]) for field in page.select(f"form[action='{path}'] input")
        }

    form = form_of(person.get("/tracker/alert/")) | {"note": "Boat is on its way"}
    person.change(town.incident, severity="Urgent")
    page = Page(person.http.post(path, data=form))
    assert page.status == 409
    assert "escalated or was raised again after you opened the page" in page.words
    assert town.alert["state"] == "open"
    again = form_of(page)
    assert again["note"] == "Boat is on its way"
    assert Page(person.http.post(path, data=again, follow_redirects=True)).status == 200
    assert (town.alert["state"], town.alert["note"]) == ("acknowledged", "Boat is on its way")
