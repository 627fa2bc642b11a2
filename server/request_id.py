"""The id of a request: the log's lines about a request have it, and so does the answer."""

from __future__ import annotations

import re
import secrets

CLEAN = re.compile(r"[A-Za-z0-9._-]{1,64}")  # an id from a proxy that is taken over


def id_of_request(given: str | None, *, is_trusted: bool) -> str:
    """Return the id that a trusted proxy has given, if it is clean, or a new one."""
    return given if given and is_trusted and CLEAN.fullmatch(given) else secrets.token_hex(8)
