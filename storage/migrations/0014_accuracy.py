"""The accuracy of an incident's location."""

from typing import Any

SCHEMA = """
ALTER TABLE incident ADD COLUMN accuracy INTEGER;
"""


def up(_migrator: Any, db: Any) -> None:
    for statement in SCHEMA.split(";"):
        if statement.strip():
            db.execute_sql(statement)
