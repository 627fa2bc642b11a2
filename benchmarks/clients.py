"""What clients cost that do nothing, offer compression or never read, and what the saver pays for them."""

from __future__ import annotations

import re
import signal
import statistics
import time
from itertools import count
from typing import Any

from fanout import Own, Relay, medians, one_message, ratio
from load import Crowd, Saver, notification, open_websocket, shake_hands, text_frame
from servers import CORE, PEERS, Tracker

DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
COUNT_GREENLETS = str(PEERS / "count_greenlets.py")
STALLED = 20
BIG = 8 << 10  # bytes of a notification, of which a stalled client may have the rest of one
CURSOR = 4 << 10  # bytes of a client otherwise, at most


def idle(*, toy: bool) -> dict[str, Any]:
    """Memory, descriptors and greenlets of a client that has been greeted and is silent."""
    clients = 60 if toy else 4000
    with Tracker(COUNT_GREENLETS) as server:
        server.crowd(20).close()  # what is loaded at the first use is no client's
        time.sleep(0.5)
        memory, descriptors, greenlets = server.memory(), server.descriptors(), _greenlets(server)
        crowd = server.crowd(clients)
        time.sleep(0.5)
        found = {
            "clients": clients,
            "kb": (server.memory() - memory) / clients / 1024,
            "descriptors": (server.descriptors() - descriptors) / clients,
            "greenlets": (_greenlets(server) - greenlets) / clients,
        }
        crowd.close()
    return found


def _greenlets(server: Tracker) -> int:
    said = server.output.count("greenlets")
    server.process.send_signal(signal.SIGUSR1)
    while server.output.count("greenlets") == said:
        time.sleep(0.02)
    return int(re.findall(r"(\d+) greenlets", server.output)[-1])


def saver(*, toy: bool) -> dict[str, Any]:
    """The time of a save's answer, alone and with 4,000 clients, and of another request in the round."""
    clients, rounds = (60, 5) if toy else (4000, 40)
    with Tracker() as alone, Tracker() as crowded:
        crowd = crowded.crowd(clients)
        servers = {"alone": alone, "crowded": crowded}
        savers = {name: Saver(server.port, server.saves()) for name, server in servers.items()}
        health = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        other = Saver(crowded.port, (health for _ in count()))
        times: dict[str, list[float]] = {"alone": [], "crowded": [], "other": []}
        for number in range(rounds + 3):
            crowd.settle()
            found: dict[str, float] = {}
            for name in list(servers)[:: 1 if number % 2 else -1]:
                found[name] = savers[name].ask()
                if name == "crowded":
                    found["other"] = other.ask()
                    crowd.wait(1)  # or the round would still go on beside the server that is alone
            if number >= 3:
                for name, seconds in found.items():
                    times[name].append(seconds * 1e3)
        crowd.close()
        for saver in (*savers.values(), other):
            saver.sock.close()
    return {
        "clients": clients,
        **{f"{name}_ms": statistics.median(found) for name, found in times.items()},
        "other_worst_ms": max(times["other"]),
        "crowded_to_alone": statistics.median(
            crowded / alone for crowded, alone in zip(times["crowded"], times["alone"], strict=True)
        ),
    }


def compression(*, toy: bool) -> dict[str, Any]:
    """CPU of one message to 200 clients that offer compression, and to 200 that don't, in turn."""
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
    """200 clients of whom 20 never read, beside 180 good ones alone: one message of 8 KB after the other."""
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
                    times[relay].append(_deliver(relay.crowd, relay, BIG))
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
    bound = STALLED * (BIG + CURSOR) / 1e6  # the ring is in both
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


def _deliver(crowd: Crowd, relay: Relay, size: int) -> float:
    """Send one message; return milliseconds to the last good client."""
    crowd.forget()
    start = time.perf_counter()
    relay.publishers[0].sendall(text_frame(notification(next(relay.numbers), size)))
    return (crowd.wait(1) - start) * 1e3
