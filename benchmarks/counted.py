"""Tracker as the soak test runs it: at SIGUSR1 it writes the number of its greenlets into a file.

The file's name is in TRACKER_TESTS_GREENLETS. The greenlets of the start, which never end, are not counted.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import tracker  # noqa: I001 (the first: it patches the standard library)

import gc
import os
import signal

import gevent
import greenlet


def write() -> None:
    count = sum(isinstance(found, greenlet.greenlet) and not found.dead for found in gc.get_objects())
    path = Path(os.environ["TRACKER_TESTS_GREENLETS"])
    path.with_suffix(".part").write_text(str(count))
    path.with_suffix(".part").rename(path)


gevent.signal_handler(signal.SIGUSR1, write)
sys.exit(tracker.main())
