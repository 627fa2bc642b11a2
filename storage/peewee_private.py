"""The private names of peewee and playhouse that Tracker uses; no other module may use one.

An upgrade of peewee may rename them without notice. tests/storage/test_peewee_private.py then fails with
the name that changed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import peewee


class OpenDatabase(peewee.SqliteDatabase):
    """peewee's database, with public methods in place of the private ones that a subclass must extend."""

    def open_connection(self) -> sqlite3.Connection:
        """Open and return a connection. A subclass may extend it."""
        connection: sqlite3.Connection = super()._connect()
        return connection

    def close_connection(self, connection: sqlite3.Connection) -> None:
        """Close a connection. A subclass may extend it."""
        super()._close(connection)

    def will_call(self, fn: Callable[[], None]) -> bool:
        """Return whether the open transaction's commit is going to call this function."""
        return fn in self._state.commit_callbacks

    def _connect(self) -> sqlite3.Connection:
        return self.open_connection()

    def _close(self, connection: sqlite3.Connection) -> None:
        self.close_connection(connection)


def table_name(model: Any) -> str:
    return str(model._meta.table_name)


def fields(model: Any) -> list[Any]:
    """Return the fields of a model in the order of their definition, the primary key first."""
    return list(model._meta.sorted_fields)


def field_name(model: Any, column: str) -> str:
    """Return the name of the field that a column holds. Raises KeyError."""
    return str(model._meta.columns[column].name)


def column_count(model: Any) -> int:
    return len(model._meta.columns)


def values(thing: Any) -> dict[str, Any]:
    """Return the values of an object's fields by name; the caller must not change them."""
    found: dict[str, Any] = thing.__data__
    return found


def from_values(model: Any, found: dict[str, Any]) -> Any:
    """Return an object with these values and no defaults, as if it had been read from the database."""
    thing = model(__no_default__=1)
    thing.__data__ = found
    return thing


def mark_inserted(thing: Any, key: Any) -> None:
    """Give an object the primary key of the row that it was inserted as."""
    thing._pk = key
    thing._dirty.clear()
