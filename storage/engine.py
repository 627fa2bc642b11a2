"""The database file, and the log in it.

A save or delete appends its notification to the log in the same transaction, and whoever wants to know what
changed reads the log after a `seq` of its own. Nothing is sent from here; after a commit, `committed` is
called to wake who reads.

One connection serves the whole process. That is safe because no greenlet switches inside a transaction:
keep network, sleep and locks out of `database.atomic()`.

In the server a commit does not wait for the disk: `sync` does, once for all that were made meanwhile, and
in a thread, so that a slow disk holds nobody but those who save. A save that comes alone, to a disk that was
quick the last time, does without the thread, whose switches would cost about as much as the flush; and the
disk begins to write it while its answer and its messages are made. Nothing is told before: what was read is
told after `sync`, be it a piece of an answer or a message. So whoever has been told of a save finds it there
after a power cut.

The long stalls that a profiler showed were not the disk's: see `Turns` in connections.py, where server.py
pauses between two requests of one connection, and where tracker.py freezes what the start has made. What also
paid was not to let peewee build the same SQL for every request: see `Model`.
"""

from __future__ import annotations

import ctypes
import math
import os
import secrets
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import gevent
import peewee
from gevent.lock import Semaphore
from gevent.threadpool import ThreadPool
from playhouse import signals
from playhouse.migrations import Runner

from base.errors import TrackerError
from storage import peewee_private

APPLICATION_ID = 0x54524B52  # "TRKR" in the header of the database file
PRIVATE = 0o600  # the database's mode, which SQLite gives to its -wal and -shm too
LOCK_WAIT_S = 30.0  # how long a save waits for another process that holds the database
LOCK_POLL_S = 0.005  # between two tries meanwhile; a sleep, so that other greenlets run
LULL_S = 0.005  # without a flush: the next will hardly be shared, so a thread would only cost,
QUICK_S = 0.001  # unless the disk needs so long for one that others should go on meanwhile
CHECKPOINT_PAGES = 4000  # of 4 KB, in the -wal: four times SQLite's, as each save writes some pages anew
MIGRATIONS = Path(__file__).with_name("migrations")
MAX_ID = (1 << 63) - 1  # what SQLite can hold
START_WRITING = 2  # SYNC_FILE_RANGE_WRITE of Linux
fdatasync = getattr(os, "fdatasync", os.fsync)
sync_file_range = getattr(ctypes.CDLL(None), "sync_file_range", None)  # Linux's own
if sync_file_range:
    sync_file_range.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
T = TypeVar("T")


class UnusableDatabase(TrackerError):
    """The database file can't be opened, is not a tracker's, or is of a newer version."""


class Database(peewee_private.OpenDatabase):
    """SQLite that waits for other processes by sleeping, so that the greenlets beside it go on.

    Every transaction takes the write lock at its start, so that none fails halfway. A transaction in
    which the greenlet was switched raises RuntimeError in whoever came between.

    A commit returns when it is on the disk; after `group_commits` at once, and that is what `sync` is for.
    """

    _owner = 0
    _wal = -1  # the file that commits are appended to, if `sync` is to flush it

    def group_commits(self) -> None:
        """Let commits wait for the disk no more, but whoever is about to tell what is stored: by `sync`."""
        if self.journal_mode != "wal":  # not every file system can do it
            return
        self._wal = os.open(f"{self.database}-wal", os.O_RDONLY)
        self._flushing = Semaphore()
        self._begun = self._ended = 0  # flushes
        self._flushed: object = None  # what the last one found, as `version` tells it
        self._last = 0.0  # when the last one ended
        self._took = math.inf  # and how long it took, in seconds
        self.synchronous = "normal"

    def sync(self) -> None:
        """Return when all that can be read now is on the disk. Lets others run; not for transactions.

        Who comes while the disk is busy waits for the next flush, together with all who come until then.
        """
        if self._wal < 0 or self._state_now() == self._flushed:
            return
        wanted = self._begun + 1
        with self._flushing:
            if self._ended >= wanted:
                return
            is_quick = self._is_quick_enough()
            if is_quick:
                gevent.sleep(0)  # whom the commit has woken may read meanwhile, while the disk writes
            self._begun += 1
            this, state = self._begun, self._state_now()
            started = time.monotonic()
            if is_quick:
                _flush(self._wal)
            else:
                _flusher().apply(_flush, (self._wal,))
            self._last = time.monotonic()
            self._took = self._last - started
            self._ended, self._flushed = this, state

    def _state_now(self) -> object:
        try:
            return self.version
        except peewee.DatabaseError:  # it does not answer: who can tell what has changed
            return object()

    def close_connection(self, connection: sqlite3.Connection) -> None:
        super().close_connection(connection)
        if self._wal >= 0:
            os.close(self._wal)
            self._wal = -1

    def commit(self) -> None:
        super().commit()
        if self._wal >= 0 and self._is_quick_enough() and sync_file_range:
            sync_file_range(self._wal, 0, 0, START_WRITING)

    def _is_quick_enough(self) -> bool:
        """Tell whether the next flush may do without a thread: nobody is likely to share it, nor to wait."""
        return time.monotonic() - self._last > LULL_S and self._took < QUICK_S

    def begin(self, lock_type: str | None = None) -> None:
        _unlocked(lambda: super(Database, self).begin(lock_type or "IMMEDIATE"))
        self._owner = threading.get_ident()

    def atomic(self, *args: Any, **kwargs: Any) -> Any:
        if self.in_transaction():
            self._check_owner()
        return super().atomic(*args, **kwargs)

    def rollback(self) -> None:
        if self.connection().in_transaction:  # a full disk has made SQLite do it already
            super().rollback()

    def after_commit(self, fn: Callable[[], None]) -> None:
        """Call it once when the transaction is committed, however often that is asked for."""
        if not self.will_call(fn):
            super().after_commit(fn)

    def _check_owner(self) -> None:
        if self._owner != threading.get_ident():
            raise RuntimeError("a greenlet was switched inside a transaction")

    def open_connection(self) -> sqlite3.Connection:
        return _unlocked(super().open_connection)

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        """Execute a statement as peewee does; outside of a transaction it waits for other processes.

        Raises RuntimeError if another greenlet has a transaction open.
        """
        if self.in_transaction():
            self._check_owner()
            return super().execute_sql(sql, params)
        return _unlocked(lambda: super(Database, self).execute_sql(sql, params))

    @property
    def version(self) -> tuple[int, int]:
        """Return what is another value after every change, made by this process or by another."""
        (data_version,) = self.execute_sql("PRAGMA data_version").fetchone()
        return data_version, self.connection().total_changes

    def try_write(self, query: Any) -> None:
        """Execute a write that nobody misses: not if another process is writing, or the disk takes none."""
        sql, params = query.sql()
        with suppress(peewee.OperationalError):
            super().execute_sql(sql, params)


@cache
def _flusher() -> ThreadPool:
    """Return the thread of the flushes. It is theirs: in gevent's pool they would wait for others' work."""
    return ThreadPool(1)


def _flush(descriptor: int) -> None:
    """Flush the file; if that fails, end this process at once, before anybody is told what the disk has lost.

    The system forgets what it could not write: the next flush would succeed, and prove nothing.
    """
    try:
        fdatasync(descriptor)
    except OSError as error:
        sys.stderr.write(f"tracker: the disk failed to keep what was saved: {error}\n")
        sys.stderr.flush()
        os._exit(1)


def _unlocked(run: Callable[[], T]) -> T:
    deadline = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            return run()
        except (peewee.OperationalError, sqlite3.OperationalError) as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
        time.sleep(LOCK_POLL_S)


database = Database(None, thread_safe=False, autoconnect=False)  # what comes after its end opens no new one


def open_database(path: str | Path, *, create: bool = True) -> None:
    """Open the database file, migrating it, and if `create` making it, as needed. Raises UnusableDatabase."""
    if not database.is_closed():
        database.close()
    pragmas = {
        "journal_mode": "wal",
        "synchronous": "full",
        "foreign_keys": 1,
        "wal_autocheckpoint": CHECKPOINT_PAGES,
    }
    database.init(str(path), pragmas=pragmas, timeout=0)
    try:
        os.close(os.open(path, os.O_RDWR | (os.O_CREAT if create else 0), PRIVATE))
        _check_ours(path)
        if os.stat(path).st_uid == os.geteuid():
            os.chmod(path, PRIVATE)  # it may have been copied here
        database.connect()
        _migrate()
    except (OSError, peewee.DatabaseError, sqlite3.DatabaseError, UnusableDatabase) as error:
        if not database.is_closed():
            database.close()
        reason = error.strerror if isinstance(error, OSError) else error
        raise UnusableDatabase(f"can't use the database {path}: {reason}") from error


def new_epoch() -> str:
    return secrets.token_hex(8)


def _check_ours(path: str | Path) -> None:
    """Look before the first write: opening the file as ours would change another program's."""
    with closing(sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True)) as connection:
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    if tables and application_id != APPLICATION_ID:
        raise UnusableDatabase("it belongs to another program")


def _migrate() -> None:
    runner = Runner(database, str(MIGRATIONS))
    unknown = [row.name for row in runner.status() if row.path is None]
    if unknown:
        raise UnusableDatabase(f"it was written by a newer version of Tracker ({unknown[-1]})")
    database.foreign_keys = 0  # a migration may rebuild a table that others refer to
    with database.atomic():  # takes the write lock: fails here if the file is read-only
        database.application_id = APPLICATION_ID
        runner.up()
        Setting.default("epoch", new_epoch())
    database.foreign_keys = 1


class Model(signals.Model):
    class Meta:
        database = database
        legacy_table_names = False

    def save(self, force_insert: bool = False, only: Any = None) -> int:  # noqa: FBT001, FBT002 (peewee's)
        """Do as peewee does, but insert with a statement that is built once, and not for every row."""
        if force_insert or only or self.get_id() is not None:
            return super().save(force_insert, only)
        model: Any = type(self)
        statement, fields = _insertion(model)
        mine = peewee_private.values(self)
        values = [field.db_value(mine.get(field.name)) for field in fields]
        peewee_private.mark_inserted(self, database.execute_sql(statement, values).lastrowid)
        signals.post_save.send(self, created=True)
        return 1

    @classmethod
    def first(cls, sql: str, *values: Any) -> tuple[Any, tuple[Any, ...]]:
        """Return the object of a query's first row, and what the row has before this model's columns.

        (None, ()) if there is no row. Values are as SQLite has them: a boolean is 0 or 1.
        """
        cursor = database.execute_sql(sql, values)
        row = cursor.fetchone()
        if row is None:
            return None, ()
        count = peewee_private.column_count(cls)
        names = [peewee_private.field_name(cls, column) for column, *_ in cursor.description[-count:]]
        cursor.close()
        found = dict(zip(names, row[-count:], strict=True))
        return peewee_private.from_values(cls, found), row[:-count]


@cache
def _insertion(model: Any) -> tuple[str, list[Any]]:
    """Return the statement that inserts a row of a model, and the fields it takes."""
    fields = [field for field in peewee_private.fields(model) if not field.primary_key]
    table = peewee_private.table_name(model)
    columns = ", ".join(field.column_name for field in fields)
    marks = ", ".join("?" for _ in fields)
    return f"INSERT INTO {table} ({columns}) VALUES ({marks})", fields  # noqa: S608 # nosec (our names)


class Setting(Model):
    """What this database is told once, such as the `epoch` that names its log."""

    name = peewee.TextField(primary_key=True)
    value = peewee.TextField()

    @classmethod
    def default(cls, name: str, value: str) -> str:
        """Return the stored value, after storing this one if there is none."""
        cls.insert(name=name, value=value).on_conflict_ignore().execute()
        return cls.get_by_id(name).value
