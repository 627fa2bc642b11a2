"""The centroid of each area, as the JSON of its GeoJSON Point, so that readers need not compute it."""

import json
from typing import Any


def up(_migrator: Any, db: Any) -> None:
    db.execute_sql("ALTER TABLE area_of_interest ADD COLUMN centroid TEXT")
    for (id_,) in db.execute_sql("SELECT id FROM area_of_interest").fetchall():
        (polygon,) = db.execute_sql("SELECT polygon FROM area_of_interest WHERE id = ?", (id_,)).fetchone()
        import shapely  # only here: a new database has no areas

        point = shapely.from_geojson(polygon).centroid
        place = [round((point.x + 180) % 360 - 180, 7), round(point.y, 7)]
        text = json.dumps({"type": "Point", "coordinates": place}, separators=(",", ":"))
        db.execute_sql("UPDATE area_of_interest SET centroid = ? WHERE id = ?", (text, id_))
