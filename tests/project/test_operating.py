"""The commands of docs/operating.md work, in the order of the page, beside a running server."""

import re
import shlex
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from conftest import StartServer
from harness import ROOT, Server, free_port, run_tracker, wait_until

PAGE = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    (python tracker\.py .+)$", PAGE, re.MULTILINE)
SHORT = re.findall(r"`(python tracker\.py [^`]+)`", PAGE)  # in the middle of a sentence
STOPPED = "migrate"  # the page says to stop the server before this command
PASSWORD = "a new password of nobody\n"
FOLDER = "/srv/backups"  # of the command that serves, and makes backups by itself


@pytest.mark.slow
def test_commands_of_the_page_work(server: Server) -> None:
    """All of them end with status 0, and the restored copy has the account and the incident."""
    server.person().save_incident("Before the drill")
    assert len(COMMANDS) > 8
    env = {"TRACKER_DATABASE": str(server.database), "TRACKER_KEEP_DAYS": "30"}
    for command in [*COMMANDS, *SHORT]:
        arguments = ["admin" if word == "NAME" else word for word in shlex.split(command)[2:]]
        if arguments == [STOPPED] or FOLDER in arguments or "--port" in arguments:
            continue
        done = run_tracker(server.folder, *arguments, stdin=PASSWORD, env=env)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        if arguments[-2:] == ["user", "list"]:
            assert "admin" in done.stdout
    assert any("password" in command for command in SHORT)
    with closing(sqlite3.connect(server.folder / "restored.db")) as restored:
        assert restored.execute("SELECT name FROM incident").fetchall() == [("Before the drill",)]


@pytest.mark.slow
def test_migrate_works_when_the_server_has_stopped(start_server: StartServer) -> None:
    """The page says to stop the server first. A database that is up to date needs nothing."""
    server = start_server()
    server.stop()
    done = run_tracker(server.folder, STOPPED, env={"TRACKER_DATABASE": str(server.database)})
    assert done.returncode == 0, done


@pytest.mark.slow
def test_servers_of_the_page_start(start_server: StartServer, tmp_path: Path) -> None:
    """One makes backups by itself. The other one shows what was restored."""
    (backing_up,) = [command for command in COMMANDS if FOLDER in command]
    words = [str(tmp_path) if word == FOLDER else word for word in shlex.split(backing_up)[2:]]
    server = start_server(*words)
    made = wait_until(lambda: list(tmp_path.glob("tracker-*Z.db")), what="a backup")
    server.stop()
    (drill,) = [command for command in SHORT if "--port" in command]
    port = free_port()
    theirs = {"restored.db": str(made[0]), "8001": str(port)}
    options = [theirs.get(word, word) for word in shlex.split(drill)[2:]]
    start_server(options=options, port=port)
