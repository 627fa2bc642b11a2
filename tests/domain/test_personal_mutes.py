"""Mutes of one person: how they begin and end, and with what."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from harness import square

from base import times
from base.errors import Invalid
from domain import incident_alerts, mutes, personal_mutes
from models import AreaOfInterest, Incident, Notification, PersonalMute, User

HOUR = timedelta(hours=1)


class Clock:
    """The models' clock, moved ahead of the real one by the test."""

    ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def clock(database: Path, monkeypatch: pytest.MonkeyPatch) -> Clock:
    assert database.exists()
    clock = Clock()
    monkeypatch.setattr(times, "clock", clock.now)
    return clock


@pytest.fixture
def reader(clock: Clock) -> User:
    clock.ahead = timedelta()
    AreaOfInterest.create(name="Town", polygon=square(0, 0, 10))
    return User.create(name="ann", password_hash="")


def entries() -> list[dict[str, Any]]:
    found = [json.loads(text) for _, text in Notification.after(0, 1 << 30)]
    return [entry for entry in found if entry["type"] == "personal_mute"]


def fire(severity: str = "HI") -> Incident:
    new = Incident(name="Fire", severity=severity)
    new.location = (5, 5)
    new.save()
    return new


def test_mute_ends_by_itself_once_and_says_since_when_it_was(clock: Clock, reader: User) -> None:
    """The pages of the person announce what was raised after `since`."""
    mute = personal_mutes.set_(reader.id, 1, datetime.now(UTC) + HOUR, "drill")
    fire()
    mutes.end_mutes()
    (begun,) = entries()
    assert (begun["account"], begun["area"], begun["until"], begun["since"]) == (
        reader.id,
        "AreaOfInterest:1",
        mute.until,
        begun["seq"],
    )
    assert incident_alerts.unacknowledged(reader) == 0
    clock.ahead = HOUR
    assert personal_mutes.of(reader.id) == []
    assert incident_alerts.unacknowledged(reader) == 1
    mutes.end_mutes()
    mutes.end_mutes()
    _, ended = entries()
    assert (ended["until"], ended["since"]) == (None, begun["seq"])
    assert not PersonalMute.select().exists()


def test_changed_mute_keeps_its_beginning(reader: User) -> None:
    first = personal_mutes.set_(reader.id, 1, datetime.now(UTC) + HOUR)
    fire()
    second = personal_mutes.set_(reader.id, 1, datetime.now(UTC) + 2 * HOUR, "longer")
    assert (second.since, second.reason) == (first.since, "longer")
    assert second.until > first.until
    (stored,) = personal_mutes.of(reader.id)
    assert stored.as_json() == second.as_json()


def test_mute_ends_by_hand(reader: User) -> None:
    personal_mutes.set_(reader.id, 1, datetime.now(UTC) + HOUR)
    personal_mutes.end(reader.id, 1)
    personal_mutes.end(reader.id, 1)
    assert [entry["until"] is None for entry in entries()] == [False, True]
    assert personal_mutes.of(reader.id) == []


def test_mute_that_a_wrong_clock_set_is_over_when_the_clock_is_right(clock: Clock, reader: User) -> None:
    clock.ahead = 1000 * HOUR
    personal_mutes.set_(reader.id, 1, datetime.now(UTC) + 2000 * HOUR)
    clock.ahead = timedelta()
    fire()
    assert incident_alerts.unacknowledged(reader) == 1
    mutes.end_mutes()
    assert entries()[-1]["until"] is None


def test_end_must_be_in_the_future_and_the_reason_short(reader: User) -> None:
    with pytest.raises(Invalid) as refused:
        personal_mutes.set_(reader.id, 1, datetime.now(UTC) - HOUR)
    assert set(refused.value.fields) == {"until"}
    with pytest.raises(Invalid) as refused:
        personal_mutes.set_(reader.id, 1, datetime.now(UTC) + HOUR, "x" * 1001)
    assert set(refused.value.fields) == {"reason"}
    with pytest.raises(AreaOfInterest.DoesNotExist):
        personal_mutes.set_(reader.id, 99, datetime.now(UTC) + HOUR)
    assert entries() == []


def test_mute_goes_with_its_area_and_with_its_account(reader: User) -> None:
    other = AreaOfInterest.create(name="Harbour", polygon=square(0, 0, 10))
    for pk in (1, other.id):
        personal_mutes.set_(reader.id, pk, datetime.now(UTC) + HOUR, "drill")
    other.delete_instance()
    assert [mute.area_id for mute in personal_mutes.of(reader.id)] == [1]
    User.delete().where(User.id == reader.id).execute()
    assert not PersonalMute.select().exists()


def test_reason_is_not_in_the_log(reader: User) -> None:
    """Everybody's pages get the log, and the reason is for one person."""
    personal_mutes.set_(reader.id, 1, datetime.now(UTC) + HOUR, "Zqreason")
    personal_mutes.end(reader.id, 1)
    assert not Notification.select().where(Notification.message.contains("Zqreason")).exists()


@pytest.mark.usefixtures("reader")
def test_mute_of_an_area_has_a_reason_until_it_ends() -> None:
    area = AreaOfInterest.get()
    area.mute(datetime.now(UTC) + HOUR, "exercise in the harbour")
    assert area.feature()["properties"]["mute_reason"] == "exercise in the harbour"
    area.mute(None)
    assert (area.mute_reason, "mute_reason" in area.feature()["properties"]) == (None, False)
