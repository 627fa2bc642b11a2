"""`demo` serves an invented city in a database that is thrown away."""

import random
import re
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
