"""The server's log: one line per event on standard error, for people or as JSON.

Many equal events leave a bounded number of lines, and their count. If nobody reads standard error, the server
goes on. Values from outside are escaped and cut. Knows no other room.
"""

from __future__ import annotations

import json
import logging
import re
import select
import sys
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from gevent import monkey

from base.terminal import FORMAT, Formatter, printable

FORMATS = ("text", "json")
LEVELS = ("debug", "info", "warning", "error")
AT_ONCE = 200  # lines of one kind after a silence,
PER_S = 10.0  # and in the long run: in a flood 200 MB a day, of lines of 250 bytes
MAX_KINDS = 500  # that have a count of their own; ours are a few dozen
REPORT_S = 10.0  # after the last line that was left out, their number is reported
MAX_VALUE = 300  # characters of a value
PIECE = 4096  # bytes that a pipe takes at once if it takes any (POSIX's PIPE_BUF on Linux)
BARE = re.compile(r"[^\s\"'=]+")  # a value that needs no quotes

# The loggers that have the wanted level. Those of packages log only warnings: peewee would log each statement
# with its values, and some of these are secrets.
OURS = ("tracker", "base", "domain", "models", "realtime", "server", "storage", "web")

log = logging.getLogger("tracker")
request_id: ContextVar[str] = ContextVar("request_id", default="")  # of the request under way
_last_kind = "text"
_poll = monkey.get_original("select", "poll")  # which never lets another greenlet run


def event(logger: logging.Logger, level: int, words: str, **fields: object) -> None:
    """Log an event: constant words, and its values as fields. Lines of the same words share a bound."""
    if logger.isEnabledFor(level):
        logger.log(level, words, extra={"fields": fields})


def set_up(kind: str, level: str) -> None:
    """Send the log of this process to standard error. `kind` is one of FORMATS, `level` one of LEVELS."""
    handler = Handler()
    handler.setFormatter(JsonFormatter() if kind == "json" else TextFormatter(FORMAT))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level.upper()]))
    for name in OURS:
        logging.getLogger(name).setLevel(level.upper())
    end_as(kind)
    if kind == "json":
        sys.excepthook = log_failure


def end_as(kind: str) -> None:
    """Let `last_line` be text or JSON from now on. Other words than those of FORMATS mean text."""
    global _last_kind  # noqa: PLW0603 (a process ends once)
    _last_kind = kind


def last_line(sentence: str) -> str:
    """Return the line on standard error in which a process says why it ends: text, or JSON like the log."""
    if _last_kind != "json":
        return f"tracker: {printable(sentence)}\n"
    return f"{json.dumps(_head(time.time(), 'error', log.name, sentence))}\n"


def log_failure(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Log an exception that nothing caught."""
    log.error("An error was not caught", exc_info=(kind, error, traceback))


class Budget:
    """Lets AT_ONCE lines of a kind pass, then PER_S a second, and counts the others.

    This is the generic cell rate algorithm: a number for each kind.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._paid: dict[str, float] = {}  # until when the lines so far are paid off
        self._left_out: dict[str, tuple[int, float]] = {}  # how many, and when the last one

    def admits(self, kind: str) -> bool:
        """Count a line. Return whether it may be written."""
        now = self._clock()
        if kind not in self._paid and len(self._paid) >= MAX_KINDS:
            kind = "others"
        paid = max(self._paid.get(kind, now), now) + 1 / PER_S
        if paid - now > (AT_ONCE + 0.5) / PER_S:  # half a line for what rounding takes
            self._left_out[kind] = (self._left_out.get(kind, (0, now))[0] + 1, now)
            return False
        self._paid[kind] = paid
        return True

    def left_out(self, *, at_once: bool = False) -> Iterator[tuple[str, int]]:
        """Yield each kind of which lines were left out and none lately, with their number, once."""
        if not self._left_out:
            return
        before = self._clock() - (0 if at_once else REPORT_S)
        for kind, (count, last) in list(self._left_out.items()):
            if last <= before:
                del self._left_out[kind]
                yield kind, count


class Handler(logging.Handler):
    """Writes to standard error, if that takes a line at once. Else the line is counted and dropped."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._budget = Budget(clock)
        self._dropped = 0

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if self._budget.admits(f"{record.name}: {str(record.msg)[:MAX_VALUE]}"):
                record.__dict__["request"] = request_id.get()
                self._write(self.format(record))
            for kind, count in self._budget.left_out():
                self._report("Lines were left out of the log", like=kind, count=count)
        except Exception:  # noqa: BLE001 (a log that fails must not fail a request)
            self.handleError(record)

    def close(self) -> None:
        """Report what is left to report."""
        for kind, count in self._budget.left_out(at_once=True):
            self._report("Lines were left out of the log", like=kind, count=count)
        super().close()

    def _report(self, words: str, **fields: object) -> None:
        record = log.makeRecord(log.name, logging.WARNING, "", 0, words, (), None, extra={"fields": fields})
        self._write(self.format(record))

    def _write(self, text: str) -> None:
        if not _takes(sys.stderr):
            self._dropped += 1
            return
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            self._report("Standard error took no lines for a while", count=dropped)
        for start in range(0, len(text), PIECE // 4):  # a letter has at most four bytes
            if start and not _takes(sys.stderr):
                self._dropped += 1
                break
            sys.stderr.write(text[start : start + PIECE // 4])
            sys.stderr.flush()
        sys.stderr.write("\n")
        sys.stderr.flush()


def _takes(stream: Any) -> bool:
    """Return whether the stream takes PIECE bytes without waiting. A closed pipe or terminal takes none."""
    try:
        descriptor = stream.fileno()
    except (AttributeError, OSError, ValueError):  # what a test has put there
        return stream is not None
    poll = _poll()
    poll.register(descriptor, select.POLLOUT)
    found = poll.poll(0)
    return bool(found) and not found[0][1] & (select.POLLERR | select.POLLNVAL)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    fields: dict[str, object] = dict(getattr(record, "fields", {}))
    if request := getattr(record, "request", ""):
        fields.setdefault("request", request)
    return fields


class TextFormatter(Formatter):
    """A line for people: the event, then its fields as name=value. A stack follows, indented."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's)
        fields = _fields(record)
        stack = fields.pop("stack", ())
        line = " ".join([super().formatMessage(record), *(f"{k}={_quoted(v)}" for k, v in fields.items())])
        lines = stack if isinstance(stack, list) else []
        return "\n".join([line, *(f"  {printable(text)}" for text in lines)])


def _quoted(value: object) -> str:
    """Return a value on one line, in quotes where its end would be in doubt."""
    text = printable(_cut(value))
    return text if BARE.fullmatch(text) else json.dumps(text, ensure_ascii=False)


class JsonFormatter(Formatter):
    """A JSON object on one line. Only ASCII, so that nothing in it can control a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        found = _head(record.created, record.levelname.lower(), record.name, record.getMessage())
        for name, value in _fields(record).items():
            found.setdefault(name, _jsonable(value))
        if record.exc_info:
            found["exception"] = logging.Formatter.formatException(self, record.exc_info)
        return json.dumps(found)


def _head(created: float, level: str, logger: str, words: str) -> dict[str, object]:
    """Return the members that each line has. `created` is in seconds since 1970."""
    moment = datetime.fromtimestamp(created, UTC).isoformat(timespec="milliseconds")
    return {"time": moment, "level": level, "logger": logger, "event": words}


def _jsonable(value: object) -> object:
    if isinstance(value, list):
        return [_cut(item) for item in value]
    return value if isinstance(value, bool | int | float) or value is None else _cut(value)


def _cut(value: object) -> str:
    text = str(value)
    return text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}…"
