"""The cost of clients that are idle, offer compression or never read, and of all clients for a save."""

from __future__ import annotations

import re
import signal
import statistics
import time
from itertools import count
from typing import Any

from fanout import Own, Relay, medians, one_message, ratio
from load import Saver, Sockets, notification, open_websocket, shake_hands, text_frame
from servers import CORE, PEERS, Tracker

DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
COUNT_GREENLETS = str(PEERS / "count_greenlets.py")
STALLED = 20
BIG = 8 << 10  # bytes of a notification; a stalled client may cost a part of one
CURSOR = 4 << 10  # the other bytes of a client, at most


def idle(*, toy: bool) -> dict[str, Any]:
    """Measure memory, descriptors and greenlets of a client that is silent after its hello."""
    clients = 60 if toy else 4000
    with Tracker(COUNT_GREENLETS) as server:
        server.connect(20).close()  # modules that the first use loads do not count
        time.sleep(0.5)
        memory, descriptors, greenlets = server.memory(), server.descriptors(), _greenlets(server)
        sockets = server.connect(clients)
        time.sleep(0.5)
        found = {
            "clients": clients,
            "kb": (server.memory() - memory) / clients / 1024,
            "descriptors": (server.descriptors() - descriptors) / clients,
            "greenlets": (_greenlets(server) - greenlets) / clients,
        }
        sockets.close()
    return found


def _greenlets(server: Tracker) -> int:
    said = server.output.count("greenlets")
    server.process.send_signal(signal.SIGUSR1)
    while server.output.count("greenlets") == said:
        time.sleep(0.02)
    return int(re.findall(r"(\d+) greenlets", server.output)[-1])


def saver(*, toy: bool) -> dict[str, Any]:
    """Measure the time of a save's answer, alone and with 4,000 clients, and of another request meanwhile."""
    clients, rounds = (60, 5) if toy else (4000, 40)
    with Tracker() as alone, Tracker() as busy:
        sockets = busy.connect(clients)
        servers = {"alone": alone, "busy": busy}
        savers = {name: Saver(server.port, server.saves()) for name, server in servers.items()}
        health = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        other = Saver(busy.port, (health for _ in count()))
        times: dict[str, list[float]] = {"alone": [], "busy": [], "other": []}
        for number in range(rounds + 3):
            sockets.settle()
            found: dict[str, float] = {}
            for name in list(servers)[:: 1 if number % 2 else -1]:
                found[name] = savers[name].ask()
                if name == "busy":
                    found["other"] = other.ask()
                    sockets.wait(1)  # otherwise the round would go on while the other server is measured
            if number >= 3:
                for name, seconds in found.items():
                    times[name].append(seconds * 1e3)
        sockets.close()
        for saver in (*savers.values(), other):
            saver.sock.close()
    return {
        "clients": clients,
        **{f"{name}_ms": statistics.median(found) for name, found in times.items()},
        "other_worst_ms": max(times["other"]),
        "crowded_to_alone": statistics.median(
            busy / alone for busy, alone in zip(times["busy"], times["alone"], strict=True)
        ),
    }


def compression(*, toy: bool) -> dict[str, Any]:
    """Measure the CPU of one message to 200 clients, with and without an offer of compression, in turn."""
    clients, rounds = (40, 3) if toy else (200, 41)
    plain, offering = Own(clients), Own(clients, DEFLATE)
    offering.name = "offering"
    try:
        rows = one_message([plain, offering], rounds)
    finally:
        plain.close()
        offering.close()
    return {
        "clients": clients,
        "rows": {name: medians(found) for name, found in rows.items()},
        "offering_to_plain": ratio(rows, "offering", plain.name, "cpu_us"),
    }


def stalled(*, toy: bool) -> dict[str, Any]:
    """Compare 200 clients, 20 of which never read, with 180 good ones, by messages of 8 KB."""
    clients, messages, parts = (40, 60, 3) if toy else (200, 1500, 10)
    good = clients - STALLED
    clean, burdened = Relay(CORE, good), Relay(CORE, good)
    before = {relay: relay.server.memory() for relay in (clean, burdened)}
    asleep = [open_websocket(burdened.server.port, "/") for _ in range(STALLED)]
    for sock in asleep:
        shake_hands(sock)
    times: dict[Relay, list[float]] = {clean: [], burdened: []}
    ratios = []
    try:
        for _ in range(parts):
            for relay in (clean, burdened):
                for _ in range(messages // parts):
                    times[relay].append(_deliver(relay.sockets, relay, BIG))
            part = messages // parts
            ratios.append(
                statistics.median(times[burdened][-part:]) / statistics.median(times[clean][-part:])
            )
        grown = {relay: relay.server.memory() - before[relay] for relay in (clean, burdened)}
    finally:
        for sock in asleep:
            sock.close()
        clean.close()
        burdened.close()
    extra = (grown[burdened] - grown[clean]) / 1e6
    bound = STALLED * (BIG + CURSOR) / 1e6  # both have a replay buffer
    return {
        "clients": clients,
        "stalled": STALLED,
        "messages": messages,
        "clean_ms": statistics.median(times[clean]),
        "burdened_ms": statistics.median(times[burdened]),
        "burdened_to_clean": statistics.median(ratios),
        "extra_mb": extra,
        "bound_mb": bound,
        "extra_to_bound": extra / bound,
    }


def _deliver(sockets: Sockets, relay: Relay, size: int) -> float:
    """Send one message; return the milliseconds until the last good client has it."""
    sockets.forget()
    start = time.perf_counter()
    relay.publishers[0].sendall(text_frame(notification(next(relay.numbers), size)))
    return (sockets.wait(1) - start) * 1e3
