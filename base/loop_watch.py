"""Watches the event loop: how late it is, and which code keeps it from running.

Everybody waits while the loop stands still. A thread of the system looks at the stack of the program then;
the loop itself logs it afterwards. Knows no other room.
"""

from __future__ import annotations

import logging
import sys
import time
import traceback
from pathlib import Path
from typing import Any, NoReturn

import gevent
from gevent import monkey

from base.logs import event
from base.metrics import Histogram

BEAT_S = 0.05  # between two beats of the loop
LOOK_S = 0.05  # between two looks of the thread whether a beat is late
STALL_S = 0.1  # a beat that is later than this is logged
DEPTH = 60  # calls that are looked at, the innermost first; of these are logged:
INNERMOST = 6  # these, and all calls of this program's own functions
OWN = str(Path(__file__).resolve().parent.parent)
LAGS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

log = logging.getLogger("tracker.loop")
_sleep: Any = monkey.get_original("time", "sleep")  # of the system's thread, not of a greenlet
_thread_id: Any = monkey.get_original("threading", "get_ident")
_start_thread: Any = monkey.get_original("_thread", "start_new_thread")


class LoopWatch:
    """Looks at the event loop while it runs. `lag` has the lateness of each beat in seconds."""

    def __init__(self) -> None:
        self.lag = Histogram(*LAGS)
        self.stalls = 0
        self.longest = 0.0  # seconds of the longest stall
        self._due = 0.0  # when the next beat is due; 0 if the watch does not run
        self._stack: list[str] = []  # of the program, in the stall under way
        self._beats: gevent.Greenlet | None = None

    def start(self) -> None:
        """Watch the loop of the calling thread from now on."""
        self._due = time.monotonic() + BEAT_S
        self._beats = gevent.spawn(self._beat)
        _start_thread(self._look, (_thread_id(),))

    def stop(self) -> None:
        self._due = 0.0  # ends the thread as well
        if self._beats is not None:
            self._beats.kill()

    def _beat(self) -> NoReturn:
        while True:
            self._due = time.monotonic() + BEAT_S
            gevent.sleep(BEAT_S)
            self._note(time.monotonic() - self._due)

    def _note(self, late: float) -> None:
        self.lag.observe(max(0.0, late))
        if late > STALL_S:
            self.stalls += 1
            self.longest = max(self.longest, late)
            event(
                log,
                logging.WARNING,
                "The event loop stood still, and everybody waited",
                ms=round(late * 1000),
                stack=self._stack or ["(no stack: the process itself was held up)"],
            )
        self._stack = []

    def _look(self, thread: int) -> None:
        """Note the stack once in each stall. Runs in a thread of its own, which uses nothing of gevent."""
        while due := self._due:
            if time.monotonic() - due > STALL_S / 2 and not self._stack:
                self._stack = _stack_of(thread)
            _sleep(LOOK_S)


def _stack_of(thread: int) -> list[str]:
    """Return where a thread is, the innermost call last. No values: they may be secret."""
    frame = sys._current_frames().get(thread)  # noqa: SLF001 (there is no other way)
    calls = traceback.StackSummary.extract(traceback.walk_stack(frame), limit=DEPTH, lookup_lines=False)
    kept = [call for number, call in enumerate(calls) if number < INNERMOST or call.filename.startswith(OWN)]
    return [f"{call.filename}:{call.lineno} in {call.name}" for call in reversed(kept)]
