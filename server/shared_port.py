"""Processes that share a port must serve the same database; or each would get a part of the other's requests.

A process says which file it serves by the name of an abstract Unix socket. The system lists these names, and
removes the name with the process. Like the port it belongs to a network namespace.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import struct
from pathlib import Path

import gevent

NAMES = Path("/proc/self/net/unix")  # not /proc/net: the units in deploy/ hide that (ProcSubset=pid)
BACKLOG = 128  # connections of processes that look who listens; each is closed as soon as the loop runs
CREDENTIALS = struct.Struct("iII")  # of SO_PEERCRED: the process, the user and the group


class OtherDatabase(OSError):
    """Another process serves another database on this port. The text is a sentence for people."""


def claim(listener: socket.socket, database: str) -> socket.socket:
    """Say that this process serves the file on the listener's port, while the returned socket is open.

    Raises OtherDatabase if a process of this user serves another file there, and OSError.
    """
    own_name = _port_name(listener) + _file_name(database)
    claimed = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        claimed.bind(f"\0{own_name}{secrets.token_hex(8)}")  # before the look: of two at once, both see both
        claimed.listen(BACKLOG)
        _refuse_others(_others(listener), own_name)
    except BaseException:
        claimed.close()
        raise
    gevent.spawn(_hang_up, claimed)
    return claimed


def check(listener: socket.socket, database: str) -> None:
    """Raise what `claim` would raise, before the file is made or migrated. A missing file is another one."""
    others = _others(listener)  # before the look at the file: a process that is listed has made its file
    own_name = ""
    with contextlib.suppress(FileNotFoundError):
        own_name = _port_name(listener) + _file_name(database)
    _refuse_others(others, own_name)


def _hang_up(claimed: socket.socket) -> None:
    """Close each connection, or the next process that looks who listens would find no room for its own."""
    with contextlib.suppress(OSError):  # the socket was closed
        while True:
            claimed.accept()[0].close()


def _port_name(listener: socket.socket) -> str:
    host, port, *_ = listener.getsockname()
    return f"tracker-{host}-{port}-"


def _file_name(database: str) -> str:
    found = os.stat(database)
    return f"{found.st_dev}.{found.st_ino}-"


def _others(listener: socket.socket) -> list[str]:
    """Return the names of this user's processes on the port."""
    return [name for name in _names(_port_name(listener)) if _is_ours(name)]


def _refuse_others(names: list[str], own_name: str) -> None:
    if any(not own_name or not name.startswith(own_name) for name in names):
        raise OtherDatabase("another process with --share-port serves another database there")


def _names(start: str) -> list[str]:
    """Return the names of the abstract sockets that begin so; none where the system does not list them."""
    with contextlib.suppress(OSError):
        lines = NAMES.read_text(encoding="utf-8", errors="replace").splitlines()
        names = [line.rpartition(" ")[2] for line in lines]
        return sorted({name[1:] for name in names if name.startswith(f"@{start}")})
    return []


def _is_ours(name: str) -> bool:
    """Return whether a process of this user listens at this name: anybody can choose any name."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer, contextlib.suppress(OSError):
        peer.setblocking(False)
        peer.connect(f"\0{name}")
        found = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
        return bool(CREDENTIALS.unpack(found)[1] == os.geteuid())
    return False
