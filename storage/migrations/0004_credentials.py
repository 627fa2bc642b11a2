"""The normal form of each account's name, and a number that changes whenever all its sessions end."""

import unicodedata
from typing import Any

INVISIBLE = dict.fromkeys(
    [0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), 0x2800, 0x3164, 0xFFA0]
    + [*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]
)


def normal(name: str) -> str:
    """Return the normal form of a name, as names.py had it when this was written."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    seen = "".join(char for char in folded if unicodedata.category(char) != "Cf").translate(INVISIBLE)
    return " ".join(unicodedata.normalize("NFKC", seen).split())


def up(_migrator: Any, db: Any) -> None:
    db.execute_sql("ALTER TABLE user ADD COLUMN credentials_version INTEGER NOT NULL DEFAULT 0")
    db.execute_sql("ALTER TABLE user ADD COLUMN name_key TEXT")
    taken = {""}  # which is no name
    for id_, name in db.execute_sql("SELECT id, name FROM user ORDER BY id").fetchall():
        # Of two accounts with one normal form the older has it; the other is found by its exact name only.
        key = normal(name)
        if key not in taken:
            taken.add(key)
            db.execute_sql("UPDATE user SET name_key = ? WHERE id = ?", (key, id_))
    db.execute_sql("CREATE UNIQUE INDEX user_name_key ON user (name_key)")
