"""Releasing, handing over and personal mutes over the API, and the one count on pages."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from harness import square
from in_process import PASSWORD, Browser, make_app

import models
from domain import accounts, mutes
from models import AreaOfInterest, Incident

HOUR = timedelta(hours=1)


@pytest.fixture
def app(database: Path) -> Flask:
    """Return an application with an incident that alerts in two areas, and accounts of both roles."""
    assert database.exists()
    app = make_app()
    accounts.create("ed", "editor", PASSWORD)
    accounts.create("vera", "viewer", PASSWORD)
    for name in ("Town", "Harbour"):
        AreaOfInterest.create(name=name, polygon=square(0, 0, 10))
    fire("Fire")
    return app


def fire(name: str, severity: str = "HI") -> int:
    new = Incident(name=name, severity=severity)
    new.location = (5, 5)
    new.save()
    return int(new.id)


class Caller(Browser):
    """A person whose pages call the API."""

    def __init__(self, app: Flask, name: str) -> None:
        super().__init__(app)
        self.sign_in(name)
        page = self.get("/tracker/incident/").text
        self.token = page.partition('name="csrf-token" content="')[2].partition('"')[0]

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        return self.client.open(
            path,
            method=method,
            base_url=self.base_url,
            data=None if body is None else json.dumps(body),
            headers={"Content-Type": "application/json", "X-CSRFToken": self.token, **headers},
        )

    @property
    def alerts(self) -> Any:
        return self.call("GET", "/api/alerts/").json

    @property
    def badge(self) -> str:
        page = self.get("/tracker/incident/").text
        badge = page.partition('id="unread"')[2].partition("</span>")[0]
        return "" if badge.startswith(" hidden") else badge.partition(">")[2]


def soon(hours: float = 1) -> str:
    return (datetime.now(UTC) + hours * HOUR).isoformat()


def test_incident_is_acknowledged_handed_over_and_released_with_all_its_areas(app: Flask) -> None:
    ada, ed = Caller(app, "ada"), Caller(app, "ed")
    assert (ada.badge, ed.badge, ada.alerts["unacknowledged"]) == ("1", "1", 1)
    answer = ada.call("POST", "/api/alerts/acknowledge/", {"incidents": [1], "note": "mine"})
    assert [alert["acknowledged_by"] for alert in answer.json["alerts"]] == ["ada", "ada"]
    assert (ada.badge, ed.badge) == ("", "")
    assert ed.call("GET", "/api/alerts/hand_over/").json == {"accounts": ["ada", "ed"]}
    seen = ed.alerts["seq"]
    body = {"incidents": [1], "to": "ed", "seen": seen}
    answer = ada.call("POST", "/api/alerts/hand_over/", body)
    assert [alert["acknowledged_by"] for alert in answer.json["alerts"]] == ["ed", "ed"]
    late = ada.call("POST", "/api/alerts/release/", {"incidents": [1], "seen": seen})
    assert late.status_code == 409
    assert [alert["acknowledged_by"] for alert in late.json["alerts"]] == ["ed", "ed"]
    answer = ed.call("POST", "/api/alerts/release/", {"incidents": [1], "seen": ed.alerts["seq"]})
    assert [alert["state"] for alert in answer.json["alerts"]] == ["open", "open"]
    assert ada.badge == "1"


def test_repeated_release_gets_the_first_answer(app: Flask) -> None:
    ada = Caller(app, "ada")
    ada.call("POST", "/api/alerts/acknowledge/", {"incidents": [1]})
    key = {"Idempotency-Key": "once"}
    first = ada.call("POST", "/api/alerts/release/", {"incidents": [1]}, **key)
    ada.call("POST", "/api/alerts/acknowledge/", {"incidents": [1]})
    again = ada.call("POST", "/api/alerts/release/", {"incidents": [1]}, **key)
    assert again.data == first.data
    assert ada.alerts["unacknowledged"] == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "alerts"),
        ({"alerts": [1], "incidents": [1]}, "alerts"),
        ({"incidents": "1"}, "incidents"),
        ({"incidents": [True]}, "incidents"),
        ({"incidents": [1 << 70]}, "incidents"),
        ({"alerts": [1], "seen": -1}, "seen"),
        ({"alerts": [1], "note": "x"}, "note"),
    ],
)
def test_bad_release_is_refused(app: Flask, body: dict[str, Any], field: str) -> None:
    answer = Caller(app, "ada").call("POST", "/api/alerts/release/", body)
    assert (answer.status_code, set(answer.json["fields"])) == (422, {field})


def test_viewers_change_nothing_but_their_own_mutes(app: Flask) -> None:
    vera = Caller(app, "vera")
    for path, body in (
        ("/api/alerts/release/", {"incidents": [1]}),
        ("/api/alerts/hand_over/", {"incidents": [1], "to": "ed"}),
        ("/api/areas/1/mute/", {"until": soon()}),
    ):
        assert vera.call("POST", path, body).status_code == 403, path
    assert vera.call("GET", "/api/alerts/hand_over/").status_code == 403
    answer = vera.call("POST", "/api/areas/1/mute_for_me/", {"until": soon(), "reason": "drill"})
    assert (answer.status_code, answer.json["area"], answer.json["reason"]) == (
        200,
        "AreaOfInterest:1",
        "drill",
    )


def test_personal_mute_is_for_one_account_in_its_api_and_pages(app: Flask) -> None:
    """The other account has the count of before. The mute is in no answer for others."""
    ada, ed = Caller(app, "ada"), Caller(app, "ed")
    for pk in (1, 2):
        assert ada.call("POST", f"/api/areas/{pk}/mute_for_me/", {"until": soon()}).status_code == 200
    assert (ada.badge, ed.badge) == ("", "1")
    assert [mute["area"] for mute in ada.alerts["personal_mutes"]] == ["AreaOfInterest:1", "AreaOfInterest:2"]
    assert ed.alerts["personal_mutes"] == []
    assert ada.alerts["account"] != ed.alerts["account"]
    assert ada.alerts["account_name"] == "ada"
    answer = ada.call("POST", "/api/areas/1/mute_for_me/", {"until": None})
    assert answer.json == {"area": "AreaOfInterest:1", "until": None}
    assert ada.badge == "1"


@pytest.mark.parametrize("until", ["", "2001-01-01T00:00:00Z", 7, "tomorrow"])
def test_bad_end_of_a_personal_mute_is_refused(app: Flask, until: Any) -> None:
    answer = Caller(app, "ada").call("POST", "/api/areas/1/mute_for_me/", {"until": until})
    assert (answer.status_code, set(answer.json["fields"])) == (422, {"until"})


def test_unknown_area_is_not_muted(app: Flask) -> None:
    ada = Caller(app, "ada")
    for until in (soon(), None):
        assert ada.call("POST", "/api/areas/99/mute_for_me/", {"until": until}).status_code == 404


def test_area_has_the_reason_of_its_mute(app: Flask) -> None:
    """A client that sends the area back with it changes nothing."""
    ada = Caller(app, "ada")
    muted = ada.call("POST", "/api/areas/1/mute/", {"until": soon(), "reason": "drill"})
    assert muted.json["properties"]["mute_reason"] == "drill"
    assert ada.call("PATCH", "/api/areas/1/", {"properties": muted.json["properties"]}).status_code == 200
    changed = {"properties": {"mute_reason": "other"}}
    assert ada.call("PATCH", "/api/areas/1/", changed).status_code == 422
    refused = ada.call("POST", "/api/areas/1/mute/", {"until": soon(), "reason": "x" * 1001})
    assert set(refused.json["fields"]) == {"reason"}


def test_open_alerts_come_in_the_order_of_the_pages(app: Flask) -> None:
    ada = Caller(app, "ada")
    fire("Blast", "UR")
    ada.call("POST", "/api/alerts/acknowledge/", {"incidents": [1]})
    names = [alert["incident_name"] for alert in ada.alerts["alerts"]]
    assert names == ["Blast", "Blast", "Fire", "Fire"]


def test_end_of_a_personal_mute_reaches_the_pages_of_its_account(app: Flask) -> None:
    """The entry comes by the log, so that pages that were away get it, too."""
    ada = Caller(app, "ada")
    ada.call("POST", "/api/areas/1/mute_for_me/", {"until": soon()})
    seen = ada.alerts["seq"]
    models.PersonalMute.update(until="2001-01-01T00:00:00.000000Z").execute()
    mutes.end_mutes()
    entries = [json.loads(text) for _, text in models.Notification.after(seen, 1 << 20)]
    (ended,) = [entry for entry in entries if entry["type"] == "personal_mute"]
    assert (ended["account"], ended["area"], ended["until"]) == (
        ada.alerts["account"],
        "AreaOfInterest:1",
        None,
    )


def test_mute_can_be_given_in_minutes_of_the_server(app: Flask) -> None:
    """So a wrong clock of the viewer does not shift its end."""
    ada = Caller(app, "ada")
    before = datetime.now(UTC)
    for path in ("/api/areas/1/mute_for_me/", "/api/areas/1/mute/"):
        answer = ada.call("POST", path, {"minutes": 90})
        found = answer.json.get("until") or answer.json["properties"]["muted_until"]
        assert before + 1.5 * HOUR <= datetime.fromisoformat(found) <= datetime.now(UTC) + 1.5 * HOUR


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "until"),
        ({"minutes": 0}, "minutes"),
        ({"minutes": 1.5}, "minutes"),
        ({"minutes": True}, "minutes"),
        ({"minutes": 1 << 70}, "minutes"),
        ({"minutes": 5, "until": None}, "minutes"),
    ],
)
def test_bad_length_of_a_mute_is_refused(app: Flask, body: dict[str, Any], field: str) -> None:
    answer = Caller(app, "ada").call("POST", "/api/areas/1/mute_for_me/", body)
    assert (answer.status_code, set(answer.json["fields"])) == (422, {field})
