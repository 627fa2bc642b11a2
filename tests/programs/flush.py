"""Run the tracker on a slow disk whose flushes a test can see: `flush.py FOLDER slow|quick ARGUMENTS`.

FOLDER gets a folder `1`, `2`, … for each flush that has ended. It has the files that a power cut would leave:
those at the start of the flush. Until the flush ends, the folder's name ends in `.begun`.

No flush ends while FOLDER has a file `hold`. A flush fails, and deletes the file, when there is a file
`fail`: the system reports a failed write only once. With `quick` the tracker treats the disk as fast.
"""

import errno
import itertools
import math
import os
import sys
from pathlib import Path
from typing import BinaryIO

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import tracker  # noqa: I001 (the first: it patches the standard library)
from storage import engine
from gevent import monkey

FLUSH_S = 0.03  # long enough that a test can see a message that was sent before its data is on the disk
sleep = monkey.get_original("time", "sleep")
numbers = itertools.count(1)
files: dict[str, BinaryIO] = {}  # they stay open, because closing one of them would release SQLite's locks


def fdatasync(_descriptor: int) -> None:
    database, folder = Path(engine.database.database), Path(sys.argv[1])
    taken = folder / str(next(numbers))
    begun = taken.with_suffix(".begun")
    begun.mkdir()
    for name in (database.name, f"{database.name}-wal"):
        if name not in files:
            files[name] = database.with_name(name).open("rb")
        files[name].seek(0)
        (begun / name).write_bytes(files[name].read())
    sleep(FLUSH_S)
    while (folder / "hold").exists():
        sleep(FLUSH_S)
    if (folder / "fail").exists():
        (folder / "fail").unlink()
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    begun.rename(taken)


def main() -> int:
    engine.fdatasync = fdatasync
    if sys.argv[2] == "quick":
        engine.FAST_DISK_S, engine.ALONE_S = math.inf, 0
    return tracker.main(sys.argv[3:])


if __name__ == "__main__":
    sys.exit(main())
