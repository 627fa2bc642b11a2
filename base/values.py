"""Writing JSON, and checking text from outside."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from base.sentences import Sentence

ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def to_json(value: Any) -> str:
    """Return compact JSON."""
    return ENCODER.encode(value)


def valid_text(value: str) -> str:
    """Return the text. Raises ValueError for half of a surrogate pair, which is not Unicode."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(Sentence("this is not valid Unicode text")) from error
    return value


def parse_text(longest: int, *, required: bool) -> Callable[[Any], str]:
    """Return a parser of text of at most `longest` characters. It raises ValueError."""

    def parse(value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError(Sentence("this must be text") if value is not None else Sentence("Required"))
        if required and not any(char.isprintable() and not char.isspace() for char in value):
            raise ValueError(Sentence("Required"))
        if len(value) > longest:
            raise ValueError(
                Sentence("at most %(most)s characters, not %(count)s", most=longest, count=len(value))
            )
        return valid_text(value)

    return parse
