"""`/healthz` and `/readyz`: the answers to a program that watches the server, by any host name."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import peewee
import pytest
from flask import Flask
from in_process import Browser, make_app

import models
from storage import engine


@pytest.fixture
def browser(app: Flask) -> Browser:
    return Browser(app)


@pytest.fixture
def full(database: Path) -> Iterator[None]:
    """Let the database take no page more than it has, as on a full disk."""
    pages = models.database.execute_sql("PRAGMA page_count").fetchone()[0]
    models.database.execute_sql(f"PRAGMA max_page_count = {pages}")
    assert database.exists()
    yield
    models.database.execute_sql("PRAGMA max_page_count = 1000000")


def probe_now() -> None:
    """Have the next question try to write, as if nobody had for long."""
    models.database._tried = 0.0


def fill() -> None:
    """Write more than fits. Raises when the disk is full."""
    models.Setting.insert(name="large", value="x" * 100_000).execute()


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@pytest.mark.parametrize("hosts", [(), ("map.example.org",)])
def test_watcher_uses_any_name(database: Path, path: str, hosts: tuple[str, ...]) -> None:
    """A probe knows the server's address only. Other pages stay closed to that name."""
    assert database.exists()
    browser = Browser(make_app(hosts=hosts), "http://192.0.2.7:8000")
    assert browser.get(path).status_code == 200
    assert browser.get("/accounts/login/").status_code == 400


def test_server_that_can_save_is_ready(browser: Browser) -> None:
    probe_now()
    assert browser.get("/readyz").json == {"ready": True}


def test_failed_save_makes_it_unready_until_one_succeeds(browser: Browser, full: None) -> None:
    """The reason is a sentence without a path. A later write that succeeds ends it."""
    assert full is None
    with pytest.raises(peewee.OperationalError), models.database.atomic():
        fill()
    answer = browser.get("/readyz")
    assert answer.status_code == 503
    assert answer.json == {"error": engine.FAILURES["is full"], "fields": {}}
    models.database.execute_sql("PRAGMA max_page_count = 1000000")
    assert browser.get("/readyz").status_code == 503  # nobody has tried since
    probe_now()
    assert browser.get("/readyz").status_code == 200


def test_read_only_database_is_found_without_a_save(browser: Browser) -> None:
    """Where nobody saves, the question itself tries to: once, however often it is asked."""
    models.database.execute_sql("PRAGMA query_only = 1")
    probe_now()
    try:
        answers = [browser.get("/readyz") for _ in range(3)]
    finally:
        models.database.execute_sql("PRAGMA query_only = 0")
    assert [answer.json["error"] for answer in answers if answer.json] == [engine.FAILURES["readonly"]] * 3


def test_probe_is_bounded(browser: Browser) -> None:
    """A stranger who asks without a pause causes one write, not many."""
    probe_now()
    browser.get("/readyz")
    before = models.database.connection().total_changes
    for _ in range(20):
        browser.get("/readyz")
    assert models.database.connection().total_changes == before


def test_mistake_in_a_statement_is_no_failed_write(browser: Browser) -> None:
    """Only what the disk or the file refuses counts."""
    with pytest.raises(peewee.OperationalError), models.database.atomic():
        models.database.execute_sql("INSERT INTO nothing VALUES (1)")
    assert browser.get("/readyz").status_code == 200


@pytest.mark.parametrize("replaced", [True, False])
def test_file_that_is_gone_is_noticed(browser: Browser, database: Path, *, replaced: bool) -> None:
    """Saves into a file without a name are lost at the end."""
    database.rename(database.with_suffix(".old"))
    if replaced:
        with closing(sqlite3.connect(database)) as other:
            other.execute("CREATE TABLE x (y)")
    answer = browser.get("/readyz")
    assert answer.status_code == 503
    assert str(database.parent) not in answer.text
    assert "replaced or removed" in answer.text
