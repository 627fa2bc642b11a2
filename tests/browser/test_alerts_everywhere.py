"""Alerts, badge and connection on pages without a map, in many tabs of one browser; and the wall screen."""

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
