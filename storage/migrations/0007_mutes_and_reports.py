"""The start of a mute, the alerts to announce at its end, the time of an incident, and suspected spam."""

from typing import Any

SCHEMA = """
ALTER TABLE area_of_interest ADD COLUMN muted_at TEXT;
UPDATE area_of_interest SET muted_at = updated WHERE muted_until IS NOT NULL;
CREATE INDEX area_muted_at ON area_of_interest (muted_at) WHERE muted_at IS NOT NULL;
CREATE INDEX alert_muted ON alert (area_id) WHERE muted = 1 AND acknowledged IS NULL AND cleared IS NULL;

ALTER TABLE incident ADD COLUMN suspected_spam INTEGER NOT NULL DEFAULT 0;
ALTER TABLE incident ADD COLUMN happened TEXT NOT NULL DEFAULT '';
UPDATE incident SET happened = created;
"""


def up(_migrator: Any, db: Any) -> None:
    for statement in SCHEMA.split(";"):
        if statement.strip():
            db.execute_sql(statement)
