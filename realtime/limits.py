"""All limits of the group: its waits, and the bytes that it keeps and accepts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The limits of a group of clients."""

    buffer_bytes: int = 8 << 20  # of recent frames in memory; a client further behind reads the log
    chunk_bytes: int = 64 << 10  # read from the log, or offered to a socket, at once: a millisecond or less
    slice_clients: int = 200  # after which a round pauses so that requests are answered: 2 ms
    # After a round entries gather for the next. Without that, 500 saves to 1,000 clients cost 1.29 times the
    # CPU for each delivery (median of 3 pairs, on a machine with other work).
    cool_down: int = 3  # times as long as the round took: sending then takes a quarter of the time,
    max_cool_down_s: float = 0.05  # but not so long that anybody notices: it takes more after 17 ms
    heartbeat_s: float = 25.0  # of silence, then clients get a heartbeat; proxies cut connections at 30 or 60
    ping_s: float = 20.0  # between pings; a peer that sends nothing between two of them is dead
    max_lag_s: float = 30.0  # without progress; a phone that changes cells is back within this
    close_s: float = 5.0  # for the peer to answer a close frame
    max_message_bytes: int = 4 << 10  # from a client, of which no message is expected
    frames_per_s: float = 5.0  # from one client, on average; a browser sends one pong every ping_s
    frames_at_once: float = 100.0  # after a silence: a chatty library, or frames sent byte by byte
    read_cost: float = 0.25  # frames: the cost of reading from the socket beside that of parsing a frame
    send_buffer_bytes: int = 128 << 10  # the kernel may hold for one client, and doubles it
