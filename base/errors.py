"""Errors of input from outside."""

from __future__ import annotations


class TrackerError(Exception):
    """An error that the program did not cause. Its text is a sentence for people."""


class Invalid(TrackerError):
    """Input that can't be stored. `fields` has a sentence for each wrong field, by name."""

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {reason}" for name, reason in fields.items()))
        self.fields = fields
