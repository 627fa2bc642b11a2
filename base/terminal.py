r"""Output to terminals and logs. Text from outside can't move the cursor, hide text or forge a line.

Names and messages come from people, files and clients. Their escape sequences (C0 and C1), line ends and
controls of the writing direction are shown as Python writes them, such as `\x1b` and `\u202e`.
"""

from __future__ import annotations

import logging
import sys
import traceback
from io import StringIO, TextIOWrapper
from types import TracebackType

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def printable(text: object) -> str:
    """Return the text on one line. All characters but visible ones and spaces are escaped."""
    text = str(text)
    return text if text.isprintable() else "".join(map(_escape, text))


def say(*columns: object, to_stderr: bool = False) -> None:
    """Print one line at once: the columns, with tabs between them."""
    stream = sys.stderr if to_stderr else sys.stdout
    print("\t".join(map(printable, columns)), file=stream, flush=True)


def _escape(char: str) -> str:
    if char.isprintable():
        return char
    code = ord(char)
    if char in ESCAPES:
        return ESCAPES[char]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


class Formatter(logging.Formatter):
    """Write each record on one line, and its traceback below it, indented."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's)
        return printable(super().formatMessage(record))

    def formatException(  # noqa: N802 (logging's)
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
    ) -> str:
        return self.formatStack(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802 (logging's)
        return "\n".join(f"  {printable(line)}" for line in stack_info.split("\n"))


class Traceback(StringIO):
    """A stream for the tracebacks that others print. Each line is escaped and goes to standard error."""

    def write(self, text: str) -> int:
        sys.stderr.write("\n".join(map(printable, text.split("\n"))))
        sys.stderr.flush()
        return len(text)


def prepare() -> None:
    """Set up standard input and output, and what is logged, of this process.

    A letter that the terminal's encoding lacks is escaped. Bytes of the input that are no text are kept as
    halves of surrogate pairs, which are refused where the input is checked.
    """
    for stream, errors in (
        (sys.stdin, "surrogateescape"),
        (sys.stdout, "backslashreplace"),
        (sys.stderr, "backslashreplace"),
    ):
        if isinstance(stream, TextIOWrapper):  # neither the replacement of a test nor None without a console
            stream.reconfigure(errors=errors)
    handler = logging.StreamHandler()
    handler.setFormatter(Formatter(FORMAT))
    logging.basicConfig(handlers=[handler])
    sys.excepthook = lambda *error: traceback.print_exception(*error, file=Traceback())
