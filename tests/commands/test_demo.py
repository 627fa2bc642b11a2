"""`demo` serves an invented city in a database that is thrown away."""

import os
import random
import re
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import StartServer
from harness import run_tracker, wait_until

import models
from base import times
from commands import demo
from domain import accounts
from models import Alert, AreaOfInterest, Incident


@pytest.mark.slow
def test_newcomer_sees_a_living_city(start_server: StartServer, tmp_path: Path) -> None:
    """The printed password opens a map with areas, incidents and alerts. No file is left behind."""
    (tmp_path / "tmp").mkdir()
    server = start_server("demo", env={"TMPDIR": str(tmp_path / "tmp")})
    said = wait_until(lambda: re.search(r"Sign in as demo, password: (\S+)", server.output))
    assert said
    person = server.visitor()
    person.sign_in("demo", said[1])
    assert len(person.collection()["features"]) >= demo.FEWEST
    assert len(person.collection("area_of_interest")["features"]) == len(demo.AREAS)
    with person.watch() as watch:
        watch.wait_for(lambda message: message.get("actor") in demo.PEOPLE)
    assert not server.database.exists(), "the database of the options is left alone"
    assert server.stop() == 0
    assert list((tmp_path / "tmp").glob("tracker-demo-*")) == []


def test_past_is_consistent_and_bounded(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three days leave a sound database, with alerts and closed incidents, and a clock as before."""
    assert database.exists()
    monkeypatch.setattr(demo, "CLOSED_KEPT", 20)
    for name in demo.PEOPLE:
        accounts.create(name, "editor", f"{random.SystemRandom().random()} and three words")
    before = times.clock
    demo.City().live_through(timedelta(days=3))
    assert times.clock is before
    assert AreaOfInterest.select().count() == len(demo.AREAS)
    still_open = list(Incident.select().where(Incident.is_open))
    assert demo.FEWEST <= len(still_open) <= demo.MOST + 1
    assert Incident.select().where(Incident.closed).count() <= 20
    assert Alert.select().where(Alert.acknowledged.is_null(False)).exists()
    assert min(incident.created for incident in still_open) < times.now()
    models.database.close()
    done = run_tracker(tmp_path, "--database", database, "check")
    assert done.returncode == 0, done.stdout


def test_stream_goes_on_after_a_failed_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """A visitor may delete an incident while one of the invented people changes it."""
    steps: list[str] = []

    class End(Exception):
        pass

    def step(_: demo.City) -> None:
        steps.append("tried")
        if len(steps) == 1:
            raise Incident.DoesNotExist("it is gone")
        raise End

    monkeypatch.setattr(demo, "PAUSE_S", (0.0, 0.0))
    monkeypatch.setattr(demo.City, "step", step)
    with pytest.raises(End):
        demo.City().live()
    assert len(steps) == 2


def test_next_demo_removes_what_a_killed_one_has_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the folder of a demo that runs or starts, nor what a link of such a name points to."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    mine = tmp_path / "mine"
    names = ("killed", "running", "starting")
    folders = [mine, *(tmp_path / f"{demo.PREFIX}{name}" for name in names)]
    for folder in folders:
        folder.mkdir()
        (folder / "demo.db").touch()
        os.utime(folder, (0, 0))
    os.utime(folders[-1])
    (tmp_path / f"{demo.PREFIX}link").symlink_to(mine)
    with demo._locked(str(folders[2])):
        demo._remove_abandoned()
    assert [folder.exists() for folder in folders] == [True, False, True, True]
    demo._remove_abandoned()
    assert not folders[2].exists()
