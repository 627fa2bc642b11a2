"""A PostgreSQL of its own in a temporary folder, with a local socket and Debian's settings."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from servers import CORES, on, said_version


def binaries() -> Path | None:
    """Return the folder of the newest server's programs; None without PostgreSQL and PostGIS."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    shared = list(Path("/usr/share/postgresql").glob("*/extension/postgis.control"))
    return found[-1].parent if found and shared else None


def versions() -> str:
    """Return the installed versions of both."""
    programs = binaries()
    control = next(Path("/usr/share/postgresql").glob("*/extension/postgis.control"))
    server = said_version([f"{programs}/postgres", "--version"])
    return f"PostgreSQL {server}, PostGIS {said_version(['cat', str(control)])}"


class PostGis:
    """A context manager for a PostgreSQL server with PostGIS.

    `folder` has the socket. Root must run the server as the user postgres. It may use the CPU cores `cores`.
    """

    def __init__(self, cores: Iterable[int] = CORES) -> None:
        self._cores = cores
        found = binaries()
        assert found, "PostgreSQL with PostGIS is not installed"
        self._binaries = found
        self.folder = tempfile.mkdtemp(prefix="postgis-")
        self._data = f"{self.folder}/data"
        if os.getuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
        self._run("initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "--no-instructions")
        options = f"-c listen_addresses= -c unix_socket_directories={self.folder}"
        self._run("pg_ctl", "-D", self._data, "-w", "-l", f"{self.folder}/log", "-o", options, "start")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._binaries / program), *arguments]
        if os.getuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        with on(self._cores):
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._run("pg_ctl", "-D", self._data, "-m", "fast", "stop")
        shutil.rmtree(self.folder)
