"""A mark for each log entry, and the cursors of readers that pruning must keep.

Entries from before have no mark: writing one into each would rewrite the whole log.
"""

from typing import Any

SCHEMA = """
ALTER TABLE notification ADD COLUMN mark TEXT NOT NULL DEFAULT '';

CREATE TABLE reader (
    process TEXT NOT NULL PRIMARY KEY,
    cursor INTEGER NOT NULL,
    at TEXT NOT NULL
) WITHOUT ROWID;
"""


def up(_migrator: Any, db: Any) -> None:
    for statement in SCHEMA.split(";"):
        if statement.strip():
            db.execute_sql(statement)
