"""kill -9 at any moment under load loses no acknowledged save; clients get each entry once, in order."""

import contextlib
import http.client
import json
import random
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from harness import PATIENCE_S, Feature, Server, incident, square, wait_until
from peers import Peer, Sockets
from replay import assert_log_and_tables_agree, read_log

pytestmark = pytest.mark.slow

KILLS = 20
CLIENTS = 20
SAVERS = 4
LIVING = 10  # incidents that each of them has at once
SEVERITIES = ("Info", "Low", "Medium", "High", "Urgent")
AREAS = ((0, 10, "Medium"), (5, 10, "Low"), (12, 10, "Urgent"))  # west, size, severity; they overlap
PLACES = (2, 7, 10, 13, 18, 40)  # longitudes, each in others of them, the last in none
ENTRY_TYPES = {"post_save", "post_delete", "alert", "alert_acknowledged", "alert_cleared"}
LIFE_S = (0.05, 0.6)  # how long each server lives under load; a save takes some milliseconds


State = tuple[str, str, bool, float]  # of an incident: name, severity, closed, longitude


def body(state: State) -> Feature:
    name, severity, closed, longitude = state
    return incident(name, longitude, 5, severity=severity, closed=closed)


def state_of(stored: Feature) -> State:
    properties = stored["properties"]
    return (
        *(properties[name] for name in ("name", "severity", "closed")),
        stored["geometry"]["coordinates"][0],
    )


class Saver(threading.Thread):
    """A client that saves, changes and acknowledges without pause, also while the server is away.

    It keeps the answers. For a call that the crash interrupted, it keeps both possible results.
    """

    def __init__(self, number: int, port: int, headers: dict[str, str]) -> None:
        super().__init__(daemon=True)
        self.number, self.headers = number, headers
        self.chance = random.Random(number)
        self.http = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        self.answered = self.tries = 0
        self.mine: dict[int, State | None] = {}  # as last answered, by the incidents' numbers; None: deleted
        self.doubt: tuple[int, State | None] | None = None  # what a change without an answer would have made
        self.doubtful: set[str] = set()  # names of new incidents whose save got no answer
        self.notes: set[str] = set()  # with which alerts were acknowledged
        self.failed: list[str] = []
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.is_set():
            self.tries += 1
            try:
                self.resolve()
                self.chance.choice([self.report, self.change, self.change, self.delete, self.acknowledge])()
                self.answered += 1
            except (OSError, http.client.HTTPException):
                self.http.close()
                self.done.wait(0.02)
            except AssertionError as error:
                self.failed.append(str(error))
                break
        self.http.close()

    def call(self, method: str, path: str, content: object, *expected: int) -> Any:
        body = None if content is None else json.dumps(content)
        self.http.request(method, path, body, self.headers)
        with self.http.getresponse() as answer:
            text = answer.read()
            assert answer.status in expected, f"{method} {path}: {answer.status} {text!r}"
            return json.loads(text) if answer.status in (200, 201) else None

    def resolve(self) -> None:
        """Find out whether the change that got no answer was made."""
        if self.doubt is not None:
            pk, after = self.doubt
            stored = self.call("GET", f"/api/incidents/{pk}/", None, 200, 404)
            found = stored and state_of(stored)
            assert found in (self.mine[pk], after), f"neither {self.mine[pk]} nor {after}: {found}"
            self.mine[pk], self.doubt = found, None

    def report(self) -> None:
        living = [pk for pk, state in self.mine.items() if state is not None]
        if len(living) >= LIVING:
            return self.delete()
        state = (f"{self.number}.{self.tries}", self.chance.choice(SEVERITIES), False, self.place())
        self.doubtful.add(state[0])
        stored = self.call("POST", "/api/incidents/", body(state), 201)
        assert state_of(stored) == state
        self.doubtful.discard(state[0])
        self.mine[stored["properties"]["pk"]] = state
        return None

    def place(self) -> float:
        return float(self.chance.choice(PLACES))

    def any_of_mine(self) -> tuple[int, State] | None:
        living = [(pk, state) for pk, state in self.mine.items() if state is not None]
        return self.chance.choice(living) if living else None

    def change(self) -> None:
        """Move the incident, change its severity, close or open it, or all of that."""
        if (chosen := self.any_of_mine()) is not None:
            pk, (name, severity, closed, longitude) = chosen
            kept, new = (severity, closed, longitude), self.chance.random
            values = (
                self.chance.choice(SEVERITIES) if new() < 0.5 else kept[0],
                new() < 0.3 if new() < 0.5 else kept[1],
                self.place() if new() < 0.5 else kept[2],
            )
            self.put(pk, (name, *values), "PATCH", 200)

    def delete(self) -> None:
        if (chosen := self.any_of_mine()) is not None:
            self.put(chosen[0], None, "DELETE", 204)

    def put(self, pk: int, after: State | None, method: str, status: int) -> None:
        self.doubt = pk, after
        self.call(method, f"/api/incidents/{pk}/", after and body(after), status)
        self.mine[pk], self.doubt = after, None

    def acknowledge(self) -> None:
        alerts = self.call("GET", "/api/alerts/", None, 200)["alerts"]
        waiting = [alert["id"] for alert in alerts if alert["state"] == "open"]
        if waiting:
            some = self.chance.sample(waiting, min(2, len(waiting)))
            note = f"{self.number}.{self.tries} is on the way"
            answer = self.call("POST", "/api/alerts/acknowledge/", {"alerts": some, "note": note}, 200)
            if any(alert["note"] == note for alert in answer["alerts"]):
                self.notes.add(note)


class Watcher:
    """A client that reconnects whenever the connection ends, with the seq of its last message."""

    def __init__(self) -> None:
        self.seq = 0
        self.messages: list[bytes] = []
        self.peer: Peer | None = None
        self.recoveries = 0


class Watchers:
    """All watchers, read by one selector."""

    def __init__(self, server: Server, count: int) -> None:
        self.person = server.person()
        self.epoch = self.person.collection()["epoch"]
        self.sockets = Sockets(self.take)
        self.all = [Watcher() for _ in range(count)]
        self.of: dict[Peer, Watcher] = {}

    def take(self, peer: Peer, seq: int, message: bytes) -> None:
        watcher = self.of[peer]
        watcher.seq = seq
        watcher.messages.append(message)

    def listen(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.sockets.listen(min(left, 0.02))
            for watcher in self.all:
                self.look_after(watcher)

    def have(self, head: int) -> bool:
        self.listen(0.1)
        return all(watcher.seq == head for watcher in self.all)

    def look_after(self, watcher: Watcher) -> None:
        """Reconnect the watcher if its connection has ended."""
        if watcher.peer is not None and not watcher.peer.closed:
            return
        if watcher.peer is not None:
            assert b'"recovered":true' in watcher.peer.hello or not watcher.peer.hello
            self.sockets.drop(watcher.peer)
            watcher.peer = None
        with contextlib.suppress(OSError):
            watcher.peer = Peer(self.person, f"?since={watcher.seq}&epoch={self.epoch}")
            watcher.recoveries += 1
            self.of[watcher.peer] = watcher
            self.sockets.add(watcher.peer)


@pytest.mark.timeout(240)
def test_kill_at_any_moment_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """After 20 kills during changes no answered change is lost, and each client has the whole log.

    A client that reads only the log knows exactly the incidents and the open alerts of the tables.
    """
    chance = random.Random(20)
    server = Server(tmp_path)
    port, password = server.port, server.password
    watchers = Watchers(server, CLIENTS)
    for west, size, severity in AREAS:
        watchers.person.save_area(f"From {west}", square(west, 0, size), severity=severity)
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in watchers.person.http.cookies.jar)
    headers = {
        "X-CSRFToken": watchers.person.csrf_token(),
        "Cookie": cookies,
        "Content-Type": "application/json",
    }
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
        wait_until(lambda: watchers.have(head), what="all to catch up", timeout=PATIENCE_S)
        watchers.listen(0.3)  # an entry that is sent twice would arrive now
    finally:
        for saver in savers:
            saver.done.set()
        watchers.sockets.__exit__()
        server.stop()
    log = read_log(server.database)
    for watcher in watchers.all:
        assert watcher.messages == log
    assert sum(watcher.recoveries for watcher in watchers.all) >= KILLS * CLIENTS / 2
    assert [saver.failed for saver in savers] == [[]] * SAVERS
    assert sum(saver.answered for saver in savers) > KILLS * SAVERS  # each life served
    replay = assert_log_and_tables_agree(server.database)
    stored = {id_: feature for id_, feature in replay.features.items() if id_.startswith("Incident:")}
    assert_answers_hold(savers, {int(id_[9:]): state_of(feature) for id_, feature in stored.items()})
    messages = [json.loads(message) for message in log]
    notes = {message["note"] for message in messages if message["type"] == "alert_acknowledged"}
    assert set().union(*(saver.notes for saver in savers)) <= notes
    assert {message["type"] for message in messages} == ENTRY_TYPES


def assert_answers_hold(savers: list[Saver], stored: dict[int, State]) -> None:
    """Check that all answered changes are stored, and no change that was not requested."""
    for saver in savers:
        for pk, state in saver.mine.items():
            possible = [state, saver.doubt[1]] if saver.doubt and saver.doubt[0] == pk else [state]
            assert stored.pop(pk, None) in possible, (pk, possible)
    doubtful = set().union(*(saver.doubtful for saver in savers))
    assert {name for name, *_ in stored.values()} <= doubtful
    assert len(stored) <= KILLS * SAVERS
