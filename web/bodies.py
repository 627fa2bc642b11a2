"""The bodies of requests: the accepted types and sizes, and the decoding of forms.

Every bound is checked before the work that it bounds. Nothing is uploaded anywhere, so multipart is refused.
"""

from __future__ import annotations

import re
import time
from io import BytesIO
from urllib.parse import parse_qsl

from flask import Request, abort, g, request, session
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.wsgi import get_input_stream

from web import auth

MAX_BODY = 64 << 10  # bytes; the longest description, with every character escaped, is 12 KB
# Bytes of a body that may have a polygon: one of 10,000 positions is half of that in a form.
MAX_POLYGON_BODY = 1 << 20
PIECE = 16 << 10  # bytes that are read at once from a body that is dropped
MAX_FIELDS = 100  # of a form; the largest has a dozen
FORM = "application/x-www-form-urlencoded"
JSON_TYPES = "application/json, application/geo+json or application/merge-patch+json"
POLYGON_FIELD = "polygon_geojson"  # the one field of a form that may be larger than MAX_BODY
BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
PIECE_TYPE = "application/octet-stream"
# The endpoint whose body is a piece of a file, as large as a body with a polygon.
PIECES_ENDPOINT = "streets.upload"
POLYGON_ENDPOINTS = {"api.areas", "api.area", "api.inside", "pages.area_create", "pages.area_update"}


class FormRequest(Request):
    """A Flask request whose form is decoded by `parse_form`, when something first asks for it."""

    def _load_form_data(self) -> None:
        is_form = self.mimetype == FORM
        self.__dict__["form"] = parse_form(self.get_data()) if is_form else ImmutableMultiDict()
        self.__dict__["files"] = ImmutableMultiDict()


def read_body() -> None:
    """Read the whole body before anything else does.

    Answers 413 to a body that is too large, and 415 to one of a wrong kind. A large body takes memory while
    it arrives. So the body of a stranger, who is refused in any case, is dropped.
    """
    most = MAX_POLYGON_BODY if request.endpoint in {*POLYGON_ENDPOINTS, PIECES_ENDPOINT} else MAX_BODY
    if (request.content_length or 0) > most:
        abort(413, too_large(most))
    # A cookie that we have signed belongs to a person whose session has ended: their form is shown again.
    if most > MAX_BODY and auth.current_user() is None and "secret" not in session:
        _throw_away(most)
        return
    body = _read_up_to(most + 1)
    if len(body) > most:
        abort(413, too_large(most))
    request.environ["wsgi.input"] = BytesIO(body)
    g.begun = time.perf_counter()  # the time before went by on the way
    if body:
        _check_type()


def _read_up_to(size: int) -> bytes:
    """Return this many bytes of the body, or all if it has fewer."""
    stream, pieces = get_input_stream(request.environ), []
    while size and (piece := stream.read(size)):  # some servers return it in parts
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def _throw_away(most: int) -> None:
    """Read a body to its end and keep nothing of it. Clients look for the answer only after their body."""
    stream, size = get_input_stream(request.environ), 0
    while size <= most and (piece := stream.read(PIECE)):
        size += len(piece)
    if size > most:
        abort(413, too_large(most))
    request.environ["wsgi.input"] = BytesIO()


def _check_type() -> None:
    if request.endpoint == PIECES_ENDPOINT:
        if request.mimetype != PIECE_TYPE:
            abort(415, f"A piece of a file is taken as {PIECE_TYPE}.")
    elif request.path.startswith("/api/"):
        if not request.is_json:
            abort(415, f"The API takes JSON: send the header Content-Type: {JSON_TYPES}.")
    elif request.mimetype != FORM:
        abort(415, f"Forms are taken as {FORM}. Files can't be uploaded here.")


def too_large(most: int) -> str:
    return f"The request is too large: at most {most >> 10} KiB are taken here."


def parse_form(body: bytes) -> ImmutableMultiDict[str, str]:
    """Return the fields of a form, in bounded time.

    Answers 400 to a % without two hexadecimal digits, and to text that is not UTF-8, which Werkzeug would
    take as something else. Answers 413 to more than MAX_FIELDS fields, and to a field larger than MAX_BODY
    that is not the polygon's.
    """
    if BAD_ESCAPE.search(body):
        abort(400, "The form has a % that is not followed by two hexadecimal digits.")
    if body.count(b"&") >= MAX_FIELDS:
        abort(413, f"The form has too many fields: at most {MAX_FIELDS} are taken.")
    for pair in body.split(b"&"):
        name, _, value = pair.partition(b"=")
        if len(name) > MAX_BODY or (len(value) > MAX_BODY and name != POLYGON_FIELD.encode()):
            abort(413, too_large(MAX_BODY))
    try:
        return ImmutableMultiDict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict"))
    except UnicodeDecodeError:
        abort(400, "The text is not valid UTF-8.")
