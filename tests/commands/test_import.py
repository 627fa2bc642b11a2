"""`python tracker.py import` in a process of its own: many kinds of GeoJSON into the database."""

import json
import math
import os
import pty
import random
import re
import sqlite3
import subprocess
import sys
import termios
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from conftest import OpenScreen, StartServer
from harness import (
    ROOT,
    Feature,
    Person,
    Screen,
    Server,
    collection,
    feature,
    incident,
    point,
    run_tracker,
    square,
    wait_until,
)
from playwright.sync_api import expect
from replay import assert_log_and_tables_agree

import models
from commands import importer

BOW_TIE = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}
LEVELS = ("--severity", "mag", "--levels", "2.5,4.5,6,7")


def imported(server: Server, content: object, *options: str) -> subprocess.CompletedProcess[str]:
    """Import, and check that everything succeeded."""
    done = server.import_geojson(content, *options)
    assert done.returncode == 0, done.stderr
    return done


def rows(database: Path, table: str) -> int:
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


# Input


def test_feature_becomes_an_incident(server: Server, person: Person) -> None:
    """A Feature with a Point is an open incident at that place; a height is left out."""
    imported(server, feature({"type": "Point", "coordinates": [12.5, 41.9, 37]}, name="Alone"))
    (found,) = person.named("Alone")
    assert found["geometry"] == point(12.5, 41.9)
    assert (found["properties"]["severity"], found["properties"]["closed"]) == ("Medium", False)


def test_collection_becomes_incidents_and_areas(server: Server, person: Person) -> None:
    """In a FeatureCollection points are incidents and polygons areas."""
    imported(server, collection(incident("Mixed point"), feature(square(0, 0), name="Mixed area")))
    assert len(person.named("Mixed")) == 1
    assert len(person.named("Mixed", "area_of_interest")) == 1


@pytest.mark.parametrize(
    ("geometry", "kind"), [(point(3, 4), "incident"), (square(3, 4), "area_of_interest")]
)
def test_bare_geometry_is_read(server: Server, person: Person, geometry: Feature, kind: str) -> None:
    """A geometry without a Feature is imported under a made-up name."""
    before = {found["id"] for found in person.collection(kind)["features"]}
    imported(server, geometry)
    (new,) = (found for found in person.collection(kind)["features"] if found["id"] not in before)
    assert new["geometry"] == geometry
    assert new["properties"]["name"]


def test_multipolygon_becomes_an_area_for_each_part(server: Server, person: Person) -> None:
    """Each part of a MultiPolygon is an area of its own."""
    parts = [square(0, 0), square(5, 5, 3, hole=1)]
    geometry = {"type": "MultiPolygon", "coordinates": [part["coordinates"] for part in parts]}
    imported(server, feature(geometry, name="Archipelago"))
    found = person.named("Archipelago", "area_of_interest")
    assert sorted((area["geometry"] for area in found), key=str) == sorted(parts, key=str)


def test_standard_input_is_read(server: Server, person: Person) -> None:
    """`-` reads the output of another program."""
    env = {"TRACKER_DATABASE": str(server.database)}
    text = json.dumps(incident("Piped, in Θεσσαλονίκη"), ensure_ascii=False)
    done = run_tracker(server.folder, "import", "-", stdin=text, env=env)
    assert done.returncode == 0, done.stderr
    assert person.named("Piped, in Θεσσαλονίκη")


def test_database_option_says_where(tmp_path: Path) -> None:
    """--database works for the import, too. If the file does not exist, the import creates it and says so."""
    (tmp_path / "in.geojson").write_text(json.dumps(incident("First of all")))
    done = run_tracker(tmp_path, "--database", "own.db", "import", "in.geojson")
    assert done.returncode == 0, done.stderr
    assert "own.db is a new database" in done.stderr
    assert rows(tmp_path / "own.db", "incident") == 1
    done = run_tracker(tmp_path, "--database", "own.db", "import", "in.geojson")
    assert done.stderr == ""


def test_empty_collection_is_no_error(server: Server) -> None:
    """An empty collection is imported without an error."""
    imported(server, collection())


def test_many_are_imported_and_counted(server: Server, person: Person) -> None:
    """A thousand features arrive, and the last line says how many."""
    done = imported(server, collection(*(incident(f"Many {n}", n / 10, n / 20) for n in range(1000))))
    assert len(person.named("Many ")) == 1000
    assert re.search(r"\b1,?000\b", done.stdout + done.stderr)


def test_terminal_shows_a_progress_bar(tmp_path: Path) -> None:
    """On a terminal a bar shows how far it is."""
    (tmp_path / "in.geojson").write_text(json.dumps(collection(*(incident(f"Bar {n}") for n in range(100)))))
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    command = [sys.executable, str(ROOT / "tracker.py"), "--database", "own.db", "import", "in.geojson"]
    subprocess.run(command, cwd=tmp_path, stdout=theirs, stderr=theirs, check=True, timeout=60)
    shown = os.read(ours, 100_000).decode()
    os.close(theirs)
    os.close(ours)
    assert re.search(r"\d+%", shown)


# Again


def test_importing_again_updates(server: Server, person: Person) -> None:
    """The import keeps a feature's own id.

    So the next import of a feed updates the incidents of the first.
    """
    quake = {**incident("Quake, first guess", 10, 10), "id": "nc7219"}
    imported(server, quake)
    (before,) = person.named("Quake")
    imported(server, {**incident("Quake, revised", 11, 10), "id": "nc7219"})
    (after,) = person.named("Quake")
    assert after["id"] == before["id"]
    assert after["geometry"] == point(11, 10)
    assert after["properties"]["created"] == before["properties"]["created"]


def test_importing_again_keeps_multipolygon_parts_apart(server: Server, person: Person) -> None:
    """A second import updates each part of a MultiPolygon with an id. It neither doubles nor merges them."""
    geometry = {"type": "MultiPolygon", "coordinates": [square(x, 50)["coordinates"] for x in (0, 5, 10)]}
    for _ in range(2):
        imported(server, {**feature(geometry, name="Isles"), "id": "isles"})
    assert len(person.named("Isles", "area_of_interest")) == 3


def test_numbers_are_ids_too(server: Server, person: Person) -> None:
    """RFC 7946 allows a number as id; 0 is one."""
    for name in ("Numbered once", "Numbered twice"):
        imported(server, {**incident(name), "id": 0})
    (found,) = person.named("Numbered")
    assert found["properties"]["name"] == "Numbered twice"


def test_point_and_polygon_may_have_the_same_id(server: Server, person: Person) -> None:
    """An incident and an area with the same id do not overwrite each other."""
    imported(server, {**incident("Same id"), "id": "x1"})
    imported(server, {**feature(square(0, 0), name="Same id"), "id": "x1"})
    assert len(person.named("Same id")) == len(person.named("Same id", "area_of_interest")) == 1


def test_without_an_id_importing_again_adds(server: Server, person: Person) -> None:
    """Features without an id are all kept, because a second import can't recognise them."""
    for _ in range(2):
        imported(server, incident("Nameless twin"))
    assert len(person.named("Nameless twin")) == 2


# Names and severities


@pytest.mark.parametrize("key", ["name", "title", "place"])
def test_name_is_guessed(server: Server, person: Person, key: str) -> None:
    """Without --name the import reads the properties in which feeds usually have the name."""
    imported(server, feature(point(0, 0), **{key: f"Guessed from {key}", "other": "?"}))
    assert person.named(f"Guessed from {key}")


def test_name_option_says_which_property(server: Server, person: Person) -> None:
    """--name wins over the guesses."""
    imported(server, feature(point(0, 0), name="The usual", etiket="The chosen"), "--name", "etiket")
    assert person.named("The chosen")
    assert not person.named("The usual")


def test_features_without_a_name_bring_a_hint(server: Server, person: Person) -> None:
    """Without names, the import prints the option that sets one, and the properties that would fit."""
    plate = feature(square(50, 50), LAYER="plate", Code="AF", PlateName="Africa", area=1.5, note="")
    done = imported(server, {**plate, "id": "plate-1"})
    assert done.stderr.count("\n") == 1
    assert re.search(r"--name PROPERTY .*LAYER, Code, PlateName\?$", done.stderr.strip())
    done = imported(server, {**plate, "id": "plate-1"}, "--name", "PlateName")
    assert done.stderr == ""
    assert person.named("Africa", "area_of_interest")


WORDS: list[tuple[object, str]] = [
    ("High", "High"),
    ("urgent", "Urgent"),
    ("LO", "Low"),
    ("dire", "Medium"),
    (None, "Medium"),
    (5, "Medium"),
    ([], "Medium"),
]


def test_severity_is_guessed(server: Server, person: Person) -> None:
    """`severity` may be a word or a code. Any other value becomes Medium."""
    imported(server, collection(*(incident(f"Worded {value!r}", severity=value) for value, _ in WORDS)))
    assert severities(person, "Worded ") == {f"Worded {value!r}": severity for value, severity in WORDS}


def severities(person: Person, name: str) -> dict[str, str]:
    """Return the severity of each incident whose name starts so."""
    found = (stored["properties"] for stored in person.named(name))
    return {properties["name"]: properties["severity"] for properties in found}


def test_severity_option_says_which_property(server: Server, person: Person) -> None:
    """--severity without levels reads words and codes of another property."""
    imported(server, feature(point(0, 0), name="By prio", prio="UR", severity="LO"), "--severity", "prio")
    assert person.named("By prio")[0]["properties"]["severity"] == "Urgent"


MAGNITUDES: list[tuple[object, str]] = [
    (-1, "Info"),
    (2.49, "Info"),
    (2.5, "Low"),
    (4.49, "Low"),
    (4.5, "Medium"),
    (5.99, "Medium"),
    (6, "High"),
    (6.99, "High"),
    (7, "Urgent"),
    (9.5, "Urgent"),
    ("6.1", "High"),
    (None, "Info"),
    ("strong", "Info"),
    ([7], "Info"),
    (True, "Info"),
]


def test_levels_map_numbers(server: Server, person: Person) -> None:
    """Below the first level is Info, from the last on Urgent. A value that is not a number is Info."""
    features = [incident(f"Magnitude {value!r}", mag=value) for value, _ in MAGNITUDES]
    imported(server, collection(*features, incident("Magnitude left out")), *LEVELS)
    expected = {f"Magnitude {value!r}": severity for value, severity in MAGNITUDES}
    assert severities(person, "Magnitude ") == {**expected, "Magnitude left out": "Info"}


@pytest.mark.parametrize("levels", ["", "a,b,c,d", "1,2,3", "1,2,3,4,5", "4,3,2,1", "1,2,3,nan"])
def test_bad_levels_are_refused(server: Server, levels: str) -> None:
    """Levels are four rising numbers. Others are refused in one line, and nothing is stored."""
    before = server.health()["seq"]
    done = server.import_geojson(incident("Unlevelled"), "--severity", "mag", f"--levels={levels}")
    assert_refused(done)
    assert server.health()["seq"] == before


def assert_refused(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 2, done
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "Traceback" not in done.stderr


# Errors


BAD: dict[str, Any] = {
    "crosses itself": feature(BOW_TIE, name="bad"),
    "longitude of 400": incident("bad", 400, 0),
    "latitude of 91": incident("bad", 0, 91),
    "no geometry": feature(None, name="bad"),
    "geometry left out": {"type": "Feature", "properties": {"name": "bad"}},
    "open ring": feature({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1]]]}, name="bad"),
    "short ring": feature({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [0, 0]]]}, name="bad"),
    "no rings": feature({"type": "Polygon", "coordinates": []}, name="bad"),
    "a line": feature({"type": "LineString", "coordinates": [[0, 0], [1, 1]]}, name="bad"),
    "coordinates of text": feature({"type": "Point", "coordinates": ["1", "2"]}, name="bad"),
    "coordinates of booleans": feature({"type": "Point", "coordinates": [True, False]}, name="bad"),
    "too few coordinates": feature({"type": "Point", "coordinates": [1]}, name="bad"),
    "no coordinates": feature({"type": "Point"}, name="bad"),
    "coordinates of null": feature({"type": "Point", "coordinates": None}, name="bad"),
    "not a number": incident("bad", float("nan"), 0),
    "infinite": incident("bad", float("inf"), 0),
    "a number beyond floats": incident("bad", 10**400, 0),
    "unknown geometry": feature({"type": "Circle", "coordinates": [0, 0]}, name="bad"),
    "geometry of text": feature("POINT (1 2)", name="bad"),
    "properties of text": {"type": "Feature", "geometry": point(0, 0), "properties": "bad"},
    "no feature": {"type": "Banana"},
    "a number": 5,
    "null": None,
    "a list": [1, 2],
    "one bad part": feature(
        {"type": "MultiPolygon", "coordinates": [square(0, 0)["coordinates"], BOW_TIE["coordinates"]]},
        name="bad",
    ),
}


@pytest.fixture(scope="module")
def bad_import(server: Server) -> subprocess.CompletedProcess[str]:
    """Import all bad features, each between good ones. The first is the 2nd of the file, the next the 4th."""
    features: list[object] = [incident("Neighbour 0")]
    for number, bad in enumerate(BAD.values(), 1):
        features += [bad, incident(f"Neighbour {number}")]
    return server.import_geojson({"type": "FeatureCollection", "features": features})


@pytest.mark.parametrize("bad", BAD)
def test_bad_feature_is_reported(bad_import: subprocess.CompletedProcess[str], bad: str) -> None:
    """For a bad feature the import prints one line with its position in the file and the reason."""
    position = 2 + 2 * list(BAD).index(bad)
    lines = bad_import.stderr.splitlines()
    assert len([line for line in lines if re.search(rf"\b{position}\b.*: .{{5,}}", line)]) == 1, lines


def test_bad_features_stop_no_others(person: Person, bad_import: subprocess.CompletedProcess[str]) -> None:
    """The import stores all good features and nothing of a bad one. The exit status is 1."""
    assert bad_import.returncode == 1
    assert "Traceback" not in bad_import.stderr
    assert len(person.named("Neighbour")) == len(BAD) + 1
    assert not person.named("bad")
    assert not person.named("bad", "area_of_interest")


def test_a_feature_without_properties_is_imported(server: Server, person: Person) -> None:
    """Properties may be null; the incident is given a name nevertheless."""
    before = {found["id"] for found in person.collection()["features"]}
    imported(server, {"type": "Feature", "geometry": point(2, 2), "properties": None})
    (new,) = (found for found in person.collection()["features"] if found["id"] not in before)
    assert new["properties"]["name"]


ODD: list[object] = [5, None, True, 1.5, [1], {"a": 1}, "", "   ", "x" * 10_000, "\ud800", "a\x00b"]


@pytest.mark.parametrize("key", ["name", "id"])
def test_odd_name_or_id_is_no_crash(server: Server, person: Person, key: str) -> None:
    """A name or an id of the wrong type is replaced or reported, and the others are imported."""
    features: list[Feature] = []
    for odd in ODD:
        subject = {**incident("Odd id"), "id": odd} if key == "id" else feature(point(0, 0), name=odd)
        features += [subject, incident(f"After odd {key}")]
    done = server.import_geojson(collection(*features))
    assert done.returncode in {0, 1}
    assert "Traceback" not in done.stderr
    assert len(person.named(f"After odd {key}")) == len(ODD)


NOT_GEOJSON: dict[str, bytes] = {
    "empty": b"",
    "text": b"Dear diary",
    "cut off": b'{"type": "FeatureCollection", "features": [',
    "a number": b"5",
    "null": b"null",
    "a list": b"[]",
    "a string": b'"Feature"',
    "an object": b"{}",
    "another type": b'{"type": "Topology", "objects": {}}',
    "type is a list": b'{"type": ["Feature"]}',
    "no features": b'{"type": "FeatureCollection"}',
    "features is an object": b'{"type": "FeatureCollection", "features": {}}',
    "broken UTF-8": b'{"type": "Feature", "geometry": null, "properties": {"name": "\xff\xfe"}}',
    "UTF-16": '{"type": "Feature"}'.encode("utf-16"),
    "deep": b"[" * 200_000,
    "deep object": b'{"type":' * 200_000,
    "endless number": b'{"type": "Point", "coordinates": [' + b"9" * 10_000 + b", 0]}",
    "binary": bytes(range(256)),
}


@pytest.mark.parametrize("content", NOT_GEOJSON.values(), ids=NOT_GEOJSON)
def test_other_input_is_refused(server: Server, content: bytes) -> None:
    """Input that is not GeoJSON is refused in one line with status 2, and nothing is stored."""
    before = server.health()["seq"]
    path = server.folder / "other.geojson"
    path.write_bytes(content)
    assert_refused(run_tracker(server.folder, "import", path, env={"TRACKER_DATABASE": str(server.database)}))
    assert server.health()["seq"] == before


def test_missing_file_is_refused(tmp_path: Path) -> None:
    """The error for a missing file names it in one line, and no database is created."""
    done = run_tracker(tmp_path, "import", "missing.geojson")
    assert_refused(done)
    assert "missing.geojson" in done.stderr
    assert not list(tmp_path.iterdir())


def test_foreign_database_is_refused(tmp_path: Path) -> None:
    """The import refuses a database of another program."""
    (tmp_path / "in.geojson").write_text(json.dumps(incident("Lost")))
    (tmp_path / "diary.db").write_text("Dear diary, " * 100)
    assert_refused(run_tracker(tmp_path, "import", "in.geojson", env={"TRACKER_DATABASE": "diary.db"}))


def test_update_without_a_usable_value_keeps_the_severity(server: Server, person: Person) -> None:
    """A second import without --severity does not change every severity to Info."""
    quake = {**incident("Severe quake", 11, 12), "id": "severe1"}
    quake["properties"]["mag"] = 7.4
    imported(server, quake, "--severity", "mag", "--levels", "2.5,4.5,6,7")
    imported(server, quake, "--levels", "2.5,4.5,6,7")
    (kept,) = person.named("Severe quake")
    assert kept["properties"]["severity"] == "Urgent"


def test_update_without_a_name_keeps_the_name(server: Server, person: Person) -> None:
    """A second import without --name does not replace names by numbers."""
    plate = {**feature(square(20, -60), PlateName="Scotia", other=1), "id": "scotia"}
    imported(server, plate, "--name", "PlateName")
    assert "1 unchanged" in imported(server, plate).stdout
    assert person.named("Scotia", "area_of_interest")


# Beside a server


def test_import_and_server_raise_alerts_side_by_side(start_server: StartServer) -> None:
    """Two processes change alerts at once. The log has no gap, and each alert is correct and sent once."""
    server = start_server()
    person = server.person()
    for west, severity in ((0, "Medium"), (5, "Low"), (12, "Urgent")):
        person.save_area(f"From {west}", square(west, 0, 10), severity=severity)
    stored = [person.save_incident(f"Ours {n}", n, 5, severity="Medium") for n in range(20)]
    chance = random.Random(6)
    with person.watch() as watch:
        saved = 0
        for wave in range(2):  # the second import moves the incidents of the first
            feed = [
                {**incident(f"Theirs {n}", chance.uniform(0, 30), 5), "id": f"feed-{n}"} for n in range(300)
            ]
            for quake in feed:
                quake["properties"]["mag"] = chance.uniform(1, 8)
            with ThreadPoolExecutor(1) as pool:
                importing = pool.submit(server.import_geojson, collection(*feed), *LEVELS)
                while not importing.done():
                    one = chance.choice(stored)
                    severity = chance.choice(["Info", "Medium", "Urgent"])
                    place = point(chance.choice([2, 7, 13, 40]), 5)
                    person.change(one, place, severity=severity, closed=chance.random() < 0.3)
                    saved += 1
                assert importing.result().returncode == 0, wave
        assert saved > 10
        last = person.save_incident("The last of all")
        watch.wait_for_type("post_save", last)
    seqs = [message["seq"] for message in watch.messages[1:]]
    assert seqs == list(range(watch.hello["seq"] + 1, seqs[-1] + 1))
    assert server.stop() == 0
    replay = assert_log_and_tables_agree(server.database)
    assert len(replay.alerts) > 100


def test_feed_of_the_day_arrives_in_all_browsers_and_alerts(
    start_server: StartServer, open_screen: OpenScreen
) -> None:
    """Feeds like the plates and the day's earthquakes reach two open browsers through the running server.

    The first has 54 plates, one invalid and two in parts; the second has 146 earthquakes. Nobody reloads. A
    dialog names an earthquake and its plate, and a client is sent a message for each.
    """
    server = start_server()
    person = server.person()
    screens = [open_screen(person), open_screen(server.person())]
    for screen in screens:
        screen.open_map()
        screen.page.evaluate("window.notReloaded = true")
    with person.watch() as watch:
        done = server.import_geojson(plates(), "--name", "PlateName")
        assert done.returncode == 1
        assert re.match(r"feature 54: .*", done.stderr)
        assert "55 new" in done.stdout
        assert imported(server, quakes(), *LEVELS).stdout.startswith("146 new")
        watch.wait_for_type("alert", "M 7.2 - Far from everybody 145")
        assert sum(message["type"] == "post_save" for message in watch.messages) == 55 + 146
        (alert,) = [message for message in watch.messages if message["type"] == "alert"]
        assert [area["name"] for area in alert["areas_of_interest"]] == ["Plate 12"]
    areas, incidents = person.collection("area_of_interest"), person.collection()
    assert (len(areas["features"]), len(incidents["features"])) == (55, 146)
    for screen in screens:
        dialog = screen.page.get_by_role("dialog")
        expect(dialog).to_contain_text("M 7.2 - Far from everybody 145")
        expect(dialog).to_contain_text("Plate 12")
        for source, count in (("incidents", 146), ("areas", 55)):
            wait_until(partial(has_drawn, screen, source, count), what=f"{count} {source} on the map")
        assert screen.page.evaluate("window.notReloaded")


def has_drawn(screen: Screen, source: str, count: int) -> bool:
    """Return whether the map has drawn this many features, single ones and those in clusters."""
    script = """async (name) => {
      const {features} = await tracker.map.getSource(name).getData();
      return features.reduce((sum, {properties: {count = 1}}) => sum + count, 0);
    }"""
    return bool(screen.page.evaluate(script, source) == count)


def plates() -> Feature:
    """Return 54 features like tectonic_plates.geojson.

    Rings are long, the name has its own property, and one ring crosses itself.
    """
    found = []
    for number in range(53):
        west, south = -170 + number % 9 * 38, -80 + number // 9 * 25
        ring = rounded(west + 15, south + 10, 8, 400)
        shape = {"type": "Polygon", "coordinates": [ring]}
        if number in (7, 8):
            other = rounded(west + 30, south + 10, 4, 30)
            shape = {"type": "MultiPolygon", "coordinates": [[ring], [other]]}
        names = {"LAYER": "plate", "Code": f"P{number}", "PlateName": f"Plate {number}"}
        found.append(feature(shape, **names))
    return collection(*found, feature(BOW_TIE, LAYER="plate", Code="XX", PlateName="Twisted"))


def rounded(x: float, y: float, radius: float, count: int) -> list[list[float]]:
    turns = [2 * math.pi * n / count for n in range(count)]
    ring = [[x + radius * math.cos(turn), y + radius * math.sin(turn)] for turn in turns]
    return [*ring, ring[0]]


def quakes() -> Feature:
    """Return 146 features like usgs_earthquakes_day.geojson.

    All but one are small and outside all plates; that one alerts.
    """
    found = []
    for number in range(146):
        severe = number == 145
        magnitude = 7.2 if severe else 1 + number % 14 / 10
        x, y = (-170 + 12 % 9 * 38 + 15, -80 + 12 // 9 * 25 + 10) if severe else (-179 + number * 2.4, 84)
        place = f"Far from everybody {number}"
        properties = {
            "mag": magnitude,
            "place": place,
            "time": 1397474951100 + number,
            "felt": None,
            "status": "AUTOMATIC",
            "type": "earthquake",
            "title": f"M {magnitude} - {place}",
        }
        quake = feature({"type": "Point", "coordinates": [x, y, 4.3]}, **properties)
        found.append({**quake, "id": f"nc{number}"})
    metadata = {"title": "USGS All Earthquakes, Past Day", "count": 146}
    return {**collection(*found), "metadata": metadata, "bbox": [-180, -90, 0, 180, 90, 10]}


def test_import_ends_when_the_database_is_replaced(database: Path) -> None:
    """The features would be stored in a file that has no name any more."""
    database.unlink()
    with pytest.raises(models.TrackerError, match="the database was replaced meanwhile: import again; 3 new"):
        importer._store_batch([], Counter(new=3))
