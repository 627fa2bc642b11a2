"""Run the tracker with other limits: `impatient.py PING_S=0.5 MAX_LAG_S=2 -- ARGUMENTS`."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import tracker


def main() -> int:
    cut = sys.argv.index("--")
    limits: dict[Any, dict[str, Any]] = {tracker.GROUP_LIMITS: {}, tracker.SERVER_LIMITS: {}}
    for setting in sys.argv[1:cut]:
        name, _, value = setting.partition("=")
        owner = next(each for each in limits if hasattr(each, name.lower()))
        limits[owner][name.lower()] = float(value)
    group, server = (replace(each, **changed) for each, changed in limits.items())
    return tracker.main(sys.argv[cut + 1 :], group, server)


if __name__ == "__main__":
    sys.exit(main())
