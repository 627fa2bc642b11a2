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

NAMES = Path("/proc/net/unix")
CREDENTIALS = struct.Struct("iII")  # of SO_PEERCRED: the process, the user and the group


class OtherDatabase(OSError):
    """Another process serves another database on this port. The text is a sentence for people."""


def claim(listener: socket.socket, database: str) -> socket.socket:
    """Say that this process serves the file on the listener's port, while the returned socket is open.

    Raises OtherDatabase if a process of this user serves another file there, and OSError.
    """
    host, port, *_ = listener.getsockname()
    found = os.stat(database)
    port_name = f"tracker-{host}-{port}-"
    own_name = f"{port_name}{found.st_dev}.{found.st_ino}-"
    claimed = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        claimed.bind(f"\0{own_name}{secrets.token_hex(8)}")  # before the look: of two at once, both see both
        claimed.listen(1)
        for name in _names(port_name):
            if not name.startswith(own_name) and _is_ours(name):
                raise OtherDatabase("another process with --share-port serves another database there")
    except BaseException:
        claimed.close()
        raise
    return claimed


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
