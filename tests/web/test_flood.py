"""Socket clients that send far too much are closed with 1008, and cost little."""

import struct
from collections.abc import Iterator

import pytest
from fakes import CLOSE, PONG, TEXT, Socket, World
from harness import Person, Server
from peers import Peer, Sockets, masked

from realtime.delivery import READ
from realtime.limits import Limits

LIMITS = Limits()

CONTINUATION, BINARY, PING = 0x0, 0x2, 0x9
TOO_MANY = (CLOSE, struct.pack("!H", 1008) + b"too many frames")
MANY = 10 * int(LIMITS.frames_at_once)
FLOODS = {
    "pings": [masked(PING, b"?")] * MANY,
    "pongs": [masked(PONG)] * MANY,
    "empty texts": [masked(TEXT)] * MANY,
    "binaries": [masked(BINARY, b"x")] * MANY,
    "continuations": [masked(TEXT, b"", fin=False), *[masked(CONTINUATION, b"", fin=False)] * MANY],
    "pings in a message": [masked(TEXT, b"x", fin=False), *[masked(PING)] * MANY],
    "a frame byte by byte": [bytes([byte]) for byte in masked(TEXT, b"x" * 4096)],
    "long messages": [masked(TEXT, b"x" * 4096)] * MANY,
}


@pytest.fixture
def world() -> World:
    return World()


def send(world: World, sock: Socket, data: bytes) -> bool:
    """Deliver data and let the group read; return whether it has read everything."""
    sock.arrived += data
    while sock.arrived and world.loop.fire(sock.number, READ):
        pass
    return not sock.arrived


@pytest.mark.parametrize("kind", FLOODS)
def test_flood_is_closed(world: World, kind: str) -> None:
    """Any kind of frame, in one read or each in its own, ends in 1008, and reading stops."""
    for pieces in ([b"".join(FLOODS[kind])], FLOODS[kind]):
        sock = Socket()
        world.connect(sock)
        if len(pieces) == 1 and kind == "a frame byte by byte":
            continue
        read = [send(world, sock, piece) for piece in [*pieces, b"more"]]
        assert not read[-1]
        assert sock.control()[-1] == TOO_MANY
        answered = sock.control()[:-1]
        assert len(answered) <= LIMITS.frames_at_once
        assert not world.loop.fire(sock.number, READ)


def test_reads_without_a_frame_are_counted(world: World) -> None:
    """A TLS record that arrives byte by byte makes a socket readable 16,000 times without a frame."""
    sock = Socket()
    world.connect(sock)
    for _ in range(MANY):
        world.loop.fire(sock.number, READ)
    assert sock.control()[-1] == TOO_MANY


def test_cost_of_a_flood_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a thousand frames in one read, only one burst is handled."""
    handled = []
    monkeypatch.setattr(world.group, "_handle", lambda _client, frame: handled.append(frame))
    sock = Socket()
    world.connect(sock)
    send(world, sock, b"".join(FLOODS["empty texts"]))
    assert 0 < len(handled) <= LIMITS.frames_at_once


def test_closed_flooder_is_forgotten(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server does not read the client's close, and frees its place after CLOSE_S."""
    sock = Socket()
    world.connect(sock)
    send(world, sock, b"".join(FLOODS["pongs"]))
    assert len(world.group.clients) == 1
    world.sweep(monkeypatch, LIMITS.close_s + 1)
    assert not world.group.clients
    assert sock.closed
    assert not world.loop.watchers


def test_steady_rate_is_allowed_for_ever(world: World) -> None:
    """A client within the rate is never closed. At double the rate it is."""
    for factor, stays in ((0.8, True), (2, False)):
        sock = Socket()
        world.connect(sock)
        for _ in range(MANY):
            world.time += (1 + LIMITS.read_cost) / (LIMITS.frames_per_s * factor)
            send(world, sock, masked(PING, b"x"))
        assert (TOO_MANY not in sock.control()) == stays


def test_silence_does_not_raise_the_burst(world: World) -> None:
    """After a silent day a client has the same burst as a new one."""
    sock = Socket()
    world.connect(sock)
    world.time += 86_400
    send(world, sock, b"".join(FLOODS["pings"]))
    assert sock.control()[-1] == TOO_MANY
    assert len(sock.control()) <= LIMITS.frames_at_once + 1


def test_browser_is_never_closed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser is not closed for a day of pongs, with a stray message and a stray pong each hour."""
    sock = Socket()
    world.connect(sock)
    for number in range(86_400 // int(LIMITS.ping_s)):
        world.sweep(monkeypatch, LIMITS.ping_s)
        stray = masked(PONG) + masked(TEXT, b"hello?") if number % 180 == 0 else b""
        assert send(world, sock, masked(PONG) + stray)
    assert [code for code, _ in sock.control() if code == CLOSE] == []
    assert len(world.group.clients) == 1


def test_small_messages_byte_by_byte_are_accepted(world: World) -> None:
    """A peer that cuts frames anywhere, as Autobahn's cases do, is answered."""
    sock = Socket()
    world.connect(sock)
    for byte in masked(PING, b"x" * 125) + masked(TEXT, b"fragment", fin=False) + masked(CONTINUATION, b"2"):
        assert send(world, sock, bytes([byte]))
    assert sock.control() == [(PONG, b"x" * 125)]


@pytest.fixture
def flooders(server: Server, person: Person) -> Iterator[Sockets]:
    with Sockets() as sockets:
        for _ in range(50):
            sockets.add(Peer(person))
        yield sockets


def test_flooders_are_closed_and_others_are_served(person: Person, flooders: Sockets) -> None:
    """Fifty flooding clients get 1008, and meanwhile another client gets each save."""
    with person.watch() as watch:
        for number in range(20):
            for peer in flooders.peers:
                if not peer.closed:
                    peer.send(masked(PING) * 1000)
            watch.wait_for_type("post_save", person.save_incident(f"Meanwhile {number}"))
            flooders.listen(0)
        flooders.listen_until(
            lambda: all(peer.close_code == 1008 for peer in flooders.peers), 10, "all to be closed"
        )
        assert watch.socket.ping().wait(5)
