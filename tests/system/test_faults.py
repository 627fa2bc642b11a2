"""After stops, locks, full disks and ended sessions no client has missed anything."""

import contextlib
import json
import resource
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import takewhile
from pathlib import Path

import httpx
import pytest
from conftest import StartServer
from harness import PATIENCE_S, ROOT, Person, Server, Watch, incident, run_tracker, wait_until
from peers import queued
from websockets.exceptions import ConnectionClosed

pytestmark = pytest.mark.slow

HELD_S = 3  # for which another process holds the database
HANGING = ROOT / "tests" / "programs" / "hanging.py"
UNUSED_FOR_AN_HOUR = "UPDATE session SET last_used = strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '-1 hour')"


def write(server: Server, *statements: str) -> None:
    """Change the database from another process."""
    with contextlib.closing(sqlite3.connect(server.database, timeout=PATIENCE_S)) as database, database:
        for statement in statements:
            database.execute(statement)


def close_code(watch: Watch, timeout: float = 5) -> int:
    """Read until the server closes, and return the code."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            watch.next(max(0, deadline - time.monotonic()))
        except ConnectionClosed:
            return watch.socket.protocol.close_code or 1006


# Other processes


def test_save_of_another_process_reaches_clients(server: Server, person: Person, watch: Watch) -> None:
    """A connected client is sent a row and its log entry that another process has committed."""
    for n in range(5):
        write(
            server,
            "INSERT INTO notification (model, object_id, created, message) VALUES "
            f"""('Incident', {n + 1}, '2026', '{{"type":"post_save","n":{n}}}')""",
        )
        assert watch.next()["n"] == n


def test_foreign_writer_delays_only_saves(server: Server, person: Person) -> None:
    """While another process locks the database, saves wait. Pages, sockets and the loop go on."""
    # so old that the next page view would record the session's use
    write(server, UNUSED_FOR_AN_HOUR)
    writer = sqlite3.connect(server.database, isolation_level=None)
    with contextlib.closing(writer), person.watch() as watch, ThreadPoolExecutor(4) as pool:
        token = person.csrf_token()
        writer.execute("BEGIN IMMEDIATE")
        held = time.monotonic()
        saves = [
            pool.submit(
                httpx.post,
                f"{server.url}/api/incidents/",
                json=incident(f"Patient {n}"),
                headers={"X-CSRFToken": token},
                cookies=dict(person.http.cookies),
                trust_env=False,
                timeout=PATIENCE_S,
            )
            for n in range(4)
        ]
        while time.monotonic() < held + HELD_S:
            for path in ("/healthz", "/tracker/incident/", "/tracker/incident/feature_collection/"):
                assert person.http.get(path).status_code == 200
            assert watch.socket.ping().wait(2)
            time.sleep(0.2)  # more than 5 pings a second would be a flood
        assert not any(save.done() for save in saves)
        writer.execute("ROLLBACK")
        assert [save.result().status_code for save in saves] == [201] * 4
        for n in range(4):
            watch.wait_for_type("post_save", f"Patient {n}")


# Sessions that end


def test_sign_out_closes_that_sessions_sockets(server: Server, person: Person) -> None:
    """Signing out closes the sockets of this session at once with 4401, and no others."""
    leaving = server.person()
    with leaving.watch() as one, leaving.watch() as two, person.watch() as other:
        leaving.http.post("/accounts/logout/", data={"csrf_token": leaving.csrf_token()})
        assert [close_code(one), close_code(two)] == [4401, 4401]
        stored = person.save_incident("After the sign-out")
        other.wait_for_type("post_save", stored)


def test_session_ended_by_another_process_closes_its_sockets(server: Server, person: Person) -> None:
    """A command may delete sessions without a request to the server."""
    leaving = server.person()
    with leaving.watch() as watch, person.watch() as other:
        write(server, "DELETE FROM session WHERE last_used = (SELECT max(last_used) FROM session)")
        assert close_code(watch) == 4401
        stored = person.save_incident("After the session")
        other.wait_for_type("post_save", stored)


def test_deactivated_account_is_closed(start_server: StartServer) -> None:
    """When any process deactivates an account, its sockets close with 4401."""
    server = start_server()
    with server.person().watch() as one, server.person().watch() as two:
        write(server, "UPDATE user SET active = 0")
        assert [close_code(one), close_code(two)] == [4401, 4401]
    wait_until(lambda: server.health()["clients"] == 0)


@pytest.mark.parametrize("command", ["password", "deactivate"])
def test_command_closes_that_persons_sockets(start_server: StartServer, command: str) -> None:
    """A command that changes a password or ends an account closes only that person's sockets."""
    server = start_server()
    env = {"TRACKER_DATABASE": str(server.database)}
    secret = "a lamp by the seventh window"
    added = run_tracker(server.folder, "user", "add", "leaver", stdin=secret + "\n", env=env)
    assert added.returncode == 0, added.stderr
    leaver = server.visitor()
    leaver.sign_in("leaver", secret)
    person = server.person()
    with leaver.watch() as one, leaver.watch() as two, person.watch() as other:
        done = run_tracker(server.folder, "user", command, "leaver", stdin=secret[::-1] + "\n", env=env)
        assert done.returncode == 0, done.stderr
        assert [close_code(one), close_code(two)] == [4401, 4401]
        stored = person.save_incident("After the command")
        other.wait_for_type("post_save", stored)


# Stopping


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_closes_sockets_and_database(start_server: StartServer, number: int) -> None:
    """Sockets get 1001, the exit status is 0, and the database is one file again."""
    server = start_server()
    person = server.person()
    person.save_incident("Before the stop")
    with person.watch() as one, person.watch() as two:
        server.process.send_signal(number)
        assert [close_code(one), close_code(two)] == [1001, 1001]
    assert server.process.wait(5) == 0
    assert not list(server.folder.glob("tracker.db-*"))


def test_stop_lets_requests_in_flight_finish(start_server: StartServer) -> None:
    """A save that waits for the database when the server stops is stored and answered."""
    server = start_server()
    person = server.person()
    person.csrf_token()
    writer = sqlite3.connect(server.database, isolation_level=None)
    with contextlib.closing(writer), person.watch() as watch:
        writer.execute("BEGIN IMMEDIATE")
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as save:
            body = json.dumps(incident("In flight"))
            head = [
                "POST /api/incidents/ HTTP/1.1",
                "Host: 127.0.0.1",
                f"Cookie: {person.cookie_name}={person.cookie}",
                f"X-CSRFToken: {person.csrf_token()}",
                "Content-Type: application/json",
                f"Content-Length: {len(body)}",
            ]
            save.sendall("\r\n".join([*head, "", body]).encode())
            wait_until(lambda: is_read(server, save), what="the request to be read")
            server.process.terminate()
            wait_until(lambda: refuses(server), what="the server to stop accepting")
            assert close_code(watch) == 1001
            writer.execute("ROLLBACK")
            assert save.recv(65536).startswith(b"HTTP/1.1 201 ")
    assert server.process.wait(5) == 0
    with contextlib.closing(sqlite3.connect(server.database)) as database:
        assert database.execute("SELECT name FROM incident").fetchall() == [("In flight",)]


def is_read(server: Server, peer: socket.socket) -> bool:
    """Return whether the server has read all that the peer has sent."""
    return queued(server.port, peer.getsockname()[1])[1] == 0


def refuses(server: Server) -> bool:
    try:
        socket.create_connection(("127.0.0.1", server.port), timeout=1).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        pass  # the listener was closed before it accepted this connection
    return False


def test_stop_ends_what_never_ends(start_server: StartServer) -> None:
    """Neither an endless request nor idle connections keep the server."""
    server = start_server(program=[HANGING, "nothing"])
    with (
        socket.create_connection(("127.0.0.1", server.port)) as idle,
        socket.create_connection(("127.0.0.1", server.port)) as endless,
    ):
        idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert idle.recv(1000)
        endless.sendall(b"POST /accounts/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n")
        endless.sendall(b"Content-Type: application/x-www-form-urlencoded\r\n\r\nname=")
        wait_until(lambda: is_read(server, endless), what="the request to be read")
        server.process.terminate()
        assert server.process.wait(PATIENCE_S) == 0
    assert not list(server.folder.glob("tracker.db-*"))


@pytest.mark.parametrize(("what", "kind"), [("loop", "json"), ("end", "text")])
def test_stop_ends_a_server_that_hangs(start_server: StartServer, what: str, kind: str) -> None:
    """If the event loop or the last steps of the end hang, a thread ends the process and says why."""
    server = start_server(program=[HANGING, what], env={"TRACKER_LOG": kind})
    with socket.create_connection(("127.0.0.1", server.port)) as peer:
        peer.sendall(b"malformed\r\n\r\n")
        wait_until(lambda: is_read(server, peer), what="the request to be read")
    server.process.terminate()
    assert server.process.wait(PATIENCE_S) == 1
    last = server.output.splitlines()[-1]
    words = json.loads(last)["event"] if kind == "json" else last.removeprefix("tracker: ")
    assert words.startswith("something hangs, so the server ends")


def test_stop_does_not_wait_for_idle_connections(start_server: StartServer) -> None:
    """Keep-alive connections without a request end at once."""
    server = start_server()
    person = server.person()
    person.get("/")
    server.process.terminate()
    assert server.process.wait(5) == 0  # requests would be waited for longer


# A disk that takes no more


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a file system of 2 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", "size=2m", "tracker-test", str(folder)]
    if subprocess.run(["mount", *options], capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def rows_and_entries(database: Path) -> tuple[list[str], list[str]]:
    """Return the names of the stored incidents, and of those with a save in the log."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT name FROM incident ORDER BY id").fetchall()
        logged = connection.execute(
            "SELECT json_extract('{' || substr(message, 2), '$.feature.properties.name') "
            "FROM notification WHERE message LIKE '%post_save%' ORDER BY seq"
        ).fetchall()
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    return [name for (name,) in rows], [name for (name,) in logged]


def save(person: Person, name: str) -> int:
    """Try to store an incident of a kilobyte, and return the status."""
    return person.api("POST", "/api/incidents/", incident(name, description="d" * 900)).status_code


def assert_goes_on_without_disk(person: Person, watch: Watch, server: Server) -> None:
    """Check that saves are refused with a reason, and that pages and sockets go on."""
    for n in range(3):
        answer = person.api("POST", "/api/incidents/", incident(f"Lost {n}"))
        assert answer.status_code == 503
        assert set(answer.json()) == {"error", "fields"}
        form = person.http.post(
            "/tracker/incident/report/",
            data={
                "csrf_token": person.csrf_token(),
                "name": "Lost report",
                "severity": "HI",
                "location_lat": "1",
                "location_lon": "1",
            },
        )
        assert form.status_code == 503
    for path in ("/healthz", "/tracker/incident/", "/tracker/incident/feature_collection/"):
        assert person.http.get(path).status_code == 200
    assert watch.socket.ping().wait(2)
    assert server.process.poll() is None


def test_full_disk_refuses_saves_and_recovers(start_server: StartServer, small_disk: Path) -> None:
    """On a full disk a save is answered 503 and leaves nothing. With free space it works again."""
    database = small_disk / "tracker.db"
    server = start_server("--database", str(database))
    server.database = database
    person = server.person()
    kept = []
    with person.watch() as watch:
        filler = small_disk / "filler"
        kept += [person.save_incident(f"Before {n}")["properties"]["name"] for n in range(3)]
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(b"x" * 4096):
                pass
        filling = (f"Filling {n}" for n in range(1000))  # the free space that SQLite already has
        kept += takewhile(lambda name: save(person, name) == 201, filling)
        assert_goes_on_without_disk(person, watch, server)
        filler.unlink()
        kept.append(person.save_incident("After")["properties"]["name"])
        watch.wait_for_type("post_save", "After")
        told = [message["feature"]["properties"]["name"] for message in watch.messages[1:]]
        assert told == kept
    assert server.stop() == 0
    assert rows_and_entries(database) == (kept, kept)


def test_read_only_disk_refuses_saves_and_recovers(start_server: StartServer) -> None:
    """While no write succeeds, saves are answered 503. Later they work again."""
    server = start_server()
    person = server.person()
    with person.watch() as watch:
        person.save_incident("Before")
        write(server, UNUSED_FOR_AN_HOUR)
        pid, limit = server.process.pid, resource.RLIMIT_FSIZE
        unlimited = resource.prlimit(pid, limit)
        resource.prlimit(pid, limit, (0, unlimited[1]))  # every write to a file fails with EFBIG
        assert_goes_on_without_disk(person, watch, server)
        resource.prlimit(pid, limit, unlimited)
        person.save_incident("After")
        watch.wait_for_type("post_save", "After")
        told = [message["feature"]["properties"]["name"] for message in watch.messages[1:]]
    assert server.stop() == 0
    assert told == ["Before", "After"]
    assert rows_and_entries(server.database) == (told, told)


# A database that goes back


def test_backup_is_whole_and_restored_resets_clients(start_server: StartServer, tmp_path: Path) -> None:
    """A copy made while the server runs is complete.

    Clients that have read beyond it load everything again.
    """
    server = start_server()
    person = server.person()
    kept = person.save_incident("In the copy")
    copy = tmp_path / "copy.db"
    command = ["--database", str(server.database), "backup", str(copy)]
    done = run_tracker(tmp_path, *command)
    assert done.returncode == 0, done.stderr
    assert copy.stat().st_mode & 0o777 == 0o600
    again = run_tracker(tmp_path, *command)
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    assert "copy.db: File exists" in again.stderr
    person.save_incident("After the copy")
    seen = person.collection()
    restore = ["--database", str(server.database), "restore", str(copy), "--yes"]
    refused = run_tracker(tmp_path, *restore)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "is in use: stop the server" in refused.stderr
    server.stop()
    done = run_tracker(tmp_path, *restore)
    assert done.returncode == 0, done.stderr
    restored = start_server(password=server.password)
    person = restored.person()
    assert [feature["id"] for feature in person.collection()["features"]] == [kept["id"]]
    person.save_incident("At the same place in the log as what is gone")
    with person.watch(f"?since={seen['seq']}&epoch={seen['epoch']}") as watch:
        assert watch.hello["recovered"] is False
        assert watch.hello["epoch"] != seen["epoch"]


def save_until_the_end(person: Person, saved: list[str]) -> None:
    """Save one incident after the other, and note those that were acknowledged."""
    with contextlib.suppress(httpx.TransportError):
        while True:
            name = f"{person.cookie[:8]} {len(saved)}"
            person.save_incident(name)
            saved.append(name)


def test_replaced_database_ends_the_server_and_nothing_acknowledged_is_lost(
    start_server: StartServer, tmp_path: Path
) -> None:
    """A copy is moved there while people save: what was answered with 201 is in the file of before."""
    server = start_server()
    people = [server.person() for _ in range(4)]
    assert run_tracker(tmp_path, "--database", str(server.database), "backup", "copy.db").returncode == 0
    saved: list[str] = []
    with ThreadPoolExecutor(len(people)) as pool:
        for person in people:
            pool.submit(save_until_the_end, person, saved)
        wait_until(lambda: len(saved) > 20, what="some saves")
        server.database.rename(tmp_path / "before.db")
        (tmp_path / "copy.db").rename(server.database)
        assert server.process.wait(PATIENCE_S) == 3
    assert "tracker.db was replaced or removed while the server ran" in server.output
    with contextlib.closing(sqlite3.connect(tmp_path / "before.db")) as database:
        names = {name for (name,) in database.execute("SELECT name FROM incident")}
    assert set(saved) <= names
    with contextlib.closing(sqlite3.connect(server.database)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("SELECT count(*) FROM incident").fetchone() == (0,)


# A log that was pruned


@pytest.mark.parametrize(("since", "recovered"), [(3, False), (4, False), (5, True), (6, True), (8, True)])
def test_since_before_a_pruned_log(start_server: StartServer, since: int, recovered: bool) -> None:  # noqa: FBT001
    """A client whose next entry has been pruned must load again.

    A client that needs none of them continues.
    """
    server = start_server()
    person = server.person()
    for n in range(8):
        person.save_incident(f"Entry {n + 1}")
    write(server, "DELETE FROM notification WHERE seq <= 5")
    epoch = person.collection()["epoch"]
    with person.watch(f"?since={since}&epoch={epoch}") as watch:
        assert watch.hello["seq"] == 8
        assert watch.hello["recovered"] is recovered
        marker = person.save_incident("Marker")
        watch.wait_for_type("post_save", marker)
        told = [message["seq"] for message in watch.messages[1:]]
    assert told == (list(range(since + 1, 10)) if recovered else [9])


def test_log_pruned_to_nothing_keeps_its_seq(start_server: StartServer) -> None:
    """The log knows its head without a single row, also after a restart."""
    server = start_server()
    server.person().save_incident("Pruned")
    write(server, "DELETE FROM notification")
    assert server.health()["seq"] == 1
    server.stop()
    again = start_server(password=server.password)
    person = again.person()
    epoch = person.collection()["epoch"]
    with person.watch(f"?since=1&epoch={epoch}") as watch:
        assert (watch.hello["seq"], watch.hello["recovered"]) == (1, True)
        marker = person.save_incident("Next")
        assert watch.wait_for_type("post_save", marker)["seq"] == 2
