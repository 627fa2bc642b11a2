"""Alerts, badge and connection on pages without a map, in many tabs of one browser; and the wall screen."""

import re

from conftest import OpenScreen
from harness import Person, Server, square, wait_until
from playwright.sync_api import expect


def test_alerts_come_to_every_page_over_one_socket(server: Server, open_screen: OpenScreen) -> None:
    """Tabs share a socket. A list shows the dialog. A form with typed text keeps the keyboard."""
    person, other = server.person(), server.another("Eva")
    person.save_area("Quay", square(-120, 10, 4))
    before = server.health()["clients"]
    form = open_screen(person)
    tabs = [form, *(open_screen(person, beside=form) for _ in range(3))]
    paths = ("/tracker/incident/create/", "/tracker/incident/", "/tracker/area_of_interest/", "/accounts/")
    for tab, path in zip(tabs, paths, strict=True):
        tab.open(path)
        expect(tab.page.locator("#connection")).to_have_text("Connected")
    assert server.health()["clients"] == before + 1
    name = form.page.get_by_label("Name")
    name.fill("Half a sen")
    stored = other.save_incident("Crane fell", -118, 12, severity="High")
    notice = form.page.locator(".alert-notice")
    expect(notice).to_contain_text("Crane fell")
    expect(form.page.get_by_role("dialog")).to_be_hidden()
    expect(name).to_be_focused()
    name.press_sequentially("tence")
    expect(name).to_have_value("Half a sentence")
    notice.get_by_role("button", name="Show").click()
    dialog = form.page.get_by_role("dialog")
    for tab in tabs:
        expect(tab.page.get_by_role("dialog")).to_contain_text("Crane fell")
        expect(tab.page.locator("#unread")).to_have_text("1")
        assert tab.page.title().startswith("(1)")
    dialog.locator("#alert-take").click()
    for tab in tabs:
        expect(tab.page.get_by_role("dialog")).to_be_hidden()
    expect(name).to_have_value("Half a sentence")
    tabs[1].page.close()  # whichever had the socket, the others keep one
    form.page.evaluate("window.onbeforeunload = null")
    other.change(stored, severity="Urgent")
    expect(tabs[2].page.get_by_role("dialog")).to_contain_text("Crane fell")
    wait_until(lambda: server.health()["clients"] == before + 1, what="one socket")
    other.delete(stored)


def test_bell_says_what_the_browser_wants(person: Person, open_screen: OpenScreen) -> None:
    """The bell opens by keyboard, stores the choices for all tabs, and explains what can't work."""
    screen = open_screen(person)
    page = screen.open("/tracker/incident/")
    bell = page.locator("#bell")
    expect(bell).to_have_attribute("data-state", "off")
    bell.focus()
    page.keyboard.press("Enter")
    menu = page.get_by_role("dialog", name="Notifications")
    expect(menu.get_by_label("Show a desktop notification")).to_be_disabled()
    expect(menu.locator("#attention-problem")).to_contain_text("blocks notifications")
    menu.get_by_label("Play a short sound").check()
    menu.get_by_label("Always").check()
    expect(bell).to_have_attribute("data-state", "on")
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(bell).to_be_focused()
    beside = open_screen(person, beside=screen)
    beside.open("/tracker/alert/")
    expect(beside.page.locator("#bell")).to_have_attribute("data-state", "click")
    expect(beside.page.locator("#bell-state")).to_have_text("Click once to allow sound")
    beside.page.locator("h1").click()
    expect(beside.page.locator("#bell")).to_have_attribute("data-state", "on")
    beside.complaints = [each for each in beside.complaints if "AudioContext" not in each]


def test_wall_screen_shows_alerts_says_when_it_is_stale_and_ends(
    server: Server, person: Person, visitor: Person, open_screen: OpenScreen
) -> None:
    """The link opens it without a sign-in and leaves the address. Revoking the link ends it at once."""
    page = person.get("/accounts/")
    form = page.select_one("form[action='/accounts/wall_screens/']")
    assert form is not None
    fields = {str(each["name"]): str(each["value"]) for each in form.select("input[type=hidden]")}
    own = {"Referer": f"{server.url}/accounts/"}
    made = person.http.post("/accounts/wall_screens/", data={**fields, "wall": "Lobby"}, headers=own)
    found = re.search(r'class="secret">(http[^<]+)<', made.text)
    assert found is not None
    person.save_area("Depot", square(-80, 10, 4))
    screen = open_screen(visitor)
    wall = screen.page
    wall.goto(f"{found[1]}&map=5/12/-78")
    expect(wall).to_have_url(re.compile(r"/\?kiosk=#map=5/12/-78$"))
    expect(wall.locator("#kiosk-count")).to_have_text("No alerts")
    for number, severity in enumerate(("Medium", "Urgent")):
        person.save_incident(f"Leak {number}", -78, 12, severity=severity)
    cards = wall.locator(".kiosk-card")
    expect(cards).to_have_count(2)
    expect(cards.first).to_contain_text("Leak 1")
    expect(cards.first).to_contain_text("Depot")
    expect(cards.first).to_contain_text("Unacknowledged")
    assert wall.evaluate("async () => await indexedDB.databases()") == []
    assert wall.evaluate("Object.keys(localStorage)") == []
    stale = wall.locator("#kiosk-stale")
    expect(stale).to_be_hidden()
    wall.context.set_offline(True)
    expect(stale).to_contain_text("Stale: no connection since")
    wall.context.set_offline(False)
    expect(stale).to_be_hidden()
    (token,) = re.findall(r"/accounts/tokens/(\d+)/revoke/", person.get("/accounts/").decode())
    person.http.post(f"/accounts/tokens/{token}/revoke/", data=fields, headers=own)
    expect(wall).to_have_url(re.compile(r"/tracker/kiosk/\?ended="))
    expect(wall.get_by_role("alert")).to_contain_text("no valid link")
    screen.complaints.clear()  # what the browser says about the cut network
