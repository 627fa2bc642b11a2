"""The group sends each client every entry once, in order, in whole frames, whatever the sockets do."""

import contextlib
import os
import socket
import struct

import gevent
import gevent.event
import pytest
from fakes import CLOSE, HUGE, PING, PONG, TEXT, Log, Socket, World, parse
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from random_data import examples
from wsproto.frame_protocol import Opcode

from base.loop import PAUSE_S
from realtime import group as group_module
from realtime.client import Client
from realtime.delivery import READ, WRITE
from realtime.group import Group
from realtime.limits import Limits
from realtime.replay_buffer import Batch, Entry, ReplayBuffer, frame

# A few entries fall out of the replay buffer.
LIMITS = Limits(buffer_bytes=600, chunk_bytes=150, slice_clients=2)
MASKED_CLOSE = b"\x88\x82\0\0\0\0\x03\xe8"
MASKED_PING = b"\x89\x81\0\0\0\0?"


@pytest.fixture
def world() -> World:
    return World(LIMITS)


# Every interleaving


class Interleavings(RuleBasedStateMachine):
    """Saves happen, and clients come, stall, read, talk, go and return. The log is the oracle."""

    @initialize()
    def begin(self) -> None:
        self.world = World(LIMITS)
        self.since: dict[int, int] = {}  # of each socket: its entries when it connected
        self.socks: list[Socket] = []
        self.everyone: list[Socket] = []  # also those that are gone
        self.away: list[int] = []  # the entries of clients that have left

    def pick(self, number: int) -> Socket:
        return self.socks[number % len(self.socks)]

    def client(self, sock: Socket) -> Client:
        return next(client for client in self.world.group.clients if client.sock is sock)

    def arrive(self, since: int | None, room: int, most: int) -> None:
        sock = Socket(room, most)
        self.world.connect(sock, since)
        self.since[sock.number] = self.world.group.buffer.head if since is None else since
        self.socks.append(sock)
        self.everyone.append(sock)

    @rule(sizes=st.lists(st.integers(0, 300), min_size=1, max_size=8))
    def save(self, sizes: list[int]) -> None:
        self.world.save(*sizes)

    @rule(room=st.integers(0, 2000), most=st.integers(1, 400))
    def connect(self, room: int, most: int) -> None:
        self.arrive(None, room, most)

    @precondition(lambda self: self.away)
    @rule(which=st.integers(0), room=st.integers(0, 2000), most=st.integers(1, 400))
    def reconnect(self, which: int, room: int, most: int) -> None:
        self.arrive(self.away.pop(which % len(self.away)), room, most)

    @precondition(lambda self: self.socks)
    @rule(which=st.integers(0), size=st.integers(0, 1500), most=st.integers(1, 400))
    def read(self, which: int, size: int, most: int) -> None:
        sock = self.pick(which)
        sock.room += size
        sock.most = most
        if sock.room:
            self.world.loop.fire(sock.number, WRITE)

    @precondition(lambda self: self.socks)
    @rule(which=st.integers(0))
    def stall(self, which: int) -> None:
        self.pick(which).room = 0

    @precondition(lambda self: self.socks)
    @rule(which=st.integers(0))
    def ping(self, which: int) -> None:
        sock = self.pick(which)
        sock.arrived += MASKED_PING
        self.world.loop.fire(sock.number, READ)

    @precondition(lambda self: self.socks)
    @rule(which=st.integers(0), politely=st.booleans())
    def disconnect(self, which: int, politely: bool) -> None:  # noqa: FBT001
        sock = self.pick(which)
        if politely:
            sock.arrived += MASKED_CLOSE
            self.world.loop.fire(sock.number, READ)
        sock.broken = not politely
        sock.at_end = True
        self.world.loop.fire(sock.number, READ)
        assert sock.closed
        self.socks.remove(sock)
        own = [seq for seq in sock.seqs()[1:] if seq > self.since[sock.number]]
        self.away.append(max([self.since[sock.number], *own]))

    @rule()
    def let_others_run(self) -> None:
        self.world.pause()

    @rule()
    def time_for_a_heartbeat(self) -> None:
        self.world.time += LIMITS.heartbeat_s + 1
        self.world.pause()

    @invariant()
    def counted_bytes_are_those_that_sockets_took(self) -> None:
        counted = self.world.group.counts.bytes
        assert counted == sum(len(sock.taken) for sock in self.everyone)

    @invariant()
    def frames_are_whole_and_entries_in_order(self) -> None:
        for sock in self.socks:
            texts = [payload for opcode, payload in sock.frames() if opcode == TEXT]
            assert all(payload.endswith(b",hello") for payload in texts[:1])
            entries = [payload for payload in texts[1:] if not payload.endswith(b",heartbeat")]
            start = self.since[sock.number]
            assert entries == [text for _, text in self.world.log.entries[start : start + len(entries)]]

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self.world.settle(*self.socks)
        self.frames_are_whole_and_entries_in_order()
        for sock in self.socks:
            texts = [payload for opcode, payload in sock.frames() if opcode == TEXT]
            entries = [payload for payload in texts[1:] if not payload.endswith(b",heartbeat")]
            assert len(entries) == self.world.log.head - self.since[sock.number]
            assert b"".join(frame(*piece) for piece in sock.frames()) == bytes(sock.taken)
            assert self.client(sock).live
        assert len(self.world.loop.watchers) == len(self.socks) == len(self.world.group.clients)


Interleavings.TestCase.settings = settings(
    max_examples=examples(250),
    stateful_step_count=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestInterleavings = pytest.mark.slow(Interleavings.TestCase)


# The replay buffer


def entries(*seqs: int, size: int = 10) -> list[Entry]:
    return [(seq, b"%d,%s" % (seq, b"x" * size)) for seq in seqs]


def test_replay_buffer_takes_nothing_twice() -> None:
    """Two readers of the log may add the same entries, and the buffer keeps each once."""
    buffer = ReplayBuffer(0, LIMITS)
    buffer.extend(entries(1, 2, 3))
    buffer.extend(entries(2, 3, 4))
    assert buffer.after(0) == Batch.of(entries(1, 2, 3, 4))


def test_replay_buffer_forgets_the_oldest_and_says_so() -> None:
    """A full buffer drops the oldest entries, and has no answer for cursors before the rest."""
    buffer = ReplayBuffer(0, LIMITS)
    buffer.extend(entries(*range(1, 101)))
    assert 0 < buffer.start < buffer.head == 100
    assert buffer.after(buffer.start - 1) is None
    batch = buffer.after(buffer.start)
    assert batch is not None
    assert batch.seqs[0] == buffer.start + 1


def test_replay_buffer_is_bounded_and_keeps_at_least_three_quarters() -> None:
    """The buffer holds at most BUFFER_BYTES of frames, however entries arrive."""
    buffer, size = ReplayBuffer(99, LIMITS), len(frame(TEXT, entries(100)[0][1]))
    for seq in range(100, 300):
        buffer.extend(entries(seq))
        kept = buffer.head - buffer.start
        assert kept * size <= LIMITS.buffer_bytes
        assert kept >= min(seq - 99, LIMITS.buffer_bytes * 3 // 4 // size)


def test_batch_is_a_chunk() -> None:
    """A batch has at most CHUNK_BYTES and one more frame, so no socket is offered the whole buffer."""
    for chunk_bytes, count in ((150, 4), (133, 4), (132, 3)):  # of frames of 44 bytes each
        buffer = ReplayBuffer(0, Limits(chunk_bytes=chunk_bytes))
        buffer.extend(entries(*range(1, 11), size=40))
        batch = buffer.after(0)
        assert batch is not None
        assert batch.seqs == [1, 2, 3, 4][:count]
        assert batch.ends == [44, 88, 132, 176][:count]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (b'{"seq":1,"type":"alert","actor":"x"}', b"alert"),
        (
            b'{"seq":%d,"mark":"abcd_-gh","type":"alert_acknowledged"}' % ((1 << 63) - 1),
            b"alert_acknowledged",
        ),
        (b'{"seq":1}', b"other"),
    ],
)
def test_entries_are_counted_by_type(text: bytes, kind: bytes) -> None:
    """Entries of older versions have no mark before their type."""
    buffer = ReplayBuffer(0, LIMITS)
    for seq in (1, 2):
        buffer.extend([(seq, text)])
    assert buffer.entries == {kind: 2}


@pytest.mark.parametrize("first", [4, 5])
def test_replay_buffer_never_hides_a_gap(first: int) -> None:
    """A cursor before entries that were pruned unread gets no answer from the buffer."""
    after = entries(first, first + 1)
    size = len(Batch.of(after).data)
    buffer = ReplayBuffer(0, Limits(buffer_bytes=2 * size - 1))
    buffer.extend(entries(1, 2))
    buffer.extend(after)
    assert buffer.after(2) is buffer.after(first - 2) is None
    assert buffer.after(first - 1) == Batch.of(after)
    buffer.extend(entries(first + 2, first + 3))
    assert buffer.start > first, "what was dropped at the gap does not count among its bytes any more"


def test_replay_buffer_holds_an_entry_larger_than_itself() -> None:
    """An entry larger than the buffer is sent like any other."""
    buffer = ReplayBuffer(0, LIMITS)
    buffer.extend(entries(1, size=5000))
    assert buffer.after(0) == Batch.of(entries(1, size=5000))


@pytest.mark.parametrize("size", [0, 125, 126, 0xFFFF, 0x10000])
def test_frame_has_the_shortest_length_of_rfc_6455(size: int) -> None:
    """`Header.encode_header` of gevent-websocket writes it."""
    header = {0: b"\0", 125: b"\x7d", 126: b"\x7e\0\x7e", 0xFFFF: b"\x7e\xff\xff"}
    expected = header.get(size, b"\x7f\0\0\0\0\0\1\0\0")
    assert frame(TEXT, b"x" * size) == b"\x81" + expected + b"x" * size


# One client


def test_full_socket_at_the_end_of_a_frame_is_waited_for(world: World) -> None:
    """A socket that fills up exactly between two frames is not written to until it is writable."""
    world.save(*[100] * 20)
    world.group.pull()
    hello = len(frame(TEXT, b"20,hello"))
    sock = Socket(room=hello + sum(len(frame(TEXT, text)) for _, text in world.log.read(12, 150)))
    world.connect(sock, since=12)
    with gevent.Timeout(5):
        world.pause()
    assert sock.seqs() == [20, 13, 14]
    world.settle(sock)
    assert sock.seqs() == [20, *range(13, 21)]


def test_full_socket_costs_no_reading_of_the_log(world: World) -> None:
    """While a replaying client does not read, the log is not read for it either."""
    world.save(*[100] * 50)
    world.group.pull()
    sock = Socket(room=len(frame(TEXT, b"50,hello")))
    world.connect(sock, since=0)
    reads = []
    world.log.before_read = lambda: reads.append(1)
    for _ in range(50):
        world.pause()
    assert len(reads) <= 3
    world.settle(sock)
    assert sock.seqs() == [50, *range(1, 51)]


def test_replay_goes_from_the_log_to_the_buffer_to_live(world: World) -> None:
    """An entry that is saved during a replay follows the replay, once."""
    world.save(*[100] * 50)
    sock = Socket()
    client = world.connect(sock, since=0)
    for _ in range(10):
        world.pause()
        world.save(100)
    assert not client.live
    world.settle(sock)
    world.save()
    world.settle(sock)
    assert client.live
    assert sock.seqs() == [50, *range(1, 62)]


def test_many_replays_leave_pauses_to_the_others(world: World) -> None:
    """However many clients replay, the log is read for one of them between two polls of the sockets."""
    world.save(*[100] * 60)
    world.group.pull()
    socks = [Socket() for _ in range(10)]
    for sock in socks:
        world.connect(sock, since=0)
    reads: list[int] = []
    world.log.before_read = lambda: reads.append(1)
    loop, most, before = gevent.get_hub().loop, 0, 0

    def look() -> None:
        nonlocal most, before
        most, before = max(most, len(reads) - before), len(reads)

    r, w = os.pipe()  # always readable: called at each look at the descriptors
    os.write(w, b"x")
    watcher = loop.io(r, 1)
    watcher.start(look)
    try:
        world.settle(*socks)
    finally:
        watcher.stop()
        watcher.close()
        os.close(r)
        os.close(w)
    assert all(sock.seqs() == [60, *range(1, 61)] for sock in socks)
    assert len(reads) > 100
    assert most <= 2


def test_reader_that_lets_others_run_cuts_no_frame(world: World) -> None:
    """A pong that fills the socket while the log is read for its client stays whole."""
    world.save(*[100] * 50)
    world.group.pull()
    sock = Socket(room=len(frame(TEXT, b"50,hello")) + 2)

    def ping() -> None:
        world.log.before_read = lambda: None
        sock.arrived += MASKED_PING
        world.loop.fire(sock.number, READ)

    world.connect(sock, since=0)
    world.log.before_read = ping
    world.pause()
    assert bytes(sock.taken).endswith(frame(PONG, b"?")[:2])
    world.settle(sock)
    assert sock.control() == [(PONG, b"?")]
    assert sock.seqs() == [50, *range(1, 51)]


def test_close_while_the_log_is_read_is_the_last_frame(world: World) -> None:
    """Nothing follows a close frame, even during a replay."""
    world.save(*[100] * 50)
    world.group.pull()
    sock = Socket()
    world.log.before_read = lambda: world.group.close(lambda _owner: True, 4401)
    world.connect(sock, since=0)
    world.settle(sock)
    assert sock.frames()[-1] == (CLOSE, struct.pack("!H", 4401))
    assert sock.shut
    assert not sock.closed


def test_gap_in_the_log_closes(world: World) -> None:
    """A client that needs pruned entries is closed and must reconnect. It gets no entry after the gap."""
    world.save(*[100] * 50)
    world.group.pull()
    sock = Socket()
    world.log.start = 5
    world.connect(sock, since=2)
    world.settle(sock)
    assert sock.seqs() == [50]
    assert sock.control()[-1][1][:2] == struct.pack("!H", 1013)


def test_log_that_cannot_be_read_closes_the_replay_only(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """If reading fails, the replaying client is closed and must reconnect. The live client stays."""
    world.save(*[100] * 50)
    world.group.pull()
    live, behind = Socket(), Socket()
    world.connect(live)
    world.settle(live)
    world.log.failing = True
    client = Client(behind, 0)
    world.group.add(client)
    world.pause()
    assert behind.control()[-1][1][:2] == struct.pack("!H", 1013)
    assert "A replay failed; its client will come back" in caplog.text
    world.log.failing = False
    world.save()
    world.settle(live)
    assert live.seqs() == [50, 51]


def test_save_that_could_not_be_read_is_read_later(world: World) -> None:
    """New entries that came while the log could not be read are sent later."""
    sock = Socket()
    world.connect(sock)
    world.settle(sock)
    world.log.failing = True
    world.save()
    with pytest.raises(OSError, match="fire"):
        world.group.broadcast()
    world.log.failing = False
    world.settle(sock)
    assert sock.seqs() == [0, 1]


def test_huge_entry_reaches_a_slow_client_whole(world: World) -> None:
    """An entry of 400 KB, read in small pieces, delays no other client."""
    slow, good = Socket(room=1000), Socket()
    world.connect(slow)
    world.connect(good)
    world.settle(good)
    slow.room = 500
    world.save(400_000)
    world.settle(good)
    world.save()
    world.settle(good)
    assert good.seqs() == [0, 1, 2]
    assert slow.seqs() == [0]
    slow.most = 1000
    for _ in range(600):
        slow.room = 1000
        world.loop.fire(slow.number, WRITE)
    world.settle(slow)
    assert slow.seqs() == [0, 1, 2]


def test_pongs_for_a_full_socket_take_one_place(world: World) -> None:
    """For a client that pings and does not read, one pong is kept, between whole frames."""
    sock = Socket(room=1000)
    client = world.connect(sock)
    sock.room = 30
    world.save(100)
    world.settle()
    for _ in range(50):
        sock.arrived += MASKED_PING
        world.loop.fire(sock.number, READ)
    assert len(client.control) == 1
    world.settle(sock)
    assert sock.frames() == [(TEXT, b"0,hello"), (TEXT, world.log.entries[0][1]), (PONG, b"?")]


@pytest.mark.parametrize("data", [b"\x8a\x7c", b"\x8a\xfe" + bytes(130)], ids=["unmasked", "too long"])
def test_malformed_pong_is_an_error(world: World, data: bytes) -> None:
    """The shortcut for pongs accepts only correct pongs."""
    sock = Socket()
    world.connect(sock)
    sock.arrived += data
    world.loop.fire(sock.number, READ)
    assert sock.control() == [(CLOSE, struct.pack("!H", 1002))]


def test_client_added_during_a_round_gets_everything_once(world: World) -> None:
    """A client that joins, leaves or talks during a pause of a round is served like the others."""
    socks = [Socket() for _ in range(7)]
    clients = [world.connect(sock) for sock in socks]
    world.settle(*socks)
    world.save()
    world.start_round()
    gevent.sleep(0)
    late = Socket()
    world.connect(late, since=0)
    world.group.discard(clients[6])
    world.save()
    world.settle(*socks, late)
    assert all(sock.seqs() == [0, 1, 2] for sock in socks[:6])
    assert late.seqs()[1:] == [1, 2]
    assert socks[6].closed


def test_entries_gather_after_a_round(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server spends most of the time on saves, and the wait is too short to notice."""
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        world.time += seconds

    class Costly(Socket):
        cost = 0.004

        def send(self, data: bytes) -> int:
            world.time += self.cost
            return super().send(data)

    def slept_before_a_round_of(count: int) -> float:
        slept.clear()
        world.save(*[1] * count)
        world.group.broadcast()
        return sum(slept)

    sock = Costly()
    world.connect(sock)
    with monkeypatch.context() as patch:
        patch.setattr(gevent, "sleep", sleep)
        assert slept_before_a_round_of(1) == 0
        assert slept_before_a_round_of(1) == pytest.approx(LIMITS.cool_down * sock.cost)
        world.time += 2 * sock.cost
        assert slept_before_a_round_of(1) == pytest.approx((LIMITS.cool_down - 2) * sock.cost)
        world.time += 1
        assert slept_before_a_round_of(1) == PAUSE_S
        sock.cost = 1.0
        slept_before_a_round_of(1)
        assert slept_before_a_round_of(100) == pytest.approx(LIMITS.max_cool_down_s)
        assert slept_before_a_round_of(1) == PAUSE_S  # that was a part of older entries
    world.settle(sock)
    assert sock.seqs() == list(range(world.log.head + 1))
    assert world.group.arrived == 1


@pytest.mark.parametrize(("count", "pauses"), [(2, []), (4, [2]), (5, [2, 4])])
def test_round_pauses_between_slices(
    world: World, monkeypatch: pytest.MonkeyPatch, count: int, pauses: list[int]
) -> None:
    """Requests are answered after each SLICE clients, and not after the last."""
    sent: list[int] = []
    paused: list[tuple[int, float]] = []

    class Noted(Socket):
        def send(self, data: bytes) -> int:
            sent.append(self.number)
            return super().send(data)

    for _ in range(count):
        world.connect(Noted())
    sent.clear()
    world.save()
    with monkeypatch.context() as patch:
        patch.setattr(gevent, "sleep", lambda seconds: paused.append((len(sent), seconds)))
        world.group.broadcast()
    assert len(sent) == count
    assert paused == [(number, PAUSE_S) for number in pauses]


def test_saves_soon_after_a_round_are_sent_together(world: World) -> None:
    """Before the next round the loop polls its sockets. Entries that are saved meanwhile join the round."""
    sock = Socket()
    world.connect(sock)
    world.save()
    world.group.broadcast()
    world.save()
    gevent.get_hub().loop.timer(0).start(world.save)
    broadcaster = gevent.spawn(world.group.broadcast)
    broadcaster.join()
    assert sock.seqs() == [0, 1, 2, 3]


def test_nothing_follows_a_close(world: World) -> None:
    """send() to a client that is closing or gone does nothing."""
    sock, gone = Socket(), Socket()
    client, lost = world.connect(sock), world.connect(gone)
    world.group.close(lambda _owner: True, 1000)
    world.group.discard(lost)
    for each in (client, lost):
        world.group.send(each, PING)
        world.group.discard(lost)
    assert not sock.closed  # it may still answer
    assert sock.control() == [(CLOSE, b"\x03\xe8")]
    world.save()
    world.settle(sock)
    assert sock.seqs() == [0]


def test_close_finds_clients_by_their_owner(world: World) -> None:
    """Only clients of this owner are closed, with the code and the reason."""
    socks = [Socket() for _ in range(4)]
    for number, sock in enumerate(socks):
        world.connect(sock, owner=number)
    world.group.close(lambda owner: owner in (1, 2), 4401, "signed out")
    closed = [(CLOSE, struct.pack("!H", 4401) + b"signed out")]
    assert [sock.control() for sock in socks] == [[], closed, closed, []]


def test_broken_socket_costs_only_itself(world: World) -> None:
    """An error of one socket in a round, in a replay or in a flush removes only that client."""
    world.save(*[100] * 50)
    good, *bad = [Socket() for _ in range(4)]
    world.connect(good)
    world.connect(bad[0])
    world.connect(bad[1], since=0)
    bad[2].room = 20
    world.connect(bad[2])
    world.settle(good, bad[0])
    for sock in bad:
        sock.broken = True
    world.save()
    world.loop.fire(bad[2].number, WRITE)
    world.settle(good, *bad)
    assert all(sock.closed for sock in bad)
    assert good.seqs() == [50, 51]
    assert len(world.loop.watchers) == 1
    assert len(world.group._live) == len(world.group._cursors) == len(world.group.clients) == 1


# Time


def test_silence_is_broken_by_a_heartbeat(world: World) -> None:
    """After HEARTBEAT_S without entries each client is sent the head. A new entry starts the time again."""
    sock = Socket()
    world.connect(sock)
    world.time += LIMITS.heartbeat_s - 1
    world.save()
    world.settle(sock)
    world.time += LIMITS.heartbeat_s - 1
    world.settle(sock)
    assert sock.seqs() == [0, 1]
    world.time += 1
    world.settle(sock)
    assert sock.frames()[2:] == [(TEXT, b"1,heartbeat")]
    world.time += LIMITS.heartbeat_s - 1
    world.settle(sock)
    assert len(sock.frames()) == 3


def test_pong_keeps_a_client_and_its_absence_removes_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that has answered no ping by the next one is removed, and its descriptor is closed."""
    alive, dead = Socket(), Socket()
    world.connect(alive)
    world.connect(dead)
    for _ in range(5):
        world.sweep(monkeypatch, LIMITS.ping_s)
        alive.arrived += b"\x8a\x80\1\2\3\4"
        world.loop.fire(alive.number, READ)
    assert len(alive.control()) == 5
    assert not alive.closed
    assert len(dead.control()) == 1
    assert dead.closed


def test_pong_that_lies_unread_counts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the process was held up for long, unread pongs keep their clients."""
    sock = Socket()
    world.connect(sock)
    world.sweep(monkeypatch, LIMITS.ping_s)
    sock.arrived += b"\x8a\x80\1\2\3\4"
    world.sweep(monkeypatch, LIMITS.ping_s)
    assert not sock.closed
    assert sock.control() == [(PING, b""), (PING, b"")]


def test_stalled_client_is_closed_with_1013_between_frames(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After MAX_LAG_S without progress a client is closed.

    Reading later, it gets the whole frame, then the close.
    """
    sock = Socket(room=60)
    world.connect(sock)
    world.save(100)
    world.settle()
    world.sweep(monkeypatch, LIMITS.max_lag_s)
    world.save(100)
    world.settle()
    assert sock.control() == []
    world.sweep(monkeypatch, 1)
    sock.room = 10_000
    world.loop.fire(sock.number, WRITE)
    assert sock.seqs() == [0, 1]
    assert sock.control()[0][1][:2] == struct.pack("!H", 1013)
    assert sock.shut
    world.sweep(monkeypatch, LIMITS.close_s + 1)
    assert sock.closed
    assert not world.group.clients
    assert not world.loop.watchers


def test_client_that_was_live_for_long_keeps_all_of_its_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MAX_LAG_S begins when the socket is full, and not at the last frame that was sent."""
    sock = Socket()
    world.connect(sock)
    for _ in range(3):
        world.sweep(monkeypatch, LIMITS.ping_s - 1)
        sock.arrived += b"\x8a\x80\1\2\3\4"
        world.loop.fire(sock.number, READ)
    sock.room = 0
    world.save()
    world.settle()
    world.sweep(monkeypatch, LIMITS.max_lag_s)
    world.settle(sock)
    assert set(sock.seqs()) == {0, 1}
    assert CLOSE not in [opcode for opcode, _ in sock.control()]


def test_client_whose_socket_is_full_at_once_has_all_of_its_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that joins or closes with a full socket has the whole time.

    Its peer may read the rest for CLOSE_S.
    """
    sock = Socket(room=0)
    world.connect(sock)
    world.sweep(monkeypatch, LIMITS.max_lag_s)
    assert not sock.shut
    world.group.close(lambda _owner: True, 4401)
    world.sweep(monkeypatch, LIMITS.close_s)
    assert not sock.closed
    world.sweep(monkeypatch, 1)
    assert sock.closed


def test_client_that_has_caught_up_is_not_dropped_at_the_next_ping(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that was behind was sent no ping, so it is not removed for a missing pong."""
    sock = Socket()
    world.connect(sock)
    world.sweep(monkeypatch, LIMITS.ping_s)  # a ping, which it has not answered
    sock.room = 0
    world.save()
    world.settle()
    world.settle(sock)
    world.sweep(monkeypatch, LIMITS.ping_s)
    assert not sock.closed
    assert sock.control() == [(PING, b""), (PING, b"")]


def test_client_that_reads_a_little_is_not_closed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any progress keeps a client, however far it is behind."""
    sock = Socket(room=60)
    world.connect(sock)
    world.save(*[100] * 20)
    world.settle()
    for _ in range(10):
        world.sweep(monkeypatch, LIMITS.max_lag_s)
        sock.room += 1
        world.loop.fire(sock.number, WRITE)
    assert not sock.control()
    world.settle(sock)
    assert sock.seqs() == [0, *range(1, 21)]


def test_client_whose_replay_waits_for_the_log_is_not_closed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that waits for a read of the log, its own or another's, is not closed for it."""
    world.save(*[100] * 50)
    sock = Socket()
    world.connect(sock, since=0)
    read = gevent.event.Event()
    world.log.before_read = read.wait
    world.pause()
    world.sweep(monkeypatch, LIMITS.max_lag_s + 1)
    world.log.before_read = lambda: None
    read.set()
    world.settle(sock)
    assert sock.control() == []
    assert sock.seqs() == [50, *range(1, 51)]


# Real sockets


def test_close_of_a_stalled_client_waits_in_the_kernel() -> None:
    """A peer that reads only after its removal gets every frame whole, and the close last."""
    log = Log()
    group = Group(log.read, lambda seq: b"%d,heartbeat" % seq, limits=LIMITS)
    listener = socket.create_server(("127.0.0.1", 0))
    peer = socket.create_connection(listener.getsockname())
    ours, _ = listener.accept()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    with listener, peer:
        client = Client(ours, 0)
        group.add(client)
        while client.live:
            log.append(2000)
            group.wake()
            group.broadcast()
        group._enlarge_buffer(ours)
        group._close(client, 1013, "too slow")
        group.discard(client)
        peer.settimeout(5)
        received = bytearray()
        while data := peer.recv(1 << 16):
            received += data
    found = list(parse(bytes(received)))
    assert b"".join(frame(*piece) for piece in found) == received
    assert [int(payload.split(b",")[0]) for opcode, payload in found if opcode == TEXT] == list(
        range(1, len(found))
    )
    assert found[-1] == (CLOSE, b"\x03\xf5too slow")


@pytest.mark.parametrize("reads", [True, False])
def test_close_behind_a_frame_larger_than_the_kernels_buffers(
    monkeypatch: pytest.MonkeyPatch,
    reads: bool,  # noqa: FBT001
) -> None:
    """A slow reader gets the whole frame and 1013. Nothing waits for a peer that does not read."""
    pause, now = gevent.sleep, [0.0]
    log = Log()
    group = Group(log.read, lambda seq: b"%d,heartbeat" % seq, clock=lambda: now[0], limits=LIMITS)
    listener = socket.create_server(("127.0.0.1", 0))
    peer = socket.create_connection(listener.getsockname())
    ours, _ = listener.accept()
    received = bytearray()
    with listener, peer:
        peer.setblocking(False)
        client = Client(ours, 0)
        group.add(client)
        log.append(HUGE)
        group.wake()
        group.broadcast()
        monkeypatch.setattr(gevent, "sleep", lambda _seconds: None)
        now[0] += LIMITS.max_lag_s + 1
        group._sweep()
        assert client.closing
        assert client.unsent, "the kernel has taken all of it"
        given_up = now[0]
        while group.clients and now[0] < 1000 * LIMITS.close_s:
            now[0] += LIMITS.close_s * 0.4
            pause(0.001)  # in which the group's watchers run
            while reads and client.unsent and client.progress < now[0]:  # the kernel passes on what it likes
                received += read(peer, HUGE // 50)
                pause(0.001)
            group._sweep()
        while reads and (piece := read(peer, HUGE)):
            received += piece
    assert not group.clients
    if reads:
        assert now[0] - given_up > 3 * LIMITS.close_s
        assert [opcode for opcode, _ in parse(bytes(received))] == [TEXT, CLOSE]
    else:
        assert now[0] - given_up < 2 * LIMITS.close_s


def read(peer: socket.socket, most: int) -> bytes:
    """Read the bytes that have arrived, up to this many."""
    data = b""
    with contextlib.suppress(BlockingIOError):
        while len(data) < most and (piece := peer.recv(1 << 16)):
            data += piece
    return data


def test_stop_sends_the_last_entries_first() -> None:
    """An entry that is saved just before the end is sent before the close frame."""
    group = Group(lambda seq, _size: [(1, b"{}")] if seq < 1 else [], lambda _seq: b"", limits=LIMITS)
    group.start()
    ours, theirs = socket.socketpair()
    group.add(Client(ours, 0))
    stopping = gevent.spawn(group.stop)
    gevent.sleep(0.01)
    assert theirs.recv(100) == frame(Opcode.TEXT, b"{}") + frame(CLOSE, b"\x03\xe9")
    theirs.close()
    stopping.get(timeout=2)


def test_started_group_sends_saves_and_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A started group needs no calls except `wake`."""
    swept = gevent.event.Event()
    monkeypatch.setattr(Group, "_sweep", lambda _self: (swept.set(), gevent.sleep(1)))
    log = Log()
    group = Group(log.read, lambda _seq: b"", limits=LIMITS)
    ours, theirs = socket.socketpair()
    with theirs:
        group.add(Client(ours, 0))
        group.start()
        log.append()
        group.wake()
        assert swept.wait(5)
        gevent.sleep(0.01)
        assert theirs.recv(1000) == frame(TEXT, log.entries[0][1])
        theirs.shutdown(socket.SHUT_WR)
        group.stop()


def test_step_that_fails_is_tried_again_after_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed step runs again after a second, and a successful one is followed by the next at once."""
    events: list[object] = []
    outcomes = iter([None, OSError("fire"), None, KeyboardInterrupt()])

    def step() -> None:
        events.append("step")
        if (error := next(outcomes)) is not None:
            raise error

    monkeypatch.setattr(gevent, "sleep", events.append)
    with pytest.raises(KeyboardInterrupt):
        group_module._forever(step)
    assert events == ["step", "step", 1, "step", "step"]


def test_stop_does_not_wait_for_ever(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that does not close its connection costs CLOSE_S, and its descriptor is freed, too."""
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        assert seconds > 0
        slept.append(seconds)
        world.time += seconds

    sock = Socket()
    world.connect(sock)
    with monkeypatch.context() as patch:
        patch.setattr(gevent, "sleep", sleep)
        world.group.stop()
    assert sum(slept) == pytest.approx(LIMITS.close_s, abs=0.1)
    assert sock.control() == [(CLOSE, b"\x03\xe9")]
    assert sock.closed
    assert not world.group.clients


def test_stop_closes_everybody_and_frees_the_descriptors() -> None:
    """stop() sends 1001, waits for clients that answer, and does not wait for the others."""
    group = Group(lambda _seq, _size: [], lambda _seq: b"", limits=LIMITS)
    group.start()
    pairs = [socket.socketpair() for _ in range(3)]
    for ours, _ in pairs:
        group.add(Client(ours, 0))
    stopping = gevent.spawn(group.stop)
    gevent.sleep(0.01)
    for _, theirs in pairs:
        assert theirs.recv(100) == frame(CLOSE, b"\x03\xe9")
        theirs.close()
    stopping.get(timeout=2)
    assert not group.clients
    assert all(ours.fileno() == -1 for ours, _ in pairs)
