"""The newest entries of the log as WebSocket frames, for any number of sockets."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from itertools import accumulate
from typing import NamedTuple

from geventwebsocket.websocket import Header
from wsproto.frame_protocol import Opcode

from realtime.limits import Limits

Entry = tuple[int, bytes]  # seq and JSON text
# In the text of an entry after which the log has other texts for entries before it. No text of a person can
# have this: JSON escapes their quotes.
REWRITES = b'"erased":true'
TYPE_END = 100  # bytes of an entry in which its type is looked for


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


class ReplayBuffer:
    """The newest frames, in order: all after `start`, up to `head`.

    Forgets all frames before an entry that REWRITES. Clients that need them read the log.
    """

    def __init__(self, head: int, limits: Limits) -> None:
        self._limits = limits
        self.start = self.head = head
        self._seqs: list[int] = []
        self._frames: list[bytes] = []
        self._bytes = 0
        self.entries: Counter[bytes] = Counter()  # entries so far, by type

    def extend(self, entries: Iterable[Entry]) -> None:
        for seq, text in entries:
            if seq <= self.head:  # two reads of the log ran at the same time
                continue
            # Pruned before it was read: clients that are behind are closed.
            if seq > self.head + 1 or REWRITES in text:
                self._seqs, self._frames, self._bytes, self.start = [], [], 0, seq - 1
            piece = frame(Opcode.TEXT, text)
            self._seqs.append(seq)
            self._frames.append(piece)
            self._bytes += len(piece)
            self.head = seq
            self.entries[_type_of(text)] += 1
        if self._bytes > self._limits.buffer_bytes:
            self._trim()

    def _trim(self) -> None:
        count = 0
        while self._bytes > self._limits.buffer_bytes * 3 // 4 and count < len(self._frames) - 1:
            self._bytes -= len(self._frames[count])
            count += 1
        if count:
            self.start = self._seqs[count - 1]
            del self._seqs[:count], self._frames[:count]

    def after(self, seq: int) -> Batch | None:
        """Return a chunk of the frames after `seq`, empty at the head; None if the buffer has lost them."""
        if seq < self.start:
            return None
        first = last = bisect_right(self._seqs, seq)
        size = 0
        while last < len(self._seqs) and size < self._limits.chunk_bytes:
            size += len(self._frames[last])
            last += 1
        return Batch.join(self._seqs[first:last], self._frames[first:last])


def _type_of(text: bytes) -> bytes:
    """Return the type of an entry, which its JSON has after `seq` and `mark`; "other" without one."""
    _, found, rest = text[:TYPE_END].partition(b'"type":"')
    return rest.partition(b'"')[0] if found else b"other"
