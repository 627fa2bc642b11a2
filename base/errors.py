"""What can be wrong with what is given from outside."""

from __future__ import annotations


class TrackerError(Exception):
    """Whatever is not the program's own fault; its text is a sentence for people."""


class Invalid(TrackerError):
    """Input that can't be stored. `fields`: what is wrong, for each field's name."""

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {reason}" for name, reason in fields.items()))
        self.fields = fields
