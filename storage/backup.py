"""Copies of the database while it is in use."""

from __future__ import annotations

from pathlib import Path

from storage import files
from storage.engine import database


def back_up(path: str | Path) -> None:
    """Write the open database, as it is at one moment, to a new file. Raises UnusableDatabase."""
    files.copy(database.database, path)
