"""Tokens that only open the map of a wall screen."""

from typing import Any


def up(_migrator: Any, db: Any) -> None:
    db.execute_sql("ALTER TABLE token ADD COLUMN kiosk INTEGER NOT NULL DEFAULT 0")
