"""Thousands of protocol violations get the right close code and disturb no other client.

The requirements of RFC 6455 for a server are the oracle. The cases come from a seeded generator.
"""

import random
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import NamedTuple

import pytest
from harness import PATIENCE_S, Person, Server, Watch, wait_until
from peers import CLOSE, KEY, PING, PONG, TEXT, Peer, Sockets, descriptors, handshake, masked, resident_bytes

pytestmark = pytest.mark.slow

BINARY, CONTINUATION = 0x2, 0x0
FRAMES = 3000  # cases of bad or odd frames
HANDSHAKES = 1500  # cases of half or odd handshakes
ABREAST = 40  # connections at once
BIG = 4 << 10  # bytes of a message, from which on it is too big
REFUSED = {0, *range(400, 500), 505}  # 0: no answer at all
INVALID_UTF8 = [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"ok\x80", b"\xe2\x82"]


class Case(NamedTuple):
    """The bytes of a client, and the close code that it must get; None: it stays connected."""

    data: bytes
    code: int | None
    pongs: tuple[bytes, ...] = ()


Make = Callable[[random.Random], Case]


def header(first: int, second: int, *more: int) -> bytes:
    return bytes([first, second, *more])


def unmasked(chance: random.Random) -> Case:
    payload = chance.randbytes(chance.randrange(126))
    return Case(header(0x80 | chance.choice([TEXT, BINARY, PING, PONG, CLOSE]), len(payload)) + payload, 1002)


def reserved_bit(chance: random.Random) -> Case:
    opcode = chance.choice([TEXT, BINARY, PING, PONG])
    return Case(masked(opcode, b"x", rsv=chance.randrange(1, 8)), 1002)


def reserved_opcode(chance: random.Random) -> Case:
    return Case(masked(chance.choice([3, 4, 5, 6, 7, 11, 12, 13, 14, 15]), b"x"), 1002)


def fragmented_control(chance: random.Random) -> Case:
    return Case(masked(chance.choice([PING, PONG, CLOSE]), b"", fin=False), 1002)


def long_control(chance: random.Random) -> Case:
    payload = chance.randbytes(chance.choice([126, 132, 133, 200, 70_000]))
    return Case(masked(chance.choice([PING, PONG, CLOSE]), payload), 1002)


def long_length(chance: random.Random) -> Case:
    """Return a frame whose length takes too many bytes, or has its highest bit set."""
    size = chance.randrange(126)
    form = chance.choice(["!BBH", "!BBQ", "msb"])
    if form == "msb":
        return Case(struct.pack("!BBQ", 0x82, 0xFF, 1 << 63 | size) + b"mask", 1002)
    return Case(struct.pack(form, 0x82, 0xFE if form == "!BBH" else 0xFF, size) + b"mask" + bytes(size), 1002)


def stray_continuation(chance: random.Random) -> Case:
    before = masked(TEXT, b"whole") if chance.random() < 0.5 else b""
    return Case(before + masked(CONTINUATION, b"?", fin=chance.random() < 0.5), 1002)


def message_in_a_message(chance: random.Random) -> Case:
    kind = chance.choice([TEXT, BINARY])
    return Case(masked(kind, b"a", fin=False) + masked(chance.choice([TEXT, BINARY]), b"b"), 1002)


def invalid_utf8(chance: random.Random) -> Case:
    bad = chance.choice(INVALID_UTF8)
    data = "Ωmega ".encode() * chance.randrange(20) + bad
    if chance.random() < 0.5:
        return Case(masked(TEXT, data), 1007)
    cut = chance.randrange(len(data))
    return Case(masked(TEXT, data[:cut], fin=False) + masked(CONTINUATION, data[cut:]), 1007)


def too_big(chance: random.Random) -> Case:
    size = BIG + chance.choice([1, 100, 1000, 100_000])
    kind = chance.choice([TEXT, BINARY])
    how = chance.randrange(3)
    if how == 0:
        return Case(masked(kind, b"x" * size), 1009)
    if how == 1:  # says that it is much bigger
        return Case(struct.pack("!BBQ", 0x80 | kind, 0xFF, 1 << 40) + b"\0\0\0\0" + b"x" * size, 1009)
    pieces = [masked(CONTINUATION, b"x" * 500, fin=False) for _ in range(size // 500 + 1)]
    return Case(masked(kind, b"", fin=False) + b"".join(pieces), 1009)


def valid_close(chance: random.Random) -> Case:
    if chance.random() < 0.2:
        return Case(masked(CLOSE), 1005)
    code = chance.choice([1000, 1001, 1002, 1003, 1007, 1011, chance.randrange(3000, 5000)])
    return Case(masked(CLOSE, struct.pack("!H", code) + "bye é".encode()) + masked(TEXT, b"late"), code)


def invalid_close(chance: random.Random) -> Case:
    if chance.random() < 0.2:
        return Case(masked(CLOSE, b"\x03"), 1002)
    if chance.random() < 0.2:
        return Case(masked(CLOSE, b"\x03\xe8" + chance.choice(INVALID_UTF8)), 1007)
    code = chance.choice([0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535])
    return Case(masked(CLOSE, struct.pack("!H", code)), 1002)


def interleaved_control(chance: random.Random) -> Case:
    """Return a long fragmented message with pings between its pieces."""
    text = ("Ω" * chance.randrange(1, 400)).encode()
    cuts = sorted(chance.randrange(len(text) + 1) for _ in range(chance.randrange(1, 8)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    data, pongs = b"", []
    for number, piece in enumerate(pieces):
        last = number == len(pieces) - 1
        data += masked(CONTINUATION if number else TEXT, piece, fin=last)
        if chance.random() < 0.6 and not last:
            pongs.append(chance.randbytes(chance.randrange(126)))
            data += masked(PING, pongs[-1]) + masked(PONG, b"unasked for")
    return Case(data, None, tuple(pongs))


def biggest(chance: random.Random) -> Case:
    return Case(masked(chance.choice([TEXT, BINARY]), b"x" * BIG) + masked(PING, b"!"), None, (b"!",))


def unfinished_frame(chance: random.Random) -> Case:
    """Return a frame that never ends."""
    whole = masked(chance.choice([TEXT, BINARY]), b"x" * chance.choice([0, 1, 200, 3000]))
    return Case(whole[: chance.randrange(len(whole))], None)


FAULTS: list[Make] = [
    unmasked,
    reserved_bit,
    reserved_opcode,
    fragmented_control,
    long_control,
    long_length,
    stray_continuation,
    message_in_a_message,
    invalid_utf8,
    too_big,
    invalid_close,
]
LEGAL: list[Make] = [valid_close, interleaved_control, biggest, unfinished_frame]


def cases(seed: int, count: int) -> Iterator[tuple[str, Case, list[bytes]]]:
    """Yield (name, case, the pieces in which the data is sent)."""
    chance = random.Random(seed)
    for _ in range(count):
        make = chance.choice(FAULTS + LEGAL)
        case = make(chance)
        if make is not unfinished_frame and chance.random() < 0.3:  # after some correct ones
            before = masked(TEXT, b"hello") + masked(PONG, chance.randbytes(3)) + masked(BINARY, b"\xff")
            case = case._replace(data=before + case.data)
        cuts = sorted(chance.randrange(len(case.data) + 1) for _ in range(chance.choice([0, 0, 1, 3])))
        pieces = [case.data[a:b] for a, b in zip([0, *cuts], [*cuts, len(case.data)], strict=True)]
        yield make.__name__, case, pieces


class Bystander:
    """Another client that stays connected, gets every entry once, and is answered at once."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.watch: Watch = person.watch()

    def check(self) -> None:
        before = time.monotonic()
        self.watch.wait_for_type("post_save", self.person.save_incident(f"At {before}"))
        assert self.watch.socket.ping().wait(5)

    def check_all(self) -> None:
        seqs = [message["seq"] for message in self.watch.messages[1:] if message["type"] != "heartbeat"]
        assert seqs == list(range(self.watch.hello["seq"] + 1, self.watch.hello["seq"] + 1 + len(seqs)))


@pytest.fixture
def bystander(server: Server) -> Iterator[Bystander]:
    """Check that another client is not disturbed, no descriptor stays open, and memory is bounded."""
    bystander = Bystander(server.person())
    bystander.check()
    wait_until(lambda: server.health()["clients"] == 1)
    open_before, memory_before = descriptors(server.process.pid), resident_bytes(server.process.pid)
    with bystander.watch:
        yield bystander
        bystander.check()
        bystander.check_all()
        wait_until(lambda: server.health()["clients"] == 1, what="the others to be forgotten")
        wait_until(
            lambda: descriptors(server.process.pid) <= open_before, what="their descriptors to be closed"
        )
    assert resident_bytes(server.process.pid) - memory_before < 20 << 20


class Talker(Peer):
    """A peer that keeps the pongs that it is sent."""

    pongs: tuple[bytes, ...] = ()

    def receive(self) -> list[tuple[int, bytes]]:
        frames = super().receive()
        self.pongs += tuple(payload for opcode, payload in frames if opcode == PONG)
        return frames


def all_are_done(expected: dict[Talker, tuple[str, Case, list[bytes]]]) -> bool:
    return all(
        peer.closed or (case.code is None and len(peer.pongs) >= len(case.pongs))
        for peer, (_, case, _) in expected.items()
    )


@pytest.mark.timeout(240)
def test_frames(server: Server, person: Person, bystander: Bystander) -> None:
    """Each bad frame is answered with the RFC's code, and each legal one as it asks."""
    left = cases(6455, FRAMES)
    wrong: list[str] = []
    tried = 0
    while group := list(islice(left, ABREAST)):
        tried += len(group)
        with Sockets() as sockets:
            expected = {Talker(person): case for case in group}
            for peer, (_, _, pieces) in expected.items():
                sockets.add(peer)
                for piece in pieces:
                    peer.send(piece)

            with suppress(AssertionError):
                sockets.listen_until(partial(all_are_done, expected), 10, "the answers")
            for peer, (name, case, _) in expected.items():
                if (peer.close_code, peer.pongs) != (case.code, case.pongs):
                    wrong.append(f"{name}: {case.data[:20]!r}… gave {peer.close_code}, not {case.code}")
        bystander.check()
    assert not wrong, wrong[:20]
    assert tried == FRAMES


@pytest.mark.timeout(120)
def test_noise(server: Server, person: Person, bystander: Bystander) -> None:
    """Random bytes after the handshake end in a close code of the protocol, or in waiting for more."""
    chance = random.Random(1)
    for _ in range(25):
        with Sockets() as sockets:
            for _ in range(20):
                sockets.add(Peer(person)).send(chance.randbytes(chance.choice([1, 2, 10, 300, 5000])))
            for _ in range(5):
                sockets.listen(0.01)
            assert {peer.close_code for peer in sockets.peers} <= {None, 1002, 1007, 1009}
        bystander.check()


def bad_handshakes(request: bytes, chance: random.Random) -> Iterator[tuple[bytes, set[int]]]:
    """Yield handshakes, and the status codes that may come."""
    lines = request.split(b"\r\n")
    either = REFUSED | {101}
    while True:
        yield request[: chance.randrange(len(request) - 4)], either
        broken = bytearray(request)
        broken[chance.randrange(len(broken))] = chance.randrange(256)
        yield bytes(broken), either
        dropped = chance.randrange(1, len(lines) - 2)
        yield b"\r\n".join(lines[:dropped] + lines[dropped + 1 :]), either
        yield request.replace(KEY.encode(), chance.choice([b"", b"short", KEY.encode() * 2])), either
        yield request.replace(b"Version: 13", b"Version: %d" % chance.choice([0, 8, 14, 99])), REFUSED
        yield request.replace(b"GET", chance.choice([b"POST", b"PUT", b"HEAD", b"FOO"])), REFUSED
        yield request.replace(b"HTTP/1.1", chance.choice([b"HTTP/1.0", b"HTTP/2.0", b"HTTP/x"])), either
        yield request + masked(chance.choice([TEXT, PING, 3]), chance.randbytes(chance.randrange(200))), {101}
        yield request * 3, {101}
        yield request.replace(b"Origin", b"X-Filler: " + b"x" * 70_000 + b"\r\nOrigin"), either
        yield chance.randbytes(chance.randrange(1, 2000)), REFUSED


@pytest.mark.timeout(240)
def test_handshakes(server: Server, person: Person, bystander: Bystander) -> None:
    """Incomplete, broken and odd handshakes are refused or closed, and leave nothing behind."""
    chance = random.Random(4)
    requests = bad_handshakes(handshake(person), chance)
    for number in range(HANDSHAKES):
        data, allowed = next(requests)
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as sock:
            with suppress(ConnectionError):  # the server may close before it has read everything
                sock.sendall(data)
            manner = chance.randrange(4)
            if manner == 0:  # closed without an answer
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                continue
            if manner == 1:
                continue
            with suppress(ConnectionError):
                sock.shutdown(socket.SHUT_WR)
                status = answered(sock)
                assert status in allowed, (data[:200], status)
        if number % 100 == 0:
            bystander.check()


def answered(sock: socket.socket) -> int:
    """Return the status of the answer, 0 if there is none."""
    answer = b""
    while piece := sock.recv(4096):
        answer += piece
        if b"\r\n" in answer:
            break
    return int(answer.split(b" ")[1][:3]) if answer.startswith(b"HTTP/") else 0


def test_connection_torn_in_a_frame(server: Server, person: Person, bystander: Bystander) -> None:
    """Peers that reset the connection, in a frame or after the handshake, leave nothing behind."""
    chance = random.Random(5)
    for number in range(300):
        with Peer(person) as peer:
            whole = masked(TEXT, b"x" * 300)
            peer.send(whole[: chance.randrange(len(whole))])
            peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if number % 50 == 0:
            bystander.check()
