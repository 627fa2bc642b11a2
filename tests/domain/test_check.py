"""`check`: finds each contradiction, and none where there is none."""

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from harness import run_tracker
from replay import problems_of

import models
from models import Alert, AreaOfInterest, Incident


def square(west: float, east: float) -> dict[str, Any]:
    return {
        "type": "Polygon",
        "coordinates": [[[west, 0], [east, 0], [east, 10], [west, 10], [west, 0]]],
    }


def incident(longitude: float = 5, **more: Any) -> Incident:
    new = Incident(name="Fire", **more)
    new.location = (longitude, 5)
    new.save()
    return new


@pytest.fixture
def sound(database: Path) -> Path:
    """A database with something of each kind; no incident but number 2 is in the area."""
    incident(0.1 + 0.2)  # whose decimals are many
    area = AreaOfInterest.create(name="Town", severity="LO", polygon=square(0, 10))
    town = incident(5, severity="HI")
    Alert.acknowledge([1], "on my way")
    incident(50).delete_instance()
    left = incident(6)
    left.closed = True
    left.save()
    area.mute(None)
    town.description = "It is large"
    town.save()
    other = models.User(name="ann", password_hash="", created=models.now())
    other.save()
    return database


def change(path: Path, *statements: str) -> list[str]:
    """Change the file behind the program's back, and return the problems that are found."""
    models.database.close()
    with closing(sqlite3.connect(path)) as database, database:
        for statement in statements:
            database.execute(statement)
    return problems_of(path)


def test_sound_database_has_no_problem(sound: Path) -> None:
    assert problems_of(sound) == []
    assert Alert.open().count() == 1


def test_random_coordinates_are_no_problem(database: Path) -> None:
    """Neither SQLite's nor Python's way to write a number counts."""
    chance = random.Random(27)
    for _ in range(200):
        incident(chance.uniform(-180, 180))
    assert problems_of(database) == []


def test_pruned_log_is_no_problem(sound: Path) -> None:
    """Saves before its beginning can't be compared with it."""
    (head,) = models.database.execute_sql("SELECT max(seq) FROM notification").fetchone()
    for seq in range(1, head + 1):
        models.database.execute_sql("DELETE FROM notification WHERE seq <= ?", (seq,))
        assert problems_of(sound) == [], seq


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("DELETE FROM notification WHERE seq = 3", "the log goes from entry 2 to 4"),
        ("DELETE FROM notification WHERE seq > 9", "the log ends with entry 9, and not with "),
        ("UPDATE notification SET message = 'no' WHERE seq = 3", "entry 3 of the log is not JSON"),
        (
            """UPDATE notification SET message = '{"type":"alert"}' WHERE message LIKE '{"type":"alert",%'""",
            "of the log can't be read: it is no message about alerts",
        ),
        ("DELETE FROM incident WHERE id = 1", "Incident:1 was saved by the log, and is not in its table"),
        (
            "UPDATE incident SET name = 'Flood' WHERE id = 1",
            "Incident:1 differs from entry 1 of the log: name",
        ),
        ("UPDATE incident SET latitude = 5.0000001 WHERE id = 1", "entry 1 of the log: coordinates"),
        ("UPDATE area_of_interest SET severity = 'IN'", "AreaOfInterest:1 differs from entry"),
        ("UPDATE incident SET id = 3 WHERE id = 1", "Incident:3 was deleted by the log, and is in its table"),
        ("UPDATE incident SET id = 9 WHERE id = 1", "Incident:9 is in its table, and no entry of the log"),
        (
            "UPDATE alert SET acknowledged_by = 'Bob' WHERE id = 1",
            "alert 1 was acknowledged by another person",
        ),
        ("UPDATE alert SET cleared = 'now' WHERE id = 1", "alert 1 has ended, and the log has not ended it"),
        (
            "UPDATE alert SET cleared = 'now' WHERE id = 1",
            "Incident:2 matches AreaOfInterest:1, and has no open",
        ),
        ("DELETE FROM alert WHERE id = 1", "alert 1 is open by the log, and is not in its table"),
        ("UPDATE alert SET cleared = NULL WHERE id = 2", "alert 2 is open, and the log has ended it"),
        ("UPDATE alert SET cleared = NULL WHERE id = 2", "Incident:4 has an open alert in AreaOfInterest:1"),
        (
            "UPDATE alert SET area_id = 7 WHERE id = 1",
            "alert 1 is of another incident or area than in the log",
        ),
        (
            "UPDATE alert SET incident_id = 77 WHERE id = 1",
            "there are open alerts of Incident:77, which does not",
        ),
        (
            "INSERT INTO reset VALUES ('h', 99, '2026')",
            "of reset refers to a row of user that does not exist",
        ),
    ],
)
def test_contradiction_is_found(sound: Path, statement: str, problem: str) -> None:
    found = change(sound, "PRAGMA foreign_keys = 0", statement)
    assert any(problem in text for text in found), found


def test_area_that_was_saved_over_incidents_needs_no_alerts(sound: Path) -> None:
    AreaOfInterest.create(name="Everything", severity="IN", polygon=square(-170, 170))
    assert problems_of(sound) == []


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda path: path.chmod(0o640), "own.db is not private (mode 0640): run `chmod 600` on it"),
        (lambda path: path.parent.chmod(0o777), "every account can replace files in "),
        (lambda path: path.with_name("own.db.replaced-20260101T000000Z").touch(0o644), "Z is not private"),
    ],
)
def test_wrong_permissions_are_found(sound: Path, spoil: Callable[[Path], None], problem: str) -> None:
    models.database.close()
    spoil(sound)
    assert any(problem in text for text in problems_of(sound))


def test_command_says_what_is_wrong_by_its_status(sound: Path) -> None:
    """The exit status is 0 for a sound database, 1 for a problem, and 2 for a file that is no database."""
    folder, name = sound.parent, ("--database", sound.name)
    done = run_tracker(folder, *name, "check")
    assert (done.returncode, done.stderr) == (0, ""), done
    assert "own.db is sound." in done.stdout
    change(sound, "UPDATE incident SET name = name || 'x'")
    done = run_tracker(folder, *name, "check")
    assert done.returncode == 1
    assert "log and incident: 3 problems" in done.stdout
    assert "own.db has 3 problems." in done.stdout
    before = sound.read_bytes()
    (folder / "none.db").write_text("no database " * 100)
    for wrong, reason in (("none.db", "file is not a database"), ("missing.db", "unable to open")):
        done = run_tracker(folder, "--database", wrong, "check")
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done
        assert reason in done.stderr
    assert sound.read_bytes() == before


def test_damaged_file_is_found(sound: Path) -> None:
    models.Setting.create(name="large", value="x" * (1 << 20))
    models.database.close()
    with sound.open("r+b") as file:
        file.seek(100 * 4096)
        file.write(b"\xff" * 4096)
    done = run_tracker(sound.parent, "--database", sound.name, "check")
    assert done.returncode == 1, done
    assert "file: 1 problem\n" in done.stdout
    assert "Traceback" not in done.stderr


def test_database_of_another_version_is_named(database: Path) -> None:
    """Only a database of this version is compared with its log."""
    models.database.execute_sql("DELETE FROM schema_migration WHERE name LIKE '0008%'")
    assert any("its schema is older" in text and "migrate` first" in text for text in problems_of(database))
    models.database.execute_sql("INSERT INTO schema_migration (name, applied) VALUES ('9999_future', '')")
    (found,) = problems_of(database)
    assert "newer version of Tracker (9999_future)" in found
