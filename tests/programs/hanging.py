"""The tracker that hangs, and that may take a short time to stop: `hanging.py loop|end|nothing ARGUMENTS`.

With `loop` the event loop hangs at a malformed request, with `end` when the database is closed.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import tracker  # noqa: I001 (the first: it patches the standard library)
import models
from gevent import monkey
from server.handler import Handler


def hang(*_arguments: Any) -> None:
    monkey.get_original("time", "sleep")(60)


def main() -> int:
    tracker.STOP_S, tracker.REQUESTS_S = 4, 1
    places: dict[str, tuple[Any, str]] = {
        "loop": (Handler, "_refuse"),
        "end": (models.database, "close"),
    }
    if sys.argv[1] in places:
        setattr(*places[sys.argv[1]], hang)
    return tracker.main(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
