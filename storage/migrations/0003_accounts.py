"""The tables of accounts and safety: tokens, one-time links, sign-ins, waits, and unverified reports."""

from typing import Any

SCHEMA = """
CREATE TABLE token (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hash TEXT NOT NULL UNIQUE,
    user_id INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    read_only INTEGER NOT NULL DEFAULT 0,
    created TEXT NOT NULL,
    expires TEXT,
    last_used TEXT
);
CREATE INDEX token_user ON token (user_id);

CREATE TABLE reset (
    hash TEXT NOT NULL PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    expires TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE sign_in (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    created TEXT NOT NULL,
    name TEXT,
    address TEXT NOT NULL,
    outcome TEXT NOT NULL
);

CREATE TABLE throttle (
    key TEXT NOT NULL PRIMARY KEY,
    count INTEGER NOT NULL,
    until REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX throttle_until ON throttle (until);

ALTER TABLE incident ADD COLUMN verified INTEGER NOT NULL DEFAULT 1;
"""


def up(_migrator: Any, db: Any) -> None:
    for statement in SCHEMA.split(";"):
        if statement.strip():
            db.execute_sql(statement)
