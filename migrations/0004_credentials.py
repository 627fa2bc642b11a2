"""What an account's sessions, links and tokens are compared with when they are made."""

from typing import Any


def up(_migrator: Any, db: Any) -> None:
    db.execute_sql("ALTER TABLE user ADD COLUMN credentials_version INTEGER NOT NULL DEFAULT 0")
