"""The tracker with other limits: `impatient.py PING_S=0.5 MAX_LAG_S=2 -- ARGUMENTS`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import tracker
from realtime import limits as group_limits
from server import limits as server_limits


def main() -> int:
    cut = sys.argv.index("--")
    for setting in sys.argv[1:cut]:
        name, _, value = setting.partition("=")
        owner = next(module for module in (group_limits, server_limits) if hasattr(module, name))
        setattr(owner, name, float(value))
    return tracker.main(sys.argv[cut + 1 :])


if __name__ == "__main__":
    sys.exit(main())
