"""Alerts as episodes, muted areas, and how far each account has read.

An alert outlives its incident and its area, which is why it keeps their names and refers to nothing. The
database itself refuses a second open alert for the same pair.
"""

from typing import Any

# As in 0001: not IN (...).
SEVERITY = "CHECK (" + " OR ".join(f"severity = '{code}'" for code in ("UR", "HI", "ME", "LO", "IN")) + ")"

SCHEMA = f"""
CREATE TABLE alert (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    incident_id INTEGER NOT NULL,
    incident_name TEXT NOT NULL,
    area_id INTEGER NOT NULL,
    area_name TEXT NOT NULL,
    severity TEXT NOT NULL {SEVERITY},
    muted INTEGER NOT NULL DEFAULT 0,
    raised TEXT NOT NULL,
    raised_seq INTEGER NOT NULL,
    acknowledged TEXT,
    acknowledged_by TEXT,
    note TEXT NOT NULL DEFAULT '',
    cleared TEXT,
    cleared_reason TEXT
);
CREATE UNIQUE INDEX alert_open ON alert (incident_id, area_id) WHERE cleared IS NULL;
CREATE INDEX alert_open_area ON alert (area_id) WHERE cleared IS NULL;
CREATE INDEX alert_raised_seq ON alert (raised_seq);

ALTER TABLE area_of_interest ADD COLUMN muted_until TEXT;
ALTER TABLE area_of_interest ADD COLUMN muted_by TEXT;

ALTER TABLE user ADD COLUMN read_seq INTEGER NOT NULL DEFAULT 0;
"""


def up(_migrator: Any, db: Any) -> None:
    for statement in SCHEMA.split(";"):
        if statement.strip():
            db.execute_sql(statement)
