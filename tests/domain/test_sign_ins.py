"""The lists of sign-ins and refusals stay useful, whatever a stranger sends."""

import shutil
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
from conftest import StartServer
from harness import Server

import models
from base import times
from domain import sign_ins
from domain.sign_ins import Refusal, SignIn
from storage import engine

MORNING = "2026-01-31T08:15:00.000000Z"


@pytest.fixture(autouse=True)
def clock(database: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list whose only element is the time."""
    assert database.exists()
    time = [MORNING]
    monkeypatch.setattr(times, "clock", lambda: datetime.fromisoformat(time[0]))
    return time


def rows(model: type[SignIn] = Refusal) -> list[tuple[str | None, str, str, int]]:
    found = model.select(model.name, model.address, model.outcome, model.count).order_by(model.id)
    return list(found.tuples())


def test_same_refusals_of_a_minute_are_one_row(clock: list[str]) -> None:
    """Equal refusals of a minute are counted in one row.

    Another minute, address, account or outcome has its own.
    """
    for _ in range(1000):
        Refusal.note("admin", "192.0.2.1", "refused: tried too often")
    assert rows() == [("admin", "192.0.2.1", "refused: tried too often", 1000)]
    Refusal.note("admin", "192.0.2.2", "refused: tried too often")
    Refusal.note(None, "192.0.2.1", "refused: tried too often")
    Refusal.note("admin", "192.0.2.1", "refused: wrong password")
    clock[0] = "2026-01-31T08:16:00.000000Z"
    Refusal.note("admin", "192.0.2.1", "refused: tried too often")
    assert [count for *_, count in rows()] == [1000, 1, 1, 1, 1]


def test_addresses_of_one_ipv6_network_are_one_row() -> None:
    """The addresses of one IPv6 network count as one, because its owner can choose any.

    The list shows the first.
    """
    for host in range(1, 100):
        Refusal.note(None, f"2001:db8::{host:x}", "refused: no such account")
    assert rows() == [(None, "2001:db8::1", "refused: no such account", 99)]


def test_refusals_do_not_push_out_sign_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refusals never displace sign-ins: each list keeps its own newest rows."""
    monkeypatch.setattr(sign_ins, "KEPT", 5)
    SignIn.note("admin", "192.0.2.1", "signed in")
    for number in range(20):
        Refusal.note(None, f"198.51.100.{number}", "refused: no such account")
    assert rows(SignIn) == [("admin", "192.0.2.1", "signed in", 1)]
    assert [address for _, address, *_ in rows()] == [f"198.51.100.{number}" for number in range(15, 20)]


def test_repeated_refusals_push_out_no_older_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """A repeated refusal only raises a count, so it displaces no other row."""
    monkeypatch.setattr(sign_ins, "KEPT", 5)
    Refusal.note("admin", "192.0.2.1", "refused: wrong password")
    for _ in range(50):
        Refusal.note(None, "198.51.100.1", "refused: tried too often")
    Refusal.note(None, "198.51.100.2", "refused: tried too often")
    assert [(address, count) for _, address, _, count in rows()] == [
        ("192.0.2.1", 1),
        ("198.51.100.1", 50),
        ("198.51.100.2", 1),
    ]


def test_older_database_keeps_its_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration moves refusals to their own list. All rows keep their order."""
    old = tmp_path / "migrations"
    shutil.copytree(engine.MIGRATIONS, old, ignore=shutil.ignore_patterns("0005*"))
    with monkeypatch.context() as patch:
        patch.setattr(engine, "MIGRATIONS", old)
        models.open_database(tmp_path / "old.db")
        for outcome in ("signed in", "refused: wrong password", "refused: no such account"):
            models.database.execute_sql(
                "INSERT INTO sign_in (created, name, address, outcome) VALUES (?, 'ann', '192.0.2.1', ?)",
                (MORNING, outcome),
            )
    models.open_database(tmp_path / "old.db", migrate=True)
    assert rows(SignIn) == [("ann", "192.0.2.1", "signed in", 1)]
    assert [outcome for *_, outcome, _ in rows()] == ["refused: wrong password", "refused: no such account"]


def test_admin_page_shows_how_often(start_server: StartServer) -> None:
    """The page has both lists, with the count."""
    server: Server = start_server()
    for _ in range(3):
        server.visitor().sign_in("admin", "guess")
    words = server.person().get("/admin/").words
    assert "Refused sign-ins" in words
    with closing(sqlite3.connect(server.database)) as database:
        counts = [count for (count,) in database.execute("SELECT count FROM refusal")]
    assert sum(counts) == 3
    if len(counts) == 1:
        assert "Refused: wrong password 3 times in a minute" in words
