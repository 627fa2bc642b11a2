"""The request queue starts requests in order, and the loop polls the sockets between them."""

import os
import time
from collections import Counter

import gevent
from harness import PATIENCE_S

from base.loop import PAUSE_S
from server.connections import SLICE_S, RequestQueue


def spend(slices: float) -> None:
    end = time.monotonic() + slices * SLICE_S
    while time.monotonic() < end:
        pass


def test_loop_polls_the_sockets_between_ready_requests() -> None:
    """Each request takes two fifths of a slice, so at most three start between two polls, in order."""
    queue, looks, begun = RequestQueue(), [0], []
    r, w = os.pipe()  # always readable: its watcher is called at each look
    os.write(w, b"x")
    watcher = gevent.get_hub().loop.io(r, 1)

    def look() -> None:
        looks[0] += 1

    def request(number: int) -> None:
        queue.wait()
        begun.append((number, looks[0]))
        spend(0.4)

    watcher.start(look)
    requests = [gevent.spawn(request, number) for number in range(20)]
    requests[10].kill(block=False)
    gevent.joinall(requests, timeout=PATIENCE_S, raise_error=True)
    watcher.close()
    os.close(r)
    os.close(w)
    assert [number for number, _ in begun] == [*range(10), *range(11, 20)]
    assert max(Counter(after for _, after in begun).values()) <= 3


def test_nobody_is_overtaken_in_the_queue() -> None:
    """With thirty busy clients and one rare one, none starts more than twice before another."""
    queue, begun = RequestQueue(), Counter[object]()

    def ask(who: object, pause: float) -> None:
        for _ in range(10):
            queue.wait()
            begun[who] += 1
            busy = [begun[number] for number in range(30)]
            assert max(busy) - min(busy) <= 2
            spend(0.1)
            gevent.sleep(pause)

    asking = [gevent.spawn(ask, number, PAUSE_S) for number in range(30)]
    asking.append(gevent.spawn(ask, "modest", 0.002))
    gevent.joinall(asking, timeout=30, raise_error=True)
    assert all(greenlet.successful() for greenlet in asking)


def test_a_request_begins_with_every_poll() -> None:
    """Five requests arrive during a long answer and do not wait for its end."""
    queue, begun = RequestQueue(), []

    def stream() -> None:
        for piece in range(20):
            pieces.append(piece)
            spend(1.2)
            gevent.sleep(PAUSE_S)

    def request() -> None:
        queue.wait()
        begun.append(len(pieces))

    pieces: list[int] = []
    streaming = gevent.spawn(stream)
    gevent.sleep(0)
    requests = [gevent.spawn(request) for _ in range(5)]
    gevent.joinall([streaming, *requests], timeout=PATIENCE_S, raise_error=True)
    assert len(begun) == 5
    assert begun[-1] <= 10


def test_clients_take_turns_with_each_other() -> None:
    """A client that sends 100 requests at once delays another client by one request, not by 100."""
    queue, begun = RequestQueue(), []

    def request(client: str) -> None:
        queue.wait(client)
        begun.append(client)
        spend(0.4)

    flood = [gevent.spawn(request, "flood") for _ in range(100)]
    flood[50].kill(block=False)
    gevent.sleep(5 * SLICE_S)  # until all wait in the queue
    before = len(begun)
    assert before < 50
    others = [gevent.spawn(request, "other") for _ in range(2)]
    gevent.joinall(others, timeout=PATIENCE_S, raise_error=True)
    assert len(begun) - before <= 10  # with those of the slice under way
    gevent.joinall(flood, timeout=PATIENCE_S, raise_error=True)
    assert len(begun) == 101


def test_clients_that_wait_no_more_are_forgotten() -> None:
    """Served clients, and those whose greenlet was killed, leave the queue."""
    queue = RequestQueue()

    def request(number: int) -> None:
        queue.wait(f"client {number}")
        spend(2)

    requests = [gevent.spawn(request, number) for number in range(6)]
    gevent.sleep(0)
    assert queue._waiting
    requests[-1].kill(block=False)
    gevent.joinall(requests, timeout=10, raise_error=True)
    assert not queue._waiting
