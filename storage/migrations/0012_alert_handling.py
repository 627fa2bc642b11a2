"""Reasons of mutes, mutes of one account, and the log entry of each acknowledgement."""

from typing import Any

SCHEMA = """
ALTER TABLE area_of_interest ADD COLUMN mute_reason TEXT;
ALTER TABLE alert ADD COLUMN acknowledged_seq INTEGER NOT NULL DEFAULT 0;

CREATE TABLE personal_mute (
    user_id INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    area_id INTEGER NOT NULL REFERENCES area_of_interest (id) ON DELETE CASCADE,
    until TEXT NOT NULL,
    at TEXT NOT NULL,
    since INTEGER NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (user_id, area_id)
) WITHOUT ROWID;
CREATE INDEX personal_mute_area ON personal_mute (area_id);

CREATE INDEX alert_unacknowledged ON alert (incident_id, area_id, severity)
    WHERE cleared IS NULL AND acknowledged IS NULL AND muted = 0;
CREATE INDEX alert_past ON alert (cleared, incident_id) WHERE cleared IS NOT NULL;
"""


def up(_migrator: Any, db: Any) -> None:
    for statement in SCHEMA.split(";"):
        if statement.strip():
            db.execute_sql(statement)
