"""The database as a file: copies, the locks of SQLite, and which file a path names.

Each function opens a connection of its own, and needs no particular schema.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from base.errors import TrackerError
from storage import disk

APPLICATION_ID = 0x54524B52  # "TRKR" in the header of the database file
PRIVATE = 0o600  # the database's mode, which SQLite gives to its -wal and -shm too
BESIDE = ("-wal", "-shm", "-journal")  # the ends of the names of SQLite's files beside a database
LOCK_WAIT_S = 30.0  # how long a save waits for another process that holds the database
STEP_PAGES = 256  # of 4 KB: a copy takes so many at a time, and may pause after them
STEPS_PER_FLUSH = 4  # or the copy's last flush would hold up the flushes of saves on the same disk
SPARE = 16 << 20  # bytes that a copy must leave free
# SQLite locks these bytes of a database file. Each connection to a database with a write-ahead log shares the
# lock until it is closed. https://www.sqlite.org/src/file?name=src/os.h names the bytes.
LOCKS_START, LOCKS_LENGTH = 0x40000000, 512

Identity = tuple[int, int]  # the device and the inode of a file
Step = Callable[[int, int], None]  # called with the pages that are left, and with all pages


class UnusableDatabase(TrackerError):
    """The database file can't be opened, is not a tracker's, or has another schema."""


def new_epoch() -> str:
    return secrets.token_hex(8)


def identity(path: str | Path) -> Identity:
    """Return which file the path names now. Raises OSError."""
    found = os.stat(path)
    return found.st_dev, found.st_ino


def connect(path: str | Path, mode: str = "ro", wait_s: float = LOCK_WAIT_S) -> sqlite3.Connection:
    """Open a file that exists, with the mode "ro" or "rw". Raises sqlite3.Error."""
    return sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode={mode}", uri=True, timeout=wait_s)


def check_ours(path: str | Path, *, may_be_empty: bool = True) -> None:
    """Raise UnusableDatabase if the file is another program's: opening it as ours would change it."""
    with closing(connect(path)) as connection:
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    if not tables and not may_be_empty:
        raise UnusableDatabase("it is empty")
    if tables and application_id != APPLICATION_ID:
        raise UnusableDatabase("it belongs to another program")


def check_whole(path: str | Path) -> None:
    """Raise UnusableDatabase if the file is not a whole database of Tracker. Reads all of it."""
    try:
        check_ours(path)
        with closing(connect(path)) as connection:
            problems = [text for (text,) in connection.execute("PRAGMA integrity_check(3)")]
    except sqlite3.Error as error:
        raise UnusableDatabase(f"it can't be read: {error}") from error
    if problems != ["ok"]:
        raise UnusableDatabase(f"it is damaged: {'; '.join(problems)}")


def copy(source: str | Path, target: str | Path, step: Step | None = None) -> None:
    """Write a database, as it is at one moment, to a new file. The file appears when it is whole and checked.

    Others may save meanwhile. The copy's log has another `epoch`: if the copy replaces the database, its log
    goes on from an earlier `seq`. By the epoch a reader that has read further knows that the next entries are
    not those it has. Raises UnusableDatabase.
    """
    target = Path(target)
    part = target.with_name(f"{target.name}.part")
    try:
        check_ours(source, may_be_empty=False)
        if target.exists():
            raise FileExistsError(errno.EEXIST, "File exists: give another name, or remove it")
        check_space(source, target)
        descriptor = _create(part)
        try:
            _fill(source, part, descriptor, step)
            check_whole(part)
            disk.flush(descriptor)
            os.rename(part, target)
        except BaseException:
            for end in ("", *BESIDE):
                Path(f"{part}{end}").unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)
        flush_folder(target)
    except OSError as error:
        raise UnusableDatabase(f"can't write {target}: {error.strerror or error}") from error
    except (sqlite3.Error, UnusableDatabase) as error:
        raise UnusableDatabase(f"can't copy {source} to {target}: {error}") from error


def check_space(source: str | Path, target: Path) -> None:
    """Raise UnusableDatabase if a copy would fill the disk, which may be the one that saves need."""
    needed = SPARE + sum(size_of(f"{source}{end}") for end in ("", "-wal"))
    free = shutil.disk_usage(target.absolute().parent).free
    if free < needed:
        raise UnusableDatabase(f"there are {free >> 20} MB free, and a copy needs {needed >> 20} MB")


def size_of(path: str | Path) -> int:
    """Return the size of a file in bytes; 0 if there is none."""
    with suppress(FileNotFoundError):
        return os.stat(path).st_size
    return 0


def _create(part: Path) -> int:
    """Create the file of an unfinished copy and return its descriptor, which holds a lock on it."""
    try:
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, PRIVATE)
    except FileExistsError as error:
        reason = f"File exists: {part.name}. If no other backup runs, remove it"
        raise FileExistsError(error.errno, reason) from error
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def is_abandoned(part: Path) -> bool:
    """Return whether a file is an unfinished copy that no process works on any more."""
    with suppress(OSError), part.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return stat.S_ISREG(os.lstat(part).st_mode)
    return False


def _fill(source: str | Path, part: Path, descriptor: int, step: Step | None) -> None:
    steps = 0

    def after_step(_status: int, left: int, pages: int) -> None:
        nonlocal steps
        steps += 1
        if steps % STEPS_PER_FLUSH == 0:
            os.fsync(descriptor)
        if step:
            step(left, pages)

    with closing(sqlite3.connect(part)) as target:
        target.execute("PRAGMA journal_mode = OFF")
        target.execute("PRAGMA synchronous = OFF")  # the descriptor is flushed
        with closing(connect(source, "rw")) as origin:
            origin.execute(
                "BEGIN"
            )  # all pages are of this moment, though others write: else it would begin anew
            origin.execute("SELECT count(*) FROM sqlite_master").fetchone()
            origin.backup(target, pages=STEP_PAGES, progress=after_step)
        target.execute("PRAGMA journal_mode = DELETE")  # one file
        target.execute("UPDATE setting SET value = ? WHERE name = 'epoch'", (new_epoch(),))
        target.commit()


def flush_folder(path: Path) -> None:
    """Put the names in the path's folder on the disk, such as one that a file has just been given."""
    descriptor = os.open(path.absolute().parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lock_out(path: str | Path) -> int:
    """Keep all connections to a database out, until the returned descriptor is closed.

    Raises UnusableDatabase if any process has it open. Not for a process that has the database open itself:
    the system would drop the locks of its connection. On a file system without a write-ahead log, SQLite
    holds its locks only during a transaction. There only the server's own look at the path protects it.
    """
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, LOCKS_LENGTH, LOCKS_START)
        if not os.path.samestat(os.fstat(descriptor), os.stat(path)):
            raise FileNotFoundError  # it has just been replaced
    except OSError as error:
        os.close(descriptor)
        raise UnusableDatabase(f"{path} is in use: stop the server and all commands that use it") from error
    return descriptor


def is_being_written(path: str | Path, seconds: float) -> bool:
    """Return whether other processes write to the database for all of this time."""
    with closing(connect(path, "rw", seconds)) as connection, suppress(sqlite3.OperationalError):
        connection.execute("BEGIN IMMEDIATE")
        return False
    return True


def is_in_use(path: str | Path) -> bool:
    """Return whether a process has the database open. Not for a process that has it open itself."""
    try:
        os.close(lock_out(path))
    except UnusableDatabase:
        return True
    return False
