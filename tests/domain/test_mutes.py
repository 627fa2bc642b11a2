"""When a mute ends, an alert that was raised in it and still waits interrupts once."""

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import OpenScreen, StartServer
from harness import Person, api_path, incident, isolated, square, wait_until
from playwright.sync_api import expect

import models
from base import times
from base.errors import Invalid
from domain import incident_alerts, mutes
from models import Alert, AreaOfInterest, Incident, Notification, User
from storage import engine

HOUR = timedelta(hours=1)


class Clock:
    """The models' clock, moved ahead of the real one by the test."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def clock(database: Path, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return a clock for the models of this process, on a database of their own."""
    assert database.exists()
    clock = Clock()
    monkeypatch.setattr(times, "clock", clock.now)
    return clock


def fire(**more: Any) -> Incident:
    new = Incident(name="Fire", **more)
    new.location = (0.5, 0.5)
    new.save()
    return new


def muted_area(clock: Clock, duration: timedelta = HOUR) -> AreaOfInterest:
    area: AreaOfInterest = AreaOfInterest.create(name="Town", polygon=square(0, 0))
    area.mute(datetime.now(UTC) + clock.ahead + duration)
    return area


def messages(reason: str) -> list[dict[str, Any]]:
    """Return the alert messages in the log with this reason."""
    found = [json.loads(text) for _, text in Notification.after(0, 1 << 30)]
    return [message for message in found if message["type"] == "alert" and message["reason"] == reason]


def test_end_of_a_mute_announces_open_alerts(clock: Clock) -> None:
    """When a mute ends, each open alert of it is announced once and counts as unread."""
    reader = User.create(name="ann", password_hash="")
    area = muted_area(clock)
    incident = fire()
    mutes.end_mutes()
    assert messages("unmuted") == []
    assert incident_alerts.unread(reader) == 0
    clock.ahead = HOUR
    mutes.end_mutes()
    mutes.end_mutes()
    (told,) = messages("unmuted")
    assert told["feature"] == incident.feature()
    assert told["areas_of_interest"] == [
        area.summary.as_json() | {"alert": 1, "reason": "unmuted", "muted": False, "raised": incident.updated}
    ]
    assert incident_alerts.unread(reader) == 1
    assert Alert.get().raised_seq == Notification.bounds()[1]


def test_unmuting_announces_at_once(clock: Clock) -> None:
    """A request that ends a mute is answered after its alerts are announced."""
    area = muted_area(clock)
    fire()
    area.mute(datetime.now(UTC) + 2 * HOUR)
    assert messages("unmuted") == []
    area.mute(None)
    assert len(messages("unmuted")) == 1
    mutes.end_mutes()
    assert len(messages("unmuted")) == 1


def test_handled_alerts_are_not_announced(clock: Clock) -> None:
    """Alerts that are acknowledged, ended, or came through the mute are not announced again."""
    muted_area(clock)
    acknowledged, closed, deleted, escalated = fire(), fire(), fire(), fire()
    Alert.acknowledge([alert.id for alert in Alert.select().where(Alert.incident_id == acknowledged.id)])
    closed.closed = True
    closed.save()
    deleted.delete_instance()
    escalated.severity = "UR"
    escalated.save()
    fire(severity="UR")
    clock.ahead = HOUR
    mutes.end_mutes()
    assert messages("unmuted") == []


def test_escalation_in_a_mute_waits_for_its_end(clock: Clock) -> None:
    """An alert whose acknowledgement was removed by an escalation is announced at the end of the mute."""
    muted_area(clock)
    incident = fire()
    Alert.acknowledge([1])
    incident.severity = "HI"
    incident.save()
    clock.ahead = HOUR
    mutes.end_mutes()
    assert [message["feature"]["properties"]["severity"] for message in messages("unmuted")] == ["High"]


def test_deleted_area_announces_nothing(clock: Clock) -> None:
    """Deleting an area deletes its mute and its alerts."""
    area = muted_area(clock)
    fire()
    area.delete_instance()
    clock.ahead = HOUR
    mutes.end_mutes()
    assert messages("unmuted") == []


def test_large_mute_is_announced_once_in_several_transactions(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The alerts of a long mute are announced in several transactions, oldest first, each once."""
    monkeypatch.setattr("domain.alerts.MAX_UNMUTED", 3)
    muted_area(clock)
    incidents = [fire() for _ in range(7)]
    clock.ahead = HOUR
    mutes.end_mutes()
    assert [message["feature"]["id"] for message in messages("unmuted")] == [
        incident.feature_id for incident in incidents
    ]


def test_mute_from_the_future_ends_when_the_clock_is_corrected(clock: Clock) -> None:
    """A mute for an hour does not last two days, and does not start again at its own time."""
    clock.ahead = timedelta(days=2)
    area = muted_area(clock)
    quiet = fire()
    clock.ahead = timedelta()
    assert not area.is_muted
    mutes.end_mutes()
    assert [message["feature"]["id"] for message in messages("unmuted")] == [quiet.feature_id]
    clock.ahead = timedelta(days=2, minutes=30)
    loud = fire()
    assert [message["feature"]["id"] for message in messages("raised")][-1] == loud.feature_id
    assert not Alert.select().where(Alert.muted).exists()


def test_small_step_of_the_clock_ends_no_mute(clock: Clock) -> None:
    """A time server that sets the clock back by seconds leaves mutes unchanged."""
    area = muted_area(clock)
    clock.ahead = timedelta(seconds=-30)
    mutes.end_mutes()
    assert area.is_muted
    assert area.find(area.id).muted_until == area.muted_until


def test_mute_until_a_time_that_has_passed_is_refused(clock: Clock) -> None:
    """A mute until a time in the past is refused, so no page shows it."""
    area = muted_area(clock)
    with pytest.raises(Invalid, match="this has passed: by the server's clock it is"):
        area.mute(datetime.now(UTC) - timedelta(seconds=1))
    assert area.is_muted


def test_mute_of_an_older_version_goes_on_and_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mute of an older version goes on after the update, and its alerts are announced at its end."""
    older = tmp_path / "older"
    older.mkdir()
    for path in engine.MIGRATIONS.glob("000[123]_*.py"):
        shutil.copy(path, older)
    path, clock = tmp_path / "own.db", Clock()
    with monkeypatch.context() as patch:
        patch.setattr(engine, "MIGRATIONS", older)
        models.open_database(path)
        models.database.close()
    until, moment = models.timestamp(datetime.now(UTC) + HOUR), models.now()
    with closing(sqlite3.connect(path)) as database:
        database.executescript(f"""
            INSERT INTO area_of_interest (name, polygon, muted_until, muted_by, created, updated)
            VALUES ('Town', '{json.dumps(square(0, 0))}', '{until}', 'ann', '{moment}', '{moment}');
            INSERT INTO incident (name, longitude, latitude, created, updated)
            VALUES ('Fire', 0.5, 0.5, '{moment}', '{moment}');
            INSERT INTO alert
            (incident_id, incident_name, area_id, area_name, severity, muted, raised, raised_seq)
            VALUES (1, 'Fire', 1, 'Town', 'ME', 1, '{moment}', 1);
        """)
    models.open_database(path, migrate=True)
    monkeypatch.setattr(times, "clock", clock.now)
    mutes.end_mutes()
    assert AreaOfInterest.get().is_muted
    clock.ahead = HOUR
    mutes.end_mutes()
    models.database.close()
    with closing(sqlite3.connect(path)) as database:
        (text,) = database.execute("SELECT message FROM notification").fetchone()
    assert json.loads(text)["reason"] == "unmuted"


@pytest.mark.slow
def test_two_servers_and_a_restart_announce_once(start_server: StartServer) -> None:
    """One of two servers announces, once, the alerts that an import raised in a mute."""
    first = start_server()
    second = start_server(password=first.password)
    person, other = first.person(), second.person()
    area = person.save_area("Town", square(0, 0))
    with person.watch() as here, other.watch() as there:
        person.api("POST", f"{api_path(area)}mute/", {"until": "2999-01-01T00:00:00Z"})
        first.import_geojson(incident("Fire", 0.5, 0.5))
        for watch in (here, there):
            assert watch.wait_for_type("alert", "Fire")["areas_of_interest"][0]["muted"] is True
        soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
        assert person.api("POST", f"{api_path(area)}mute/", {"until": soon}).status_code == 200
        for watch in (here, there):
            watch.wait_for(lambda message: message.get("reason") == "unmuted")
    first.stop()
    second.stop()
    third = start_server(password=first.password)
    with third.person().watch(f"?since=0&epoch={here.hello['epoch']}") as watch:
        person = third.person()
        person.save_incident("Last", 50, 50)
        watch.wait_for_type("post_save", "Last")
        assert [message.get("reason") for message in watch.messages].count("unmuted") == 1


def test_page_interrupts_when_a_mute_ends(person: Person, open_screen: OpenScreen) -> None:
    """When the mute ends, an open map shows the dialog, and the badge counts the alert."""
    area = person.save_area("Quiet quarter", square(30, 0))
    person.api("POST", f"{api_path(area)}mute/", {"until": "2999-01-01T00:00:00Z"})
    page = open_screen(person).open_map()
    person.save_incident("Kept quiet", 30.5, 0.5)
    expect(page.locator("#alert-rows li", has_text="Kept quiet")).to_contain_text("Muted")
    expect(page.locator("#alert-dialog")).to_be_hidden()
    unread = person.api("GET", "/api/alerts/").json()["unread"]
    person.api("POST", f"{api_path(area)}mute/", {"until": None})
    expect(page.locator("#alert-dialog")).to_contain_text("Kept quiet")
    expect(page.locator("#alert-title")).to_have_text("Alert unmuted")
    expect(page.locator("#unread")).to_have_text(str(unread + 1))
    wait_until(lambda: isolated("Kept quiet") in page.locator("#alert-said").inner_text(), what="the words")
