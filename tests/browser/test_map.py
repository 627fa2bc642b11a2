"""The main screen in a real browser: filters, reporting, drawing, the keyboard, a killed server."""

import json
import re

import pytest
from conftest import OpenScreen, StartServer
from harness import Person, Screen, Server, api_path, isolated, polygon_text, square, wait_until
from playwright.sync_api import Page, expect

PHONE = {"width": 390, "height": 844}


def rows(page: Page) -> list[str]:
    return page.locator("#incident-rows .name").all_text_contents()


def test_filter_is_in_the_link(person: Person, open_screen: OpenScreen) -> None:
    """The address contains the filter.

    Another person who opens that link sees the same incidents, updated live.
    """
    person.save_incident("Flood by the weir", -60, -20, severity="High")
    person.save_incident("Flood of letters", -61, -20, severity="Low")
    person.save_incident("Weir broken", -62, -20, severity="High")
    screen = open_screen(person)
    page = screen.open_map()
    page.get_by_label("Search names, descriptions and numbers").fill("flood")
    page.get_by_role("button", name="Filter").click()
    page.get_by_role("checkbox", name="High").check()
    expect(page).to_have_url(re.compile(r"\?severities=HI&text=flood#"))
    wait_until(lambda: rows(page) == ["Flood by the weir"], what="the filtered list")
    other = open_screen(person)
    again = other.open(page.url.replace(person.url, ""))
    wait_until(lambda: rows(again) == ["Flood by the weir"], what="the list behind the link")
    expect(again.locator("#filter-count")).to_have_text("2")
    drawn = person.save_incident("Second flood", -60.1, -20, severity="High")
    person.save_incident("Second fire", -60.2, -20, severity="High")
    for each in (page, again):
        expect(each.locator("#incident-rows .name")).to_have_text(["Second flood", "Flood by the weir"])
    shown = "() => [...tracker.selection.shown.keys()]"
    assert drawn["properties"]["pk"] in again.evaluate(shown)
    assert len(again.evaluate(shown)) == 2


def test_closed_incidents_are_loaded_on_demand(person: Person, open_screen: OpenScreen) -> None:
    """The page loads closed incidents only when the filter shows them. Then messages keep them up to date."""
    old = person.save_incident("Long over", 100, -40)
    person.change(old, closed=True)
    screen = open_screen(person)
    asked: list[str] = []
    screen.page.on("request", lambda request: asked.append(request.url))
    page = screen.open_map()
    page.evaluate("void tracker.map.jumpTo({center: [100, -40], zoom: 5})")
    assert not any("closed=true" in url for url in asked)
    page.get_by_role("button", name="Filter").click()
    page.get_by_label("State").select_option("closed")
    expect(page.locator("#incident-rows")).to_contain_text("Long over")
    assert sum("closed=true" in url for url in asked) == 1
    person.change(old, closed=False)
    expect(page.locator("#incident-rows")).not_to_contain_text("Long over")
    expect(page).to_have_url(re.compile(r"\?state=closed"))


def test_filter_by_area_and_time(person: Person, open_screen: OpenScreen) -> None:
    """A filter by area and time hides incidents that are elsewhere or older."""
    area = person.save_area("Park", square(120, -40, 4), severity="Urgent")
    person.save_incident("In the park", 122, -38)
    person.save_incident("Beside the park", 126, -38)
    page = open_screen(person).open(f"/?area={area['properties']['pk']}&since=day")
    wait_until(lambda: rows(page) == ["In the park"], what="the incident in the area")
    page = open_screen(person).open(f"/?area={area['properties']['pk']}&to=2020-01-01T00:00:00Z")
    expect(page.locator("#incident-empty")).to_have_text("No matches in this view")


def test_tabs_obey_the_filter_and_count_what_is_elsewhere(person: Person, open_screen: OpenScreen) -> None:
    """Both tabs say that nothing matches. A press shows what the view does not. The keys do their work."""
    area = person.save_area("Never hidden", square(-150, -60, 4))
    stored = person.save_incident("Κολλημένος ΑΝΕΛΚΥΣΤΗΡΑΣ", -148, -58, severity="Urgent")
    page = open_screen(person).open("/?text=nothing+has+this+name")
    alerts, incidents = page.get_by_role("tab", name="Alerts"), page.get_by_role("tab", name="Incidents")
    incidents.click()
    expect(page.locator("#incident-empty")).to_have_text("No matches in this view")
    incidents.press("ArrowLeft")
    expect(alerts).to_be_focused()
    expect(alerts).to_have_attribute("aria-selected", "true")
    expect(page.locator("#alert-empty")).to_have_text("No matches")
    expect(page.locator("#alert-shown")).to_have_text("0 of 1 shown")
    expect(page.locator("#alert-count")).to_have_text("1")  # the same as the badge, whatever the filter
    expect(page.locator("#unread")).to_have_text("1")
    expect(page.locator("#panel-incidents")).to_be_hidden()
    page.get_by_label("Search names").fill("ανελκυστηρας")
    expect(page.locator("#alert-rows")).to_contain_text("ΑΝΕΛΚΥΣΤΗΡΑΣ")
    expect(page.locator("#alert-shown")).to_be_hidden()
    page.evaluate("void tracker.map.jumpTo({center: [100, 40], zoom: 9})")
    page.locator("#panel-alerts").get_by_role("button", name="1 elsewhere: show").click()
    expect(page.locator("#alert-elsewhere")).to_be_hidden()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    alerts.focus()
    page.keyboard.press("j")
    expect(page.locator("#alert-rows .row")).to_be_focused()
    page.keyboard.press("a")
    wait_until(
        lambda: person.http.get("/api/alerts/").json()["alerts"][0]["acknowledged"] is not None,
        what="the acknowledgement",
    )
    page.keyboard.press("c")
    wait_until(lambda: person.named("Κολλημένος") == [], what="the closed incident")
    page.keyboard.press("/")
    expect(page.get_by_label("Search names")).to_be_focused()
    page.keyboard.type("?n")
    expect(page.get_by_label("Search names")).to_have_value("ανελκυστηρας?n")
    incidents.click()
    as_list = page.get_by_role("link", name="As a list")
    expect(as_list).to_have_attribute("href", re.compile("%3Fn$"))
    as_list.click()
    expect(page.get_by_role("searchbox")).to_have_value("ανελκυστηρας?n")
    person.delete(stored)
    person.delete(area)


def test_incident_is_reported_by_right_click_and_dragged(person: Person, open_screen: OpenScreen) -> None:
    """A right click opens a form there.

    The saved incident pulses, comes first in the list, and can be dragged.
    """
    screen = open_screen(person)
    page = screen.open_map()
    page.locator("#map").click(button="right", position={"x": 300, "y": 350})
    expect(page.get_by_label("What happened?")).to_be_focused()
    page.get_by_role("button", name="Save").click()
    name = page.get_by_role("textbox", name="What happened?", exact=True)
    expect(name).to_be_focused()
    expect(name).to_have_attribute("aria-invalid", "true")
    expect(name).to_have_accessible_description("Required")
    name.fill("Seen from the window")
    page.get_by_role("radio", name="Urgent").check()
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".ring.pulse")).to_have_count(1)
    wait_until(lambda: rows(page)[:1] == ["Seen from the window"], what="its row on top")
    (stored,) = person.named("Seen from the window")
    assert stored["properties"]["severity"] == "Urgent"
    page.locator("#incident-rows .row").first.click()
    page.wait_for_function("() => !tracker.map.isMoving()")
    handle = page.locator(".ring.handle")
    box = handle.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y - 30, steps=6)
    page.mouse.up()
    expect(page.locator("#notices")).to_contain_text(f"Moved: {isolated('Seen from the window')}")
    (moved,) = person.named("Seen from the window")
    assert moved["geometry"]["coordinates"][0] > stored["geometry"]["coordinates"][0]
    assert moved["geometry"]["coordinates"][1] > stored["geometry"]["coordinates"][1]
    page.locator("#notices").get_by_role("button", name="Undo").click()
    expect(page.locator("#notices")).to_contain_text("Moved back")
    assert person.http.get(api_path(stored)).json()["geometry"] == stored["geometry"]


@pytest.mark.parametrize("size", [(1440, 900), (1366, 620), (667, 375)])
def test_all_of_the_form_is_in_view(person: Person, open_screen: OpenScreen, size: tuple[int, int]) -> None:
    """The small form is fully visible, even where the map can't be moved further."""
    width, height = size
    page = open_screen(person, viewport={"width": width, "height": height}).open_map()
    page.evaluate("void tracker.map.jumpTo({center: [0, 0], zoom: 0})")
    box = page.locator("#map").bounding_box()
    assert box
    tried = 0
    for right in (0.55, 0.95):
        for down in (0.1, 0.5, 0.7, 0.93):
            at = [box["x"] + box["width"] * right, box["y"] + box["height"] * down]
            if page.evaluate("at => document.elementFromPoint(...at).tagName", at) != "CANVAS":
                continue  # a button of the map
            page.mouse.click(*at, button="right")
            tried += 1
            for control in (page.get_by_label("What happened?"), page.locator(".quick .primary")):
                control.scroll_into_view_if_needed()
                expect(control).to_be_in_viewport(ratio=1)
            page.keyboard.press("Escape")
    assert tried >= 3


def test_long_press_reports_an_incident(person: Person, open_screen: OpenScreen) -> None:
    """A long press on the map opens the form there. A finger that moves only moves the map."""
    page = open_screen(person, viewport=PHONE, has_touch=True, is_mobile=True).open_map()
    finger = page.context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[int, int]) -> None:
        places = [{"x": x, "y": y} for x, y in points]
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    name = page.get_by_label("What happened?")
    touch("touchStart", (200, 500))
    touch("touchMove", (200, 420))
    touch("touchEnd")
    touch("touchStart", (200, 500))
    expect(name).to_be_visible()
    touch("touchEnd")
    expect(name).to_be_visible()
    name.fill("Held by a thumb")
    page.get_by_role("button", name="Save").click()
    expect(name).to_have_count(0)
    assert len(person.named("Held by a thumb")) == 1


def test_viewer_looks_and_changes_nothing(server: Server, person: Person, open_screen: OpenScreen) -> None:
    """A viewer gets the map, the list and the dialog, without controls that the server would refuse."""
    person.save_area("Seen by all", square(-20, -70, 4))
    screen = open_screen(server.another("Vera", "viewer"))
    page = screen.open_map()
    expect(page.get_by_role("link", name="New incident")).to_have_count(0)
    stored = person.save_incident("To be looked at", -18, -68, severity="Urgent")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("To be looked at")
    expect(dialog.get_by_role("button", name="Acknowledge", exact=True)).to_be_hidden()
    dialog.get_by_role("button", name="Not now").click()
    page.locator("#alert-rows .row", has_text="To be looked at").click()
    expect(page.locator(".popup")).to_contain_text("To be looked at")
    expect(page.locator(".popup button")).to_have_count(0)
    expect(page.locator(".ring.handle")).to_have_count(0)
    page.locator("#map").click(button="right", position={"x": 80, "y": 200})
    expect(page.get_by_label("What happened?")).to_have_count(0)
    person.delete(stored)


def test_area_is_drawn_undone_and_edited_beside_the_map(person: Person, open_screen: OpenScreen) -> None:
    """A person draws an area, undoes a vertex and saves.

    Then they move a vertex, remove one, undo and type.
    """
    screen = open_screen(person)
    page = screen.open_map()
    page.evaluate("void tracker.map.jumpTo({center: [-100, -40], zoom: 4})")
    page.get_by_role("link", name="New area").click()
    expect(page.locator("#draw-hint")).to_contain_text("each corner")
    canvas = page.locator("#map canvas").first
    for x, y in ((200, 250), (400, 250), (400, 450)):
        canvas.click(position={"x": x, "y": y})
    canvas.hover(position={"x": 300, "y": 150})
    expect(page.locator("#draw-hint")).to_contain_text("would cross itself")
    canvas.hover(position={"x": 560, "y": 220})
    expect(page.locator("#draw-hint")).to_contain_text("each corner")
    canvas.click(position={"x": 560, "y": 220})
    page.keyboard.press("Control+z")
    for x, y in ((200, 450), (200, 250)):
        canvas.click(position={"x": x, "y": y})
    text = page.locator("#polygon_geojson")
    expect(text).not_to_have_value("")
    expect(page.locator("#inside-count")).to_contain_text("No open incident lies inside")
    page.locator("#area-panel").get_by_label("Name", exact=True).fill("Beside the map")
    page.locator("#area-panel").get_by_role("button", name="Save").click()
    expect(page.locator("#notices")).to_contain_text(f"Saved: {isolated('Beside the map')}")
    (stored,) = person.named("Beside the map", "area_of_interest")
    assert len(stored["geometry"]["coordinates"][0]) == 5
    wait_until(lambda: screen.draws(stored), what="the area on the map")

    canvas.click(position={"x": 300, "y": 350})
    page.get_by_role("button", name="Edit here").click()
    expect(page.locator("#draw-hint")).to_contain_text("Drag a corner")
    corner = page.evaluate("(at) => tracker.map.project(at)", stored["geometry"]["coordinates"][0][1])
    box = page.locator("#map").bounding_box()
    assert box
    x, y = box["x"] + corner["x"], box["y"] + corner["y"]
    before = text.input_value()
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y + 20, steps=6)
    page.mouse.up()
    expect(text).not_to_have_value(before)
    moved = text.input_value()
    page.mouse.click(x + 40, y + 20, button="right")
    expect(text).not_to_have_value(moved)
    assert len(json.loads(text.input_value())["coordinates"][0]) == 4
    for _ in range(2):
        page.keyboard.press("Control+z")
    expect(text).to_have_value(before)
    polygon_text(page).fill(json.dumps(square(-100, -40, 5)))
    page.locator("#area-panel").get_by_role("button", name="Save").click()
    expect(page.locator("#area-panel")).to_be_hidden()
    assert person.http.get(api_path(stored)).json()["geometry"] == square(-100, -40, 5)


def vertex_count(page: Page) -> int:
    """Return how many vertices the edited polygon has."""
    return len(json.loads(page.locator("#polygon_geojson").input_value())["coordinates"][0]) - 1


def test_vertex_is_removed_by_tap_and_button(person: Person, open_screen: OpenScreen) -> None:
    """A tap selects a vertex and the button removes it, which can be undone. Three always remain."""
    stored = person.save_area("Tapped", square(-60, -50, 6))
    screen = open_screen(person, viewport=PHONE, has_touch=True, is_mobile=True)
    page = screen.open(f"/tracker/area_of_interest/update/{stored['properties']['pk']}/")
    remove, hint = page.get_by_role("button", name="Delete corner"), page.locator("#draw-hint")
    expect(hint).to_contain_text("Drag a corner")
    expect(remove).to_be_disabled()
    page.locator("#map").scroll_into_view_if_needed()
    box = page.locator("#map").bounding_box()
    assert box
    page.get_by_role("button", name="Next corner").tap()
    ring = page.locator(".ring.corner").bounding_box()
    assert ring
    first = (ring["x"] + ring["width"] / 2, ring["y"] + ring["height"] / 2)
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator(".ring.corner")).to_have_count(0)
    page.touchscreen.tap(*first)
    expect(page.locator(".ring.corner")).to_have_count(1)
    expect(hint).to_contain_text("Corner 1 of 4")
    remove.tap()
    expect(hint).to_contain_text("3 are left")
    assert vertex_count(page) == 3
    remove.tap()
    expect(hint).to_contain_text("at least three")
    assert vertex_count(page) == 3
    page.get_by_role("button", name="Undo").tap()
    assert vertex_count(page) == 4
    person.delete(stored)


def test_vertices_are_edited_by_keys(person: Person, open_screen: OpenScreen) -> None:
    """Keys go from vertex to vertex. Arrows move one, Delete removes it, and one undo takes back one move."""
    stored = person.save_area("Typed over", square(-60, -50, 6, hole=2))
    screen = open_screen(person)
    page = screen.open(f"/tracker/area_of_interest/update/{stored['properties']['pk']}/")
    text, hint = page.locator("#polygon_geojson"), page.locator("#draw-hint")
    expect(hint).to_contain_text("Drag a corner")
    before = json.loads(text.input_value())
    page.get_by_role("button", name="Next corner").press("Enter")
    expect(page.locator(".ring.corner")).to_be_focused()
    for key in ("ArrowLeft", "ArrowLeft", "ArrowDown"):
        page.keyboard.press(key)
    (west, south), *_ = json.loads(text.input_value())["coordinates"][0]
    assert west < -60
    assert south < -50
    page.keyboard.press("Control+z")
    wait_until(lambda: json.loads(text.input_value()) == before, what="the former polygon")
    page.keyboard.press("PageDown")
    expect(hint).to_contain_text("Corner 2 of 4")
    page.keyboard.press("Delete")
    expect(hint).to_contain_text("3 are left")
    assert vertex_count(page) == 3
    expect(page.locator(".ring.corner")).to_be_focused()
    page.keyboard.press("Control+z")
    wait_until(lambda: json.loads(text.input_value()) == before, what="the former polygon")
    page.get_by_role("button", name="Next corner").press("Enter")
    for _ in range(4):
        page.keyboard.press("PageDown")
    expect(hint).to_contain_text("of a hole")
    for _ in range(2):
        page.keyboard.press("Backspace")
    expect(hint).to_contain_text("The hole is gone")
    page.get_by_role("button", name="Save").click()
    (saved,) = person.named("Typed over", "area_of_interest")
    assert saved["geometry"] == square(-60, -50, 6)
    person.delete(saved)
    # Without its second vertex the outline cuts through the hole. A slow undo lets the page count that
    # outline.
    screen.complaints = [said for said in screen.complaints if "/api/areas/inside/" not in said]


def test_keyboard_alone_is_enough(person: Person, open_screen: OpenScreen) -> None:
    """A person can report, find, move and read an incident with the keyboard.

    The live region announces a new one.
    """
    page = open_screen(person).open_map()
    page.get_by_role("link", name="New incident").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("What happened?")).to_be_focused()
    page.keyboard.type("Typed in")
    page.keyboard.press("Enter")
    expect(page.locator("#announcer")).to_contain_text("Typed in")
    wait_until(lambda: rows(page)[:1] == ["Typed in"], what="its row on top")
    page.get_by_role("tab", name="Incidents").click()
    page.get_by_label("Search names").focus()
    first = page.locator("#incident-rows .row").first
    for _ in range(12):
        page.keyboard.press("Tab")
        if first.evaluate("(row) => row === document.activeElement"):
            break
    expect(first).to_be_focused()
    expect(page.locator(".ring.pointed")).to_have_count(1)
    page.keyboard.press("End")
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    expect(page.locator(".popup a", has_text="Typed in")).to_be_focused()
    page.wait_for_function("() => !tracker.map.isMoving()")
    (stored,) = person.named("Typed in")
    page.locator(".ring.handle").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowUp", "Enter"):
        page.keyboard.press(key)
    expect(page.locator("#notices")).to_contain_text(f"Moved: {isolated('Typed in')}")
    (moved,) = person.named("Typed in")
    assert moved["geometry"]["coordinates"][0] > stored["geometry"]["coordinates"][0]
    page.keyboard.press("Escape")
    expect(page.locator(".popup")).to_have_count(0)
    expect(first).to_be_focused()


def test_list_keeps_the_readers_place(person: Person, open_screen: OpenScreen) -> None:
    """A person who has scrolled down still sees the same row when new incidents appear above it."""
    for number in range(30):
        person.save_incident(f"Row {number}", 150 + number / 100, -60)
    page = open_screen(person).open("/?text=row")
    wait_until(lambda: len(rows(page)) == 30, what="the list")
    page.locator("#panel-body").evaluate("(body) => body.scrollTop = 600")
    row = page.locator("#incident-rows .name", has_text=re.compile("^Row 15$"))
    top = "(row) => row.getBoundingClientRect().top"
    before = row.evaluate(top)
    for number in range(3):
        person.save_incident(f"Row from above {number}", 150, -60)
    wait_until(lambda: len(rows(page)) == 33, what="the new rows")
    assert abs(row.evaluate(top) - before) < 2


def test_killed_server_comes_back(start_server: StartServer, open_screen: OpenScreen) -> None:
    """After the server is killed the page says so. When the server is back, the page catches up by itself."""
    server = start_server()
    person = server.person()
    screen = open_screen(person)
    page = screen.open_map()
    server.may_fail = True
    server.process.kill()
    server.process.wait()
    expect(page.locator("#connection")).not_to_have_attribute("data-state", "connected")
    again = start_server(port=server.port, password=server.password).person()
    stored = again.save_incident("While it was away", 0, 0)
    expect(page.locator("#connection")).to_have_attribute("data-state", "connected")
    wait_until(lambda: screen.draws(stored), what="what was saved meanwhile")
    refused = re.compile(r"WebSocket connection to|net::ERR_CONNECTION_(REFUSED|RESET)")
    screen.complaints = [said for said in screen.complaints if not refused.search(said)]


def test_signed_out_elsewhere_leads_to_the_sign_in_page(server: Server, open_screen: OpenScreen) -> None:
    """When the session ends in another tab, the map stops reconnecting and asks the person to sign in."""
    person = server.person()
    page = open_screen(person).open_map()
    person.http.post("/accounts/logout/", data={"csrf_token": person.csrf_token()})
    expect(page).to_have_url(re.compile("/accounts/login/"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_map_is_drawn_in_either_scheme(person: Person, open_screen: OpenScreen, scheme: str) -> None:
    """Sea and page are light or dark as the person prefers, and change with that preference."""
    screen: Screen = open_screen(person, color_scheme=scheme)
    page = screen.open_map()
    water = "() => tracker.map.getPaintProperty(tracker.map.getStyle().layers[0].id, 'background-color')"
    background = "() => getComputedStyle(document.documentElement).getPropertyValue('--map-water').trim()"
    assert page.evaluate(water) == page.evaluate(background)
    before = page.evaluate(water)
    page.emulate_media(color_scheme="dark" if scheme == "light" else "light")
    wait_until(lambda: page.evaluate(water) != before, what="the other colours")
    assert page.evaluate(water) == page.evaluate(background)
