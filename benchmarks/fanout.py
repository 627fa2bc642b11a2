"""One message, and many, to all clients: our server with a whole save, other servers as mere relays."""

from __future__ import annotations

import random
import resource
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count, islice
from typing import Any

from load import MARK, Saver, Sockets, Stuck, notification
from servers import (
    BUN,
    CORE,
    FLOOR,
    JOINED,
    OTHERS,
    RELAYS,
    WEBSOCKETS,
    WEBSOCKETS_UVLOOP,
    Peer,
    Server,
    Tracker,
)

OWN = "tracker"
FLOOD = 500  # messages, over SAVERS connections without pause
SINGLY = 100  # fewer for servers that send each on its own, at a rate that does not depend on their number
SLOW_FLOOD = 10  # for servers that would need minutes
SLOW_ROUNDS = 5  # floods, and slow floods
SAVERS = 8
FEW = 20  # clients
SPARE_FILES = 500  # open sockets of the load beside its clients
REST_S = 0.02  # after the last client has it: the server's work until then belongs to the message

Row = dict[str, float]


class Contestant:
    """A server with its connected clients, and a way to send them a message."""

    name: str
    label: str
    version = ""
    slow = False
    many = FLOOD  # messages in a flood
    gapless = False  # whether its messages have a number

    def __init__(self, server: Server, sockets: Sockets) -> None:
        self.server = server
        self.sockets = sockets
        self.numbers = count(1)
        self.idle_kb = 0.0  # memory of the server for each new client

    def settle(self) -> None:
        try:
            self.sockets.settle()
        except Stuck as error:
            raise Stuck(f"{self.name}: {error}") from error

    def one(self) -> Row:
        """Send one message; return the CPU per client and the time until the last client has it."""
        self.settle()
        cpu, start = self.server.cpu(), time.perf_counter()
        self.publish()
        last = self.sockets.wait(1)
        time.sleep(REST_S)
        clients = len(self.sockets)
        return {
            "cpu_us": (self.server.cpu() - cpu) / clients * 1e6,
            "last_ms": (last - start) * 1e3,
            "load_us": self.sockets.cpu() / clients * 1e6,
        }

    def check(self, messages: int) -> Row:
        """Send many messages over several connections; return whether all clients got all in one order."""
        self.settle()
        self.publish_many(messages)
        try:
            self.sockets.wait(messages)
        except Stuck:
            came = sum(received.count(MARK) for received in self.sockets.received)
            return {"lost": 1 - came / messages / len(self.sockets), "agree": 0.0}
        return {"lost": 0.0, "agree": float(self.sockets.agree(gapless=self.gapless))}

    def flood(self, messages: int) -> Row:
        """Send many messages over several connections; return the deliveries a second."""
        self.settle()
        cpu, start = self.server.cpu(), time.perf_counter()
        self.publish_many(messages)
        last = self.sockets.wait_bytes(messages)
        deliveries = messages * len(self.sockets)
        return {
            "deliveries": deliveries / (last - start),
            "flood_cpu_us": (self.server.cpu() - cpu) / deliveries * 1e6,
            "load_share": self.sockets.cpu() / (last - start),
        }

    def publish(self) -> None:
        raise NotImplementedError

    def publish_many(self, messages: int) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self.sockets.close()
        self.server.stop()


class Relay(Contestant):
    """Another server, which sends a publisher's bytes to all clients and stores nothing."""

    def __init__(self, peer: Peer, clients: int) -> None:
        server = peer.start()
        if peer not in (FLOOR, JOINED):  # these servers do not notice closed clients
            peer.connect(server, FEW).close()  # modules that the first use loads do not count
        before = server.memory()
        super().__init__(server, peer.connect(server, clients))
        self.idle_kb = (server.memory() - before) / clients / 1024
        self.name, self.label, self.slow, self.peer = peer.name, peer.label, peer.slow, peer
        self.version = peer.version()
        self.many = SLOW_FLOOD if peer.slow else FLOOD if peer.joins else SINGLY
        self.publishers = [peer.publisher(server) for _ in range(SAVERS)]

    def publish(self) -> None:
        self.publishers[0].sendall(self.peer.wrap(notification(next(self.numbers))))

    def publish_many(self, messages: int) -> None:
        frames = [self.peer.wrap(notification(number)) for number in islice(self.numbers, messages)]
        for place, publisher in enumerate(self.publishers):
            publisher.sendall(b"".join(frames[place::SAVERS]))


class Own(Contestant):
    """Our server: it checks, stores, logs and matches an incident, then sends it to all clients."""

    name, label = OWN, "**Tracker**, with the save and its commit"
    gapless = True

    def __init__(self, clients: int, headers: str = "") -> None:
        server = Tracker()
        server.connect(FEW).close()  # see Relay
        before = server.memory()
        super().__init__(server, server.connect(clients, headers))
        self.idle_kb = (server.memory() - before) / clients / 1024
        self._waiting: list[bytes] = []
        self.savers: list[Saver] = []
        self._save = server.save

    def settle(self) -> None:
        """Settle, with fresh connections for the savers: the server ends those that were long idle."""
        self._drop_savers()
        self.savers = [Saver(self.server.port, self._take()) for _ in range(SAVERS)]
        for saver in self.savers:
            self.sockets.add(saver.sock, saver.readable)
        super().settle()

    def close(self) -> None:
        self._drop_savers()
        super().close()

    def _drop_savers(self) -> None:
        for saver in self.savers:
            self.sockets.remove(saver.sock)
            saver.sock.close()
        self.savers = []

    def _take(self) -> Iterator[bytes]:
        while True:
            yield self._waiting.pop() if self._waiting else b""

    def publish(self) -> None:
        self._waiting = [self._save(next(self.numbers))]
        self.savers[0].send()

    def publish_many(self, messages: int) -> None:
        self._waiting = [self._save(number) for number in islice(self.numbers, messages)]
        for saver in self.savers:
            saver.send()


def present(peers: list[Peer]) -> list[Peer]:
    """Return the servers that are installed, and print the others."""
    for peer in peers:
        if missing := peer.missing():
            print(f"  left out: {peer.name} ({missing.rpartition('/')[2]} is not installed)")
    return [peer for peer in peers if not peer.missing()]


def ratio(rows: dict[str, list[Row]], name: str, other: str, key: str) -> float:
    """Return the median over the rounds of the ratio between two contestants."""
    return statistics.median(a[key] / b[key] for a, b in zip(rows[name], rows[other], strict=True))


def medians(rows: list[Row]) -> Row:
    return {key: statistics.median(row[key] for row in rows if key in row) for key in rows[-1]}


def one_message(contestants: list[Contestant], rounds: int) -> dict[str, list[Row]]:
    """Let all servers send one message in turn, `rounds` times; the first round, a warm-up, is dropped.

    Each turn begins with a message that is not counted, because the server before has filled the CPU's
    caches. A server with a machine of its own does not have this problem.
    """
    rows: dict[str, list[Row]] = defaultdict(list)
    for number in range(rounds + 1):
        for contestant in contestants:
            if contestant.slow and number > SLOW_ROUNDS:
                continue
            contestant.one()
            row = contestant.one()
            if number:
                rows[contestant.name].append(row)
    return rows


def many_messages(contestants: list[Contestant], floods: int, messages: int) -> dict[str, list[Row]]:
    """Let all servers send many messages in turn, `floods` times, after a check that all clients get all.

    A server that loses messages takes part in the check only.
    """
    checked = {
        contestant.name: contestant.check(min(messages, contestant.many)) for contestant in contestants
    }
    rows: dict[str, list[Row]] = {name: [] for name in checked}
    for number in range(floods):
        for contestant in contestants:
            if not checked[contestant.name]["lost"] and not (contestant.slow and number >= SLOW_ROUNDS):
                row = contestant.flood(min(messages, contestant.many))
                rows[contestant.name].append(row | checked[contestant.name])
    return {name: found or [checked[name]] for name, found in rows.items()}


def table(
    contestants: list[Contestant], rows: dict[str, list[Row]], flooded: dict[str, list[Row]] | None = None
) -> dict[str, Any]:
    return {
        contestant.name: {
            "label": contestant.label,
            "version": contestant.version,
            "idle_kb": contestant.idle_kb,
            **medians(rows[contestant.name]),
            **(medians(flooded[contestant.name]) if flooded else {}),
        }
        for contestant in contestants
    }


def close(contestants: list[Contestant]) -> None:
    for contestant in contestants:
        contestant.close()


def fanout(*, toy: bool) -> dict[str, Any]:
    """Measure one message to 1,000 clients, then 500 without pause, through every installed server."""
    clients, rounds, floods, messages = (40, 2, 1, 40) if toy else (1000, 9, 9, FLOOD)
    peers = present([FLOOR, WEBSOCKETS] if toy else [FLOOR, JOINED, *RELAYS])
    others = present([] if toy else OTHERS)
    contestants: list[Contestant] = []
    try:
        contestants += [Relay(peer, clients) for peer in peers]
        # next to the servers that it is compared with, because the machine's speed changes
        contestants.append(Own(clients))
        contestants += [Relay(peer, clients) for peer in others]
        flooded = many_messages(contestants, floods, messages)  # first, because it warms up the compilers
        rows = one_message(contestants, rounds)
    finally:
        close(contestants)
    results = table(contestants, rows, flooded)
    found = {"clients": clients, "rows": results, "cpu_to_floor": ratio(rows, OWN, "floor", "cpu_us")}
    if websockets := [peer.name for peer in peers if peer in (WEBSOCKETS, WEBSOCKETS_UVLOOP)]:
        found["last_to_websockets"] = max(ratio(rows, OWN, name, "last_ms") for name in websockets)
    python = [peer.name for peer in peers + others if peer.python]
    if python:
        best = max(python, key=lambda name: results[name].get("deliveries", 0))
        found |= {"best_python": best, "flood_to_best_python": ratio(flooded, OWN, best, "deliveries")}
    return found


def many(*, toy: bool) -> dict[str, Any]:
    """Measure one message to 4,000 clients: the floor, ours, and two Python servers at a time.

    The number of open files is limited. The memory pages of a process change its time by a tenth. So the
    deciding servers are started several times: ours, the floor, and the closest other one.
    """
    clients, rounds, starts = (80, 2, 1) if toy else (4000, 9, 7)
    peers = present([WEBSOCKETS] if toy else RELAYS)
    if not peers:
        raise RuntimeError("no Python peer is installed: pip install -r benchmarks/requirements.txt")
    results: dict[str, Any] = {}
    lasts: dict[str, float] = {}
    for heat in [peers[start : start + 2] for start in range(0, len(peers), 2)]:
        table_, rows = _heat(heat, clients, rounds)
        results = table_ | results
        lasts |= {peer.name: ratio(rows, OWN, peer.name, "last_ms") for peer in heat}
    closest = max(peers, key=lambda peer: lasts[peer.name])
    repeated = [_heat([closest], clients, rounds)[1] for _ in range(starts)]
    to_closest = [ratio(rows, OWN, closest.name, "last_ms") for rows in repeated]
    lasts[closest.name] = statistics.median(to_closest)
    return {
        "clients": clients,
        "rows": results | _medians_of(repeated, results),
        "cpu_to_floor": statistics.median(ratio(rows, OWN, "floor", "cpu_us") for rows in repeated),
        "last_to_fastest_python": max(lasts.values()),
        "closest": closest.name,
        "starts": sorted(to_closest),
    }


def _heat(peers: list[Peer], clients: int, rounds: int) -> tuple[dict[str, Any], dict[str, list[Row]]]:
    """Start the floor, these servers and ours, in any order, and let each send one message in turn."""
    starting: list[Callable[[], Contestant]] = [partial(Relay, peer, clients) for peer in [FLOOR, *peers]]
    starting.append(partial(Own, clients))
    random.shuffle(starting)
    contestants: list[Contestant] = []
    try:
        contestants.extend(start() for start in starting)
        rows = one_message(contestants, rounds)
    finally:
        close(contestants)
    return table(contestants, rows), rows


def _medians_of(repeated: list[dict[str, list[Row]]], results: dict[str, Any]) -> dict[str, Any]:
    """Return rows of the table for servers that were started more than once: the medians."""
    names = repeated[0]
    return {name: results[name] | medians([medians(rows[name]) for rows in repeated]) for name in names}


def core(*, toy: bool) -> dict[str, Any]:
    """Measure the fan-out alone, with entries given to the group, beside the joined floor and others."""
    clients, rounds, floods, messages = (40, 2, 1, 40) if toy else (1000, 9, 9, FLOOD)
    peers = present([CORE, FLOOR, JOINED] if toy else [CORE, FLOOR, JOINED, BUN, WEBSOCKETS])
    contestants: list[Contestant] = []
    try:
        contestants += [Relay(peer, clients) for peer in peers]
        flooded = many_messages(contestants, floods, messages)
        rows = one_message(contestants, rounds)
    finally:
        close(contestants)
    found = {
        "clients": clients,
        "rows": table(contestants, rows, flooded),
        "cpu_to_floor": ratio(rows, "core", "floor", "cpu_us"),
        "flood_to_joined": ratio(flooded, "core", "joined", "deliveries"),
    }
    if "bun" in flooded:
        found["flood_to_bun"] = ratio(flooded, "core", "bun", "deliveries")
    return found


def linear(*, toy: bool) -> dict[str, Any]:
    """Measure the CPU of the group per client and message with 500, 2,000 and 8,000 clients, in turn."""
    sizes, rounds = ([20, 60], 2) if toy else ([500, 2000, 8000], 11)
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    possible = limit - sum(sizes[:-1]) - SPARE_FILES
    limited = {"limit": limit} if possible < sizes[-1] else {}
    sizes[-1] = min(sizes[-1], possible)
    contestants: list[Contestant] = []
    try:
        for size in sizes:
            contestants.append(Relay(CORE, size))
            contestants[-1].name = str(size)
        rows = one_message(contestants, rounds)
    finally:
        close(contestants)
    smallest, largest = str(sizes[0]), str(sizes[-1])
    return {
        **limited,
        "rows": {size: medians(found) for size, found in rows.items()},
        "largest_to_smallest": ratio(rows, largest, smallest, "cpu_us"),
    }
