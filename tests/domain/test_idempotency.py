"""A request that is sent twice acts once: creating forms, and POST with an Idempotency-Key."""

import json
import re
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from harness import ROOT, Page, Person, Server, api_path, feature, incident, point, run_tracker, square

import models
from base import times
from domain import idempotency
from domain.idempotency import Answer, Reused, StoredAnswer

INCIDENTS = "/tracker/incident/"
AREAS = "/tracker/area_of_interest/"
DONE = Answer(201, {"Location": "/1/"}, b"done")


def post(person: Person, path: str, body: object, key: str) -> httpx.Response:
    headers = {"X-CSRFToken": person.csrf_token(), "Content-Type": "application/json", "Idempotency-Key": key}
    return person.http.post(path, content=json.dumps(body), headers=headers)


def kept(owner: str) -> list[str]:
    return [
        row.key for row in StoredAnswer.select().where(StoredAnswer.owner == owner).order_by(StoredAnswer.id)
    ]


def counted(*, fail: bool = False) -> tuple[Callable[[], Answer], list[int]]:
    """Return an action, and a list that grows each time it runs."""
    times: list[int] = []

    def do() -> Answer:
        times.append(1)
        if fail:
            raise models.Invalid({"name": "wrong"})
        return DONE

    return do, times


# The keys


def test_second_gets_the_answer_of_the_first(database: Path) -> None:
    """The second request gets the first answer, and nothing runs again. Each owner has its own keys."""
    do, times = counted()
    assert [idempotency.once("a", "k", "r", do) for _ in range(3)] == [DONE] * 3
    assert len(times) == 1
    idempotency.once("b", "k", "r", do)
    assert len(times) == 2


def test_key_of_another_request_is_refused(database: Path) -> None:
    """The error says for which request the key was used."""
    do, times = counted()
    idempotency.once("a", "k", "r", do)
    with pytest.raises(Reused) as raised:
        idempotency.once("a", "k", "other", do)
    assert raised.value.answer == DONE
    assert len(times) == 1


def test_key_is_free_after_a_failure(database: Path) -> None:
    """A refused request has changed nothing, so a corrected one may use the same key."""
    failing, _ = counted(fail=True)
    with pytest.raises(models.Invalid):
        idempotency.once("a", "k", "r", failing)
    do, times = counted()
    assert idempotency.once("a", "k", "mended", do) == DONE
    assert times


def test_answers_are_bounded_in_number(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest answers of each owner are kept, and one owner displaces no other's."""
    monkeypatch.setattr(idempotency, "MOST", 5)
    monkeypatch.setattr(idempotency, "FEWEST", 2)
    do, _ = counted()
    idempotency.once("b", "other", "r", do)
    for number in range(9):
        idempotency.once("a", f"{number}", "r", do)
    assert kept("a") == ["4", "5", "6", "7", "8"]
    assert kept("b") == ["other"]


@pytest.mark.parametrize("days", [-2, 2])
def test_clock_that_jumps_drops_no_new_key(
    database: Path, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    """Answers with a wrong time are dropped, but the newest stay, because their requests may come again."""
    monkeypatch.setattr(idempotency, "FEWEST", 2)
    do, done = counted()
    there = datetime.now(UTC) + timedelta(days=days)
    with monkeypatch.context() as patch:
        patch.setattr(times, "clock", lambda: there)
        for number in range(4):
            idempotency.once("a", f"{number}", "r", do)
    idempotency.once("a", "after", "r", do)
    assert kept("a") == ["3", "after"]
    idempotency.once("a", "3", "r", do)
    assert len(done) == 5


def test_parts_of_a_request_do_not_run_together() -> None:
    assert idempotency.request_hash(b"ab", b"c") != idempotency.request_hash(b"a", b"bc")


# The API


def test_incident_is_created_once(person: Person) -> None:
    """The second answer equals the first, even after the incident was changed. The log has one creation."""
    answers = [post(person, "/api/incidents/", incident("Once"), "once-1")]
    person.change(answers[0].json(), severity="Urgent")
    answers.append(post(person, "/api/incidents/", incident("Once"), '"once-1"'))
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].content == answers[1].content
    for name in ("Location", "ETag", "Content-Type"):
        assert answers[0].headers[name] == answers[1].headers[name]
    assert len(person.named("Once")) == 1


def test_key_with_another_body_is_422(person: Person) -> None:
    """The error has the address of the object for which the key was used."""
    first = post(person, "/api/areas/", feature(square(0, 0), name="Key"), "used")
    for path, body in (
        ("/api/areas/", feature(square(0, 0), name="Other")),
        ("/api/incidents/", feature(square(0, 0), name="Key")),
    ):
        answer = post(person, path, body, "used")
        assert answer.status_code == 422
        assert answer.json()["location"] == first.headers["Location"]
    assert not person.named("Other", "area_of_interest")


def test_refused_request_keeps_no_key(person: Person) -> None:
    assert post(person, "/api/incidents/", incident(""), "mended").status_code == 422
    assert post(person, "/api/incidents/", incident("Mended"), "mended").status_code == 201


@pytest.mark.parametrize("key", ["", '""', "x" * 256, "caf\u00e9".encode(), "a\tb"])
def test_key_is_checked(person: Person, key: Any) -> None:
    answer = post(person, "/api/incidents/", incident("Not stored: key"), key)
    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.json()["error"]
    assert not person.named("Not stored: key")


def test_many_at_once_make_one(server: Server) -> None:
    """Six equal requests create one incident, also while all wait for another process."""
    people = [server.person() for _ in range(6)]
    with closing(sqlite3.connect(server.database, isolation_level=None)) as foreign:
        foreign.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(len(people)) as pool:
            answers = [
                pool.submit(post, person, "/api/incidents/", incident("At once"), "at-once")
                for person in people
            ]
            foreign.execute("ROLLBACK")
    assert {answer.result().status_code for answer in answers} == {201}
    assert len({answer.result().content for answer in answers}) == 1
    assert len(people[0].named("At once")) == 1


def test_acknowledgement_sent_again_takes_nothing_new(person: Person) -> None:
    """A late second try does not acknowledge an alert that has escalated since the first."""
    person.save_area("Watched", square(70, 70), severity="Low")
    stored = person.save_incident("Getting worse", 70.5, 70.5, severity="Low")
    (alert,) = [
        one for one in person.api("GET", "/api/alerts/").json()["alerts"] if one["incident"] == stored["id"]
    ]
    body = {"alerts": [alert["id"]], "note": "on my way"}
    first = post(person, "/api/alerts/acknowledge/", body, "ack")
    assert first.json()["alerts"][0]["state"] == "acknowledged"
    person.change(stored, severity="Urgent")
    assert post(person, "/api/alerts/acknowledge/", body, "ack").content == first.content
    (now,) = [one for one in person.api("GET", "/api/alerts/").json()["alerts"] if one["id"] == alert["id"]]
    assert now["state"] == "open"
    person.delete(stored)


def test_keys_of_two_programs_are_apart(server: Server, person: Person) -> None:
    """Each token of an account has its own keys. Sessions share those of the account."""

    def token() -> dict[str, str]:
        env = {"TRACKER_DATABASE": str(server.database)}
        made = run_tracker(server.folder, "token", "add", server.name, "program", env=env)
        return {"Authorization": f"Bearer {made.stdout.strip()}", "Idempotency-Key": "1"}

    for headers in (token(), token()):
        for _ in range(2):
            answer = httpx.post(
                f"{server.url}/api/incidents/", json=incident("By a program"), headers=headers
            )
            assert answer.status_code == 201
    assert len(person.named("By a program")) == 2
    again = server.person()
    assert post(person, "/api/incidents/", incident("By a person"), "1").status_code == 201
    assert post(again, "/api/incidents/", incident("By a person"), "1").status_code == 201
    assert len(person.named("By a person")) == 1


def test_every_post_of_the_api_takes_a_key(person: Person) -> None:
    """Each POST that creates or changes something acts once. Counting and erasing need no key."""
    source = (ROOT / "web" / "api.py").read_text(encoding="utf-8")
    posts = re.findall(r'@bp\.post\("([^"]+)"\)\n(@once)?', source)
    assert posts
    assert [path for path, is_once in posts if not is_once] == [
        "/api/incidents/<int:pk>/erase/",
        "/api/areas/inside/",
    ]


# The forms


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (INCIDENTS, {"location_geojson": json.dumps(point(1, 1))}),
        (AREAS, {"polygon_geojson": json.dumps(square(1, 1))}),
    ],
)
def test_form_sent_twice_creates_one(person: Person, kind: str, fields: dict[str, str]) -> None:
    """Both answers lead to the same incident."""
    name = f"Twice in {kind}"
    form = person.get(f"{kind}create/").filled_in(name=name, **fields)
    answers = [person.http.post(f"{kind}create/", data=form) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert answers[0].headers["location"] == answers[1].headers["location"]
    listed = person.named(name, kind.split("/")[2])
    assert [found["properties"]["url"] for found in listed] == [answers[0].headers["location"]]


def test_form_sent_again_with_other_words_is_asked_about(person: Person) -> None:
    """If the form is sent again with other text, it comes back complete.

    Saved again, it makes another incident.
    """
    path = f"{INCIDENTS}create/"
    form = person.get(path).filled_in(name="Went back", location_geojson=json.dumps(point(1, 1)))
    assert person.http.post(path, data=form).status_code == 303
    answer = Page(person.http.post(path, data={**form, "name": "Went back and wrote"}))
    assert answer.status == 422
    assert "was already saved" in answer.words
    assert answer.value("name") == "Went back and wrote"
    assert person.http.post(path, data=answer.filled_in()).status_code == 303
    assert len(person.named("Went back")) == 2


def test_form_that_was_refused_is_saved_with_the_same_key(person: Person) -> None:
    """A form with a mistake, corrected, creates one incident."""
    path = f"{INCIDENTS}create/"
    refused = person.submit(path, name="Mended form", location_geojson="?")
    assert refused.status == 422
    form = refused.filled_in(location_geojson=json.dumps(point(1, 1)))
    for _ in range(2):
        assert person.http.post(path, data=form).status_code == 303
    assert len(person.named("Mended form")) == 1
    assert person.http.get(api_path(person.named("Mended form")[0])).status_code == 200


def test_token_form_sent_twice_makes_one_token(server: Server) -> None:
    """The last answer shows the valid secret, because the person may never have seen the one before."""
    person = server.another("Tokens")
    page = person.get("/accounts/")
    form = {"csrf_token": person.csrf_token(), "label": "gauge on the bridge", "key": page.value("key") or ""}
    answers = [Page(person.http.post("/accounts/tokens/", data=form)) for _ in range(2)]
    secrets = [answer.select_one("code.secret").get_text() for answer in answers]  # type: ignore[union-attr]
    assert (
        person.get("/accounts/").words.count("gauge on the bridge") == 2
    )  # in its row: the name, and Revoke

    def status(secret: str) -> int:
        return httpx.get(
            f"{server.url}/api/alerts/", headers={"Authorization": f"Bearer {secret}"}
        ).status_code

    assert [status(secret) for secret in secrets] == [401, 200]
    another = {**form, "label": "river gauge"}
    assert person.http.post("/accounts/tokens/", data=another).status_code == 200
    assert "river gauge" in person.get("/accounts/").words


def test_account_form_sent_twice_makes_one_account(person: Person) -> None:
    """Both answers show a link for it; it is no error."""
    form = {"csrf_token": person.csrf_token(), "name": "Twin", "role": "viewer", "key": "k"}
    assert person.get("/admin/").value("key")
    answers = [Page(person.http.post("/admin/users/", data=form)) for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 200]
    assert all(answer.select_one("code.secret") for answer in answers)
    again = {**form, "role": "editor"}
    assert (
        "An account with this name already exists"
        in Page(person.http.post("/admin/users/", data=again)).words
    )
