"""Requests are read exactly as HTTP's grammar says; ambiguous requests are refused."""

import random
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import repeat

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_data import examples
from requests_as_data import CHUNKED, REFUSED, TAKEN, Read, line

from server.http1 import MAX_CHUNK_LINE, MAX_HEAD, MAX_OVERHEAD, Chunks, Head, Incoming, Refused

PIECE = 16 << 10  # bytes that the server takes from a socket at once


def read(pieces: Iterable[bytes]) -> tuple[Head, bytes, bytes]:
    """Return a request's head, its body, and the bytes after it. Raises Refused."""
    incoming, head, data = Incoming(), None, b""
    chunks = Chunks()
    for piece in pieces:
        incoming.feed(piece)
        head = head or incoming.head()
        if head is None:
            continue
        if head.length is None and not chunks.finished:
            data += chunks.feed(incoming.take(len(incoming.data)))
            incoming.data = chunks.rest
        elif head.length:
            data += incoming.take(head.length - len(data))
    assert head, "the head has come to no end"
    assert chunks.finished or head.length == len(data), "the body has come to no end"
    return head, data, incoming.data


def essence(head: Head, body: bytes) -> Read:
    return head.method, head.path, head.query, head.fields.get("host"), body


def one_by_one(data: bytes) -> Iterator[bytes]:
    return (data[at : at + 1] for at in range(len(data)))


@pytest.mark.parametrize("name", REFUSED)
def test_ambiguous_request_is_refused(name: str) -> None:
    """An ambiguous request is refused, whole or byte by byte, whatever follows it."""
    data, status = REFUSED[name]
    for pieces in ([data], [data + line(b"GET /healthz HTTP/1.1")], one_by_one(data)):
        with pytest.raises(Refused) as refused:
            read(pieces)
        assert refused.value.status == status


@pytest.mark.parametrize("name", TAKEN)
def test_request_within_the_grammar_is_accepted(name: str) -> None:
    """A correct request is accepted with its one meaning, and bytes after it are left."""
    data, expected = TAKEN[name]
    following = line(b"GET /next HTTP/1.1")
    for pieces in ([data], one_by_one(data)):
        head, body, rest = read(pieces)
        assert (essence(head, body), rest) == (expected, b"")
    head, body, rest = read([data + following])
    assert (essence(head, body), rest) == (expected, following)


def test_options_of_a_connection() -> None:
    """The server finds keep-alive, a WebSocket upgrade, and clients that wait for `100 Continue`."""

    def head(version: str, method: str, *fields: str) -> Head:
        lines = [f"{method} / HTTP/{version}", "Host: a", *fields, "", ""]
        return read(["\r\n".join(lines).encode()])[0]

    assert head("1.1", "GET").keeps_alive
    assert not head("1.1", "GET", "Connection: foo, Close").keeps_alive
    assert not head("1.0", "GET", "Connection: keep-alive").keeps_alive
    upgrade = ("Connection: keep-alive, Upgrade", "Upgrade: WebSocket")
    assert head("1.1", "GET", *upgrade).upgrades
    assert not head("1.1", "POST", *upgrade).upgrades
    assert not head("1.0", "GET", *upgrade).upgrades
    assert not head("1.1", "GET", upgrade[0]).upgrades
    assert not head("1.1", "GET", upgrade[1]).upgrades
    assert not head("1.1", "GET", upgrade[0], "Upgrade: h2c").upgrades
    assert head("1.1", "POST", "Expect: 100-Continue").expects_continue
    assert not head("1.0", "POST", "Expect: 100-continue").expects_continue


def test_values_of_one_name_are_joined() -> None:
    """Cookies are joined by semicolons, other fields by commas."""
    fields = b"Cookie: a=b\r\nX-A: 1\r\ncookie: c=d\r\nx-a: 2\r\n"
    head, _, _ = read([b"GET / HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n"])
    assert head.fields == {"host": "a", "cookie": "a=b; c=d", "x-a": "1,2"}


# The work that one connection can cause


def endless(name: str) -> Iterator[bytes]:
    """Yield a body without end, in pieces as large as a socket's."""
    unit = {
        "extensions": b"1;" + b"a" * 4000 + b"\r\nx\r\n",
        "an extension": b"a" * PIECE,
        "trailers": b"a:b\r\n",
        "a trailer": b"b" * PIECE,
        "small chunks": b"1\r\nx\r\n",
    }[name]
    yield {"an extension": b"1;", "trailers": b"0\r\n", "a trailer": b"0\r\na:"}.get(name, b"")
    yield from repeat(unit * (PIECE // len(unit)))


@pytest.mark.parametrize("name", ["extensions", "an extension", "trailers", "a trailer", "small chunks"])
def test_endless_overhead_is_refused_after_few_bytes(name: str) -> None:
    """A body may have 64 KiB beside its data, so a refusal costs a bounded number of pieces."""
    chunks, taken, data = Chunks(), 0, 0
    with suppress(Refused):
        for piece in endless(name):
            taken += len(piece)
            data += len(chunks.feed(piece))
            assert taken < 10 * MAX_OVERHEAD
    assert not chunks.finished
    assert taken <= MAX_OVERHEAD + data + 2 * PIECE
    assert data <= MAX_OVERHEAD // 5


def test_line_without_an_end_is_not_kept() -> None:
    """A line that is sent byte by byte is refused at its bound."""
    chunks = Chunks()
    chunks.feed(b"1;")
    for _ in range(MAX_CHUNK_LINE - 2):
        chunks.feed(b"a")
    with pytest.raises(Refused):
        chunks.feed(b"a")


@pytest.mark.parametrize("piece", [b"X-A: b\r\n", b"a", b"a" * PIECE])
def test_endless_head_is_refused_after_few_bytes(piece: bytes) -> None:
    """The server keeps at most one piece more than the bound of a head."""
    incoming, taken = Incoming(), 0
    incoming.feed(b"GET / HTTP/1.1\r\nHost: a\r\nX-First: ")
    with suppress(Refused):
        while incoming.head() is None:
            incoming.feed(piece)
            taken += len(piece)
            assert taken <= MAX_HEAD + PIECE
    assert taken > MAX_HEAD // 2


def test_long_data_passes_whatever_its_size() -> None:
    """The bounds are not for data: 4 MiB in chunks of 8 KiB are read."""
    chunk = b"2000\r\n" + b"x" * 8192 + b"\r\n"
    chunks = Chunks()
    assert sum(len(chunks.feed(chunk)) for _ in range(512)) == 4 << 20
    chunks.feed(b"0\r\n\r\n")
    assert chunks.finished


# Any bytes


@given(st.binary(max_size=300), st.randoms(use_true_random=False))
def test_chunks_are_decoded_wherever_they_are_cut(data: bytes, chance: random.Random) -> None:
    """However the network cuts the chunks, the data is the same, and bytes after them are left."""
    sent, at = b"", 0
    while at < len(data):
        size = chance.randint(1, len(data) - at)
        extension = chance.choice([b"", b";a", b' ; a = "b\\""'])
        sent += b"%x%s\r\n%s\r\n" % (size, extension, data[at : at + size])
        at += size
    sent += b"0\r\n" + chance.choice([b"", b"A: b\r\n"]) + b"\r\nnext"
    chunks, found, at = Chunks(), b"", 0
    while at < len(sent) and not chunks.finished:
        size = chance.randint(1, 40)
        found += chunks.feed(sent[at : at + size])
        at += size
    assert (found, chunks.rest + sent[at:]) == (data, b"next")


SEEDS = [data for data, _ in TAKEN.values()] + [data for data, _ in REFUSED.values() if len(data) < 400]
BYTES = [b"\r\n", b"\r", b"\n", b"\0", b":", b" ", b"\t", b",", b";", b"0", b"\xa0", b"\v", b"@", b"/", b'"']


@st.composite
def mutants(draw: st.DrawFn) -> bytes:
    """Return a request with a few bytes inserted, deleted or doubled."""
    data = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        until = draw(st.integers(at, min(at + 4, len(data))))
        data = data[:at] + draw(st.sampled_from([b"", *BYTES, data[at:until] * 2])) + data[until:]
    return data


def by_h11(data: bytes) -> Read | None:
    """Return the request that h11 reads; None if it refuses or waits for more."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(data)
    body = b""
    try:
        request = connection.next_event()
        while request is not h11.NEED_DATA and not isinstance(
            event := connection.next_event(), h11.EndOfMessage
        ):
            if not isinstance(event, h11.Data):
                return None
            body += bytes(event.data)
    except h11.RemoteProtocolError:
        return None
    if not isinstance(request, h11.Request):
        return None
    path, _, query = request.target.decode("latin-1").partition("?")
    host = dict(request.headers).get(b"host")
    name = None if host is None else host.decode("latin-1")
    return request.method.decode(), path, query, name, body


@pytest.mark.slow
@settings(max_examples=examples(3000))
@given(mutants())
def test_h11_agrees_with_every_accepted_request(data: bytes) -> None:
    """For an accepted request, h11 reads the same request and body, or refuses it."""
    try:
        head, body, _ = read([data])
    except (Refused, AssertionError):
        return
    found = by_h11(data.removeprefix(b"\r\n"))
    if found is None:
        return
    assert (found[0], found[4]) == (head.method, body)
    if found[1].startswith(("/", "*")):  # h11 leaves an absolute target as it is
        assert found == essence(head, body)
    else:
        assert found[1].partition("://")[2].startswith(head.fields["host"])


@pytest.mark.slow
@settings(max_examples=examples(2000))
@given(mutants(), st.integers(1, 9))
def test_pieces_of_a_request_do_not_matter(data: bytes, size: int) -> None:
    """A request in pieces is read, or refused, like the same request in one piece."""

    def outcome(pieces: Iterable[bytes]) -> object:
        try:
            head, body, rest = read(pieces)
        except Refused:
            return "refused"
        except AssertionError:
            return "waits"
        return essence(head, body), rest

    whole = outcome([data])
    cut = outcome(data[at : at + size] for at in range(0, len(data), size))
    assert cut == whole


def test_chunks_after_the_end_are_left() -> None:
    """A second request in the same piece is not read as a part of the first."""
    _, body, rest = read([CHUNKED + b"1\r\nx\r\n0\r\n\r\n" + CHUNKED])
    assert (body, rest) == (b"x", CHUNKED)
