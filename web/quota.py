"""How many connections may be open at once for notifications: a bound for each account and each address."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import NoReturn

from werkzeug.exceptions import TooManyRequests


class ConnectionQuota:
    """How many connections each account and each address has."""

    def __init__(self, per_account: int, per_address: int) -> None:
        self._per_account = per_account
        self._per_address = per_address
        self._taken: Counter[int | str] = Counter()
        self.refused = Counter(account=0, address=0)  # by the limit that refused them

    def take(self, account: int, address: str) -> Callable[[], None]:
        """Count one more. Return the function that releases it. Raises TooManyRequests."""
        if self._taken[account] >= self._per_account:
            self._refuse("account", f"This account has {self._per_account} pages open. More can't be live.")
        if self._taken[address] >= self._per_address:
            self._refuse("address", f"This network has {self._per_address} pages open. More can't be live.")
        self._taken.update((account, address))
        return partial(self._release, (account, address))

    def _refuse(self, limit: str, words: str) -> NoReturn:
        self.refused[limit] += 1
        raise TooManyRequests(words)

    def _release(self, keys: tuple[int, str]) -> None:
        self._taken.subtract(keys)
        for key in keys:
            if not self._taken[key]:
                del self._taken[key]
