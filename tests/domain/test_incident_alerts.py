"""The alerts of one incident together: their order, their pages, and the one count."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from harness import square

from domain import incident_alerts, personal_mutes
from domain.incident_alerts import Chosen
from models import Alert, AreaOfInterest, Incident, User

ALL = Chosen()
HOUR = timedelta(hours=1)


@pytest.fixture
def reader(database: Path) -> User:
    assert database.exists()
    return User.create(name="ann", password_hash="")


def area(name: str = "Town", west: float = 0, severity: str = "IN") -> AreaOfInterest:
    return AreaOfInterest.create(name=name, severity=severity, polygon=square(west, 0, 10))


def incident(name: str, severity: str = "ME", longitude: float = 5) -> Incident:
    new = Incident(name=name, severity=severity)
    new.location = (longitude, 5)
    new.save()
    return new


def listed(user: User, chosen: Chosen = ALL, **place: Any) -> list[str]:
    part = incident_alerts.open_part(user, chosen, **place)
    return [row.first.incident_name for row in part.rows]


def acknowledge(*incidents: Incident) -> None:
    ids = [alert.id for alert in Alert.open() if alert.incident_id in {each.id for each in incidents}]
    Alert.acknowledge(ids)


def test_incident_in_several_areas_is_one_row_and_counts_once(reader: User) -> None:
    area("Town")
    area("Harbour")
    incident("Fire")
    (row,) = incident_alerts.open_part(reader, ALL).rows
    assert [alert.area_name for alert in row.alerts] == ["Town", "Harbour"]
    assert incident_alerts.unacknowledged(reader) == 1


def test_unacknowledged_come_first_then_the_worst_then_the_oldest(reader: User) -> None:
    area()
    taken = incident("taken", "UR")
    for name, severity in (("low", "LO"), ("older", "HI"), ("newer", "HI"), ("urgent", "UR")):
        incident(name, severity)
    acknowledge(taken)
    assert listed(reader) == ["urgent", "older", "newer", "low", "taken"]
    assert incident_alerts.unacknowledged(reader) == 4


def test_incident_counts_while_one_of_its_alerts_is_unacknowledged(reader: User) -> None:
    area("Town")
    area("Harbour")
    fire = incident("Fire")
    first, second = Alert.open()
    Alert.acknowledge([first.id])
    assert incident_alerts.unacknowledged(reader) == 1
    Alert.acknowledge([second.id])
    assert incident_alerts.unacknowledged(reader) == 0
    (row,) = incident_alerts.open_part(reader, ALL).rows
    assert (row.state, row.first.incident_id) == ("acknowledged", fire.id)


def test_muted_incident_comes_last_and_does_not_count(reader: User) -> None:
    quiet = area("Quiet")
    quiet.mute(datetime.now(UTC) + HOUR)
    area("Town", west=20)
    incident("muted", "HI")
    acknowledge(incident("taken", "LO", longitude=25))
    assert listed(reader) == ["taken", "muted"]
    assert listed(reader, Chosen(state="muted")) == ["muted"]
    assert incident_alerts.unacknowledged(reader) == 0


def test_personal_mute_changes_the_count_of_one_person_only(reader: User) -> None:
    """An urgent incident counts all the same."""
    town = area()
    incident("Fire", "HI")
    other = User.create(name="ed", password_hash="")
    personal_mutes.set_(reader.id, town.id, datetime.now(UTC) + HOUR)
    counts = [incident_alerts.unacknowledged(user) for user in (reader, other)]
    assert counts == [0, 1]
    assert (incident_alerts.open_part(reader, ALL).rows[0].state, listed(other, Chosen(state="open"))) == (
        "muted",
        ["Fire"],
    )
    incident("Blast", "UR")
    assert incident_alerts.unacknowledged(reader) == 1


def test_pages_by_key_show_each_row_once_in_both_directions(reader: User) -> None:
    """Rows that come or go meanwhile shift no others, as they would with offsets."""
    area()
    names = [f"{number:02}" for number in range(60)]
    for name in names:
        incident(name)
    first = incident_alerts.open_part(reader, ALL)
    assert (first.has_before, first.has_after, len(first.rows)) == (False, True, 25)
    acknowledge(Incident.get(Incident.name == "03"))  # leaves the first page
    second = incident_alerts.open_part(reader, ALL, after=first.rows[-1].key)
    third = incident_alerts.open_part(reader, ALL, after=second.rows[-1].key)
    shown = [row.first.incident_name for part in (first, second, third) for row in part.rows]
    assert shown == [*names, "03"]
    assert (third.has_before, third.has_after) == (True, False)
    back = incident_alerts.open_part(reader, ALL, before=third.rows[0].key)
    assert [row.key for row in back.rows] == [row.key for row in second.rows]
    assert (back.has_before, back.has_after) == (True, True)
    start = incident_alerts.open_part(reader, ALL, before=back.rows[0].key)
    assert [row.first.incident_name for row in start.rows] == [name for name in names if name != "03"][:25]
    assert not start.has_before


def test_past_alerts_are_listed_by_their_end(reader: User) -> None:
    town, harbour = area("Town"), area("Harbour")
    fires = [incident(f"{number}") for number in range(3)]
    for fire in fires:
        fire.closed = True
        fire.save()
    part = incident_alerts.past_part(ALL)
    assert [row.first.incident_name for row in part.rows] == ["2", "1", "0"]
    assert [len(row.alerts) for row in part.rows] == [2, 2, 2]
    part = incident_alerts.past_part(Chosen(area=town.id), after=part.rows[0].key)
    assert [row.first.incident_name for row in part.rows] == ["1", "0"]
    assert incident_alerts.past_part(Chosen(area=harbour.id + 1)).rows == []


def test_list_is_filtered_by_area_and_severity(reader: User) -> None:
    """A row has all areas of its incident, so that all are acknowledged at once."""
    town = area("Town")
    area("Harbour", west=5)
    incident("both", "HI", longitude=7)
    incident("harbour", "HI", longitude=12)
    incident("low", "LO", longitude=7)
    chosen = Chosen(area=town.id, severity="HI")
    (row,) = incident_alerts.open_part(reader, chosen).rows
    assert [alert.area_name for alert in row.alerts] == ["Town", "Harbour"]
    assert incident_alerts.count_open(reader, chosen) == 1


@pytest.mark.parametrize("text", ["", "1", "a~b~c~d", "0~0~x", f"0~0~x~{1 << 64}", "0~0~x~1~2"])
def test_key_that_no_page_has_is_none(text: str) -> None:
    assert incident_alerts.parse_key(text, int, int, str, int) is None


def test_key_goes_through_an_address() -> None:
    key = (0, -4, "2026-01-02T03:04:05.678901Z", 7)
    assert incident_alerts.parse_key(incident_alerts.key_text(key), int, int, str, int) == key
