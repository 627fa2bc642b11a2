"""The problems of a form's fields: where they are shown, and when they go."""

from conftest import OpenScreen
from harness import Person
from playwright.sync_api import expect


def test_problems_are_at_their_fields_until_these_change(person: Person, open_screen: OpenScreen) -> None:
    """The first wrong field has the focus and is in view. Each problem goes when its field changes."""
    screen = open_screen(person, viewport={"width": 390, "height": 500})
    page = screen.open("/tracker/incident/create/")
    page.get_by_role("button", name="Save").click()
    summary = page.get_by_text("Please correct the fields below.")
    expect(summary).to_be_visible()
    name = page.get_by_label("Name")
    expect(name).to_be_focused()
    expect(name).to_be_in_viewport(ratio=1)
    expect(name).to_have_accessible_description("Required Up to 150 characters.")
    name.press_sequentially("F")
    expect(name).not_to_have_attribute("aria-invalid", "true")
    expect(name).to_have_accessible_description("Up to 150 characters.")
    expect(summary).to_be_visible()
    page.locator("#latitude").fill("35.5")
    page.locator("#longitude").fill("24")
    expect(page.locator("#location_geojson-error")).to_have_count(0)
    expect(summary).to_have_count(0)
    screen.complaints = [said for said in screen.complaints if "422" not in said]
