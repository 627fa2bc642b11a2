"""One client of the group: its socket, its cursor in the log, and its unsent bytes."""

from __future__ import annotations

from typing import Any

from wsproto.frame_protocol import CloseReason, FrameProtocol, Opcode

from realtime.replay_buffer import Entry, frame


class Client:
    """One connected browser: a non-blocking socket and a cursor in the log.

    `cursor` is the last entry whose frame the socket has taken, at least in part. `unsent` is the rest of
    that frame. `control` holds whole frames that go before the next entry, one of each kind. `owner` is any
    value by which the creator finds the client again.
    """

    __slots__ = (
        "closing",
        "control",
        "cursor",
        "live",
        "owner",
        "paid_until",
        "pong_received",
        "progress",
        "read_watcher",
        "reader",
        "received",
        "replaying",
        "sock",
        "unsent",
        "write_watcher",
    )

    def __init__(self, sock: Any, seq: int, owner: Any = None) -> None:
        self.sock = sock
        self.cursor = seq
        self.owner = owner
        self.live = False  # takes part in rounds: it has caught up, and its socket may have room
        self.unsent = b""
        self.control: dict[Opcode, bytes] = {}
        self.replaying = False  # a greenlet is reading the log for it
        self.closing = False  # a close frame is its last frame
        self.pong_received = True  # or other bytes, since the last ping
        self.progress = 0.0  # when its socket last took something, by the group's clock
        self.reader: FrameProtocol | None = None  # created when the first bytes other than a pong arrive
        self.received = 0  # bytes of the message that is arriving
        self.paid_until = 0.0  # when the received frames would have been sent at FRAMES_PER_S
        self.read_watcher: Any = None
        self.write_watcher: Any = None  # only while its socket is full

    def closing_bytes(self, code: int, reason: str) -> bytes:
        """Return the client's last bytes, which are sent when it is closed."""
        payload = code.to_bytes(2, "big") + reason.encode() if code != CloseReason.NO_STATUS_RCVD else b""
        return frame(Opcode.CLOSE, payload)


class Poll(Client):
    """A client that waits at its cursor. Its answer closes it: the next entries, or a heartbeat."""

    __slots__ = ("until",)

    def __init__(self, sock: Any, seq: int, owner: Any = None) -> None:
        super().__init__(sock, seq, owner)
        self.until = 0.0  # when it gets a heartbeat without entries, by the group's clock

    def answer(self, entries: list[Entry], heartbeat: bytes) -> bytes:
        """Return the whole answer. It is the same for all that wait at one cursor."""
        raise NotImplementedError
