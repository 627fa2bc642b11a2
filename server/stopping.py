"""The signals of the server: SIGHUP reloads, SIGTERM and Ctrl-C stop it within a bound of time.

The bound does not rely on the event loop, which may itself be held up, for example by a disk that does not
answer. A thread reads the signal from a pipe, into which Python writes as soon as it arrives.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

import gevent
from gevent import monkey

from base.logs import last_line

STOPS = (signal.SIGTERM, signal.SIGINT)
MARGIN_S = 1  # before the last resort, in which this process says why it ends
HANGS = "something hangs, so the server ends without waiting for it. All answered saves are stored."

_sleep = monkey.get_original("time", "sleep")
_start_thread = monkey.get_original("_thread", "start_new_thread")


def on_stop(stop: Callable[[], None], within_s: int) -> None:
    """Call `stop` in a greenlet at SIGTERM or Ctrl-C, and end this process at most so many seconds later.

    For the main thread. If the process has not ended by itself by then, its exit status is 1.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    loop = gevent.get_hub().loop
    for number in STOPS:
        signal.signal(number, lambda *_signal: loop.run_callback_threadsafe(gevent.spawn, stop))
    _start_thread(_end_in_time, (reader, within_s))


def on_reload(reload: Callable[[], None]) -> None:
    """Call `reload` in a greenlet at SIGHUP, unless a terminal sends it when its window is closed."""
    if not (sys.stdin and sys.stdin.isatty()):
        gevent.signal_handler(signal.SIGHUP, reload)


def _end_in_time(reader: int, within_s: int) -> None:
    """Wait for a signal to stop; then end this process after so many seconds. For a thread."""
    while os.read(reader, 1)[0] not in STOPS:
        pass
    signal.alarm(within_s)  # the system's own end, also if Python hangs or is being taken down
    _sleep(within_s - MARGIN_S)
    os.write(2, last_line(HANGS).encode())
    os._exit(1)
