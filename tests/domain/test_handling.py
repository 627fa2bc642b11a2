"""Releasing an alert and handing it over: what is logged, repeated requests, and two people at once."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import square
from replay import problems_of

import models
from base.errors import Invalid
from domain import erasure, handling, incident_alerts
from domain.handling import Changed
from models import Alert, AreaOfInterest, Incident, Notification, User


@pytest.fixture
def taken(database: Path) -> Iterator[list[int]]:
    """Return the ids of two alerts of one incident that ed has acknowledged."""
    for name, role in (("ed", "editor"), ("ann", "editor"), ("vera", "viewer"), ("gone", "editor")):
        User.create(name=name, password_hash="", role=role, active=name != "gone")
    token = models.actor.set("ed")
    for name in ("Town", "Harbour"):
        AreaOfInterest.create(name=name, polygon=square(0, 0, 10))
    fire = Incident(name="Fire", severity="HI")
    fire.location = (5, 5)
    fire.save()
    ids = handling.ids_of([fire.id])
    Alert.acknowledge(ids, "on my way")
    yield ids
    models.actor.reset(token)


def told(type_: str) -> list[dict[str, Any]]:
    entries = [json.loads(text) for _, text in Notification.after(0, 1 << 30)]
    return [entry for entry in entries if entry["type"] == type_]


def head() -> int:
    return Notification.bounds()[1]


def test_release_takes_all_areas_in_one_entry(taken: list[int]) -> None:
    """Nobody has the alerts then. They count as unread, and `seen` of before does not acknowledge them."""
    reader = User.get(User.name == "ann")
    reader.read_up_to(head())
    seen = head()
    alerts = handling.release(taken)
    assert [(alert.state, alert.acknowledged_by, alert.note) for alert in alerts] == [("open", None, "")] * 2
    (entry,) = told("alert_released")
    assert ([alert["id"] for alert in entry["alerts"]], entry["by"]) == (taken, "ed")
    assert incident_alerts.unacknowledged(reader) == 1
    assert incident_alerts.unread(reader) == 2
    assert [alert.state for alert in Alert.acknowledge(taken, seen=seen)] == ["open", "open"]


def test_hand_over_names_the_other_account(taken: list[int]) -> None:
    """A note replaces the present one; without one that stays."""
    alerts = handling.hand_over(taken, "ANN")
    assert [(alert.acknowledged_by, alert.note) for alert in alerts] == [("ann", "on my way")] * 2
    alerts = handling.hand_over(taken, "ed", "bring the boat")
    assert [(alert.acknowledged_by, alert.note) for alert in alerts] == [("ed", "bring the boat")] * 2
    entries = told("alert_handed_over")
    assert [(entry["by"], entry["to"], entry["note"]) for entry in entries] == [
        ("ed", "ann", ""),
        ("ed", "ed", "bring the boat"),
    ]


@pytest.mark.parametrize("name", ["vera", "gone", "nobody", "", None, 7, ["ann"]])
def test_hand_over_needs_an_active_account_that_may_edit(taken: list[int], name: Any) -> None:
    with pytest.raises(Invalid) as refused:
        handling.hand_over(taken, name)
    assert set(refused.value.fields) == {"to"}
    assert not told("alert_handed_over")
    assert handling.names() == ["ann", "ed"]


def test_repetition_changes_nothing(taken: list[int]) -> None:
    handling.hand_over(taken, "ann")
    before = head()
    handling.hand_over(taken, "ann", seen=1)
    assert head() == before
    handling.release(taken)
    before = head()
    handling.release(taken, seen=1)
    assert head() == before


def test_of_two_people_at_once_the_second_is_told(taken: list[int]) -> None:
    """Both saw the same. The second request does nothing, and its answer has the present state."""
    seen = head()
    handling.hand_over(taken, "ann", seen=seen)
    before = head()
    with pytest.raises(Changed, match="ann has acknowledged it by now") as told_:
        handling.release(taken, seen=seen)
    with pytest.raises(Changed, match="ann has acknowledged it by now"):
        handling.hand_over(taken, "ed", seen=seen)
    assert head() == before
    assert {alert["acknowledged_by"] for alert in told_.value.as_json()["alerts"]} == {"ann"}
    handling.release(taken, seen=head())
    with pytest.raises(Changed, match="unacknowledged by now"):
        handling.hand_over(taken, "ed", seen=before)


def test_unacknowledged_alert_is_not_handed_over(taken: list[int]) -> None:
    """Otherwise it would alert nobody any more before its new holder knows of it."""
    handling.release(taken)
    with pytest.raises(Changed):
        handling.hand_over(taken, "ann")


def test_ended_alert_can_be_neither_released_nor_handed_over(taken: list[int]) -> None:
    fire = Incident.get()
    fire.closed = True
    fire.save()
    before = head()
    assert {alert.acknowledged_by for alert in handling.release(taken)} == {"ed"}
    assert {alert.acknowledged_by for alert in handling.hand_over(taken, "ann")} == {"ed"}
    assert head() == before


def test_log_and_tables_agree_after_both(taken: list[int], database: Path) -> None:
    handling.hand_over(taken[:1], "ann")
    handling.release(taken[1:])
    assert problems_of(database) == []


def test_note_of_a_hand_over_is_erased_with_the_incident(taken: list[int]) -> None:
    """The entry keeps its ids, which readers need, also for another incident."""
    handling.hand_over(taken, "ann", "Zqsecret")
    erasure.erase(Incident.get().id, "root")
    (entry,) = told("alert_handed_over")
    assert (entry["note"], [alert["id"] for alert in entry["alerts"]]) == ("", taken)
    assert not Notification.select().where(Notification.message.contains("Zqsecret")).exists()
    assert not Alert.select().exists()
