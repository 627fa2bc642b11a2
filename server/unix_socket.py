"""A Unix socket to listen on: a file that a proxy on the same machine connects to.

A server that is killed leaves its file behind. The file is removed only if nobody listens on it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

MODE = 0o660  # of the file: its owner and its group may connect
CONNECT_S = 5.0  # to find out whether somebody listens


class InUse(OSError):
    """The file can't be used, for a reason that is a sentence."""


def listen(path: str) -> socket.socket:
    """Return a socket that listens on this file. Raises OSError; InUse if the file is somebody else's."""
    listener = socket.socket(socket.AF_UNIX)
    try:
        with _alone_in(path):
            _remove(path)
            others = os.umask(0o777 & ~MODE)
            try:
                listener.bind(path)
            finally:
                os.umask(others)
            listener.listen(1024)
    except BaseException:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


def remove(path: str) -> None:
    """Remove the file at the end, unless another server listens on it already."""
    with contextlib.suppress(OSError), _alone_in(path):
        _remove(path)


@contextlib.contextmanager
def _alone_in(path: str) -> Iterator[None]:
    """Hold the folder's lock: of two servers that start at once, none removes the other's file."""
    folder = os.open(Path(path).parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _remove(path: str) -> None:
    """Remove a socket file on which nobody listens. Raises InUse if it is anything else."""
    try:
        kind = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        raise InUse("there is a file of this name that is no socket")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(CONNECT_S)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except (BlockingIOError, TimeoutError):  # its queue is full
            pass
    raise InUse("another process listens on it")
