"""Measure Tracker beside other servers: `python benchmarks/run.py [SECTION ...] [--toy]`.

Without a section, all are run. results.json keeps the results of each section, so that a part can be measured
again. RESULTS.md and results.svg are written from it. `--toy` runs everything in seconds, with few other
servers, to see that it works, and keeps nothing.

requirements.txt in this folder names the other servers and how to install them. Servers that are not
installed are left out.

It runs on Linux only. A full run takes fifteen minutes and up to 17,000 open files (`ulimit -n`). With fewer,
the sections that need more are named and left out.
"""

from __future__ import annotations

import argparse
import errno
import json
import resource
import sys
import time
import traceback
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import clients
import fanout
import instructions
import load
import matching
import report
import saves
import strangers
import whole
from load import Stuck
from servers import HERE

SECTIONS = {
    "fanout": fanout.fanout,
    "many": fanout.many,
    "core": fanout.core,
    "linear": fanout.linear,
    "idle": clients.idle,
    "saver": clients.saver,
    "compression": clients.compression,
    "stalled": clients.stalled,
    "saves": saves.saves,
    "whole": whole.whole,
    "matching": matching.matching,
    "strangers": strangers.strangers,
    "instructions": instructions.instructions,
}
RESULTS = HERE / "results.json"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--toy", action="store_true")
    found = parser.parse_args(arguments)
    if unknown := set(found.sections) - set(SECTIONS):
        parser.error(f"no such section: {', '.join(unknown)}")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if found.toy:
        load.QUIET_S /= 3
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() and not found.toy else {}
    failed: list[str] = []
    for name in found.sections or SECTIONS:
        start = time.monotonic()
        print(f"{name} …", flush=True)
        try:
            results[name] = {**SECTIONS[name](toy=found.toy), **report.circumstances()}
        except (Stuck, OSError, RuntimeError, KeyError) as error:  # the last one: a server lost messages
            traceback.print_exc()
            if getattr(error, "errno", None) == errno.EMFILE:
                print(f"{name} needs more open files than {hard}: see `ulimit -n`", file=sys.stderr)
            failed.append(name)
            continue
        print(f"{name}: {time.monotonic() - start:.0f} s", flush=True)
        if not found.toy:
            RESULTS.write_text(json.dumps(results, indent=1) + "\n")
            report.write(results)
    conclude(results, failed, toy=found.toy)
    return len(failed)


def conclude(results: dict[str, Any], failed: list[str], *, toy: bool) -> None:
    if toy:
        with TemporaryDirectory() as folder:
            report.write(results, Path(folder))
        print(json.dumps(results, indent=1))
    else:
        for what, sign, limit, value in report.missed(results):
            print(f"missed: {what}: {value:.3g}, wanted {sign} {limit:g}")
    if failed:
        print(f"failed, and to be run again: {' '.join(failed)}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
