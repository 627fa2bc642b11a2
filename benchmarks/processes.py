"""How much two processes with --share-port do beside one: pages and saves a second, in turns, in one run.

    python benchmarks/processes.py [SECONDS]     # of each measurement, 5 without a number

The load runs on the same cores, so the ratio is lower than with a load on another machine. Linux only.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import re
import selectors
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("TRACKER_TESTS_PATIENCE", "5")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from harness import Server, free_port, run_tracker
from load import is_whole

CONNECTIONS = 16  # the system deals them out among the processes
LOADERS = 2  # processes that send requests
WARM_S = 2.0  # of a new process
ROUNDS = 4  # of one process, then two


def ask(port: int, request: bytes, seconds: float) -> int:
    """Send the request again and again on some connections. Return how many answers came."""
    count = 0
    with selectors.DefaultSelector() as selector:
        for _ in range(CONNECTIONS // LOADERS):
            sock = socket.create_connection(("127.0.0.1", port), 30)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(sock, selectors.EVENT_READ, bytearray())
            sock.sendall(request)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for key, _ in selector.select(0.1):
                sock, received = key.fileobj, key.data
                assert isinstance(sock, socket.socket)
                received += sock.recv(1 << 16)
                if is_whole(bytes(received)):
                    assert received.startswith(b"HTTP/1.1 20"), bytes(received[:300])
                    received.clear()
                    count += 1
                    sock.sendall(request)
        for key in list(selector.get_map().values()):
            assert isinstance(key.fileobj, socket.socket)
            key.fileobj.close()
    return count


class Rate(NamedTuple):
    """Answers a second, and milliseconds of the servers' CPU for each."""

    answers: float
    cpu_ms: float


def rate(servers: list[Server], request: bytes, seconds: float) -> Rate:
    """Send the request to the port of these servers for so long."""
    before = sum(cpu_of(server) for server in servers)
    with multiprocessing.get_context("fork").Pool(LOADERS) as pool:
        count = sum(pool.starmap(ask, [(servers[0].port, request, seconds)] * LOADERS))
    return Rate(count / seconds, (sum(cpu_of(server) for server in servers) - before) / count * 1000)


def cpu_of(server: Server) -> float:
    """Return the seconds of CPU that a server has used."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def requests(server: Server) -> dict[str, bytes]:
    """Return the bytes of a request for a page, and of a save."""
    person = server.person()
    env = {"TRACKER_DATABASE": str(server.database)}
    token = re.search(
        r"tracker_\S+", run_tracker(server.folder, "token", "add", "admin", "x", env=env).stdout
    )
    assert token
    place = {"type": "Point", "coordinates": [1, 2]}
    body = json.dumps({"type": "Feature", "geometry": place, "properties": {"name": "Fire"}})
    cookie = f"Cookie: {person.cookie_name}={person.cookie}\r\n"
    page = f"GET /tracker/incident/create/ HTTP/1.1\r\nHost: 127.0.0.1\r\n{cookie}\r\n"
    save = (
        f"POST /api/incidents/ HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token[0]}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )
    return {"pages": page.encode(), "saves": save.encode()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("seconds", nargs="?", type=float, default=5)
    seconds = parser.parse_args().seconds
    quiet = {"TRACKER_LOG_LEVEL": "error"}
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        first = Server(Path(folder), "--share-port", port=port, env=quiet)
        asked = requests(first)
        found: dict[tuple[str, int], list[Rate]] = {}
        for _ in range(ROUNDS):
            for kind, request in asked.items():
                found.setdefault((kind, 1), []).append(rate([first], request, seconds))
            second = Server(Path(folder), "--share-port", port=port, password=first.password, env=quiet)
            for request in asked.values():
                rate([first, second], request, WARM_S)  # it compiles its templates
            for kind, request in asked.items():
                found.setdefault((kind, 2), []).append(rate([first, second], request, seconds))
            second.stop()
        first.stop()
    for kind in asked:
        one, two = found[kind, 1], found[kind, 2]
        for name, rates in (("one process", one), ("two processes", two)):
            answers, cpu = (statistics.median(column) for column in zip(*rates, strict=True))
            print(f"{kind}, {name}: {answers:.0f} a second, {cpu:.2f} ms of CPU each")
        ratios = [b.answers / a.answers for a, b in zip(one, two, strict=True)]
        costs = [b.cpu_ms / a.cpu_ms for a, b in zip(one, two, strict=True)]
        print(
            f"  two to one, median of rounds: {statistics.median(ratios):.2f} times as many a second, ",
            end="",
        )
        print(f"{statistics.median(costs):.2f} times the CPU for each")


if __name__ == "__main__":
    main()
