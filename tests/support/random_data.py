"""How many examples tests of random data try. With TRACKER_TESTS_THOROUGH=1 they try more."""

import os

THOROUGH = os.environ.get("TRACKER_TESTS_THOROUGH", "") not in {"", "0"}
MORE = 5  # times as many, in a thorough run


def examples(number: int) -> int:
    """Return how many examples a test tries in this run, which are so many in the usual one."""
    return number * MORE if THOROUGH else number
