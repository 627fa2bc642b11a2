"""The units of systemd in deploy/: systemd accepts them, and they do what docs/installing.md promises."""

import difflib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from harness import ROOT

DEPLOY = ROOT / "deploy"
UNITS = ["tracker.service", "tracker@.service"]
PYTHON = "/opt/tracker/venv/bin/python"  # where docs/installing.md puts it
MOST_EXPOSED = 20  # of 100, as systemd counts what a service may do that it need not


def lines(name: str) -> list[str]:
    return (DEPLOY / name).read_text(encoding="utf-8").splitlines()


def settings(name: str) -> dict[str, str]:
    """Return the last value of each setting of a unit."""
    return dict(line.split("=", 1) for line in lines(name) if "=" in line and not line.startswith("#"))


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze here: install Debian's systemd")
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", UNITS)
def test_systemd_accepts_the_unit(tmp_path: Path, name: str) -> None:
    """It has no unknown setting and no value that systemd ignores."""
    text = (DEPLOY / name).read_text(encoding="utf-8")
    assert PYTHON in text
    unit = tmp_path / name
    unit.write_text(text.replace(PYTHON, sys.executable), encoding="utf-8")
    done = analyze("verify", unit)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", UNITS)
def test_unit_may_do_little(name: str) -> None:
    """Systemd rates its protection."""
    done = analyze("security", "--offline=yes", f"--threshold={MOST_EXPOSED}", DEPLOY / name)
    assert done.returncode == 0, done.stdout


def test_units_differ_in_what_several_processes_need() -> None:
    """The second one shares the port, and is otherwise the same."""
    one, several = map(lines, UNITS)
    changed = [line[2:] for line in difflib.ndiff(one, several) if line.startswith("+ ")]
    changed = [line for line in changed if not line.startswith("#")]
    assert changed == [
        f"Description={settings(UNITS[0])['Description']} (process %i)",
        f"ExecStart={settings(UNITS[0])['ExecStart']} --share-port",
    ]


def test_unit_fits_the_program() -> None:
    """Systemd waits for longer than a stop takes, and goes on trying to start it."""
    found = settings(UNITS[0])
    stop_s = re.search(r"^STOP_S = (\d+)", (ROOT / "tracker.py").read_text(encoding="utf-8"), re.MULTILINE)
    assert stop_s
    assert int(found["TimeoutStopSec"]) > int(stop_s[1])
    assert found["Restart"] == "on-failure"
    assert int(found["RestartSec"]) * 5 > 10  # else systemd gives up after five starts in ten seconds
    assert found["RestartPreventExitStatus"] == "3"
    python, program, *options = found["ExecStart"].split()
    assert (python, program) == (PYTHON, "/opt/tracker/tracker.py")
    assert options == ["--config", "/etc/tracker.toml"]
