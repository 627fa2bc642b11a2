"""The server's log: one line per event, in bounded number, that nothing from outside can forge."""

import json
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness import run_tracker

from base import logs

CONTROLS = "\x1b[2J\x9b31m\u202e\r\n\t\x00"
FORGED = f'x" level=ERROR {CONTROLS}\n2030-01-01 00:00:00,000 ERROR tracker: all is lost'

log = logging.getLogger("tracker.test")
Printed = Callable[[], str]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def fresh_logger() -> logging.Logger:
    return logging.Logger("tracker.flood")  # noqa: LOG001 (one that nothing else logs to)


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Put back what `set_up` changes in this process."""
    root, hook = logging.getLogger(), sys.excepthook
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    sys.excepthook = hook
    logs.end_as("text")
    for name in logs.OURS:
        logging.getLogger(name).setLevel(logging.NOTSET)


@pytest.fixture
def stderr(capsys: pytest.CaptureFixture[str]) -> Printed:
    """Return what was printed to standard error since the last call."""
    return lambda: capsys.readouterr().err


@pytest.mark.parametrize("kind", logs.FORMATS)
def test_event_is_one_printable_line(kind: str, stderr: Printed) -> None:
    """Neither a value nor the request's id from outside begins a line or controls a terminal."""
    logs.set_up(kind, "info")
    token = logs.request_id.set("abc123")
    logs.event(log, logging.INFO, "Something happened", name=FORGED, count=3)
    logs.request_id.reset(token)
    (line,) = stderr().splitlines()
    assert line.isprintable()
    if kind == "json":
        found = json.loads(line)
        assert (found["event"], found["level"]) == ("Something happened", "info")
        assert (found["name"], found["count"], found["request"]) == (FORGED, 3, "abc123")
    else:
        start = r"[\d-]+ [\d:,]+ INFO tracker.test: Something happened "
        assert re.match(start + r"name=\"x\\\" level=ERROR ", line)
        assert line.endswith(" count=3 request=abc123")


@pytest.mark.parametrize("kind", logs.FORMATS)
def test_error_has_its_traceback(kind: str, stderr: Printed) -> None:
    """In JSON it is one line; for people the lines below are indented."""
    logs.set_up(kind, "info")
    try:
        raise ValueError(FORGED)
    except ValueError:
        log.exception("It failed")
    lines = stderr().splitlines()
    assert all(line.isprintable() for line in lines)
    if kind == "json":
        assert "ValueError: x" in json.loads(lines[0])["exception"]
        assert len(lines) == 1
    else:
        assert all(line.startswith("  ") for line in lines[1:])
        assert any("ValueError: x" in line for line in lines)


def test_long_values_are_cut(stderr: Printed) -> None:
    """A line stays short, whatever a client sends."""
    logs.set_up("json", "info")
    logs.event(log, logging.INFO, "Long", value="é" * 100_000)
    assert len(json.loads(stderr())["value"]) == logs.MAX_VALUE + 1


def test_level_is_for_our_loggers(stderr: Printed) -> None:
    """Packages log nothing but warnings, or peewee would write every secret that is stored."""
    logs.set_up("text", "debug")
    logging.getLogger("peewee").debug("INSERT %s", "secret")
    logging.getLogger("other").info("chatter")
    logging.getLogger("other").warning("trouble")
    log.debug("ours")
    printed = stderr()
    assert "secret" not in printed
    assert "chatter" not in printed
    assert "trouble" in printed
    assert "ours" in printed


def test_less_important_events_are_left_out(stderr: Printed) -> None:
    logs.set_up("text", "warning")
    logs.event(log, logging.INFO, "Not this")
    logs.event(log, logging.WARNING, "But this")
    printed = stderr()
    assert "Not this" not in printed
    assert "But this" in printed


def test_flood_is_bounded_and_counted(stderr: Printed) -> None:
    """A stranger who is refused ten thousand times fills no disk; how often is said afterwards."""
    clock = Clock()
    handler = logs.Handler(clock)
    handler.setFormatter(logs.JsonFormatter())
    logger = fresh_logger()
    logger.addHandler(handler)
    for number in range(10_000):
        logs.event(logger, logging.WARNING, "Refused", number=number)
    assert len(stderr().splitlines()) == logs.AT_ONCE
    logs.event(logger, logging.WARNING, "Something else")  # has a bound of its own
    assert "Something else" in stderr()
    clock.now += logs.REPORT_S + 1
    logs.event(logger, logging.WARNING, "Refused", number=-1)
    *_, report = map(json.loads, stderr().splitlines())
    assert report["event"] == "Lines were left out of the log"
    assert (report["like"], report["count"]) == ("tracker.flood: Refused", 10_000 - logs.AT_ONCE)


def test_steady_flood_leaves_so_many_lines_a_second(stderr: Printed) -> None:
    clock = Clock()
    budget = logs.Budget(clock)
    admitted = 0
    for _ in range(1000):
        clock.now += 0.1
        admitted += sum(budget.admits("x") for _ in range(100))
    assert admitted == pytest.approx(logs.AT_ONCE + 100 * logs.PER_S, rel=0.05)
    assert stderr() == ""


def test_kinds_are_bounded() -> None:
    """A package that logs ever new texts does not make the counts grow."""
    budget = logs.Budget(Clock())
    for number in range(10 * logs.MAX_KINDS):
        budget.admits(str(number))
    assert len(budget._paid) == logs.MAX_KINDS + 1
    assert len(list(budget.left_out(at_once=True))) == 1


def test_pipe_that_nobody_reads_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """When it is full, lines are dropped; when it is read again, their number is said."""
    reader, writer = os.pipe()
    with open(reader, "rb", buffering=0) as read, open(writer, "w", encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        handler = logs.Handler(Clock())
        handler.setFormatter(logs.TextFormatter("%(message)s"))
        monkeypatch.setattr(logs, "AT_ONCE", 1_000_000)
        logger = fresh_logger()
        logger.addHandler(handler)
        for _ in range(5000):  # far more than a pipe holds: a write that waits would never return
            logger.warning("é" * 200)
        assert handler._dropped > 0
        read.read(1 << 20)
        logger.warning("at last")
        said = read.read(1 << 16).decode()
    assert re.search(r"Standard error took no lines for a while count=\d+\nat last\n", said)


def test_no_standard_error_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process may be started without one, and its terminal may go."""
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", encoding="utf-8") as broken:
        for stream in (None, broken):
            monkeypatch.setattr(sys, "stderr", stream)
            logs.set_up("text", "info")
            logs.event(log, logging.INFO, "Nobody reads this")


def test_last_line_is_like_the_log() -> None:
    """Text by default, and JSON after `set_up` or `end_as`; never more than one line."""
    assert logs.last_line("why\nx") == "tracker: why\\nx\n"
    logs.set_up("json", "info")
    found = json.loads(logs.last_line(FORGED))
    assert {**found, "time": ""} == {"time": "", "level": "error", "logger": "tracker", "event": FORGED}
    logs.end_as("text")
    assert logs.last_line("why") == "tracker: why\n"


@pytest.mark.parametrize(
    ("arguments", "env"),
    [
        ((), {"TRACKER_HOSTS": "-1 /"}),
        (("--port", "0", "--database", "missing/x.db"), {}),
        (("--keyfile", "x"), {}),
        (("--no-such-option",), {}),
    ],
)
def test_server_that_cannot_start_says_why_in_json(
    tmp_path: Path, arguments: tuple[str, ...], env: dict[str, str]
) -> None:
    """A collector of logs can read it. A person who types a command gets text."""
    wanted = {**env, "TRACKER_LOG": "json"}
    done = run_tracker(tmp_path, *arguments, env=wanted)
    assert done.returncode == 2
    found = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(one["level"], one["logger"]) for one in found] == [("error", "tracker")]
    done = run_tracker(tmp_path, "user", "list", env=wanted)
    assert (done.returncode, done.stderr.startswith("tracker: ")) == (2, True)


def test_setting_in_the_file_counts_for_the_last_line_too(tmp_path: Path) -> None:
    (tmp_path / "tracker.toml").write_text('log = "json"\nkeyfile = "x"\n', encoding="utf-8")
    done = run_tracker(tmp_path, "--config", "tracker.toml")
    assert "--keyfile needs --certfile" in json.loads(done.stderr)["event"]
