"""Migrations: each schema that was ever out comes to the newest, with its data, and nothing else migrates."""

import ast
import contextlib
import hashlib
import json
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from harness import run_tracker

import models
from storage import engine, schema

# Of each migration that is in a version: a database somewhere has it. Write a new one instead of a change.
FROZEN = {
    "0001_initial": "eb764ebaa0a328e1aa24361261a9ce42180be2db604adbd373fc36ce82ee1888",
    "0002_alerts": "333efdbef98c6d0cb230fcddb7d51da4380c50984afadc6a9f97f342b515b300",
    "0003_accounts": "de1843429483a490bc9099874515e33f6e24d95531f48cc87e1921bd667dbcf1",
    "0004_credentials": "85dfee3047412a3b8d054bef5cc9ea8c0ba959c1bde39aae01048c999273bd83",
    "0005_accounts_log": "70009001724d6ddc95a17629052e1611b16b2a66ff415b6183fbfd27d813cf7b",
    "0006_centroid": "6ded3c3e383fa7c52bbbdb7fcfd3535e07ec05532f5e08206f6d40fb7bb38a48",
    "0007_mutes_and_reports": "2e540c34ab7a15df85ba7550a87ae40475ab4f19c91967f6f225051a30d8d8b6",
    "0008_versions": "b6faf78d376b81225f653b0ffcd51c3ce03e7c90ac0d2430c767b6b522dd9e73",
}
NAMES = schema.names(engine.MIGRATIONS)
MOMENT = "2026-01-02T03:04:05.678901Z"
SQUARE = json.dumps({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]]})

# Rows for the tables of each migration, as its version wrote them.
ROWS = {
    "0001_initial": f"""
        INSERT INTO user (name, password_hash, created)
            VALUES ('Ann', 'x', '{MOMENT}'), ('ANN ', 'x', '{MOMENT}');
        INSERT INTO session VALUES ('s', 1, '{MOMENT}', '{MOMENT}', '192.0.2.1', 'Firefox');
        INSERT INTO incident (name, longitude, latitude, created, updated)
            VALUES ('Fire', 0.5, 0.5, '{MOMENT}', '{MOMENT}');
        INSERT INTO area_of_interest (name, polygon, created, updated)
            VALUES ('Town', '{SQUARE}', '{MOMENT}', '{MOMENT}');
        INSERT INTO notification (model, object_id, created, message) VALUES
            ('AreaOfInterest', 1, '{MOMENT}', '{{"type":"post_save","created":true}}'),
            ('Incident', 1, '{MOMENT}', '{{"type":"post_save","created":true}}');
    """,
    "0002_alerts": f"""
        INSERT INTO alert (incident_id, incident_name, area_id, area_name, severity, raised, raised_seq)
            VALUES (1, 'Fire', 1, 'Town', 'ME', '{MOMENT}', 3);
        UPDATE area_of_interest SET muted_until = '{MOMENT}', muted_by = 'Ann';
        UPDATE user SET read_seq = 2;
    """,
    "0003_accounts": f"""
        INSERT INTO token (hash, user_id, name, created) VALUES ('h', 1, 'sensor', '{MOMENT}');
        INSERT INTO reset VALUES ('r', 1, '{MOMENT}');
        INSERT INTO sign_in (created, name, address, outcome) VALUES
            ('{MOMENT}', 'Ann', '192.0.2.1', 'signed in'), ('{MOMENT}', 'Ann', '192.0.2.1', 'refused: no');
        INSERT INTO throttle VALUES ('t', 1, 5);
    """,
    "0005_accounts_log": f"""
        INSERT INTO refusal (created, name, address, outcome) VALUES ('{MOMENT}', 'Ann', '192.0.2.1', 'no');
        INSERT INTO admin_action (created, who, address, what, whose)
            VALUES ('{MOMENT}', 'Ann', '192.0.2.1', 'role', 'Ann');
        INSERT INTO confirmation VALUES ('s', '{MOMENT}');
        INSERT INTO totp (user_id, secret) VALUES (1, 'x');
        INSERT INTO recovery_code VALUES ('c', 1);
    """,
    "0012_alert_handling": f"""
        INSERT INTO personal_mute VALUES (1, 1, '{MOMENT}', '{MOMENT}', 3, 'works');
    """,
    "0009_marks": f"""
        INSERT INTO reader VALUES ('p', 2, '{MOMENT}');
    """,
    "0008_versions": f"""
        INSERT INTO answer (owner, key, request, status, headers, body, created)
            VALUES ('1', 'k', 'r', 201, '', x'00', '{MOMENT}');
    """,
}


def digest(name: str) -> str:
    """Return the hash of a migration's code: of its lines without docstrings and comments."""
    text = (engine.MIGRATIONS / f"{name}.py").read_text(encoding="utf-8")
    words: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.FunctionDef) and ast.get_docstring(node):
            words.update(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    lines = [line for number, line in enumerate(text.splitlines(), 1) if number not in words]
    code = [line for line in lines if line.strip() and not line.strip().startswith("#")]
    return hashlib.sha256("\n".join(code).encode()).hexdigest()


def test_migrations_that_are_out_are_frozen() -> None:
    """A changed migration would leave the databases that have it with another schema than new ones."""
    assert {name: digest(name) for name in FROZEN} == FROZEN
    assert list(FROZEN) == NAMES[: len(FROZEN)], "a new migration comes after those that are out"


@contextlib.contextmanager
def only(names: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have the migrations that a version of then had."""
    folder.mkdir(exist_ok=True)
    for name in names:
        shutil.copy(engine.MIGRATIONS / f"{name}.py", folder)
    with monkeypatch.context() as patch:
        patch.setattr(engine, "MIGRATIONS", folder)
        yield


def make_old(path: Path, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a database with the first migrations, so many, and data in every table."""
    with only(NAMES[:count], path.parent / "migrations", monkeypatch):
        models.open_database(path)
        models.database.close()
    with closing(sqlite3.connect(path)) as database:
        for name in NAMES[:count]:
            database.executescript(ROWS.get(name, ""))


def content(path: Path) -> dict[str, list[Any]]:
    """Return all rows of all tables."""
    with closing(sqlite3.connect(path)) as database:
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {table: database.execute(f"SELECT * FROM {table}").fetchall() for (table,) in tables}


def structure(path: Path) -> set[tuple[str, ...]]:
    with closing(sqlite3.connect(path)) as database:
        return set(database.execute("SELECT type, name, tbl_name, sql FROM sqlite_master"))


@pytest.mark.parametrize("count", range(1, len(NAMES)))
def test_every_schema_comes_to_the_newest_with_its_data(
    count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "own.db"
    make_old(path, count, monkeypatch)
    before = content(path)
    assert all(before[table] for table in before), "each table has a row"
    models.open_database(path, migrate=True)
    models.database.close()
    after = content(path)
    for table in before.keys() - {"schema_migration", "sign_in", "sqlite_sequence", "setting"}:
        assert len(after[table]) == len(before[table]), table
    assert len(after["sign_in"]) + len(after["refusal"]) == len(before.get("sign_in", [])) + len(
        before.get("refusal", [])
    )
    assert [row[1] for row in after["incident"]] == ["Fire"]
    models.open_database(tmp_path / "new.db")
    models.database.close()
    assert structure(path) == structure(tmp_path / "new.db")
    (copy,) = schema.copies(path)
    assert {**content(copy), "setting": []} == {**before, "setting": []}
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600


def test_command_refuses_an_older_schema_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command of a newer checkout says what to run; `backup` copies the database as it is."""
    path = tmp_path / "tracker.db"
    make_old(path, 3, monkeypatch)
    before = content(path)
    for command in (["user", "list"], ["token", "list"], ["import", "-"]):
        done = run_tracker(tmp_path, *command, stdin='{"type": "FeatureCollection", "features": []}')
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert "its schema is older (0003_accounts)" in done.stderr
        assert "run `python tracker.py migrate`" in done.stderr
    done = run_tracker(tmp_path, "backup", "copy.db")
    assert done.returncode == 0, done.stderr
    assert {**content(path), "setting": []} == {**before, "setting": []}  # which notes the backup
    assert content(tmp_path / "copy.db").keys() == before.keys()
    done = run_tracker(tmp_path, "migrate")
    assert done.returncode == 0, done.stderr
    (copy,) = schema.copies(path)
    assert str(copy) in done.stdout.replace("to ", f"to {tmp_path}/", 1)
    assert run_tracker(tmp_path, "user", "list").returncode == 0
    assert run_tracker(tmp_path, "migrate").returncode == 0
    assert schema.copies(path) == [copy]


@pytest.mark.parametrize("command", ["migrate", "--port=0"])
def test_database_that_others_use_is_not_migrated(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older server that runs would go on with tables that it does not know."""
    path = tmp_path / "tracker.db"
    make_old(path, 3, monkeypatch)
    with closing(sqlite3.connect(path)) as other:
        before = other.execute("SELECT * FROM schema_migration").fetchall()
        done = run_tracker(tmp_path, command)
        assert other.execute("SELECT * FROM schema_migration").fetchall() == before
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "another process uses it: stop all servers and commands first" in done.stderr


@pytest.mark.slow
def test_process_waits_while_another_migrates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two servers that start at once one migrates; the other goes on with the newest schema."""
    path = tmp_path / "tracker.db"
    make_old(path, 3, monkeypatch)
    with closing(sqlite3.connect(path, isolation_level=None)) as other, ThreadPoolExecutor(1) as pool:
        other.execute("BEGIN IMMEDIATE")
        waiting = pool.submit(run_tracker, tmp_path, "migrate")
        with pytest.raises(TimeoutError):
            waiting.result(schema.ALONE_S + 2 * schema.WRITES_S)
        for name in NAMES[3:]:  # a stand-in for their changes, which take long
            other.execute("INSERT INTO schema_migration (name, applied) VALUES (?, '')", (name,))
        other.execute("COMMIT")
        done = waiting.result()
    assert (done.returncode, done.stderr) == (0, "")
    assert schema.copies(path) == []


def test_database_of_a_newer_version_can_be_copied(tmp_path: Path) -> None:
    models.open_database(tmp_path / "tracker.db")
    models.database.execute_sql("INSERT INTO schema_migration (name, applied) VALUES ('9999_future', '')")
    models.database.close()
    done = run_tracker(tmp_path, "backup", "copy.db")
    assert done.returncode == 0, done.stderr
    assert "9999_future" in [row[1] for row in content(tmp_path / "copy.db")["schema_migration"]]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("    raise ValueError('no such thing')", "no such thing"),
        (
            "    db.execute_sql('INSERT INTO session VALUES (?, 99, 0, 0, 0, 0)', ('of nobody',))",
            "1 rows refer",
        ),
    ],
)
def test_failed_migration_leaves_all_as_it_was(
    code: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, folder = tmp_path / "own.db", tmp_path / "next"
    models.open_database(path)
    models.database.close()
    before, tables = content(path), structure(path)
    with only(NAMES, folder, monkeypatch):
        (folder / "9999_bad.py").write_text(
            f"def up(migrator, db):\n    db.execute_sql('DROP TABLE answer')\n{code}\n"
        )
        with pytest.raises(models.UnusableDatabase, match=rf"9999_bad failed: {reason}.*is as it was"):
            models.open_database(path, migrate=True)
    assert models.database.is_closed()
    assert (content(path), structure(path)) == (before, tables)
    assert schema.copies(path) == []
    models.open_database(path)
    models.database.close()


def test_nothing_is_migrated_where_no_copy_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "own.db"
    make_old(path, 3, monkeypatch)
    before = content(path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(1, 1, 15 << 20))
    with pytest.raises(
        models.UnusableDatabase, match=r"not migrated.* are 15 MB free, and a copy needs 16 MB"
    ):
        models.open_database(path, migrate=True)
    assert content(path) == before


def test_few_copies_are_kept_and_nothing_else_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new copy stays even if the clock was ahead when the others were made."""
    path = tmp_path / "own.db"
    make_old(path, 3, monkeypatch)
    own = [tmp_path / f"own.db.before-0002-20{year}0101T000000Z" for year in (24, 25, 99)]
    others = [tmp_path / name for name in ("own.db.before-me", "other.db.before-0001-20240101T000000Z")]
    interrupted = tmp_path / "own.db.before-0003-20260101T000000Z.part"
    for other in (*own, *others, interrupted):
        other.touch()
    models.open_database(path, migrate=True)
    models.database.close()
    assert not interrupted.exists()
    kept = schema.copies(path)
    assert len(kept) == schema.COPIES
    assert own[-1] in kept
    assert all(other.exists() for other in others)


def test_migration_finds_reporters_and_folds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log names the reporter of an incident. Searches find older incidents and areas, too."""
    path = tmp_path / "own.db"
    make_old(path, NAMES.index("0010_lists"), monkeypatch)
    with closing(sqlite3.connect(path)) as database:
        message = '{"type":"post_save","created":true,"actor":"Ann"}'
        database.execute("UPDATE notification SET message = ? WHERE model = 'Incident'", (message,))
        database.execute("UPDATE incident SET name = 'ΟΔΟΣ', description = 'Fluß'")
        database.execute("UPDATE area_of_interest SET name = 'Ö'")
        database.commit()
    models.open_database(path, migrate=True)
    rows = models.database.execute_sql("SELECT created_by, closed_at, closed_by, folded FROM incident")
    assert rows.fetchall() == [("Ann", None, None, "οδοσ\nfluss")]
    assert models.database.execute_sql("SELECT folded FROM area_of_interest").fetchall() == [("o",)]
    models.database.close()
