"""Run a server under mixed load for long, and compare its state at the end with that at the start.

    python benchmarks/soak.py [MINUTES]     # 30 without a number

Beside clients that stay connected, people save, load pages, sign in, import, back up and prune. Other clients
return, stall and die. The exit status is 1 if a client missed an entry or got one twice.
It is also 1 if memory, descriptors, greenlets or the time of a save have grown. Everything runs on 127.0.0.1.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import signal
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("TRACKER_TESTS_PATIENCE", "5")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

import httpx
from harness import Person, Server, incident, run_tracker, square, wait_until
from peers import Peer, Sockets, descriptors, resident_bytes

KEPT = 4_000  # newest entries of the log that no prune of this run deletes
OLD = "2020-01-01T00:00:00.000000Z"
STEADY = 50  # clients that stay
FIRST = 6_000  # incidents at the start
FILLS = "x" * 900  # their description: their entries fill the replay buffer of 8 MiB, which then stays so
SAVE_EVERY_S = 0.1
SAMPLES = 5  # at the start, and at the end
GROWTH = 1.05  # wanted: at most, of memory, descriptors and greenlets
MORE = 5  # greenlets that may be there besides, because they depend on the requests of the moment
GREENLETS = "greenlets.txt"  # into which the server writes their number
SLOWER = 1.5  # wanted: at most, of the median time of a save
LONG_S = 600  # shorter runs only print the time of a save, because it depends on the machine's other work
WARM_S = 10  # of all kinds of load before the first sample


@dataclass
class Load:
    """The load, with a thread for each kind. An exception in one of them is kept, and fails the run."""

    server: Server
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    stopped: threading.Event = field(default_factory=threading.Event)
    failures: list[str] = field(default_factory=list)
    save_times: list[float] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def start(self, name: str, every_s: float, step: Callable[[], Any]) -> threading.Thread:
        thread = threading.Thread(target=self._repeat, args=(name, every_s, step), daemon=True)
        thread.start()
        return thread

    def _repeat(self, name: str, every_s: float, step: Callable[[], Any]) -> None:
        while not self.stopped.wait(every_s):
            try:
                step()
            except (AssertionError, OSError, httpx.HTTPError) as error:
                self.failures.append(f"{name}: {error!r}")
                return
            self.counts[name] = self.counts.get(name, 0) + 1

    def saver(self, person: Person) -> Callable[[], None]:
        """Return a step that saves an incident, and deletes an older one: their number stays."""
        made: list[dict[str, Any]] = []

        def step() -> None:
            severity = self.chance.choice(["Low", "High"])
            longitude = self.chance.uniform(0, 20)
            before = time.monotonic()
            made.append(person.save_incident("Soak", longitude, 5, severity=severity))
            self.save_times.append(time.monotonic() - before)
            if len(made) > 20:
                person.delete(made.pop(0))

        return step

    def page_loader(self, person: Person) -> Callable[[], None]:
        def step() -> None:
            for path in ("/", "/tracker/incident/feature_collection/", "/tracker/incident/"):
                assert person.http.get(path).status_code == 200

        return step

    def signer(self) -> Callable[[], None]:
        def step() -> None:
            person = self.server.person()
            person.http.post("/accounts/logout/", data={"csrf_token": person.csrf_token()})
            person.http.close()

        return step

    def returner(self, person: Person) -> Callable[[], None]:
        """Return a step in which a client comes back with its cursor, and must be sent all that followed."""
        place = person.collection()
        cursor = {name: place[name] for name in ("seq", "epoch", "mark")}

        def step() -> None:
            query = f"?since={cursor['seq']}&epoch={cursor['epoch']}&mark={cursor['mark']}"
            with Sockets() as sockets:
                peer = sockets.add(Peer(person, query))
                sockets.listen_until(lambda: bool(peer.hello), 30, "hello")
                hello = json.loads(peer.hello)
                assert hello["recovered"], hello
                head = hello["seq"]
                done = lambda: head == cursor["seq"] or peer.seqs[-1:] >= [head]  # noqa: E731
                sockets.listen_until(done, 30, "what was missed")
                assert peer.seqs == list(range(cursor["seq"] + 1, cursor["seq"] + 1 + len(peer.seqs)))
                cursor.update(seq=head, mark=hello["mark"])

        return step

    def staller(self, person: Person) -> Callable[[], None]:
        """Return a step that adds a client which never reads, and ends the one before without a close."""
        held: list[Peer] = []

        def step() -> None:
            held.append(Peer(person, receive_buffer=4096))
            if len(held) > 5:
                held.pop(0).sock.close()

        return step

    def prune(self) -> Callable[[], None]:
        """Return a step that lets the oldest entries of the log be old, and prunes them."""
        command = self.command("prune", "--yes", TRACKER_KEEP_DAYS="1")

        def step() -> None:
            last = self.server.health()["seq"] - KEPT
            with closing(sqlite3.connect(self.server.database, timeout=30)) as database, database:
                database.execute("UPDATE notification SET created = ? WHERE seq <= ?", (OLD, last))
            command()

        return step

    def command(self, *arguments: str | Path, **variables: str) -> Callable[[], None]:
        def step() -> None:
            env = {"TRACKER_DATABASE": str(self.server.database), **variables}
            done = run_tracker(self.server.folder, *arguments, env=env)
            assert done.returncode == 0, done

        return step

    def backup(self) -> Callable[[], None]:
        """Return a step that makes a backup and removes it."""
        file = self.server.folder / "soak-backup.db"
        copy = self.command("backup", file)

        def step() -> None:
            copy()
            file.unlink()

        return step


def collection(count: int, chance: random.Random) -> dict[str, Any]:
    """Return a FeatureCollection to import."""
    features = [
        incident(f"First {n}", chance.uniform(-60, 60), chance.uniform(-60, 60), description=FILLS)
        for n in range(count)
    ]
    return {"type": "FeatureCollection", "features": features}


def greenlets(server: Server) -> int:
    """Return how many greenlets the server has that it did not have at its start."""
    path = server.folder / GREENLETS
    path.unlink(missing_ok=True)
    os.kill(server.process.pid, signal.SIGUSR1)
    wait_until(path.exists, what="the number of greenlets")
    return int(path.read_text())


def sample(load: Load, seconds: float) -> dict[str, float]:
    """Return the medians of memory (bytes), descriptors, greenlets, and the time of a save (s).

    The load runs meanwhile.
    """
    pid = load.server.process.pid
    taken: dict[str, list[float]] = {"memory": [], "descriptors": [], "greenlets": []}
    load.save_times.clear()
    for _ in range(SAMPLES):
        load.stopped.wait(seconds / SAMPLES)
        taken["memory"].append(resident_bytes(pid))
        taken["descriptors"].append(descriptors(pid))
        taken["greenlets"].append(greenlets(load.server))
    found = {name: statistics.median(values) for name, values in taken.items()}
    return found | {"save": statistics.median(load.save_times)}


def report(before: dict[str, float], after: dict[str, float], seconds: float) -> list[str]:
    """Print the comparison and return what has grown too much."""
    steady = dict.fromkeys(("memory", "descriptors", "greenlets"), GROWTH)
    wanted = {**steady, "save": SLOWER if seconds >= LONG_S else math.inf}
    print(f"{'':12} {'start':>12} {'end':>12} {'end/start':>10} {'wanted':>8}")
    for name, most in wanted.items():
        ratio = after[name] / before[name]
        line = f"{name:12} {before[name]:12.6g} {after[name]:12.6g} {ratio:10.3f} {'≤ ' + str(most):>8}"
        print(line, flush=True)
    more = {"greenlets": MORE}
    return [name for name, most in wanted.items() if after[name] > most * before[name] + more.get(name, 0)]


def run(minutes: float) -> int:
    with tempfile.TemporaryDirectory() as folder:
        program = [Path(__file__).with_name("counted.py")]
        env = {"TRACKER_TESTS_GREENLETS": str(Path(folder, GREENLETS))}
        server = Server(Path(folder), program=program, env=env)
        try:
            return soak(server, minutes * 60)
        finally:
            server.stop()


def soak(server: Server, seconds: float) -> int:
    """Put the load on the server for so long. Return the exit status."""
    load = Load(server)
    chance = load.chance
    done = server.import_geojson(collection(FIRST, chance))
    assert done.returncode == 0, done
    small = server.folder / "small.geojson"
    small.write_text(json.dumps(collection(20, chance)))
    people = [server.person() for _ in range(5)]
    for west in (0, 5, 10):
        people[0].save_area(f"From {west}", square(west, 0, 10), severity="Medium")
    first = server.health()["seq"]
    with Sockets() as steady:
        for _ in range(STEADY):
            steady.add(Peer(people[0]))
        reading = load.start("listen", 0, lambda: steady.listen(0.2))
        threads = [
            load.start("save", SAVE_EVERY_S, load.saver(people[1])),
            load.start("page loads", 1, load.page_loader(people[2])),
            load.start("sign-ins", 10, load.signer()),
            load.start("returns", 0.5, load.returner(people[3])),
            load.start("stalled", 1, load.staller(people[4])),
            load.start("imports", 10, load.command("import", small)),
            load.start("backups", 10, load.backup()),
            load.start("prunes", 10, load.prune()),
        ]
        load.stopped.wait(min(WARM_S, seconds / 4))
        share = (seconds - min(WARM_S, seconds / 4)) / 4
        before = sample(load, share)
        load.stopped.wait(2 * share)
        after = sample(load, share)
        load.stopped.set()
        for thread in (*threads, reading):
            thread.join(60)
        head = server.health()["seq"]
        steady.listen_until(lambda: all(p.seqs[-1:] == [head] for p in steady.peers), 60, "the last entries")
        missed = [peer for peer in steady.peers if peer.seqs != list(range(first + 1, head + 1))]
    print(f"{head - first} entries to {STEADY} clients; {load.counts}")
    problems = (
        report(before, after, seconds)
        + load.failures
        + [f"{len(missed)} clients differ from the log"] * bool(missed)
    )
    for problem in problems:
        print(f"soak: {problem}", file=sys.stderr)
    return 1 if problems else 0


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("minutes", nargs="?", type=float, default=30)
    return run(parser.parse_args().minutes)


if __name__ == "__main__":
    sys.exit(main())
