"""The command `python tracker.py`: how it starts, what it prints, and how it refuses."""

import json
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from conftest import StartServer
from harness import ROOT, Server, collection, free_port, incident, run_tracker, square, wait_until

import models
from storage import engine, peewee_private


def refusal(folder: Path, *arguments: str | Path, **env: str) -> str:
    """Run a tracker that must not start, and return its one line of output."""
    done = run_tracker(folder, *arguments, env=env)
    assert done.returncode == 2, done
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert "Traceback" not in line
    return line


def test_first_start_prints_the_address_and_the_first_account(start_server: StartServer) -> None:
    """The first start prints the address, and the first account in one line."""
    server = start_server()
    assert server.url in server.output
    assert server.output.count("Sign in as admin, password: ") == 1


def test_printed_password_signs_in(server: Server) -> None:
    """The printed password opens the map. Another password does not."""
    assert server.visitor().sign_in("admin", "wrong password").path == "/accounts/login/"
    assert server.visitor().sign_in("admin", server.password).path == "/"


def test_second_start_prints_no_password_and_keeps_the_first(start_server: StartServer) -> None:
    """A database with an account gets no other one, and its password still opens the map."""
    first = start_server()
    first.stop()
    second = start_server(password=first.password)
    assert "password" not in second.output.lower()
    assert second.visitor().sign_in("admin", first.password).path == "/"


def test_password_is_another_for_every_database(start_server: StartServer, tmp_path: Path) -> None:
    """The first account's password is generated."""
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    one, other = (start_server(folder=folder) for folder in folders)
    assert one.password != other.password
    assert len(one.password) >= 12


def test_a_request_to_end_ends_it_with_status_0(start_server: StartServer) -> None:
    """SIGTERM is how a service is stopped, not a failure."""
    assert start_server().stop() == 0


def test_host_option_is_where_it_listens(start_server: StartServer) -> None:
    """With --host it listens on that address and on no other, and says so."""
    server = start_server("--host", "127.0.0.1")
    with pytest.raises(OSError, match="refused"), socket.create_connection(("127.0.0.2", server.port)):
        pass


def test_settings_come_from_the_environment(tmp_path: Path, start_server: StartServer) -> None:
    """TRACKER_HOST, TRACKER_PORT and TRACKER_DATABASE do what the options do."""
    port = free_port()
    env = {
        "TRACKER_HOST": "127.0.0.1",
        "TRACKER_PORT": str(port),
        "TRACKER_DATABASE": str(tmp_path / "elsewhere.db"),
    }
    start_server(port=port, options=[], env=env)
    assert (tmp_path / "elsewhere.db").exists()


def test_options_win_over_the_environment(tmp_path: Path, start_server: StartServer) -> None:
    """An option on the command line overrides its variable."""
    env = {"TRACKER_PORT": str(free_port()), "TRACKER_DATABASE": str(tmp_path / "elsewhere.db")}
    server = start_server(env=env)
    assert server.database.exists()
    assert not (tmp_path / "elsewhere.db").exists()


def test_database_is_tracker_db_in_the_working_directory(tmp_path: Path, start_server: StartServer) -> None:
    """Without a setting the database is `tracker.db` in the working directory."""
    port = free_port()
    start_server(port=port, options=["--port", str(port)])
    assert (tmp_path / "tracker.db").exists()


def test_help_names_every_option(tmp_path: Path) -> None:
    """--help shows the options, the import and the default address."""
    done = run_tracker(tmp_path, "--help")
    assert done.returncode == 0
    for word in ("--host", "--port", "--database", "127.0.0.1", "8000", "tracker.db", "import"):
        assert word in done.stdout


def test_database_survives_a_power_cut(server: Server) -> None:
    """SQLite is in WAL mode, and its data is complete after a kill."""
    with sqlite3.connect(f"file:{server.database}?mode=ro", uri=True) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_port_in_use_is_refused(server: Server, tmp_path: Path) -> None:
    """A port that somebody listens on: one line that names it, status 2."""
    assert str(server.port) in refusal(tmp_path, "--port", str(server.port))


@pytest.mark.parametrize("port", ["eighty", "-1", "65536", "1.5"])
def test_bad_port_is_refused(port: str, tmp_path: Path) -> None:
    """An impossible port is refused, whether an option or a variable gives it."""
    assert "port" in refusal(tmp_path, f"--port={port}").lower()
    assert "port" in refusal(tmp_path, TRACKER_PORT=port).lower()


@pytest.mark.parametrize("host", ["300.1.1.1", "203.0.113.9", "no such host"])
def test_host_that_is_not_ours_is_refused(host: str, tmp_path: Path) -> None:
    """An address that this machine hasn't got is refused."""
    assert host in refusal(tmp_path, "--host", host, "--port", str(free_port()))


@pytest.mark.parametrize(
    "arguments", [["--prot", "80"], ["exprot"], ["--port"], ["import"], ["import", "a", "b"]]
)
def test_unknown_option_is_refused(arguments: list[str], tmp_path: Path) -> None:
    """An option or command that doesn't exist, or lacks its value, is refused before anything is made."""
    assert refusal(tmp_path, *arguments)
    assert not list(tmp_path.iterdir())


def as_folder(path: Path) -> None:
    path.mkdir()


def as_text(path: Path) -> None:
    path.write_text("Dear diary, " * 100)


def as_other_program(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE recipe (name TEXT)")
    database.close()


def as_truncated(path: Path) -> None:
    as_other_program(path)
    path.write_bytes(path.read_bytes()[:1000])


@pytest.mark.parametrize("make", [as_folder, as_text, as_other_program, as_truncated])
def test_foreign_database_is_refused_and_left_alone(make: Callable[[Path], None], tmp_path: Path) -> None:
    """The start names a file that isn't a tracker's database in one line, and leaves it unchanged."""
    path = tmp_path / "foreign.db"
    make(path)
    before = path.read_bytes() if path.is_file() else b""
    mode = path.stat().st_mode
    assert "foreign.db" in refusal(tmp_path, "--database", path, "--port", str(free_port()))
    assert (path.read_bytes() if path.is_file() else b"") == before
    assert path.stat().st_mode == mode
    assert [left.name for left in tmp_path.iterdir()] == ["foreign.db"]


@pytest.mark.slow
def test_first_starts_at_once_make_one_account(tmp_path: Path) -> None:
    """Three servers that start on one new file all run, and one of them prints the password."""
    options = ["--database", str(tmp_path / "tracker.db")]
    command = [sys.executable, str(ROOT / "tracker.py"), "--port"]
    processes = [
        subprocess.Popen([*command, str(free_port()), *options], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    outputs = [process.stdout for process in processes if process.stdout is not None]
    try:
        assert all("http://" in output.readline() for output in outputs)
    finally:
        for process in processes:
            process.terminate()
        told = "".join(output.read() for output in outputs)
        for process, output in zip(processes, outputs, strict=True):
            process.wait(30)
            output.close()
    assert told.count("password") == 1


def test_database_in_no_folder_is_refused(tmp_path: Path) -> None:
    """A database file that can't be made is refused."""
    path = tmp_path / "missing" / "tracker.db"
    assert str(path) in refusal(tmp_path, "--database", path, "--port", str(free_port()))


def test_newer_database_is_refused(start_server: StartServer, tmp_path: Path) -> None:
    """A database that a later version has migrated is refused, and says why."""
    server = start_server()
    server.stop()
    with sqlite3.connect(server.database) as database:
        database.execute("INSERT INTO schema_migration (name, applied) VALUES ('9999_later', '2099-01-01')")
    database.close()
    line = refusal(tmp_path, "--database", server.database, "--port", str(free_port()))
    assert "newer" in line
    assert str(server.database) in line


def test_healthz_has_clients_and_seq(server: Server) -> None:
    """Without an account, /healthz gives the log's seq and the number of connected clients."""
    person = server.person()
    before = server.health()
    person.save_incident("for the seq")
    assert server.health()["seq"] == before["seq"] + 1
    with person.watch():
        assert server.health()["clients"] == before["clients"] + 1
    wait_until(lambda: server.health()["clients"] == before["clients"], what="the client to be forgotten")


def test_healthz_is_503_when_the_database_does_not_answer(start_server: StartServer) -> None:
    """After the database was destroyed, /healthz answers 503 and the server goes on."""
    server = start_server()
    server.may_fail = True
    for path in server.folder.glob("tracker.db*"):
        with path.open("r+b") as file:
            file.write(b"\xff" * path.stat().st_size)
    answer = httpx.get(f"{server.url}/healthz", trust_env=False)
    assert answer.status_code == 503


def test_older_database_is_migrated_at_start(
    tmp_path: Path, start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start migrates a database of the first version, and keeps its data."""
    first = tmp_path / "first"
    first.mkdir()
    shutil.copy(engine.MIGRATIONS / "0001_initial.py", first)
    monkeypatch.setattr(engine, "MIGRATIONS", first)
    path = tmp_path / "tracker.db"
    models.open_database(path)
    models.database.close()
    with sqlite3.connect(path) as database:
        moment = "2026-01-02T03:04:05.678901Z"
        row = ("Kept", "", "HI", 0, 24, 35, moment, moment)
        columns = "name, description, severity, closed, longitude, latitude, created, updated"
        database.execute(f"INSERT INTO incident ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    database.close()
    person = start_server().person()
    (kept,) = person.named("Kept")
    assert (kept["properties"]["severity"], kept["properties"]["created"]) == ("High", moment)
    person.save_area("New", square(20, 30, 10))
    assert person.change(kept, name="Kept and changed")


def test_connection_holds_foreign_keys(database: Path) -> None:
    """Each connection refuses a reference to a missing row."""
    assert database.exists()
    assert models.database.foreign_keys == 1
    assert models.database.journal_mode == "wal"


@pytest.mark.usefixtures("database")
def test_models_fit_the_migrations() -> None:
    """A migrated database has exactly the tables and columns of the models."""
    for model in models.Model.__subclasses__() + models.Tracked.__subclasses__():
        if model is not models.Tracked:
            columns = {
                column.name for column in models.database.get_columns(peewee_private.table_name(model))
            }
            assert {field.column_name for field in peewee_private.fields(model)} == columns


@pytest.mark.slow
def test_save_takes_a_moment_while_an_import_runs(server: Server) -> None:
    """An import commits in small batches, so the running server saves and answers meanwhile."""
    path = server.folder / "many.geojson"
    path.write_text(json.dumps(collection(*(incident(f"Batch {n}") for n in range(1000)))))
    person = server.person()
    command = [
        sys.executable,
        str(ROOT / "tracker.py"),
        "--database",
        str(server.database),
        "import",
        str(path),
    ]
    saved = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        wait_until(lambda: person.named("Batch 0"), what="the first of the import")
        while process.poll() is None:
            saved.append(person.save_incident("Between batches"))
    assert process.returncode == 0
    assert len(saved) > 3, "the import was over before anything was saved beside it"
