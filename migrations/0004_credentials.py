"""The normal form of each account's name, and a number that changes whenever all its sessions end."""

import unicodedata
from typing import Any


def normal(name: str) -> str:
    """Return what names.py does today. A frozen copy, since stored forms must not change with it."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def up(_migrator: Any, db: Any) -> None:
    db.execute_sql("ALTER TABLE user ADD COLUMN credentials_version INTEGER NOT NULL DEFAULT 0")
    db.execute_sql("ALTER TABLE user ADD COLUMN name_key TEXT")
    taken = set()
    for id_, name in db.execute_sql("SELECT id, name FROM user ORDER BY id").fetchall():
        # Of two accounts with one normal form the older has it; the other is found by its exact name only.
        if normal(name) not in taken:
            taken.add(normal(name))
            db.execute_sql("UPDATE user SET name_key = ? WHERE id = ?", (normal(name), id_))
    db.execute_sql("CREATE UNIQUE INDEX user_name_key ON user (name_key)")
