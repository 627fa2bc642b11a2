"""What the system knows of this process: its memory, its open files and its time. Linux only.

Knows no other room.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from typing import NamedTuple

STARTED = time.time()


class Process(NamedTuple):
    """Memory in bytes, time in seconds."""

    memory: int
    open_files: int
    max_files: int
    cpu: float


def process() -> Process | None:
    """Return what is known; None where there is no /proc."""
    if sys.platform != "linux":
        return None
    with open("/proc/self/statm", encoding="ascii") as file:
        resident = int(file.read().split()[1])
    times = os.times()
    return Process(
        memory=resident * os.sysconf("SC_PAGE_SIZE"),
        open_files=len(os.listdir("/proc/self/fd")),
        max_files=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        cpu=times.user + times.system,
    )
