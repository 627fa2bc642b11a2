"""The first schema. A frozen copy, which does not follow later changes of models.py.

AUTOINCREMENT wherever an id is seen by others, so that the id of something deleted is never used again.
"""

from typing import Any

# Not IN (...): SQLite would make a table of the list for each row that is written.
SEVERITY = "CHECK (" + " OR ".join(f"severity = '{code}'" for code in ("UR", "HI", "ME", "LO", "IN")) + ")"

SCHEMA = f"""
CREATE TABLE setting (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE user (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    password_hash TEXT NOT NULL,
    active INTEGER NOT NULL DEFAULT 1,
    role TEXT NOT NULL DEFAULT 'editor' CHECK (role IN ('viewer', 'editor', 'admin')),
    created TEXT NOT NULL
);

CREATE TABLE session (
    id TEXT NOT NULL PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    created TEXT NOT NULL,
    last_used TEXT NOT NULL,
    address TEXT NOT NULL,
    user_agent TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX session_user ON session (user_id);

CREATE TABLE incident (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL CHECK (name <> ''),
    description TEXT NOT NULL DEFAULT '',
    severity TEXT NOT NULL DEFAULT 'ME' {SEVERITY},
    closed INTEGER NOT NULL DEFAULT 0,
    longitude REAL NOT NULL CHECK (longitude BETWEEN -180 AND 180),
    latitude REAL NOT NULL CHECK (latitude BETWEEN -90 AND 90),
    source_id TEXT,
    created TEXT NOT NULL,
    updated TEXT NOT NULL
);
CREATE UNIQUE INDEX incident_source ON incident (source_id) WHERE source_id IS NOT NULL;
CREATE INDEX incident_open ON incident (id) WHERE closed = 0;

CREATE TABLE area_of_interest (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL CHECK (name <> ''),
    severity TEXT NOT NULL DEFAULT 'ME' {SEVERITY},
    polygon TEXT NOT NULL,
    source_id TEXT UNIQUE,
    created TEXT NOT NULL,
    updated TEXT NOT NULL
);

CREATE TABLE notification (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    model TEXT NOT NULL,
    object_id INTEGER NOT NULL,
    created TEXT NOT NULL,
    message TEXT NOT NULL
);
CREATE INDEX notification_object ON notification (model, object_id, seq);
CREATE INDEX notification_area ON notification (seq) WHERE model = 'AreaOfInterest';
"""


def up(_migrator: Any, db: Any) -> None:
    for statement in SCHEMA.split(";"):
        if statement.strip():
            db.execute_sql(statement)
