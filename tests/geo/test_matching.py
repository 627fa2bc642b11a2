"""Polygons cost a bounded amount of work, which is done in pieces, so that other requests can run."""

import json
import math
import shutil
from collections.abc import Iterator
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import gevent
import numpy as np
import pytest
import shapely
from harness import Person, feature
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Polygon

import models
from base import loop
from commands import importer
from domain import areas, tracked
from geo import geojson, matching
from models import AreaOfInterest, Incident
from storage import engine

Json = dict[str, Any]


def polygon(*rings: list[Any]) -> Json:
    return {"type": "Polygon", "coordinates": list(rings)}


def coast(positions: int, *, waves: int = 40) -> Json:
    """Return a district like those on maps: a long outline with bays."""
    angles = [2 * math.pi * i / positions for i in range(positions)]
    radii = [1 + 0.1 * math.sin(waves * angle) for angle in angles]
    ring = [
        [10 + r * math.cos(angle), 50 + r * math.sin(angle)] for angle, r in zip(angles, radii, strict=True)
    ]
    return polygon([*ring, ring[0]])


def zigzag(teeth: int, *, slanted: bool = False) -> Json:
    """Return teeth from south to north, side by side. Slanted, they are crossed by every axis."""
    ring = [[i * 0.01, 40.0 if i % 2 else -40.0] for i in range(2 * teeth)]
    ring += [[ring[-1][0], -41.0], [0.0, -41.0], ring[0]]
    return polygon([[(x - y) / 2, (x + y) / 2] for x, y in ring] if slanted else ring)


def shape(geometry: Json) -> Polygon:
    return geojson.to_polygon(geometry)


# The cost of a polygon


@pytest.mark.parametrize(
    ("geometry", "low", "high"),
    [
        (coast(9_998), 2, 20),
        (zigzag(4_990), 2, 4),  # a meridian crosses few of its edges
        (zigzag(50, slanted=True), 90, 102),
        (polygon([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]), 2, 4),
        (polygon([*([i / 100, 49] for i in range(9_000)), [0, 50], [0, 49]]), 2, 4),  # along a parallel
    ],
    ids=["coast", "zigzag", "slanted zigzag", "square", "border on a parallel"],
)
def test_crossings_are_the_edges_side_by_side(geometry: Json, low: int, high: int) -> None:
    """A long outline is cheap. The number of edges side by side decides."""
    assert low <= matching.crossings(shape(geometry)) <= high


def test_edges_of_holes_count_and_nothing_between_the_rings() -> None:
    outline = [[0, 0], [9, 0], [9, 9], [0, 9], [0, 0]]
    hole = [[5, 5], [5, 4], [4, 4], [4, 5], [5, 5]]
    assert matching.crossings(shape(polygon(outline, hole))) == 4


def test_zigzag_is_refused_before_it_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A polygon of 9,993 positions that would take 12 s is refused, with instructions."""
    monkeypatch.setattr(geojson, "_invalidity", lambda _: pytest.fail("this was checked"))
    monkeypatch.setattr(Polygon, "is_valid", property(lambda _: pytest.fail("this was checked")))
    with pytest.raises(geojson.GeometryError, match=r"lie side by side.* simplify it"):
        geojson.parse_polygon(zigzag(4_995, slanted=True))


def test_coast_of_ten_thousand_positions_is_accepted() -> None:
    """A realistic outline is accepted."""
    assert len(geojson.parse_polygon(coast(9_999))["coordinates"][0]) == 10_000


def test_rings_are_bounded() -> None:
    holes = [
        [[x, 1], [x + 0.01, 2], [x + 0.02, 1], [x, 1]] for x in (i / 10 for i in range(geojson.MAX_RINGS))
    ]
    outline = [[-1, 0], [200, 0], [200, 9], [-1, 9], [-1, 0]]
    with pytest.raises(geojson.GeometryError, match="1001 rings"):
        geojson.parse_polygon(polygon(outline, *holes))


def test_checked_polygon_is_not_checked_again(monkeypatch: pytest.MonkeyPatch, database: Path) -> None:
    """Renaming or muting an area does not check its polygon, because that would run in the transaction."""
    assert database.exists()
    area = AreaOfInterest(name="Coast")
    area.assign({"polygon": coast(100)})
    monkeypatch.setattr(matching, "crossings", lambda _: pytest.fail("this was checked again"))
    area.save()
    with AreaOfInterest.changing(area.id) as stored:
        stored.assign({"name": "Renamed", "polygon": geojson.CheckedPolygon(stored.polygon)})
        stored.save()
        stored.mute(None)
    assert AreaOfInterest.get().name == "Renamed"


# Matching in pieces


@given(
    st.sampled_from(
        [
            coast(300),
            zigzag(40),
            zigzag(40, slanted=True),
            polygon([[170, 0], [190, 0], [190, 9], [170, 9], [170, 0]]),
        ]
    ),
    st.lists(st.tuples(st.integers(-1800, 1800), st.integers(-420, 600)), max_size=50),
    st.integers(1, 400),
)
def test_pieces_together_equal_shapely(geometry: Json, places: list[Any], most: int) -> None:
    """However the work is cut, the answers for all positions equal shapely's, on every copy of the world."""
    area = shape(geometry)
    positions = [(x / 10, y / 10) for x, y in places]
    turned = [[shapely.Point(x + shift, y) for shift in (-360, 0, 360)] for x, y in positions]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "MAX_WORK", most)
        found = [*chain(*geojson.matcher(area).pieces(positions))]
    assert found == [any(area.covers(place) for place in copies) for copies in turned]


def test_no_piece_is_more_than_its_share_of_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """With 100,000 incidents and a zigzag from an older version, no piece of work is long."""
    asked: list[Any] = []

    def intersects_xy(_polygon: Polygon, x: Any, y: Any) -> Any:
        asked.append(np.array([x, y]).T)
        return x > y

    monkeypatch.setattr(shapely, "intersects_xy", intersects_xy)
    matcher = matching.Matcher([shape(zigzag(4_995, slanted=True))])
    generator = np.random.default_rng(1)
    positions = generator.uniform(-45, 45, (100_000, 2)).tolist()
    assert len([*matcher.pieces(positions)]) == len(asked)
    assert sum(map(len, asked)) == 100_000
    works = [int(matcher.work(some).sum()) for some in asked]
    assert max(works) <= matching.MAX_WORK + 10_000
    assert len(asked) <= 2 * sum(works) / matching.MAX_WORK + 1


def test_zigzag_is_matched_along_its_teeth() -> None:
    """Matching uses the axis on which each point meets few edges."""
    places = np.random.default_rng(1).uniform(-45, 45, (1000, 2))
    for geometry in (zigzag(4_995), polygon([[y, x] for x, y in zigzag(4_995)["coordinates"][0]])):
        assert matching.Matcher([shape(geometry)]).work(places).max() <= matching.POINT_WORK + 4


def test_every_copy_of_the_polygon_is_prepared() -> None:
    """An area across the antimeridian is matched with two prepared copies, and never edge by edge."""
    area = geojson.to_polygon(
        geojson.parse_polygon(polygon([[170, 0], [190, 0], [190, 9], [170, 9], [170, 0]]))
    )
    matcher = geojson.matcher(area)
    assert len(matcher._polygons) == 2
    assert shapely.is_prepared(matcher._polygons).all()


def test_look_inside_reads_some_incidents_at_a_time(monkeypatch: pytest.MonkeyPatch, database: Path) -> None:
    """One read is bounded by the incidents that it examines, not by those that it finds."""
    assert database.exists()
    monkeypatch.setattr(areas, "MAX_READ", 10)
    wanted = []
    for number in range(35):
        one = Incident(name=str(number), closed=number % 7 == 0)
        one.location = (0.5, 0.5) if number % 3 == 0 else (50, 50)
        one.save()
        if number % 3 == 0 and number % 7:
            wanted.append(one.id)
    area = AreaOfInterest(polygon=polygon([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]))
    read = [len(rows) for rows in area._near((-180, -90, 180, 90), None)]
    assert sum(read) == 30
    assert max(read) <= 10
    found = list(area.inside())
    assert [place.id for places in found for place in places] == wanted[::-1]
    assert len(found) >= len(read)  # also after a chunk in which no incident is near


def test_one_piece_runs_between_two_polls_of_the_sockets() -> None:
    """However many requests have long work, only one piece runs between two polls of the sockets."""
    done: list[str] = []

    def work(name: str) -> Iterator[int]:
        for number in range(3):
            done.append(name)
            yield number

    look = gevent.get_hub().loop.check()  # runs once in each iteration of the loop
    look.start(lambda: done.append("look"))
    workers = [gevent.spawn(lambda name=name: [*loop.interleaved(work(name))]) for name in "abc"]
    gevent.joinall(workers, raise_error=True)
    look.stop()
    look.close()
    assert [worker.value for worker in workers] == [[0, 1, 2]] * 3
    assert sum(name != "look" for name in done) == 9
    assert not any(a != "look" and b != "look" for a, b in pairwise(done))


# The collection of areas


def store(count: int, geometry: Json) -> None:
    for number in range(count):
        area = AreaOfInterest(name=f"Area {number}")
        area.assign({"polygon": geometry})
        area.save()


def test_collection_is_cut_by_size(database: Path) -> None:
    """A piece of the collection has a bounded number of bytes, or one area."""
    assert database.exists()
    store(6, coast(9_998))
    largest, last, seen = 0, 0, 0
    while found := AreaOfInterest.features(AreaOfInterest.id > 0, last):
        largest = max(largest, sum(len(text) for _, text in found[:-1]))
        seen, last = seen + len(found), found[-1][0]
    assert seen == 6
    assert largest < tracked.FEATURES_SIZE


def test_small_features_are_read_together(database: Path) -> None:
    assert database.exists()
    store(30, coast(5))
    assert len(AreaOfInterest.features(AreaOfInterest.id > 0, 0)) == 30


def test_collection_computes_nothing_of_a_polygon(monkeypatch: pytest.MonkeyPatch, database: Path) -> None:
    """The collection sends the stored text. It computes neither the polygon nor its centroid."""
    assert database.exists()
    store(2, coast(50))
    muted = AreaOfInterest.get_by_id(2)
    muted.mute(models.parse_until("2999-01-01T00:00:00Z"))
    wanted = [area.feature() for area in AreaOfInterest.select().order_by(AreaOfInterest.id)]
    monkeypatch.setattr(geojson, "_centroid", lambda _: pytest.fail("a centroid was computed"))
    monkeypatch.setattr(areas.PolygonField, "python_value", lambda *_: pytest.fail("a polygon was read"))
    found = AreaOfInterest.features(AreaOfInterest.id > 0, 0)
    assert [json.loads(text) for _, text in found] == wanted
    assert [area.name for area in AreaOfInterest.listed()] == ["Area 0", "Area 1"]


def test_centroid_follows_the_polygon(database: Path) -> None:
    assert database.exists()
    store(1, coast(50))
    area = AreaOfInterest.get()
    area.assign({"polygon": polygon([[170, 0], [192, 0], [192, 8], [170, 8], [170, 0]])})
    area.save()
    centre = AreaOfInterest.get().feature()["properties"]["centroid"]
    assert centre == {"type": "Point", "coordinates": [-179, 4]}


def test_areas_of_an_older_database_get_their_centroid(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Opening an older database fills in the centroids."""
    old = tmp_path / "migrations"
    old.mkdir()
    for path in sorted(engine.MIGRATIONS.glob("000[1-3]_*.py")):
        shutil.copy(path, old)
    with monkeypatch.context() as patch:
        patch.setattr(engine, "MIGRATIONS", old)
        models.open_database(tmp_path / "old.db")
        text = json.dumps(polygon([[170, 0], [192, 0], [192, 8], [170, 8], [170, 0]]))
        models.database.execute_sql(
            "INSERT INTO area_of_interest (name, polygon, created, updated) VALUES ('Fiji', ?, '', '')",
            (text,),
        )
        models.database.close()
    models.open_database(tmp_path / "old.db", migrate=True)
    area = AreaOfInterest.get()
    assert json.loads(area.centroid) == geojson.centroid(dict(area.polygon))
    ((_, as_json),) = AreaOfInterest.features(AreaOfInterest.id > 0, 0)
    assert json.loads(as_json) == area.feature()
    models.database.close()


# Import


def part(geometry: Json | None) -> importer.Part:
    fields = {"name": "n"} | ({"polygon": geometry} if geometry else {})
    return importer.Part(AreaOfInterest if geometry else Incident, None, fields, True, None, False)


def test_import_holds_no_long_transaction() -> None:
    """The import stores detailed areas one by one, and small features together."""
    large, small = part(coast(9_000)), part(coast(10))
    sizes = [len(batch) for batch in importer._batches([small, large, large, small, *[part(None)] * 45])]
    assert sizes == [2, 20, 20, 7]
    assert len([*importer._batches([large] * 30)]) == 30
    assert [*importer._batches([])] == []


def test_area_of_many_positions_is_saved_and_shown(person: Person) -> None:
    """A large area is stored, counted, shown, and in the collection."""
    stored = person.save_area("Detailed", coast(9_999))
    person.save_incident("In it", 10, 50)
    counted = person.api("POST", "/api/areas/inside/", feature(coast(9_999), name="x")).json()
    assert counted == {"open": 1, "alerting": 1}
    assert "In it" in person.get(stored["properties"]["url"]).words
    assert person.named("Detailed", "area_of_interest") == [stored]
    refused = person.api("POST", "/api/areas/", feature(zigzag(4_000, slanted=True), name="Zigzag"))
    assert refused.status_code == 422
    assert "simplify" in refused.json()["fields"]["polygon"]
