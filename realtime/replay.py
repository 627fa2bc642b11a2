"""The newest entries of the log as WebSocket frames, ready to be sent to any number of sockets."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate
from typing import NamedTuple

from geventwebsocket.websocket import Header
from wsproto.frame_protocol import Opcode

RING_BYTES = 8 << 20  # of recent frames in memory; whoever is further behind reads the log
CHUNK_BYTES = 64 << 10  # read from the log, or offered to a socket, at once: a millisecond or less

Entry = tuple[int, bytes]  # seq and JSON text


def frame(opcode: Opcode, payload: bytes = b"") -> bytes:
    """Return one whole WebSocket frame as a server sends it (RFC 6455 section 5.2)."""
    return bytes(Header.encode_header(True, opcode, b"", len(payload), 0)) + payload


class Batch(NamedTuple):
    """Frames joined: `data`, and for each frame its seq and where it ends in the data."""

    data: bytes
    seqs: list[int]
    ends: list[int]

    @classmethod
    def of(cls, entries: list[Entry]) -> Batch:
        """Frame log entries and join them."""
        return cls.join([seq for seq, _ in entries], [frame(Opcode.TEXT, text) for _, text in entries])

    @classmethod
    def join(cls, seqs: list[int], frames: list[bytes]) -> Batch:
        return cls(b"".join(frames), seqs, list(accumulate(map(len, frames))))


class Ring:
    """The newest frames, in order. Holds all after `start` up to `head`."""

    def __init__(self, head: int) -> None:
        self.start = self.head = head
        self._seqs: list[int] = []
        self._frames: list[bytes] = []
        self._bytes = 0

    def extend(self, entries: Iterable[Entry]) -> None:
        for seq, text in entries:
            if seq <= self.head:  # two readers were under way at once
                continue
            if seq > self.head + 1:  # pruned before it was read: whoever is behind will be told
                self._seqs, self._frames, self._bytes, self.start = [], [], 0, seq - 1
            piece = frame(Opcode.TEXT, text)
            self._seqs.append(seq)
            self._frames.append(piece)
            self._bytes += len(piece)
            self.head = seq
        if self._bytes > RING_BYTES:
            self._trim()

    def _trim(self) -> None:
        count = 0
        while self._bytes > RING_BYTES * 3 // 4 and count < len(self._frames) - 1:
            self._bytes -= len(self._frames[count])
            count += 1
        if count:
            self.start = self._seqs[count - 1]
            del self._seqs[:count], self._frames[:count]

    def after(self, seq: int) -> Batch | None:
        """Return a chunk of what follows `seq`, empty at the head; None if it is no longer here."""
        if seq < self.start:
            return None
        first = last = bisect_right(self._seqs, seq)
        size = 0
        while last < len(self._seqs) and size < CHUNK_BYTES:
            size += len(self._frames[last])
            last += 1
        return Batch.join(self._seqs[first:last], self._frames[first:last])
