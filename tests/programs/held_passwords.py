"""Run the tracker with password checks that a test can hold: `held_passwords.py FOLDER ARGUMENTS`.

While FOLDER has a file `hold`, no check and no hash of a password ends. Each one that waits has made a file
in FOLDER/waiting. With a file `few` in FOLDER, an account has three sign-ins an hour.
"""

import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import tracker  # noqa: I001 (the first: it patches the standard library)
import gevent
from domain import passwords, throttle

POLL_S = 0.01
folder = Path(sys.argv[1])
numbers = count()


def held(function: Callable[..., Any]) -> Callable[..., Any]:
    def wait(*arguments: Any) -> Any:
        (folder / "waiting" / str(next(numbers))).touch()
        while (folder / "hold").exists():
            gevent.sleep(POLL_S)
        return function(*arguments)

    return wait


if __name__ == "__main__":
    passwords.matches, passwords.hashed = held(passwords.matches), held(passwords.hashed)
    if (folder / "few").exists():
        throttle.SIGN_INS_PER_HOUR = 3
    sys.exit(tracker.main(sys.argv[2:]))
