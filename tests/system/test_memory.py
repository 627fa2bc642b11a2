"""128 MB of memory suffice for 1,000 connected pages and 50,000 incidents."""

import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from conftest import StartServer
from harness import Person, wait_until
from peers import Peer, Sockets

pytestmark = pytest.mark.slow

CLIENTS, INCIDENTS = 1_000, 50_000
MOST = 128 << 20  # bytes
COPIES = """
    INSERT INTO incident
        (name, description, severity, closed, longitude, latitude, created, updated, happened, version)
    WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?)
    SELECT name || ' ' || n, description, severity, closed, longitude, latitude, created, updated, happened,
        version || n
    FROM incident, number WHERE id = (SELECT min(id) FROM incident)
"""


def peak_bytes(pid: int) -> int:
    """Return the most memory that a process has had at once."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) << 10


def test_memory_of_a_large_team_is_bounded(start_server: StartServer) -> None:
    """Also while several pages load everything, and one program takes no compression."""
    server = start_server()
    person = server.person()
    person.save_incident("In a street of the city", 10, 20, description="d" * 100)
    with closing(sqlite3.connect(server.database)) as database, database:
        database.execute(COPIES, (INCIDENTS,))
    with Sockets() as sockets:
        for _ in range(CLIENTS):
            sockets.add(Peer(person))

        def load(compressed: bool) -> int:  # noqa: FBT001
            mine = Person(server.url)
            mine.http.cookies.update(person.http.cookies)
            headers = {"Accept-Encoding": "gzip" if compressed else "identity"}
            answer = mine.http.get("/tracker/incident/feature_collection/", headers=headers)
            mine.http.close()
            return len(answer.json()["features"])

        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(load, (True, True, True, False))) == [INCIDENTS + 1] * 4
        stored = [person.save_incident(f"Saved {n}") for n in range(20)]
        last = person.collection()["seq"]
        sockets.listen_until(lambda: all(p.seqs[-1:] == [last] for p in sockets.peers), 30, "all entries")
        assert len(stored) == 20
        wait_until(lambda: server.health()["clients"] == CLIENTS)
        assert peak_bytes(server.process.pid) < MOST
