"""The whole path: a form is sent, stored durably, matched against 10,000 areas, and alerts 200 clients."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from itertools import count, islice
from pathlib import Path
from typing import Any

import matching
from fanout import Relay
from load import Account, Saver, Sockets, Stuck
from postgis import PostGis, binaries, versions
from servers import FLOOR, PEERS, ROOT, SERVER_CORES, Server, Tracker, free_port, is_installed, version_of

SAVERS = 8
MARK = b'"areas_of_interest"'  # once in each alert of both servers
PLACE = [13.3777041, 52.5162746]
FORM = "/tracker/incident/create/"


class Reference:
    """Django 5, Channels 4 on Daphne and PostGIS, as far as its use differs from Tracker's."""

    def __init__(self, postgis: PostGis, collection: str, *, redis: bool) -> None:
        port, broker = free_port(), free_port()
        script = f"{sys.executable} {PEERS / 'django_postgis.py'} {port} {postgis.folder}"
        start = f"redis-server --port {broker} --bind 127.0.0.1 --save '' >/dev/null & sleep 0.5;"
        command = f"{start} exec {script} {broker}" if redis else f"exec {script}"
        self.server = Server(["sh", "-c", command], port=port, env={"AREAS": collection})
        self.account = Account(port, "admin", "admin")
        self.account.get(FORM)

    def connect(self, clients: int) -> Sockets:
        return Sockets(self.server.port, clients, "/notifications", self.account.cookie())


class Ours:
    def __init__(self, collection: str) -> None:
        self.server = Tracker()
        database = str(Path(self.server.folder.name, "tracker.db"))
        command = [sys.executable, str(ROOT / "tracker.py"), "--database", database, "import", collection]
        subprocess.run(command, check=True, capture_output=True, env=dict(os.environ))
        self.account = self.server.account

    def connect(self, clients: int) -> Sockets:
        return self.server.connect(clients)


class Bare:
    """The floor: it sends a message from one socket to all clients, and does nothing else."""

    def __init__(self, clients: int) -> None:
        self._relay = Relay(FLOOR, clients)
        self._relay.sockets.awake = True
        self.last_ms: list[float] = []

    def one(self) -> None:
        self.last_ms.append(self._relay.one()["last_ms"])

    def stop(self) -> None:
        self._relay.close()

    def result(self) -> dict[str, Any]:
        return {"last_ms": statistics.median(self.last_ms)}


class Run:
    """One of the servers with its clients and savers, and its measurements."""

    def __init__(self, stack: Reference | Ours, clients: int) -> None:
        self.server, self.account = stack.server, stack.account
        self.sockets = stack.connect(clients)
        self.requests = self._requests()
        self.last_ms: list[float] = []
        self.rates: list[float] = []
        self.lost = 0.0

    def _requests(self) -> Any:
        point = json.dumps({"type": "Point", "coordinates": PLACE})
        for number in count(1):
            yield self.account.form(
                FORM,
                name=f"Incident {number}",
                description="x" * 60,
                severity="HI",
                location_geojson=point,
            )

    def one(self) -> None:
        """Save once; note the milliseconds until the alert has reached the last client."""
        saver = Saver(self.server.port, islice(self.requests, 1))
        self.sockets.add(saver.sock, saver.readable)
        self.sockets.settle()
        self.sockets.awake = True
        start = time.perf_counter()
        saver.send()
        self.last_ms.append((self.sockets.wait(1, mark=MARK, patience=20) - start) * 1e3)
        self._leave(saver)

    def many(self, saves: int) -> None:
        """Save over several connections without pause; record the saves a second.

        The time ends when the last client has all.
        """
        self.sockets.settle()
        self.sockets.awake = False
        requests = islice(self.requests, saves)
        savers = [Saver(self.server.port, requests) for _ in range(min(SAVERS, saves))]
        start = time.perf_counter()
        for saver in savers:
            self.sockets.add(saver.sock, saver.readable)
            saver.send()
        try:
            last = self.sockets.wait(saves, mark=MARK, patience=5 + saves)
        except Stuck:
            came = sum(received.count(MARK) for received in self.sockets.received)
            self.lost = max(self.lost, 1 - came / saves / len(self.sockets))
            answered = sum(len(saver.answers) for saver in savers)
            last = start + max(sum(saver.answers) for saver in savers)
            self.rates.append(answered / (last - start))
        else:
            self.rates.append(saves / (last - start))
        for saver in savers:
            self._leave(saver)

    def _leave(self, saver: Saver) -> None:
        self.sockets.remove(saver.sock)
        saver.sock.close()

    def stop(self) -> None:
        self.sockets.close()
        self.server.stop()

    def result(self) -> dict[str, Any]:
        return {
            "last_ms": statistics.median(self.last_ms),
            "saves": statistics.median(self.rates),
            "lost": self.lost,
        }


def whole(*, toy: bool) -> dict[str, Any]:
    """Measure ours and the reference in turn: the last of 200 clients, and durable saves a second.

    The memory pages of a process change its time by a tenth, so each server is started several times.
    """
    clients, polygons, rounds, starts = (20, 100, 2, 1) if toy else (200, 10_000, 6, 5)
    installed = binaries() and all(map(is_installed, ("django", "channels", "daphne", "psycopg")))
    if not toy and not installed:
        print("  left out: the reference (Django, Channels, Daphne or PostGIS is not installed)")
    redis = is_installed("redis-server")
    found: dict[str, list[Any]] = {}  # one for each start of Run or Bare
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        os.chmod(folder, 0o755)
        collection = Path(folder, "areas.geojson")
        collection.write_text(json.dumps(matching.collection(polygons, PLACE)))
        for _ in range(starts):
            with ExitStack() as stack:
                runs: dict[str, Run | Bare] = {"tracker": Run(Ours(str(collection)), clients)}
                stack.callback(runs["tracker"].stop)
                if installed and not toy:
                    postgis = stack.enter_context(PostGis(SERVER_CORES))  # with Daphne
                    runs["reference"] = Run(Reference(postgis, str(collection), redis=redis), clients)
                    stack.callback(runs["reference"].stop)
                runs["floor"] = Bare(clients)
                stack.callback(runs["floor"].stop)
                _measure(runs, rounds, 40 if toy else 400)
            for name, run in runs.items():
                found.setdefault(name, []).append(run)
    rows = {name: _medians([run.result() for run in several]) for name, several in found.items()}
    results: dict[str, Any] = {"clients": clients, "areas": polygons, "rows": rows}
    if "reference" in rows:
        names = ("Django", "channels", "daphne", "psycopg")
        named = [f"{name} {version_of(name)}" for name in names]
        pairs = list(zip(found["reference"], found["tracker"], strict=True))
        sooner = [_median_ratio(theirs.last_ms, ours.last_ms) for theirs, ours in pairs]
        results |= {
            "version": ", ".join([*named, versions()]),
            "layer": f"Redis {version_of('Redis')}" if redis else "memory",
            "last_times_sooner": statistics.median(sooner),
            "starts": sorted(sooner),
            "saves_times": statistics.median(
                _median_ratio(ours.rates, theirs.rates) for theirs, ours in pairs
            ),
        }
    return results


def _median_ratio(some: list[float], others: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(some, others, strict=True))


def _medians(results: list[dict[str, float]]) -> dict[str, float]:
    found = {key: statistics.median(result[key] for result in results) for key in results[0]}
    if "lost" in found:
        found["lost"] = max(result["lost"] for result in results)
    return found


def _measure(runs: dict[str, Run | Bare], rounds: int, saves: int) -> None:
    for _ in range(rounds):
        for run in runs.values():
            run.one()  # not counted, because the other server has filled the CPU's caches
            run.last_ms.pop()
            run.one()
    for is_warm_up in (True, False):
        for name, run in runs.items():
            if isinstance(run, Run):
                run.many(saves if name == "tracker" else saves // 10)
                if is_warm_up:
                    run.rates.clear()
