"""The database: its connection, its transactions, and the flush of commits to the disk.

One connection serves the whole process. That is safe because no greenlet switches inside a transaction:
keep network, sleep and locks out of `database.atomic()`.

In the server a commit does not wait for the disk; `sync` does. One flush serves all commits made since the
last one. The server calls `sync` before it sends an answer or a message. So a power cut can't lose data that
a client was sent.
"""

from __future__ import annotations

import errno
import math
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import gevent
import peewee
from gevent.lock import Semaphore
from gevent.threadpool import ThreadPool
from playhouse import signals

from base.logs import last_line
from base.metrics import Histogram
from storage import disk, files, peewee_private, schema
from storage.files import LOCK_WAIT_S, PRIVATE, UnusableDatabase

LOCK_POLL_S = 0.005  # between two tries; it sleeps, so that other greenlets run
WRITE_GAP_S = LOCK_POLL_S  # between two of many transactions: long enough for a waiting process to try
# A flush runs in the loop if both are true: the last one ended more than ALONE_S ago, and took less than
# FAST_DISK_S. Otherwise a thread lets others go on meanwhile. In the loop a single save is answered in
# 1.62 ms and takes 1.41 ms of CPU. With a thread it is 1.73 ms, and 1.61 of CPU (1,000 saves by HTTP, a fast
# disk). With 8 saves at once there is no difference.
ALONE_S = 0.005
FAST_DISK_S = 0.001
PAGE_BYTES = 4096
CHECKPOINT_PAGES = 4000  # in the -wal, four times SQLite's default: each save writes some pages again
FILE_LOOK_S = 0.2  # between two looks whether the file was replaced
GONE = (errno.ENOENT, errno.ENOTDIR, errno.ESTALE, errno.ELOOP)  # errors that mean: no file has this path
# The exit status after that. The server must not be started again: if the file was removed, it would make an
# empty database.
REPLACED_STATUS = 3
MIGRATIONS = Path(__file__).with_name("migrations")
MAX_ID = (1 << 63) - 1  # the largest integer of SQLite
MAX_DIGITS = len(str(MAX_ID))  # of a text that may be such a number
fdatasync: Callable[[int], None] = disk.flush
T = TypeVar("T")


PROBE_S = 10.0  # this long after the last try to write, `why_not_writable` tries again
# A part of SQLite's message when a write fails, and a sentence that everybody may read, even strangers.
FAILURES = {
    "is full": "The disk is full. Nothing can be saved before there is room again.",
    "readonly": "The database can't be written: the file or its file system is read-only.",
    "disk I/O error": "The disk fails. Nothing can be saved.",
    "malformed": "The database is damaged.",
    "unable to open": "The database can't be opened.",
    "locked": "Another process has kept the database locked for too long.",
}


class Database(peewee_private.OpenDatabase):
    """SQLite that waits for other processes by sleeping, so that other greenlets run meanwhile.

    Every transaction takes the write lock at its start, so that none fails halfway. If a greenlet is switched
    inside a transaction, the greenlet that then uses the database gets a RuntimeError.

    A commit returns when it is on the disk. After `group_commits` it returns at once, and `sync` waits for
    the disk.
    """

    hold_reports = False  # given to `open_database`: a public report alerts nobody until it is verified
    flushes = Histogram(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)  # seconds each
    _failure = ""  # why the last write failed, for everybody; "" if it did not
    _tried = -math.inf  # when the last write succeeded or failed, by the monotonic clock
    _owner = 0
    _wal = -1  # descriptor of the write-ahead log, if `sync` is to flush it
    opened: tuple[tuple[Path, files.Identity], ...] = ()  # paths, and which files they named when opened
    _is_guarded = False  # whether `sync` ends the process when they name others

    def group_commits(self) -> None:
        """Let commits return before they are on the disk; from now on `sync` waits for the disk.

        From now on, too, the process ends as soon as `sync` finds that the file was replaced or removed.
        """
        self._is_guarded = True
        if self.journal_mode != "wal":  # some file systems have no write-ahead log
            return
        self._wal = os.open(f"{self.database}-wal", os.O_RDONLY)
        self.opened += (_named(f"{self.database}-wal"),)
        self._flushing = Semaphore()
        self._begun = self._ended = 0  # numbers of flushes
        self._flushed: object = None  # the `version` that the last flush has put on the disk
        self._last_end = 0.0  # when the last flush ended, by the monotonic clock
        self._last_took = math.inf  # how many seconds the last flush took
        self.synchronous = "normal"

    def sync(self) -> None:
        """Return when everything that can be read now is on the disk. Not to be called in a transaction.

        Lets other greenlets run. A call during a flush waits for the next one, which serves all calls until
        then.
        """
        if self._wal >= 0 and self._version_now() != self._flushed:
            wanted = self._begun + 1
            with self._flushing:
                if self._ended < wanted:
                    self._flush_now()
        if self._is_guarded:  # last, so that nothing is acknowledged that the path no longer has
            self._end_if_replaced()

    @property
    def replaced(self) -> str:
        """Return the path that no longer names the file that is open; "" if all do."""
        for path, opened in self.opened:
            try:
                if files.identity(path) == opened:
                    continue
            except OSError as error:
                if error.errno not in GONE:
                    continue  # the file may well be there
            return str(path)
        return ""

    def watch_file(self) -> NoReturn:
        """End the process soon after the file was replaced, even while nobody saves."""
        while True:
            self._end_if_replaced()
            gevent.sleep(FILE_LOOK_S)

    def _end_if_replaced(self) -> None:
        """End this process at once if what it saves would be lost."""
        if not (path := self.replaced):
            return
        with suppress(sqlite3.Error):  # so that the old file, if it was moved, has all that was saved
            self.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        sys.stderr.write(
            last_line(
                f"{path} was replaced or removed while the server ran. So the server ends. "
                "Put the file back, or start the server with the file that is there now"
            )
        )
        sys.stderr.flush()
        os._exit(REPLACED_STATUS)

    def _flush_now(self) -> None:
        in_loop = self._may_flush_in_loop()
        if in_loop:
            gevent.sleep(0)  # readers that the commit woke read now, and share this flush
        self._begun += 1
        number, version = self._begun, self._version_now()
        started = time.monotonic()
        if in_loop:
            _flush(self._wal)
        else:
            _flusher().apply(_flush, (self._wal,))
        self._last_end = time.monotonic()
        self._last_took = self._last_end - started
        self.flushes.observe(self._last_took)
        self._ended, self._flushed = number, version

    def _version_now(self) -> object:
        try:
            return self.version
        except peewee.DatabaseError:  # unknown, and so not the one that was flushed
            return object()

    def _may_flush_in_loop(self) -> bool:
        """Return whether the next flush needs no thread: it is hardly shared, and the disk is fast."""
        return time.monotonic() - self._last_end > ALONE_S and self._last_took < FAST_DISK_S

    def remember_file(self, path: str | Path) -> None:
        """Remember which file the path names, and that nothing has failed. Raises OSError."""
        self.opened, self._failure = (_named(path),), ""

    def close_connection(self, connection: sqlite3.Connection) -> None:
        super().close_connection(connection)
        self.opened, self._is_guarded = (), False
        if self._wal >= 0:
            os.close(self._wal)
            self._wal = -1

    def begin(self, lock_type: str | None = None) -> None:
        try:
            _unlocked(lambda: super(Database, self).begin(lock_type or "IMMEDIATE"))
        except peewee.DatabaseError as error:
            self._note_failure(error)
            raise
        self._owner = threading.get_ident()

    def commit(self) -> Any:
        try:
            done = super().commit()
        except peewee.DatabaseError as error:
            self._note_failure(error)
            raise
        self._failure, self._tried = "", time.monotonic()
        return done

    def _note_failure(self, error: peewee.DatabaseError) -> None:
        for words, sentence in FAILURES.items():
            if words in str(error):
                self._failure, self._tried = sentence, time.monotonic()

    def why_not_writable(self) -> str:
        """Return a sentence that says why nothing can be saved; "" if a save was possible a moment ago.

        Writes a row itself if nobody has tried to write lately. The sentence names no path.
        """
        if self.replaced:
            return "The database file was replaced or removed while the server ran."
        if time.monotonic() - self._tried > PROBE_S:
            self._tried = time.monotonic()  # so that others who ask meanwhile don't wait for the same
            with suppress(peewee.DatabaseError), self.atomic():
                Setting.insert(name="last_probe", value=str(int(time.time()))).on_conflict_replace().execute()
        return self._failure

    def atomic(self, *args: Any, **kwargs: Any) -> Any:
        if self.in_transaction():
            self._check_owner()
        return super().atomic(*args, **kwargs)

    def rollback(self) -> None:
        if self.connection().in_transaction:  # SQLite rolls back itself on a full disk
            super().rollback()

    def after_commit(self, fn: Callable[[], None]) -> None:
        """Call the function once when the transaction is committed, however often it is given."""
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
            try:
                return super().execute_sql(sql, params)
            except peewee.DatabaseError as error:
                self._note_failure(error)
                raise
        return _unlocked(lambda: super(Database, self).execute_sql(sql, params))

    @property
    def version(self) -> tuple[int, int]:
        """Return a value that differs after every change, made by this process or by another."""
        (data_version,) = self.execute_sql("PRAGMA data_version").fetchone()
        return data_version, self.connection().total_changes

    def try_write(self, query: Any) -> None:
        """Execute a write, or leave it out if another process is writing or the disk is full."""
        sql, params = query.sql()
        with suppress(peewee.OperationalError):
            super().execute_sql(sql, params)


def _named(path: str | Path) -> tuple[Path, files.Identity]:
    """Return the absolute path, and which file it names now. Raises OSError."""
    absolute = Path(path).absolute()  # so that a renamed working directory is noticed too
    return absolute, files.identity(absolute)


@cache
def _flusher() -> ThreadPool:
    """Return the thread for flushes. In gevent's own pool they would wait for other work."""
    return ThreadPool(1)


def _flush(descriptor: int) -> None:
    """Flush the file. If that fails, end this process at once, before anything lost is sent to anybody.

    The system forgets what it could not write, so the next flush would succeed and prove nothing.
    """
    try:
        fdatasync(descriptor)
    except OSError as error:
        sys.stderr.write(last_line(f"the disk failed to keep what was saved: {error}"))
        sys.stderr.flush()
        os._exit(1)


def _unlocked(run: Callable[[], T]) -> T:
    """Return the function's result; while another process locks the database, try again."""
    deadline = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            return run()
        except (peewee.OperationalError, sqlite3.OperationalError) as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
        time.sleep(LOCK_POLL_S)


database = Database(
    None, thread_safe=False, autoconnect=False
)  # a use after `close` fails, and opens nothing


def open_database(
    path: str | Path, *, create: bool = True, migrate: bool = False, hold_reports: bool = False
) -> None:
    """Open the database file; `create` makes a missing one. Raises UnusableDatabase.

    A file with an older schema is refused, or with `migrate` copied and migrated: see storage/schema.py.
    `hold_reports` is the setting of this name. Saves and imports follow it until the database is closed.
    """
    if not database.is_closed():
        database.close()
    pragmas = {
        "journal_mode": "wal",
        "synchronous": "full",
        "fullfsync": 1,  # otherwise a flush on macOS would end in the cache of the disk
        "foreign_keys": 1,
        "wal_autocheckpoint": CHECKPOINT_PAGES,
        "journal_size_limit": CHECKPOINT_PAGES * PAGE_BYTES,
        "secure_delete": 1,  # overwrite what is deleted: nobody can read it in the file's free space
    }
    database.hold_reports = hold_reports
    # SQLite puts its -wal beside the file itself, not beside a symbolic link to it.
    database.init(os.path.realpath(path) if os.path.islink(path) else str(path), pragmas=pragmas, timeout=0)
    try:
        os.close(os.open(path, os.O_RDWR | (os.O_CREAT if create else 0), PRIVATE))
        database.remember_file(path)
        files.check_ours(path)
        if migrate:
            schema.check_alone(Path(path), MIGRATIONS)
        if os.stat(path).st_uid == os.geteuid():
            os.chmod(path, PRIVATE)  # the file may have been copied here
        database.connect()
        _complete(migrate=migrate)
        if database.replaced:
            raise UnusableDatabase("it was replaced in this moment: try again")
    except (OSError, peewee.DatabaseError, sqlite3.DatabaseError, UnusableDatabase) as error:
        if not database.is_closed():
            database.close()
        reason = error.strerror if isinstance(error, OSError) else error
        raise UnusableDatabase(f"can't use the database {path}: {reason}") from error


def _complete(*, migrate: bool) -> None:
    """Bring the tables up to date, and give the log a name if it has none."""
    database.foreign_keys = 0  # a migration may rebuild a table that others refer to
    with database.atomic():  # takes the write lock: fails here if the file is read-only
        database.application_id = files.APPLICATION_ID
        schema.bring_up_to_date(database, MIGRATIONS, migrate=migrate)
        Setting.default("epoch", files.new_epoch())
    database.foreign_keys = 1


class Model(signals.Model):
    class Meta:
        database = database
        legacy_table_names = False

    def save(self, force_insert: bool = False, only: Any = None) -> int:  # noqa: FBT001, FBT002 (peewee's)
        """Do as peewee does, but insert with a statement that is built once, and not for every row."""
        if only or self.get_id() is not None:
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
        """Return the object of a query's first row, and the values before this model's columns.

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
    """A value that is stored once, such as the `epoch` that names the log."""

    name = peewee.TextField(primary_key=True)
    value = peewee.TextField()

    @classmethod
    def default(cls, name: str, value: str) -> str:
        """Return the stored value, after storing this one if there is none."""
        cls.insert(name=name, value=value).on_conflict_ignore().execute()
        return cls.get_by_id(name).value
