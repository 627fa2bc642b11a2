"""The contract with peewee's private names: each test fails with the name that an upgrade has changed."""

import inspect
import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Any

import peewee
import pytest
from playhouse import signals

from storage import peewee_private


class Thing(signals.Model):
    """A table declared as in this project."""

    name = peewee.TextField(default="thing")
    size = peewee.IntegerField(null=True, column_name="how_large")

    class Meta:
        database = peewee_private.OpenDatabase(":memory:", autoconnect=False)
        legacy_table_names = False


database: peewee_private.OpenDatabase = Thing._meta.database


@pytest.fixture(autouse=True)
def table() -> Any:
    database.connect()
    database.create_tables([Thing])
    yield
    database.close()


def test_connect_opens_the_connection_by__connect(monkeypatch: pytest.MonkeyPatch) -> None:
    database.close()
    opened: list[sqlite3.Connection] = []

    def note(self: Any) -> sqlite3.Connection:
        opened.append(peewee.SqliteDatabase._connect(self))
        return opened[-1]

    monkeypatch.setattr(peewee_private.OpenDatabase, "open_connection", note)
    database.connect()
    assert opened == [database.connection()]
    assert isinstance(opened[0], sqlite3.Connection)


def test_close_closes_the_connection_by__close(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[sqlite3.Connection] = []
    monkeypatch.setattr(
        peewee_private.OpenDatabase, "close_connection", lambda _self, connection: closed.append(connection)
    )
    connection = database.connection()
    database.close()
    assert closed == [connection]
    connection.close()


@pytest.mark.parametrize("name", ["_connect", "_close"])
def test_overridden_names_exist_in_peewee(name: str) -> None:
    """An override of a name that peewee does not call would never run."""
    parameters = {"_connect": ["self"], "_close": ["self", "conn"]}
    method: Callable[..., Any] = getattr(peewee.SqliteDatabase, name)
    assert list(inspect.signature(method).parameters) == parameters[name]


def test__state_commit_callbacks_are_those_of_the_transaction() -> None:
    def wake() -> None:
        pass

    with database.atomic() as transaction:
        assert not database.will_call(wake)
        database.after_commit(wake)
        assert database.will_call(wake)
        transaction.rollback()
        assert not database.will_call(wake)
        database.after_commit(wake)
    assert not database.will_call(wake)


def _note(called: list[str], name: str, method: Callable[..., Any], *arguments: Any) -> Any:
    called.append(name)
    return method(*arguments)


def test_begin_commit_and_rollback_are_called_by_atomic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Database extends these three, which are public but nowhere documented as called by `atomic`."""
    called: list[str] = []
    for name in ("begin", "commit", "rollback"):
        monkeypatch.setattr(database, name, partial(_note, called, name, getattr(database, name)))
    with database.atomic():
        pass
    with pytest.raises(KeyError), database.atomic():
        raise KeyError
    assert called == ["begin", "commit", "begin", "rollback"]


def test__meta_names_table_fields_and_columns() -> None:
    assert peewee_private.table_name(Thing) == "thing"
    assert peewee_private.fields(Thing) == [Thing.id, Thing.name, Thing.size]
    assert peewee_private.field_name(Thing, "how_large") == "size"
    assert peewee_private.column_count(Thing) == 3


def test___data___has_the_values_by_field() -> None:
    assert peewee_private.values(Thing(size=3)) == {"name": "thing", "size": 3}


def test___no_default___leaves_the_defaults_out() -> None:
    thing = peewee_private.from_values(Thing, {"id": 7, "size": 3})
    assert (thing.id, thing.name, thing.size) == (7, None, 3)
    assert not thing.is_dirty()


def test__pk_and__dirty_are_those_of_a_stored_object() -> None:
    thing = Thing(size=3)
    assert thing.is_dirty()
    peewee_private.mark_inserted(thing, 7)
    assert thing.id == 7
    assert not thing.is_dirty()
