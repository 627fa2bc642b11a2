"""The collections of features, compressed once for all who ask for the same state.

A collection of 200,000 incidents is 93 MB of text. Ten pages that come back together ask for it at once. So
it is made once, a piece at a time, and all of them are sent the same pieces.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator

from flask import Response, request

from base import loop

GZIP = 16 + zlib.MAX_WBITS  # the format, as zlib names it
LEVEL = 5  # of 9: 8.5 MB become 0.72 MB in 0.26 s; 0.69 MB would take 0.43 s
KEPT_BYTES = 8 << 20  # of one collection, kept for later requests: about 200,000 incidents


class Collection:
    """The gzip pieces of a collection. They are made as they are read, by any of the readers."""

    def __init__(self, texts: Iterator[bytes]) -> None:
        self.size = 0  # bytes so far
        self.failed = False
        self._pieces: list[bytes] = []
        self._work = _compressed(texts)

    def __iter__(self) -> Iterator[bytes]:
        """Yield all pieces, and make those that no other reader has made yet."""
        place = 0
        while True:
            if place == len(self._pieces):
                with loop.after_pause():
                    if place == len(self._pieces):
                        self._make()
            piece = self._pieces[place]
            if not piece:
                return
            yield piece
            place += 1

    def _make(self) -> None:
        """Make the next piece. If that fails, all readers fail, so none takes a part for the whole."""
        self.failed = True
        piece = next(self._work)
        self.failed = False
        self._pieces.append(piece)
        self.size += len(piece)


class Collections:
    """The newest collection of each kind, as long as the log has not moved on."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[str, Collection]] = {}

    def answer(self, kind: str, key: str, make: Callable[[], Iterator[bytes]]) -> Response:
        """Return the answer with the collection of this kind: as gzip, or as text for a client without.

        `key` names the state that it shows: the log and the place in it. `make` returns its text in pieces.
        """
        kept_key, found = self._kept.get(kind, (None, None))
        if found is None or found.failed or kept_key != key or found.size > KEPT_BYTES:
            found = Collection(make())
            self._kept[kind] = key, found
        is_packed = bool(request.accept_encodings["gzip"])
        response = Response(iter(found) if is_packed else _text(found), content_type="application/geo+json")
        response.vary.add("Accept-Encoding")
        if is_packed:
            response.content_encoding = "gzip"
        return response


def _compressed(texts: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the pieces of the compressed texts, and an empty one as the end."""
    packer = zlib.compressobj(LEVEL, wbits=GZIP)
    yield from filter(None, map(packer.compress, texts))
    yield packer.flush()
    yield b""


def _text(pieces: Iterable[bytes]) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(GZIP)
    yield from filter(None, map(unpacker.decompress, pieces))  # an empty piece would end the answer
