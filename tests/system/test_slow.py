"""Slow, silent and vanished clients and long replays do not disturb other clients."""

import contextlib
import http.client
import json
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import StartServer
from harness import ROOT, Person, Server, incident, wait_until
from peers import IMPATIENT, Peer, Sockets, descriptors, handshake, resident_bytes

SUPPORT = ROOT / "tests" / "support"
GOOD, STALLED, RETURNERS, ENTRIES = 20, 50, 3, 2000
MAX_GROWTH = 20 << 20  # bytes of server memory that the stalled clients may take
LONG_LOG = 50_000
PROBE = """
import socket, sys
peer = socket.create_connection((sys.argv[1], int(sys.argv[2])), 10)
peer.sendall(bytes.fromhex(sys.argv[3]))
print(peer.recv(12).decode(), flush=True)
sys.stdin.read()
"""


pytestmark = pytest.mark.slow

RETURNING = """
import json, sys
sys.path.insert(0, "..")
from harness import Person
from peers import Sockets, Peer

url, cookie, query, count, last = sys.argv[1:]
person, count, last = Person(url), int(count), int(last)
person.http.cookies.set(*cookie.split("=", 1))
def check(peer, seq, message):
    found = json.loads(message)
    assert (found["seq"], found["type"]) == (seq, "post_save")
    assert found["feature"]["type"] == "Feature"
with Sockets(check) as sockets:
    for _ in range(count):
        sockets.add(Peer(person, query))
    sockets.listen_until(lambda: all(peer.seqs[-1:] > [last] for peer in sockets.peers), 90, "the replay")
    for peer in sockets.peers:
        assert b'"recovered":true' in peer.hello
        assert peer.seqs == list(range(1, len(peer.seqs) + 1))
print("whole")
"""  # a process of its own, so that its work does not delay the measured clients


class Saves:
    """A thread saves incidents one after another, and records the time of each by its expected seq."""

    def __init__(self, server: Server, person: Person, pause: float = 0) -> None:
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in person.http.cookies.jar)
        self._headers = {"X-CSRFToken": person.csrf_token(), "Cookie": cookies}
        self._headers["Content-Type"] = "application/geo+json"
        self._server = server
        self._pause = pause
        self.sent: dict[int, float] = {}
        self.failed: list[int] = []

    @contextlib.contextmanager
    def under_way(self, count: int) -> Iterator[None]:
        stop = threading.Event()
        head = self._server.health()["seq"]  # not by the thread: two at once would leave a connection behind
        thread = threading.Thread(target=self._run, args=(count, head, stop))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
        assert not self.failed

    def _run(self, count: int, seq: int, stop: threading.Event) -> None:
        body = json.dumps(incident("Measured", description="d" * 900))
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self._server.port)) as connection:
            for _ in range(count):
                seq += 1
                self.sent[seq] = time.monotonic()
                connection.request("POST", "/api/incidents/", body, self._headers)
                with connection.getresponse() as answer:
                    answer.read()
                    if answer.status != 201:
                        self.failed.append(answer.status)
                if stop.wait(self._pause) if self._pause else stop.is_set():
                    return


@pytest.mark.timeout(240)
def test_stalled_clients_cost_little_and_miss_nothing(start_server: StartServer) -> None:
    """Beside 50 stalled clients, 20 readers get 2,000 entries; the memory hardly grows.

    `benchmarks/run.py stalled` measures that the stalled clients delay nobody.
    """
    server = impatient(start_server, "MAX_LAG_S=600")
    person = server.person()
    before = resident_bytes(server.process.pid)
    head = server.health()["seq"]
    stalled = [Peer(person, receive_buffer=4096) for _ in range(STALLED)]
    with contextlib.ExitStack() as closing, Sockets(parsed) as readers:
        for peer in stalled:
            closing.callback(peer.sock.close)
        for _ in range(GOOD):
            readers.add(Peer(person))
        with Saves(server, person).under_way(ENTRIES):
            readers.listen_until(
                lambda: all(p.seqs[-1:] == [head + ENTRIES] for p in readers.peers), 120, "all entries"
            )
        assert resident_bytes(server.process.pid) - before < MAX_GROWTH
        assert server.health()["clients"] == GOOD + STALLED
        with Sockets(parsed) as sockets:  # and when they read again, nothing is missing
            for peer in stalled[:5]:
                sockets.add(peer)
            sockets.listen_until(
                lambda: all(p.seqs[-1:] == [head + ENTRIES] for p in sockets.peers), 30, "them to catch up"
            )
        for peer in (*readers.peers, *stalled[:5]):
            assert peer.seqs == list(range(head + 1, head + ENTRIES + 1))


def parsed(_peer: Peer, seq: int, message: bytes) -> None:
    """Check that an entry is whole JSON that fits its frame, and return it."""
    found = json.loads(message)
    assert found["seq"] == seq
    assert found["feature"]["properties"]["name"] == "Measured"


# A long way back


@pytest.fixture(scope="module")
def long_log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a long log."""
    server = Server(tmp_path_factory.mktemp("long"))
    server.stop()
    feature = {"type": "Feature", "properties": {"name": "Long ago", "description": "d" * 300}}
    message = json.dumps({"type": "post_save", "created": True, "feature": feature}, separators=(",", ":"))
    with contextlib.closing(sqlite3.connect(server.database)) as database, database:
        database.executemany(
            "INSERT INTO notification (model, object_id, created, message) VALUES ('Incident', ?, '2026', ?)",
            ((n, message) for n in range(LONG_LOG)),
        )
    again = Server(server.folder, password=server.password)
    yield again
    again.stop()


@pytest.mark.timeout(180)
def test_long_replay_costs_little_and_stops_nobody(long_log: Server) -> None:
    """50,000 entries go to each replaying client in order, while live clients are served at once."""
    person = long_log.person()
    epoch = person.collection()["epoch"]
    saves = Saves(long_log, person, pause=0.01)
    live: list[int] = []
    with Sockets(lambda _peer, seq, _message: live.append(seq)) as near:
        for _ in range(3):
            near.add(Peer(person))
        with saves.under_way(100_000):
            near.listen_until(lambda: len(live) >= 150, 30, "the live clients to be told")
            live.clear()
            before = growth = resident_bytes(long_log.process.pid)
            arguments = [
                person.url,
                f"{person.cookie_name}={person.cookie}",
                f"?since=0&epoch={epoch}",
                RETURNERS,
                LONG_LOG,
            ]
            command = [sys.executable, "-c", RETURNING, *map(str, arguments)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=SUPPORT) as returning:
                while returning.poll() is None:
                    near.listen(0.05)
                    growth = max(growth, resident_bytes(long_log.process.pid))
                assert returning.stdout
                assert returning.stdout.read() == b"whole\n"
    assert len(live) > 30
    assert growth - before < MAX_GROWTH


# Too slow, and gone


def impatient(start_server: StartServer, *limits: str, **settings: Any) -> Server:
    return start_server(program=[IMPATIENT, *limits, "--"], **settings)


def test_client_that_makes_no_progress_is_closed_with_1013(start_server: StartServer) -> None:
    """After MAX_LAG_S the client is closed. When it reads later, it gets whole frames and the close."""
    server = impatient(start_server, "MAX_LAG_S=1", "CLOSE_S=1")
    person = server.person()
    at_rest = descriptors(server.process.pid)
    with Peer(person, receive_buffer=4096) as peer:
        with Saves(server, person, pause=0.001).under_way(2000):
            wait_until(lambda: server.health()["clients"] == 0, what="it to be given up")
        wait_until(lambda: descriptors(server.process.pid) <= at_rest, what="its descriptor to be closed")
        deadline = time.monotonic() + 10
        while not peer.closed:
            assert time.monotonic() < deadline
            peer.note(peer.receive())
            time.sleep(0.001)
        assert peer.close_code == 1013
        assert peer.seqs == list(range(1, len(peer.seqs) + 1))
        epoch = person.collection()["epoch"]
        with Peer(person, f"?since={peer.seqs[-1]}&epoch={epoch}") as again, Sockets() as sockets:
            sockets.add(again)
            head = server.health()["seq"]
            sockets.listen_until(lambda: again.seqs[-1:] == [head], 10, "the client to catch up")
            assert again.seqs[0] == peer.seqs[-1] + 1


def test_silence_is_broken_for_everybody(start_server: StartServer) -> None:
    """Without entries every client is sent the head again and again, which is no entry of the log."""
    server = impatient(start_server, "HEARTBEAT_S=0.3")
    person = server.person()
    person.save_incident("The last for long")
    with person.watch() as one, person.watch() as two:
        for watch in (one, two):
            beats = [watch.next() for _ in range(3)]
            assert beats == [{"type": "heartbeat", "seq": watch.hello["seq"]}] * 3
        person.save_incident("The next")
        assert one.wait_for_type("post_save", "The next")["seq"] == one.hello["seq"] + 1


def test_peer_without_pongs_is_removed(start_server: StartServer) -> None:
    """A proxy that has lost its client reads bytes and answers nothing, so the client is removed."""
    server = impatient(start_server, "PING_S=1")
    person = server.person()
    at_rest = descriptors(server.process.pid)
    with Peer(person) as silent, Sockets() as sockets:
        alive = sockets.add(Peer(person))
        sockets.listen_until(lambda: server.health()["clients"] == 1, 10, "it to be removed")
        assert descriptors(server.process.pid) <= at_rest + 1
        person.save_incident("After its death")
        sockets.listen_until(lambda: len(alive.seqs) == 1, 5, "the other to get the entry")
        wait_until(lambda: silent.receive() == [] and silent.closed)
        assert silent.close_code is None


def run(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def other_host() -> Iterator[tuple[str, str]]:
    """Return a network namespace: (its name, our address as seen from there)."""
    name, here, there = "tracker-test", "trkr-here", "trkr-there"
    ours, theirs = "198.51.100.1", "198.51.100.2"  # of TEST-NET-2
    made = run("ip", "netns", "add", name) and run(
        "ip", "link", "add", here, "type", "veth", "peer", "name", there, "netns", name
    )
    try:
        if not made:
            pytest.skip("only root may make a network namespace")
        assert run("ip", "addr", "add", f"{ours}/30", "dev", here)
        assert run("ip", "link", "set", here, "up")
        assert run("ip", "-n", name, "addr", "add", f"{theirs}/30", "dev", there)
        assert run("ip", "-n", name, "link", "set", there, "up")
        yield name, ours
    finally:
        run("ip", "netns", "del", name)
        run("ip", "link", "del", here)


def test_host_that_vanishes_is_noticed(start_server: StartServer, other_host: tuple[str, str]) -> None:
    """A client whose network disappears is removed, also while entries are sent to it."""
    namespace, address = other_host
    server = impatient(start_server, "PING_S=1", host=address)
    person = server.person()
    at_rest = descriptors(server.process.pid)
    command = ["ip", "netns", "exec", namespace, sys.executable, "-c", PROBE, address, str(server.port)]
    with (
        subprocess.Popen(
            [*command, handshake(person).hex()], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as far,
        Sockets() as sockets,
    ):
        assert far.stdin
        assert far.stdout
        assert b"101" in far.stdout.readline()
        near = sockets.add(Peer(person))
        assert server.health()["clients"] == 2
        assert run("ip", "-n", namespace, "link", "set", "trkr-there", "down")
        person.save_incident("To a dead link")
        sockets.listen_until(lambda: server.health()["clients"] == 1, 10, "it to be removed")
        assert descriptors(server.process.pid) <= at_rest + 1
        sockets.listen_until(lambda: len(near.seqs) == 1, 5, "the other to get the entry")
        far.stdin.close()
