"""Messages to systemd: this process is ready, its event loop runs, it stops.

See sd_notify(3) and sd_watchdog_enabled(3). Without systemd nothing is sent.
"""

from __future__ import annotations

import contextlib
import os
import socket

import gevent

BEATS = 3  # in the time after which systemd takes the server for hung


def notify(state: str) -> None:
    """Send a state, such as READY=1, if systemd started this process and wants to know. Never waits."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender, contextlib.suppress(OSError):
        sender.setblocking(False)
        sender.sendto(state.encode(), f"\0{address[1:]}" if address.startswith("@") else address)


def ready() -> None:
    """Say that requests are answered from now on, and while the event loop runs, that it does."""
    notify("READY=1")
    if watchdog_s := _watchdog_s():
        gevent.spawn(_beat, watchdog_s / BEATS)


def _watchdog_s() -> float:
    """Return the seconds after which systemd ends a server that is silent; 0 if it does not watch."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    return int(microseconds) / 1e6 if microseconds.isascii() and microseconds.isdigit() else 0.0


def _beat(beat_s: float) -> None:
    while True:
        notify("WATCHDOG=1")
        gevent.sleep(beat_s)
