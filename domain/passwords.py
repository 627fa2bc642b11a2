"""Hash and check passwords, in a few threads of their own and with a short queue.

scrypt takes 32 MiB and about 50 ms of a core for each password. Anybody can
cause that on the sign-in page. So memory and wait are bounded here: at most `AT_ONCE` hashes run, and at most
`MAX_IN_FLIGHT` run or wait. Further requests are answered 429. The durable flush and gevent's hub have other
threads, so that a flood of sign-ins delays only sign-ins.
"""

from __future__ import annotations

import logging
import os
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

from gevent.threadpool import ThreadPool
from werkzeug.exceptions import TooManyRequests
from werkzeug.security import check_password_hash, generate_password_hash

from base.logs import event
from base.sentences import Sentence

AT_ONCE = 2  # hashes, of 32 MiB each
MAX_IN_FLIGHT = 20  # running or waiting; the last one waits about half a second
MAX_IN_FLIGHT_PER_CLIENT = 8  # so that one address leaves room for others
RETRY_S = 2  # until the queue is short again
NICE = 10  # lower priority of these threads, for machines with one core; Linux only
LONGEST = 1000  # characters of a password; a longer one is not safer

METHOD = "scrypt:32768:8:1"  # N, r and p: 32 MiB; tests take less
log = logging.getLogger("tracker.accounts")

T = TypeVar("T")


class Busy(TooManyRequests):
    """Too many passwords are being checked. Nothing was checked and nothing was stored."""

    def __init__(self) -> None:
        event(log, logging.WARNING, "A sign-in was put off: too many passwords are being checked")
        super().__init__(
            Sentence("Too many people are signing in at the moment. Try again in a few seconds."),
            retry_after=RETRY_S,
        )


class InFlight:
    """How many requests are about to hash a password: in all, and for each client."""

    def __init__(self) -> None:
        self.clients: Counter[str] = Counter()
        self.hashes = 0  # running or waiting

    @contextmanager
    def admitted(self, client: str) -> Iterator[None]:
        """Count a client's request until its end. Raises Busy if there are too many already."""
        if self.clients[client] >= MAX_IN_FLIGHT_PER_CLIENT or self.clients.total() >= MAX_IN_FLIGHT:
            raise Busy
        self.clients[client] += 1
        try:
            yield
        finally:
            self.clients[client] -= 1
            self.clients += Counter()  # drops the clients that have none

    def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call the function in one of the threads, while other greenlets run. Raises Busy."""
        if self.hashes >= MAX_IN_FLIGHT:
            raise Busy
        self.hashes += 1
        try:
            found: T = _threads().apply(_behind_the_loop, (function, *arguments))
        finally:
            self.hashes -= 1
        return found


in_flight = InFlight()


def _behind_the_loop(function: Callable[..., T], *arguments: Any) -> T:
    """Call the function in this thread, at a lower priority than the event loop's thread."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
    return function(*arguments)


@cache
def _threads() -> ThreadPool:
    return ThreadPool(AT_ONCE)


def hashed(password: str) -> str:
    """Return the hash of a password in its normal form, to be stored. Raises Busy."""
    return in_flight.run(generate_password_hash, normal(password), METHOD)


def matches(stored: str, password: str) -> bool:
    """Return whether the password has the stored hash. It takes as long without a hash. Raises Busy."""
    found = in_flight.run(_matches_any, stored or nobodys_hash(), password[: LONGEST + 1])
    return found and bool(stored)


def nobodys_hash() -> str:
    """Return a hash to compare with where none is stored. It costs as much as any, and no password has it."""
    return f"{METHOD}$nobody${'0' * 128}"


def _matches_any(stored: str, password: str) -> bool:
    """Try the password in its normal form, and as older versions have hashed it.

    The forms depend on the typed text only, so that the time tells nothing about the account. For ASCII text
    they are equal, and only one hash is computed.
    """
    forms = dict.fromkeys([normal(password), password, unicodedata.normalize("NFD", password)])
    return any(check_password_hash(stored, form) for form in forms)


def normal(password: str) -> str:
    """Return the form in which passwords are compared: OpaqueString of RFC 8265, section 4.2.

    All spaces become U+0020, and letters are composed. Case counts.
    """
    if len(password) > LONGEST:  # such a text is refused; to normalize it would take the square of its length
        return password
    spaced = "".join(" " if unicodedata.category(char) == "Zs" else char for char in password)
    return unicodedata.normalize("NFC", spaced)
