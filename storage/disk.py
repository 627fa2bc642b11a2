"""The flush of a file to the disk, on each system in its own way.

On macOS `fsync` leaves data in the cache of the disk, which a power cut loses. F_FULLFSYNC does not.
"""

from __future__ import annotations

import errno
import fcntl
import os

UNSUPPORTED = (errno.ENOTSUP, errno.ENOTTY, errno.EINVAL)  # by a file system, such as one of a network


def flush(descriptor: int) -> None:
    """Return when the content of a file is on the disk. Raises OSError."""
    full: int | None = getattr(fcntl, "F_FULLFSYNC", None)
    if full is None:
        os.fdatasync(descriptor)
        return
    try:
        fcntl.fcntl(descriptor, full)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
        os.fsync(descriptor)
