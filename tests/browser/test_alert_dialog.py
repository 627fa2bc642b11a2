"""Alerts in a real browser: the dialog, acknowledgements, unread counts, mutes, and a background tab."""

from datetime import UTC, datetime, timedelta

import pytest
from conftest import OpenScreen
from harness import Feature, Person, Server, api_path, isolated, square, wait_until
from playwright.sync_api import Locator, Page, expect

CLAIM_MS = 500  # longer than a tab without the focus waits before it calls


@pytest.fixture(scope="module")
def places() -> "Places":
    return Places()


class Places:
    """Squares that don't touch each other, so that no test raises alerts in another test's area."""

    def __init__(self) -> None:
        self.west = -170

    def area(self, person: Person, name: str, **properties: str) -> tuple[Feature, float, float]:
        """Store an area at a place of its own; return it with a position inside."""
        self.west += 12
        return person.save_area(name, square(self.west, -10, 4), **properties), self.west + 2, -8


def dialog_of(page: Page) -> Locator:
    return page.get_by_role("dialog")


def test_update_changes_the_dialog_and_escalation_opens_it_again(
    person: Person, places: Places, open_screen: OpenScreen
) -> None:
    """A raised alert opens a dialog. An update changes its text. An escalation opens it again."""
    _, *place = places.area(person, "Mill")
    page = open_screen(person).open_map()
    dialog = dialog_of(page)
    stored = person.save_incident("Water in the cellar", *place, severity="Medium")
    expect(dialog).to_contain_text("Water in the cellar")
    person.change(stored, name="Water in both cellars")
    expect(dialog).to_contain_text("Water in both cellars")
    dialog.get_by_role("button", name="Not now").click()
    expect(dialog).to_be_hidden()
    person.change(stored, name="Water to the knees")
    expect(page.locator("#alert-rows")).to_contain_text("Water to the knees")
    expect(dialog).to_be_hidden()
    person.change(stored, severity="Urgent")
    expect(dialog).to_contain_text("Alert escalated")
    expect(dialog).to_contain_text("Escalated")


def test_several_alerts_are_one_dialog(person: Person, places: Places, open_screen: OpenScreen) -> None:
    """Three alerts in a row are listed in one dialog, and each can be acknowledged separately."""
    _, *place = places.area(person, "Bridges")
    page = open_screen(person).open_map()
    for number in range(3):
        person.save_incident(f"Bridge {number} blocked", *place, severity="High")
    dialog = dialog_of(page)
    expect(dialog.get_by_role("heading")).to_have_text("3 alerts")
    dialog.get_by_role("button", name=f"Acknowledge: {isolated('Bridge 1 blocked')}").click()
    expect(dialog.get_by_role("heading")).to_have_text("2 alerts")
    dialog.get_by_role("button", name="Acknowledge all").click()
    expect(dialog).to_be_hidden()


def test_acknowledged_by_one_the_dialog_closes_for_all(
    server: Server, person: Person, places: Places, open_screen: OpenScreen
) -> None:
    """When one person acknowledges, all dialogs close and all panels show the name.

    An escalation opens them again.
    """
    _, *place = places.area(person, "Harbour")
    mine, other = open_screen(person).open_map(), open_screen(server.another("Ada")).open_map()
    stored = person.save_incident("Oil on the water", *place, severity="Medium")
    for page in (mine, other):
        expect(dialog_of(page)).to_contain_text("Oil on the water")
    dialog_of(other).get_by_label("Note").fill("Boat is on its way")
    dialog_of(other).get_by_role("button", name="Acknowledge", exact=True).click()
    for page in (mine, other):
        expect(dialog_of(page)).to_be_hidden()
        expect(page.locator("#notices")).to_contain_text(
            f"Acknowledged by {isolated('Ada')}: {isolated('Oil on the water')} "
            f"({isolated('Boat is on its way')})"
        )
        row = page.locator("#alert-rows li", has_text="Oil on the water")
        expect(row).to_contain_text(f"Acknowledged by {isolated('Ada')}")
    person.change(stored, severity="Urgent")
    for page in (mine, other):
        expect(dialog_of(page)).to_contain_text("Oil on the water")


def test_muted_area_does_not_interrupt(person: Person, places: Places, open_screen: OpenScreen) -> None:
    """A muted area alerts without a dialog, except for what is urgent; map and page say who muted it."""
    area, *place = places.area(person, "Building site")
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    pk = area["properties"]["pk"]
    assert person.api("POST", f"/api/areas/{pk}/mute/", {"until": until}).status_code == 200
    screen = open_screen(person)
    page = screen.open_map()
    person.save_incident("Noise at night", *place, severity="High")
    expect(page.locator("#alert-rows li", has_text="Noise at night")).to_contain_text("Muted")
    expect(dialog_of(page)).to_be_hidden()
    hatched = (
        "() => tracker.map.queryRenderedFeatures({layers: ['area-muted']}).map((area) => area.properties.pk)"
    )
    wait_until(lambda: pk in page.evaluate(hatched), what="the hatching of the muted area")
    urgent = person.save_incident("Crane fell over", *place, severity="Urgent")
    expect(dialog_of(page)).to_contain_text("Crane fell over")
    person.delete(urgent)
    expect(dialog_of(page)).to_be_hidden()
    screen.click_map(place[0] - 1.5, place[1] - 1.5)
    expect(page.locator(".maplibregl-popup")).to_contain_text(f"Muted by {isolated('admin')} until")
    screen.open(area["properties"]["url"])
    expect(page.get_by_text("Muted for everybody by admin until")).to_be_visible()
    page.get_by_role("button", name="Unmute").click()
    expect(page.get_by_text("Muted for everybody by admin until")).to_have_count(0)


def test_unread_alerts_are_counted_and_summed_up(
    server: Server, person: Person, places: Places, open_screen: OpenScreen
) -> None:
    """The badge and the title count incidents with unacknowledged alerts.

    A person who returns sees a summary of unread ones. Reading them acknowledges nothing.
    """
    _, *place = places.area(person, "Station")
    page = open_screen(person).open_map()
    badge = page.locator("#unread")
    page.evaluate("() => document.querySelectorAll('#notices .notice').forEach((notice) => notice.remove())")
    before = page.evaluate("tracker.store.alerts.unacknowledged")
    person.save_incident("Train stands still", *place, severity="High")
    expect(badge).to_have_text(str(before + 1))
    expect(page).to_have_title(f"({before + 1}) Map · Tracker")
    away = open_screen(server.person()).open_map()
    expect(away.locator("#notices")).to_contain_text("since you last looked")
    away.get_by_role("button", name="Mark as read").click()
    away.wait_for_function("tracker.store.alerts.unread === 0")
    expect(away.locator("#unread")).to_have_text(str(before + 1))


def test_background_tab_calls_only_when_turned_on(
    person: Person, places: Places, open_screen: OpenScreen
) -> None:
    """A tab without the focus is silent by default. The bell turns on its notifications and its sound."""
    _, *place = places.area(person, "Night watch")
    screen = open_screen(person, permissions=["notifications"])
    screen.page.add_init_script(
        """window.called = [];
        window.Notification = class { constructor(title) { called.push(title) } static permission = "granted";
            static requestPermission = async () => "granted" };
        const start = OscillatorNode.prototype.start;
        OscillatorNode.prototype.start = function (...when) { called.push("tone"); start.apply(this, when) };
        Document.prototype.hasFocus = () => false;"""
    )
    page = screen.open_map()
    person.save_incident("Unheard", *place, severity="High")
    expect(dialog_of(page)).to_contain_text("Unheard")
    page.wait_for_timeout(CLAIM_MS)
    assert page.evaluate("called") == []
    dialog_of(page).get_by_role("button", name="Not now").click()
    page.locator("#bell").click()
    page.get_by_label("Show a desktop notification").check()
    page.get_by_label("Play a short sound").check()
    page.keyboard.press("Escape")
    page.evaluate("called.length = 0")
    person.save_incident("Heard", *place, severity="High")
    expect(dialog_of(page)).to_contain_text("Heard")
    wait_until(lambda: len(page.evaluate("called")) == 4, what="a notification and three tones")
    assert sorted(page.evaluate("called")) == [f"High: {isolated('Heard')}", "tone", "tone", "tone"]
    screen.open("/tracker/alert/")
    page.locator("#bell").click()
    expect(page.get_by_label("Play a short sound")).to_be_checked()
    screen.complaints = [said for said in screen.complaints if "AudioContext" not in said]


def test_area_form_says_what_lies_inside(person: Person, places: Places, open_screen: OpenScreen) -> None:
    """The form of a new area shows how many open incidents lie inside, and updates the count by severity."""
    area, *place = places.area(person, "Market")
    for severity in ("High", "Low"):
        person.save_incident(f"{severity} at the market", *place, severity=severity)
    page = open_screen(person).open(f"/tracker/area_of_interest/update/{area['properties']['pk']}/")
    expect(page.locator("#inside-count")).to_contain_text(
        "2 open incidents lie inside, 1 of them severe enough"
    )
    page.get_by_role("radio", name="Info").check()
    expect(page.locator("#inside-count")).to_contain_text(
        "2 open incidents lie inside, severe enough to alert"
    )


@pytest.mark.parametrize(("zone", "offset"), [("Pacific/Kiritimati", 14), ("Pacific/Honolulu", -10)], ids=str)
def test_tomorrow_is_the_persons_own(
    person: Person, places: Places, open_screen: OpenScreen, zone: str, offset: int
) -> None:
    """A mute until tomorrow, 8:00, ends at eight in the time zone of the person who pressed the button."""
    area, *_ = places.area(person, f"Seen from {zone}")
    screen = open_screen(person, timezone_id=zone)
    page = screen.open(area["properties"]["url"])
    page.locator("#map canvas").wait_for()
    today = (datetime.now(UTC) + timedelta(hours=offset)).date()
    page.get_by_label("For everybody").check()
    page.get_by_role("button", name="Until tomorrow, 8:00").click()
    expect(page.get_by_text("Muted for everybody by admin until")).to_be_visible()
    (found,) = person.named(f"Seen from {zone}", "area_of_interest")
    until = datetime.fromisoformat(found["properties"]["muted_until"]) + timedelta(hours=offset)
    assert (until.hour, until.minute, until.second) == (8, 0, 0)
    assert until.date() - today in (timedelta(days=1), timedelta(days=2))  # midnight may have passed just now


def test_unverified_report_is_confirmed_and_closed_in_the_dialog(
    person: Person, open_screen: OpenScreen
) -> None:
    """The dialog says that it is unverified, until it is confirmed there. Closing ends the alert."""
    person.save_area("Watched for reports", square(-70, -40, 1))
    page = open_screen(person).open("/")
    expect(page.locator("#connection")).to_contain_text("Connected")
    stored = person.save_incident("Smoke by a stranger", -69.5, -39.5, verified=False)
    dialog = page.locator("#alert-dialog")
    expect(page.locator("#alert-title")).to_have_text("Alert: unverified report")
    expect(dialog.locator(".state")).to_have_text("unverified", ignore_case=True)
    dialog.locator("[data-act=confirm]").click()
    expect(dialog.locator(".state")).to_have_count(0)
    dialog.locator("[data-act=close]").click()
    expect(dialog).to_be_hidden()
    expect(page.locator("#notices")).to_contain_text("Smoke by a stranger")
    assert person.http.get(api_path(stored)).json()["properties"]["closed"] is True
