"""Hashing of passwords: bounded in memory and queue, and never in the way of a save."""

import contextlib
import hashlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest
from conftest import StartServer
from harness import ROOT, SOON_S, Server, wait_until

import models
import passwords

SECRET = "a one-time link"
# A tracker in which nobody finds a place in the queue.
FULL = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import tracker, passwords
passwords.MAX_IN_FLIGHT_PER_CLIENT = 0
sys.exit(tracker.main())
"""


class SlowHash:
    """Stands for scrypt: lasts until the test lets it go on, and counts how many run at once."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.running = self.most = 0
        self._lock = threading.Lock()

    def __call__(self, *_arguments: str) -> bool:
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
        self.go_on.wait(SOON_S)
        with self._lock:
            self.running -= 1
        return True


@pytest.fixture
def slow_hash(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowHash]:
    found = SlowHash()
    monkeypatch.setattr(passwords, "check_password_hash", found)
    passwords._threads.cache_clear()  # threads belong to the loop that was there when they were first used
    yield found
    found.go_on.set()


def test_two_hashes_run_at_once_and_the_queue_is_short(slow_hash: SlowHash) -> None:
    """Of 300 checks at once 20 are taken, two at a time: 64 MiB. The others are told to try again."""
    checks = [gevent.spawn(passwords.matches, "stored", "password") for _ in range(300)]
    refused = gevent.joinall(checks, SOON_S, count=300 - passwords.MAX_IN_FLIGHT)
    assert len(refused) == 300 - passwords.MAX_IN_FLIGHT
    assert all(isinstance(check.exception, passwords.Busy) for check in refused)
    wait_until(lambda: slow_hash.running == passwords.AT_ONCE, what="both threads to hash")
    slow_hash.go_on.set()
    gevent.joinall(checks, SOON_S)
    assert [check.value for check in checks if check not in refused] == [True] * passwords.MAX_IN_FLIGHT
    assert slow_hash.most == passwords.AT_ONCE == 2
    assert passwords.in_flight.hashes == 0


def test_one_client_leaves_room_for_others() -> None:
    """One address has 8 of the 20 places, and gives them back."""
    line = passwords.InFlight()
    with contextlib.ExitStack() as held:
        for _ in range(passwords.MAX_IN_FLIGHT_PER_CLIENT):
            held.enter_context(line.admitted("a stranger"))
        with pytest.raises(passwords.Busy), line.admitted("a stranger"):
            pass
        held.enter_context(line.admitted("another"))
        for number in range(passwords.MAX_IN_FLIGHT - passwords.MAX_IN_FLIGHT_PER_CLIENT - 1):
            held.enter_context(line.admitted(f"crowd {number}"))
        with pytest.raises(passwords.Busy), line.admitted("one too many"):
            pass
    assert not line.clients


def test_flush_waits_for_nobodys_work(database: Path, slow_hash: SlowHash) -> None:
    """With every thread of the hub and every hash busy, a save still reaches the disk."""
    assert database.exists()
    models.database.group_commits()
    hub = gevent.get_hub().threadpool
    others = [hub.spawn(slow_hash) for _ in range(hub.maxsize)]
    checks = [gevent.spawn(passwords.matches, "stored", "password") for _ in range(passwords.MAX_IN_FLIGHT)]
    models.Incident.create(name="Fire", longitude=1, latitude=1)
    with gevent.Timeout(SOON_S / 2):
        models.database.sync()
    assert not any(work.ready() for work in [*others, *checks])
    slow_hash.go_on.set()
    gevent.joinall([*others, *checks], SOON_S)


@pytest.fixture
def full(start_server: StartServer) -> Server:
    """A server that has too many passwords to check already, and a one-time link to it."""
    server = start_server(program=["-c", FULL])
    with contextlib.closing(sqlite3.connect(server.database, timeout=10)) as database, database:
        fingerprint = hashlib.sha256(SECRET.encode()).hexdigest()
        database.execute("INSERT INTO reset VALUES (?, 1, '2999')", (fingerprint,))
        database.execute("UPDATE reset SET expires = strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '1 hours')")
    return server


def test_full_queue_says_so_and_counts_no_try(full: Server) -> None:
    """The sign-in page says in words when to try again, keeps the name, and blames nobody."""
    visitor = full.visitor()
    page = visitor.submit("/accounts/login/", username="admin", password=full.password)
    assert page.status == 503
    assert page.response.headers["Retry-After"] == str(passwords.RETRY_S)
    assert "Too many people are signing in" in page.words
    assert page.value("username") == "admin"
    with contextlib.closing(sqlite3.connect(full.database, timeout=10)) as database:
        assert database.execute("SELECT count(*) FROM throttle").fetchone() == (0,)


def test_full_queue_leaves_a_link_good(full: Server) -> None:
    """A password that could not be hashed uses up no link."""
    visitor = full.visitor()
    path = f"/accounts/reset/{SECRET}/"
    new = "a long walk by the sea"
    page = visitor.submit(path, new_password=new, new_password_again=new)
    assert page.status == 503
    assert page.response.headers["Retry-After"]
    assert visitor.get(path).status == 200
