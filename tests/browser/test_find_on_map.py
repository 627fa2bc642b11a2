"""The search of the map, names of areas and links to one incident, in a real browser."""

import re

from conftest import OpenScreen
from harness import PATIENCE_S, Person, square, wait_until
from playwright.sync_api import expect

NAMES = """() => tracker.map.queryRenderedFeatures({ layers: ["area-names"] })
  .map(({ properties }) => properties.text ?? properties.image)"""


def test_map_goes_to_what_the_search_or_the_address_names(person: Person, open_screen: OpenScreen) -> None:
    """The search goes to areas and coordinates; the address names the chosen incident, also a closed one."""
    area = person.save_area("Granary quarter", square(-60.01, -60.01, 0.02), severity="Urgent")
    here, closed = (
        person.save_incident(f"{state} at the granary", -60.002, -60.002, closed=state == "Closed")
        for state in ("Leak", "Closed")
    )
    screen = open_screen(person)
    screen.open(f"/#incident={here['properties']['pk']}")
    page = screen.page
    popup = page.locator(".maplibregl-popup .popup")
    expect(popup).to_contain_text("Leak at the granary")
    assert page.evaluate("tracker.map.getZoom()") >= 11
    page.evaluate(f"void (location.hash = '#incident={closed['properties']['pk']}')")
    expect(popup).to_contain_text("Closed at the granary")
    expect(page.locator("#notices")).to_contain_text("is closed")
    page.evaluate("void (location.hash = '#incident=123456789')")
    expect(page.locator("#notices")).to_contain_text("does not exist or was deleted")
    search = page.get_by_role("combobox", name="Incidents, areas, places or coordinates")
    search.fill("granary")
    expect(page.locator("#go-results [role=group]")).to_have_count(2)
    search.fill("granary quarter")
    expect(page.get_by_role("option", name="Granary quarter")).to_be_visible()
    search.press("Enter")
    expect(popup).to_contain_text("Granary quarter")
    wait_until(
        lambda: "Granary quarter" in page.evaluate(NAMES), what="the name on the map", timeout=PATIENCE_S
    )
    search.fill("35°20'24\"N 25°7'48\"E")
    search.press("Enter")
    expect(search).to_have_value("35.34000° N, 25.13000° E")
    wait_until(
        lambda: abs(page.evaluate("tracker.map.getCenter().lng") - 25.13) < 1e-3,
        what="the position",
        timeout=PATIENCE_S,
    )
    assert re.search(r"#map=1\d", page.url)
    assert ["123456789" in complaint for complaint in screen.complaints] == [True]
    screen.complaints.clear()
    person.delete(area)
