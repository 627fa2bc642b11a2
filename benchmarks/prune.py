"""How long saves wait while the log is pruned: one save after the other, with and without pruning.

Run it alone: `python benchmarks/prune.py [ENTRIES]`. It takes about a minute with 100,000 entries.
"""

from gevent import monkey

monkey.patch_all()

import statistics
import sys
import tempfile
import time
from pathlib import Path

import gevent

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import models
from domain import retention

OLD = "2020-01-01T00:00:00.000000Z"
PAUSE_S = 0.002  # between two saves
MESSAGE = '{"type":"post_save","created":true,"actor":null,"feature":{"x":"' + "x" * 520 + '"}}'


def fill(entries: int) -> None:
    """Put old entries into the log."""
    sql = (
        "INSERT INTO notification (model, object_id, created, message, mark) VALUES ('Incident', ?, ?, ?, ?)"
    )
    with models.database.atomic():
        for number in range(entries):
            models.database.execute_sql(sql, (number % 5000 + 10, OLD, MESSAGE, "abcdefgh"))


def save_once() -> float:
    """Save an incident durably. Return how many milliseconds it took."""
    started = time.perf_counter()
    models.Incident.create(name="Fire", longitude=1, latitude=2)
    models.database.sync()
    return (time.perf_counter() - started) * 1e3


def saves_while(busy: gevent.Greenlet, least: int) -> list[float]:
    """Save again and again until the greenlet ends, and at least so often. Return the time of each in ms."""
    took = []
    while not busy.ready() or len(took) < least:
        took.append(save_once())
        gevent.sleep(PAUSE_S)
    return took


def at(took: list[float], share: float) -> float:
    """Return the time within which this share of the saves was answered."""
    return sorted(took)[min(int(len(took) * share), len(took) - 1)]


def shown(name: str, took: list[float]) -> str:
    took = sorted(took)
    return (
        f"{name}: {len(took)} saves, median {statistics.median(took):.1f} ms, "
        f"99 % within {at(took, 0.99):.1f} ms, longest {took[-1]:.1f} ms"
    )


def main() -> None:
    entries = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        models.open_database(Path(folder) / "own.db")
        fill(entries)
        models.Incident.create(name="New", longitude=1, latitude=2)
        models.database.group_commits()
        kind = retention.KINDS[-1]
        cutoff = retention.cutoff_of(kind, retention.Periods(log=1))
        alone = saves_while(gevent.spawn(gevent.sleep, 0), 1000)
        started = time.perf_counter()
        pruning = gevent.spawn(retention.prune, kind, cutoff)
        took = saves_while(pruning, 1)
        seconds = time.perf_counter() - started
        alone += saves_while(gevent.spawn(gevent.sleep, 0), 1000)  # after it, as the machine may have changed
        print(shown("alone", alone))
        print(shown(f"while {pruning.get()} entries are pruned in {seconds:.1f} s", took))
        ratios = (at(took, share) / at(alone, share) for share in (0.5, 0.99))
        print("while pruning to alone: median {:.2f}, 99 % {:.2f}".format(*ratios))
        models.database.close()


if __name__ == "__main__":
    main()
