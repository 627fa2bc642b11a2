"""The areas in memory, up to date with the log."""

from __future__ import annotations

import json

from base.severity import BY_CODE, Severity
from domain.areas import AreaOfInterest, AreaSummary
from domain.incidents import Incident
from geo import geojson
from geo.index import AreaIndex
from storage.engine import database

# The log's last entry, the time of the one at a cursor, and the ids of the areas that changed since.
# Without INDEXED BY, SQLite would read all entries about areas. For DISTINCT it would make a temporary table.
CHANGED_AREAS = """
SELECT seq, created, (SELECT created FROM notification WHERE seq = ?), (
    SELECT json_group_array(object_id) FROM notification INDEXED BY notification_area
    WHERE model = 'AreaOfInterest' AND seq > ?
) FROM notification ORDER BY seq DESC LIMIT 1
"""


class AreaCache:
    """The areas in memory, up to date with the log: an area saved by any process is in the next answer.

    The cursor is the last entry of the log that was read, with that entry's time. If the entry at the cursor
    is a different one now, all areas are read again. That happens after a rollback, or when another database
    was opened.
    """

    def __init__(self) -> None:
        self._cursor: tuple[int, str] | None = None
        self._index = AreaIndex()
        self._summaries: dict[int, AreaSummary] = {}  # of the areas in the index, by id

    def covering(self, incident: Incident) -> list[AreaSummary]:
        """Return the areas that this incident would alert, in the order of their ids."""
        return self._covering(incident, BY_CODE[incident.severity].level)

    def around(self, incident: Incident) -> list[AreaSummary]:
        """Return all areas that this incident lies in, in the order of their ids."""
        return self._covering(incident, Severity.URGENT.level)

    def _covering(self, incident: Incident, level: int) -> list[AreaSummary]:
        self.refresh()
        ids = self._index.covering(incident.longitude, incident.latitude, level)
        return [self._summaries[id_] for id_ in ids]

    def refresh(self) -> None:
        """Read the areas that have changed since the last refresh."""
        seq, created = self._cursor or (0, "")
        found = database.execute_sql(CHANGED_AREAS, (seq, seq)).fetchone()
        head, seen, changed = (found[:2], *found[2:]) if found else (None, None, "[]")
        if head == self._cursor:
            return
        if seen != created:
            self._rebuild()
        else:
            for id_ in set(json.loads(changed)):
                self._take(AreaOfInterest.get_or_none(AreaOfInterest.id == id_), id_)
        self._cursor = head

    def _take(self, area: AreaOfInterest | None, id_: int) -> None:
        if area is None:
            self._index.remove(id_)
            self._summaries.pop(id_, None)
        else:
            self._index.put(id_, BY_CODE[area.severity].level, geojson.to_polygon(area.polygon))
            self._summaries[id_] = area.summary

    def _rebuild(self) -> None:
        rows = database.execute_sql(
            "SELECT polygon, id, name, severity, muted_until, muted_at FROM area_of_interest"
        ).fetchall()
        self._summaries = {row[1]: AreaSummary(*row[1:]) for row in rows}
        self._index = AreaIndex(
            list(self._summaries),
            [BY_CODE[summary.severity].level for summary in self._summaries.values()],
            geojson.to_polygons([row[0] for row in rows]),
        )


areas = AreaCache()
