"""Looks for changes of the database, by this process or another, and wakes the group.

Knows neither Flask nor the database: it is given functions.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Set
from typing import Any, NoReturn

import gevent

from realtime.group import Group

POLL_S = 0.1  # between two checks whether the database has changed
EXPIRY_S = 60.0  # between two checks whether a session has expired
RETRY_S = 1.0  # after a failed check
SIGNED_OUT = 4401  # the close code for a session that has ended

log = logging.getLogger(__name__)


class Watcher:
    """Wakes the group when the log may have grown, and closes clients whose session has ended.

    `version()` returns a value that differs after every change of the database. `valid(owners)` returns the
    owners whose session has not ended. `note_use(owners)` notes that these sessions are in use. `refresh()`
    updates other data in memory.
    """

    def __init__(
        self,
        group: Group,
        *,
        version: Callable[[], object],
        valid: Callable[[Set[Any]], Set[Any]],
        note_use: Callable[[Set[Any]], None],
        refresh: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._group = group
        self._version = version
        self._valid = valid
        self._note_use = note_use
        self._refresh = refresh
        self._clock = clock
        self._seen: object = None  # the version, and the number of clients so far, at the last look
        self._arrived = 0  # clients so far, when their owners were last listed
        self._owners: Set[Any] = set()  # whose connections were good at the last look
        self._due = 0.0  # when a session may have expired, by the clock

    def run(self) -> NoReturn:
        """Check repeatedly, as long as the server runs."""
        while True:
            try:
                self.look()
            except Exception:
                log.exception("Can't see whether the database has changed")
                gevent.sleep(RETRY_S)
            gevent.sleep(POLL_S)

    def look(self) -> None:
        """Check once, and act on a change. Raises the exceptions of the functions."""
        found = self._version(), self._group.arrived
        is_due = self._clock() >= self._due
        if found == self._seen and not is_due:
            return
        self._group.wake()
        self._check_owners(found[1], is_due=is_due)
        self._refresh()
        self._seen = found

    def _check_owners(self, arrived: int, *, is_due: bool) -> None:
        """Close the clients whose session has ended, and note that those of the others are in use."""
        are_new = is_due or arrived != self._arrived
        if are_new:
            self._owners = {client.owner for client in self._group.clients}
        valid = self._valid(self._owners)
        ended = self._owners - valid
        if are_new or ended:  # otherwise no session has ended, and their use was noted recently
            self._note_use(valid)
            self._arrived, self._due = arrived, self._clock() + EXPIRY_S
        if ended:
            self._group.close(lambda owner: owner in ended, SIGNED_OUT, "signed out")
        self._owners = valid
