"""The limits of open connections for notifications, for each account and each address."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import NoReturn

from werkzeug.exceptions import TooManyRequests


class ConnectionQuota:
    """The number of connections of each account and each address."""

    def __init__(self, per_account: int, per_address: int) -> None:
        self._per_account = per_account
        self._per_address = per_address
        self._taken: Counter[int | str] = Counter()
        self.refused = Counter(account=0, address=0)  # by the limit that refused them

    def take(self, account: int, address: str) -> Callable[[], None]:
        """Count one more. Return the function that releases it. Raises TooManyRequests."""
        if self._taken[account] >= self._per_account:
            self._refuse("account", self._per_account)
        if self._taken[address] >= self._per_address:
            self._refuse("address", self._per_address)
        self._taken.update((account, address))
        return partial(self._release, (account, address))

    def at_limit(self) -> tuple[list[int], list[str]]:
        """Return the accounts, and the keys of the addresses, that can open no more connections."""
        full = [key for key, count in self._taken.items() if self._is_full(key, count)]
        return [key for key in full if isinstance(key, int)], [key for key in full if isinstance(key, str)]

    def _is_full(self, key: int | str, count: int) -> bool:
        return count >= (self._per_account if isinstance(key, int) else self._per_address)

    def _refuse(self, limit: str, most: int) -> NoReturn:
        self.refused[limit] += 1
        who = {"account": "This account", "address": "This network"}[limit]
        raise TooManyRequests(
            f"{who} has reached its limit of {most} live pages and programs at once. Close one of them."
        )

    def _release(self, keys: tuple[int, str]) -> None:
        self._taken.subtract(keys)
        for key in keys:
            if not self._taken[key]:
                del self._taken[key]
