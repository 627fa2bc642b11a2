"""An HTTP request that waits for new entries: a client of the group that gets one answer, its response.

This is long polling, not a stream of server-sent events. A proxy that blocks WebSockets often holds back a
streamed answer as well. Every proxy passes on a complete answer. A waiting request costs the same as a
WebSocket: a socket and a small object, without a greenlet.

This module knows neither Flask nor the database.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from realtime.client import Poll
from realtime.replay_buffer import Entry

PER_SESSION = 3  # requests that wait at once; a browser has six connections to a host for all tabs
CONTENT_TYPE = "application/x-ndjson"
STATUS = {1008: "429 Too Many Requests", 4401: "401 Unauthorized"}  # by the close code of a WebSocket
UNAVAILABLE = "503 Service Unavailable"


class Request(Poll):
    """A waiting request. `hello` is the message that its answer begins with."""

    __slots__ = ("hello",)

    def __init__(self, sock: Any, seq: int, owner: Any, hello: bytes) -> None:
        super().__init__(sock, seq, owner)
        self.hello = hello

    def answer(self, entries: list[Entry], heartbeat: bytes) -> bytes:
        return _response("200 OK", body(self.hello, entries, heartbeat))

    def closing_bytes(self, code: int, reason: str) -> bytes:
        return _response(STATUS.get(code, UNAVAILABLE), b"")


def body(hello: bytes, entries: Iterable[Entry], heartbeat: bytes) -> bytes:
    """Return the messages, one a line; without entries, the heartbeat."""
    texts = [text for _, text in entries] or [heartbeat]
    return b"\n".join([hello, *texts, b""])


def _response(status: str, content: bytes) -> bytes:
    """Return a whole answer, after which the connection ends."""
    lines = (
        f"HTTP/1.1 {status}",
        f"Content-Type: {CONTENT_TYPE}",
        f"Content-Length: {len(content)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
    )
    return "\r\n".join([*lines, "", ""]).encode() + content
