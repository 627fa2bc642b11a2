"""Start Python programs as forks of one process that has already imported the tracker.

A start of the interpreter with all imports takes 0.6 s of processor time, a fork 0.02 s. The program runs as
`python PROGRAM ARGUMENTS` would, as `__main__`. It has a process id, a working directory, an environment and
standard streams of its own.

Tests of the start itself use the interpreter. So do tests of variables that Python reads only at its start,
such as PYTHONIOENCODING.
"""

import contextlib
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

PARENT = Path(__file__).with_name("fork_parent.py")


class Process:
    """A program that runs in a fork, with the methods of subprocess.Popen that the tests need."""

    def __init__(
        self,
        program: Sequence[str | Path],
        *,
        cwd: Path,
        env: Mapping[str, str],
        stdin: int,
        stdout: int,
        stderr: int,
    ) -> None:
        """Run the program: a path and its arguments. The streams are descriptors that the caller closes."""
        self.args = [str(part) for part in program]
        self.returncode: int | None = None
        self._status, theirs = socket.socketpair()
        with theirs:
            order = {"program": self.args, "cwd": str(cwd), "env": dict(env)}
            _parent().fork(order, [stdin, stdout, stderr, theirs.fileno()])
        self._lines = self._status.makefile("rb", buffering=0)
        self.pid = int(self._lines.readline())

    def poll(self) -> int | None:
        """Return the exit status, negative for the signal that ended the program; None while it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status when the program has ended; raise subprocess.TimeoutExpired otherwise."""
        if self.returncode is None:
            self._status.settimeout(timeout)
            try:
                line = self._status.recv(16)
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(self.args, timeout or 0) from None
            self.returncode = int(line)
            self._lines.close()
            self._status.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the program has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # ended, and its parent tells us in a moment
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class _Parent:
    """The process that forks. Each process of the tests has one."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        self._lock = threading.Lock()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, PARENT, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # so that it can end all its programs together
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={name: value for name, value in os.environ.items() if not name.startswith("TRACKER_")},
            )

    def fork(self, order: object, descriptors: list[int]) -> None:
        data = json.dumps(order).encode() + b"\n"
        with self._lock:
            sent = socket.send_fds(self._socket, [data], descriptors)
            self._socket.sendall(data[sent:])

    def end(self) -> None:
        self._socket.close()
        self._process.wait()


@functools.cache
def _parent() -> _Parent:
    return _Parent()


def end() -> None:
    """End the process that forks, if there is one, after all programs have ended."""
    if _parent.cache_info().currsize:
        _parent().end()
        _parent.cache_clear()
