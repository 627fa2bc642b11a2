"""Compresses pages and other texts that are made for one request.

Collections and files are compressed elsewhere, once for all who ask. An answer with an ETag of its own is
small, and stays as it is: programs send its ETag back.

A page has a secret, the token of its forms, and may repeat text of its address. An eavesdropper who sees
lengths could then guess the secret (BREACH), so `csrf` sends it in another form each time.
"""

from __future__ import annotations

from flask import Flask, Response

from base import loop
from web import encodings

TEXTS = ("text/", "application/json", "application/geo+json", "application/problem+json")
LEAST = 1000  # bytes: a smaller answer fits into one packet
PIECE = 1 << 18  # bytes that are compressed without a pause
BROTLI, GZIP = 4, 5  # their levels


def init_app(app: Flask) -> None:
    app.after_request(_compress)


def _compress(response: Response) -> Response:
    if not _is_packable(response):
        return response
    response.vary.add("Accept-Encoding")
    if encoding := encodings.best():
        response.set_data(_packed(response.get_data(), encoding))
        response.content_encoding = encoding
    return response


def _is_packable(response: Response) -> bool:
    """Return whether an answer is a text, whole in memory, of some length, and not compressed yet."""
    return (
        (response.mimetype or "").startswith(TEXTS)
        and response.is_sequence
        and not response.direct_passthrough
        and not response.content_encoding
        and response.status_code not in (206, 304)
        and "ETag" not in response.headers
        and (response.content_length or 0) >= LEAST
    )


def _packed(text: bytes, encoding: str) -> bytes:
    packer = encodings.packer(encoding, BROTLI, GZIP)
    if len(text) <= PIECE:
        return packer.compress(text) + packer.flush()
    pieces = (text[start : start + PIECE] for start in range(0, len(text), PIECE))
    return b"".join([*loop.interleaved(map(packer.compress, pieces)), packer.flush()])
