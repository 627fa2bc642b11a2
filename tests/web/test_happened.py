"""The time of an incident beside the time of its report: in the API, in forms, in late reports."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import OpenScreen
from harness import Feature, Person, Server, api_path, incident, wait_until
from playwright.sync_api import expect

import models
from base import times
from base.errors import Invalid
from models import Incident

REPORT = "/tracker/incident/report/"
UPDATE = "/tracker/incident/update/{}/"
PLACE = {"location_lat": "1", "location_lon": "2"}
LONG_AGO = "2020-02-29T10:30:00.123456Z"


def moments(stored: Feature) -> tuple[datetime, datetime]:
    """Return when an incident happened, and when it was reported."""
    properties = stored["properties"]
    return datetime.fromisoformat(properties["happened"]), datetime.fromisoformat(properties["created"])


def report(visitor: Person, name: str, **fields: str) -> Any:
    """Send a report as the page's script does."""
    token = str(visitor.get(REPORT).select_one("meta[name=csrf-token]")["content"])  # type: ignore[index]
    typed = {"name": name, **PLACE, "csrf_token": token, **fields}
    return visitor.http.post(REPORT, data=typed, headers={"Accept": "application/json"})


# The API


def test_incident_without_a_time_happened_when_reported(person: Person) -> None:
    """A missing time is that of the report. A time with an offset is stored in UTC."""
    plain = person.save_incident("Plain")
    assert plain["properties"]["happened"] == plain["properties"]["created"]
    earlier = person.save_incident("Earlier", happened="2026-01-31T08:00:00+05:30")
    assert earlier["properties"]["happened"] == "2026-01-31T02:30:00.000000Z"
    assert person.named("Earlier") == [earlier]
    assert person.http.get(api_path(earlier)).json() == earlier
    changed = person.change(earlier, happened=LONG_AGO)
    assert changed["properties"]["happened"] == LONG_AGO
    assert changed["properties"]["created"] == earlier["properties"]["created"]
    reset = person.change(earlier, happened=None)
    assert reset["properties"]["happened"] == earlier["properties"]["created"]


@pytest.mark.parametrize(
    "bad", ["", "yesterday", "2026-01-31", "2026-01-31T08:00:00", 5, ["2026"], "9999-12-31T23:59:59-23:00"]
)
def test_time_without_an_offset_is_refused(person: Person, bad: object) -> None:
    """A time without an offset is ambiguous, so it is refused with the name of the field."""
    answer = person.api("POST", "/api/incidents/", incident("Bad", happened=bad))
    assert (answer.status_code, set(answer.json()["fields"])) == (422, {"happened"})


def test_time_in_the_future_is_refused_with_the_other_errors(person: Person) -> None:
    """A time in the future is refused; a clock that is slightly ahead is accepted."""
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    answer = person.api("POST", "/api/incidents/", incident("", happened=tomorrow))
    assert set(answer.json()["fields"]) == {"name", "happened"}
    assert "in the future" in answer.json()["fields"]["happened"]
    soon = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    assert person.api("POST", "/api/incidents/", incident("Soon", happened=soon)).status_code == 201


def test_incident_of_a_clock_that_was_ahead_can_be_changed(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An incident with a time in the future can be saved, but nobody can set such a time."""
    assert database.exists()
    new = Incident(name="Fire", happened=None)
    new.location = (1, 2)
    with monkeypatch.context() as ahead:
        later = datetime.now(UTC) + timedelta(days=2)
        ahead.setattr(times, "clock", lambda: later)
        new.save()
    found = Incident.find(new.id)
    found.assign({"name": "Blaze"})
    found.save()
    assert Incident.find(new.id).happened == models.timestamp(later)
    with pytest.raises(Invalid, match="in the future"):
        found.assign({"happened": models.timestamp(datetime.now(UTC) + timedelta(days=1))})


# The pages


def test_editor_corrects_the_time(person: Person) -> None:
    """The form shows the time and accepts another. An empty time is that of the report; pages show both."""
    stored = person.save_incident("To be corrected")
    path = UPDATE.format(stored["properties"]["pk"])
    assert person.get(path).value("happened") == stored["properties"]["happened"]
    person.submit(path, name="Corrected", happened=LONG_AGO)
    (corrected,) = person.named("Corrected")
    assert corrected["properties"]["happened"] == LONG_AGO
    page = person.get(stored["properties"]["url"])
    facts = {fact.dt.get_text(): fact.dd.get_text(strip=True) for fact in page.select(".facts div")}  # type: ignore[union-attr]
    assert facts["Happened"] == "2020-02-29 10:30 UTC"
    created = f"{stored['properties']['created'][:16].replace('T', ' ')} UTC"
    assert facts["Reported"].startswith(created)
    listed = person.get("/tracker/incident/").words
    assert "2020-02-29 10:30 UTC" in listed
    assert created in listed
    person.submit(path, happened="")
    assert person.named("Corrected")[0]["properties"]["happened"] == stored["properties"]["created"]


def test_wrong_time_comes_back_as_typed(person: Person) -> None:
    """An unreadable time is marked in the form, and nothing is stored."""
    stored = person.save_incident("Stays so")
    page = person.submit(UPDATE.format(stored["properties"]["pk"]), happened="half past ten")
    assert (page.status, page.wrong_fields(), page.value("happened")) == (422, {"happened"}, "half past ten")
    assert person.named("Stays so") == [stored]


def test_form_takes_local_time(person: Person, open_screen: OpenScreen) -> None:
    """In a browser the person chooses a local time. An unchanged time stays exact."""
    stored = person.save_incident("Local time", happened=LONG_AGO)
    page = open_screen(person, timezone_id="Asia/Kolkata").open(UPDATE.format(stored["properties"]["pk"]))
    field = page.get_by_label("Happened", exact=True)
    expect(field).to_have_value("2020-02-29T16:00")
    expect(page.get_by_text("UTC+05:30")).to_be_visible()
    page.get_by_label("Name").fill("Local time kept")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Local time kept")).to_be_visible()
    assert person.named("Local time")[0]["properties"]["happened"] == LONG_AGO
    page.get_by_role("link", name="Edit").click()
    expect(field).to_have_attribute("type", "datetime-local")
    field.fill("2021-03-01T05:30")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("main time[title*='2021-03-01 00:00 UTC']").first).to_be_visible()
    assert person.named("Local time")[0]["properties"]["happened"] == "2021-03-01T00:00:00.000000Z"


# Reports that are sent late


def test_report_brings_its_age(person: Person, visitor: Person) -> None:
    """The incident happened as long before the arrival as the device says, whatever its clock shows."""
    assert report(visitor, "An hour old", age="3600").json()["stored"] is True
    happened, created = moments(person.named("An hour old")[0])
    assert timedelta(hours=1) <= created - happened < timedelta(hours=2)


@pytest.mark.parametrize("age", ["", "0", "-7200", "-inf"])
def test_report_without_an_age_is_new(person: Person, visitor: Person, age: str) -> None:
    """A missing or negative age is ignored."""
    name = f"New, {age!r}"
    report(visitor, name, age=age)
    happened, created = moments(person.named(name)[0])
    assert happened == created


@pytest.mark.parametrize("age", ["1e9", "inf", str(31 * 24 * 3600)])
def test_impossible_age_is_cut_and_noted(person: Person, visitor: Person, age: str) -> None:
    """A report from a wrong clock counts as a month old at most, and its text says so."""
    answer = report(visitor, f"Ages {age}", age=age, description="Smoke")
    assert "30 days or more" in answer.json()["note"]
    (stored,) = person.named(f"Ages {age}")
    happened, created = moments(stored)
    assert timedelta(days=30) <= created - happened < timedelta(days=31)
    assert re.fullmatch(r"Smoke\n\n\(Written 30 days or more .*\)", stored["properties"]["description"])
    long = "x" * 1000
    assert report(visitor, f"Long {age}", age=age, description=long).status_code == 201
    assert person.named(f"Long {age}")[0]["properties"]["description"] == long


@pytest.mark.parametrize("age", ["nan", "an hour"])
def test_age_that_is_no_number_is_refused(visitor: Person, age: str) -> None:
    """An unreadable age is refused."""
    answer = report(visitor, "Bad age", age=age)
    assert (answer.status_code, set(answer.json()["fields"])) == (422, {"age"})


def test_offline_report_keeps_its_time(server: Server, person: Person, open_screen: OpenScreen) -> None:
    """A report that waited two hours for the network happened then, also if it is corrected first."""
    phone = open_screen(server.visitor(), service_workers="block")
    page = phone.open(REPORT)
    expect(page.locator("#map .maplibregl-ctrl-zoom-in")).to_be_visible()
    page.wait_for_load_state("networkidle")
    for name in ("Sent late", "Corrected late"):
        page.context.set_offline(True)
        page.get_by_label("Or search a place").fill("chania")
        page.get_by_role("option", name="Chania, Greece", exact=True).click()
        page.get_by_label("What happened?").fill(name)
        page.get_by_role("button", name="Send report").click()
        expect(page.locator("#outbox")).to_contain_text("Waiting for the network")
        page.evaluate(WRITTEN_EARLIER, "XX" if name == "Corrected late" else "ME")
        page.context.set_offline(False)
        page.reload()
        if name == "Corrected late":
            page.get_by_role("button", name="Correct").click()
            page.get_by_role("radio", name="High").check(force=True)
            page.wait_for_load_state("networkidle")
            page.get_by_role("button", name="Send report").click()
        wait_until(lambda name=name: person.named(name), what="the report")  # type: ignore[misc]
        # The page knows it, too: what still waits would be sent once more, and refused with the other one.
        expect(page.locator("#outbox li[data-state=waiting]")).to_have_count(0)
        happened, created = moments(person.named(name)[0])
        assert timedelta(hours=2) <= created - happened < timedelta(hours=3)
    expected = ("Failed to load resource", "Service Worker registration blocked")
    phone.complaints = [said for said in phone.complaints if not any(word in said for word in expected)]


WRITTEN_EARLIER = """(severity) => {
  for (const name of Object.keys(localStorage).filter((each) => each.startsWith("tracker.report."))) {
    const entry = JSON.parse(localStorage[name]);
    if (entry.state !== "waiting") continue;
    entry.written -= 2 * 3600 * 1000 + 60_000;
    entry.fields.severity = severity;
    localStorage[name] = JSON.stringify(entry);
  }
}"""
