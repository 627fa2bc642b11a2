"""Run our server; on SIGUSR1 it prints the number of its greenlets. Takes tracker.py's arguments."""

import gc
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import gevent
import greenlet

import tracker  # patches the standard library first


def say() -> None:
    found = sum(isinstance(thing, greenlet.greenlet) and bool(thing) for thing in gc.get_objects())
    print(f"{found} greenlets", flush=True)


gevent.signal_handler(signal.SIGUSR1, say)
sys.exit(tracker.main())
