"""A list of refused sign-ins, the log of admins, codes of a phone, and passwords that must be changed."""

from typing import Any

SCHEMA = """
ALTER TABLE sign_in ADD COLUMN count INTEGER NOT NULL DEFAULT 1;
ALTER TABLE sign_in ADD COLUMN slot TEXT;
CREATE UNIQUE INDEX sign_in_slot ON sign_in (slot);

CREATE TABLE refusal (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    created TEXT NOT NULL,
    name TEXT,
    address TEXT NOT NULL,
    outcome TEXT NOT NULL,
    count INTEGER NOT NULL DEFAULT 1,
    slot TEXT UNIQUE
);
INSERT INTO refusal (created, name, address, outcome)
    SELECT created, name, address, outcome FROM sign_in WHERE outcome LIKE 'refused%' ORDER BY id;
DELETE FROM sign_in WHERE outcome LIKE 'refused%';

CREATE TABLE admin_action (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    created TEXT NOT NULL,
    who TEXT NOT NULL,
    address TEXT NOT NULL,
    what TEXT NOT NULL,
    whose TEXT NOT NULL
);

CREATE TABLE confirmation (
    session_id TEXT NOT NULL PRIMARY KEY REFERENCES session (id) ON DELETE CASCADE,
    created TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE totp (
    user_id INTEGER NOT NULL PRIMARY KEY REFERENCES user (id) ON DELETE CASCADE,
    secret TEXT NOT NULL,
    enabled INTEGER NOT NULL DEFAULT 0,
    last_step INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE recovery_code (
    hash TEXT NOT NULL PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX recovery_code_user ON recovery_code (user_id);

ALTER TABLE user ADD COLUMN password_temporary INTEGER NOT NULL DEFAULT 0;
"""


def up(_migrator: Any, db: Any) -> None:
    for statement in SCHEMA.split(";"):
        if statement.strip():
            db.execute_sql(statement)
