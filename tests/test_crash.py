"""kill -9 at any moment under load: what was acknowledged is not lost, everybody is told once, in order."""

import contextlib
import http.client
import json
import random
import sqlite3
import threading
import time
from pathlib import Path

import pytest
from harness import START_S, Server, incident, wait_until
from peers import Crowd, Peer

KILLS = 20
CLIENTS = 20
SAVERS = 4
LIFE_S = (0.05, 0.6)  # how long each server lives under load; a save takes some milliseconds


class Saver(threading.Thread):
    """Somebody who saves without pause, whether the server is there or not; keeps what was acknowledged."""

    def __init__(self, number: int, port: int, headers: dict[str, str]) -> None:
        super().__init__(daemon=True)
        self.number, self.port, self.headers = number, port, headers
        self.acknowledged: list[str] = []
        self.done = threading.Event()

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        tries = 0
        while not self.done.is_set():
            tries += 1
            name = f"{self.number}.{tries}"
            try:
                connection.request("POST", "/api/incidents/", json.dumps(incident(name)), self.headers)
                with connection.getresponse() as answer:
                    answer.read()
                    assert answer.status == 201, answer.status
                self.acknowledged.append(name)
            except (OSError, http.client.HTTPException):
                connection.close()
                self.done.wait(0.02)
        connection.close()


class Watcher:
    """A client that comes back whenever the connection ends, with the seq of the last message it has had."""

    def __init__(self) -> None:
        self.seq = 0
        self.names: list[str] = []
        self.seqs: list[int] = []
        self.peer: Peer | None = None
        self.recoveries = 0


class Watchers:
    """All of them, in one crowd."""

    def __init__(self, server: Server, count: int) -> None:
        self.person = server.person()
        self.epoch = self.person.collection()["epoch"]
        self.crowd = Crowd(self.take)
        self.all = [Watcher() for _ in range(count)]
        self.of: dict[Peer, Watcher] = {}

    def take(self, peer: Peer, seq: int, message: bytes) -> None:
        watcher = self.of[peer]
        watcher.seq = seq
        watcher.seqs.append(seq)
        watcher.names.append(json.loads(message)["feature"]["properties"]["name"])

    def listen(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.crowd.listen(min(left, 0.02))
            for watcher in self.all:
                self.look_after(watcher)

    def have(self, head: int) -> bool:
        self.listen(0.1)
        return all(watcher.seq == head for watcher in self.all)

    def look_after(self, watcher: Watcher) -> None:
        """Let the watcher come back if its connection has ended."""
        if watcher.peer is not None and not watcher.peer.closed:
            return
        if watcher.peer is not None:
            assert b'"recovered":true' in watcher.peer.hello or not watcher.peer.hello
            self.crowd.drop(watcher.peer)
            watcher.peer = None
        with contextlib.suppress(OSError):
            watcher.peer = Peer(self.person, f"?since={watcher.seq}&epoch={self.epoch}")
            watcher.recoveries += 1
            self.of[watcher.peer] = watcher
            self.crowd.add(watcher.peer)


@pytest.mark.timeout(240)
def test_kill_at_any_moment_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """After 20 kills: acknowledged saves are rows, rows are log entries, each client got exactly those."""
    chance = random.Random(20)
    server = Server(tmp_path)
    port, password = server.port, server.password
    watchers = Watchers(server, CLIENTS)
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in watchers.person.http.cookies.jar)
    headers = {"X-CSRFToken": watchers.person.csrf_token(), "Cookie": cookies}
    savers = [Saver(number, port, headers) for number in range(SAVERS)]
    for saver in savers:
        saver.start()
    try:
        for _ in range(KILLS):
            watchers.listen(chance.uniform(*LIFE_S))
            server.process.kill()
            server.stop()
            server = Server(tmp_path, port=port, password=password)
        watchers.listen(0.5)
        for saver in savers:
            saver.done.set()
            saver.join(10)
        head = server.health()["seq"]
        wait_until(lambda: watchers.have(head), what="all to catch up", timeout=START_S)
        watchers.listen(0.3)  # what came twice would come now
    finally:
        for saver in savers:
            saver.done.set()
        watchers.crowd.__exit__()
        server.stop()
    acknowledged = {name for saver in savers for name in saver.acknowledged}
    with contextlib.closing(sqlite3.connect(server.database)) as database:
        rows = [name for (name,) in database.execute("SELECT name FROM incident ORDER BY id")]
        log = database.execute(
            "SELECT seq, '{' || substr(message, 2) FROM notification ORDER BY seq"
        ).fetchall()
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert len(acknowledged) > KILLS * SAVERS  # each life served
    assert acknowledged <= set(rows)
    assert len(rows) - len(acknowledged) <= KILLS * SAVERS  # only those whose answer the kill cut off
    assert [seq for seq, _ in log] == list(range(1, len(log) + 1))
    assert [json.loads(message)["feature"]["properties"]["name"] for _, message in log] == rows
    for watcher in watchers.all:
        assert watcher.seqs == list(range(1, len(log) + 1))
        assert watcher.names == rows
    assert sum(watcher.recoveries for watcher in watchers.all) >= KILLS * CLIENTS / 2
