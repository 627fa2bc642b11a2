"""Hashing of passwords has bounded memory and a bounded queue, and never delays a save."""

import contextlib
import hashlib
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import StartServer
from harness import PATIENCE_S, ROOT, Server, environment
from werkzeug.security import generate_password_hash

from domain import passwords

SECRET = "a one-time link"
# A tracker in which nobody finds a place in the queue.
FULL = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import tracker
from domain import passwords
passwords.MAX_IN_FLIGHT_PER_CLIENT = 0
sys.exit(tracker.main())
"""


def run_slow_hash(*arguments: str | Path) -> None:
    """Run a part of slow_hash.py in a process of its own. Its assertions must hold."""
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "programs" / "slow_hash.py", *arguments],
        env=environment({"PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "tests" / "support")))}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "held\n", done.stderr[-2000:]


def test_two_hashes_run_at_once_and_the_queue_is_short() -> None:
    """Of 300 checks at once 20 are accepted and two run at a time, in 64 MiB.

    The others are refused until later.
    """
    run_slow_hash("queue")


def test_unknown_name_costs_the_same_hash() -> None:
    """An unknown name is hashed with the method of stored hashes, so the time does not reveal it."""
    method, _, digest = passwords.nobodys_hash().split("$")
    stored_method, _, stored_digest = passwords.hashed("a password").split("$")
    assert method == stored_method
    assert len(digest) == len(stored_digest)


def test_hash_is_strong() -> None:
    """The program hashes with werkzeug's own choice. Only these tests take a weaker method."""
    ask = "from domain import passwords; print(passwords.METHOD)"
    done = subprocess.run([sys.executable, "-c", ask], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == generate_password_hash("a password").split("$")[0]


def test_nothing_is_kept_of_a_client_that_is_done() -> None:
    """Also if its request fails: else the counts would grow with every address, and with every error."""
    flight = passwords.InFlight()

    def fail() -> None:
        raise ZeroDivisionError

    with contextlib.suppress(ZeroDivisionError), flight.admitted("192.0.2.1"), flight.admitted("192.0.2.2"):
        assert flight.clients == {"192.0.2.1": 1, "192.0.2.2": 1}
        flight.run(fail)
    assert (len(flight.clients), flight.hashes) == (0, 0)


def test_one_client_leaves_room_for_others() -> None:
    """One address has 8 of the 20 places, and frees them afterwards."""
    line = passwords.InFlight()
    with contextlib.ExitStack() as held:
        for _ in range(passwords.MAX_IN_FLIGHT_PER_CLIENT):
            held.enter_context(line.admitted("a stranger"))
        with pytest.raises(passwords.Busy), line.admitted("a stranger"):
            pass
        held.enter_context(line.admitted("another"))
        for number in range(passwords.MAX_IN_FLIGHT - passwords.MAX_IN_FLIGHT_PER_CLIENT - 1):
            held.enter_context(line.admitted(f"client {number}"))
        with pytest.raises(passwords.Busy), line.admitted("one too many"):
            pass
    assert not line.clients


def test_flush_waits_for_nobodys_work(tmp_path: Path) -> None:
    """A save reaches the disk even while every thread and every hash is busy."""
    run_slow_hash("flush", tmp_path / "own.db")


@pytest.fixture
def full(start_server: StartServer) -> Server:
    """Return a server whose password queue is full, and a one-time link to it."""
    server = start_server(program=["-c", FULL])
    with contextlib.closing(sqlite3.connect(server.database, timeout=PATIENCE_S)) as database, database:
        fingerprint = hashlib.sha256(SECRET.encode()).hexdigest()
        database.execute("INSERT INTO reset VALUES (?, 1, '2999')", (fingerprint,))
        database.execute("UPDATE reset SET expires = strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '1 hours')")
    return server


def test_full_queue_says_so_and_counts_no_try(full: Server) -> None:
    """The sign-in page says when to try again, keeps the name, and counts no failure."""
    visitor = full.visitor()
    page = visitor.submit("/accounts/login/", username="admin", password=full.password)
    assert page.status == 429
    assert page.response.headers["Retry-After"] == str(passwords.RETRY_S)
    assert "Too many people are signing in" in page.words
    assert page.value("username") == "admin"
    with contextlib.closing(sqlite3.connect(full.database, timeout=PATIENCE_S)) as database:
        assert database.execute("SELECT count(*) FROM throttle").fetchone() == (0,)


def test_full_queue_leaves_a_link_good(full: Server) -> None:
    """A one-time link stays valid if its password could not be hashed."""
    visitor = full.visitor()
    path = f"/accounts/reset/{SECRET}/"
    new = "a long walk by the sea"
    page = visitor.submit(path, new_password=new, new_password_again=new)
    assert page.status == 429
    assert page.response.headers["Retry-After"]
    assert visitor.get(path).status == 200
