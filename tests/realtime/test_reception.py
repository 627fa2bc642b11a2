"""Frames of clients are answered or dropped, and too many or too large ones end the connection."""

import struct

import pytest
from fakes import CLOSE, PING, PONG, Socket, World
from wsproto.frame_protocol import Opcode

from realtime.client import Client
from realtime.delivery import READ
from realtime.limits import Limits

LIMITS = Limits()


@pytest.fixture
def world() -> World:
    return World(LIMITS)


def masked(opcode: Opcode, payload: bytes = b"", *, fin: bool = True) -> bytes:
    """Return a frame as a client sends it, with a mask of zeros."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack("!H", size)
    return bytes([(0x80 if fin else 0) | opcode]) + length + bytes(4) + payload


def arrive(world: World, sock: Socket, data: bytes) -> bool:
    """Let this arrive, and let it be read. Return whether anybody still reads."""
    sock.arrived += data
    return world.loop.fire(sock.number, READ)


def codes(sock: Socket) -> list[int]:
    """Return the codes of the close frames that it was sent."""
    return [struct.unpack("!H", payload[:2])[0] for opcode, payload in sock.control() if opcode == CLOSE]


@pytest.mark.parametrize("size", [0, 1, 125])
def test_client_that_sends_pongs_needs_no_parser(world: World, size: int) -> None:
    """Nearly all clients do nothing else: 10,000 parsers would take much memory."""
    sock = Socket()
    client = world.connect(sock)
    client.pong_received = False
    arrive(world, sock, masked(PONG, b"x" * size))
    assert client.pong_received
    assert client.reader is None
    assert sock.control() == []


@pytest.mark.parametrize("data", [masked(PONG) + masked(PING, b"?"), masked(PING, b"?"), masked(PONG)[:1]])
def test_anything_else_is_parsed(world: World, data: bytes) -> None:
    sock = Socket()
    client = world.connect(sock)
    arrive(world, sock, data)
    assert client.reader is not None
    rest = masked(PONG)[1:] if len(data) == 1 else b""
    arrive(world, sock, rest + masked(PONG) + masked(PING, b"!"))
    assert (PONG, b"!") in sock.control()
    assert codes(sock) == []


def test_pongs_are_paid_for(world: World) -> None:
    """Each costs a frame and a read. After a silence a burst is allowed, and then frames_per_s."""
    sock = Socket()
    world.connect(sock)
    cost = 1 + LIMITS.read_cost
    for _ in range(int(LIMITS.frames_at_once / cost)):
        assert arrive(world, sock, masked(PONG))
    assert codes(sock) == []
    world.time += cost / LIMITS.frames_per_s
    arrive(world, sock, masked(PONG))
    assert codes(sock) == []
    arrive(world, sock, masked(PONG))
    assert codes(sock) == [1008]
    assert sock.control()[-1][1][2:] == b"too many frames"
    assert not arrive(world, sock, masked(PONG)), "it is not read any more"


def test_frames_of_one_read_are_paid_for_one_by_one(world: World) -> None:
    sock = Socket()
    world.connect(sock)
    arrive(world, sock, masked(PING) * int(LIMITS.frames_at_once))  # and the read costs a quarter
    assert codes(sock) == [1008]
    assert len([opcode for opcode, _ in sock.control() if opcode == PONG]) == int(LIMITS.frames_at_once) - 1


def test_reading_of_nothing_is_paid_for(world: World) -> None:
    """A record of TLS may come byte by byte, each of which wakes the server."""
    sock = Socket()
    world.connect(sock)
    for _ in range(int(LIMITS.frames_at_once / LIMITS.read_cost)):
        assert arrive(world, sock, b"")
    assert codes(sock) == []
    arrive(world, sock, b"")
    assert codes(sock) == [1008]


def test_silence_is_not_saved_up(world: World) -> None:
    """However long a client was silent, its burst is the same."""
    sock = Socket()
    world.connect(sock)
    world.time += 1e6
    arrive(world, sock, masked(PING) * int(LIMITS.frames_at_once))
    assert codes(sock) == [1008]


@pytest.mark.parametrize("kind", [Opcode.TEXT, Opcode.BINARY])
def test_message_is_dropped_unless_it_is_too_large(world: World, kind: Opcode) -> None:
    """The bytes of all its frames count, and of one message only."""
    half = b"x" * (LIMITS.max_message_bytes // 2)
    sock = Socket()
    world.connect(sock)
    for _ in range(3):
        arrive(world, sock, masked(kind, half))
    arrive(world, sock, masked(kind, half, fin=False))
    arrive(world, sock, masked(Opcode.CONTINUATION, half))
    while sock.arrived:
        arrive(world, sock, b"")
    assert sock.control() == []
    arrive(world, sock, masked(kind, half, fin=False))
    arrive(world, sock, masked(Opcode.CONTINUATION, half + b"x"))
    while sock.arrived:
        arrive(world, sock, b"")
    assert codes(sock) == [1009]


def test_text_counts_as_bytes(world: World) -> None:
    letter = "ü".encode()
    sock = Socket()
    world.connect(sock)
    arrive(world, sock, masked(Opcode.TEXT, letter * (LIMITS.max_message_bytes // 2)))
    arrive(world, sock, b"")
    assert codes(sock) == []
    arrive(world, sock, masked(Opcode.TEXT, letter * (LIMITS.max_message_bytes // 2) + b"x"))
    arrive(world, sock, b"")
    assert codes(sock) == [1009]


@pytest.mark.parametrize(("sent", "code"), [(1000, 1000), (4000, 4000), (None, None)])
def test_close_is_answered_with_its_own_code(world: World, sent: int | None, code: int | None) -> None:
    """Nothing that follows it is looked at."""
    sock = Socket()
    world.connect(sock)
    payload = b"" if sent is None else struct.pack("!H", sent)
    arrive(world, sock, masked(CLOSE, payload) + masked(PING, b"?"))
    assert sock.control() == [(CLOSE, b"" if code is None else struct.pack("!H", code))]
    assert sock.shut
    arrive(world, sock, masked(PING, b"?"))
    assert len(sock.control()) == 1
    sock.at_end = True
    arrive(world, sock, b"")
    assert sock.closed
    assert not world.group.clients


def test_client_that_sent_something_with_its_request_is_answered(world: World) -> None:
    sock = Socket()
    world.group.add(Client(sock, 0), b"hello", masked(PING, b"early"))
    assert sock.frames()[1] == (PONG, b"early")


def test_one_read_takes_no_more_than_a_message(world: World) -> None:
    sock = Socket()
    world.connect(sock)
    arrive(world, sock, masked(PONG) + bytes(LIMITS.max_message_bytes))
    assert len(sock.arrived) == len(masked(PONG))
