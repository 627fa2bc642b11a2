"""The name that a person most likely meant. Knows no other room."""

from __future__ import annotations

from collections.abc import Iterable

LONGEST = 60  # letters of a name that is compared; the work grows with their square


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that takes the fewest slips to become `name`; "" if none is near.

    A slip is a letter too much, too few or wrong, or two letters in the wrong order. Near is at most one slip
    for each three letters, and one in a shorter name. Capitals do not count.
    """
    if len(name) > LONGEST:
        return ""
    count, found = min(((slips(name.casefold(), one.casefold()), one) for one in known), default=(0, ""))
    return found if count <= max(1, len(name) // 3) else ""


def slips(left: str, right: str) -> int:
    """Return the optimal string alignment distance of two texts, which counts two swapped letters as one."""
    before: list[int] = []  # the row of the table before the last one
    last = list(range(len(right) + 1))
    for i, letter in enumerate(left, 1):
        row = [i]
        for j, other in enumerate(right, 1):
            best = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == right[j - 2] and left[i - 2] == other:
                best = min(best, before[j - 2] + 1)
            row.append(best)
        before, last = last, row
    return last[-1]
