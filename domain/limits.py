"""How long the texts that people write may be, in characters."""

from __future__ import annotations

NAME_LENGTH = 150


DESCRIPTION_LENGTH = 1000
