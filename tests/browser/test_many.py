"""The map with very many incidents, and under a burst of messages, in a real browser."""

import json
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread
from time import monotonic, sleep

import pytest
from conftest import OpenScreen, StartServer
from harness import PATIENCE_MS, PATIENCE_S, Server
from playwright.sync_api import Page, expect

MANY = 50_000
BURST, TICKS, TICK_S = 2_500, 50, 0.1  # 500 messages a second for 5 s, some at a time
POLL_MS = 250
ROUNDS = 3
FEWEST_FRAMES = 20  # a frozen page has hardly any; a page drawn in software on a busy machine has some
MAX_GROWTH = 3_000_000  # bytes: less than half of what the messages of the later rounds would take
URGENT = 5  # the rank of the worst severity
CREATED = "2026-01-01T00:00:00.000000Z"
DRAWN_MS = 4 * PATIENCE_MS  # a map of so many, drawn in software
INSERT = (
    "INSERT INTO incident (name, severity, longitude, latitude, created, updated) VALUES (?, ?, ?, ?, ?, ?)"
)
# The features that the map draws, each once, although several tiles and copies of the world have it.
DRAWN = """() => {
  const found = tracker.map.querySourceFeatures("incidents").map(({properties}) => properties);
  return [...new Map(found.map((each) => [each.pk ?? `${each.west} ${each.south}`, each])).values()];
}"""
# Counts the page's frames, how often its listeners are called, and the drawings.
COUNT = """() => {
  window.counted = {frames: 0, notified: 0, drawn: 0};
  const frame = () => { counted.frames += 1; requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
  const source = tracker.map.getSource("incidents");
  const setData = source.setData.bind(source);
  source.setData = (data) => { counted.drawn += 1; return setData(data); };
  tracker.store.subscribe(() => { counted.notified += 1; });
}"""
COUNTS_PAINTED = "() => tracker.map.queryRenderedFeatures({layers: ['cluster-counts']}).length > 0"


def soon(page: Page, condition: str, argument: object = None) -> None:
    """Wait until a JavaScript function returns true. Polls rarely, so that the polling adds little load."""
    page.wait_for_function(condition, arg=argument, polling=POLL_MS, timeout=DRAWN_MS)


def shows(page: Page, number: int) -> None:
    """Wait until the map's clusters and single incidents are this many incidents together."""
    total = f"({DRAWN})().reduce((sum, {{count = 1}}) => sum + count, 0)"
    soon(page, f"(number) => Boolean(window.tracker?.map) && {total} === number", number)


@pytest.fixture(scope="module")
def full_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start a server with very many open incidents, written directly into its database."""
    server = Server(tmp_path_factory.mktemp("full_server"))
    chance = random.Random(6)
    towns = [(chance.uniform(-150, 150), chance.uniform(-50, 60)) for _ in range(30)]
    rows = []
    for number in range(MANY):
        longitude, latitude = chance.choice(towns)
        severity = "UR" if number == 0 else chance.choice(("ME", "LO", "IN"))
        place = (chance.gauss(longitude, 3), chance.gauss(latitude, 3))
        rows.append((f"Incident {number}", severity, *place, CREATED, CREATED))
    with closing(sqlite3.connect(server.database)) as connection, connection:
        connection.executemany(INSERT, rows)
    yield server
    server.stop()


@pytest.mark.timeout(400)
def test_many_incidents_are_clustered_and_followed(full_server: Server, open_screen: OpenScreen) -> None:
    """A map of 50,000 incidents has clusters with counts and severities. Panning and live changes work."""
    person = full_server.person()
    page = open_screen(person).open("/")
    shows(page, MANY)
    soon(page, COUNTS_PAINTED)
    clusters = [each for each in page.evaluate(DRAWN) if "count" in each]
    assert any(each["count"] >= 1000 and each["abbreviated"].endswith("k") for each in clusters)
    assert [each["worst"] for each in clusters].count(URGENT) == 1, "only one holds the urgent incident"
    expect(page.locator("#incident-count")).to_have_text(f"{MANY:,}")

    page.evaluate(COUNT)
    before = page.evaluate("tracker.map.getCenter().lng")
    box = page.locator("#map").bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 150, y, steps=10)
    page.mouse.up()
    soon(page, "(before) => tracker.map.getCenter().lng > before", before)

    page.evaluate("void tracker.map.jumpTo({center: [0, -70], zoom: 6})")
    stored = person.save_incident("One more", 0, -70, severity="High")
    pk = stored["properties"]["pk"]
    soon(page, f"(pk) => ({DRAWN})().some((each) => each.pk === pk)", pk)
    page.evaluate("void tracker.map.jumpTo({center: [0, 20], zoom: 0})")
    shows(page, MANY + 1)
    assert page.evaluate("counted.frames") >= FEWEST_FRAMES, "the page was frozen"
    person.delete(stored)


def test_click_on_a_cluster_comes_closer(full_server: Server, open_screen: OpenScreen) -> None:
    """A click on a cluster zooms in as far as all its incidents fit."""
    screen = open_screen(full_server.person())
    page = screen.open("/#map=1/20/0")
    shows_some = f"() => Boolean(window.tracker?.map) && ({COUNTS_PAINTED})()"
    soon(page, shows_some)
    cluster = page.evaluate(
        "tracker.map.queryRenderedFeatures({layers: ['clusters']})[0].geometry.coordinates"
    )
    screen.click_map(*cluster)
    soon(page, "() => tracker.map.getZoom() >= 2")


def burst(database: Path, round_: int) -> None:
    """Save incidents and their log entries from another process: first create them, then change them."""
    start = monotonic()
    with closing(sqlite3.connect(database, timeout=PATIENCE_S)) as connection:
        for tick in range(TICKS):
            with connection:
                for number in range(tick * BURST // TICKS, (tick + 1) * BURST // TICKS):
                    save(connection, number, round_)
            sleep(max(0, start + (tick + 1) * TICK_S - monotonic()))


def save(connection: sqlite3.Connection, number: int, round_: int) -> None:
    """Store an incident, new in the first round, and its message."""
    updated = f"2026-01-0{round_ + 1}T00:00:00.000000Z"
    pk, longitude, latitude = number + 1, number % 300 - 150, number // 300 * 10 - 40
    name = f"Burst {number}"
    properties = {
        "name": name,
        "description": "x" * 200,
        "severity": "Low",
        "created": CREATED,
        "updated": updated,
        "closed": False,
        "verified": True,
        "model": "Incident",
        "pk": pk,
        "url": f"/tracker/incident/{pk}/",
    }
    geometry = {"type": "Point", "coordinates": [longitude, latitude]}
    feature = {"type": "Feature", "id": f"Incident:{pk}", "geometry": geometry, "properties": properties}
    if round_ == 0:
        row = (name, "LO", longitude, latitude, CREATED, updated)
        assert connection.execute(INSERT, row).lastrowid == pk
    message = {"type": "post_save", "created": round_ == 0, "feature": feature, "actor": "somebody"}
    connection.execute(
        "INSERT INTO notification (model, object_id, created, message) VALUES ('Incident', ?, ?, ?)",
        (pk, updated, json.dumps(message, separators=(",", ":"))),
    )


def heap(page: Page) -> int:
    """Return the bytes of the page's JavaScript objects after the garbage is collected."""
    session = page.context.new_cdp_session(page)
    for command in ("HeapProfiler.enable", "HeapProfiler.collectGarbage", "Performance.enable"):
        session.send(command)
    found = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
    session.detach()
    return int(found["JSHeapUsedSize"])


@pytest.mark.timeout(400)
def test_burst_is_drawn_in_frames_and_leaves_nothing_behind(
    start_server: StartServer, open_screen: OpenScreen
) -> None:
    """The page draws 500 messages a second in few drawings.

    Frames continue, and no message stays in memory.
    """
    server = start_server()
    page = open_screen(server.person()).open_map()
    page.evaluate(COUNT)
    sizes = []
    for round_ in range(ROUNDS):
        sender = Thread(target=burst, args=(server.database, round_))
        sender.start()
        sender.join()
        soon(page, "(head) => tracker.store.seq === head", (round_ + 1) * BURST)
        shows(page, BURST)
        expect(page.locator("#incident-count")).to_have_text(f"{BURST:,}")
        sizes.append(heap(page))
    counted = page.evaluate("counted")
    assert counted["frames"] >= FEWEST_FRAMES, "the page was frozen"
    assert counted["notified"] < ROUNDS * BURST / 4
    assert counted["drawn"] <= counted["notified"] + ROUNDS
    assert sizes[-1] - sizes[0] < MAX_GROWTH, sizes
