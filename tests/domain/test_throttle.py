"""Waits after failures and limits of rates: how long they are, and that they are forgotten."""

import time
from pathlib import Path

import pytest

from domain import throttle
from domain.throttle import FORGET_S, KNOWN_S, LONGEST_S, Throttle

NAME, ADDRESS = "name:x", "address:y"
BURSTS = {NAME: 3, ADDRESS: 5}


class Clock:
    """The time of this process in seconds since 1970, which a test moves."""

    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(database: Path, monkeypatch: pytest.MonkeyPatch) -> Clock:
    assert database.exists()
    clock = Clock()
    monkeypatch.setattr(time, "time", clock)
    return clock


def counts() -> dict[str, int]:
    return {row.key: row.count for row in Throttle.select()}


def test_waits_double_after_a_burst_up_to_the_longest(clock: Clock) -> None:
    """A try in a wait does not count. The key with the longer wait decides."""
    for _ in range(2):
        assert throttle.attempt(BURSTS) == 0
    waits: list[float] = []
    for _ in range(14):
        assert throttle.attempt(BURSTS) == 0
        waits.append(throttle.attempt(BURSTS))
        clock.now += waits[-1]
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, *[LONGEST_S] * 4]
    assert counts() == {NAME: 16, ADDRESS: 16}


def test_failures_are_forgotten(clock: Clock) -> None:
    """Else the table would grow with every name that anybody tries."""
    for number in range(5):
        throttle.attempt({f"name:{number}": 3})
    clock.now += FORGET_S
    throttle.attempt({"name:0": 3})
    assert counts() == {"name:0": 2, **{f"name:{number}": 1 for number in range(1, 5)}}
    clock.now += 1
    throttle.attempt({"name:new": 3})
    assert counts() == {"name:0": 2, "name:new": 1}


def test_success_takes_back_what_it_counted() -> None:
    """All failures of the name, and this try of the address."""
    for _ in range(3):
        throttle.attempt(BURSTS)
    throttle.succeeded(NAME, ADDRESS)
    assert counts() == {ADDRESS: 2}
    for _ in range(5):
        throttle.succeeded(NAME, ADDRESS)
    assert counts() == {ADDRESS: 0}


def test_wait_of_a_clock_that_was_ahead_is_ignored(clock: Clock) -> None:
    for _ in range(3):
        throttle.attempt(BURSTS)
    Throttle.update(until=clock.now + 1 + throttle.ROUNDING_S).where(Throttle.key == NAME).execute()
    assert throttle.attempt(BURSTS) == 2
    Throttle.update(until=clock.now + 1.1 + throttle.ROUNDING_S).where(Throttle.key == NAME).execute()
    assert throttle.attempt(BURSTS) == 0


def test_rate_allows_a_burst_and_then_one_after_the_other(clock: Clock) -> None:
    for _ in range(4):
        assert throttle.limit("reports", 4, 60) == 0
    assert throttle.limit("reports", 4, 60) == 15
    assert throttle.limit("others", 4, 60) == 0
    clock.now += 14
    assert throttle.limit("reports", 4, 60) == pytest.approx(15)
    clock.now += 1
    assert throttle.limit("reports", 4, 60) == 0
    assert throttle.limit("reports", 4, 60) == 15
    clock.now += 1e6
    for _ in range(4):
        assert throttle.limit("reports", 4, 60) == 0
    assert throttle.limit("reports", 4, 60) == 15


def test_rate_of_nothing_allows_nothing() -> None:
    assert throttle.limit("reports", 0, 60) == 60
    assert counts() == {}


def test_address_where_the_password_was_given_has_a_key_of_its_own(clock: Clock) -> None:
    """For some months; not for another address, and not if a clock was ahead."""
    shared = throttle.by_name("ann")
    throttle.remember("Ann", "192.0.2.1")
    own = throttle.by_name_from("ann", "192.0.2.1")
    assert own not in (shared, throttle.by_name_from("bob", "192.0.2.1"))
    assert throttle.by_name_from("ann", "192.0.2.2") == shared
    clock.now += KNOWN_S - 1
    assert throttle.by_name_from("ann", "192.0.2.1") == own
    clock.now += 1
    assert throttle.by_name_from("ann", "192.0.2.1") == shared
    clock.now -= KNOWN_S + throttle.ROUNDING_S + 1
    assert throttle.by_name_from("ann", "192.0.2.1") == shared
