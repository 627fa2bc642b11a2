"""`python tracker.py prune`: what it says, asks, exports and deletes."""

import errno
import io
import json
import os
import sqlite3
import stat
from argparse import Namespace
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from harness import Person, Server, run_tracker

import commands.prune
import models
from base import times
from base.settings import Settings

OLD = "2020-01-01T00:00:00.000000Z"
KEEP = {"TRACKER_KEEP_DAYS": "30"}


class FullDisk(io.StringIO):
    """A file on a full disk. Its name is a number, as that of a file which was opened by its descriptor."""

    name = 11

    def flush(self) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def prune(server: Server, *arguments: str, answer: str = "", **env: str) -> tuple[int, str]:
    done = run_tracker(
        server.folder,
        "prune",
        *arguments,
        stdin=answer,
        env={"TRACKER_DATABASE": str(server.database), **env},
    )
    return done.returncode, done.stdout + done.stderr


def sql(server: Server, statement: str) -> list[Any]:
    with closing(sqlite3.connect(server.database, timeout=30)) as database, database:
        return database.execute(statement).fetchall()


def age(server: Server, person: Person, *names: str) -> int:
    """Save incidents, let all entries of the log be old, and save one more. Return how many are old."""
    for name in names:
        person.save_incident(name)
    sql(server, f"UPDATE notification SET created = '{OLD}'")
    person.save_incident("New")
    return int(sql(server, f"SELECT count(*) FROM notification WHERE created = '{OLD}'")[0][0])


def test_dry_run_says_what_and_deletes_nothing(server: Server, person: Person) -> None:
    """Per kind: how many of how many, and from before when; and what is kept in any case."""
    old = age(server, person, "One", "Two")
    before = sql(server, "SELECT count(*) FROM notification")
    status, said = prune(server, "--dry-run", **KEEP)
    assert status == 0, said
    assert f"{old}\tlog entries\tof {old + 1}, from before " in said
    assert "-\tclosed incidents\tkept for ever" in said
    assert "it is the newest entry" in said
    assert sql(server, "SELECT count(*) FROM notification") == before


def test_asks_before(server: Server, person: Person) -> None:
    """No deletes nothing, and without an answer the command fails."""
    old = age(server, person, "Asked")
    status, said = prune(server, answer="no\n", **KEEP)
    assert (status, "Nothing was deleted." in said) == (0, True)
    status, said = prune(server, **KEEP)
    assert (status, "--yes" in said) == (2, True)
    assert len(sql(server, f"SELECT 1 FROM notification WHERE created = '{OLD}'")) == old


def test_exports_what_it_deletes(server: Server, person: Person, tmp_path: Path) -> None:
    """One JSON object a line, in a file that only its owner can read; then it is gone from the log."""
    old = age(server, person, "Exported", 'Quotes " and lines \n')
    path = tmp_path / "old.jsonl"
    status, said = prune(server, "--yes", "--force", "--export", str(path), **KEEP)
    assert status == 0, said
    assert f"{old}\tlog entries deleted" in said
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == old
    assert {line["kind"] for line in lines} == {"log entries"}
    assert lines[-1]["message"]["feature"]["properties"]["name"] == 'Quotes " and lines \n'
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(sql(server, "SELECT 1 FROM notification")) == 1
    assert person.save_incident("After")["id"]
    checked = run_tracker(server.folder, "check", env={"TRACKER_DATABASE": str(server.database)})
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_more_than_half_needs_force(server: Server, person: Person) -> None:
    """Without a person who answers. The question names it, too."""
    old = age(server, person, "Not so soon")
    status, said = prune(server, "--yes", **KEEP)
    assert (status, "add --force" in said, "more than half of: log entries." in said) == (2, True, True)
    status, said = prune(server, answer="no\n", **KEEP)
    assert (status, "more than half of: log entries." in said) == (0, True)
    assert len(sql(server, f"SELECT 1 FROM notification WHERE created = '{OLD}'")) == old
    assert prune(server, "--yes", "--force", **KEEP)[0] == 0


def test_clock_that_is_ahead_deletes_nothing_unattended(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A single save under such a clock makes all entries before it seem old."""
    assert database.exists()
    for name in ("One", "Two"):
        models.Incident(name=name, longitude=1, latitude=2).save()
    ahead = times.clock() + timedelta(days=730)
    monkeypatch.setattr(times, "clock", lambda: ahead)
    models.Incident(name="Under the wrong clock", longitude=1, latitude=2).save()
    settings = Settings(keep_days=30)
    options = Namespace(settings=settings, dry_run=False, yes=True, force=False, export=None)
    with pytest.raises(models.TrackerError, match="check the clock"):
        commands.prune.prune(options)
    assert models.Notification.bounds() == (0, 3)


def test_full_disk_ends_an_export_with_the_name_of_the_file() -> None:
    """The rows that did not fit are not deleted."""
    file = FullDisk()
    export = commands.prune._exporter(file, "old.jsonl", "log entries")
    with pytest.raises(models.TrackerError, match=r"can't write old\.jsonl: No space left"):
        export([{"seq": 1}])


def test_export_never_replaces_a_file(server: Server, person: Person, tmp_path: Path) -> None:
    """Neither is anything deleted then."""
    old = age(server, person, "Kept")
    path = tmp_path / "old.jsonl"
    path.write_text("precious")
    status, said = prune(server, "--yes", "--force", "--export", str(path), **KEEP)
    assert (status, path.read_text()) == (2, "precious")
    assert "nothing was deleted" in said
    assert len(sql(server, f"SELECT 1 FROM notification WHERE created = '{OLD}'")) == old


@pytest.mark.parametrize(
    ("env", "reason"),
    [
        ({}, "no period is set"),
        ({"TRACKER_KEEP_DAYS": "0.5"}, "1 day"),
        ({"TRACKER_KEEP_DAYS": "-1"}, "1 day"),
        ({"TRACKER_KEEP_DAYS": "nan"}, "1 day"),
        ({"TRACKER_KEEP_DAYS": "inf"}, "1 day"),
        ({"TRACKER_KEEP_CLOSED_DAYS": "1e9"}, "100 years"),
    ],
)
def test_wrong_periods_are_refused(server: Server, env: dict[str, str], reason: str) -> None:
    """In a sentence; nothing is deleted."""
    status, said = prune(server, "--yes", **env)
    assert status == 2
    assert reason in said
