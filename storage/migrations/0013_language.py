"""The language that an account has chosen for its pages; null: that of the browser."""

from typing import Any


def up(_migrator: Any, db: Any) -> None:
    db.execute_sql("ALTER TABLE user ADD COLUMN language TEXT")
