"""Numbers that the group counts: of bytes, frames, clients and delays."""

import pytest
from fakes import CLOSE, TEXT, Socket, World

from realtime import group as group_module
from realtime.counts import Counts
from realtime.limits import Limits
from realtime.polling import Request
from realtime.replay_buffer import frame
from storage.engine import database

LIMITS = Limits(buffer_bytes=600, chunk_bytes=150, slice_clients=2)


@pytest.fixture
def world() -> World:
    return World(LIMITS)


def commit(world: World, *sizes: int) -> None:
    for size in sizes or (10,):
        world.save(size)
        world.group.committed()


def delays(world: World) -> int:
    return sum(world.group.counts.delay.counts)


def test_bytes_and_frames_are_those_that_sockets_took(world: World) -> None:
    """Live, slow and replaying clients count alike, and a frame that two calls send counts once."""
    world.save(*[100] * 10)
    world.group.pull()
    live, slow, behind = Socket(), Socket(room=60), Socket()
    for sock, since in ((live, None), (slow, None), (behind, 0)):
        world.connect(sock, since)
    world.save(100, 50, 50)
    world.settle(live, behind)
    slow.room = 150
    world.loop.fire(slow.number, 2)
    world.settle(slow)
    poll = Socket()
    world.group.wait(Request(poll, 10, None, b"{}"), 25)
    world.settle()
    socks = (live, slow, behind, poll)
    assert world.group.counts.bytes == sum(len(sock.taken) for sock in socks)
    assert [len(sock.frames()) for sock in socks[:3]] == [4, 4, 14]
    assert world.group.counts.frames == 4 + 4 + 14 + 1, "the answer to a poll is one"


def test_part_of_a_frame_counts_when_it_begins() -> None:
    size = len(frame(TEXT, b"1," + b"x" * 100))
    for room, frames in ((size, 1), (size + 1, 2)):
        world, sock = World(LIMITS), Socket()
        world.connect(sock)
        before = world.group.counts.frames
        sock.room = room
        world.save(100, 100)
        world.settle()
        assert world.group.counts.frames - before == frames, room


def test_closed_clients_count_by_the_reason(world: World) -> None:
    """One that is gone, or is being closed already, does not count again."""
    clients = [world.connect(Socket()) for _ in range(3)]
    world.group.close(lambda _owner: True, 1013, "too slow")
    world.group.close(lambda _owner: True, 1001)
    world.group.discard(clients[0])
    world.group._close(clients[0], 1013, "too slow")
    assert world.group.counts.closed == {"too slow": 3}


def test_states_add_up_to_all_clients(world: World) -> None:
    world.save(*[100] * 10)
    world.group.pull()
    slow, closing = Socket(room=len(frame(CLOSE, b"10,hello"))), Socket()
    for sock, owner in ((Socket(), "live"), (Socket(), "live"), (slow, "slow"), (closing, "closing")):
        world.connect(sock, 0 if owner == "slow" else None, owner)
    world.group.wait(Request(Socket(), 10, None, b"{}"), 25)
    world.group.close(lambda owner: owner == "closing", 4401)
    assert world.group.states() == {"live": 2, "waiting": 1, "behind": 1, "closing": 1}


def test_delay_is_the_time_from_the_commit_to_the_last_live_client(world: World) -> None:
    class Costly(Socket):
        def send(self, data: bytes) -> int:
            world.time += 0.25
            return super().send(data)

    world.connect(Costly())
    commit(world)
    world.time += 0.5
    commit(world)
    world.settle()
    assert delays(world) == 2
    assert world.group.counts.delay.total == pytest.approx(0.75 + 0.25)
    commit(world)
    world.settle()
    assert world.group.counts.delay.total == pytest.approx(0.75 + 0.25 + 0.25), "each commit counts once"


def test_commit_that_nobody_waits_for_has_no_delay(world: World) -> None:
    """It does not count either when somebody comes later, or when another process has saved."""
    commit(world)
    world.settle()
    world.connect(Socket())
    world.save()
    world.settle()
    assert delays(world) == 0
    world.group.committed()  # its entry was read already
    world.group.broadcast()
    commit(world)
    world.settle()
    assert delays(world) == 1


def test_delay_of_a_piece_counts_when_all_is_sent(world: World) -> None:
    """The log is read a chunk at a time, and the commit may be of an entry in the next one."""
    world.connect(Socket())
    commit(world, 100, 100, 100)
    world.group.broadcast()
    assert delays(world) == 0
    world.settle()
    assert delays(world) == 3


def test_so_many_commits_are_timed_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their times are kept until a round has sent them, which may not come if the log can't be read."""
    monkeypatch.setattr(group_module, "MAX_TIMED", 3)
    world.connect(Socket())
    commit(world, *[1] * 5)
    assert len(world.group._commits) == 3
    world.settle()
    assert delays(world) == 3
    assert world.group._commits == []


def test_bounds_of_histograms_ascend() -> None:
    """A value is looked for among them by halves."""
    for histogram in (Counts().delay, database.flushes):
        assert [0, *histogram.bounds] == sorted({0, *histogram.bounds})
