"""A start loads only the packages it needs. They are counted, because time depends on the machine."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from harness import ROOT

from base.version import VERSION

HEAVY = {"flask", "jinja2", "numpy", "segno", "shapely", "tqdm", "tracker_frontend", "wsproto", "zxcvbn"}
# The server's loop ends at once here, so that a start can be looked at.
START = """
import sys
import tracker
from server import wsgi
wsgi.Server.serve_forever = lambda self, **_options: None
try:
    tracker.main(sys.argv[1:])
finally:
    print("loaded:", *sorted(name for name in sys.modules if "." not in name))
"""


def loaded(folder: Path, *arguments: str, stdin: str = "") -> set[str]:
    """Return the heavy packages that `python tracker.py ARGUMENTS` loads."""
    done = subprocess.run(
        [sys.executable, "-c", START, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    (line,) = re.findall(r"(?m)^loaded: (.*)", done.stdout)
    assert "gevent" in line
    return HEAVY & set(line.split())


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["user", "--help"], ["user", "add", "ada"]], ids=" ".join
)
def test_command_loads_nothing_heavy(tmp_path: Path, arguments: list[str]) -> None:
    """Only a command that sets a password loads zxcvbn."""
    expected = {"zxcvbn"} if "add" in arguments else set()
    assert loaded(tmp_path, *arguments, stdin="a password of nobody\n") == expected


def test_listing_loads_nothing_heavy(tmp_path: Path) -> None:
    loaded(tmp_path, "user", "add", "ada", stdin="a password of nobody\n")
    assert loaded(tmp_path, "user", "list") == set()


def test_server_without_areas_loads_no_geometry(tmp_path: Path) -> None:
    """Numpy and shapely are loaded with the first area, and other packages when they are needed."""
    assert loaded(tmp_path, "--port", "0") == {"flask", "jinja2", "tracker_frontend", "wsproto"}


AS_OTHER = """
import sys
program = open("tracker.py", encoding="utf-8").read()
sys.platform, sys.version_info = {platform!r}, {version}
sys.meta_path.insert(0, type("Nothing", (), {{"find_spec": lambda name, *_: sys.exit(f"imports {{name}}")}}))
exec(program)
"""


@pytest.mark.parametrize(
    ("platform", "version", "reason"),
    [
        ("win32", (3, 13, 0), "Tracker runs on Linux, and on macOS to try it. On Windows start it in WSL "),
        ("linux", (3, 10, 9), "this needs Python 3.11 or newer"),
    ],
)
def test_other_systems_are_refused_with_a_sentence(
    platform: str, version: tuple[int, ...], reason: str
) -> None:
    """Before anything is imported that is missing there."""
    code = AS_OTHER.format(platform=platform, version=version)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"tracker: {reason}")
    assert done.stderr.count("\n") == 1


def test_version_is_that_of_the_changelog() -> None:
    """The program prints the newest version in the changelog."""
    found = re.search(r"(?m)^## \[?([0-9]+\.[0-9]+\.[0-9]+)", (ROOT / "CHANGELOG.md").read_text("utf-8"))
    assert found
    assert found[1] == VERSION


def test_version_is_printed(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tracker.py", "--version"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"Tracker {VERSION}\n"
