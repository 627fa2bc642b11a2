"""How long others wait while browsers load a very large map: /healthz beside ten browsers, in one run.

    python benchmarks/browsers.py [INCIDENTS]     # 200,000 without a number

Each browser asks for the collection of open incidents, compressed, and reads it as it comes.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import socket
import statistics
import sys
import tempfile
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path

os.environ.setdefault("TRACKER_TESTS_PATIENCE", "5")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from fill import fill
from harness import Server
from load import is_whole

BROWSERS = 10
PAUSE_S = 0.01  # between an answer of /healthz and the next request
ALONE_S = 5.0
ROUNDS = 3
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def probe(port: int, over: threading.Event) -> list[float]:
    """Ask for /healthz until it is over. Return the wait for each answer in ms."""
    waits = []
    with socket.create_connection(("127.0.0.1", port), 60) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while not over.wait(PAUSE_S):
            started, received = time.perf_counter(), b""
            sock.sendall(HEALTH)
            while not is_whole(received):
                received += sock.recv(4096)
            waits.append((time.perf_counter() - started) * 1000)
    return waits


def browse(port: int, cookie: str, done: Connection) -> None:
    """Load the collection in so many browsers at once. Send (bytes of all, seconds of the last)."""
    head = (
        f"GET /tracker/incident/feature_collection/ HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookie}\r\n"
        "Accept-Encoding: gzip\r\nConnection: close\r\n\r\n"
    )
    sizes = [0] * BROWSERS
    starts: list[bytes] = [b""] * BROWSERS

    def load(number: int) -> None:
        with socket.create_connection(("127.0.0.1", port), 120) as sock:
            sock.sendall(head.encode())
            while piece := sock.recv(1 << 17):
                sizes[number] += len(piece)
                starts[number] = starts[number] or piece[:200]

    threads = [threading.Thread(target=load, args=(number,)) for number in range(BROWSERS)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(start.startswith(b"HTTP/1.1 200") for start in starts), starts
    assert min(sizes) == max(sizes), sizes
    done.send((sum(sizes), time.monotonic() - started))


def while_browsing(server: Server, cookie: str) -> tuple[list[float], int, float]:
    """Return the waits for /healthz meanwhile, the bytes of all browsers, and the seconds of the last."""
    over, waits = threading.Event(), []
    prober = threading.Thread(target=lambda: waits.extend(probe(server.port, over)))
    theirs, ours = multiprocessing.get_context("fork").Pipe()
    process = multiprocessing.get_context("fork").Process(target=browse, args=(server.port, cookie, theirs))
    process.start()
    prober.start()
    size, seconds = ours.recv()
    over.set()
    prober.join()
    process.join()
    return waits, size, seconds


def alone(server: Server) -> list[float]:
    """Return the waits for /healthz while nothing else happens."""
    over = threading.Event()
    threading.Timer(ALONE_S, over.set).start()
    return probe(server.port, over)


def shown(waits: list[float]) -> str:
    waits = sorted(waits)
    within = waits[int(len(waits) * 0.99)]
    return (
        f"median {statistics.median(waits):.1f} ms, 99 % within {within:.1f} ms, longest {waits[-1]:.1f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("incidents", nargs="?", type=int, default=200_000)
    incidents = parser.parse_args().incidents
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder))
        try:
            person = server.person()
            fill(server.database, incidents)
            cookie = f"{person.cookie_name}={person.cookie}"
            for _ in range(ROUNDS):
                print(f"/healthz alone: {shown(alone(server))}")
                person.save_incident("Changes the collection")  # or it would be the kept one
                waits, size, seconds = while_browsing(server, cookie)
                print(f"/healthz beside {BROWSERS} browsers: {shown(waits)}")
                print(f"  they got {size / BROWSERS / 1e6:.1f} MB each within {seconds:.1f} s", flush=True)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
