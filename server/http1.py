"""HTTP/1.1 requests, read from bytes exactly as RFC 9110 and RFC 9112 write them. Knows no sockets.

A request that two readers could understand differently is refused. So a proxy in front of this server always
agrees with it where a request ends and for which host it is. Nothing is repaired and nothing is guessed.

Packages accept too much. Of the 332 requests that must be refused in tests/support/requests_as_data.py, h11
0.16 accepts 135 and httptools 0.9 (llhttp) 108. Among them are bad hosts and targets, lines that end with LF
(h11), requests without Host (httptools), and chunk extensions without a bound (both). Most checks of this
module would be needed beside them.

Reading a request of 11 fields takes 118,000 instructions here, 482,000 in h11 and 50,000 in httptools. A save
by HTTP takes 1.95 million; with pywsgi's own reader it took 2.02 million.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import IPv6Address

MAX_HEAD = 32 << 10  # bytes of a request's line and fields together
MAX_LINE = 8190  # bytes of the request line: RFC 9112 wants at least 8,000
MAX_HEADER_FIELDS = 100  # in a head, and again in a trailer
MAX_CHUNK_LINE = 4 << 10  # bytes of a chunk's size with its extensions, or of one trailer field
MAX_OVERHEAD = 64 << 10  # bytes that a chunked body may have beside its data, in total

# A second one of these would let readers disagree about the body, the receiver or the sender.
SINGLE = {"host", "content-length", "transfer-encoding", "content-type", "authorization", "origin"}
BODILESS = {"GET", "HEAD"}  # a body has no meaning for them, and some readers would not expect it

WORD = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"  # a token of RFC 9110, section 5.6.2
TEXT = r"[\t \x21-\x7e\x80-\xff]*+"  # of a field: VCHAR, obs-text, SP and HTAB
SEGMENT = r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})"  # of a path: pchar and "/"
# RFC 3986 wants the last of these escaped; browsers send them as they are.
QUERY = r"[A-Za-z0-9\-._~!$&'()*+,;=:@/?%\[\]{}|\\^`]"
LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
AUTHORITY = rf"(?:({LABEL}(?:\.{LABEL})*\.?)|\[([0-9A-Fa-f:.]+)\])(?::[1-9][0-9]{{0,4}})?"

REQUEST_LINE = re.compile(rf"({WORD}) ([\x21-\x7e]++) (HTTP/1\.[01])")
PATH = re.compile(rf"(/{SEGMENT}*+)(?:\?({QUERY}*+))?")
ABSOLUTE = re.compile(r"[Hh][Tt][Tt][Pp][Ss]?://([^/?]*+)(.*+)")
HOST = re.compile(AUTHORITY)
FIELD = re.compile(rf"({WORD}):({TEXT})")
LENGTH = re.compile(r"[0-9]{1,18}")
OPTIONS = re.compile(r"[, \t]+")  # the separator of the options of Connection

_QUOTED = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*+"'
_WORD = WORD.encode()
CHUNK = re.compile(
    rb"([0-9A-Fa-f]{1,15})(?:[ \t]*+;[ \t]*+" + _WORD + rb"(?:[ \t]*+=[ \t]*+(?:" + _WORD
    + rb"|" + _QUOTED + rb"))?)*+"
)  # fmt: skip
TRAILER = re.compile(_WORD + rb":" + TEXT.encode())
UNFINISHED = re.compile(TEXT.encode() + rb"\r?")  # a line whose end has not come yet


class Refused(ValueError):
    """A request that does not reach the application: the status of its answer, and the reason for the log."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def _bad(reason: str) -> Refused:
    return Refused(HTTPStatus.BAD_REQUEST, reason)


@dataclass(slots=True)
class Head:
    """The line and the fields of a request.

    `path` is as it was sent, with its escapes; "*" only with OPTIONS. `fields` has names in lower case, and
    the values of one name joined. `length` is the body's in bytes, None when it is chunked.
    """

    method: str
    path: str
    query: str
    version: str
    fields: dict[str, str]
    length: int | None = 0
    keeps_alive: bool = False
    upgrades: bool = False  # it asks for a WebSocket
    expects_continue: bool = False


class Incoming:
    """Bytes that a peer has sent and nobody has read yet: at most MAX_HEAD and one piece."""

    def __init__(self) -> None:
        self.data = b""
        self._searched = 0  # bytes in which no end of a head was found
        self._begun = False  # true after an empty line before the head was skipped

    def feed(self, piece: bytes) -> None:
        self.data = self.data + piece if self.data else piece

    def take(self, size: int) -> bytes:
        """Return up to `size` bytes."""
        taken, self.data = self.data[:size], self.data[size:]
        return taken

    def head(self) -> Head | None:
        """Return the next request's head; None if it has not come to its end. Raises Refused."""
        if self.data in (b"", b"\r"):
            return None
        if not self._begun and self.data.startswith(b"\r\n"):  # RFC 9112, section 2.2: some clients do
            self.data = self.data[2:]
        self._begun = True
        end = self.data.find(b"\r\n\r\n", max(0, self._searched - 3))
        if end < 0:
            self._check_unfinished()
            self._searched = len(self.data)
            return None
        self._searched, self._begun = 0, False
        return parse_head(self.take(end + 4)[:-4])

    def _check_unfinished(self) -> None:
        """Raise Refused if the received bytes can't become a request any more."""
        if len(self.data) > MAX_HEAD:
            raise Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the fields are too large")
        if self.data.find(b"\n", 0, MAX_LINE + 2) < 0 and len(self.data) > MAX_LINE:
            raise Refused(HTTPStatus.REQUEST_URI_TOO_LONG, "the request line is too long")
        start = self._searched - self.data.endswith(b"\r", 0, self._searched)
        if self.data.count(b"\n", start) != self.data.count(b"\r\n", start):
            raise _bad("a line ends with LF alone")


def parse_head(data: bytes) -> Head:
    """Return the head that these bytes are, without the empty line at its end. Raises Refused."""
    line, *lines = data.decode("latin-1").split("\r\n")
    if len(line) > MAX_LINE:
        raise Refused(HTTPStatus.REQUEST_URI_TOO_LONG, "the request line is too long")
    if len(data) > MAX_HEAD or len(lines) > MAX_HEADER_FIELDS:
        raise Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the fields are too large, or too many")
    found = REQUEST_LINE.fullmatch(line)
    if not found:
        raise _bad("no request line")
    method, target, version = found.groups()
    if method != method.upper() or method == "CONNECT":
        raise _bad("no method that is known here")
    fields = _fields(lines)
    path, query = _target(method, target, fields)
    _check_host(version, fields)
    head = Head(method, path, query, version, fields)
    head.length = _length(head)
    _read_options(head)
    return head


def _fields(lines: list[str]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in lines:
        found = FIELD.fullmatch(line)
        if not found:
            raise _bad("no header field")
        name, value = found[1].lower(), found[2].strip(" \t")
        if name in fields:
            if name in SINGLE:
                raise _bad(f"more than one {name}")
            value = f"{fields[name]}{'; ' if name == 'cookie' else ','}{value}"
        fields[name] = value
    return fields


def _target(method: str, target: str, fields: dict[str, str]) -> tuple[str, str]:
    """Return (path, query). The authority of an absolute target takes the place of Host (RFC 9112, 3.2.2)."""
    if target == "*" and method == "OPTIONS":
        return "*", ""
    if target[0] != "/":
        absolute = ABSOLUTE.fullmatch(target)
        if not absolute or not is_host(absolute[1]):
            raise _bad("no target")
        _check_host("HTTP/1.1", fields)  # it is replaced, but must be there all the same
        fields["host"] = absolute[1]
        target = absolute[2] if absolute[2].startswith("/") else f"/{absolute[2]}"
    found = PATH.fullmatch(target)
    if not found:
        raise _bad("no target")
    return found[1], found[2] or ""


def is_host(text: str) -> bool:
    """Return whether this is a name or address, with a port or without, that a URL can begin with."""
    found = HOST.fullmatch(text)
    if not found or len(text) > 261:  # 253 of a name, its dot, and a port
        return False
    if found[2] is not None:
        try:
            IPv6Address(found[2])
        except ValueError:
            return False
    port = text[found.end(1) if found[1] else found.end(2) + 1 :]
    return not port or int(port[1:]) < 1 << 16


def _check_host(version: str, fields: dict[str, str]) -> None:
    host = fields.get("host")
    if host is None:
        if version == "HTTP/1.1":
            raise _bad("no Host")
    elif not is_host(host):
        raise _bad("Host is no name or address")


def _length(head: Head) -> int | None:
    length, coding = head.fields.get("content-length"), head.fields.get("transfer-encoding")
    if length is None and coding is None:
        return 0
    if coding is not None:
        if coding.lower() != "chunked" or length is not None or head.version != "HTTP/1.1":
            raise _bad("unclear where the body ends")
    elif not LENGTH.fullmatch(length or ""):
        raise _bad("Content-Length is no number")
    size = None if length is None else int(length)
    if size != 0 and head.method in BODILESS:
        raise _bad(f"{head.method} with a body")
    return size


def _read_options(head: Head) -> None:
    if head.version != "HTTP/1.1":  # 1.0 has neither of the others, and is not worth keeping
        return
    options = OPTIONS.split(head.fields.get("connection", "").lower())
    head.keeps_alive = "close" not in options
    head.expects_continue = head.fields.get("expect", "").lower() == "100-continue"
    wanted = head.fields.get("upgrade", "").lower()
    head.upgrades = head.method == "GET" and "upgrade" in options and wanted == "websocket"


class Chunks:
    """A decoder of a chunked body. It takes the body in pieces of any size, and its work is linear in them.

    Bounds the bytes beside the data, but not the data: its reader bounds that.
    """

    def __init__(self) -> None:
        self.finished = False
        self.rest = b""  # bytes after the body
        self._pending = b""  # the beginning of a line
        self._left = 0  # bytes of the chunk under way
        self._overhead = 0
        self._fields = -1  # in the trailer; -1 before it
        self._line = self._size

    def feed(self, piece: bytes) -> bytes:
        """Return the data in these bytes. Raises Refused; then nothing more can be read."""
        received, at, data = self._pending + piece, 0, []
        self._pending = b""
        while not self.finished:
            if self._left:
                part = received[at : at + self._left]
                data.append(part)
                at += len(part)
                self._left -= len(part)
                if self._left:
                    return b"".join(data)
            end = received.find(b"\r\n", at, at + MAX_CHUNK_LINE + 2)
            if end < 0:
                self._keep(received[at:])
                return b"".join(data)
            self._count(end + 2 - at)
            self._line(received[at:end])
            at = end + 2
        self.rest = received[at:]
        return b"".join(data)

    def _keep(self, line: bytes) -> None:
        if len(line) > MAX_CHUNK_LINE:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "a line between chunks is too long")
        if not UNFINISHED.fullmatch(line):
            raise _bad("no chunk")
        self._pending = line

    def _count(self, overhead: int) -> None:
        self._overhead += overhead
        if self._overhead > MAX_OVERHEAD:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "more is sent beside the data than is needed")

    def _size(self, line: bytes) -> None:
        found = CHUNK.fullmatch(line)
        if not found:
            raise _bad("no chunk")
        self._left = int(found[1], 16)
        self._line = self._end_of_data if self._left else self._trailer

    def _end_of_data(self, line: bytes) -> None:
        if line:
            raise _bad("a chunk is longer than it says")
        self._line = self._size

    def _trailer(self, line: bytes) -> None:
        self._fields += 1
        if not line:
            self.finished = True
        elif self._fields >= MAX_HEADER_FIELDS:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too many fields in the trailer")
        elif not TRAILER.fullmatch(line):
            raise _bad("no trailer field")
