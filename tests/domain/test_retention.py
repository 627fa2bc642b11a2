"""What is older than its period is deleted, and nothing else: whatever the clock says, and whoever reads."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from harness import square
from in_process import Browser

import models
from base import times
from base.times import timestamp
from domain import accounts, readers, retention, versions
from domain.retention import KINDS, Periods
from models import Alert, AreaOfInterest, Incident, Notification, SignIn
from realtime.client import Client
from web.state import state_of

TODAY = datetime(2030, 6, 1, tzinfo=UTC)
LOG = KINDS[-1]
MONTH = Periods(log=30)


@pytest.fixture(autouse=True)
def _time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin today; no reader of another test is left."""
    Clock(monkeypatch)
    monkeypatch.setattr(readers, "here", [])


class Clock:
    """The clock of the program, which the test sets."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = TODAY
        patch.setattr(times, "clock", lambda: self.now)

    def set(self, days: float) -> None:
        """Set the clock to so many days from today."""
        self.now = TODAY + timedelta(days=days)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def save(name: str = "Fire", **values: Any) -> Incident:
    return Incident.create(name=name, longitude=5, latitude=5, **values)


def save_at(clock: Clock, *days: float) -> None:
    """Save an incident at each of these times, in days from today."""
    for day in days:
        clock.set(day)
        save(f"Day {day}")
    clock.set(0)


def prune(periods: Periods = MONTH, most: float = 10**9) -> dict[str, int]:
    """Prune what is old; return how many rows of each kind, if any."""
    counts = {}
    for kind in KINDS:
        cutoff = retention.cutoff_of(kind, periods)
        if cutoff and (count := retention.prune(kind, cutoff, most)):
            counts[kind.name] = count
    return counts


def seqs() -> list[int]:
    return [entry.seq for entry in Notification.select(Notification.seq).order_by(Notification.seq)]


def test_old_entries_go_and_the_newest_stays(database: Path, clock: Clock) -> None:
    """By their age; if all are old, the newest stays as the head of the log."""
    assert database.exists()
    save_at(clock, -90, -60, -31, -29, -1, 0)
    assert prune() == {"log entries": 3}
    assert seqs() == [4, 5, 6]
    clock.set(1)
    assert prune(Periods(log=1)) == {"log entries": 2}
    assert prune(Periods(log=1)) == {}
    assert seqs() == [6]


def test_nothing_is_deleted_without_a_period(database: Path, clock: Clock) -> None:
    """The default keeps all for ever."""
    assert database.exists()
    save_at(clock, -9000, 0)
    assert retention.prune_an_hour(Periods()) == {}
    assert seqs() == [1, 2]


def test_mark_of_the_last_pruned_entry_stays(database: Path, clock: Clock) -> None:
    """A reader that has just read it has missed nothing."""
    assert database.exists()
    save_at(clock, -60, -50, 0)
    marks = [entry.mark for entry in Notification.select().order_by(Notification.seq)]
    prune()
    assert Notification.bounds() == (2, 3)
    assert [Notification.mark_at(seq) for seq in (1, 2, 3)] == ["", *marks[1:]]


def test_reader_at_the_start_of_the_pruned_log_goes_on(app: Flask, clock: Clock) -> None:
    """With the mark of an entry that was pruned; whoever needs a pruned entry loads everything anew."""
    clock.set(-60)
    first, last = save("First"), save("Last")
    places = {entry.seq: entry.mark for entry in Notification.select()}
    clock.set(0)
    save("New")
    prune()
    browser = Browser(app)
    browser.sign_in()
    epoch = models.Setting.get_by_id("epoch").value

    def ask(seq: int, mark: str) -> list[dict[str, Any]]:
        query = {"since": seq, "mark": mark, "epoch": epoch}
        answer = browser.get("/api/notifications", query_string=query)
        return [json.loads(line) for line in answer.text.splitlines()]

    assert (first.id, last.id) == (1, 2)
    hello, entry = ask(2, places[2])
    assert (hello["recovered"], entry["feature"]["properties"]["name"]) == (True, "New")
    assert ask(2, "another")[0]["went_back"] is True
    assert ask(1, places[1])[0]["recovered"] is False


# What somebody still needs


def test_open_alert_that_somebody_has_not_read_keeps_its_entries(database: Path, clock: Clock) -> None:
    """From the save that raised it on, until it is read by all or has ended."""
    assert database.exists()
    clock.set(-90)
    reader = accounts.create("reader", "viewer", "a password of nobody")
    save("Before")
    AreaOfInterest.create(name="Town", severity="UR", polygon=square(0, 0, 10))
    save("Alerting", severity="UR")
    save_at(clock, -60, 0)
    alert = Alert.get()
    assert alert.raised_seq == 4
    assert prune() == {"log entries": 2}
    assert seqs()[0] == 3
    assert "alert 1" in retention.log_floor().why
    reader.read_up_to(alert.raised_seq)
    assert prune() == {"log entries": 3}


@pytest.mark.parametrize("how", ["ended", "account deactivated"])
def test_alert_that_nobody_waits_for_keeps_nothing(database: Path, clock: Clock, how: str) -> None:
    """An alert that has ended, or that only a deactivated account has not read."""
    assert database.exists()
    clock.set(-90)
    reader = accounts.create("reader", "viewer", "a password of nobody")
    accounts.create("root", "admin", "a password of nobody").read_up_to(99)
    AreaOfInterest.create(name="Town", polygon=square(0, 0, 10))
    incident = save("Alerting", severity="UR")
    if how == "ended":
        incident.closed = True
        incident.save()
    else:
        accounts.set_active(reader, active=False)
    save_at(clock, 0)
    assert prune()["log entries"] >= 3


def test_slow_reader_keeps_what_it_has_not_got(app: Flask, clock: Clock) -> None:
    """A client of this server that replays old entries gets all of them."""
    save_at(clock, -90, -60, -50, -40, 0)
    group = state_of(app).group
    client = Client(None, 2)
    group.clients.add(client)
    readers.here.append(group.lowest_cursor)
    assert prune() == {"log entries": 2}
    assert "still reading" in retention.log_floor().why
    client.cursor = 3
    assert prune() == {"log entries": 1}
    client.closing = True
    assert prune() == {"log entries": 1}


def test_reader_of_another_server_keeps_what_it_has_not_got(
    database: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server says in the file where its readers are; when it is gone, that counts for minutes only."""
    assert database.exists()
    save_at(clock, -90, -60, -50, 0)
    with monkeypatch.context() as patch:
        patch.setattr(readers, "process", "another")
        patch.setattr(readers, "here", [lambda: 1])
        readers.publish()
    assert prune() == {"log entries": 1}
    clock.set(0.01)
    assert prune() == {"log entries": 2}


def test_server_without_late_readers_writes_nothing(database: Path, clock: Clock) -> None:
    """Only readers that are far behind are written down, and taken back when they have caught up."""
    assert database.exists()
    save_at(clock, -90, 0)
    cursor = 1
    readers.here.append(lambda: cursor)
    before = models.database.connection().total_changes
    readers.publish()
    assert models.database.connection().total_changes == before
    cursor = 0
    readers.publish()
    assert readers.Reader.select().count() == 1
    cursor = 2
    readers.publish()
    assert readers.Reader.select().count() == 0


# A wrong clock


def test_clock_that_runs_ahead_deletes_nothing_before_it_saves(database: Path, clock: Clock) -> None:
    """Ages are measured at most a day after the newest entry, so years ahead are not believed."""
    assert database.exists()
    save_at(clock, -20, -10, 0)
    clock.set(3650)
    assert prune() == {}


def test_clock_that_runs_ahead_and_saves_costs_little(database: Path, clock: Clock) -> None:
    """A server deletes a share of the log in an hour: of 1,000 entries 5, and not all."""
    assert database.exists()
    with models.database.atomic():
        for _ in range(999):
            save()
    clock.set(3650)
    save("By the wrong clock")
    assert retention.prune_an_hour(MONTH) == {"log entries": 5}


@pytest.mark.parametrize("days", [1, 7, 30, 365])
def test_share_is_enough_for_what_becomes_old(
    database: Path, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    """In a day a server may delete more than a day's part of what it keeps."""
    assert database.exists()
    monkeypatch.setattr(retention.LogKind, "total", 24_000 * (days + 1))
    assert retention.in_an_hour(LOG, Periods(log=days)) >= 1000


def test_entry_from_the_future_does_not_stop_the_pruning(database: Path, clock: Clock) -> None:
    """An entry of a clock that was ahead is as old as the next one; the newest ones stay."""
    assert database.exists()
    save_at(clock, -90, 3650, 3651, -60, -1, 3652)
    assert prune() == {"log entries": 4}
    assert seqs() == [5, 6]


def test_clock_that_was_set_back_deletes_nothing(database: Path, clock: Clock) -> None:
    """Then everything seems new."""
    assert database.exists()
    save_at(clock, -40, 0)
    clock.set(-3650)
    assert prune() == {}


# Portions


def test_transactions_are_small(database: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most PORTION entries, of about PORTION_BYTES, so that no save waits for long."""
    assert database.exists()
    clock.set(-60)
    with models.database.atomic():
        for number in range(450):
            save(description="long " * (190 if number > 400 else 1))
    clock.set(0)
    save()
    deleted: list[int] = []
    original = retention.LogKind.delete

    def delete(self: retention.LogKind, ids: list[int], cutoff: str) -> int:
        deleted.append(original(self, ids, cutoff))
        return deleted[-1]

    monkeypatch.setattr(retention.LogKind, "delete", delete)
    monkeypatch.setattr(retention, "PORTION_BYTES", 20_000)
    prune()
    assert sum(deleted) == 450
    assert len(deleted) > 6
    assert max(deleted) <= retention.PORTION
    assert min(deleted[:-1]) >= 10


# What reads the log


def change(incident: Incident, who: str, **values: Any) -> None:
    token = models.actor.set(who)
    for name, value in values.items():
        setattr(incident, name, value)
    incident.save()
    models.actor.reset(token)


def test_change_of_a_pruned_version_overwrites_nothing(database: Path, clock: Clock) -> None:
    """It conflicts in every field that it sets to another value, and nobody is named for what is unknown."""
    assert database.exists()
    clock.set(-60)
    incident = save("First")
    seen = incident.version
    change(incident, "Ada", name="Second")
    clock.set(0)
    change(incident, "Bob", description="new")
    assert prune() == {"log entries": 2}
    with pytest.raises(versions.Conflict) as raised:
        versions.merge(incident, {"name": "Third", "description": "mine", "severity": "ME"}, seen)
    clashes = {clash.field: clash.by for clash in raised.value.clashes}
    assert clashes == {"name": None, "description": None}
    with pytest.raises(versions.Stale):
        versions.ensure_current(incident, seen)
    assert versions.merge(incident, {"name": "Third"}, incident.version) == {"name": "Third"}


def test_areas_in_memory_survive_the_pruning(database: Path, clock: Clock) -> None:
    """Their cursor may be an entry that was pruned."""
    assert database.exists()
    clock.set(-60)
    AreaOfInterest.create(name="Town", polygon=square(0, 0, 10))
    models.areas.refresh()
    clock.set(0)
    models.database.execute_sql(
        "INSERT INTO notification (model, object_id, created, message) "
        "VALUES ('Incident', 9, ?, '{\"type\":\"x\"}')",
        (timestamp(TODAY),),
    )
    assert prune() == {"log entries": 1}
    assert [area.name for area in models.areas.covering(save(severity="UR"))] == ["Town"]


# Other kinds


def test_each_kind_has_its_own_period(database: Path, clock: Clock) -> None:
    """Closed incidents, unconfirmed reports, alerts that have ended, sign-ins of both lists."""
    assert database.exists()
    clock.set(-60)
    AreaOfInterest.create(name="Town", polygon=square(0, 0, 10))
    closed = save("Closed", severity="UR")
    change(closed, "Ada", closed=True)
    save("Open", severity="UR")
    save("Report", verified=False)
    save("Spam", verified=False, suspected_spam=True)
    SignIn.note("Ada", "192.0.2.1", "signed in")
    models.Refusal.note("Ada", "192.0.2.1", "refused")
    clock.set(0)
    save("New report", verified=False)
    change(save("Closed now"), "Ada", closed=True)
    SignIn.note("Ada", "192.0.2.1", "signed in")
    head = Notification.bounds()[1]
    assert prune(Periods(closed=30)) == {"closed incidents": 1}
    assert prune(Periods(unconfirmed=30)) == {"unconfirmed reports": 2}
    assert {incident.name for incident in Incident.select()} == {"Open", "New report", "Closed now"}
    told = [
        json.loads(entry.message)["type"] for entry in Notification.select().where(Notification.seq > head)
    ]
    assert told == ["post_delete", "post_delete", "alert_cleared", "post_delete"]
    clock.set(31)
    save()
    assert Alert.select().where(Alert.cleared.is_null()).count() == 3
    assert prune(Periods(alerts=30)) == {"past alerts": 3}
    assert prune(Periods(sign_ins=40)) == {"sign-ins": 1, "refused sign-ins": 1}
    assert Alert.select().count() == 3


def test_incident_that_is_opened_again_meanwhile_stays(database: Path, clock: Clock) -> None:
    """Whether a row is old is asked again in the transaction that deletes it."""
    assert database.exists()
    clock.set(-60)
    incident = save("Closed", closed=True)
    clock.set(0)
    change(incident, "Ada", closed=False)
    assert KINDS[0].delete([incident.id], timestamp(TODAY)) == 0
    assert Incident.select().count() == 1


def test_failed_export_deletes_nothing_of_its_portion(database: Path, clock: Clock) -> None:
    """What could not be written stays."""
    assert database.exists()
    save_at(clock, -60, -50, 0)

    def fail(_rows: list[dict[str, Any]]) -> None:
        raise OSError(28, os.strerror(28))

    cutoff = retention.cutoff_of(LOG, MONTH)
    assert cutoff
    with pytest.raises(OSError, match="No space"):
        retention.prune(LOG, cutoff, export=fail)
    assert seqs() == [1, 2, 3]
