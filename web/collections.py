"""The collections of features, compressed once for all who ask for the same state.

A collection of 200,000 incidents is 93 MB of text. Ten pages that come back together ask for it at once. So
it is made once, a piece at a time, and all of them are sent the same pieces.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from flask import Response

from base import loop
from web import encodings

BROTLI, GZIP = 3, 5  # their levels; encodings.py says what they make of a collection
FOR_TEXT = "gzip"  # what a client without compression shares with the others; it is sent the text of it
KEPT_BYTES = 8 << 20  # of one collection, kept for later requests: about 200,000 incidents


@dataclass
class Piece:
    """A piece of a collection. It leads to the next one, so pieces that all have read are freed."""

    data: bytes  # empty: the end, or the place before the first piece
    following: Piece | None = None


class Work:
    """Makes the pieces of a collection, one after the other."""

    def __init__(self, texts: Iterator[bytes], encoding: str) -> None:
        self.size = 0  # bytes so far
        self.failed = False
        self._pieces = _compressed(texts, encoding)

    def after(self, last: Piece) -> Piece:
        """Return the piece after this one, and make it unless another reader has done so.

        If that fails, all readers fail, so none takes a part for the whole.
        """
        found = last.following
        if found is None:
            self.failed = True
            found = last.following = Piece(next(self._pieces))
            self.failed = False
            self.size += len(found.data)
        return found


class Collection:
    """The compressed pieces of a collection. They are made as they are read, by any of the readers.

    A slow reader of a collection that is not the newest keeps only the pieces that it has not read.
    """

    def __init__(self, texts: Iterator[bytes], encoding: str) -> None:
        self.work = Work(texts, encoding)
        self._start = Piece(b"")

    def __iter__(self) -> Iterator[bytes]:
        """Return an iterator over all pieces. It makes those that no other reader has made yet."""
        return _read(self._start, self.work)


def _read(piece: Piece, work: Work) -> Iterator[bytes]:
    """Yield the pieces after this one, without a reference to those before."""
    while True:
        following = piece.following
        if following is None:
            with loop.after_pause():
                following = work.after(piece)
        piece = following
        if not piece.data:
            return
        yield piece.data


class Collections:
    """The newest collection of each kind, as long as the log has not moved on."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], tuple[str, Collection]] = {}  # by kind and encoding

    def answer(self, kind: str, key: str, make: Callable[[], Iterator[bytes]]) -> Response:
        """Return the answer with the collection of this kind: compressed, or as text for a client without.

        `key` names the state that it shows: the log and the place in it. `make` returns its text in pieces.
        """
        encoding = encodings.best()
        kept = kind, encoding or FOR_TEXT
        kept_key, found = self._kept.get(kept, (None, None))
        if found is None or kept_key != key or found.work.failed or found.work.size > KEPT_BYTES:
            found = Collection(make(), encoding or FOR_TEXT)
            self._kept[kept] = key, found
        response = Response(
            iter(found) if encoding else _text(iter(found)), content_type="application/geo+json"
        )
        response.vary.add("Accept-Encoding")
        if encoding:
            response.content_encoding = encoding
        return response


def _compressed(texts: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Yield the pieces of the compressed texts, and an empty one as the end."""
    packer = encodings.packer(encoding, BROTLI, GZIP)
    yield from filter(None, map(packer.compress, texts))
    yield packer.flush()
    yield b""


def _text(pieces: Iterable[bytes]) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
    yield from filter(None, map(unpacker.decompress, pieces))  # an empty piece would end the answer
