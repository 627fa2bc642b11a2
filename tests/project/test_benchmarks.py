"""The benchmarks run once at toy size, with few other servers, and write their table and chart."""

import json
import subprocess
import sys

import pytest
from harness import ROOT

pytestmark = pytest.mark.slow

SECTIONS = {"fanout", "many", "core", "linear", "idle", "saver", "compression", "stalled", "saves", "whole"}
SECTIONS |= {"matching", "strangers", "instructions"}
TOY_S = 240  # it starts twenty servers: 25 s on two idle cores


@pytest.mark.timeout(TOY_S + 20)
def test_every_section_measures_at_toy_size() -> None:
    """`python benchmarks/run.py --toy` succeeds and has every section, and Tracker loses no message."""
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "run.py", "--toy"],
        capture_output=True,
        text=True,
        timeout=TOY_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    results = json.loads(done.stdout[done.stdout.index("{") :])
    assert results.keys() == SECTIONS
    assert results["fanout"]["rows"]["tracker"]["agree"] == 1
    assert results["whole"]["rows"]["tracker"]["lost"] == 0
    assert results["stalled"]["messages"] == 60
