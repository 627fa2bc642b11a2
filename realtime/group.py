"""The notification group: an in-process set of WebSocket clients, and the fan-out to them.

Every client is a cursor in the log. Clients that have caught up are *live*, and share their cursor with the
other live clients of their *cohort*. A round reads the entries after it, frames each once, joins them, and
offers the same bytes to every live client's socket without waiting. A client whose socket takes less is
*lagging*: it leaves its cohort, and when its socket is writable again it is sent what follows its cursor,
from the ring of recent frames or, when it has fallen off the ring, from the log, until it has caught up.
So what a client costs is its cursor and the rest of one frame, however slow it is, and nobody waits for it.
A client that connects with an old cursor is a lagging client like any other.

A `Poll` is a client that is told once: it waits at the head of the log, gets what comes next, and is closed.

Why it is fast: per client and round there is one `send()` of shared bytes on a plain non-blocking socket,
and nothing else, not even a cursor to move: no greenlet, no queue, no copy, no lock, and no memory to look
at but the socket's (beside the kernel's instructions, 1.4 times those of a bare Python loop of `send()`:
"Instructions" in `benchmarks/`). The rest is the system call. Under load entries gather while a round runs
and for some time after it, in which requests are answered, so that a round carries many saves and telling
them takes a quarter of the time (with over 3,000 clients more: half of it with 8,000).

This module knows neither Flask nor the database: the log is a function that is given to `Group`.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import Any

import gevent
from gevent.event import Event
from gevent.lock import Semaphore
from wsproto.frame_protocol import CloseReason, Frame, FrameProtocol, Opcode, ParseFailed

from base.loop import PAUSE_S
from realtime.replay import CHUNK_BYTES, Batch, Entry, Ring, frame

COHORT = 200  # clients; a round pauses after each so that requests are answered: after 2 ms, the last 4 ms
QUIET_S = 0.005  # since a round; saves that follow closer gather for the next
CROWD = 5  # entries in a round; then they come faster than one at a time, and gather for the next
REST = 3  # times as long as the round took, so that telling takes a quarter of the time,
MAX_REST_S = 0.05  # but not so long that anybody would notice: of rounds over 17 ms it takes more
HEARTBEAT_S = 25.0  # silence after which clients are told that all is well; proxies cut at 30 or 60
PING_S = 20.0  # between pings; a peer that has not been heard for two of them is dead
MAX_LAG_S = 30.0  # without progress; a phone that changes cells is back within this
CLOSE_S = 5.0  # for the peer to answer a close frame
MAX_MESSAGE = 4 << 10  # bytes from a client, which has nothing to say
FRAMES_PER_S = 5.0  # from one client in the long run; a browser sends one pong every PING_S
FRAMES_AT_ONCE = 100.0  # after a silence: a chatty library, or frames sent byte by byte
READ_COST = 0.25  # of a frame: what reading from the socket costs beside parsing what came
SEND_BUFFER = 128 << 10  # bytes the kernel may hold for one client (it doubles this): the slow stay cheap

READ, WRITE = 1, 2  # libev's event masks
PRIORITY = 1  # of what clients send: it is short, and is answered before any request that waits as well

log = logging.getLogger(__name__)


class Cohort:
    """Up to COHORT live clients that are at the same place in the log, and their sockets in the same order.

    `seq` is the last entry that they have all got.
    """

    __slots__ = ("clients", "seq", "socks")

    def __init__(self, seq: int) -> None:
        self.seq = seq
        self.clients: list[Client] = []
        self.socks: list[Any] = []

    def add(self, client: Client) -> None:
        client.cohort = self
        self.clients.append(client)
        self.socks.append(client.sock)

    def remove(self, client: Client) -> None:
        """Let a client go on by itself, from where the cohort is."""
        place = self.clients.index(client)
        del self.clients[place], self.socks[place]
        client.cohort = None
        client.cursor = self.seq


class Client:
    """One connected browser: a non-blocking socket and a cursor in the log.

    `cursor` is the last entry whose frame the socket has taken, at least in part, while the client is in no
    cohort; `rest` is what it did not take of the frame under way, `control` the whole frames that go before
    the next entry, one of each kind. `owner` is whatever its creator wants to find the client by.
    """

    __slots__ = (
        "closing",
        "cohort",
        "control",
        "cursor",
        "heard",
        "owner",
        "paid_until",
        "progress",
        "reader",
        "received",
        "replaying",
        "rest",
        "sock",
        "watch_read",
        "watch_write",
    )

    def __init__(self, sock: Any, seq: int, owner: Any = None) -> None:
        self.sock = sock
        self.cursor = seq
        self.cohort: Cohort | None = None  # while it is live: takes part in rounds, with nothing waiting
        self.owner = owner
        self.rest = b""
        self.control: dict[Opcode, bytes] = {}
        self.replaying = False  # a greenlet is reading the log for it
        self.closing = False  # a close frame is the last that it is sent
        self.heard = True  # since the last ping
        self.progress = 0.0  # when its socket last took something, by the group's clock
        self.reader: FrameProtocol | None = None  # made when anything but a pong arrives
        self.received = 0  # bytes of the message that is arriving
        self.paid_until = 0.0  # when the frames received so far are paid off at FRAMES_PER_S
        self.watch_read: Any = None
        self.watch_write: Any = None  # only while its socket is full

    @property
    def live(self) -> bool:
        return self.cohort is not None

    def last_words(self, code: int, reason: str) -> bytes:
        """Return what a client is sent when it is closed."""
        payload = code.to_bytes(2, "big") + reason.encode() if code != CloseReason.NO_STATUS_RCVD else b""
        return frame(Opcode.CLOSE, payload)


class Poll(Client):
    """A client that waits at its cursor, and is closed by the answer: what follows it, or a heartbeat."""

    __slots__ = ("until",)

    def __init__(self, sock: Any, seq: int, owner: Any = None) -> None:
        super().__init__(sock, seq, owner)
        self.until = 0.0  # when it is answered though nothing has happened, by the group's clock

    def answer(self, entries: list[Entry], heartbeat: bytes) -> bytes:
        """Return the whole answer. It is the same for all that wait at one place."""
        raise NotImplementedError


class Group:
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
    ) -> None:
        self.clients: set[Client] = set()
        self.polls: dict[Poll, None] = {}  # those that wait, in the order they came; they are clients as well
        self.arrived = 0  # clients so far
        self.ring = Ring(head)
        self._cohorts: list[Cohort] = []
        self._read = read
        self._heartbeat = heartbeat
        self._loop = loop or gevent.get_hub().loop
        self._clock = clock
        self._spoke = clock()  # when everybody was last sent something
        self._rest = 0.0  # seconds after that for which news gather
        self._pinged = clock()
        self._doorbell = Event()
        self._turn = Semaphore()  # one chunk of the log is read at a time, however many replay
        self._greenlets: list[gevent.Greenlet] = []

    def start(self) -> None:
        """Begin to broadcast what the log gets, to ping, and to close who is gone or too slow."""
        self._greenlets = [gevent.spawn(_forever, self.broadcast), gevent.spawn(_forever, self._sweep)]

    def stop(self, code: int = CloseReason.GOING_AWAY) -> None:
        """Tell the last news, close every client, and wait until the peers have hung up, CLOSE_S at most."""
        gevent.killall(self._greenlets)
        self.wake()
        _succeeds(self.broadcast)
        self.close(lambda _owner: True, code)
        deadline = self._clock() + CLOSE_S
        while self.clients and self._clock() < deadline:
            gevent.sleep(0.01)
        for client in list(self.clients):
            self.discard(client)

    def wake(self) -> None:
        """Say that the log has grown. Returns at once."""
        self._doorbell.set()

    def pull(self) -> int:
        """Bring the ring up to the head of the log, and return that. Raises what `read` raises."""
        while entries := self._read(self.ring.head, CHUNK_BYTES):
            self.ring.extend(entries)
            self.wake()
        return self.ring.head

    def add(self, client: Client, greeting: bytes = b"", received: bytes = b"") -> None:
        """Take a client in: send it the message `greeting`, then what follows its cursor.

        `received` are bytes that its peer has sent already. Returns at once.
        """
        if greeting:
            client.control[Opcode.TEXT] = frame(Opcode.TEXT, greeting)
        self._take_in(client)
        self._resume(client)
        if received:
            self._receive(client, received)

    def wait(self, poll: Poll, seconds: float) -> None:
        """Take in a client that is told once: as soon as there is something, or after so many seconds."""
        poll.until = self._clock() + seconds
        self._take_in(poll)
        self.polls[poll] = None
        if poll.cursor < self.ring.head:
            self.wake()

    def answer(self, poll: Poll) -> None:
        """Let a poll wait no longer."""
        if poll in self.polls:
            self._finish(poll, poll.answer([], self._heartbeat(poll.cursor)))

    def _take_in(self, client: Client) -> None:
        client.sock.setblocking(False)
        client.progress = self._clock()
        client.watch_read = self._loop.io(client.sock.fileno(), READ, priority=PRIORITY)
        client.watch_read.start(self._readable, client)
        self.clients.add(client)
        self.arrived += 1

    def discard(self, client: Client) -> None:
        """Forget a client and free its descriptor, without a word to its peer."""
        if client in self.clients:
            self.clients.discard(client)
            self._leave(client)
            client.watch_read.stop()
            client.watch_read.close()
            self._unwatch_write(client)
            client.sock.close()

    def send(self, client: Client, opcode: Opcode, payload: bytes = b"") -> None:
        """Send a frame that is not of the log, between two that are.

        While one of its kind is waiting for the socket it takes that one's place.
        """
        if not client.closing and client in self.clients:
            client.control[opcode] = frame(opcode, payload)
            if client.watch_write is None:
                self._resume(client)

    def close(self, match: Callable[[Any], bool], code: int, reason: str = "") -> None:
        """Send a close frame to every client whose owner matches; it may answer for CLOSE_S."""
        for client in [client for client in self.clients if match(client.owner)]:
            self._close(client, code, reason)

    def broadcast(self) -> None:
        """Wait for news, or for the time of a heartbeat, and offer it to every live client and every poll."""
        self._doorbell.wait(max(0.0, self._spoke + HEARTBEAT_S - self._clock()))
        self._doorbell.clear()
        if self._clock() < self._spoke + max(QUIET_S, self._rest):  # what is saved until then goes along
            gevent.sleep(max(PAUSE_S, self._spoke + self._rest - self._clock()))
        news = self._read_or_wake(self.ring.head)
        self.ring.extend(news)
        if news or any(cohort.seq < self.ring.head for cohort in self._cohorts):
            started = self._clock()
            self._round()
            self._rest = _rest_after(news, self._spoke - started)
            self.wake()  # what has gathered meanwhile is next
        elif self._clock() >= self._spoke + HEARTBEAT_S:
            beat = self._heartbeat(self.ring.head)
            for client in self._all_live():
                self.send(client, Opcode.TEXT, beat)
            self._spoke = self._clock()
        if self.polls:
            self._answer_polls()

    def _read_or_wake(self, seq: int) -> list[Entry]:
        try:
            return self._read(seq, CHUNK_BYTES)
        except BaseException:
            self.wake()  # or what could not be read now would wait for the next save
            raise

    def _answer_polls(self) -> None:
        """Answer the polls that are behind: with the same bytes all that wait at the same place."""
        answers: dict[int, bytes] = {}
        behind = [poll for poll in self.polls if poll.cursor < self.ring.head]
        for place, poll in enumerate(behind):
            if place and place % COHORT == 0:
                gevent.sleep(PAUSE_S)
            seq = poll.cursor
            if seq not in answers:
                entries = self._read_or_wake(seq)
                is_whole = bool(entries) and entries[0][0] == seq + 1
                answers[seq] = poll.answer(entries, b"") if is_whole else b""
            if not answers[seq]:
                self._close(poll, CloseReason.TRY_AGAIN_LATER, "the log has been cut")
            elif poll in self.polls:  # still, for others have had their turn
                self._finish(poll, answers[seq])

    def _round(self) -> None:
        """Offer every cohort what follows its cursor: the same bytes to all that are at the same place."""
        batches: dict[int, Batch | None] = {}
        told, left = 0, sum(len(cohort.clients) for cohort in self._cohorts)
        for cohort in list(self._cohorts):
            if told >= COHORT and left > COHORT:  # the last are told together: a pause would cost them more
                gevent.sleep(PAUSE_S)
                told = 0
            told += len(cohort.clients)
            left -= len(cohort.clients)
            if cohort.seq not in batches:
                batches[cohort.seq] = self.ring.after(cohort.seq)
            batch = batches[cohort.seq]
            if batch is None:  # more was read at once than the ring holds
                for client in list(cohort.clients):
                    self._leave(client)
                    self._resume(client)
            elif batch.data:
                self._tell(cohort, batch)
        self._tidy()
        self._spoke = self._clock()

    def _tell(self, cohort: Cohort, batch: Batch) -> None:
        """Offer the batch to a cohort; whoever's socket does not take all of it goes on by itself."""
        data, size = batch.data, len(batch.data)
        behind: list[tuple[Any, int]] = []
        for sock in cohort.socks:
            try:
                sent = sock.send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                sent = -1
            if sent != size:
                behind.append((sock, sent))
        for sock, sent in behind:
            client = cohort.clients[cohort.socks.index(sock)]
            if sent < 0:
                self.discard(client)
            else:
                self._leave(client)
                self._partly(client, batch, sent)
        cohort.seq = batch.seqs[-1]

    def _all_live(self) -> Iterator[Client]:
        """Yield those who are live now and still are when it is their turn, with the same pauses."""
        clients = [client for cohort in self._cohorts for client in cohort.clients]
        for place, client in enumerate(clients):
            if place and place % COHORT == 0 and len(clients) - place > COHORT:
                gevent.sleep(PAUSE_S)
            if client.live:
                yield client

    def _tidy(self) -> None:
        """Join neighbours that have come to the same place, and forget cohorts that nobody is left in."""
        kept: list[Cohort] = []
        for cohort in self._cohorts:
            if kept and kept[-1].seq == cohort.seq and len(kept[-1].clients) + len(cohort.clients) <= COHORT:
                for client in cohort.clients:
                    kept[-1].add(client)
            elif cohort.clients:
                kept.append(cohort)
        self._cohorts = kept

    def _resume(self, client: Client) -> None:
        """Send what is waiting and a chunk of what follows the cursor; see to it that the rest follows."""
        if not self._flush(client):
            return
        if client.closing:
            self._unwatch_write(client)
            _shutdown(client.sock)
            return
        if client.live:
            return  # the next entries come with a round
        batch = self.ring.after(client.cursor)
        if batch is None:
            self._unwatch_write(client)
            if not client.replaying:
                client.replaying = True
                gevent.spawn(self._replay, client)
        elif batch.data and not self._offer(client, batch):
            return
        elif client.cursor >= self.ring.head:
            self._unwatch_write(client)
            self._join(client)
        else:
            self._wait_writable(client)

    def _replay(self, client: Client) -> None:
        """Send from the log until the ring takes over or the socket is full."""
        try:
            while client.cursor < self.ring.start and self._is_ready(client):
                with self._turn:
                    entries = self._read(client.cursor, CHUNK_BYTES)
                    if self._is_ready(client):  # still, if reading has let others run
                        self._continue_from_log(client, entries)
                    gevent.sleep(PAUSE_S)
                gevent.sleep(0)  # or this greenlet would take the next turn, too
        except Exception:
            log.exception("A replay failed; its client will come back")
            self._close(client, CloseReason.TRY_AGAIN_LATER, "the log can't be read")
        finally:
            client.replaying = False
        if self._is_ready(client):
            self._resume(client)

    def _continue_from_log(self, client: Client, entries: list[Entry]) -> None:
        if entries and entries[0][0] == client.cursor + 1:
            self._offer(client, Batch.of(entries))
        else:
            self._close(client, CloseReason.TRY_AGAIN_LATER, "the log has been cut")

    def _is_ready(self, client: Client) -> bool:
        """Tell whether the client may be sent entries: it stays, and its socket is not known to be full."""
        return client in self.clients and not client.closing and client.watch_write is None

    def _offer(self, client: Client, batch: Batch) -> bool:
        """Send the batch; tell whether the socket took all of it."""
        sent = self._give(client, batch.data)
        if sent == len(batch.data):
            client.cursor = batch.seqs[-1]
            return True
        if sent >= 0:
            self._partly(client, batch, sent)
        return False

    def _partly(self, client: Client, batch: Batch, sent: int) -> None:
        """Note that the socket took only `sent` bytes of the batch."""
        whole = bisect_right(batch.ends, sent)
        start = batch.ends[whole - 1] if whole else 0
        if sent > start:
            client.rest = batch.data[sent : batch.ends[whole]]
            whole += 1
        if whole:
            client.cursor = batch.seqs[whole - 1]
        self._wait_writable(client)

    def _flush(self, client: Client) -> bool:
        """Send the rest of the frame under way and the control frames; tell whether all went."""
        while client in self.clients:
            if not client.rest:
                if not client.control:
                    return True
                client.rest = client.control.pop(next(iter(client.control)))
            sent = self._give(client, client.rest)
            if sent < 0:
                return False
            client.rest = client.rest[sent:]
            if client.rest:
                self._wait_writable(client)
                return False
        return False

    def _give(self, client: Client, data: bytes) -> int:
        """Return how many bytes the socket took; -1 if the client is gone."""
        try:
            sent: int = client.sock.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            self.discard(client)
            return -1
        client.progress = self._clock()
        return sent

    def _wait_writable(self, client: Client) -> None:
        self._leave(client)
        if client.watch_write is None:
            client.watch_write = self._loop.io(client.sock.fileno(), WRITE)
            client.watch_write.start(self._resume, client)

    def _unwatch_write(self, client: Client) -> None:
        if client.watch_write is not None:
            client.watch_write.stop()
            client.watch_write.close()
            client.watch_write = None

    def _join(self, client: Client) -> None:
        """Make a client live: it has got what the ring has."""
        cohort = self._cohorts[-1] if self._cohorts else None
        if cohort is None or len(cohort.clients) >= COHORT or cohort.seq != client.cursor:
            cohort = Cohort(client.cursor)
            self._cohorts.append(cohort)
        cohort.add(client)
        client.heard = True

    def _leave(self, client: Client) -> None:
        """Have a client go on by itself, if it is live; one that waits does so no more."""
        if client.cohort is not None:
            client.cohort.remove(client)
            client.progress = self._clock()
            client.heard = False
        elif isinstance(client, Poll):
            self.polls.pop(client, None)

    def _readable(self, client: Client) -> None:
        try:
            data = client.sock.recv(MAX_MESSAGE)
        except BlockingIOError:
            self._charge(client, READ_COST)  # for a part of a record of TLS, which may come byte by byte
            return
        except OSError:
            data = b""
        if data:
            self._receive(client, data)
        else:
            self.discard(client)

    def _receive(self, client: Client, data: bytes) -> None:
        client.heard = True
        if client.closing or not self._charge(client, READ_COST) or isinstance(client, Poll):
            return
        if _is_pong(data, client):
            self._charge(client, 1)
            return
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
        """Count what a client sends; close it with 1008 and return False if that is too much.

        The generic cell rate algorithm: one number and one look at the clock. Each read brings MAX_MESSAGE
        bytes at most (by TLS a record more), so this bounds bytes as well. Nothing more is read then.
        """
        now = self._clock()
        client.paid_until = max(client.paid_until, now) + frames / FRAMES_PER_S
        if client.paid_until - now <= FRAMES_AT_ONCE / FRAMES_PER_S:
            return True
        self._close(client, CloseReason.POLICY_VIOLATION, "too many frames")
        if client in self.clients:
            client.watch_read.stop()
        return False

    def _handle(self, client: Client, piece: Frame) -> None:
        """Answer a frame, or a piece of a long one. What a message says is of no interest."""
        payload: Any = piece.payload  # of a text frame a str, of a close frame (code, reason)
        if piece.opcode is Opcode.PING:
            self.send(client, Opcode.PONG, payload)
        elif piece.opcode is Opcode.CLOSE:
            self._close(client, payload[0])  # answer with its own code
        elif piece.opcode in (Opcode.TEXT, Opcode.BINARY):
            client.received += len(payload.encode() if isinstance(payload, str) else payload)
            if client.received > MAX_MESSAGE:
                self._close(client, CloseReason.MESSAGE_TOO_BIG)
            if piece.message_finished:
                client.received = 0

    def _close(self, client: Client, code: int, reason: str = "") -> None:
        if client.closing or client not in self.clients:
            return
        self._finish(client, client.last_words(code, reason))

    def _finish(self, client: Client, data: bytes) -> None:
        """Send the last that a client gets; then the peer hangs up, or CLOSE_S are over."""
        client.control = {Opcode.CLOSE: data}
        client.closing = True
        self._leave(client)
        client.progress = self._clock()
        self._resume(client)

    def _sweep(self) -> None:
        """Close who makes no progress, forget who is dead, and ping the others when it is time."""
        gevent.sleep(1)
        now = self._clock()
        for client in [client for client in self.clients if not client.live]:
            self._look_at(client, now)
        if now - self._pinged >= PING_S:
            self._pinged = now
            for client in self._all_live():
                self._ping(client)

    def _look_at(self, client: Client, now: float) -> None:
        """Do what is due for a client that is not live."""
        if client.closing:
            if now - client.progress > _patience(client):
                self.discard(client)
        elif isinstance(client, Poll):
            if now >= client.until:
                self.answer(client)
        elif now - client.progress > MAX_LAG_S and not client.replaying:
            _enlarge_buffer(client.sock)  # so that the frame under way and the close frame fit
            self._close(client, CloseReason.TRY_AGAIN_LATER, "too slow")

    def _ping(self, client: Client) -> None:
        if not client.heard:
            self._readable(client)  # if the process was held up, a pong may lie there
        if client.heard:
            client.heard = False
            self.send(client, Opcode.PING)
        else:
            self.discard(client)


def _rest_after(news: list[Entry], took: float) -> float:
    """Return how long news gather after a round: not if it told but a few, or a piece of a backlog."""
    is_crowd = len(news) >= CROWD and sum(len(text) for _, text in news) < CHUNK_BYTES
    return min(REST * took, MAX_REST_S) if is_crowd else 0.0


def _patience(client: Client) -> float:
    """Return how long a client that is being closed may make no progress."""
    return MAX_LAG_S if isinstance(client, Poll) and client.rest else CLOSE_S


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


def _is_pong(data: bytes, client: Client) -> bool:
    """Tell whether these bytes are one whole masked pong and nothing else, as nearly always."""
    whole = len(data) > 1 and data[0] == 0x8A and 0x80 <= data[1] <= 0x80 + 125
    return whole and data[1] - 0x80 + 6 == len(data) and client.reader is None


def _shutdown(sock: Any) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_WR)


def _enlarge_buffer(sock: Any) -> None:
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 * SEND_BUFFER)
