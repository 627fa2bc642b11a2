"""The watch of the event loop: it says how late the loop is, and which code held it up."""

import logging
import time
from collections.abc import Iterator

import gevent
import pytest
from harness import PATIENCE_S

from base import loop_watch
from base.loop_watch import LoopWatch


@pytest.fixture
def watch() -> Iterator[LoopWatch]:
    watch = LoopWatch()
    watch.start()
    yield watch
    watch.stop()


def hold_up_the_loop(watch: LoopWatch) -> None:
    """Work without a pause until the thread has seen it, and so long that it counts as a stall."""
    started = time.monotonic()
    while not watch._stack or time.monotonic() - started < 2 * loop_watch.STALL_S:
        assert time.monotonic() - started < PATIENCE_S


def wait_for(number: int, watch: LoopWatch) -> None:
    with gevent.Timeout(PATIENCE_S):
        while sum(watch.lag.counts) < number:
            gevent.sleep(0.01)


def test_stall_is_logged_with_its_culprit(watch: LoopWatch, caplog: pytest.LogCaptureFixture) -> None:
    """The stack names the function that did not pause, and no value of a variable."""
    secret = "a password of nobody"
    wait_for(1, watch)
    with caplog.at_level(logging.WARNING):
        hold_up_the_loop(watch)
        with gevent.Timeout(PATIENCE_S):
            while not watch.stalls:
                gevent.sleep(0.01)
    fields = caplog.records[0].__dict__["fields"]
    assert "stood still" in caplog.text
    assert fields["ms"] >= 1000 * loop_watch.STALL_S
    assert any("in hold_up_the_loop" in call for call in fields["stack"])
    assert secret not in str(fields)
    assert watch.longest >= loop_watch.STALL_S


def test_lateness_of_an_idle_loop_is_counted(watch: LoopWatch) -> None:
    """Each beat counts once."""
    wait_for(3, watch)
    assert watch.lag.total >= 0


def test_thread_ends_with_the_watch() -> None:
    """It looks no longer when the watch is stopped."""
    watch = LoopWatch()
    watch._look(0)  # returns at once: the watch does not run
    watch.start()
    watch.stop()
    watch._look(0)
