"""A sent message survives a power cut, although many saves share one flush of the disk."""

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import httpx
import pytest
from conftest import StartServer
from harness import ROOT, Person, Server, incident, wait_until
from websockets.exceptions import ConnectionClosed

import models

pytestmark = pytest.mark.slow

FLUSH = ROOT / "tests" / "programs" / "flush.py"
SAVERS, SAVES = 6, 8
FULL, NORMAL = 2, 1  # as PRAGMA synchronous says them


class Disk:
    """The state of the disk that tests/programs/flush.py records."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def flushes(self, kind: str = "") -> list[int]:
        """Return the numbers of the flushes that have ended, in order; of the others with `.begun`."""
        found = [path for path in self.folder.iterdir() if path.is_dir() and path.suffix == kind]
        return sorted(int(path.stem) for path in found)

    def after_a_power_cut(self) -> tuple[set[str], int]:
        """Return the names of the incidents, and the log's head, that the disk would have kept."""
        last = self.folder / str(self.flushes()[-1])
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(last, folder, dirs_exist_ok=True)
            with contextlib.closing(sqlite3.connect(Path(folder, "tracker.db"))) as database:
                names = {name for (name,) in database.execute("SELECT name FROM incident")}
                return names, database.execute("SELECT ifnull(max(seq), 0) FROM notification").fetchone()[0]

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Let no flush end during the block."""
        hold = self.folder / "hold"
        hold.touch()
        try:
            yield
        finally:
            hold.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path / "disk")


@pytest.fixture
def slow(start_server: StartServer, disk: Disk) -> Server:
    """A server on this disk."""
    return start_server(program=[FLUSH, disk.folder, "slow"])


def save(disk: Disk, person: Person, number: int) -> None:
    """Save without pause. After each answer the disk must have the save."""
    for n in range(SAVES):
        name = f"{number}.{n}"
        assert person.api("POST", "/api/incidents/", incident(name)).status_code == 201
        assert name in disk.after_a_power_cut()[0]


def read(disk: Disk, person: Person, done: Event) -> int:
    """Read without pause. The disk must have everything that an answer contains."""
    count = 0
    while not done.is_set():
        for tell in (person.collection, lambda: person.http.get("/healthz").json()):
            told = tell()
            names, head = disk.after_a_power_cut()
            assert told["seq"] <= head
            assert {feature["properties"]["name"] for feature in told.get("features", ())} <= names
            count += 1
    return count


def follow(disk: Disk, person: Person, query: str, done: Event) -> list[int]:
    """Read messages until no more come. The disk must have the content of each."""
    told: list[int] = []
    with person.watch(query) as watch:
        assert watch.hello["seq"] <= disk.after_a_power_cut()[1]
        while True:
            try:
                told.append(watch.next(1)["seq"])
            except TimeoutError:
                if done.is_set():
                    return told
            else:
                assert told[-1] <= disk.after_a_power_cut()[1]


@pytest.mark.parametrize("kind", ["slow", "quick"])
def test_sent_data_survives_a_power_cut(disk: Disk, kind: str, start_server: StartServer) -> None:
    """Answers to saves and reads, and messages to live and replaying clients, are all on the disk.

    The same holds for a second server on the same file, which can't know the flushes of the first.
    """
    first = start_server(program=[FLUSH, disk.folder, kind])
    second = Disk(disk.folder.with_name("second"))
    server = start_server(program=[FLUSH, second.folder, kind], password=first.password)
    people = [first.person() for _ in range(SAVERS)]
    reader, watcher = first.person(), first.person()
    epoch = reader.collection()["epoch"]
    before = len(disk.flushes())
    done = Event()
    with ThreadPoolExecutor(SAVERS + 6) as pool:
        following = [pool.submit(follow, disk, watcher, "", done)]
        reading = [pool.submit(read, disk, reader, done), pool.submit(read, second, server.person(), done)]
        following.append(pool.submit(follow, second, server.person(), "", done))
        wait_until(lambda: first.health()["clients"] + server.health()["clients"] == 2)
        saving = [pool.submit(save, disk, person, number) for number, person in enumerate(people)]
        try:
            wait_until(lambda: first.health()["seq"] > SAVERS)
            queries = [f"?since={since}&epoch={epoch}" for since in (0, 5)]
            following += [pool.submit(follow, disk, watcher, query, done) for query in queries]
            for future in saving:
                future.result(60)
        finally:
            done.set()
        assert all(future.result(60) > 2 for future in reading)
        for told, since in zip(following, (0, 0, 0, 5), strict=True):
            assert told.result(60) == list(range(since + 1, SAVERS * SAVES + 1))
    assert len(disk.flushes()) - before < SAVERS * SAVES  # they shared some


def test_busy_disk_delays_only_saves(slow: Server, disk: Disk) -> None:
    """During a flush the server answers sockets. Saves wait, and the waiting ones share the next flush."""
    first, *others = (slow.person() for _ in range(5))
    for person in (first, *others):
        person.csrf_token()
    with first.watch() as watch, ThreadPoolExecutor(8) as pool:
        with disk.held():
            before = len(disk.flushes())
            saves = [pool.submit(first.save_incident, "First")]
            wait_until(lambda: disk.flushes(".begun"), what="the flush to begin")
            saves += [pool.submit(person.save_incident, f"Other {n}") for n, person in enumerate(others)]
            wait_until(lambda: stored(slow) == 5, what="all to be committed")
            assert watch.socket.ping().wait(5)
            assert len(disk.flushes()) == before
            assert not [future for future in saves if future.done()]
            assert watch.messages == [watch.hello]
        for future in saves:
            watch.wait_for_type("post_save", future.result(20))
    assert len(disk.flushes()) - before == 2


def stored(server: Server) -> int:
    """Return how many incidents are committed, on the disk or not."""
    with contextlib.closing(sqlite3.connect(server.database)) as database:
        return int(database.execute("SELECT count(*) FROM incident").fetchone()[0])


def test_disk_that_fails_ends_the_server(slow: Server, disk: Disk) -> None:
    """When a flush fails no save is answered or sent, and the server ends, because its data may be lost."""
    person = slow.person()
    person.csrf_token()
    with person.watch() as watch, ThreadPoolExecutor() as pool:
        with disk.held():
            saves = [
                pool.submit(person.api, "POST", "/api/incidents/", incident(f"Lost {number}"))
                for number in range(3)
            ]
            wait_until(lambda: stored(slow) == len(saves))
            (disk.folder / "fail").touch()
        for save in saves:
            with pytest.raises(httpx.TransportError):
                save.result(10)
        assert slow.process.wait(10) == 1
        with pytest.raises(ConnectionClosed):
            watch.next(5)
        assert watch.messages == [watch.hello]
    assert "tracker: the disk failed to keep what was saved: [Errno 5] Input/output error" in slow.output


def test_flushes_are_shared_where_there_is_a_write_ahead_log(database: Path) -> None:
    """Without a write-ahead log, and in commands, each commit waits for the disk."""
    assert database.exists()
    assert synchronous() == FULL
    models.database.journal_mode = "delete"
    models.database.group_commits()
    assert synchronous() == FULL
    models.database.sync()
    models.database.journal_mode = "wal"
    models.Setting.default("some", "write")  # makes the file
    models.database.group_commits()
    assert synchronous() == NORMAL
    models.open_database(database)
    assert synchronous() == FULL


def synchronous() -> int:
    return int(models.database.pragma("synchronous"))
