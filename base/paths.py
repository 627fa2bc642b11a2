"""Paths of a host below which Tracker can be, beside other things of that host. Knows no other room."""

from __future__ import annotations

import re

PART = r"(?!\.\.?(?:/|$))[A-Za-z0-9._~-]{1,100}"  # needs no escape, and is neither "." nor ".."
ROOT = re.compile(rf"(?:/{PART}){{1,8}}")


def is_root(text: str) -> bool:
    """Return whether this is a path like /tracker or /maps/north, which each address can begin with."""
    return bool(ROOT.fullmatch(text))
