"""The notification group: an in-process set of WebSocket clients, and the fan-out to them.

Every client is a cursor in the log. Clients that have caught up are *live*. A round reads the new entries and
frames each once. It offers the joined frames, the same bytes, to the socket of every live client, without
waiting. A client whose socket takes less is a *slow consumer*: it leaves the rounds and catches up alone, see
`delivery`. So even a slow client costs only its cursor and the rest of one frame, and no other client waits
for it.

A `Poll` is a client that gets one answer: it waits at the head of the log, gets the next entries, and is
closed.

Per client and round there is one `send()` of shared bytes on a plain non-blocking socket: no greenlet, no
queue, no copy and no lock. After a round entries gather for some time, and meanwhile requests are answered.
So under load one round carries many saves, and sending takes a quarter of the time (half of it with 8,000
clients).

This module knows neither Flask nor the database: the log is a function that is given to `Group`.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import gevent
from gevent.event import Event
from wsproto.frame_protocol import CloseReason, Opcode

from base.logs import event, request_id
from base.loop import PAUSE_S
from realtime.client import Client, Poll
from realtime.limits import Limits
from realtime.reception import Reception
from realtime.replay_buffer import Batch, Entry, frame

log = logging.getLogger(__name__)

DEFAULTS = Limits()
SLOW_S = 1.0  # from a commit to the last live client
MAX_NAMED = 10  # requests that the log names for a round
MAX_TIMED = 1000  # commits of which a round measures how long they took; more are not measured

T = TypeVar("T")


class Offer:
    """The bytes that a round offers to all live clients at one cursor."""

    __slots__ = ("batch", "data", "frames", "last", "size")  # slots: a round reads these for each client

    def __init__(self, batch: Batch) -> None:
        self.batch, self.data, self.size = batch, batch.data, len(batch.data)
        self.last = batch.seqs[-1] if batch.seqs else 0
        self.frames = len(batch.seqs)


class Group(Reception):
    """The clients, and the greenlets that serve them.

    `read(seq, size)` returns the entries of the log that follow `seq`: at least one if there is any, and
    about `size` bytes. `heartbeat(seq)` returns the text of the message that breaks a silence.
    """

    def __init__(
        self,
        read: Callable[[int, int], list[Entry]],
        heartbeat: Callable[[int], bytes],
        *,
        head: int = 0,
        loop: Any = None,
        clock: Callable[[], float] = time.monotonic,
        limits: Limits = DEFAULTS,
    ) -> None:
        super().__init__(read, head, loop or gevent.get_hub().loop, clock, limits)
        self._heartbeat = heartbeat
        self._last_sent = clock()  # when the live clients were last sent something
        self._cool_down = 0.0  # seconds after `_last_sent`, during which entries gather
        self._last_ping = clock()
        self._wake_event = Event()
        self._greenlets: list[gevent.Greenlet] = []
        # Of commits of this process that no round has sent yet: when, and by which request.
        self._commits: list[tuple[float, str]] = []

    def start(self) -> None:
        """Start to send new entries, to ping, and to close clients that are gone or too slow."""
        self.buffer.entries.clear()  # entries that were read at the start are not new
        self._greenlets = [gevent.spawn(_forever, self.broadcast), gevent.spawn(_forever, self._sweep)]

    def stop(self, code: int = CloseReason.GOING_AWAY) -> None:
        """Send the last entries, close every client, and wait for the peers to close: `close_s` at most."""
        gevent.killall(self._greenlets)
        self.wake()
        _succeeds(self.broadcast)
        self.close(lambda _owner: True, code)
        deadline = self._clock() + self.limits.close_s
        while self.clients and self._clock() < deadline:
            gevent.sleep(0.01)
        for client in list(self.clients):
            self.discard(client)

    def wake(self) -> None:
        """Wake the group because the log has grown. Returns at once."""
        self._wake_event.set()

    def committed(self) -> None:
        """Record that this process has just committed an entry, and wake the group. Returns at once."""
        if len(self._commits) < MAX_TIMED:
            self._commits.append((self._clock(), request_id.get()))
        self._wake_event.set()

    def pull(self) -> int:
        """Fill the replay buffer up to the head of the log, and return the head.

        Raises what `read` raises.
        """
        while entries := self._read(self.buffer.head, self.limits.chunk_bytes):
            self.buffer.extend(entries)
            self.wake()
        return self.buffer.head

    def lowest_cursor(self) -> int | None:
        """Return the lowest cursor of a client, after which it needs the log; None without clients."""
        behind = [client.cursor for client in self.clients if not client.live and not client.closing]
        return min([*self._cursors.values(), *behind], default=None)

    def add(self, client: Client, greeting: bytes = b"", received: bytes = b"") -> None:
        """Add a client: send it the message `greeting`, then the entries after its cursor.

        `received` are the bytes that its peer has sent so far. Returns at once.
        """
        if greeting:
            client.control[Opcode.TEXT] = frame(Opcode.TEXT, greeting)
        self._take_in(client)
        self._resume(client)
        if received:
            self._receive(client, received)

    def wait(self, poll: Poll, seconds: float) -> None:
        """Add a client that gets one answer: with the next entries, or after this many seconds."""
        poll.until = self._clock() + seconds
        self._take_in(poll)
        self.polls[poll] = None
        if poll.cursor < self.buffer.head:
            self.wake()

    def answer(self, poll: Poll) -> None:
        """Answer a poll now, with a heartbeat."""
        if poll in self.polls:
            self._finish(poll, poll.answer([], self._heartbeat(poll.cursor)))

    def close(self, match: Callable[[Any], bool], code: int, reason: str = "") -> None:
        """Send a close frame to every client whose owner matches. Its peer may answer for `close_s`."""
        for client in [client for client in self.clients if match(client.owner)]:
            self._close(client, code, reason)

    def broadcast(self) -> None:
        """Wait for new entries, or until a heartbeat is due, and send them to live clients and polls."""
        self._wake_event.wait(max(0.0, self._last_sent + self.limits.heartbeat_s - self._clock()))
        self._wake_event.clear()
        if self._cool_down:  # after a round; entries that are saved meanwhile join it
            gevent.sleep(max(PAUSE_S, self._last_sent + self._cool_down - self._clock()))
            self._cool_down = 0.0
        timed = len(self._commits)  # these are in the log now; the read below may find later ones, too
        new = self._read_or_wake(self.buffer.head)
        self.buffer.extend(new)
        if new or any(cursor < self.buffer.head for cursor in self._cursors.values()):
            started = self._clock()
            self._round()
            self._note_delays(new, timed)
            self._cool_down = self._cool_down_after(new, self._last_sent - started)
            self.wake()  # entries that have gathered meanwhile are next
        else:
            del self._commits[:timed]
            if self._clock() >= self._last_sent + self.limits.heartbeat_s:
                self._send_heartbeats()
        if self.polls:
            self._answer_polls()

    def _note_delays(self, new: list[Entry], timed: int) -> None:
        """Count how long the first `timed` commits took to reach the last live client of this round."""
        if self._is_piece(new):
            return  # their entries may be in the rest
        commits = self._commits[:timed]
        del self._commits[:timed]
        if commits and self._live:
            for at, _ in commits:
                self.counts.delay.observe(self._last_sent - at)
            self._log_round(self._last_sent - commits[0][0], [request for _, request in commits])

    def _log_round(self, seconds: float, requests: list[str]) -> None:
        """Log a round with the requests that caused it; as a warning if people notice how long it took."""
        level = logging.WARNING if seconds > SLOW_S else logging.DEBUG
        event(
            log,
            level,
            "A round was slow" if seconds > SLOW_S else "A round was sent",
            head=self.buffer.head,
            clients=len(self._live),
            ms=round(seconds * 1000, 1),
            requests=" ".join(dict.fromkeys(requests[:MAX_NAMED])),
        )

    def _send_heartbeats(self) -> None:
        beat = self._heartbeat(self.buffer.head)
        for client in self._live_in_slices():
            self.send(client, Opcode.TEXT, beat)
        self._last_sent = self._clock()

    def _read_or_wake(self, seq: int) -> list[Entry]:
        try:
            return self._read(seq, self.limits.chunk_bytes)
        except BaseException:
            self.wake()  # otherwise entries that could not be read now would wait for the next save
            raise

    def _answer_polls(self) -> None:
        """Answer the polls that are behind, those at one cursor with the same bytes."""
        answers: dict[int, bytes] = {}
        waiting = [poll for poll in self.polls if poll.cursor < self.buffer.head]
        for some in _slices(waiting, self.limits.slice_clients):
            for poll in some:
                if poll.cursor not in answers:
                    answers[poll.cursor] = self._answer_at(poll)
                if not answers[poll.cursor]:
                    self._close(poll, CloseReason.TRY_AGAIN_LATER, "the log has been cut")
                elif poll in self.polls:  # checked again, after a pause
                    self._finish(poll, answers[poll.cursor])

    def _answer_at(self, poll: Poll) -> bytes:
        """Return the answer for all polls at a poll's cursor; nothing if the log has pruned it."""
        entries = self._read_or_wake(poll.cursor)
        is_whole = bool(entries) and entries[0][0] == poll.cursor + 1
        return poll.answer(entries, b"") if is_whole else b""

    def _round(self) -> None:
        """Offer every live client what follows its cursor: the same bytes to all at one cursor."""
        offers: dict[int, Offer] = {}
        for some in _slices(self._live, self.limits.slice_clients):
            self._offer_all(some, offers)
        self._last_sent = self._clock()

    def _offer_all(self, socks: list[Any], offers: dict[int, Offer]) -> None:
        cursors = self._cursors
        size = frames = 0  # that the sockets took
        for sock in socks:
            if (cursor := cursors.get(sock)) is None:  # it left during a pause
                continue
            offer = offers.get(cursor) or self._offer_at(cursor, offers)
            if offer is None:  # more was read at once than the replay buffer holds
                self._catch_up_alone(self._live[sock])
                continue
            if not offer.size:  # it came in a pause, and has everything
                continue
            try:
                sent = sock.send(offer.data)
            except BlockingIOError:
                sent = 0
            except OSError:
                sent = -1
            if sent == offer.size:
                cursors[sock] = offer.last
                size += sent
                frames += offer.frames
            else:
                self._fall_behind(self._live[sock], offer.batch, sent)
        self.counts.bytes += size
        self.counts.frames += frames

    def _offer_at(self, cursor: int, offers: dict[int, Offer]) -> Offer | None:
        """Return the offer to clients at a cursor, kept for others; None if the replay buffer has lost it."""
        batch = self.buffer.after(cursor)
        if batch is None:
            return None
        offers[cursor] = Offer(batch)
        return offers[cursor]

    def _catch_up_alone(self, client: Client) -> None:
        self._leave(client)
        self._resume(client)

    def _fall_behind(self, client: Client, batch: Batch, sent: int) -> None:
        """Remove a client from the rounds: its socket took only `sent` bytes of the batch, or failed (-1)."""
        if sent < 0:
            self.discard(client)
        else:
            self._leave(client)
            self.counts.bytes += sent
            self._sent_part(client, batch, sent)

    def _live_in_slices(self) -> Iterator[Client]:
        """Yield the live clients, with pauses. A client that is not live any more is left out."""
        for some in _slices(self._live.values(), self.limits.slice_clients):
            yield from (client for client in some if client.live)

    def _sweep(self) -> None:
        """Close clients without progress, remove dead ones, and ping the others when it is time."""
        gevent.sleep(1)
        now = self._clock()
        for client in [client for client in self.clients if not client.live]:
            self._check(client, now)
        if now - self._last_ping >= self.limits.ping_s:
            self._last_ping = now
            for client in self._live_in_slices():
                self._ping(client)

    def _check(self, client: Client, now: float) -> None:
        """Close, remove or ping a client that is not live, as is due."""
        if client.closing:
            if now - client.progress > self._patience(client):
                self.discard(client)
        elif isinstance(client, Poll):
            if now >= client.until:
                self.answer(client)
        elif now - client.progress > self.limits.max_lag_s and not client.replaying:
            self._enlarge_buffer(client.sock)  # so that the unfinished frame and the close frame fit
            self._close(client, CloseReason.TRY_AGAIN_LATER, "too slow")

    def _ping(self, client: Client) -> None:
        if not client.pong_received:
            self._readable(client)  # a pong may be unread, if the process was delayed
        if client.pong_received:
            client.pong_received = False
            self.send(client, Opcode.PING)
        else:
            self.discard(client)

    def _cool_down_after(self, new: list[Entry], took: float) -> float:
        """Return how many seconds entries gather after a round.

        That is only a pause if the log may have more entries already.
        """
        if self._is_piece(new):
            return PAUSE_S
        return max(PAUSE_S, min(self.limits.cool_down * took, self.limits.max_cool_down_s))

    def _is_piece(self, new: list[Entry]) -> bool:
        """Return whether the log may have more entries after these."""
        return sum(len(text) for _, text in new) >= self.limits.chunk_bytes

    def _patience(self, client: Client) -> float:
        """Return how long a client that is being closed may make no progress, in seconds."""
        return self.limits.max_lag_s if isinstance(client, Poll) and client.unsent else self.limits.close_s

    def _enlarge_buffer(self, sock: Any) -> None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 * self.limits.send_buffer_bytes)


def _slices(everyone: Iterable[T], count: int) -> Iterator[list[T]]:
    """Yield lists of this size, with a pause between two."""
    snapshot = list(everyone)
    for start in range(0, len(snapshot), count):
        if start:
            gevent.sleep(PAUSE_S)
        yield snapshot[start : start + count]


def _forever(step: Callable[[], None]) -> None:
    while True:
        if not _succeeds(step):
            gevent.sleep(1)


def _succeeds(step: Callable[[], None]) -> bool:
    try:
        step()
    except Exception:
        log.exception("The notification group goes on after an error")
        return False
    return True
