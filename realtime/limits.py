"""How long the group waits, and how much it keeps and takes: one place for all its limits."""

from __future__ import annotations

BUFFER_BYTES = 8 << 20  # of recent frames in memory; a client that is further behind reads the log
CHUNK_BYTES = 64 << 10  # read from the log, or offered to a socket, at once: a millisecond or less
SLICE = 200  # clients; a round pauses after each so that requests are answered: 2 ms
# After a round entries gather for the next. Without that, 500 saves to 1,000 clients cost 1.29 times the CPU
# for each delivery (median of 3 pairs, on a machine with other work).
COOL_DOWN = 3  # times as long as the round took: sending then takes a quarter of the time,
MAX_COOL_DOWN_S = 0.05  # but not so long that anybody notices: after a round of over 17 ms it takes more
HEARTBEAT_S = 25.0  # of silence, after which clients get a heartbeat; proxies cut connections at 30 or 60
PING_S = 20.0  # between pings; a peer that sends nothing between two of them is dead
MAX_LAG_S = 30.0  # without progress; a phone that changes cells is back within this
CLOSE_S = 5.0  # for the peer to answer a close frame
MAX_MESSAGE = 4 << 10  # bytes from a client, of which no message is expected
FRAMES_PER_S = 5.0  # from one client in the long run; a browser sends one pong every PING_S
FRAMES_AT_ONCE = 100.0  # after a silence: a chatty library, or frames sent byte by byte
READ_COST = 0.25  # frames: the cost of reading from the socket beside that of parsing a frame
SEND_BUFFER = 128 << 10  # bytes the kernel may hold for one client, which it doubles: slow clients stay cheap
