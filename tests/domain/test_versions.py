"""Two people change one incident or area. The version that each saw decides how the changes combine."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from harness import Page, Person, Server, api_path, feature, point, square

import models
from base import times
from domain import versions
from models import AreaOfInterest, Incident

INCIDENTS = "/tracker/incident/"
AREAS = "/tracker/area_of_interest/"


@pytest.fixture(scope="module")
def ada(server: Server) -> Person:
    return server.another("Ada")


def page(kind: str, what: str, stored: dict[str, Any]) -> str:
    return f"{kind}{what}/{stored['properties']['pk']}/"


def version(stored: dict[str, Any]) -> str:
    return str(stored["properties"]["version"])


def saved(database: Path) -> Incident:
    thing = Incident()
    thing.assign({"name": "First", "location": point(1, 2)})
    thing.save()
    return thing


@contextmanager
def by(name: str) -> Iterator[None]:
    token = models.actor.set(name)
    yield
    models.actor.reset(token)


def change(thing: Any, who: str, **values: Any) -> None:
    """Change the stored object as a person who saw its present version."""
    with by(who), type(thing).changing(thing.id) as now:
        now.assign(values)
        now.save()


# The version itself


def test_version_is_one_everywhere(person: Person) -> None:
    """Every way to read a Feature gives the same version, and each save gives a new one."""
    with person.watch() as watch:
        stored = person.save_incident("Versioned", 1, 2)
        told = watch.wait_for_type("post_save", stored)["feature"]
    answer = person.http.get(api_path(stored))
    (listed,) = person.named("Versioned")
    form = person.get(page(INCIDENTS, "update", stored))
    assert {version(told), version(answer.json()), version(listed), form.value("version")} == {
        version(stored)
    }
    assert answer.headers["ETag"] == f'"{version(stored)}"'
    created = person.api("POST", "/api/areas/", feature(square(0, 0), name="Versioned area"))
    assert created.headers["ETag"] == f'"{version(created.json())}"'
    changed = person.api("PATCH", api_path(stored), {"properties": {"severity": "Low"}})
    assert changed.headers["ETag"] == f'"{version(changed.json())}"'
    assert version(changed.json()) != version(stored)


def test_version_is_new_whatever_the_clock_says(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The version does not depend on the clock, which may stand still or go back."""
    monkeypatch.setattr(times, "clock", lambda: datetime(2026, 1, 1, tzinfo=UTC))
    thing = saved(database)
    seen = {thing.version}
    for name in ("Second", "Third"):
        thing.name = name
        thing.save()
        seen.add(thing.version)
    assert len(seen) == 3


def test_version_is_not_used_again_after_a_restore(database: Path, tmp_path: Path) -> None:
    """After a restore new saves have versions that the original never gave."""
    thing = saved(database)
    models.back_up(tmp_path / "copy.db")
    thing.name = "After the copy"
    thing.save()
    lost = thing.version
    models.open_database(tmp_path / "copy.db")
    again = Incident.find(thing.id)
    again.name = "In the copy"
    again.save()
    assert lost.partition("-")[0] == again.version.partition("-")[0]
    assert lost != again.version
    with pytest.raises(versions.Conflict):
        versions.merge(again, {"name": "Based on what was lost"}, lost)


def test_old_databases_get_versions(tmp_path: Path) -> None:
    """An object of an old database gets the version of its last log entry, and conflicts are found."""
    path = tmp_path / "old.db"
    models.open_database(path)
    thing = saved(path)
    models.database.close()
    with closing(sqlite3.connect(path)) as old:
        message = json.loads(old.execute("SELECT message FROM notification").fetchone()[0])
        del message["feature"]["properties"]["version"]
        old.execute("UPDATE notification SET message = ?", (json.dumps(message, separators=(",", ":")),))
        old.execute("ALTER TABLE incident DROP COLUMN version")
        old.execute("ALTER TABLE area_of_interest DROP COLUMN version")
        old.execute("DROP TABLE answer")
        old.execute("DELETE FROM schema_migration WHERE name LIKE '0008%'")
        old.commit()
    models.open_database(path, migrate=True)
    migrated = Incident.find(thing.id)
    epoch = models.Setting.get_by_id("epoch").value
    assert migrated.version == f"1-{epoch[:4]}"
    change(migrated, "Ada", name="Second")
    with pytest.raises(versions.Conflict) as raised:
        versions.merge(Incident.find(thing.id), {"name": "Third"}, migrated.version)
    assert raised.value.clashes[0].by == "Ada"
    models.database.close()


def test_looking_is_no_change(person: Person) -> None:
    """HEAD returns the version and creates none."""
    stored = person.save_incident("Looked at")
    answer = person.http.head(api_path(stored))
    assert answer.headers["ETag"] == f'"{version(stored)}"'
    assert person.http.get(api_path(stored)).json() == stored


# Merging


def test_changes_of_other_fields_are_merged(database: Path) -> None:
    """When a client sends a whole old object, only the fields that it changed are set."""
    thing = saved(database)
    change(thing, "Ada", severity="Urgent")
    now = Incident.find(thing.id)
    sent = {"name": "Renamed", "severity": "Medium", "location": point(1, 2)}
    assert versions.merge(now, sent, thing.version) == {"name": "Renamed"}


def test_same_change_by_two_is_no_conflict(database: Path) -> None:
    """Two equal changes are no conflict."""
    thing = saved(database)
    change(thing, "Ada", name="Agreed")
    assert versions.merge(Incident.find(thing.id), {"name": "Agreed"}, thing.version) == {}


@pytest.mark.parametrize(
    ("field", "theirs", "mine"),
    [
        ("name", "Theirs", "Mine"),
        ("description", "Theirs", "Mine"),
        ("severity", "Urgent", "Low"),
        ("location", point(3, 4), point(5, 6)),
    ],
)
def test_same_field_changed_to_different_values_is_a_conflict(
    database: Path, field: str, theirs: object, mine: object
) -> None:
    """A conflict has both values, and names the person who set the present one."""
    thing = saved(database)
    change(thing, "Bob", **{field: theirs})
    change(thing, "Cleo", closed=True)
    with pytest.raises(versions.Conflict) as raised:
        versions.merge(Incident.find(thing.id), {field: mine}, thing.version)
    (clash,) = raised.value.clashes
    assert (clash.field, clash.yours, clash.theirs, clash.by) == (field, mine, theirs, "Bob")
    assert (
        clash.at
        == models.database.execute_sql("SELECT created FROM notification WHERE seq = 2").fetchone()[0]
    )


@pytest.mark.parametrize("base", ["", "0-0000", "999-abcd", "x", "-1", "9" * 30, "1-ffff", "²-0000"])
def test_version_that_the_log_does_not_have_conflicts_where_values_differ(database: Path, base: str) -> None:
    """For a version that the log has pruned, each differing field is a conflict."""
    thing = saved(database)
    change(thing, "Ada", severity="Urgent")
    now = Incident.find(thing.id)
    sent = {"name": "First", "severity": "Low", "location": point(1, 2)}
    with pytest.raises(versions.Conflict) as raised:
        versions.merge(now, sent, base)
    assert [(clash.field, clash.by) for clash in raised.value.clashes] == [("severity", "Ada")]


def test_versions_of_another_object_mean_nothing(database: Path) -> None:
    """A version is looked up among the entries of its own object only."""
    thing, other = saved(database), saved(database)
    with pytest.raises(versions.Conflict):
        versions.merge(thing, {"name": "Mixed up"}, other.version)


def test_search_for_who_changed_it_is_bounded(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Far back in the log the conflict is still found, but without the person's name."""
    thing = saved(database)
    change(thing, "Ada", name="Theirs")
    for number in range(5):
        change(thing, "Bob", severity=("Low", "High")[number % 2])
    monkeypatch.setattr(versions, "MAX_READ", 0)
    with pytest.raises(versions.Conflict) as raised:
        versions.merge(Incident.find(thing.id), {"name": "Mine"}, thing.version)
    assert raised.value.clashes[0].theirs == "Theirs"


def test_mute_that_has_ended_is_no_change(database: Path) -> None:
    """A mute that has ended by itself counts as no change."""
    area = AreaOfInterest()
    area.assign({"name": "Quiet", "polygon": square(0, 0)})
    area.save()
    area.muted_until, area.muted_at = "2020-01-01T01:00:00.000000Z", "2020-01-01T00:00:00.000000Z"
    area.save()
    now = AreaOfInterest.find(area.id)
    first = models.database.execute_sql("SELECT message FROM notification WHERE seq = 1").fetchone()[0]
    versions.ensure_unchanged(now, json.loads(first)["feature"]["properties"]["version"], "muted_until")
    now.mute(models.parse_until("2999-01-01T00:00:00Z"))
    with pytest.raises(versions.Conflict):
        versions.ensure_unchanged(now, area.version, "muted_until")


# The API


def test_patch_of_a_whole_feature_read_earlier_undoes_nothing(person: Person, ada: Person) -> None:
    """A whole Feature that is read, changed and sent back keeps the changes of others."""
    read = person.save_area("Read", square(0, 0), severity="Low")
    ada.change(read, square(0, 0, 2))
    mine = {**read, "properties": {**read["properties"], "name": "Renamed"}}
    answer = person.api("PATCH", api_path(read), mine)
    assert answer.status_code == 200
    assert answer.json()["geometry"] == square(0, 0, 2)
    assert answer.json()["properties"]["name"] == "Renamed"


def test_patch_that_conflicts_is_409_with_both_values(person: Person, ada: Person) -> None:
    """The answer has the person, the time and the stored object. Nothing was changed."""
    read = person.save_area("Contested", square(0, 0))
    theirs = ada.change(read, square(0, 0, 2))
    body = {"geometry": square(0, 0, 3), "properties": {"version": version(read), "severity": "Low"}}
    answer = person.api("PATCH", api_path(read), body)
    assert answer.status_code == 409
    said = answer.json()
    assert said["feature"] == theirs == person.http.get(api_path(read)).json()
    (clash,) = said["conflicts"]
    assert clash.pop("at")
    assert clash == {
        "field": "polygon",
        "yours": square(0, 0, 3),
        "theirs": square(0, 0, 2),
        "by": "Ada",
    }
    assert "Ada" in said["error"]
    body["properties"] = {"version": version(theirs)}
    assert person.api("PATCH", api_path(read), body).json()["geometry"] == square(0, 0, 3)


def test_patch_without_a_version_changes_the_named_fields(person: Person, ada: Person) -> None:
    """A program that sends single fields needs no version."""
    read = person.save_incident("Simple")
    ada.change(read, name="Simple, by Ada")
    assert person.change(read, severity="Low")["properties"]["name"] == "Simple, by Ada"
    assert person.change(read, name="Simple, by me")["properties"]["name"] == "Simple, by me"


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_if_match_of_an_earlier_version_is_412(person: Person, ada: Person, method: str) -> None:
    """If-Match of an earlier version is refused, whichever field was changed.

    The answer has the stored object.
    """
    read = person.save_incident("Matched")
    tag = person.http.get(api_path(read)).headers["ETag"]
    theirs = ada.change(read, severity="Urgent")
    body = {"properties": {"name": "Not stored"}} if method == "PATCH" else None
    headers = {"X-CSRFToken": person.csrf_token(), "Content-Type": "application/json"}

    def send(if_match: str) -> Any:
        content = None if body is None else json.dumps(body)
        return person.http.request(
            method, api_path(read), content=content, headers={**headers, "If-Match": if_match}
        )

    answers = [send(stale) for stale in (tag, "none", "", f'W/"{version(theirs)}"')]
    assert [answer.status_code for answer in answers] == [412] * 4
    assert answers[0].json()["feature"] == theirs
    assert answers[0].json()["conflicts"][0]["by"] == "Ada"
    assert person.named("Matched")
    assert send(f'"other", {person.http.get(api_path(read)).headers["ETag"]}').status_code in {200, 204}


@pytest.mark.parametrize("wrong", [5, ["1"], {}, True])
def test_version_is_text(person: Person, wrong: object) -> None:
    """A version of another type is refused, and not ignored."""
    path = api_path(person.save_incident("Typed"))
    answer = person.api("PATCH", path, {"properties": {"name": "Not stored", "version": wrong}})
    assert answer.status_code == 422
    assert "version" in answer.json()["fields"]


def test_mute_by_the_api_checks_the_version(person: Person, ada: Person) -> None:
    """A mute replaces an earlier one only if its sender has seen that one."""
    read = person.save_area("Muted twice", square(0, 0))
    path = f"{api_path(read)}mute/"
    theirs = ada.api("POST", path, {"until": "2999-01-01T00:00:00Z"})
    mine = {"until": "2998-01-01T00:00:00Z", "version": version(read)}
    refused = person.api("POST", path, mine)
    assert refused.status_code == 409
    assert refused.json()["conflicts"][0]["by"] == "Ada"
    assert person.api("POST", path, {**mine, "version": version(theirs.json())}).status_code == 200


# The pages


def test_form_merges_changes_of_other_fields(person: Person, ada: Person) -> None:
    """One person closes the incident while another corrects the name, and both changes are kept."""
    read = person.save_incident("Nmae")
    form = person.get(page(INCIDENTS, "update", read)).filled_in(name="Name")
    ada.change(read, closed=True, severity="Urgent")
    answer = person.http.post(page(INCIDENTS, "update", read), data=form)
    assert answer.status_code == 303
    properties = person.http.get(api_path(read)).json()["properties"]
    assert (properties["name"], properties["closed"], properties["severity"]) == ("Name", True, "Urgent")


def conflict(person: Person, ada: Person) -> tuple[dict[str, Any], str, Page]:
    """Let two people change the name of one incident, and one of them its severity. Return the answer."""
    read = person.save_incident("Original", 1, 2)
    path = page(INCIDENTS, "update", read)
    form = person.get(path).filled_in(name="Mine & <b>", description="Mine only")
    ada.change(read, name="Theirs & <i>", severity="Urgent")
    return read, path, Page(person.http.post(path, data=form))


def test_form_shows_both_values_with_who_and_when(person: Person, ada: Person) -> None:
    """Nothing is saved. The form keeps the typed text, and shows other people's changes of other fields."""
    read, _, answer = conflict(person, ada)
    assert answer.status == 409
    for words in ("Ada changed this", "Mine & <b>", "Theirs & <i>", "UTC"):
        assert words in answer.words
    assert (answer.value("name"), answer.value("description")) == ("Mine & <b>", "Mine only")
    assert answer.value("severity") == "UR"
    stored = person.http.get(api_path(read)).json()["properties"]
    assert (stored["name"], stored["description"], stored["severity"]) == ("Theirs & <i>", "", "Urgent")


@pytest.mark.parametrize(("keep", "name"), [("mine", "Mine & <b>"), ("theirs", "Theirs & <i>")])
def test_either_value_can_be_chosen(person: Person, ada: Person, keep: str, name: str) -> None:
    """The chosen value is saved with the other fields, and other people's changes of other fields stay."""
    read, path, answer = conflict(person, ada)
    assert person.http.post(path, data=answer.filled_in(keep_name=keep)).status_code == 303
    stored = person.http.get(api_path(read)).json()["properties"]
    assert (stored["name"], stored["description"], stored["severity"]) == (name, "Mine only", "Urgent")


def test_choice_outlives_another_mistake(person: Person, ada: Person) -> None:
    """The choice of the other person's value stays while another mistake is corrected."""
    read, path, answer = conflict(person, ada)
    again = Page(person.http.post(path, data=answer.filled_in(keep_name="theirs", location_geojson="?")))
    assert again.status == 422
    form = again.filled_in(location_geojson=json.dumps(point(1, 2)))
    assert person.http.post(path, data=form).status_code == 303
    assert person.http.get(api_path(read)).json()["properties"]["name"] == "Theirs & <i>"


def test_form_of_an_area_asks_about_its_outline(person: Person, ada: Person) -> None:
    """The form names both outlines by their vertices. The person can look at the other one and choose it."""
    read = person.save_area("Outlined", square(0, 0))
    path = page(AREAS, "update", read)
    mine = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}
    form = person.get(path).filled_in(polygon_geojson=json.dumps(mine))
    ada.change(read, square(0, 0, 2))
    answer = Page(person.http.post(path, data=form))
    assert answer.status == 409
    assert "Keep yours: 3 corners" in answer.words
    assert "Take theirs: 4 corners" in answer.words
    assert json.loads(str(answer.select_one(".clash")["data-theirs"])) == square(0, 0, 2)  # type: ignore[index]
    taken = person.http.post(path, data=answer.filled_in(keep_polygon_geojson="theirs"))
    assert taken.status_code == 303
    assert person.http.get(api_path(read)).json()["geometry"] == square(0, 0, 2)


def test_form_that_changes_nothing_writes_nothing(person: Person) -> None:
    """Saving a form without a change adds no entry to the log."""
    read = person.save_incident("Untouched")
    assert person.submit(page(INCIDENTS, "update", read)).path == read["properties"]["url"]
    assert person.http.get(api_path(read)).json() == read


@pytest.mark.parametrize(("kind", "save"), [(INCIDENTS, "save_incident"), (AREAS, "save_area")])
def test_delete_after_a_change_asks_again(person: Person, ada: Person, kind: str, save: str) -> None:
    """Delete shows which fields another person has changed. Pressed again, it deletes."""
    where = () if kind == INCIDENTS else (square(0, 0),)
    read = getattr(person, save)("To be deleted", *where)
    path = page(kind, "delete", read)
    form = person.get(path).filled_in()
    ada.change(read, severity="Urgent")
    answer = Page(person.http.post(path, data=form))
    assert answer.status == 409
    assert "Ada changed the severity" in answer.words
    assert person.http.get(api_path(read)).status_code == 200
    assert person.http.post(path, data=answer.filled_in()).status_code == 303
    assert person.http.get(api_path(read)).status_code == 404


def test_second_delete_leads_to_the_list(person: Person, ada: Person) -> None:
    """A second Delete is no error. If another person has deleted it first, the page says so."""
    form: dict[str, str] = {}
    for quicker, said in ((person, False), (ada, True)):
        read = person.save_incident("Deleted by two")
        path = page(INCIDENTS, "delete", read)
        form = person.get(path).filled_in()
        quicker.delete(read)
        answer = Page(person.http.post(path, data=form, follow_redirects=True))
        assert answer.path == INCIDENTS
        assert ("Ada deleted it already" in answer.words) is said
    assert (
        person.http.post(page(INCIDENTS, "delete", {"properties": {"pk": 10**9}}), data=form).status_code
        == 404
    )


def test_mute_page_does_not_replace_a_mute_that_was_not_seen(person: Person, ada: Person) -> None:
    """The page asks before it replaces a mute that the person has not seen."""
    read = person.save_area("Muted by two", square(0, 0))
    form = {"csrf_token": person.csrf_token(), "version": version(read), "until": "hour"}
    ada.api("POST", f"{api_path(read)}mute/", {"until": "2999-01-01T00:00:00Z"})
    answer = Page(person.http.post(page(AREAS, "mute", read), data=form))
    assert answer.status == 409
    assert "Ada changed the mute" in answer.words
    assert person.http.get(api_path(read)).json()["properties"]["muted_until"].startswith("2999")
    again = {**form, "version": answer.value("version") or ""}
    assert person.http.post(page(AREAS, "mute", read), data=again).status_code == 303


def test_confirm_is_for_the_shown_version(server: Server, person: Person, ada: Person) -> None:
    """A report that was changed since it was shown is shown again. A second press changes nothing."""
    read = person.save_incident("Heard of", verified=False)
    form = {"csrf_token": person.csrf_token(), "version": version(read)}
    ada.change(read, name="Heard of something else")
    path = page(INCIDENTS, "confirm", read)
    answer = Page(person.http.post(path, data=form))
    assert answer.status == 409
    assert "Ada changed the name" in answer.words
    form["version"] = answer.value("version") or ""
    assert person.http.post(path, data=form).status_code == 303
    confirmed = person.http.get(api_path(read)).json()
    assert confirmed["properties"]["verified"] is True
    assert person.http.post(path, data=form).status_code == 303
    assert person.http.get(api_path(read)).json() == confirmed
