"""The watcher, tested with a made-up group, database and clock."""

from collections.abc import Callable, Set
from types import SimpleNamespace
from typing import Any, cast

import gevent
import pytest

from realtime.watcher import EXPIRY_S, POLL_S, RETRY_S, SIGNED_OUT, Watcher


class World:
    """A watcher with its inputs and its actions: `asked`, `noted`, `woken`, `refreshed`, `closed`."""

    def __init__(self) -> None:
        self.version, self.time = 1, 1000.0
        self.ended: set[str] = set()  # owners
        self.asked: list[set[str]] = []
        self.noted: list[set[str]] = []
        self.closed: list[tuple[str, int]] = []
        self.woken = self.refreshed = 0
        self.fails = False
        self.group = SimpleNamespace(arrived=0, clients=set(), wake=self._wake, close=self._close)
        self.watcher = Watcher(
            cast(Any, self.group),
            version=lambda: self.version,
            valid=self._valid,
            note_use=lambda owners: self.noted.append(set(owners)),
            refresh=self._refresh,
            clock=lambda: self.time,
        )

    def connect(self, owner: str) -> None:
        self.group.arrived += 1
        self.group.clients |= {cast(Any, _Client(owner))}

    def _wake(self) -> None:
        self.woken += 1

    def _refresh(self) -> None:
        self.refreshed += 1

    def _valid(self, owners: Set[str]) -> set[str]:
        self.asked.append(set(owners))
        if self.fails:
            raise OSError("no database")
        return set(owners) - self.ended

    def _close(self, match: Callable[[str], bool], code: int, _reason: str) -> None:
        self.closed += [(client.owner, code) for client in self.group.clients if match(client.owner)]


class _Client:
    def __init__(self, owner: str) -> None:
        self.owner = owner


@pytest.fixture
def world() -> World:
    world = World()
    world.connect("ada")
    world.connect("bob")
    world.watcher.look()
    return world


def test_change_wakes_the_group_and_refreshes(world: World) -> None:
    """A look at an unchanged database does nothing."""
    world.watcher.look()
    assert (world.woken, world.refreshed, len(world.asked)) == (1, 1, 1)
    world.version += 1
    world.watcher.look()
    assert (world.woken, world.refreshed, len(world.asked)) == (2, 2, 2)


def test_ended_session_is_closed_once(world: World) -> None:
    """The clients of other sessions stay."""
    world.ended, world.version = {"bob"}, 2
    world.watcher.look()
    assert world.closed == [("bob", SIGNED_OUT)]
    world.version = 3
    world.watcher.look()
    assert world.closed == [("bob", SIGNED_OUT)]


def test_time_ends_a_session_without_a_change(world: World) -> None:
    world.ended = {"ada"}
    world.time += EXPIRY_S - 1
    world.watcher.look()
    assert world.closed == []
    world.time += 1
    world.watcher.look()
    assert world.closed == [("ada", SIGNED_OUT)]


def test_new_client_is_checked(world: World) -> None:
    """The session of a new client may have ended while it connected, so it is checked."""
    world.ended = {"eve"}
    world.connect("eve")
    world.watcher.look()
    assert world.closed == [("eve", SIGNED_OUT)]


def test_use_is_noted_of_sessions_that_have_not_ended(world: World) -> None:
    """A session's use is noted when a client joins and as time passes, not at each change of the database."""
    assert world.noted == [{"ada", "bob"}]
    world.version += 1
    world.watcher.look()
    assert len(world.noted) == 1
    world.ended, world.time = {"bob"}, world.time + EXPIRY_S
    world.watcher.look()
    assert world.noted[1:] == [{"ada"}]


def test_look_that_failed_is_made_again(world: World) -> None:
    """After a failed look the next one finds all changes."""
    world.ended, world.version, world.fails = {"bob"}, 2, True
    with pytest.raises(OSError, match="no database"):
        world.watcher.look()
    world.fails = False
    world.watcher.look()
    assert world.closed == [("bob", SIGNED_OUT)]


def test_watcher_looks_for_as_long_as_the_server_runs(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """After a look that failed it waits longer, and goes on."""
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        world.version += 1
        world.fails = len(slept) == 1
        if len(slept) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(gevent, "sleep", sleep)
    with pytest.raises(KeyboardInterrupt):
        world.watcher.run()
    assert slept == [POLL_S, RETRY_S, POLL_S, POLL_S]
    assert len(world.asked) == 1 + 2
    assert "Can't see whether the database has changed" in caplog.text
