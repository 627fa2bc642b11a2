"""A sentence for the log that is said once for each occasion. Knows no other room."""

from __future__ import annotations

MOST = 20  # occasions that are remembered: strangers can make new ones


class Once:
    """Remembers what has been said. After MOST occasions nothing is new any more."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._said: set[tuple[str, ...]] = set()

    def is_new(self, *occasion: str) -> bool:
        """Return whether this occasion comes for the first time, and remember it."""
        if occasion in self._said or len(self._said) >= self._most:
            return False
        self._said.add(occasion)
        return True
