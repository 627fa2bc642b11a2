"""Write many incidents directly into a tracker's database."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

TOWNS = 40  # the incidents lie around these


def fill(database: Path, incidents: int) -> None:
    """Write open incidents directly into the database."""
    chance = random.Random(1)
    towns = [(chance.uniform(-160, 160), chance.uniform(-50, 65)) for _ in range(TOWNS)]
    rows = []
    for number in range(incidents):
        longitude, latitude = chance.choice(towns)
        place = round(chance.gauss(longitude, 4), 6), round(chance.gauss(latitude, 3), 6)
        severity = chance.choices(("UR", "HI", "ME", "LO", "IN"), (1, 5, 30, 40, 24))[0]
        created = f"2026-01-01T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}.000000Z"
        rows.append((f"Incident {number}", "x" * 50, severity, *place, created, created, created))
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.executemany(
            "INSERT INTO incident "
            "(name, description, severity, longitude, latitude, created, updated, happened) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
