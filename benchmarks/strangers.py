"""The wait of other people while one stranger, or one careless account, sends expensive requests.

Each attack runs for a few seconds, on the load's core and in a process of its own. Meanwhile two probes use
the same server: one requests `/healthz`, one saves an incident. Each waits PAUSE_S after its answer. The
answers to the attacker do not matter here: tests check them.
"""

from __future__ import annotations

import contextlib
import json
import math
import multiprocessing
import os
import socket
import time
from collections.abc import Callable, Iterator
from itertools import count, repeat
from pathlib import Path
from typing import Any

from fill import fill
from load import Saver, Stuck, open_websocket, shake_hands, text_frame
from servers import Tracker

ATTACK_S = 6.0  # duration of an attack
TOY_S = 0.5
PAUSE_S = 0.005  # between an answer and the next request of a probe
GIVE_UP_S = 60.0  # without an answer to a probe
STRANGER = "127.0.0.2"  # the attacker's address; others have another
NICE = 10  # niceness of the attackers' processes: the probes share their core and must not wait for it
PIECE = 64 << 10  # bytes given to the system at once
INCIDENTS = 100_000  # in the database when a request counts the incidents in an area
AREAS, POSITIONS = 200, 9_999  # district boundaries
ZIGZAG = 9_993  # positions

Attack = Callable[["Target", float], None]


class Target:
    """The attacked server, and an attacker's knowledge of it: its port, a session and an API token."""

    def __init__(self, server: Tracker) -> None:
        self.port = server.port
        self.account = server.account
        self.token = server.token

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), GIVE_UP_S, source_address=(STRANGER, 0))

    def head(self, line: str, *headers: str) -> bytes:
        lines = (f"{line} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", *headers)
        return "\r\n".join((*lines, "", "")).encode()

    def post(self, path: str, body: bytes, kind: str, *headers: str) -> bytes:
        length = f"Content-Length: {len(body)}"
        return self.head(f"POST {path}", f"Content-Type: {kind}", length, *headers) + body

    def bearer(self) -> str:
        return f"Authorization: Bearer {self.token}"


def send_for(target: Target, seconds: float, opening: bytes, pieces: Iterator[bytes]) -> None:
    """Send an opening and then pieces on one connection; start again when the server closes."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError), target.connect() as sock:
            sock.sendall(opening)
            sock.settimeout(1)
            while time.monotonic() < end:
                sock.sendall(next(pieces))
        time.sleep(0.01)


def ask_for(target: Target, seconds: float, requests: Iterator[bytes], *, at_once: int = 4) -> None:
    """Send requests on this many connections, each after the answer to the one before."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.ExitStack() as stack:
            socks = [stack.enter_context(target.connect()) for _ in range(at_once)]
            for sock in socks:
                with contextlib.suppress(OSError):
                    sock.sendall(next(requests))
            for sock in socks:
                with contextlib.suppress(OSError):
                    sock.settimeout(max(0.1, end - time.monotonic()))
                    while piece := sock.recv(PIECE):
                        if piece.endswith((b"\r\n\r\n", b"0\r\n\r\n")):
                            break


def chunked(target: Target) -> bytes:
    return target.head("POST /nowhere", "Transfer-Encoding: chunked")


def chunk_extensions(target: Target, seconds: float) -> None:
    send_for(target, seconds, chunked(target), repeat(b"1;" + b"a" * 8000 + b"\r\nx\r\n"))


def trailers(target: Target, seconds: float) -> None:
    send_for(target, seconds, chunked(target) + b"0\r\n", repeat(b"a:b\r\n" * 10_000))


def small_chunks(target: Target, seconds: float) -> None:
    send_for(target, seconds, chunked(target), repeat(b"1\r\nx\r\n" * 10_000))


def spellings(target: Target, seconds: float) -> None:
    paths = (f"/vendor/{'./' * number}maplibre-gl.mjs{'/.' * (number % 2)}" for number in count(1))
    gzip = "Accept-Encoding: gzip"
    ask_for(target, seconds, (target.head(f"GET {path[:4000]}", gzip, "Connection: close") for path in paths))


def sign_ins(target: Target, seconds: float) -> None:
    page = target.account.token
    body = f"csrf_token={page}&username=nobody&password=wrong-password-of-nobody".encode()
    cookie = target.account.cookie().strip()
    kind = "application/x-www-form-urlencoded"
    request = target.post("/accounts/login/", body, kind, cookie, "Connection: close")
    ask_for(target, seconds, repeat(request), at_once=40)


def escapes(target: Target, seconds: float) -> None:
    kind = "application/x-www-form-urlencoded"
    request = target.post("/accounts/login/", b"csrf_token=" + b"%" * 1_000_000, kind, "Connection: close")
    ask_for(target, seconds, repeat(request))


def multipart(target: Target, seconds: float) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="a"\r\nX-Many: kinds\r\n\r\n\r\n'
    kind = "multipart/form-data; boundary=x"
    request = target.post(
        "/accounts/login/", part * (1_000_000 // len(part)) + b"--x--\r\n", kind, "Connection: close"
    )
    ask_for(target, seconds, repeat(request))


def json_bodies(target: Target, seconds: float) -> None:
    bodies = (
        b"[" * 1_000_000,
        b'{"a":' * 200_000,
        b'"' + b"\\u00e9" * 160_000 + b'"',
        b"[" + b"1," * 500_000 + b"1]",
    )
    kind = "application/geo+json"
    requests = [
        target.post("/api/incidents/", body, kind, target.bearer(), "Connection: close") for body in bodies
    ]
    ask_for(target, seconds, (requests[number % len(requests)] for number in count()))


def tiny_frames(target: Target, seconds: float) -> None:
    end = time.monotonic() + seconds
    frames = text_frame("x") * 2000
    while time.monotonic() < end:
        socks = []
        with contextlib.suppress(OSError, Stuck):
            for _ in range(50):
                sock = open_websocket(target.port, "/notifications", target.account.cookie())
                socks.append(sock)
                shake_hands(sock)
        while socks and time.monotonic() < end:
            for sock in list(socks):
                try:
                    sock.settimeout(0.05)
                    sock.sendall(frames)
                except OSError:
                    socks.remove(sock)
                    sock.close()
        time.sleep(0.05)


def detailed_areas(target: Target, seconds: float) -> None:
    path = "/tracker/area_of_interest/feature_collection/"
    ask_for(target, seconds, repeat(target.head(f"GET {path}", target.bearer(), "Connection: close")))


def inside_a_zigzag(target: Target, seconds: float) -> None:
    body = json.dumps({"type": "Feature", "geometry": zigzag(), "properties": {"severity": "Info"}}).encode()
    request = target.post(
        "/api/areas/inside/", body, "application/geo+json", target.bearer(), "Connection: close"
    )
    ask_for(target, seconds, repeat(request), at_once=2)


def saved_zigzag(target: Target, seconds: float) -> None:
    feature = {"type": "Feature", "geometry": zigzag(), "properties": {"name": "Zigzag", "severity": "Info"}}
    body = json.dumps(feature).encode()
    request = target.post("/api/areas/", body, "application/geo+json", target.bearer(), "Connection: close")
    ask_for(target, seconds, repeat(request), at_once=2)


ATTACKS: dict[str, Attack] = {
    "endless chunk extensions": chunk_extensions,
    "endless trailers": trailers,
    "chunks of one byte": small_chunks,
    "varied URLs of a large file": spellings,
    "40 sign-ins at once": sign_ins,
    "forms of 1 MB of percent signs": escapes,
    "multipart bodies of 1 MB": multipart,
    "JSON bodies of 1 MB": json_bodies,
    "50 sockets that send tiny frames": tiny_frames,
    f"the collection of {AREAS} areas of {POSITIONS:,} positions": detailed_areas,
    f"counting {INCIDENTS:,} incidents in a zigzag area": inside_a_zigzag,
    "saving that zigzag area": saved_zigzag,
}
NEEDS_AREAS = {detailed_areas, inside_a_zigzag, saved_zigzag}


def district(number: int) -> dict[str, Any]:
    """Return a polygon like a district's boundary: round, with many small bays."""
    west, south = (number % 20) * 8 - 80, (number // 20) * 8 - 40
    ring = []
    for step in range(POSITIONS - 1):
        angle = step / (POSITIONS - 1) * math.tau
        radius = 3 + 0.1 * math.sin(angle * 40) + 0.01 * math.sin(angle * 900)
        ring.append([round(west + radius * math.cos(angle), 7), round(south + radius * math.sin(angle), 7)])
    return {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}


def zigzag() -> dict[str, Any]:
    """Return a polygon across the world whose edges all cross every latitude."""
    teeth = (ZIGZAG - 3) // 2
    there = [[round(-170 + 340 * step / teeth, 7), 60 if step % 2 else -60] for step in range(teeth)]
    back = [[round(x + 0.01, 7), y] for x, y in reversed(there)]
    return {"type": "Polygon", "coordinates": [[*there, *back, there[0]]]}


def strangers(*, toy: bool) -> dict[str, Any]:
    """Run each attack in turn; return the 95th percentile and the longest of the probes' waits."""
    seconds, rows = TOY_S if toy else ATTACK_S, {}
    with Tracker() as server:
        for name, attack in ATTACKS.items():
            if attack not in NEEDS_AREAS:
                rows[name] = measure(server, attack, seconds)
    with Tracker() as server:
        fill(Path(server.folder.name, "tracker.db"), 1_000 if toy else INCIDENTS)
        target, number = Target(server), 2 if toy else AREAS
        kind, bearer = "application/geo+json", target.bearer()
        saver = Saver(server.port, (target.post("/api/areas/", area(i), kind, bearer) for i in count()))
        for _ in range(number):
            saver.ask()
        saver.sock.close()
        for name, attack in ATTACKS.items():
            if attack in NEEDS_AREAS:
                rows[name] = measure(server, attack, seconds)
    return {
        "seconds": seconds,
        "rows": rows,
        "p95_ms": max(row["p95_ms"] for row in rows.values()),
        "worst_ms": max(row["worst_ms"] for row in rows.values()),
    }


def area(number: int) -> bytes:
    properties = {"name": f"District {number}", "severity": "Urgent"}
    return json.dumps({"type": "Feature", "geometry": district(number), "properties": properties}).encode()


def measure(server: Tracker, attack: Attack, seconds: float) -> dict[str, float]:
    """Return the probes' waits in milliseconds during an attack, and in an equal time before it."""
    target = Target(server)
    peace = probe(server, seconds / 3)
    process = multiprocessing.get_context("fork").Process(target=run, args=(attack, target, seconds))
    process.start()
    times = probe(server, seconds)
    process.join(seconds + GIVE_UP_S)
    if process.is_alive():
        process.kill()
    return {
        "peace_p95_ms": percentile(peace, 0.95),
        "p95_ms": percentile(times, 0.95),
        "worst_ms": max(times),
    }


def run(attack: Attack, target: Target, seconds: float) -> None:
    os.nice(NICE)
    attack(target, seconds)


def probe(server: Tracker, seconds: float) -> list[float]:
    """Request `/healthz` and save, in turn, for some seconds; return the milliseconds of each."""
    health = f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode()
    probes = [Saver(server.port, repeat(health)), Saver(server.port, server.saves())]
    for one in probes:
        one.sock.settimeout(GIVE_UP_S)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for one in probes:
            one.ask()
            time.sleep(PAUSE_S)
    for one in probes:
        one.sock.close()
    return [seconds * 1e3 for one in probes for seconds in one.answers]


def percentile(times: list[float], share: float) -> float:
    return sorted(times)[int(len(times) * share)]
