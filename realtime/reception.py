"""Reads the frames of clients: pongs, pings, and the close. Messages are read and dropped."""

from __future__ import annotations

from typing import Any

from wsproto.frame_protocol import CloseReason, Frame, FrameProtocol, Opcode, ParseFailed

from realtime.client import Client, Poll
from realtime.delivery import Delivery
from realtime.replay_buffer import frame


class Reception(Delivery):
    """Delivery, and the reading of clients' frames."""

    def send(self, client: Client, opcode: Opcode, payload: bytes = b"") -> None:
        """Send a frame that is not from the log, between two that are.

        It replaces a frame of the same kind that still waits for the socket.
        """
        if not client.closing and client in self.clients:
            client.control[opcode] = frame(opcode, payload)
            if client.write_watcher is None:
                self._resume(client)

    def _readable(self, client: Client) -> None:
        try:
            data = client.sock.recv(self.limits.max_message_bytes)
        except BlockingIOError:
            # A part of a TLS record counts too, because it may come byte by byte.
            self._charge(client, self.limits.read_cost)
            return
        except OSError:
            data = b""
        if data:
            self._receive(client, data)
        else:
            self.discard(client)

    def _receive(self, client: Client, data: bytes) -> None:
        client.pong_received = True
        if client.closing or not self._charge(client, self.limits.read_cost) or isinstance(client, Poll):
            return
        if _is_pong(data, client):
            self._charge(client, 1)
        else:
            self._parse(client, data)

    def _parse(self, client: Client, data: bytes) -> None:
        client.reader = client.reader or FrameProtocol(client=False, extensions=[])
        client.reader.receive_bytes(data)
        try:
            for piece in client.reader.received_frames():
                if not self._charge(client, 1):
                    return
                self._handle(client, piece)
                if client.closing:
                    return
        except ParseFailed as error:
            self._close(client, error.code)

    def _charge(self, client: Client, frames: float) -> bool:
        """Count a client's frames and reads. If they are too many, close it with 1008 and return False.

        The generic cell rate algorithm: one number and one look at the clock. Each read brings at most
        `max_message_bytes` (one TLS record more), so this bounds bytes as well. The group reads no more from
        a client that it closes for this.
        """
        now = self._clock()
        client.paid_until = max(client.paid_until, now) + frames / self.limits.frames_per_s
        if client.paid_until - now <= self.limits.frames_at_once / self.limits.frames_per_s:
            return True
        self._close(client, CloseReason.POLICY_VIOLATION, "too many frames")
        if client in self.clients:
            client.read_watcher.stop()
        return False

    def _handle(self, client: Client, piece: Frame) -> None:
        """Answer a frame, or a piece of a long one. The content of messages is ignored."""
        payload: Any = piece.payload  # of a text frame a str, of a close frame (code, reason)
        if piece.opcode is Opcode.PING:
            self.send(client, Opcode.PONG, payload)
        elif piece.opcode is Opcode.CLOSE:
            self._close(client, payload[0])  # answer with its own code
        elif piece.opcode in (Opcode.TEXT, Opcode.BINARY):
            client.received += len(payload.encode() if isinstance(payload, str) else payload)
            if client.received > self.limits.max_message_bytes:
                self._close(client, CloseReason.MESSAGE_TOO_BIG)
            if piece.message_finished:
                client.received = 0


def _is_pong(data: bytes, client: Client) -> bool:
    """Return whether these bytes are one whole masked pong and nothing else, as nearly always."""
    whole = len(data) > 1 and data[0] == 0x8A and 0x80 <= data[1] <= 0x80 + 125
    return whole and data[1] - 0x80 + 6 == len(data) and client.reader is None
