"""A client that knows only the log, and functions that compare it with the tables."""

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

from shapely import Point
from shapely.geometry import shape

from domain import check

LEVELS = ("IN", "LO", "ME", "HI", "UR")
WORDS = {"IN": "Info", "LO": "Low", "ME": "Medium", "HI": "High", "UR": "Urgent"}


class Replay:
    """The state of a client that has applied every message of the log in order, and nothing else.

    Raises AssertionError at a message that can't follow those before it.
    """

    def __init__(self, seq: int = 0) -> None:
        self.seq = seq
        self.features: dict[str, dict[str, Any]] = {}  # incidents and areas, by their ids
        self.alerts: dict[int, tuple[str, str]] = {}  # the open ones: incident and area
        self.taken: dict[int, tuple[str, str]] = {}  # of these, the acknowledged ones: name and note

    def take(self, message: dict[str, Any]) -> None:
        assert message["seq"] == self.seq + 1, f"{message['seq']} follows {self.seq}"
        self.seq += 1
        getattr(self, f"_{message['type']}")(message)

    def _post_save(self, message: dict[str, Any]) -> None:
        feature = message["feature"]
        assert (feature["id"] not in self.features) is message["created"], message
        self.features[feature["id"]] = feature

    def _post_delete(self, message: dict[str, Any]) -> None:
        del self.features[message["feature"]["id"]]

    def _alert(self, message: dict[str, Any]) -> None:
        assert message["feature"] == self.features[message["feature"]["id"]]
        for area in message["areas_of_interest"]:
            pair = (message["feature"]["id"], area["id"])
            if area["reason"] == "raised":
                assert area["alert"] not in self.alerts
                assert pair not in self.alerts.values()
                self.alerts[area["alert"]] = pair
            assert self.alerts[area["alert"]] == pair
            if area["reason"] == "escalated":
                self.taken.pop(area["alert"], None)

    def _alert_acknowledged(self, message: dict[str, Any]) -> None:
        for alert in message["alerts"]:
            assert self.alerts[alert["id"]] == (alert["incident"], alert["area"])
            assert alert["id"] not in self.taken
            self.taken[alert["id"]] = (message["by"], message["note"])

    def _alert_released(self, message: dict[str, Any]) -> None:
        for alert in message["alerts"]:
            del self.taken[alert["id"]]

    def _alert_handed_over(self, message: dict[str, Any]) -> None:
        for alert in message["alerts"]:
            _, note = self.taken[alert["id"]]
            self.taken[alert["id"]] = (message["to"], message["note"] or note)

    def _personal_mute(self, message: dict[str, Any]) -> None:
        assert set(message) >= {"account", "area", "until", "since"}

    def _alert_cleared(self, message: dict[str, Any]) -> None:
        for alert in message["alerts"]:
            assert self.alerts.pop(alert["id"]) == (alert["incident"], alert["area"])
            self.taken.pop(alert["id"], None)


def read_log(database: Path) -> list[bytes]:
    """Return the log's messages as clients are sent them. The seq must have no gap, and the file no fault."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT seq, mark, message FROM notification ORDER BY seq").fetchall()
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert [seq for seq, *_ in rows] == list(range(1, len(rows) + 1))
    return [f'{{"seq":{seq},"mark":"{mark}",{message[1:]}'.encode() for seq, mark, message in rows]


def assert_log_and_tables_agree(database: Path) -> Replay:
    """Check that a client of the log knows exactly the tables, and that the alerts are correct.

    An alert must be open for every open incident in an area whose severity it reaches. This holds where no
    area was saved over earlier incidents.
    """
    assert problems_of(database) == []
    replay = Replay()
    for message in read_log(database):
        replay.take(json.loads(message))
    with contextlib.closing(sqlite3.connect(database)) as connection:
        incidents = connection.execute(
            "SELECT id, name, description, severity, closed, longitude, latitude, updated FROM incident"
        ).fetchall()
        areas = connection.execute("SELECT id, name, severity, polygon FROM area_of_interest").fetchall()
        alerts = connection.execute(
            "SELECT id, incident_id, area_id, acknowledged_by, note FROM alert WHERE cleared IS NULL"
        ).fetchall()
    assert {id_: _seen(feature) for id_, feature in replay.features.items()} == {
        **{
            f"Incident:{id_}": (name, text, WORDS[code], bool(closed), [x, y], updated)
            for id_, name, text, code, closed, x, y, updated in incidents
        },
        **{
            f"AreaOfInterest:{id_}": (name, WORDS[code], json.loads(polygon)["coordinates"])
            for id_, name, code, polygon in areas
        },
    }
    found = {(f"Incident:{incident}", f"AreaOfInterest:{area}") for _, incident, area, _, _ in alerts}
    assert replay.alerts == {
        id_: (f"Incident:{incident}", f"AreaOfInterest:{area}") for id_, incident, area, _, _ in alerts
    }
    assert replay.taken == {id_: (by, note) for id_, _, _, by, note in alerts if by is not None}
    shapes = [(id_, LEVELS.index(code), shape(json.loads(polygon))) for id_, _, code, polygon in areas]
    assert found == {
        (f"Incident:{id_}", f"AreaOfInterest:{area}")
        for id_, _, _, code, closed, x, y, _ in incidents
        for area, level, polygon in shapes
        if not closed and LEVELS.index(code) >= level and polygon.covers(Point(x, y))
    }
    return replay


def problems_of(database: Path) -> list[str]:
    """Return what `python tracker.py check` would list."""
    with check.snapshot(database) as connection:
        parts = check.parts(connection, database)
        return [problem for part in parts for problem in part.problems(lambda _rows: None)]


def _seen(feature: dict[str, Any]) -> tuple[Any, ...]:
    properties, coordinates = feature["properties"], feature["geometry"]["coordinates"]
    if properties["model"] == "AreaOfInterest":
        return properties["name"], properties["severity"], coordinates
    names = ("name", "description", "severity", "closed")
    return *(properties[name] for name in names), coordinates, properties["updated"]
