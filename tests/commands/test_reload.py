"""`python tracker.py --reload`, on a copy of the program that the test may change."""

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from harness import ROOT, environment, run_tracker, wait_until

from commands import reload

pytestmark = pytest.mark.slow

BROKEN = "\n)"  # no Python


class Developer:
    """A copy of the program in a folder, and `--reload` that runs in it."""

    def __init__(self, folder: Path) -> None:
        self.program = folder / "program"
        rooms = [path.parent.name for path in ROOT.glob("*/__init__.py")]
        for name in (*rooms, "static", "templates"):
            shutil.copytree(ROOT / name, self.program / name, ignore=shutil.ignore_patterns("__pycache__"))
        for path in ROOT.glob("*.py"):
            shutil.copy(path, self.program)
        self._log = folder / "output.txt"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, self.program / "tracker.py", "--reload", "--port", "0"],
                cwd=folder,
                env=environment(),
                stdout=log,
                stderr=log,
            )

    @property
    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def wait_for_start(self, number: int) -> str:
        """Wait until the server has started this many times, and return its address."""

        def found() -> list[str]:
            return re.findall(r"Tracker runs at (\S+)", self.output)

        wait_until(lambda: len(found()) >= number, what=f"start {number}", timeout=60)
        return found()[number - 1]

    def change(self, name: str, text: str) -> None:
        path = self.program / name
        path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


@pytest.fixture
def developer(tmp_path: Path) -> Iterator[Developer]:
    developer = Developer(tmp_path)
    yield developer
    developer.process.terminate()
    developer.process.wait(30)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_change_starts_the_server_again(developer: Developer, number: int) -> None:
    """It does so for a template and for a module. A signal ends it together with its server."""
    first = developer.wait_for_start(1)
    assert httpx.get(f"{first}/healthz").status_code == 200
    developer.change("templates/base.html", "<p>Changed</p>")
    second = developer.wait_for_start(2)
    assert "Changed</p>" in httpx.get(f"{second}/nothing/").text
    developer.process.send_signal(number)
    assert developer.process.wait(30) == 0
    for address in (first, second):
        with pytest.raises(httpx.ConnectError):
            httpx.get(address)
    assert "Traceback" not in developer.output


def test_mistake_in_the_code_ends_the_server_until_it_is_mended(developer: Developer) -> None:
    developer.wait_for_start(1)
    module = developer.program / "web" / "health.py"
    before = module.read_text(encoding="utf-8")
    developer.change("web/health.py", BROKEN)
    wait_until(lambda: "SyntaxError" in developer.output, what="the mistake to be shown", timeout=60)
    module.write_text(before, encoding="utf-8")
    address = developer.wait_for_start(2)
    assert httpx.get(f"{address}/healthz").status_code == 200


def test_only_files_of_a_start_are_watched(tmp_path: Path) -> None:
    """--reload watches code, templates and static/, but no tests and no virtual environment."""
    for name in ("tracker.py", "web/__init__.py", "web/pages/areas.py", "templates/map.html", "static/x.js"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    before = reload.snapshot(tmp_path)
    for name in ("tests/test_x.py", "venv/lib/x.py", "tracker.db"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert reload.snapshot(tmp_path) == before
    assert {path.name for path in before} == {"tracker.py", "__init__.py", "areas.py", "map.html", "x.js"}
    (tmp_path / "web/pages/areas.py").unlink()
    assert reload.snapshot(tmp_path) != before


def test_reload_is_for_the_server(tmp_path: Path) -> None:
    done = run_tracker(tmp_path, "--reload", "user", "list")
    assert done.returncode == 2
    assert "--reload is for the server" in done.stderr
