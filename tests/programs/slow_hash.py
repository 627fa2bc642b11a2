"""Parts of test_passwords.py that need a process of their own, with unused threads and greenlets.

`queue`: many passwords are checked at once. `flush DATABASE`: a save, while every thread is busy.
"""

import sys
import threading

import gevent
from harness import PATIENCE_S, wait_until

import models
from domain import passwords


class SlowHash:
    """A stand-in for scrypt that ends when the test says so, and counts how many run at once."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.running = self.most = 0
        self._lock = threading.Lock()

    def __call__(self, *_arguments: str) -> bool:
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
        self.go_on.wait(PATIENCE_S)
        with self._lock:
            self.running -= 1
        return True


def queue(slow: SlowHash) -> None:
    checks = [gevent.spawn(passwords.matches, "stored", "password") for _ in range(300)]
    refused = gevent.joinall(checks, PATIENCE_S, count=300 - passwords.MAX_IN_FLIGHT)
    assert len(refused) == 300 - passwords.MAX_IN_FLIGHT, len(refused)
    assert all(isinstance(check.exception, passwords.Busy) for check in refused)
    wait_until(lambda: slow.running == passwords.AT_ONCE, what="both threads to hash")
    slow.go_on.set()
    gevent.joinall(checks, PATIENCE_S)
    assert [check.value for check in checks if check not in refused] == [True] * passwords.MAX_IN_FLIGHT
    assert slow.most == passwords.AT_ONCE == 2, slow.most
    assert passwords.in_flight.hashes == 0


def flush(slow: SlowHash, database: str) -> None:
    models.open_database(database)
    models.database.group_commits()
    hub = gevent.get_hub().threadpool
    others = [hub.spawn(slow) for _ in range(hub.maxsize)]
    checks = [gevent.spawn(passwords.matches, "stored", "password") for _ in range(passwords.MAX_IN_FLIGHT)]
    models.Incident.create(name="Fire", longitude=1, latitude=1)
    with gevent.Timeout(PATIENCE_S / 2):
        models.database.sync()
    assert not any(work.ready() for work in [*others, *checks])
    slow.go_on.set()
    gevent.joinall([*others, *checks], PATIENCE_S)
    models.database.close()


if __name__ == "__main__":
    held = SlowHash()
    passwords.__dict__["check_password_hash"] = held
    if sys.argv[1] == "queue":
        queue(held)
    else:
        flush(held, sys.argv[2])
    sys.stdout.write("held\n")
