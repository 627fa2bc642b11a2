"""Count the instructions of a save and of a round with valgrind; other processes do not change them.

The count is without the kernel, and without the pause of a round between two slices of clients: CLIENTS are
one slice.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Any

from servers import PEERS, is_installed

TIMES = (20, 120)  # the difference of two counts leaves out the start
CLIENTS = 100
KINDS = {"save": 1, "round": CLIENTS, "loop": CLIENTS}  # kinds of work, each with the divisor of its count


def instructions(*, toy: bool) -> dict[str, Any]:
    """Return the instructions of a save, and of a client in a round of the group and of the floor."""
    if toy:  # check that they run
        for kind in KINDS:
            _run([], kind, 2)
        return {}
    if not is_installed("valgrind"):
        print("  left out: valgrind is not installed")
        return {}
    counted = {kind: _count(kind, TIMES[1]) - _count(kind, TIMES[0]) for kind in KINDS}
    return {kind: count / (TIMES[1] - TIMES[0]) / KINDS[kind] for kind, count in counted.items()}


def _count(kind: str, times: int) -> int:
    said = _run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"], kind, times)
    found = re.search(r"Collected : (\d+)", said)
    assert found, said
    return int(found[1])


def _run(before: list[str], kind: str, times: int) -> str:
    command = [*before, sys.executable, str(PEERS / "counted.py"), kind, str(times), str(CLIENTS)]
    found = subprocess.run(
        command,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if found.returncode:
        raise RuntimeError(f"{kind} failed: {found.stderr[-500:]}")
    return found.stderr
