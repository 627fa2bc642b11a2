"""Alerts as episodes: a model of their life, their messages, acknowledgements, mutes, unread counts."""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import peewee
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from random_data import examples
from replay import Replay, problems_of

import models
from base.errors import Invalid
from base.severity import Severity
from domain import alerts, incident_alerts
from models import Alert, AreaOfInterest, Incident, Notification, User

SQUARES = {  # west and east edge of squares ten degrees high; the second overlaps the first
    "left": (0, 10),
    "middle": (5, 15),
    "right": (20, 30),
}
PLACES = (2, 7, 12, 25, 50)  # longitudes, each in other squares
CODES = [severity.value for severity in Severity]
CLOSED = st.sampled_from([False, False, False, True])  # mostly open, since nothing else alerts


def square(west: float, east: float) -> dict[str, Any]:
    return {
        "type": "Polygon",
        "coordinates": [[[west, 0], [east, 0], [east, 10], [west, 10], [west, 0]]],
    }


def incident(longitude: float = 5, severity: str = "ME", **more: Any) -> Incident:
    new = Incident(name="Fire", severity=severity, **more)
    new.location = (longitude, 5)
    new.save()
    return new


def area(west: float = 0, east: float = 10, severity: str = "ME") -> AreaOfInterest:
    return AreaOfInterest.create(name="Town", severity=severity, polygon=square(west, east))


def messages(after: int = 0) -> list[dict[str, Any]]:
    return [json.loads(text) for _, text in Notification.after(after, 1 << 30)]


def told(type_: str) -> list[dict[str, Any]]:
    return [message for message in messages() if message["type"] == type_]


@pytest.fixture(autouse=True)
def _database(tmp_path: Path) -> Iterator[None]:
    models.open_database(tmp_path / "alerts.db")
    token = models.actor.set("ann")
    yield
    models.actor.reset(token)
    models.database.close()


def test_alert_is_raised_once_and_then_updated() -> None:
    """A second save of an incident in an area updates its alert instead of raising another."""
    here = area()
    fire = incident()
    fire.save()
    assert [message["reason"] for message in told("alert")] == ["raised", "updated"]
    (alert,) = Alert.select()
    entry = {"id": here.feature_id, "name": "Town", "severity": "Medium", "url": here.url}
    assert told("alert")[0]["areas_of_interest"] == [
        entry | {"alert": alert.id, "reason": "raised", "muted": False, "raised": alert.raised}
    ]


def test_escalation_opens_an_acknowledged_alert_again() -> None:
    """When the severity rises, the acknowledgement is removed."""
    area()
    fire = incident()
    Alert.acknowledge([1], "on my way")
    fire.severity = "UR"
    fire.save()
    (alert,) = Alert.select()
    assert (alert.acknowledged, alert.note, alert.severity) == (None, "", "UR")
    assert told("alert")[-1]["reason"] == "escalated"


def test_each_area_has_its_own_reason() -> None:
    """A higher severity reaches a second area: the alert there is raised, and the first one escalates."""
    area(severity="LO")
    area(severity="HI")
    fire = incident(severity="ME")
    fire.severity = "UR"
    fire.save()
    last = told("alert")[-1]
    assert last["reason"] == "raised"
    assert [entry["reason"] for entry in last["areas_of_interest"]] == ["escalated", "raised"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"closed": True}, "incident closed"),
        ({"location": (50, 5)}, "incident moved or less severe"),
        ({"severity": "LO"}, "incident moved or less severe"),
    ],
)
def test_alert_ends_when_the_incident_no_longer_matches(change: dict[str, Any], reason: str) -> None:
    """Closing, moving out and dropping below the area's severity end the alert, with a message."""
    area()
    fire = incident()
    for name, value in change.items():
        setattr(fire, name, value)
    fire.save()
    (alert,) = Alert.select()
    assert alert.cleared
    assert alert.cleared_reason == reason
    (cleared,) = told("alert_cleared")
    assert cleared["reason"] == reason
    assert cleared["alerts"] == [{"id": 1, "incident": "Incident:1", "area": "AreaOfInterest:1"}]


def test_alert_ends_with_its_incident_or_area() -> None:
    """Deleting the incident or the area ends the alert. Its row stays and keeps both names."""
    first, second = area(), area()
    fire = incident()
    first.delete_instance()
    assert [alert.cleared_reason for alert in Alert.select()] == ["area deleted", None]
    fire.delete_instance()
    assert [alert.cleared_reason for alert in Alert.select()] == ["area deleted", "incident deleted"]
    assert {(alert.incident_name, alert.area_name) for alert in Alert.select()} == {("Fire", second.name)}


def test_alert_ends_when_its_area_is_changed() -> None:
    """An alert ends when its area no longer covers the incident, or asks for a higher severity."""
    here = area()
    incident(5)
    incident(8)
    here.assign({"polygon": square(0, 6)})
    here.save()
    assert [alert.cleared_reason for alert in Alert.select()] == [None, "area changed"]
    here.severity = "UR"
    here.save()
    assert not Alert.open().exists()


def test_renaming_or_muting_an_area_checks_no_alerts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a new outline or severity checks the area's open alerts, because that may take long."""
    here = area()
    incident()
    looks: list[AreaOfInterest] = []
    monkeypatch.setattr(Alert, "clear_outside", looks.append)
    here.name = "Another name"
    here.save()
    here.mute(datetime.now(UTC) + timedelta(hours=1))
    assert not looks
    here.severity = "UR"
    here.save()
    assert looks == [here]


def test_new_area_raises_no_alert_for_earlier_incidents() -> None:
    """A new area over open incidents raises no alerts. Its page lists them instead."""
    fire = incident()
    here = area()
    assert not told("alert")
    assert not Alert.select().exists()
    assert [place.id for places in here.inside() for place in places] == [fire.id]


def test_database_refuses_a_second_open_alert_of_the_same_pair() -> None:
    """The unique index refuses a second open alert for one incident and area, whatever the code does."""
    area()
    incident()
    with pytest.raises(peewee.IntegrityError):
        Alert.create(incident_id=1, incident_name="x", area_id=1, area_name="x", severity="ME")


def test_first_to_acknowledge_stays_named() -> None:
    """When two people acknowledge, the first stays named, and clients are sent one message."""
    area()
    incident()
    Alert.acknowledge([1], "on my way")
    models.actor.set("bob")
    (alert,) = Alert.acknowledge([1], "me too")
    assert (alert.acknowledged_by, alert.note) == ("ann", "on my way")
    (said,) = told("alert_acknowledged")
    assert (said["by"], said["note"], said["at"]) == ("ann", "on my way", alert.acknowledged)


def test_alert_is_acknowledged_only_if_its_message_was_seen() -> None:
    area()
    incident()
    raised = Alert.get().raised_seq
    (unseen,) = Alert.acknowledge([1], seen=raised - 1)
    assert unseen.acknowledged is None
    (seen,) = Alert.acknowledge([1], seen=raised)
    assert seen.acknowledged is not None


def test_note_that_cannot_be_stored_is_refused() -> None:
    """A note of more than 1,000 characters acknowledges nothing."""
    area()
    incident()
    with pytest.raises(Invalid):
        Alert.acknowledge([1], "x" * 1001)
    assert not told("alert_acknowledged")


def test_muted_area_records_and_an_urgent_incident_breaks_through() -> None:
    """While an area is muted its alerts are marked as muted, except urgent ones. Later alerts are not."""
    here = area()
    here.mute(datetime.now(UTC) + timedelta(hours=1))
    assert here.muted_by == "ann"
    assert here.feature()["properties"]["muted_until"] == here.muted_until
    quiet, loud = incident(), incident(severity="UR")
    assert [message["areas_of_interest"][0]["muted"] for message in told("alert")] == [True, False]
    quiet.severity = "UR"
    quiet.save()
    assert told("alert")[-1]["areas_of_interest"][0] == (
        here.summary.as_json() | {"alert": 1, "reason": "escalated", "muted": False, "raised": quiet.created}
    )
    assert loud.id != quiet.id
    here.mute(None)
    assert "muted_until" not in here.feature()["properties"]
    incident()
    assert told("alert")[-1]["areas_of_interest"][0]["muted"] is False


@pytest.mark.parametrize("muted", [True, False])
def test_update_keeps_the_mute_of_an_alert(muted: bool) -> None:  # noqa: FBT001
    """Muting an area later mutes an alert only when it escalates.

    The end of a mute announces its muted alerts.
    """
    here = area()
    soon = datetime.now(UTC) + timedelta(hours=1)
    here.mute(soon if muted else None)
    fire = incident()
    here.mute(None if muted else soon)
    muted = False
    for name, value in (("name", "Blaze"), ("severity", "HI"), ("severity", "ME")):
        escalates = value == "HI"
        setattr(fire, name, value)
        fire.save()
        expected = here.is_muted if escalates else muted
        assert told("alert")[-1]["areas_of_interest"][0]["muted"] is expected, (name, value)
        assert Alert.get().muted is expected
        muted = expected


def test_urgent_alert_that_calms_down_stays_unmuted() -> None:
    """An urgent alert in a muted area stays unmuted when an update makes it less severe."""
    area().mute(datetime.now(UTC) + timedelta(hours=1))
    fire = incident(severity="UR")
    fire.severity = "HI"
    fire.save()
    assert [message["reason"] for message in told("alert")] == ["raised", "updated"]
    assert [message["areas_of_interest"][0]["muted"] for message in told("alert")] == [False, False]
    assert Alert.get().muted is False


def test_unread_counts_what_interrupted_since_the_person_read() -> None:
    """Raised and escalated alerts count until read, updated and muted ones never."""
    reader = User.create(name="ann", password_hash="")
    here = area()
    fire = incident()
    fire.save()
    assert incident_alerts.unread(reader) == 1
    reader.read_up_to(Notification.bounds()[1])
    assert incident_alerts.unread(reader) == 0
    fire.severity = "HI"
    fire.save()
    assert incident_alerts.unread(reader) == 1
    here.mute(datetime.now(UTC) + timedelta(hours=1))
    incident()
    assert incident_alerts.unread(reader) == 1
    reader.read_up_to(0)
    assert User.get().read_seq > 0


def test_unread_counts_no_further_than_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every page asks, and nobody reads a thousand of them."""
    monkeypatch.setattr(incident_alerts, "MAX_UNREAD", 3)
    reader = User.create(name="ann", password_hash="")
    area()
    for count in (1, 2, 3, 3):
        incident()
        assert incident_alerts.unread(reader) == count


def test_new_account_has_no_unread_alerts() -> None:
    """For a new account only alerts raised from then on are unread."""
    area()
    incident()
    reader = User.create(name="bob", password_hash="")
    assert incident_alerts.unread(reader) == 0
    incident()
    assert incident_alerts.unread(reader) == 1


def test_rolled_back_area_is_forgotten_by_the_index() -> None:
    """An area whose transaction failed matches nothing, even though it was in the index."""
    area(20, 30)
    incident(25)
    with models.database.atomic() as transaction:
        area()
        incident(5)
        transaction.rollback()
    area(40, 50)
    before = Notification.bounds()[1]
    incident(5)
    incident(45)
    assert [message["type"] for message in messages(before)] == ["post_save", "post_save", "alert"]


def test_alert_is_shown_with_its_state() -> None:
    """Open, then acknowledged, then past; an end outweighs an acknowledgement."""
    place, fire = area(severity="LO"), incident(severity="UR")
    (alert,) = Alert.open()
    head = Notification.bounds()[1]
    shown = {
        "id": alert.id,
        "incident": f"Incident:{fire.id}",
        "area": f"AreaOfInterest:{place.id}",
        "raised": fire.updated,
        "raised_seq": head,
        "muted": False,
        "acknowledged": None,
        "acknowledged_by": None,
        "acknowledged_seq": 0,
        "note": "",
        "cleared": None,
        "cleared_reason": None,
        "incident_name": "Fire",
        "area_name": "Town",
        "severity": "Urgent",
        "state": "open",
    }
    assert alert.as_json() == shown
    (taken,) = Alert.acknowledge([alert.id], "mine", seen=head)
    assert taken.acknowledged
    shown |= {"acknowledged": taken.acknowledged, "acknowledged_by": "ann", "note": "mine"}
    shown |= {"acknowledged_seq": head + 1}
    assert taken.as_json() == shown | {"state": "acknowledged"}
    fire.delete_instance()
    past = Alert.get()
    assert past.cleared
    assert past.as_json() == shown | {
        "state": "past",
        "cleared": past.cleared,
        "cleared_reason": "incident deleted",
    }


@pytest.mark.parametrize(("count", "more"), [(0, False), (1, False), (2, True), (3, True)])
def test_end_of_a_mute_announces_some_alerts_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
    count: int,
    more: bool,  # noqa: FBT001
) -> None:
    """The oldest first; the caller goes on until there are no more."""
    monkeypatch.setattr(alerts, "MAX_UNMUTED", 2)
    other, here = area(20, 30), area()
    for place in (other, here):
        place.mute(datetime.now(UTC) + timedelta(hours=1))
    incident(25)
    fires = [incident() for _ in range(count)]
    AreaOfInterest.update(muted_until=None).execute()
    head = Notification.bounds()[1]

    def features(ids: list[int]) -> dict[int, str]:
        return {id_: json.dumps({"number": id_}) for id_ in ids}

    place = AreaOfInterest.get_by_id(here.id).summary
    assert Alert.unmute(place, features) == more
    while Alert.unmute(place, features):
        pass
    announced = messages(head)
    assert [message["feature"]["number"] for message in announced] == [fire.id for fire in fires]
    assert all(message["reason"] == "unmuted" for message in announced)
    rows = list(Alert.select().where(Alert.area_id == here.id).order_by(Alert.id))
    assert [(row.muted, row.raised_seq) for row in rows] == [(False, message["seq"]) for message in announced]
    assert Alert.get(Alert.area_id == other.id).muted


def test_acknowledgement_is_one_message_and_gives_the_alerts_in_order() -> None:
    """All that were asked for, as they are now; nothing fresh, no message."""
    area()
    incident()
    area(0, 9)
    incident()
    ids = [alert.id for alert in Alert.select()]
    assert len(ids) == 3
    assert [alert.id for alert in Alert.acknowledge([ids[2], ids[0]], "mine")] == [ids[0], ids[2]]
    (message,) = told("alert_acknowledged")
    assert message["note"] == "mine"
    assert message["by"] == "ann"
    assert {alert["id"] for alert in message["alerts"]} == {ids[0], ids[2]}
    assert message["at"] == Alert.get_by_id(ids[0]).acknowledged
    assert [alert.note for alert in Alert.acknowledge(ids[:1], "again")] == ["mine"]
    assert len(told("alert_acknowledged")) == 1
    models.actor.set(None)
    assert [alert.acknowledged_by for alert in Alert.acknowledge([ids[1]])] == [""]


class Episodes(RuleBasedStateMachine):
    """Incidents and areas change in any order, and the alerts equal those of a model in Python."""

    @initialize()
    def start(self) -> None:
        for table in (Alert, Incident, AreaOfInterest, Notification):
            table.delete().execute()
        self.head = Notification.bounds()[1]
        self.incidents: dict[int, Incident] = {}
        self.areas: dict[int, AreaOfInterest] = {}
        self.expected: dict[tuple[int, int], str] = {}  # open alerts: severity of the last save
        self.taken: dict[tuple[int, int], str] = {}  # those that somebody has acknowledged: the note
        self.draw_area("left", "IN")
        self.draw_area("middle", "LO")
        self.report(7, "LO", closed=False)

    def _covers(self, place: AreaOfInterest, fire: Incident) -> bool:
        west, east = place.polygon["coordinates"][0][0][0], place.polygon["coordinates"][0][1][0]
        severe = Severity(fire.severity).level >= Severity(place.severity).level
        return bool(west <= fire.longitude <= east and severe and not fire.closed)

    def _saved(self, fire: Incident, before: int) -> None:
        """Check the messages of the incident's save, which follow the entry `before`."""
        reasons = {}
        for id_, place in self.areas.items():
            pair = fire.id, id_
            if self._covers(place, fire):
                reasons[id_] = self._reason(self.expected.get(pair), fire.severity)
                self.expected[pair] = fire.severity
                if reasons[id_] == "escalated":
                    self.taken.pop(pair, None)
            else:
                self._ends(pair)
        alerts = [message for message in messages(before) if message["type"] == "alert"]
        ranked = [reason for reason in ("raised", "escalated", "updated") if reason in reasons.values()]
        assert [alert["reason"] for alert in alerts] == ranked[:1]
        for alert in alerts:
            entries = alert["areas_of_interest"]
            assert {entry["url"]: entry["reason"] for entry in entries} == {
                self.areas[id_].url: reason for id_, reason in reasons.items()
            }

    def _reason(self, before: str | None, severity: str) -> str:
        if before is None:
            return "raised"
        return "escalated" if Severity(severity).level > Severity(before).level else "updated"

    def _ends(self, pair: tuple[int, int]) -> None:
        self.expected.pop(pair, None)
        self.taken.pop(pair, None)

    @rule(longitude=st.sampled_from(PLACES), severity=st.sampled_from(CODES), closed=CLOSED)
    def report(self, longitude: int, severity: str, closed: bool) -> None:  # noqa: FBT001
        before = Notification.bounds()[1]
        fire = incident(longitude, severity, closed=closed)
        self.incidents[fire.id] = fire
        self._saved(fire, before)

    @rule(data=st.data(), where=st.sampled_from(PLACES), severity=st.sampled_from(CODES), closed=CLOSED)
    def change(self, data: st.DataObject, where: int, severity: str, closed: bool) -> None:  # noqa: FBT001
        if self.incidents:
            before = Notification.bounds()[1]
            fire = self.incidents[data.draw(st.sampled_from(sorted(self.incidents)))]
            fire.location, fire.severity, fire.closed = (where, 5), severity, closed
            fire.save()
            self._saved(fire, before)

    @precondition(lambda self: self.expected)
    @rule(data=st.data(), severity=st.sampled_from(CODES))
    def change_severity_of_an_alerting_one(self, data: st.DataObject, severity: str) -> None:
        before = Notification.bounds()[1]
        fire = self.incidents[data.draw(st.sampled_from(sorted(self.expected)))[0]]
        fire.severity = severity
        fire.save()
        self._saved(fire, before)

    @precondition(lambda self: Alert.select().exists())
    @rule(data=st.data(), note=st.sampled_from(["", "mine", "on my way"]))
    def acknowledge(self, data: st.DataObject, note: str) -> None:
        """Acknowledge any alerts, also past and acknowledged ones. Only the open ones are acknowledged."""
        ids = data.draw(st.sets(st.sampled_from([alert.id for alert in Alert.select()]), min_size=1))
        pairs = {(alert.incident_id, alert.area_id): alert.id for alert in Alert.open()}
        fresh = {pair: pairs[pair] for pair in self.expected.keys() - self.taken if pairs[pair] in ids}
        before = Notification.bounds()[1]
        Alert.acknowledge(sorted(ids), note)
        self.taken |= dict.fromkeys(fresh, note)
        told = [{alert["id"] for alert in message["alerts"]} for message in messages(before)]
        assert told == ([set(fresh.values())] if fresh else [])

    @rule(data=st.data())
    def delete_incident(self, data: st.DataObject) -> None:
        if self.incidents:
            id_ = data.draw(st.sampled_from(sorted(self.incidents)))
            self.incidents.pop(id_).delete_instance()
            for pair in [pair for pair in self.expected if pair[0] == id_]:
                self._ends(pair)

    @rule(name=st.sampled_from(sorted(SQUARES)), severity=st.sampled_from(CODES))
    def draw_area(self, name: str, severity: str) -> None:
        place = area(*SQUARES[name], severity)
        self.areas[place.id] = place

    @rule(data=st.data(), name=st.sampled_from(sorted(SQUARES)), severity=st.sampled_from(CODES))
    def change_area(self, data: st.DataObject, name: str, severity: str) -> None:
        if self.areas:
            place = self.areas[data.draw(st.sampled_from(sorted(self.areas)))]
            place.assign({"polygon": square(*SQUARES[name]), "severity": severity})
            place.save()
            for pair in [pair for pair in self.expected if pair[1] == place.id]:
                if not self._covers(place, self.incidents[pair[0]]):
                    self._ends(pair)

    @rule(data=st.data())
    def delete_area(self, data: st.DataObject) -> None:
        if self.areas:
            id_ = data.draw(st.sampled_from(sorted(self.areas)))
            self.areas.pop(id_).delete_instance()
            for pair in [pair for pair in self.expected if pair[1] == id_]:
                self._ends(pair)

    def teardown(self) -> None:
        assert problems_of(Path(models.database.database)) == []

    @invariant()
    def open_alerts_are_the_expected_ones(self) -> None:
        found = {(alert.incident_id, alert.area_id): alert for alert in Alert.open()}
        assert {pair: alert.severity for pair, alert in found.items()} == self.expected
        taken = {pair: alert for pair, alert in found.items() if alert.acknowledged}
        assert {pair: alert.note for pair, alert in taken.items()} == self.taken
        assert all((alert.acknowledged_by == "ann") == (pair in taken) for pair, alert in found.items())

    @invariant()
    def replay_of_the_log_has_the_same_alerts(self) -> None:
        """A client that replays the messages has exactly the open alerts, with their acknowledgements."""
        reader = Replay(self.head)
        for message in messages(self.head):
            reader.take(message)
        open_ = {alert.id: alert for alert in Alert.open()}
        assert reader.alerts == {
            id_: (f"Incident:{alert.incident_id}", f"AreaOfInterest:{alert.area_id}")
            for id_, alert in open_.items()
        }
        taken = {id_: alert for id_, alert in open_.items() if alert.acknowledged is not None}
        assert reader.taken == {id_: ("ann", alert.note) for id_, alert in taken.items()}
        things = [*self.incidents.values(), *self.areas.values()]
        assert set(reader.features) == {thing.feature_id for thing in things}


TestEpisodes = pytest.mark.slow(Episodes.TestCase)
TestEpisodes.settings = settings(max_examples=examples(40), stateful_step_count=25)


def test_area_with_many_alerts_is_saved_quickly(database: Path) -> None:
    """The work for each open alert is small, because nobody else can save meanwhile."""
    assert database.exists()
    area = AreaOfInterest()
    area.assign({"name": "Harbour", "polygon": square(0, 10), "severity": "Low"})
    area.save()
    count = 1000
    with models.database.atomic():
        for _ in range(count):
            incident()
    area = AreaOfInterest.find(area.id)
    calls = 0

    def profile(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    def save(**values: object) -> float:
        """Return how many functions are called for each alert."""
        nonlocal calls
        calls = 0
        area.assign(values)
        sys.setprofile(profile)
        try:
            area.save()
        finally:
            sys.setprofile(None)
        return calls / count

    assert save(name="Old harbour") < 10
    assert Alert.open().count() == count
    assert save(polygon=square(50, 60)) < 10
    assert Alert.open().count() == 0
