"""The commands of docs/operating.md work, in the order of the page, beside a running server."""

import shlex
import sqlite3
from contextlib import closing

import pytest
from conftest import StartServer
from harness import ROOT, Server, run_tracker

PAGE = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
COMMANDS = [line.strip() for line in PAGE.splitlines() if line.startswith("    python tracker.py ")]
STOPPED = "migrate"  # the page says to stop the server before this command


@pytest.mark.slow
def test_commands_of_the_page_work(server: Server) -> None:
    """All of them end with status 0, and the restored copy has the account and the incident."""
    server.person().save_incident("Before the drill")
    assert len(COMMANDS) > 8
    env = {"TRACKER_DATABASE": str(server.database), "TRACKER_KEEP_DAYS": "30"}
    for command in COMMANDS:
        arguments = shlex.split(command)[2:]
        if arguments == [STOPPED]:
            continue
        done = run_tracker(server.folder, *arguments, env=env)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        if arguments[-2:] == ["user", "list"]:
            assert "admin" in done.stdout
    with closing(sqlite3.connect(server.folder / "restored.db")) as restored:
        assert restored.execute("SELECT name FROM incident").fetchall() == [("Before the drill",)]


@pytest.mark.slow
def test_migrate_works_when_the_server_has_stopped(start_server: StartServer) -> None:
    """The page says to stop the server first. A database that is up to date needs nothing."""
    server = start_server()
    server.stop()
    done = run_tracker(server.folder, STOPPED, env={"TRACKER_DATABASE": str(server.database)})
    assert done.returncode == 0, done
