"""Durable saves a second over 8 keep-alive connections, and the wait of another request meanwhile."""

from __future__ import annotations

import select
import socket
import statistics
import time
from itertools import islice
from typing import Any

from fanout import SAVERS
from load import PATIENCE_S, Saver, is_whole
from servers import PEERS, Tracker

PROBE_S = 0.01  # at least, between two requests of the probe
NO_DATABASE = str(PEERS / "no_database.py")


class Probe:
    """A client that requests `/healthz` at intervals; `times` are the milliseconds to each answer."""

    def __init__(self, server: Tracker) -> None:
        self.sock = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.times: list[float] = []
        self._request = f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode()
        self._received = b""
        self._sent = self._answered = 0.0

    @property
    def waits(self) -> bool:
        return bool(self._sent)

    def ask(self, now: float) -> None:
        """Send a request, unless one is waiting or was answered just now."""
        if not self.waits and now > self._answered + PROBE_S:
            self._sent = now
            self.sock.send(self._request)

    def readable(self) -> None:
        self._received += self.sock.recv(1 << 16)
        if is_whole(self._received):
            self._answered = time.perf_counter()
            self.times.append((self._answered - self._sent) * 1e3)
            self._received, self._sent = b"", 0.0


def run(server: Tracker, requests: Any, saves: int, probe: Probe) -> dict[str, float]:
    """Save as fast as answers come; return the saves and the CPU."""
    wanted = islice(requests, saves)
    savers = [Saver(server.port, wanted) for _ in range(SAVERS)]
    readable = {saver.sock.fileno(): saver.readable for saver in savers}
    readable[probe.sock.fileno()] = probe.readable
    epoll = select.epoll()
    for fd in readable:
        epoll.register(fd, select.EPOLLIN)
    cpu, start, own = server.cpu(), time.perf_counter(), time.process_time()
    for saver in savers:
        saver.send()
    while sum(len(saver.answers) for saver in savers) < saves:
        probe.ask(time.perf_counter())
        for fd, _ in epoll.poll(PROBE_S):
            readable[fd]()
    wall = time.perf_counter() - start
    while probe.waits:
        for fd, _ in epoll.poll(PROBE_S):
            readable[fd]()
    for saver in savers:
        saver.sock.close()
    epoll.close()
    return {
        "saves": saves / wall,
        "cpu_us": (server.cpu() - cpu) / saves * 1e6,
        "load_share": (time.process_time() - own) / wall,
    }


def saves(*, toy: bool) -> dict[str, Any]:
    """Measure our server and the same handler without a database, in turn."""
    number, rounds = (40, 2) if toy else (1000, 7)
    with Tracker() as durable, Tracker(NO_DATABASE) as forgetful:
        servers = {"durable": durable, "no database": forgetful}
        requests = {name: server.saves() for name, server in servers.items()}
        probes = {name: Probe(server) for name, server in servers.items()}
        rows: dict[str, list[dict[str, float]]] = {name: [] for name in servers}
        for name, server in servers.items():
            run(server, requests[name], SAVERS * 2, probes[name])
            probes[name].times.clear()
        for _ in range(rounds):
            for name, server in servers.items():
                rows[name].append(run(server, requests[name], number, probes[name]))
        for probe in probes.values():
            probe.sock.close()
    found: dict[str, Any] = {"rows": {}}
    for name, measured in rows.items():
        stalls = sorted(probes[name].times)
        found["rows"][name] = {
            **{key: statistics.median(row[key] for row in measured) for key in measured[0]},
            "stall_p50_ms": stalls[len(stalls) // 2],
            "stall_p99_ms": stalls[int(len(stalls) * 0.99)],
            "stall_worst_ms": stalls[-1],
        }
    pairs = zip(rows["durable"], rows["no database"], strict=True)
    found["durable_to_no_database"] = statistics.median(a["saves"] / b["saves"] for a, b in pairs)
    return found
