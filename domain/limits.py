"""The longest texts that people may write, in characters."""

from __future__ import annotations

NAME_LENGTH = 150


DESCRIPTION_LENGTH = 1000
