"""The version of each incident and area, and the stored answers for repeated requests."""

from typing import Any

# The version of an existing row is its last log entry, in the form of Notification.next_version.
SCHEMA = """
ALTER TABLE incident ADD COLUMN version TEXT NOT NULL DEFAULT '';
ALTER TABLE area_of_interest ADD COLUMN version TEXT NOT NULL DEFAULT '';

UPDATE incident SET version = coalesce((
    SELECT max(n.seq) || '-' || substr((SELECT value FROM setting WHERE name = 'epoch'), 1, 4)
    FROM notification n WHERE n.model = 'Incident' AND n.object_id = incident.id
    AND n.message LIKE '{"type":"post_save"%'
), '');
UPDATE area_of_interest SET version = coalesce((
    SELECT max(n.seq) || '-' || substr((SELECT value FROM setting WHERE name = 'epoch'), 1, 4)
    FROM notification n WHERE n.model = 'AreaOfInterest' AND n.object_id = area_of_interest.id
    AND n.message LIKE '{"type":"post_save"%'
), '');

CREATE TABLE answer (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    owner TEXT NOT NULL,
    key TEXT NOT NULL,
    request TEXT NOT NULL,
    status INTEGER NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL,
    created TEXT NOT NULL,
    UNIQUE (owner, key)
);
CREATE INDEX answer_owner ON answer (owner, id);
"""


def up(_migrator: Any, db: Any) -> None:
    for statement in SCHEMA.split(";"):
        if statement.strip():
            db.execute_sql(statement)
