"""Requests that wait in the group: each gets one whole answer, at the right time, and is then forgotten."""

import gevent
import pytest
from fakes import Log, Socket, World

from base.loop import PAUSE_S
from realtime.limits import Limits
from realtime.polling import Request
from realtime.replay_buffer import Entry

LIMITS = Limits(buffer_bytes=600, chunk_bytes=150, slice_clients=2)
HELLO = b'{"hello"}'


@pytest.fixture
def world() -> World:
    return World(LIMITS)


def wait(world: World, sock: Socket, since: int, seconds: float = 25, owner: object = None) -> Request:
    poll = Request(sock, since, owner, HELLO)
    world.group.wait(poll, seconds)
    return poll


def answer_of(sock: Socket) -> tuple[int, list[bytes]]:
    """Return the status and the lines of a whole answer; (0, []) if there is none yet."""
    if not sock.taken:
        return 0, []
    head, _, content = bytes(sock.taken).partition(b"\r\n\r\n")
    fields = dict(line.split(b": ") for line in head.splitlines()[1:])
    assert len(content) == int(fields[b"Content-Length"])
    assert fields[b"Connection"] == b"close"
    return int(head.split()[1]), content.splitlines()


def texts(log: Log, start: int, end: int) -> list[bytes]:
    return [text for _, text in log.entries[start:end]]


def test_poll_that_is_behind_is_answered_at_once(world: World) -> None:
    world.save(10, 10, 10)
    world.group.pull()
    world.settle()
    sock = Socket()
    wait(world, sock, 1)
    world.settle()
    assert answer_of(sock) == (200, [HELLO, *texts(world.log, 1, 3)])
    assert sock.shut
    assert not world.group.polls


def test_poll_at_the_head_waits_for_the_next_entry(world: World) -> None:
    """It wakes nobody by itself, and gets what is saved next."""
    sock = Socket()
    wait(world, sock, 0)
    assert not world.group._wake_event.is_set()
    world.settle()
    assert answer_of(sock) == (0, [])
    world.save(10, 10)
    world.settle()
    assert answer_of(sock) == (200, [HELLO, *texts(world.log, 0, 2)])


def test_polls_at_one_cursor_share_a_reading_of_the_log(world: World) -> None:
    """However many wait; and those at another cursor get what follows theirs."""
    world.save(10, 10)
    world.group.pull()
    world.settle()
    reads: list[int] = []
    world.log.before_read = lambda: reads.append(1)
    socks = [Socket() for _ in range(5)]
    for sock, since in zip(socks, (0, 0, 0, 1, 1), strict=True):
        wait(world, sock, since)
    world.settle()
    for sock, since in zip(socks, (0, 0, 0, 1, 1), strict=True):
        assert answer_of(sock) == (200, [HELLO, *texts(world.log, since, 2)])
    assert len(reads) == 3, "the entries that are new to all, and one reading for each cursor"


def test_poll_gets_a_heartbeat_when_its_time_is_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sock = Socket()
    world.save()
    world.group.pull()
    poll = wait(world, sock, 1, seconds=20)
    world.sweep(monkeypatch, 19)
    assert answer_of(sock) == (0, [])
    world.sweep(monkeypatch, 1)
    assert answer_of(sock) == (200, [HELLO, b"1,heartbeat"])
    world.group.answer(poll)
    assert len(answer_of(sock)[1]) == 2, "it is answered once"


def test_poll_whose_entries_are_gone_is_told_to_come_back(world: World) -> None:
    world.save(10, 10, 10)
    world.group.pull()
    world.log.start = 2
    sock = Socket()
    wait(world, sock, 0)
    world.settle()
    assert answer_of(sock) == (503, [])


def test_poll_is_answered_when_the_log_can_be_read_again(world: World) -> None:
    sock = Socket()
    wait(world, sock, 0)
    world.save()
    world.group.pull()

    def read(seq: int, size: int) -> list[Entry]:
        if seq == 0 and not failed:
            failed.append(seq)
            raise OSError("the disk is on fire")
        return world.log.read(seq, size)

    failed: list[int] = []
    world.group._read = read
    with pytest.raises(OSError, match="fire"):
        world.group.broadcast()
    world.settle()
    assert answer_of(sock) == (200, [HELLO, *texts(world.log, 0, 1)])


@pytest.mark.parametrize(("count", "pauses"), [(2, 0), (3, 1), (5, 2)])
def test_answers_pause_between_slices(
    world: World, monkeypatch: pytest.MonkeyPatch, count: int, pauses: int
) -> None:
    """One that leaves in a pause is not answered any more."""
    polls = [wait(world, Socket(), 0) for _ in range(count)]
    world.save()
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        world.group.discard(polls[-1])

    with monkeypatch.context() as patch:
        patch.setattr(gevent, "sleep", sleep)
        world.group.broadcast()
    assert slept == [PAUSE_S] * pauses
    answered = polls if not pauses else polls[:-1]
    assert [poll for poll in polls if answer_of(poll.sock)[0] == 200] == answered


def test_poll_that_reads_its_answer_slowly_has_the_time_of_a_slow_client(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a part is unsent; then its peer has CLOSE_S to close the connection."""
    sock = Socket(room=20)
    wait(world, sock, 0)
    world.save(100)
    world.settle()
    world.sweep(monkeypatch, LIMITS.max_lag_s)
    assert not sock.closed
    world.settle(sock)
    assert answer_of(sock) == (200, [HELLO, *texts(world.log, 0, 1)])
    world.sweep(monkeypatch, LIMITS.close_s)
    assert not sock.closed
    world.sweep(monkeypatch, 1)
    assert sock.closed
    assert not world.group.clients
    stuck = Socket(room=20)
    wait(world, stuck, 0)
    world.settle()
    world.sweep(monkeypatch, LIMITS.max_lag_s + 1)
    assert stuck.closed


@pytest.mark.parametrize(("code", "status"), [(1008, 429), (4401, 401), (1013, 503), (1001, 503)])
def test_poll_that_is_closed_is_told_by_the_status(world: World, code: int, status: int) -> None:
    sock, other = Socket(), Socket()
    wait(world, sock, 0, owner="one")
    wait(world, other, 0, owner="other")
    world.group.close(lambda owner: owner == "one", code)
    assert answer_of(sock) == (status, [])
    assert answer_of(other) == (0, [])
    assert len(world.group.polls) == 1


def test_what_a_poll_sends_is_not_looked_at(world: World) -> None:
    """It has sent its request. More is thrown away, and too much of it ends the connection."""
    sock = Socket()
    wait(world, sock, 0)
    sock.arrived += b"GET / HTTP/1.1\r\n\r\n"
    world.loop.fire(sock.number, 1)
    assert answer_of(sock) == (0, [])
    for _ in range(int(LIMITS.frames_at_once / LIMITS.read_cost)):
        sock.arrived += b"x"
        world.loop.fire(sock.number, 1)
    assert answer_of(sock) == (429, [])
