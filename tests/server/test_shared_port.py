"""Which database is served on a shared port: the names of sockets say it, and strangers can't forge it."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from harness import ROOT

from server import shared_port

STRANGER = """
import os, socket, sys
os.setuid(65534)
with socket.socket(socket.AF_UNIX) as sock:
    sock.bind(sys.argv[1].replace("@", chr(0)))
    sock.listen(1)
    print("listens", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as found:
        yield found


@pytest.fixture
def one(tmp_path: Path) -> str:
    return file(tmp_path / "one.db")


@pytest.fixture
def two(tmp_path: Path) -> str:
    return file(tmp_path / "two.db")


def file(path: Path) -> str:
    path.touch()
    return str(path)


def test_many_processes_may_serve_one_file(listener: socket.socket, one: str, tmp_path: Path) -> None:
    """By whatever path they name it."""
    with ExitStack() as stack:
        for name in (one, one, os.path.relpath(one), f"{tmp_path}/./one.db"):
            stack.enter_context(shared_port.claim(listener, name))


def test_other_file_is_refused_while_the_first_is_served(listener: socket.socket, one: str, two: str) -> None:
    for _ in range(3):  # a refused process leaves nothing behind
        with shared_port.claim(listener, one), pytest.raises(shared_port.OtherDatabase):
            shared_port.claim(listener, two)
    with shared_port.claim(listener, two):
        pass


def test_check_refuses_a_file_that_is_missing_or_another_one(
    listener: socket.socket, one: str, two: str, tmp_path: Path
) -> None:
    """It claims nothing, and any file may be served while no process is there."""
    missing = str(tmp_path / "missing.db")
    for name in (one, two, missing):
        shared_port.check(listener, name)
    with shared_port.claim(listener, one):
        shared_port.check(listener, one)
        for name in (two, missing) * 50:
            with pytest.raises(shared_port.OtherDatabase):
                shared_port.check(listener, name)


def test_list_of_names_is_there_under_the_units_in_deploy() -> None:
    """They hide all of /proc but the folders of processes."""
    assert shared_port.NAMES.is_relative_to("/proc/self")
    assert "ProcSubset=pid" in (ROOT / "deploy" / "tracker@.service").read_text(encoding="utf-8")


def test_other_port_may_have_another_file(listener: socket.socket, one: str, two: str) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        shared_port.claim(listener, one),
        shared_port.claim(other, two),
    ):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become a stranger")
def test_stranger_cannot_keep_a_server_from_its_port(listener: socket.socket, one: str) -> None:
    """A name that another user has taken does not count."""
    port = listener.getsockname()[1]
    name = f"@tracker-127.0.0.1-{port}-1.1-forged"
    with subprocess.Popen(
        [sys.executable, "-c", STRANGER, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as stranger:
        assert stranger.stdout is not None
        assert stranger.stdout.readline() == "listens\n"
        with shared_port.claim(listener, one):
            pass
        stranger.communicate()


def test_system_without_the_list_checks_nothing(
    listener: socket.socket, one: str, two: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(shared_port, "NAMES", tmp_path / "missing")
    with shared_port.claim(listener, one), shared_port.claim(listener, two):
        pass
