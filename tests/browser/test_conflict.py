"""Two people edit on one map, and one person saves twice, in a real browser with a slow server."""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from conftest import OpenScreen
from harness import Person, Screen, Server, api_path, isolated, point, polygon_text, square, wait_until
from playwright.sync_api import Page, expect

INCIDENTS = "/tracker/incident/"
AREAS = "/tracker/area_of_interest/"
SLOW_MS = 500  # longer than any double click


@pytest.fixture(scope="module")
def ada(server: Server) -> Person:
    return server.another("Ada")


@contextmanager
def slow(server: Server, page: Page) -> Iterator[None]:
    """Let another process lock the database during the block, and a moment longer."""
    with closing(sqlite3.connect(server.database, isolation_level=None)) as foreign:
        foreign.execute("BEGIN IMMEDIATE")
        yield
        page.wait_for_timeout(SLOW_MS)
        foreign.execute("ROLLBACK")


def click_twice(page: Page) -> None:
    page.locator("form:not([hidden]) button.primary:visible").dblclick(no_wait_after=True)


def enter_twice(page: Page) -> None:
    for _ in range(2):
        page.keyboard.press("Enter")


TWICE = pytest.mark.parametrize("press", [click_twice, enter_twice])


# Twice


@TWICE
def test_incident_on_the_map_is_made_once(
    server: Server, person: Person, open_screen: OpenScreen, press: Any
) -> None:
    name = f"Map, {press.__name__}"
    page = open_screen(person).open_map()
    page.locator("#map").click(button="right", position={"x": 300, "y": 350})
    page.get_by_label("What happened?").fill(name)
    with slow(server, page):
        press(page)
    expect(page.get_by_label("What happened?")).to_have_count(0)
    assert len(person.named(name)) == 1


@TWICE
def test_area_beside_the_map_is_made_once(
    server: Server, person: Person, open_screen: OpenScreen, press: Any
) -> None:
    name = f"Beside, {press.__name__}"
    page = open_screen(person).open_map()
    page.get_by_role("link", name="New area").click()
    polygon_text(page).fill(json.dumps(square(10, -60)))
    page.locator("#area-panel").get_by_label("Name", exact=True).fill(name)
    with slow(server, page):
        press(page)
    expect(page.locator("#area-panel")).to_be_hidden()
    assert len(person.named(name, "area_of_interest")) == 1


@pytest.mark.parametrize("scripts", [True, False])
@TWICE
def test_form_makes_one(
    server: Server, person: Person, open_screen: OpenScreen, press: Any, *, scripts: bool
) -> None:
    """A form that the browser sends twice creates one incident, also without scripts."""
    name = f"Form, {press.__name__}, {scripts}"
    page = open_screen(person, java_script_enabled=scripts).open(f"{INCIDENTS}create/")
    if scripts:
        page.get_by_text("Advanced").click()
    page.locator("#location_geojson").fill(json.dumps(point(-60, -60)))
    page.locator("#name").fill(name)
    with slow(server, page):
        press(page)
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    (stored,) = person.named(name)
    assert page.url.endswith(stored["properties"]["url"])


def test_second_try_after_a_lost_answer_makes_no_second(person: Person, open_screen: OpenScreen) -> None:
    """If the answer to a save is lost, the second try finds the same incident."""
    screen = open_screen(person)
    page = screen.open_map()

    def lose(route: Any) -> None:
        route.fetch()
        route.abort()

    page.route("**/api/incidents/", lose, times=2)
    page.evaluate("void tracker.map.jumpTo({center: [60, 40], zoom: 4})")  # no area: the dialog would open
    page.locator("#map").click(button="right", position={"x": 300, "y": 350})
    name = page.get_by_label("What happened?")
    for words, said in (("Lost", "can't be reached"), ("Lost and found", "can't be reached")):
        name.fill(words)
        page.get_by_role("button", name="Save").click()
        expect(page.locator(".quick [role=alert]")).to_contain_text(said)
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".quick [role=alert]")).to_contain_text("saved before")
    assert [found["properties"]["name"] for found in person.named("Lost")] == ["Lost"]
    page.get_by_role("button", name="Save").click()
    expect(name).to_have_count(0)
    assert len(person.named("Lost")) == 2
    failed = re.compile(r"ERR_FAILED|status of 422")
    screen.complaints = [said for said in screen.complaints if not failed.search(said)]


# Two people


def edit_here(screen: Screen, stored: dict[str, Any]) -> Page:
    """Open the map with the area in view, and begin to edit it beside the map."""
    page = screen.open_map()
    [west, south] = stored["geometry"]["coordinates"][0][0]
    page.evaluate("at => void tracker.map.jumpTo({center: at, zoom: 5})", [west + 1, south + 1])
    wait_until(lambda: screen.draws(stored), what="the area on the map")
    screen.click_map(west + 1, south + 1)
    page.get_by_role("button", name="Edit here").click()
    expect(page.locator("#draw-hint")).to_contain_text("Drag a corner")
    return page


def save(page: Page) -> None:
    page.locator("#area-panel").get_by_role("button", name="Save").click()


def forget_refusals(screen: Screen) -> None:
    """Forget the console's errors about refused requests, because the tests expect these refusals."""
    screen.complaints = [said for said in screen.complaints if "409 (CONFLICT)" not in said]


def test_two_edit_one_area_beside_the_map(person: Person, ada: Person, open_screen: OpenScreen) -> None:
    """If one person draws and another renames, both changes are kept.

    If both draw, the later person is asked.
    """
    stored = person.save_area("Shared", square(-150, 20, 3))
    mine, theirs = open_screen(person), open_screen(ada)
    page, other = edit_here(mine, stored), edit_here(theirs, stored)
    polygon_text(other).fill(json.dumps(square(-150, 20, 4)))
    save(other)
    expect(other.locator("#area-panel")).to_be_hidden()
    page.locator("#area-panel").get_by_label("Name", exact=True).fill("Shared, renamed")
    save(page)
    expect(page.locator("#area-panel")).to_be_hidden()
    now = person.http.get(api_path(stored)).json()
    assert now["geometry"] == square(-150, 20, 4)
    assert now["properties"]["name"] == "Shared, renamed"

    page, other = edit_here(mine, now), edit_here(theirs, now)
    polygon_text(other).fill(json.dumps(square(-150, 20, 2)))
    other.locator("#area-panel").get_by_label("Name", exact=True).fill("Named by Ada")
    save(other)
    expect(other.locator("#area-panel")).to_be_hidden()
    polygon_text(page).fill(json.dumps(square(-150, 20, 5)))
    page.locator("#area-panel").get_by_role("radio", name="Urgent").check()
    save(page)
    question = page.locator("#area-conflict")
    expect(question).to_contain_text(f"{isolated('Ada')} changed this")
    expect(page.locator("#area-problem")).to_contain_text("outline is on the map")
    page.wait_for_function("() => tracker.map.querySourceFeatures('outline').length > 0")
    expect(page.locator("#area-panel").get_by_label("Name", exact=True)).to_have_value("Named by Ada")
    assert person.http.get(api_path(stored)).json()["geometry"] == square(-150, 20, 2)
    save(page)
    expect(page.locator("#area-panel")).to_be_hidden()
    now = person.http.get(api_path(stored)).json()
    assert now["geometry"] == square(-150, 20, 5)
    assert (now["properties"]["name"], now["properties"]["severity"]) == ("Named by Ada", "Urgent")
    page.wait_for_function("() => tracker.map.querySourceFeatures('outline').length == 0")
    forget_refusals(mine)
    person.delete(stored)


def test_others_value_can_be_taken_beside_the_map(
    person: Person, ada: Person, open_screen: OpenScreen
) -> None:
    """The chosen value is saved together with the fields that had no conflict."""
    stored = person.save_area("Chosen", square(-150, 40, 3))
    screen = open_screen(person)
    page = edit_here(screen, stored)
    ada.change(stored, name="Chosen by Ada")
    page.locator("#area-panel").get_by_label("Name", exact=True).fill("Chosen by me")
    page.locator("#area-panel").get_by_role("radio", name="Urgent").check()
    save(page)
    question = page.locator("#area-conflict")
    for words in ("Chosen by me", "Chosen by Ada", "just now"):
        expect(question).to_contain_text(words)
    question.get_by_label("Take theirs").check()
    save(page)
    expect(page.locator("#area-panel")).to_be_hidden()
    now = person.http.get(api_path(stored)).json()["properties"]
    assert (now["name"], now["severity"]) == ("Chosen by Ada", "Urgent")
    forget_refusals(screen)
    person.delete(stored)


def test_incident_moved_by_two_is_asked_about(person: Person, ada: Person, open_screen: OpenScreen) -> None:
    """If another person moves an incident during a drag, it stays at their place. Then the page asks."""
    stored = person.save_incident("Moved by two", 60, -50)
    screen = open_screen(person)
    page = screen.open_map()
    page.evaluate("void tracker.map.jumpTo({center: [60, -50], zoom: 5})")
    wait_until(lambda: screen.draws(stored), what="the incident on the map")
    screen.click_map(60, -50)
    box = page.locator(".ring.handle").bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 30, y - 20, steps=4)
    theirs = ada.change(stored, point(62, -49), description="by Ada")
    pk = stored["properties"]["pk"]
    page.wait_for_function("pk => tracker.store.find('incidents', pk).geometry.coordinates[0] === 62", arg=pk)
    page.mouse.move(x + 60, y - 30, steps=4)
    page.mouse.up()
    notice = page.locator("#notices")
    expect(notice).to_contain_text(f"{isolated('Ada')} moved {isolated('Moved by two')} somewhere else")
    assert person.http.get(api_path(stored)).json() == theirs
    notice.get_by_role("button", name="Move it to my place").click()
    expect(notice).to_contain_text(f"Moved: {isolated('Moved by two')}")
    now = person.http.get(api_path(stored)).json()
    assert now["geometry"] not in (theirs["geometry"], stored["geometry"])
    assert now["properties"]["description"] == "by Ada"
    forget_refusals(screen)
    person.delete(stored)


def test_undo_of_a_move_does_not_undo_anothers(person: Person, ada: Person, open_screen: OpenScreen) -> None:
    """Undo takes back the person's own move only."""
    stored = person.save_incident("Undone by one", 60, -40)
    screen = open_screen(person)
    page = screen.open_map()
    page.evaluate("void tracker.map.jumpTo({center: [60, -40], zoom: 5})")
    wait_until(lambda: screen.draws(stored), what="the incident on the map")
    screen.click_map(60, -40)
    page.locator(".ring.handle").focus()
    for key in ("ArrowRight", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    expect(page.locator("#notices")).to_contain_text(f"Moved: {isolated('Undone by one')}")
    theirs = ada.change(stored, point(62, -39))
    page.locator("#notices").get_by_role("button", name="Undo").click()
    expect(page.locator("#notices")).to_contain_text("somewhere else")
    assert person.http.get(api_path(stored)).json() == theirs
    forget_refusals(screen)
    person.delete(stored)


def test_form_shows_both_outlines(person: Person, ada: Person, open_screen: OpenScreen) -> None:
    """On the page of an area the map shows the other person's outline, too."""
    stored = person.save_area("On its page", square(100, 20, 3))
    screen = open_screen(person)
    page = screen.open(f"{AREAS}update/{stored['properties']['pk']}/")
    expect(page.locator("#draw-hint")).to_contain_text("Drag a corner")
    polygon_text(page).fill(json.dumps(square(100, 20, 2)))
    ada.change(stored, square(100, 20, 4))
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".clash")).to_contain_text("Ada changed this")
    expect(page.locator("#draw-hint")).to_contain_text("Drag a corner")
    page.get_by_label("Take theirs").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="On its page")).to_be_visible()
    assert person.http.get(api_path(stored)).json()["geometry"] == square(100, 20, 4)
    forget_refusals(screen)
    person.delete(stored)
