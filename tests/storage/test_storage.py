"""The shared connection refuses other greenlets while a transaction is open."""

import re
from pathlib import Path
from threading import Thread

import peewee
import pytest
from harness import square

import models


def test_nobody_comes_between_the_statements_of_a_transaction(database: Path) -> None:
    """Another greenlet's save is refused, because the rollback of the first would undo it."""
    refused: list[str] = []

    def intrude() -> None:
        for use in (lambda: models.User.create(name="eve", password_hash=""), models.Notification.bounds):
            with pytest.raises(RuntimeError, match="switched inside a transaction") as error:
                use()
            refused.append(str(error.value))

    assert database.exists()
    with models.database.atomic():
        other = Thread(target=intrude)
        other.start()
        other.join()
    assert len(refused) == 2
    assert not models.User.select().exists()


def test_readers_are_woken_once_after_a_commit_and_may_save_themselves(database: Path) -> None:
    """Two messages in one transaction wake readers once, and a rollback wakes none."""
    assert database.exists()
    seen: list[int] = []

    def wake() -> None:
        seen.append(models.Notification.bounds()[1])
        if len(seen) == 1:
            models.Incident.create(name="Meanwhile", longitude=50, latitude=50)

    square = {"type": "Polygon", "coordinates": [[[0, 0], [2, 0], [2, 2], [0, 0]]]}
    models.AreaOfInterest.create(name="Town", polygon=square)
    models.committed.append(wake)
    try:
        incident = models.Incident.create(name="Fire", severity="UR", longitude=1, latitude=0.5)
        with models.database.atomic() as transaction:
            incident.save()
            transaction.rollback()
        models.Notification.append(incident.feature_id, "post_save")
    finally:
        models.committed.remove(wake)
    assert seen == [3, 4, 5]


def plans(statements: list[str]) -> list[str]:
    """Return how SQLite finds the rows of these statements, a line for each table."""
    explained = [models.database.execute_sql(f"EXPLAIN QUERY PLAN {sql}").fetchall() for sql in statements]
    return [line for rows in explained for *_, line in rows]


def test_the_log_is_read_by_index(database: Path) -> None:
    """Each query of the log uses an index: after a seq, of one object, of areas after a seq."""
    assert database.exists()
    square = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}
    area = models.AreaOfInterest.create(name="Town", polygon=square)
    models.areas.refresh()
    area.save()  # the next save updates the index from the log and does not build it again
    statements: list[str] = []
    connection = models.database.connection()
    connection.set_trace_callback(statements.append)
    models.Notification.after(1, 1000)
    models.Notification.bounds()
    models.areas.refresh()
    connection.set_trace_callback(None)
    log = [sql.strip() for sql in statements if "notification" in sql]
    assert len(log) == 3
    history = "SELECT seq, message FROM notification WHERE model = 'Incident' AND object_id = 7 ORDER BY seq"
    found = plans([*log, history])
    scans = [sql for sql in log for line in plans([sql]) if line.startswith("SCAN notification")]
    assert len(scans) == 1
    assert scans[0].endswith("ORDER BY seq DESC LIMIT 1")  # one step from the end
    indexes = [
        re.search(r"USING (?:COVERING )?(?:INDEX (\w+)|(INTEGER PRIMARY KEY))", line) for line in found
    ]
    used = {index[1] or index[2] for index in indexes if index}
    assert used == {"INTEGER PRIMARY KEY", "notification_area", "notification_object"}
    assert not [line for line in found if "ORDER BY" in line]  # the index has their order


def test_a_save_makes_no_temporary_table(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite makes one for IN (...) in a CHECK, for DISTINCT and for RETURNING, at each write."""
    assert database.exists()
    models.AreaOfInterest.create(name="Area", polygon=square(0, 0, 10))
    plans: list[str] = []
    execute = models.database.execute_sql

    def explain(sql: str, params: object = None) -> object:
        if sql.lstrip().startswith(("SELECT", "INSERT", "UPDATE")):
            plans.extend(f"{row[1]}: {sql}" for row in execute(f"EXPLAIN {sql}", params))
        return execute(sql, params)

    monkeypatch.setattr(models.database, "execute_sql", explain)
    models.Incident.create(name="In the area", severity="HI", longitude=5, latitude=5)
    assert any(plan.startswith("OpenWrite: INSERT INTO alert") for plan in plans)
    assert not [plan for plan in plans if plan.startswith(("OpenEphemeral", "OpenAutoindex", "SorterOpen"))]


def test_a_source_has_one_incident_that_is_found_by_index(database: Path) -> None:
    """The index has only incidents with a source. For the others it would cost a page at each save."""
    assert database.exists()

    def incident(source_id: str | None) -> models.Incident:
        return models.Incident.create(name="Fire", source_id=source_id, longitude=1, latitude=1)

    first, *_ = incident("a:1"), incident(None), incident(None)
    with pytest.raises(peewee.IntegrityError):
        incident("a:1")
    query = models.Incident.select().where(models.Incident.source_id == "a:1")
    assert list(query) == [first]
    sql, _ = query.sql()
    assert (
        "INDEX incident_source"
        in models.database.execute_sql(f"EXPLAIN QUERY PLAN {sql}", ("x",)).fetchone()[-1]
    )
