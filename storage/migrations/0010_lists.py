"""The reporter and the closing of an incident, and the columns and indexes of searches and lists.

The first log entry of an existing incident has its reporter, unless it was pruned. The time of its closing
is not known. The indexes are in the order of the lists: see domain/lists.py.
"""

from typing import Any

PORTION = 1000  # rows that are read at once

SCHEMA = """
ALTER TABLE incident ADD COLUMN created_by TEXT;
ALTER TABLE incident ADD COLUMN closed_at TEXT;
ALTER TABLE incident ADD COLUMN closed_by TEXT;
ALTER TABLE incident ADD COLUMN folded TEXT NOT NULL DEFAULT '';
ALTER TABLE area_of_interest ADD COLUMN folded TEXT NOT NULL DEFAULT '';

UPDATE incident SET created_by = (
    SELECT json_extract(n.message, '$.actor') FROM notification n
    WHERE n.model = 'Incident' AND n.object_id = incident.id
    AND n.message LIKE '{"type":"post_save","created":true%' ORDER BY n.seq LIMIT 1
);

CREATE INDEX incident_happened ON incident (happened, id);
CREATE INDEX incident_closed_at ON incident (coalesce(closed_at, ''), id);
CREATE INDEX incident_name ON incident (name COLLATE NOCASE, id);
CREATE INDEX incident_severity ON incident (
    (CASE severity WHEN 'UR' THEN 4 WHEN 'HI' THEN 3 WHEN 'ME' THEN 2 WHEN 'LO' THEN 1 ELSE 0 END), id
);
CREATE INDEX area_name ON area_of_interest (name COLLATE NOCASE, id);
"""


def up(_migrator: Any, db: Any) -> None:
    for statement in SCHEMA.split(";"):
        if statement.strip():
            db.execute_sql(statement)
    for table, texts in (("incident", "name || char(10) || description"), ("area_of_interest", "name")):
        _fold(db, table, texts)


def _fold(db: Any, table: str, texts: str) -> None:
    from base.folding import fold

    last = 0
    while rows := db.execute_sql(
        f"SELECT id, {texts} FROM {table} WHERE id > ? ORDER BY id LIMIT ?",  # noqa: S608  # nosec B608
        (last, PORTION),
    ).fetchall():
        for id_, text in rows:
            db.execute_sql(f"UPDATE {table} SET folded = ? WHERE id = ?", (fold(text), id_))  # noqa: S608  # nosec B608
        last = rows[-1][0]
