"""How many examples tests of random data try: a share of them, or all with TRACKER_TESTS_THOROUGH=1."""

import os

THOROUGH = os.environ.get("TRACKER_TESTS_THOROUGH", "") not in {"", "0"}
SHARE = 5  # one example of so many is tried in the usual run, chosen anew each time


def examples(number: int) -> int:
    """Return how many of these examples a test tries in this run."""
    return number if THOROUGH else -(-number // SHARE)
