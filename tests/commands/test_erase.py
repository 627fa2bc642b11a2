"""`python tracker.py erase`, beside a server that has the database open."""

from pathlib import Path

import pytest
from harness import Person, Server, run_tracker

WORD = "Zqerasable"


def erase(server: Server, *arguments: str, answer: str = "") -> tuple[int, str]:
    env = {"TRACKER_DATABASE": str(server.database)}
    done = run_tracker(server.folder, "erase", *arguments, stdin=answer, env=env)
    return done.returncode, done.stdout + done.stderr


def files_of(server: Server) -> list[Path]:
    return [server.database, Path(f"{server.database}-wal")]


@pytest.mark.parametrize(("arguments", "answer"), [([], "yes\n"), (["--yes"], "")])
def test_erased_beside_a_server(server: Server, person: Person, arguments: list[str], answer: str) -> None:
    """Open pages are told, nobody can read it again from the server, and no file has a word of it."""
    before = person.collection()
    stored = person.save_incident(WORD, description=f"{WORD} again")
    pk = str(stored["properties"]["pk"])
    with person.watch() as watch:
        status, said = erase(server, pk, *arguments, answer=answer)
        assert status == 0, said
        told = watch.wait_for_type("post_delete", stored)
    assert told["erased"] is True
    with person.watch(f"?since={before['seq']}&epoch={before['epoch']}&mark={before['mark']}") as again:
        again.wait_for_type("post_delete", stored)
    assert again.hello["recovered"] is True
    assert [message["type"] for message in again.messages[1:]] == ["erased", "post_delete"]
    assert [path.name for path in files_of(server) if WORD.encode() in path.read_bytes()] == []


def test_asks_and_takes_no_for_an_answer(server: Server, person: Person) -> None:
    """Anything but yes leaves all as it is; without an answer it fails."""
    stored = person.save_incident("Asked about")
    pk = str(stored["properties"]["pk"])
    status, said = erase(server, pk, answer="no\n")
    assert status == 0
    assert f"Erase incident {pk}, Asked about?" in said
    assert "Nothing was erased." in said
    status, said = erase(server, pk)
    assert status == 2
    assert "--yes" in said
    assert person.named("Asked about")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "name the incident"),
        (["1", "--free-space"], "name the incident"),
        (["99999999999999999999", "--yes"], "there has never been an incident"),
        (["0", "--yes"], "there has never been an incident"),
    ],
)
def test_wrong_arguments_are_refused(server: Server, arguments: list[str], reason: str) -> None:
    """In one line that says why."""
    status, said = erase(server, *arguments)
    assert status == 2
    assert reason in said
