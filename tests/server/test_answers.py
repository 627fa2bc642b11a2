"""While the server sends an answer it serves others, and sends exactly the announced length."""

import contextlib
import errno
import json
import os
import socket
import weakref
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import gevent
import pytest
from conftest import StartServer
from harness import PATIENCE_S
from raw_http import statuses

from base.loop import PAUSE_S
from server.connections import Connections, RequestQueue
from server.handler import Handler
from server.limits import Limits
from web import api

REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
TILES = 32 << 20  # bytes: more than the sockets of both sides hold


class Reader:
    """A peer that reads everything at once, so that sending never waits."""

    def __init__(self, *pieces: bytes, looks: Callable[[], int] = lambda: 0) -> None:
        self._pieces = list(pieces)
        self._looks = looks
        self.taken = b""
        self.seen: list[int] = []  # how often the loop had looked at others, at each piece
        self.closed = False

    def recv(self, _size: int) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""

    def sendall(self, data: bytes) -> None:
        self.taken += data
        self.seen.append(self._looks())

    def settimeout(self, _seconds: float) -> None:
        pass

    def close(self) -> None:
        self.closed = True


def serve(reader: Reader, pieces: Iterable[bytes], length: int) -> list[type]:
    """Answer the reader's requests with these pieces; return the errors that were logged."""
    errors: list[type] = []

    def app(_environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Length", str(length))])
        return iter(pieces)

    server = SimpleNamespace(
        connections=Connections(250),
        limits=Limits(),
        queue=RequestQueue(),
        application=app,
        proxies=[],
        closed=False,
        get_environ=lambda: {"wsgi.url_scheme": "http"},
        before_answer=lambda: None,
        secure_environ_class=dict,
        loop=SimpleNamespace(handle_error=lambda _context, kind, *_: errors.append(kind)),
    )
    Handler(reader, ("192.0.2.1", 1), cast(Any, server)).handle()
    return errors


def test_long_answer_lets_others_have_their_turn() -> None:
    """After each piece of a long answer the loop serves the others, however fast its reader is."""
    looks = [0]

    def look() -> None:
        while True:
            looks[0] += 1
            gevent.sleep(PAUSE_S)

    other = gevent.spawn(look)
    reader = Reader(REQUEST, looks=lambda: looks[0])
    serve(reader, [b"x"] * 50, 50)
    other.kill()
    assert len(reader.seen) == 50
    assert all(before < after for before, after in zip(reader.seen, reader.seen[1:], strict=False))


def test_answer_that_is_too_short_ends_the_connection() -> None:
    """The connection ends, because its reader would take the next answer for the rest of this one."""
    reader = Reader(REQUEST + REQUEST)
    serve(reader, [b"abc"], 10)
    assert reader.taken.count(b"200 OK") == 1
    assert reader.taken.endswith(b"\r\n\r\nabc")


def test_answer_is_cut_at_its_length() -> None:
    """An answer is cut at its length, because its reader would take the rest for the next answer."""
    reader = Reader(REQUEST + REQUEST)
    serve(reader, [b"ab", b"cdef", b"gh"], 3)
    first, second, third = reader.taken.split(b"HTTP/1.1 200 OK\r\n")
    assert first == b""
    assert second.endswith(b"\r\n\r\nabc")
    assert third.endswith(b"\r\n\r\nabc")


def test_disk_that_fails_while_an_answer_is_sent_is_logged() -> None:
    """The log has a disk error during an answer. It does not have a peer that closed."""

    def failing() -> Iterator[bytes]:
        yield b"abc"
        raise OSError(errno.EIO, "the disk failed")

    reader = Reader(REQUEST + REQUEST)
    assert serve(reader, failing(), 10) == [OSError]
    assert reader.taken.count(b"200 OK") == 1

    class Gone(Reader):
        def sendall(self, data: bytes) -> None:
            raise OSError(errno.EHOSTUNREACH, "no route to the peer")

    assert serve(Gone(REQUEST), [b"abc"], 3) == []


class Text(str):
    """A text that a test can see being freed."""


class Stored:
    """A table of three features. Each is freed as soon as nothing refers to it."""

    made: ClassVar[list[weakref.ref[Text]]] = []

    @classmethod
    def features(cls, _where: Any, after: int) -> list[tuple[int, str]]:
        if after == 3:
            return []
        text = Text(f'"feature {after + 1}"')
        cls.made.append(weakref.ref(text))
        return [(after + 1, text)]


def test_stream_keeps_only_the_current_piece() -> None:
    """A stream holds one piece, because a slow reader may take minutes, and there may be 250 readers."""
    pieces = []
    for piece in api._stream(cast(Any, Stored), None, '{"seq":1}'):
        pieces.append(piece)
        assert all(made() is None for made in Stored.made)
    assert json.loads(b"".join(pieces)) == {"seq": 1, "features": [f"feature {id_}" for id_ in (1, 2, 3)]}


@pytest.mark.parametrize("size", [1000, 2 * TILES])
def test_tiles_that_change_while_they_are_sent_confuse_nobody(
    start_server: StartServer, tmp_path: Path, size: int
) -> None:
    """If an operator replaces the archive, each answer still has the bytes of one archive."""
    tiles = tmp_path / "world.pmtiles"
    tiles.write_bytes(b"PMTiles\x03")
    os.truncate(tiles, TILES)
    server = start_server(env={"TRACKER_PMTILES": str(tiles)})
    asks = b"GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: %s\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as connection:
        connection.sendall(asks % (b"/basemap.pmtiles", b"keep-alive"))
        answer = connection.recv(1)
        os.truncate(tiles, size)
        connection.sendall(asks % (b"/healthz", b"close"))
        with contextlib.suppress(ConnectionError):
            while piece := connection.recv(1 << 20):
                answer += piece
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert statuses(head) == [200]
    tail = rest[TILES:]
    assert b"HTTP/1.1" not in rest[:TILES]
    assert tail.startswith(b"HTTP/1.1 200 OK") if size > TILES else not tail
