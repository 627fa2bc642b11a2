"""Sends each client the entries after its cursor, as fast as its socket takes them, without waiting.

A client that has caught up is live: it gets new entries in rounds, see `group`. A slow consumer leaves the
rounds. When its socket is writable again, it gets the entries after its cursor until it has caught up. They
come from the replay buffer, or from the log for a client that is further behind. A client that connects with
an old cursor starts as a slow consumer.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from bisect import bisect_right
from collections.abc import Callable
from typing import Any

import gevent
from gevent.lock import Semaphore
from wsproto.frame_protocol import CloseReason, Opcode

from base.logs import event
from base.loop import PAUSE_S
from realtime.client import Client, Poll
from realtime.counts import Counts
from realtime.limits import Limits
from realtime.replay_buffer import Batch, Entry, ReplayBuffer

READ, WRITE = 1, 2  # libev's event masks
PRIORITY = 1  # of reading from clients: that is short, so the loop does it before other waiting work

log = logging.getLogger(__name__)


class Delivery:
    """The clients, and the sending of the entries that each lacks.

    `read(seq, size)` returns the entries of the log that follow `seq`: at least one if there is any, and
    about `size` bytes.
    """

    def __init__(
        self,
        read: Callable[[int, int], list[Entry]],
        head: int,
        loop: Any,
        clock: Callable[[], float],
        limits: Limits,
    ) -> None:
        self.limits = limits
        self.counts = Counts()
        self.clients: set[Client] = set()
        self.polls: dict[Poll, None] = {}  # waiting requests, oldest first; they are clients as well
        self.arrived = 0  # clients so far
        self.buffer = ReplayBuffer(head, limits)
        # Of live clients, by socket. A round reads nothing else of a client. With thousands of clients, each
        # further object would be a read of uncached memory.
        self._live: dict[Any, Client] = {}
        self._cursors: dict[Any, int] = {}
        self._read = read
        self._loop = loop
        self._clock = clock
        self._replay_turn = Semaphore()  # one chunk of the log is read at a time, however many replay

    def discard(self, client: Client) -> None:
        """Remove a client and close its descriptor, without sending its peer anything."""
        if client in self.clients:
            self.clients.discard(client)
            self._leave(client)
            client.read_watcher.stop()
            client.read_watcher.close()
            self._unwatch_write(client)
            client.sock.close()

    def states(self) -> dict[str, int]:
        """Return the numbers of clients that are live, wait for an answer, catch up, or are being closed."""
        closing = sum(client.closing for client in self.clients)
        catching_up = len(self.clients) - len(self._live) - len(self.polls) - closing
        return {
            "live": len(self._live),
            "waiting": len(self.polls),
            "behind": catching_up,
            "closing": closing,
        }

    def _take_in(self, client: Client) -> None:
        client.sock.setblocking(False)
        client.progress = self._clock()
        client.read_watcher = self._loop.io(client.sock.fileno(), READ, priority=PRIORITY)
        client.read_watcher.start(self._readable, client)
        self.clients.add(client)
        self.arrived += 1

    def _readable(self, client: Client) -> None:
        raise NotImplementedError

    def _close(self, client: Client, code: int, reason: str = "") -> None:
        if client.closing or client not in self.clients:
            return
        self.counts.closed[reason] += 1
        if reason:
            behind = self.buffer.head - client.cursor
            event(log, logging.INFO, "A client was closed", reason=reason, code=int(code), behind=behind)
        self._finish(client, client.closing_bytes(code, reason))

    def _finish(self, client: Client, data: bytes) -> None:
        """Send the last bytes that a client gets. Then its peer closes the connection, or `close_s` pass."""
        client.control = {Opcode.CLOSE: data}
        client.closing = True
        self._leave(client)
        client.progress = self._clock()
        self._resume(client)

    def _join(self, client: Client) -> None:
        """Make a client live: it has every entry of the replay buffer."""
        client.live = True
        client.pong_received = True
        self._live[client.sock] = client
        self._cursors[client.sock] = client.cursor

    def _leave(self, client: Client) -> None:
        """Remove a client from the rounds, or a poll from the waiting ones."""
        if client.live:
            client.live = False
            del self._live[client.sock]
            client.cursor = self._cursors.pop(client.sock)
            client.progress = self._clock()
        elif isinstance(client, Poll):
            self.polls.pop(client, None)

    def _resume(self, client: Client) -> None:
        """Send the waiting bytes and the next chunk after the cursor, and arrange for the rest."""
        if not self._flush(client):
            return
        if client.closing:
            self._unwatch_write(client)
            _shutdown(client.sock)
        elif not client.live:  # otherwise the next entries come with a round
            self._catch_up(client)

    def _catch_up(self, client: Client) -> None:
        batch = self.buffer.after(client.cursor)
        if batch is None:
            self._unwatch_write(client)
            if not client.replaying:
                client.replaying = True
                gevent.spawn(self._replay, client)
        elif batch.data and not self._offer(client, batch):
            return
        elif client.cursor >= self.buffer.head:
            self._unwatch_write(client)
            self._join(client)
        else:
            self._wait_writable(client)

    def _replay(self, client: Client) -> None:
        """Send from the log until the replay buffer takes over or the socket is full."""
        try:
            while client.cursor < self.buffer.start and self._is_ready(client):
                with self._replay_turn:
                    entries = self._read(client.cursor, self.limits.chunk_bytes)
                    if self._is_ready(client):  # checked again, because reading may have let others run
                        self._continue_from_log(client, entries)
                    gevent.sleep(PAUSE_S)
                gevent.sleep(0)  # otherwise this greenlet would run again before the others
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
        """Return whether the client may get entries: it is not leaving, and its socket may have room."""
        return client in self.clients and not client.closing and client.write_watcher is None

    def _offer(self, client: Client, batch: Batch) -> bool:
        """Send the batch. Return whether the socket took all of it."""
        sent = self._send(client, batch.data)
        if sent == len(batch.data):
            client.cursor = batch.seqs[-1]
            self.counts.frames += len(batch.seqs)
            return True
        if sent >= 0:
            self._sent_part(client, batch, sent)
        return False

    def _sent_part(self, client: Client, batch: Batch, sent: int) -> None:
        """Note that the socket took only `sent` bytes of the batch."""
        whole = bisect_right(batch.ends, sent)
        start = batch.ends[whole - 1] if whole else 0
        if sent > start:
            client.unsent = batch.data[sent : batch.ends[whole]]
            whole += 1
        if whole:
            client.cursor = batch.seqs[whole - 1]
            self.counts.frames += whole
        self._wait_writable(client)

    def _flush(self, client: Client) -> bool:
        """Send the rest of the unfinished frame and the control frames. Return whether all were sent."""
        while client in self.clients:
            if not client.unsent:
                if not client.control:
                    return True
                client.unsent = client.control.pop(next(iter(client.control)))
                self.counts.frames += 1
            sent = self._send(client, client.unsent)
            if sent < 0:
                return False
            client.unsent = client.unsent[sent:]
            if client.unsent:
                self._wait_writable(client)
                return False
        return False

    def _send(self, client: Client, data: bytes) -> int:
        """Return how many bytes the socket took; -1 if the client is gone."""
        try:
            sent: int = client.sock.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            self.discard(client)
            return -1
        client.progress = self._clock()
        self.counts.bytes += sent
        return sent

    def _wait_writable(self, client: Client) -> None:
        self._leave(client)
        if client.write_watcher is None:
            client.write_watcher = self._loop.io(client.sock.fileno(), WRITE)
            client.write_watcher.start(self._resume, client)

    def _unwatch_write(self, client: Client) -> None:
        if client.write_watcher is not None:
            client.write_watcher.stop()
            client.write_watcher.close()
            client.write_watcher = None


def _shutdown(sock: Any) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_WR)
