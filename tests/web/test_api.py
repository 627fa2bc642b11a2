"""The JSON API: GeoJSON Features in and out."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from typing import Any

import pytest
from harness import Person, Server, api_path, feature, incident, point, square

pytestmark = pytest.mark.through_nginx

INCIDENTS = "/api/incidents/"


def test_post_stores_a_feature_and_answers_with_it(person: Person) -> None:
    """POST answers 201 with the stored Feature, which GET returns, too."""
    answer = person.api("POST", INCIDENTS, incident("Posted", 1, 2, severity="High", description="d"))
    assert answer.status_code == 201
    stored = answer.json()
    assert stored["geometry"] == point(1, 2)
    assert stored["properties"]["severity"] == "High"
    assert person.http.get(api_path(stored)).json() == stored


def test_post_fills_in_the_defaults(person: Person) -> None:
    """A name and a place are enough. The severity is Medium, and the incident is open."""
    properties = person.save_incident("Only a name")["properties"]
    assert (properties["severity"], properties["closed"], properties["description"]) == ("Medium", False, "")
    assert person.save_area("Only a shape", square(0, 80))["properties"]["severity"] == "Medium"


def test_patch_changes_the_named_fields(person: Person) -> None:
    """PATCH takes a part of a Feature and leaves the rest."""
    before = person.save_incident("Patched", 3, 4, description="Stays")
    person.change(before, severity="Low")
    after = person.change(before, point(5, 6))
    assert after["geometry"] == point(5, 6)
    assert after["properties"]["severity"] == "Low"
    assert after["properties"]["description"] == "Stays"
    assert after["properties"]["created"] == before["properties"]["created"]
    assert after["properties"]["updated"] > before["properties"]["updated"]


def test_patch_needs_no_more_than_the_change(person: Person) -> None:
    """A part of a Feature may even lack its type."""
    path = api_path(person.save_incident("Patched"))
    answer = person.api("PATCH", path, {"properties": {"name": "Patched briefly"}})
    assert answer.status_code == 200
    assert person.http.get(path).json() == answer.json()
    assert answer.json()["properties"]["name"] == "Patched briefly"


def test_feature_can_be_read_changed_and_sent_back(person: Person) -> None:
    """The API accepts its own Feature again. Fields that only the server sets stay."""
    stored = person.save_incident("Round trip")
    sent = {
        **stored,
        "properties": {**stored["properties"], "name": "Back again", "url": "/elsewhere/", "pk": 7},
    }
    after = person.api("PATCH", api_path(stored), sent).json()
    assert (after["id"], after["properties"]["url"]) == (stored["id"], stored["properties"]["url"])
    assert after["properties"]["name"] == "Back again"


def test_delete_deletes(person: Person) -> None:
    """DELETE answers 204, and then the object is 404."""
    stored = person.save_incident("Short-lived")
    person.delete(stored)
    path = api_path(stored)
    assert person.http.get(path).status_code == 404
    assert person.api("DELETE", path).status_code == 404
    late = {"type": "Feature", "properties": {"name": "Too late"}}
    assert person.api("PATCH", path, late).status_code == 404


def test_areas_have_the_same_verbs(person: Person) -> None:
    """An area is stored, read, changed and deleted in the same way."""
    stored = person.save_area("Polder", square(10, 70), severity="High")
    path = api_path(stored)
    assert person.http.get(path).json() == stored
    changed = person.change(stored, square(10, 70, 2))
    assert changed["geometry"] == square(10, 70, 2)
    assert changed["properties"]["name"] == "Polder"
    person.delete(stored)
    assert person.http.get(path).status_code == 404


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_api_refuses_signed_out_clients(person: Person, visitor: Person, method: str) -> None:
    """Without a session every call is refused, as JSON."""
    stored = person.save_incident(f"Private {method}")
    path = INCIDENTS if method == "POST" else api_path(stored)
    body = incident(f"Private {method}") if method != "GET" else None
    answer = visitor.http.request(method, path, json=body)
    assert answer.status_code in {400, 401, 403}
    assert answer.json()["error"]
    assert [found["id"] for found in person.named(f"Private {method}")] == [stored["id"]]


def test_call_without_the_token_is_refused(person: Person) -> None:
    """A call with a cookie and without the token is refused as JSON. Another site may have made it."""
    answer = person.http.post(INCIDENTS, json=incident("Forged"))
    assert answer.status_code in {400, 403}
    assert answer.json()["error"]
    assert not person.named("Forged")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"{INCIDENTS}999999/", 404),
        ("GET", f"{INCIDENTS}99999999999999999999999/", 404),
        ("GET", "/api/nothing/", 404),
        ("PUT", INCIDENTS, 405),
    ],
)
def test_errors_are_json(person: Person, method: str, path: str, status: int) -> None:
    """A missing object or an impossible call gets the API's one form of error."""
    answer = person.api(method, path)
    assert answer.status_code == status
    assert isinstance(answer.json()["error"], str)


def test_error_names_every_wrong_field(person: Person) -> None:
    """A refusal has a reason for each wrong field, so that a program can show it there."""
    body = feature(point(0, 91), name="", severity="Dire", descripton="misspelt")
    answer = person.api("POST", INCIDENTS, body)
    assert 400 <= answer.status_code < 500
    error = answer.json()
    assert error["error"]
    assert {"name", "severity", "descripton"} <= error["fields"].keys()
    assert all(isinstance(why, str) and why for why in error["fields"].values())


def test_changes_that_wait_for_the_database_all_count(server: Server, person: Person) -> None:
    """Two changes that wait for another process are both stored."""
    path = api_path(person.save_incident("Waiting"))
    changes: list[dict[str, Any]] = [{"closed": True}, {"description": "by the other"}, {"severity": "Low"}]
    others = [server.person() for _ in changes]
    with closing(sqlite3.connect(server.database, isolation_level=None)) as foreign:
        foreign.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(len(changes)) as pool:
            answers = [
                pool.submit(other.api, "PATCH", path, {"properties": change})
                for other, change in zip(others, changes, strict=True)
            ]
            wait(answers, timeout=1)  # all of them have begun, none can have ended
            assert not any(answer.done() for answer in answers)
            foreign.execute("ROLLBACK")
        assert [answer.result().status_code for answer in answers] == [200] * len(changes)
    properties = person.api("GET", path).json()["properties"]
    assert (properties["closed"], properties["description"], properties["severity"]) == (
        True,
        "by the other",
        "Low",
    )


@pytest.mark.parametrize("seq", [-1, -(2**70), 2**70, "1", None, 1.5, True])
def test_read_up_to_needs_an_existing_seq(person: Person, seq: object) -> None:
    """Only a seq of the log can have been read."""
    assert person.api("POST", "/api/alerts/read/", {"seq": seq}).status_code == 422


def test_collection_has_each_incident_as_it_is_alone(person: Person) -> None:
    """The collection has the same Feature as the incident's own address, whatever its name is."""
    names = ['"quoted" \\ back', "zwei\nZeilen", "名前 🔥", "</script>", "1e400"]
    stored = [
        person.save_incident(name, longitude, -0.0000001, description=name, severity=severity)
        for name, longitude, severity in zip(
            names, (-180, 0, 179.9999999, 24.0, 0.1), ("Urgent", "High", "Medium", "Low", "Info"), strict=True
        )
    ]
    by_id = {found["id"]: found for found in person.collection()["features"]}
    for one in stored:
        assert by_id[one["id"]] == one


def test_area_that_is_muted_can_be_sent_back(person: Person) -> None:
    """A muted area can be read, changed and sent back. A mute in the Feature is refused."""
    area = person.save_area("Muted and sent back", square(-60, -60))
    person.api("POST", f"{api_path(area)}mute/", {"until": "2999-01-01T00:00:00Z"})
    read = person.http.get(api_path(area)).json()
    read["properties"]["severity"] = "Urgent"
    answer = person.api("PATCH", api_path(area), read)
    assert (answer.status_code, answer.json()["properties"]["severity"]) == (200, "Urgent")
    read["properties"]["muted_until"] = "2999-01-02T00:00:00.000000Z"
    refused = person.api("PATCH", api_path(area), read)
    assert (refused.status_code, set(refused.json()["fields"])) == (422, {"muted_until"})
    assert f"{api_path(area)}mute/" in refused.json()["fields"]["muted_until"]


def test_bad_boolean_of_the_collection_is_refused(person: Person) -> None:
    """A word that is neither true nor false is refused, and not read as false."""
    path = "/tracker/incident/feature_collection/"
    answers = [person.http.get(path, params={"closed": closed}) for closed in ("true", "false", "1", "True")]
    assert [answer.status_code for answer in answers] == [200, 200, 422, 422]
