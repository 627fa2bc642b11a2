"""Messages to systemd, for which a socket stands."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest
from conftest import StartServer
from harness import PATIENCE_S, wait_until

from server import systemd


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """A socket such as systemd listens on, at the path in its name."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(PATIENCE_S)
        yield listener


def test_server_says_that_it_is_ready_runs_and_stops(
    start_server: StartServer, manager: socket.socket
) -> None:
    """READY is sent when it answers, then WATCHDOG again and again, and STOPPING at the end."""
    env = {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "150000"}
    server = start_server(env=env)
    assert [manager.recv(100) for _ in range(4)] == [b"READY=1", *[b"WATCHDOG=1"] * 3]
    server.process.send_signal(signal.SIGTERM)
    wait_until(lambda: manager.recv(100) == b"STOPPING=1", what="STOPPING")
    assert server.process.wait(PATIENCE_S) == 0


def test_name_may_be_abstract(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that begins with @ is in no folder."""
    name = f"tracker-tests-{os.getpid()}"
    monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0{name}")
        systemd.notify("READY=1")
        assert listener.recv(100) == b"READY=1"


def test_nobody_listens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither a socket that is gone nor one that takes no more keeps the server."""
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    systemd.notify("READY=1")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "full"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "full"))
        for _ in range(2000):
            systemd.notify("WATCHDOG=1")
    monkeypatch.delenv("NOTIFY_SOCKET")
    systemd.notify("READY=1")


@pytest.mark.parametrize(("usec", "pid"), [("", None), ("soon", None), ("0", None), ("1000", "1")], ids=str)
def test_watchdog_that_is_not_ours_is_not_fed(
    monkeypatch: pytest.MonkeyPatch, manager: socket.socket, usec: str, pid: str | None
) -> None:
    """Without a time, or with the number of another process, only READY is sent."""
    monkeypatch.setenv("NOTIFY_SOCKET", manager.getsockname())
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    if pid is not None:
        monkeypatch.setenv("WATCHDOG_PID", pid)
    systemd.ready()
    gevent.sleep(0.01)
    assert manager.recv(100) == b"READY=1"
    manager.setblocking(False)
    with pytest.raises(BlockingIOError):
        manager.recv(100)
