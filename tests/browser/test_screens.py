"""All screens in a real browser, with no console error and no request to another host."""

import base64
import contextlib
import json
import re
import sqlite3

import pytest
from conftest import OpenScreen, StartServer
from harness import Person, Screen, Server, feature, point, polygon_text, square, wait_until
from playwright.sync_api import Page, Route, expect

CHANIA = {"latitude": 35.5138, "longitude": 24.018, "accuracy": 30}
PHONE = {"width": 390, "height": 844}
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
)


def draws(screen: Screen, stored: dict[str, object], *, drawn: bool = True) -> None:
    """Wait until the map shows this feature, or does not show it any more."""
    wait_until(lambda: screen.draws(stored) == drawn, what=f"{stored['id']} on the map: {drawn}")


@pytest.mark.through_nginx
def test_person_signs_in_and_sees_the_map(server: Server, open_screen: OpenScreen) -> None:
    """The address leads to the sign-in page, and that to a connected map."""
    screen = open_screen(server.visitor())
    page = screen.open("/")
    expect(page).to_have_url(re.compile("/accounts/login/"))
    page.get_by_label("Name").fill(server.name)
    page.get_by_label("Password").fill(server.password)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile(f"^{server.url}/(#.*)?$"))
    expect(page.locator("#connection")).to_have_text("Connected")
    expect(page.locator("#map canvas")).to_be_visible()


@pytest.mark.through_nginx
def test_incident_by_someone_else_appears_and_alerts(
    server: Server, person: Person, open_screen: OpenScreen
) -> None:
    """Two open browsers draw a new incident and name it with its areas in a dialog, without reloading."""
    lower = person.save_area("Lower town", square(10, 10, 4))
    upper = person.save_area("Upper town", square(11, 11, 4), severity="Low")
    screens = [open_screen(person), open_screen(server.person())]
    for screen in screens:
        screen.open_map()
        screen.page.evaluate("window.notReloaded = true")
        draws(screen, lower)
    stored = person.save_incident("Smoke over the market", 12, 12, severity="High")
    for screen in screens:
        dialog = screen.page.get_by_role("dialog")
        expect(dialog).to_be_visible()
        for subject in (stored, lower, upper):
            properties = subject["properties"]
            link = dialog.get_by_role("link", name=properties["name"])
            expect(link).to_have_attribute("href", properties["url"])
        draws(screen, stored)
        expect(screen.page.locator("#incident-rows")).to_contain_text("Smoke over the market")
        assert screen.page.evaluate("window.notReloaded")


def test_click_shows_name_severity_and_link(person: Person, open_screen: OpenScreen) -> None:
    """A click on an incident, or on an area, says what it is and leads to its page."""
    incident = person.save_incident("Fallen tree", 30, 10, severity="Low")
    area = person.save_area("Forest", square(40, 10, 6), severity="Urgent")
    screen = open_screen(person)
    screen.open_map()
    for subject, place, severity in ((incident, (30, 10), "Low"), (area, (43, 13), "Urgent")):
        draws(screen, subject)
        screen.click_map(*place)
        popup = screen.page.locator(".maplibregl-popup")
        expect(popup).to_contain_text(severity)
        link = popup.get_by_role("link", name=subject["properties"]["name"])
        expect(link).to_have_attribute("href", subject["properties"]["url"])


@pytest.mark.through_nginx
def test_changes_are_drawn_without_reloading(person: Person, open_screen: OpenScreen) -> None:
    """An open map shows when another person moves, closes, opens or deletes an incident."""
    incident, area = (
        person.save_incident("Wandering", -30, 10),
        person.save_area("Passing", square(-50, 10, 5)),
    )
    screen = open_screen(person)
    screen.open_map()
    draws(screen, incident)
    person.change(incident, closed=True)
    draws(screen, incident, drawn=False)
    person.change(incident, point(-30, 20), closed=False, name="Wandered")
    draws(screen, incident)
    expect(screen.page.locator("#incident-rows")).to_contain_text("Wandered")
    person.delete(incident)
    draws(screen, incident, drawn=False)
    draws(screen, area)
    person.delete(area)
    draws(screen, area, drawn=False)


@pytest.mark.parametrize(
    "text", ['<img src="/x" onerror="window.hacked = 1">', "<script>window.hacked = 1</script>"]
)
def test_text_is_text_on_the_map(person: Person, open_screen: OpenScreen, text: str) -> None:
    """A name that looks like HTML is shown as typed in the dialog, the panel and the popup."""
    person.save_area(text, square(60, 10, 4))
    screen = open_screen(person)
    page = screen.open_map()
    stored = person.save_incident(text, 62, 12, description=text, severity="Urgent")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text(text, exact=True)).to_have_count(2)
    dialog.get_by_role("button", name="Not now").click()
    draws(screen, stored)
    screen.click_map(62, 12)
    expect(page.locator(".maplibregl-popup").get_by_text(text, exact=True)).to_be_visible()
    page.locator("#tab-incidents").click()
    expect(page.locator("#incident-rows").get_by_text(text, exact=True).first).to_be_visible()
    assert page.evaluate("window.hacked") is None
    person.delete(stored)


def test_label_shows_the_state_of_the_connection(start_server: StartServer, open_screen: OpenScreen) -> None:
    """When the server ends the label says so. When the server is back the map catches up by itself."""
    server = start_server()
    person = server.person()
    screen = open_screen(person)
    page = screen.open_map()
    server.stop()
    expect(page.locator("#connection")).not_to_have_attribute("data-state", "connected")
    port, password = server.port, server.password
    again = start_server(port=port, password=password).person()
    stored = again.save_incident("While you were away", 0, 0)
    expect(page.locator("#connection")).to_have_attribute("data-state", "connected")
    draws(screen, stored)
    refused = re.compile(r"WebSocket connection to|net::ERR_CONNECTION_REFUSED")
    screen.complaints = [said for said in screen.complaints if not refused.search(said)]


def test_missed_changes_are_counted_or_loaded_again(
    start_server: StartServer, open_screen: OpenScreen
) -> None:
    """After a restart the page counts 12 imports.

    With another database it says that it loaded everything again.
    """
    server = start_server()
    screen = open_screen(server.person())
    page = screen.open_map()
    page.evaluate("window.notReloaded = true")
    old = server.person().save_incident("Only in the old database", 20, 0)
    draws(screen, old)
    server.stop()
    places = [feature(point(number, 0), name=f"Imported {number}") for number in range(12)]
    assert server.import_geojson({"type": "FeatureCollection", "features": places}).returncode == 0
    server = start_server(port=server.port, password=server.password)
    notices = page.locator("#notices")
    expect(notices).to_contain_text("12 changes while you were away")
    expect(notices.locator(".notice")).to_have_count(1)
    wait_until(lambda: page.evaluate("tracker.store.incidents.size") == 13, what="what was imported")
    server.stop()
    with contextlib.closing(sqlite3.connect(server.database)) as database, database:
        database.execute("UPDATE setting SET value = 'another' WHERE name = 'epoch'")
        database.execute("DELETE FROM incident WHERE id = ?", (old["properties"]["pk"],))
    start_server(port=server.port, password=server.password)
    expect(notices).to_contain_text("The map was loaded anew")
    assert page.evaluate("tracker.store.incidents.size") == 12
    assert page.evaluate("tracker.store.epoch") == "another"
    assert page.evaluate("window.notReloaded")
    draws(screen, old, drawn=False)
    refused = re.compile(r"WebSocket connection to|net::ERR_CONNECTION_(REFUSED|RESET)")
    screen.complaints = [said for said in screen.complaints if not refused.search(said)]


def test_tiles_are_drawn_when_set(start_server: StartServer, open_screen: OpenScreen) -> None:
    """With TRACKER_TILES the map asks that server for tiles, and credits their owner."""
    env = {"TRACKER_TILES": "https://tiles.example/{z}/{x}/{y}.png", "TRACKER_TILES_ATTRIBUTION": "© Tilers"}
    screen = open_screen(start_server(env=env).person())
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(body=PIXEL, content_type="image/png", headers={"Access-Control-Allow-Origin": "*"})

    screen.page.route("https://tiles.example/**", answer)
    page = screen.open_map()
    assert asked
    assert all(re.fullmatch(r"https://tiles\.example/\d+/\d+/\d+\.png", url) for url in asked)
    expect(page.locator("#map")).to_contain_text("© Tilers")
    screen.complaints = [
        said for said in screen.complaints if not said.startswith("request to https://tiles.example/")
    ]


def test_page_of_an_older_version_is_loaded_anew(person: Person, open_screen: OpenScreen) -> None:
    """It says that Tracker was updated; the button brings the new page, which says nothing."""
    screen = open_screen(person)

    def make_older(route: Route) -> None:
        answer = route.fetch()
        returned = "return { published };"
        assert returned in answer.text()
        older = answer.text().replace(returned, f'published.version = "0.0.1"; {returned}')
        route.fulfill(response=answer, body=older)

    screen.page.route("**/map.joined.js", make_older, times=1)
    page = screen.open_map()
    expect(page.locator("#notices")).to_contain_text("Tracker was updated.")
    with page.expect_navigation():
        page.get_by_role("button", name="Load it now").click()
    expect(page.locator("#connection")).to_have_attribute("data-state", "connected")
    expect(page.locator("#notices")).not_to_contain_text("Tracker was updated.")


@pytest.mark.parametrize("kind", ["incident", "area"])
def test_detail_has_its_own_map(person: Person, open_screen: OpenScreen, kind: str) -> None:
    """The page of an incident, and of an area, shows it on a map."""
    stored = (
        person.save_incident("Mapped", 5, 50)
        if kind == "incident"
        else person.save_area("Mapped", square(5, 50))
    )
    page = open_screen(person).open(stored["properties"]["url"])
    expect(page.get_by_role("heading", name="Mapped")).to_be_visible()
    ready(page)
    expect(page.locator("#map canvas").first).to_be_visible()


# Forms


def click_at(page: Page, x: float, y: float) -> None:
    """Click the map of a form at a share of its width and height."""
    box = page.locator("#map").bounding_box()
    assert box
    page.locator("#map canvas").first.click(position={"x": x * box["width"], "y": y * box["height"]})


def ready(page: Page) -> None:
    """Wait until the form's map takes clicks: its library has put its controls on it."""
    expect(page.locator("#map .maplibregl-ctrl-zoom-in")).to_be_visible()
    page.wait_for_load_state("networkidle")


def test_area_is_drawn(person: Person, open_screen: OpenScreen) -> None:
    """Corners clicked on the map become the polygon that is stored."""
    page = open_screen(person).open("/tracker/area_of_interest/create/")
    ready(page)
    page.get_by_label("Name", exact=True).fill("Drawn by hand")
    expect(page.locator("#draw-hint")).to_contain_text("each corner")
    for corner in ((0.4, 0.6), (0.6, 0.6), (0.6, 0.3), (0.4, 0.3), (0.4, 0.6)):
        click_at(page, *corner)
    text = page.locator("#polygon_geojson")
    expect(text).not_to_have_value("")
    drawn = json.loads(text.input_value())
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Drawn by hand")).to_be_visible()
    (stored,) = person.named("Drawn by hand", "area_of_interest")
    (ring,) = stored["geometry"]["coordinates"]
    assert len(ring) == 5
    assert stored["geometry"] == drawn
    longitudes, latitudes = zip(*ring, strict=True)
    assert max(longitudes) - min(longitudes) > 10
    assert max(latitudes) - min(latitudes) > 10


def test_drawing_is_undone_and_typed(person: Person, open_screen: OpenScreen) -> None:
    """Ctrl-Z undoes a vertex. A typed polygon replaces the drawn one."""
    page = open_screen(person).open("/tracker/area_of_interest/create/")
    ready(page)
    for corner in ((0.4, 0.6), (0.6, 0.6), (0.6, 0.3), (0.3, 0.1)):
        click_at(page, *corner)
    page.keyboard.press("Control+z")
    click_at(page, 0.4, 0.6)
    text = page.locator("#polygon_geojson")
    expect(text).not_to_have_value("")
    assert len(json.loads(text.input_value())["coordinates"][0]) == 4
    polygon_text(page).fill(json.dumps(square(0, 0, 5)))
    page.get_by_label("Name", exact=True).fill("Typed after all")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Typed after all")).to_be_visible()
    (stored,) = person.named("Typed after all", "area_of_interest")
    assert stored["geometry"] == square(0, 0, 5)


def test_area_is_edited_on_the_map(person: Person, open_screen: OpenScreen) -> None:
    """The polygon of an area opens for editing. Dragging its inside moves all of it."""
    before = person.save_area("To be moved", square(-5, -5, 10))
    page = open_screen(person).open(f"/tracker/area_of_interest/update/{before['properties']['pk']}/")
    ready(page)
    box = page.locator("#map").bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y, steps=8)
    page.mouse.up()
    text = page.locator("#polygon_geojson")
    expect(text).not_to_have_value(json.dumps(before["geometry"], separators=(",", ":")))
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="To be moved")).to_be_visible()
    (after,) = person.named("To be moved", "area_of_interest")
    assert after["id"] == before["id"]
    west = min(longitude for longitude, _ in after["geometry"]["coordinates"][0])
    assert west > -5


def test_incident_is_put_on_the_map(person: Person, open_screen: OpenScreen) -> None:
    """A click on the form's map sets the incident's location."""
    page = open_screen(person).open("/tracker/incident/create/")
    ready(page)
    page.get_by_label("Name", exact=True).fill("Put there")
    page.get_by_role("radio", name="Urgent").check()
    click_at(page, 0.5, 0.5)
    text = page.locator("#location_geojson")
    expect(text).not_to_have_value("")
    place = json.loads(text.input_value())
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Put there")).to_be_visible()
    (stored,) = person.named("Put there")
    assert stored["geometry"] == place
    assert stored["properties"]["severity"] == "Urgent"


def test_delete_button_asks_first(person: Person, open_screen: OpenScreen) -> None:
    """The delete button in the list leads to a question, and then to the list without the incident."""
    person.save_incident("Done with")
    page = open_screen(person).open("/tracker/incident/")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#shortcuts")).to_be_hidden()
    page.keyboard.press("j")
    expect(page.get_by_role("link", name="Done with", exact=True)).to_be_focused()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.get_by_role("link", name="Delete Done with").click()
    expect(page.get_by_text("Done with")).to_be_visible()
    page.get_by_role("button", name="Delete").click()
    expect(page).to_have_url(re.compile("/tracker/incident/$"))
    expect(page.get_by_role("link", name="Done with", exact=True)).to_have_count(0)


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ({"Latitude": "999"}, "out of range"),
        ({"Latitude": ""}, "Both"),
        ({"Location as GeoJSON": "{"}, "not JSON"),
    ],
)
def test_unreadable_location_is_not_saved(
    person: Person, open_screen: OpenScreen, typed: dict[str, str], wrong: str
) -> None:
    """With an invalid location the form saves neither the earlier location nor a part of the text."""
    stored = person.save_incident("Stays where it is", 12.9, 55.6)
    page = open_screen(person).open(f"/tracker/incident/update/{stored['properties']['pk']}/")
    ready(page)
    page.evaluate("for (const each of document.querySelectorAll('main details')) each.open = true")
    for label, text in typed.items():
        page.get_by_label(label).fill("")
        page.get_by_label(label).press_sequentially(text)
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#location-problem")).to_contain_text(wrong)
    expect(page.locator("[aria-invalid][aria-describedby~=location-problem]").first).to_be_visible()
    page.get_by_label("Latitude").fill("56,25")
    page.get_by_label("Longitude").fill("12.5")
    expect(page.locator("[aria-invalid], [aria-describedby~=location-problem]")).to_have_count(0)
    page.get_by_role("button", name="Save").click()
    expect(page).to_have_url(re.compile(r"/tracker/incident/\d+/$"))
    (moved,) = person.named("Stays where it is")
    assert moved["geometry"] == point(12.5, 56.25)
    person.delete(moved)


# The public report


def test_report_finds_the_location(visitor: Person, person: Person, open_screen: OpenScreen) -> None:
    """On a phone that grants its location a person types only a name.

    The report is stored at that location.
    """
    options = {"geolocation": CHANIA, "permissions": ["geolocation"], "viewport": PHONE, "has_touch": True}
    page = open_screen(visitor, **options).open("/tracker/incident/report/")
    expect(page.get_by_label("Latitude")).to_have_value("35.5138")
    expect(page.get_by_label("Longitude")).to_have_value("24.018")
    page.get_by_label("What happened?").fill("Burst pipe")
    page.get_by_role("button", name="Send report").click()
    expect(page).to_have_url(re.compile("/tracker/incident/report_success/"))
    (stored,) = person.named("Burst pipe")
    assert stored["geometry"] == point(24.018, 35.5138)


def test_report_without_location_is_put_on_the_map(
    visitor: Person, person: Person, open_screen: OpenScreen
) -> None:
    """When the phone refuses its location the page says so, and the person sets it on the map."""
    page = open_screen(visitor, viewport=PHONE, has_touch=True).open("/tracker/incident/report/")
    ready(page)
    page.get_by_role("button", name="Use my location").click()
    expect(page.locator("#locate-state")).to_contain_text("refused")
    click_at(page, 0.5, 0.5)
    expect(page.get_by_label("Latitude")).not_to_have_value("")
    latitude, longitude = (float(page.get_by_label(name).input_value()) for name in ("Latitude", "Longitude"))
    page.get_by_label("What happened?").fill("Put by thumb")
    page.get_by_role("button", name="Send report").click()
    expect(page).to_have_url(re.compile("/tracker/incident/report_success/"))
    (stored,) = person.named("Put by thumb")
    assert stored["geometry"] == point(longitude, latitude)


# Every page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_a_phone(person: Person, open_screen: OpenScreen, scheme: str) -> None:
    """No page of either colour scheme is wider than a phone, even with the longest words in it."""
    words = "Überschwemmungsgefahrenabschätzungskarte" * 3
    incident = person.save_incident(words, 1, 1, description=words)["properties"]
    area = person.save_area(words, square(80, 10))["properties"]
    screen = open_screen(person, viewport=PHONE, has_touch=True, is_mobile=True, color_scheme=scheme)
    paths = [
        "/",
        "/accounts/login/",
        "/tracker/incident/report/",
        "/tracker/incident/report_success/",
        "/nothing",
    ]
    for listing, pk in (("/tracker/incident/", incident["pk"]), ("/tracker/area_of_interest/", area["pk"])):
        paths += [listing, f"{listing}{pk}/", f"{listing}create/"]
        paths += [f"{listing}update/{pk}/", f"{listing}delete/{pk}/"]
    widths = {}
    for path in paths:
        page = screen.open(path)
        expect(page.locator("main")).to_be_visible()
        widths[path] = page.evaluate("document.documentElement.scrollWidth")
    assert {path: width for path, width in widths.items() if width > PHONE["width"]} == {}
    screen.complaints = [said for said in screen.complaints if "404 (NOT FOUND)" not in said]
