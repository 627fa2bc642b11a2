"""`python tracker.py demo`: an invented week in a city, in a database that is thrown away.

The invented people save, acknowledge and close through the same models as real people. So alerts, the log and
open pages follow as always.
"""

from __future__ import annotations

import fcntl
import logging
import os
import random
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import gevent
import peewee

import models
from base import times
from base.settings import Settings
from base.severity import Severity
from base.terminal import say
from commands.shared import Commands
from domain import accounts
from geo import geojson
from models import Alert, AreaOfInterest, Incident, Notification

log = logging.getLogger("tracker.demo")

NAME = "demo"  # of the admin
PREFIX = "tracker-demo-"  # of the folder with the database
STARTING_S = 60.0  # a demo may have made its folder so long ago, and not locked it yet
PEOPLE = ("Eleni", "Nikos", "Maria", "Giorgos")
PAST = timedelta(days=7)
FEWEST, MOST = 14, 32  # open incidents
KEPT: dict[str, Any] = {"keep_days": 8, "keep_alerts_days": 8}  # of the log and of past alerts
CLOSED_KEPT = 300  # newest closed incidents; older ones are deleted, so that the demo can run for months
PAUSE_S = (3.0, 8.0)  # between two events, shortest and longest
GAP_MIN = (8.0, 50.0)  # the same, in minutes, in the past
MINUTE = timedelta(minutes=1)

# Quarters of Heraklion, roughly, each with the least severity that alerts there.
AREAS = {
    "Old town, within the walls": (
        "Medium",
        [(25.121, 35.334), (25.139, 35.331), (25.144, 35.343), (25.126, 35.344)],
    ),
    "Harbour and ferry terminal": (
        "Low",
        [(25.137, 35.341), (25.156, 35.339), (25.158, 35.349), (25.138, 35.348)],
    ),
    "Airport": (
        "High",
        [(25.166, 35.334), (25.197, 35.334), (25.197, 35.344), (25.166, 35.344)],
    ),
    "University hospital": (
        "Medium",
        [(25.064, 35.297), (25.083, 35.297), (25.083, 35.309), (25.064, 35.309)],
    ),
    "Giofyros river": (
        "High",
        [(25.091, 35.3), (25.103, 35.298), (25.112, 35.333), (25.104, 35.336)],
    ),
    "Knossos road schools": (
        "Medium",
        [(25.141, 35.302), (25.161, 35.302), (25.158, 35.327), (25.143, 35.327)],
    ),
}
# Kinds of incidents: title, description, and severities of which one is drawn.
KINDS = (
    ("Water in a cellar", "A pump is needed.", "Low Medium Medium High"),
    ("Traffic lights off", "Drivers take turns for now.", "Low Low Medium"),
    ("Tree across the road", "One lane is blocked.", "Medium Medium High"),
    ("Smell of gas", "Neighbours were asked to leave the house.", "High Urgent"),
    ("Rubbish on fire", "The fire is small, and there is wind.", "Medium High"),
    ("Street light broken", "", "Info Low"),
    ("Car accident", "Two cars, nobody is badly hurt.", "Medium High"),
    ("Person missing", "Last seen in the morning, with a red jacket.", "High Urgent"),
    ("Power cut", "Several houses are dark.", "Low Medium"),
    ("Road under water", "The underpass is closed.", "Medium High High"),
    ("Loose roof tiles", "They may fall on the pavement.", "Low Medium"),
    ("Brush fire", "Smoke is seen from the ring road.", "High Urgent"),
)
STREETS = ("25 August Street", "the market", "the bus station", "Knossos Avenue", "the marina", "the stadium",
           "the coast road", "a school", "the technical park", "the western gate")  # fmt: skip
NOTES = ("On the way", "Fire brigade informed", "We send a team", "Seen, we wait for a call back")


class City:
    """The invented people. Each call of `step` lets one of them do one thing."""

    def __init__(self, seed: int = 1) -> None:
        self._chance = random.Random(seed)  # noqa: S311  # nosec B311 (not for secrets)

    def begin(self) -> None:
        """Draw the areas."""
        models.actor.set(PEOPLE[0])
        for name, (severity, corners) in AREAS.items():
            ring = [list(corner) for corner in (*corners, corners[0])]
            polygon = geojson.parse_polygon({"type": "Polygon", "coordinates": [ring]})
            AreaOfInterest(name=name, severity=Severity.parse(severity), polygon=polygon).save()

    def step(self) -> None:
        """Report, acknowledge, change or close something. The number of incidents stays bounded."""
        models.actor.set(self._chance.choice(PEOPLE))
        count = Incident.select().where(Incident.is_open).count()
        if count < FEWEST:
            return self._report()
        if count > MOST:
            return self._close()
        return self._chance.choices(
            (self._report, self._acknowledge, self._change, self._close), weights=(4, 4, 1, 3)
        )[0]()

    def _report(self) -> None:
        title, description, severities = self._chance.choice(KINDS)
        incident = Incident(name=f"{title} near {self._chance.choice(STREETS)}", description=description)
        incident.severity = Severity.parse(self._chance.choice(severities.split()))
        incident.location = geojson.parse_point({"type": "Point", "coordinates": self._place()})
        incident.save()

    def _place(self) -> list[float]:
        """Return a place in one of the areas, or in one of four cases elsewhere in the city."""
        if self._chance.random() < 0.25:
            return [self._chance.uniform(25.06, 25.2), self._chance.uniform(35.295, 35.34)]
        _, corners = self._chance.choice(list(AREAS.values()))
        shares = [self._chance.random() for _ in corners]
        pairs = list(zip(corners, shares, strict=True))
        return [round(sum(corner[axis] * part for corner, part in pairs) / sum(shares), 5) for axis in (0, 1)]

    def _acknowledge(self) -> None:
        waiting = Alert.open().where(Alert.acknowledged.is_null()).order_by(Alert.raised_seq).first()
        if waiting is not None:
            Alert.acknowledge([waiting.id], self._chance.choice(NOTES))

    def _change(self) -> None:
        if (incident := self._any_open()) is not None:
            incident.severity = self._chance.choice(list(Severity))
            incident.save()

    def _close(self) -> None:
        if (incident := self._any_open()) is not None:
            incident.closed = True
            incident.save()
        old = Incident.select().where(Incident.closed).order_by(Incident.id.desc()).offset(CLOSED_KEPT)
        for incident in old:
            incident.delete_instance()

    def _any_open(self) -> Incident | None:
        """Return one of the older open incidents."""
        found = list(Incident.select().where(Incident.is_open).order_by(Incident.id).limit(FEWEST))
        return self._chance.choice(found) if found else None

    def live_through(self, period: timedelta) -> None:
        """Let the people do in a moment what they would have done in the last period."""
        end = times.clock()
        moment = end - period
        with _clock(moment) as turn:
            self.begin()
            while moment < end:
                turn(moment)
                self.step()
                moment += self._chance.uniform(*GAP_MIN) * MINUTE

    def live(self) -> None:
        """Let the people do one thing after another, without end."""
        while True:
            gevent.sleep(self._chance.uniform(*PAUSE_S))
            try:
                self.step()
            except (peewee.PeeweeException, peewee.DoesNotExist, models.TrackerError) as error:
                # A visitor may have deleted the incident.
                log.warning("The demo left out a step: %s", error)


@contextmanager
def _clock(start: datetime) -> Iterator[Callable[[datetime], None]]:
    """Have another time in the block. The function that it yields sets it."""
    real, moment = times.clock, start

    def turn(new: datetime) -> None:
        nonlocal moment
        moment = new

    times.clock = lambda: moment
    try:
        yield turn
    finally:
        times.clock = real


def add_arguments(commands: Commands) -> None:
    """Add the command `demo` to the parser of tracker.py."""
    text = "show Tracker with an invented city, in a database that is thrown away"
    commands.add_parser("demo", help=text, description=text, allow_abbrev=False)


@contextmanager
def _locked(folder: str) -> Iterator[None]:
    """Hold a lock on the folder in the block. The system drops it, however this process ends."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _remove_abandoned() -> None:
    """Remove what earlier demos could not remove, because they were killed or hung."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                found = os.fstat(descriptor)
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if found.st_uid == os.geteuid() and time.time() - found.st_mtime > STARTING_S:
                    shutil.rmtree(folder)
            finally:
                os.close(descriptor)


def run(settings: Settings, serve: Callable[[Settings, str, City], None]) -> int:
    """Serve the demo until SIGTERM or Ctrl-C. `serve` gets the settings, how to sign in, and the city."""
    password = secrets.token_urlsafe(9)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # until the server has its own: remove the folder
    _remove_abandoned()
    with tempfile.TemporaryDirectory(prefix=PREFIX) as folder, _locked(folder):
        file = str(Path(folder, "demo.db"))
        own = replace(settings, database=file, backup_folder="", admin_password_file="", **KEPT)  # nosec B106
        models.open_database(own.database, migrate=True)
        try:
            accounts.create(NAME, "admin", password)
            for name in PEOPLE:
                accounts.create(name, "editor", secrets.token_urlsafe(9))
            city = City()
            city.live_through(PAST)
            accounts.find(NAME).read_up_to(Notification.position()["seq"])
        finally:
            models.actor.set(None)
            models.database.close()
        say("Everything in this demo is invented, and is thrown away when it ends.")
        serve(own, f"Sign in as {NAME}, password: {password}", city)
    return 0
