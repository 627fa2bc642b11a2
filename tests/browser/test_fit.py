"""The map page where little fits: at 200 % zoom, on 320 by 256 pixels, with a keyboard, and without a map."""

import re

from conftest import OpenScreen
from harness import Person
from playwright.sync_api import Page, ViewportSize, expect

ZOOMED: ViewportSize = {"width": 640, "height": 400}  # 1280 by 800 at 200 %
SMALL: ViewportSize = {"width": 320, "height": 256}  # 1280 by 1024 at 400 %, as in WCAG 1.4.10
TYPING: ViewportSize = {"width": 390, "height": 400}  # a phone with its keyboard
FEWEST_ROWS = 4
STOPS = 40  # of the Tab key; the forms have fewer
WITHOUT_WEBGL = "HTMLCanvasElement.prototype.getContext = () => null"
# Whether all of an element is on the screen, but for a part of a pixel, and nothing covers its middle.
SEEN = """(each) => {
  const {left, right, top, bottom} = each.getBoundingClientRect();
  const found = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
  const isFree = each.contains(found) || found?.closest("label")?.control === each;
  return isFree && left > -1 && top > -1 && right < innerWidth + 1 && bottom < innerHeight + 1;
}"""
WIDTH = "() => document.documentElement.scrollWidth - innerWidth"


def sees_each_field(page: Page, form: str) -> None:
    """Go through the form with the Tab key, and check that each stop is seen."""
    stops = set()
    for _ in range(STOPS):
        focused = page.evaluate_handle("() => document.activeElement").as_element()
        assert focused
        if not focused.evaluate("(each, form) => each.closest(form)", form):
            break
        assert focused.evaluate(SEEN), focused.evaluate("(each) => each.outerHTML")
        stops.add(focused.evaluate("(each) => each.name || each.id || each.textContent"))
        page.keyboard.press("Tab")
    assert len(stops) > FEWEST_ROWS


def test_little_room_suffices(person: Person, open_screen: OpenScreen) -> None:
    """Four rows are seen, nothing is wider than the screen, and nothing covers the focused field."""
    for number in range(8):
        person.save_incident(f"A name for more than one line: {'street ' * 15}{number}", number, 0)
    page = open_screen(person, viewport=ZOOMED).open_map()
    toggle = page.locator("#panel-toggle")
    expect(toggle).to_have_text("8 incidents in view")
    toggle.click()
    rows = page.locator("#incident-rows .row")
    expect(rows).to_have_count(8)
    assert sum(row.evaluate(SEEN) for row in rows.all()) >= FEWEST_ROWS
    toggle.click()
    for size in (SMALL, TYPING):
        page.set_viewport_size(size)
        page.locator("#add-incident").click()
        expect(page.get_by_label("What happened?")).to_be_focused()
        sees_each_field(page, "form.quick")
        assert page.evaluate(WIDTH) <= 0
        page.locator(".quick .primary").click()  # says that the name is missing
        expect(page.get_by_label("What happened?")).to_be_focused()
        assert page.locator(":focus").evaluate(SEEN)
        page.keyboard.press("Escape")
        toggle.click()
        page.locator("#new-area").click()
        expect(page.locator("#area-panel [name=name]")).to_be_focused()
        sees_each_field(page, "#area-panel")
        assert page.evaluate(WIDTH) <= 0
        page.locator("#area-cancel").click()


def test_page_without_a_map_has_only_what_works(person: Person, open_screen: OpenScreen) -> None:
    """Without WebGL 2 the panel is open, a row is closed from the panel, and another leads to its page."""
    stored = person.save_incident("Found without a map")
    person.save_incident("Closed without a map")
    screen = open_screen(person, viewport=ZOOMED)
    screen.page.add_init_script(WITHOUT_WEBGL)
    page = screen.open("/")
    expect(page.locator("#panel-body")).to_be_visible()
    for each in ("#go", "#legend", "#add-incident"):
        expect(page.locator(each)).to_be_hidden()
    other = page.locator("#incident-rows > li", has_text="Closed without a map")
    other.hover()
    other.locator("[data-act=close]").click()
    expect(other).to_have_count(0)
    page.locator("#incident-rows .row", has_text="Found without a map").click()
    expect(page).to_have_url(re.compile(f"{stored['properties']['url']}$"))
    screen.complaints = [said for said in screen.complaints if "No map" not in said]
