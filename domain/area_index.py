"""The areas in memory, kept up with the log."""

from __future__ import annotations

import json

from base.severity import BY_CODE
from domain.areas import AreaOfInterest, Watch
from domain.incidents import Incident
from geo import geojson
from geo.index import AreaIndex
from storage.engine import database

# The log's last entry, the time of the one at a cursor, and the ids of the areas that changed since.
# Left to itself, SQLite would read all entries about areas, and not only those. For DISTINCT it would open a
# table of its own, each time.
NEWS_OF_AREAS = """
SELECT seq, created, (SELECT created FROM notification WHERE seq = ?), (
    SELECT json_group_array(object_id) FROM notification INDEXED BY notification_area
    WHERE model = 'AreaOfInterest' AND seq > ?
) FROM notification ORDER BY seq DESC LIMIT 1
"""


class AreaFollower:
    """The areas in memory, kept up with the log: an area saved by any process is in the next answer.

    Its cursor is the last log entry it has seen, with that entry's time. If the entry at the cursor is
    another one now (a transaction was rolled back, another database was opened), all is read anew.
    """

    def __init__(self) -> None:
        self._cursor: tuple[int, str] | None = None
        self._index = AreaIndex()
        self._watches: dict[int, Watch] = {}  # of the areas in the index, by id

    def covering(self, incident: Incident) -> list[Watch]:
        """Return the areas that this incident would alert, by id."""
        self.follow()
        level = BY_CODE[incident.severity].level
        ids = self._index.covering(incident.longitude, incident.latitude, level)
        return [self._watches[id_] for id_ in ids]

    def follow(self) -> None:
        """Take in what the log has got since the last time."""
        seq, created = self._cursor or (0, "")
        found = database.execute_sql(NEWS_OF_AREAS, (seq, seq)).fetchone()
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
            self._watches.pop(id_, None)
        else:
            self._index.put(id_, BY_CODE[area.severity].level, geojson.to_polygon(area.polygon))
            self._watches[id_] = area.watch

    def _rebuild(self) -> None:
        rows = database.execute_sql(
            "SELECT polygon, id, name, severity, muted_until, muted_at FROM area_of_interest"
        ).fetchall()
        self._watches = {row[1]: Watch(*row[1:]) for row in rows}
        self._index = AreaIndex(
            list(self._watches),
            [BY_CODE[watch.severity].level for watch in self._watches.values()],
            geojson.to_polygons([row[0] for row in rows]),
        )


areas = AreaFollower()
