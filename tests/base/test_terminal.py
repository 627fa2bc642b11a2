"""Text for the terminal and the log may have letters of any script, but no control characters."""

import json
import logging
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from harness import ROOT, collection, environment, feature, incident, run_tracker

from base import terminal

PASSWORD = "a long walk by the sea"
CONTROLS = "\x1b[2J\x9b31m\u202e\u2066\x07\r\n\t\x7f\u2028\u200b\x00"


def is_clean(text: str) -> bool:
    return all(char.isprintable() or char in "\n\t" for char in text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Θεσσαλονίκη 東京 🌍", "Θεσσαλονίκη 東京 🌍"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x9b31m", "\\x9b31m"),
        ("one\r\ntwo\tthree", "one\\r\\ntwo\\tthree"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("a\u2066b\u2028c", "a\\u2066b\\u2028c"),
        ("\ud800", "\\ud800"),
        ("\U000e0001", "\\U000e0001"),
    ],
)
def test_text_is_shown_with_controls_escaped(text: str, shown: str) -> None:
    """C0, C1, line ends, controls of the writing direction and halves of surrogate pairs are escaped."""
    assert terminal.printable(text) == shown


def test_log_record_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """Text that a record quotes can't look like another record. A traceback is indented below its record."""
    with caplog.at_level(logging.ERROR):
        try:
            raise ValueError(f"bad name {CONTROLS}\n2026 INFO all is well")
        except ValueError:
            logging.getLogger("t").exception("%s", f"it failed: {CONTROLS}")
    caplog.records[-1].exc_text = None  # set by pytest's own formatter
    lines = terminal.Formatter("%(levelname)s %(message)s").format(caplog.records[-1]).split("\n")
    assert lines[0].startswith("ERROR it failed: \\x1b[2J")
    assert all(line.startswith("  ") for line in lines[1:])
    assert all(line.isprintable() for line in lines)
    assert any("ValueError: bad name" in line for line in lines)


def test_traceback_of_others_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    """Tracebacks that the interpreter or gevent prints keep their lines and have no control characters."""
    stream = terminal.Traceback()
    print(f"first\nsecond {CONTROLS}", file=stream)
    printed = capsys.readouterr().err
    assert printed.startswith("first\nsecond \\x1b[2J")
    assert is_clean(printed)


def test_import_prints_no_controls(tmp_path: Path) -> None:
    """Ids, geometry types, property names and file names are escaped before they reach the terminal."""
    features = collection(
        {**incident("x", 999), "id": CONTROLS},
        feature({"type": CONTROLS, "coordinates": [0, 0]}),
        {"type": "Feature", "geometry": {"type": "Point", "coordinates": [0, 0]}, "properties": {}, "id": 5},
        feature({"type": "Point", "coordinates": [0, 0]}, **{CONTROLS: "text", "Straße": "text"}),
    )
    (tmp_path / "in.geojson").write_text(json.dumps(features))
    done = run_tracker(tmp_path, "import", "in.geojson")
    assert done.returncode == 1
    assert "\\x1b[2J" in done.stderr
    assert "Straße" in done.stderr
    assert is_clean(done.stdout + done.stderr)
    for name in (f"{CONTROLS[:-1]}.geojson", "\udcff.geojson"):
        missing = run_tracker(tmp_path, "import", name)
        assert missing.returncode == 2
        assert is_clean(missing.stderr)


def test_commands_print_no_controls(tmp_path: Path) -> None:
    """A command escapes names from the database, and what the user typed."""
    run_tracker(tmp_path, "user", "add", "ann", stdin=f"{PASSWORD}\n")
    run_tracker(tmp_path, "token", "add", "ann", "wall")
    with closing(sqlite3.connect(tmp_path / "tracker.db")) as database, database:
        database.execute("UPDATE user SET name = ?", (f"ann{CONTROLS}",))
        database.execute("UPDATE token SET name = ?", (f"wall{CONTROLS}",))
    said = [
        run_tracker(tmp_path, *arguments, stdin=f"{PASSWORD}\n")
        for arguments in (
            ("user", "list"),
            ("token", "list"),
            ("user", "role", "\x1b[2J", "admin"),
            ("user", "\x1b[2J"),
            ("backup", "/nowhere/\x1b[2J"),
            ("--database", "\x1b[2J.db", "user", "list"),
        )
    ]
    assert [done.returncode for done in said] == [0, 0, 2, 2, 2, 2]
    for done in said:
        assert "\\x1b[2J" in done.stdout + done.stderr
        assert is_clean(done.stdout + done.stderr)


def test_letters_that_the_terminal_lacks_are_escaped(tmp_path: Path) -> None:
    """A Greek name on a terminal with an old Windows encoding causes no traceback; the status is 0."""
    assert run_tracker(tmp_path, "user", "add", "Θάλεια", stdin=f"{PASSWORD}\n").returncode == 0
    for encoding in ("cp1252", "ascii", "latin-1:strict"):
        done = run_tracker(tmp_path, "user", "list", env={"PYTHONIOENCODING": encoding})
        assert (done.returncode, done.stderr) == (0, "")
        assert "\\u0398\\u03ac\\u03bb\\u03b5\\u03b9\\u03b1\teditor" in done.stdout
        missing = run_tracker(tmp_path, "user", "role", "Ωμέγα", "admin", env={"PYTHONIOENCODING": encoding})
        assert missing.returncode == 2
        assert missing.stderr.count("\n") == 1


def test_password_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """A password whose bytes are invalid in the terminal's encoding is refused in one line."""
    env = {"PYTHONIOENCODING": "utf-8"}
    done = run_tracker(tmp_path, "user", "add", "ann", stdin=b"a long walk \xff\xfe by the sea\n", env=env)
    assert done.returncode == 2
    assert "not valid Unicode" in done.stderr
    assert done.stderr.count("tracker: ") == 1
    assert "Traceback" not in done.stderr


def test_uncaught_error_of_a_command_is_escaped(tmp_path: Path) -> None:
    """Even an error that nobody expected can't control the terminal."""
    script = "import tracker; from base import terminal; terminal.prepare(); raise ValueError('\\x1b[2J')"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "ValueError: \\x1b[2J" in done.stderr
    assert is_clean(done.stderr)
