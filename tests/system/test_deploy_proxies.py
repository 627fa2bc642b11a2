"""The sites of deploy/ in the real nginx, Caddy and HAProxy: all of Tracker works through each of them."""

import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import harness
import httpx
import pytest
from conftest import OpenScreen, StartServer, end
from fronts import DEPLOY, Front, caddy, haproxy, plain_nginx, secure_nginx
from harness import PATIENCE_S, Message, Person, Screen, Server, square, wait_until
from playwright.sync_api import expect

from realtime.limits import Limits

pytestmark = pytest.mark.slow

CREATE = "/tracker/incident/create/"
REPORT = "/tracker/incident/report/"
MANY_FILES = 20  # of the report page
REFUSED = re.compile(r"WebSocket connection to|status of 426")
PLACE = '{"type": "Point", "coordinates": [1, 1]}'
INVENTED = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http", "X-Forwarded-Prefix": "/invented"}
BEHIND = {"TRACKER_PROXIES": "127.0.0.1", "TRACKER_HOSTS": "localhost,127.0.0.1"}
FRONTS: dict[str, Callable[[Path, int], Front]] = {
    "nginx": secure_nginx,
    "caddy": caddy,
    "haproxy": haproxy,
}


SITES = sorted(path for path in DEPLOY.rglob("*") if path.parent.name in FRONTS)


def at(url: str, server: Server) -> Person:
    """Return somebody who has signed in at this address."""
    person = server.visitor_at(url)
    person.sign_in(server.name, server.password)
    assert person.get("/").status == 200
    return person


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server that each proxy leads to."""
    server = Server(tmp_path_factory.mktemp("server"), env=BEHIND)
    yield server
    end(server)


@pytest.fixture(scope="module", params=FRONTS)
def front(
    request: pytest.FixtureRequest, behind: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    """One proxy after the other, over TLS."""
    front = FRONTS[request.param](tmp_path_factory.mktemp("front"), behind.port)
    yield front
    front.stop()


@pytest.fixture(scope="module")
def person(front: Front, behind: Server) -> Person:
    """Somebody who came through the proxy and has signed in."""
    return at(front.url, behind)


def test_session_is_kept_to_tls(person: Person) -> None:
    """Tracker knows that the person used TLS."""
    assert person.cookie_name.startswith("__Host-tracker_")


def test_message_of_a_save_comes_by_websocket(person: Person) -> None:
    with person.watch() as watch:
        stored = person.save_incident("By the API")
        message = watch.wait_for_type("post_save", stored)
    assert message["feature"]["properties"]["name"] == "By the API"


def test_form_is_saved(person: Person) -> None:
    page = person.submit(CREATE, name="By a form", location_geojson=PLACE, severity="HI")
    assert re.fullmatch(r"/tracker/incident/\d+/", page.path)
    assert "By a form" in page.words


def test_long_poll_is_answered_by_the_next_save(person: Person) -> None:
    """The first waits in vain for a second, and the other for the save of an incident."""
    hello = _lines(person.http.get("/api/notifications"))[0]
    path = f"/api/notifications?since={hello['seq']}&epoch={hello['epoch']}"
    assert [line["type"] for line in _lines(person.http.get(f"{path}&wait=1"))] == ["hello", "heartbeat"]
    with ThreadPoolExecutor(1) as pool:
        poll = pool.submit(person.http.get, f"{path}&wait=25")
        stored = person.save_incident("While a poll waits")
        told, message = _lines(poll.result(PATIENCE_S))
    assert (told["type"], message["type"]) == ("hello", "post_save")
    assert message["feature"]["id"] == stored["id"]


def _lines(answer: httpx.Response) -> list[Message]:
    return [json.loads(line) for line in answer.text.splitlines()]


def test_what_a_client_invents_is_not_believed(front: Front, behind: Server) -> None:
    """Address, scheme and path come from the proxy only."""
    person = behind.visitor_at(front.url)
    person.http.headers.update(INVENTED)
    page = person.sign_in(behind.name, behind.password)
    assert person.cookie_name.startswith("__Host-tracker_")
    assert "/invented" not in str(page)
    with sqlite3.connect(behind.database) as database:
        assert database.execute("SELECT DISTINCT address FROM sign_in").fetchall() == [("127.0.0.1",)]


def test_texts_are_compressed(person: Person) -> None:
    """Tracker compresses them, and the proxy passes them on as they are."""
    person.save_incident("To have something to compress", description="x" * 900)
    person.http.headers["Accept-Encoding"] = "gzip"
    packed = {
        path: person.http.get(path).headers.get("Content-Encoding")
        for path in ("/tracker/incident/feature_collection/", "/static/js/live/store.js", CREATE, "/")
    }
    assert list(packed.values()) == ["gzip"] * 4


def test_large_area_passes(person: Person) -> None:
    """Bodies up to Tracker's own limit pass."""
    ring = square(10, 10)["coordinates"][0]
    west, north = ring[-2]
    count = 9_000
    left = [[west, north - number / count] for number in range(1, count)]
    person.save_area("Fine", {"type": "Polygon", "coordinates": [[*ring[:-1], *left, ring[0]]]})


@pytest.mark.parametrize("path", SITES, ids=lambda path: str(path.relative_to(DEPLOY)))
def test_timeouts_are_longer_than_the_heartbeat(path: Path) -> None:
    """A proxy must not cut a connection without new entries. Tracker says something every 25 seconds."""
    text = path.read_text(encoding="utf-8")
    timeouts = r"^\s*(?:proxy_read_timeout|read_timeout|timeout (?:client|server|tunnel)) +(\d+)s"
    found = re.findall(timeouts, text, re.MULTILINE)
    assert found or "include snippets/tracker-proxy.conf" in text
    assert all(int(seconds) > 2 * Limits().heartbeat_s for seconds in found)


def test_harness_puts_nginx_before_a_server(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`make nginx` really goes through it, also after the server has started again on its port."""
    monkeypatch.setattr(harness, "IS_FRONTED", True)
    server = start_server()
    assert server.person().http.get("/").headers["Server"].startswith("nginx")
    server.stop()
    again = start_server(port=server.port, password=server.password)
    assert again.url == server.url
    assert again.person().http.get("/").headers["Server"].startswith("nginx")


# Two trackers below one host.


class Pair:
    """Two trackers and the nginx before them, with the address of each by its root."""

    def __init__(self, folder: Path) -> None:
        self.servers = {}
        for root in ("/north", "/south"):
            (folder / root[1:]).mkdir()
            self.servers[root] = Server(folder / root[1:], env={**BEHIND, "TRACKER_ROOT": root})
        (folder / "index.html").write_text("Other things of this host")
        ports = {"8001": self.servers["/north"].port, "8002": self.servers["/south"].port}
        self.front = plain_nginx(folder, ports, "nginx/two-trackers.conf")
        self.url = self.front.url

    def person(self, root: str) -> Person:
        return at(f"{self.url}{root}", self.servers[root])


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    pair = Pair(tmp_path_factory.mktemp("pair"))
    yield pair
    pair.front.stop()
    for server in pair.servers.values():
        end(server)


def test_each_tracker_serves_its_own(pair: Pair) -> None:
    """Pages, forms, the API and messages of one have nothing of the other."""
    north, south = pair.person("/north"), pair.person("/south")
    with north.watch() as at_north, south.watch() as at_south:
        page = north.submit(CREATE, name="In the north", location_geojson=PLACE, severity="HI")
        assert re.fullmatch(r"/north/tracker/incident/\d+/", page.path)
        stored = south.save_incident("In the south")
        message = at_south.wait_for_type("post_save", stored)
        at_north.wait_for_type("post_save", "In the north")
        assert at_north.about("In the south") == []
    assert message["feature"]["properties"]["url"] == "/tracker/incident/1/"
    assert [found["properties"]["name"] for found in north.collection()["features"]] == ["In the north"]
    assert [found["properties"]["name"] for found in south.collection()["features"]] == ["In the south"]


def test_one_browser_can_be_signed_in_at_both(pair: Pair) -> None:
    """Each cookie is sent to its own tracker only, and signing out at one leaves the other signed in."""
    north, south = pair.person("/north"), pair.person("/south")
    south.http.cookies.jar = north.http.cookies.jar
    south.sign_in(pair.servers["/south"].name, pair.servers["/south"].password)
    assert {cookie.path for cookie in north.http.cookies.jar} == {"/north", "/south"}
    sent = north.http.build_request("GET", "/").headers["Cookie"]
    assert sent.count("tracker_") == 1
    token = north.csrf_token()
    assert north.http.post("/accounts/logout/", data={"csrf_token": token}).status_code == 303
    assert south.get("/").status == 200


def test_other_things_of_the_host_stay_there(pair: Pair) -> None:
    with httpx.Client(base_url=pair.url) as http:
        assert http.get("/").text == "Other things of this host"
        assert http.get("/tracker/incident/").status_code == 404
        assert http.get("/north", follow_redirects=True).url.path == "/north/accounts/login/"


def test_maps_of_both_work_beside_each_other(pair: Pair, open_screen: OpenScreen) -> None:
    """Both are in one browser. None asks for anything outside of its root, and each shows only its own.

    The pages talk to their other tabs, so that a second account at one tracker would be noticed at both.
    """
    first = _shows_own(pair, "/north", open_screen)
    second = _shows_own(pair, "/south", open_screen, beside=first)
    expect(first.page.locator("#incident-rows")).not_to_contain_text("/south")
    tokens = [each.page.locator("meta[name=csrf-token]").get_attribute("content") for each in (first, second)]
    assert tokens[0] != tokens[1]
    first.page.bring_to_front()
    first.page.locator("#incident-rows button", has_text="Fire at /north").click()
    first.page.locator(".maplibregl-popup a.incident").click()
    first.page.wait_for_url(re.compile(r"/north/tracker/incident/\d+/$"))


def _shows_own(pair: Pair, root: str, open_screen: OpenScreen, beside: Screen | None = None) -> Screen:
    """Open a tracker's map, and change an incident that it shows."""
    person = pair.person(root)
    screen = open_screen(person, beside=beside)
    stored = person.save_incident("Smoke", 10, 10)  # the map opens where it is
    page = screen.open_map()
    person.change(stored, name=f"Fire at {root}")
    expect(page.locator("#incident-rows")).to_contain_text(f"Fire at {root}")
    return screen


LOADED_FILES = """() => performance.getEntriesByType("resource").map(({ name }) => new URL(name).pathname)
  .filter((path) => path.startsWith("/south/static/") || path.startsWith("/south/vendor/"))"""
KEPT_FILES = """async () => {
  const names = (await caches.keys()).filter((name) => name.includes("/south/"));
  const kept = names.length ? await (await caches.open(names[0])).keys() : [];
  return kept.map(({ url }) => new URL(url).pathname);
}"""


def test_report_page_below_a_path_opens_without_a_network(pair: Pair, open_screen: OpenScreen) -> None:
    """The service worker keeps the page and its files, and none of the other tracker's."""
    visitor = pair.servers["/south"].visitor_at(f"{pair.url}/south")
    screen = open_screen(visitor)
    page = screen.open(REPORT)
    wait_until(lambda: f"/south{REPORT}" in page.evaluate(KEPT_FILES), what="the page to be kept")
    wait_until(lambda: len(page.evaluate(LOADED_FILES)) > MANY_FILES, what="the page to be loaded")
    wait_until(
        lambda: set(page.evaluate(LOADED_FILES)) <= set(page.evaluate(KEPT_FILES)),
        what="the page's files to be kept",
    )
    assert all(path.startswith("/south/") for path in page.evaluate(KEPT_FILES))
    page.context.set_offline(True)
    page.reload()
    expect(page.get_by_role("heading", name="Report an incident")).to_be_visible()
    for root in ("/south", "/north"):  # as if each had kept a report on this device
        report = {"key": "x", "name": f"Smoke at {root}", "written": 0, "state": "refused", "fields": {}}
        page.evaluate(
            "([key, text]) => localStorage.setItem(key, text)",
            [f"tracker {root} report.x", json.dumps(report)],
        )
    page.reload()
    expect(page.locator("#outbox")).to_contain_text("Smoke at /south")
    expect(page.locator("#outbox")).not_to_contain_text("/north")
    screen.complaints = [said for said in screen.complaints if "ERR_INTERNET_DISCONNECTED" not in said]


def test_map_says_that_a_proxy_hides_its_name(
    start_server: StartServer, tmp_path: Path, open_screen: OpenScreen
) -> None:
    """The map works on by plain HTTP. The operator finds both names in the log."""
    server = start_server()
    folder = tmp_path / "front"
    folder.mkdir()
    front = plain_nginx(folder, {"8000": server.port}, host=f"127.0.0.1:{server.port}")
    try:
        screen = open_screen(at(front.url, server))
        screen.open("/")
        expect(screen.page.locator("#notices")).to_contain_text("not for 127.0.0.1")
        expect(screen.page.locator("#connection")).to_have_text("Connected over HTTP")
        assert f"A WebSocket of a page of 127.0.0.1:{front.port} was refused" in server.output
        screen.page.goto("about:blank")
        screen.complaints = [said for said in screen.complaints if not REFUSED.search(said)]
    finally:
        front.stop()


def test_prefix_that_caddy_removes_is_the_root(tmp_path: Path) -> None:
    """The tracker itself does not know the path."""
    server = Server(tmp_path, env=BEHIND)
    front = caddy(tmp_path, server.port, "below-a-path.Caddyfile")
    try:
        person = at(f"{front.url}/tracker", server)
        assert person.cookie_name.startswith("__Secure-tracker_")
        page = person.submit(CREATE, name="By a form", location_geojson=PLACE, severity="HI")
        assert re.fullmatch(r"/tracker/tracker/incident/\d+/", page.path)
        with person.watch() as watch:
            watch.wait_for_type("post_save", person.save_incident("By the API"))
        assert person.http.get(f"{front.url}/tracker").headers["Location"] == "/tracker/"
    finally:
        front.stop()
        end(server)
