"""No typed work is lost, in a real browser: sign-ins, sessions that end, leaving, deleting, unseen alerts."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from conftest import OpenScreen
from harness import Person, Screen, Server, isolated, polygon_text, square, wait_until
from playwright.sync_api import Dialog, Locator, Page, Request, expect

REFUSED = re.compile(r"the server responded with a status of (400|401|404|409|422)|WebSocket connection to")
NO_CHANNEL = "delete window.BroadcastChannel"  # the other tab's message is lost
FRAME_MS = 20
NAME = "a password of nobody"  # of accounts that Server.another creates


@pytest.fixture
def open_tabs(open_screen: OpenScreen) -> Callable[..., Screen]:
    """Open windows in which the console may report that the server has refused a call."""

    def open_one(who: Person, **options: Any) -> Screen:
        screen = open_screen(who, **options)
        screen.complaints = Forgiving()
        return screen

    return open_one


class Forgiving(list[str]):
    """The list of a window's complaints, without those about refusals that these tests cause."""

    def append(self, said: str) -> None:
        if not REFUSED.search(said):
            super().append(said)


def sign_in(page: Page, name: str, password: str) -> None:
    """Sign in through a tab that is already open."""
    page.goto("/accounts/login/")
    fill_in(page, name, password)
    expect(page).to_have_url(re.compile(r":\d+/(#.*)?$"))
    page.wait_for_load_state("load")


def fill_in(page: Page, name: str, password: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def sign_in_beside(page: Page, name: str, password: str) -> None:
    """Follow the page's link to the sign-in page in a tab of its own, and sign in there."""
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Sign in, in a new tab").click()
    fill_in(opened.value, name, password)
    expect(opened.value.get_by_role("heading", name="You are signed in")).to_be_visible()
    opened.value.wait_for_load_state("load")  # by then it has sent its message to the other tabs
    opened.value.close()


def sign_out(person: Person) -> None:
    """End the session that the person's browser has, as another tab would."""
    person.http.post("/accounts/logout/", data={"csrf_token": person.csrf_token()})


def report(page: Page, name: str) -> None:
    """Fill in the small form on the map and save it."""
    if page.locator("form.quick").count() == 0:
        page.get_by_role("link", name="New incident").click()
    page.get_by_label("What happened?").fill(name)
    page.locator("form.quick").get_by_role("button", name="Save").click()


@pytest.mark.parametrize("script", ["", NO_CHANNEL], ids=["message of the tab", "answer of the server"])
def test_save_works_after_another_tab_has_signed_in_again(
    server: Server, person: Person, open_tabs: Callable[..., Screen], script: str
) -> None:
    """After the same account signs in through a second tab, the first tab saves as before."""
    screen = open_tabs(server.person())
    if script:
        screen.page.context.add_init_script(script)
    page = screen.open_map()
    sign_in(page.context.new_page(), server.name, server.password)
    name = f"After the other tab {script}"
    keys: list[str | None] = []

    def note(sent: Request) -> None:
        if sent.method == "POST":
            keys.append(sent.headers.get("idempotency-key"))

    page.on("request", note)
    report(page, name)
    expect(page.locator("form.quick")).to_have_count(0)
    assert len(keys) == (2 if script else 1)
    assert len(set(keys)) == 1, "the second try has another key"
    assert len(person.named(name)) == 1


@pytest.mark.parametrize("script", ["", NO_CHANNEL], ids=["message of the tab", "answer of the server"])
def test_other_account_in_another_tab_saves_nothing_in_the_first(
    server: Server, person: Person, open_tabs: Callable[..., Screen], script: str
) -> None:
    """The first tab names the signed-in account and keeps the text.

    It saves when its own account is signed in again.
    """
    bob = f"Bob{len(script)}"
    server.another(bob)
    screen = open_tabs(server.person())
    if script:
        screen.page.context.add_init_script(script)
    page = screen.open_map()
    other = page.context.new_page()
    sign_in(other, bob, NAME)
    name = f"By whom {script}?"
    if not script:
        expect(page.locator("#other-account")).to_contain_text(f"signed in as {isolated(bob)} now")
    report(page, name)
    expect(page.locator("form.quick [role=alert]")).to_contain_text(f"{isolated(bob)} is signed in now")
    expect(page.locator("#other-account")).to_be_visible()
    assert not person.named(name)
    sign_in(other, server.name, server.password)
    report(page, name)
    expect(page.locator("form.quick")).to_have_count(0)
    expect(page.locator("#other-account")).to_have_count(0)
    assert len(person.named(name)) == 1


@pytest.mark.parametrize("script", ["", NO_CHANNEL], ids=["message of the tab", "answer of the server"])
def test_of_two_sign_in_pages_both_work(
    server: Server, open_tabs: Callable[..., Screen], script: str
) -> None:
    """A second sign-in page, used after the first, also leads to its target."""
    screen = open_tabs(server.visitor())
    if script:
        screen.page.context.add_init_script(script)
    first, second = screen.page, screen.page.context.new_page()
    for page in (first, second):
        page.goto("/accounts/login/?next=/tracker/incident/")
    for page in (first, second):
        fill_in(page, server.name, server.password)
        expect(page.get_by_role("heading", name="Incidents")).to_be_visible()


def test_map_goes_on_when_another_tab_has_signed_in_again(
    server: Server, person: Person, open_tabs: Callable[..., Screen]
) -> None:
    """The session of the map ends, but the browser has a new one. The map stays open and connects with it."""
    leaving = server.person()
    page = open_tabs(leaving).open_map()
    page.evaluate("window.notReloaded = true")
    sign_in(page.context.new_page(), server.name, server.password)
    with page.expect_websocket():
        sign_out(leaving)
    expect(page.locator("#connection")).to_have_text("Connected")
    person.save_incident("Told by the new session", 100, -70)
    wait_until(
        lambda: page.evaluate("[...tracker.store.incidents.values()].map((i) => i.properties.name)").count(
            "Told by the new session"
        ),
        what="the incident",
    )
    assert page.evaluate("window.notReloaded")


def test_report_that_is_begun_is_not_left_without_a_question(
    server: Server, open_tabs: Callable[..., Screen]
) -> None:
    """The public form asks before it drops typed text, and does not ask after it was sent."""
    page = open_tabs(server.visitor()).open("/tracker/incident/report/")
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.get_by_label("What happened?").press_sequentially("Tree on the road")
    page.get_by_role("link", name="Sign in").click(no_wait_after=True)
    wait_until(lambda: asked == ["beforeunload"], what="the browser's question")
    page.get_by_text("Coordinates", exact=True).click()
    page.get_by_label("Latitude").fill("-70")
    page.get_by_label("Longitude").fill("110")
    page.get_by_role("button", name="Send report").click()
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    assert asked == ["beforeunload"]


def start_area(page: Page, name: str, west: float) -> Locator:
    """Start an area on the map and type its polygon."""
    page.get_by_role("link", name="New area").click()
    panel = page.locator("#area-panel")
    panel.get_by_label("Name", exact=True).fill(name)
    polygon_text(page).fill(json.dumps(square(west, -70, 5)))
    return panel


def test_area_is_saved_after_signing_in_beside_it(
    server: Server, person: Person, open_tabs: Callable[..., Screen]
) -> None:
    """When the session ends during drawing, the page stays and asks to sign in. Then it saves the area."""
    leaving = server.person()
    page = open_tabs(leaving).open_map()
    panel = start_area(page, "Drawn by two sessions", 20)
    sign_out(leaving)
    dialog = page.get_by_role("dialog", name="You are signed out")
    expect(dialog).to_be_visible()
    expect(page.locator("#connection")).to_have_text("Signed out")
    dialog.get_by_role("button", name="Not now").click()
    panel.get_by_role("button", name="Save").click()
    sign_in_beside(page, server.name, server.password)
    expect(panel).to_be_hidden()
    expect(page.locator("#connection")).to_have_text("Connected")
    (stored,) = person.named("Drawn by two sessions", "area_of_interest")
    assert stored["geometry"] == square(20, -70, 5)


def test_signing_in_as_somebody_else_does_not_save(
    server: Server, person: Person, open_tabs: Callable[..., Screen]
) -> None:
    """The dialog names both accounts, and stays until the page's own account is signed in."""
    server.another("Dora")
    leaving = server.person()
    page = open_tabs(leaving).open_map()
    panel = start_area(page, "Not Dora's", 40)
    sign_out(leaving)
    sign_in_beside(page, "Dora", NAME)
    dialog = page.get_by_role("dialog", name="You are signed out")
    expect(dialog).to_contain_text(f"{isolated('Dora')} is signed in now")
    assert not person.named("Not Dora's", "area_of_interest")
    sign_in_beside(page, server.name, server.password)
    expect(dialog).to_have_count(0)
    panel.get_by_role("button", name="Save").click()
    expect(panel).to_be_hidden()
    assert person.named("Not Dora's", "area_of_interest")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_form_is_saved_after_signing_in_beside_it(
    server: Server, person: Person, open_tabs: Callable[..., Screen], *, scripts: bool
) -> None:
    """Only the Save button leaves a page with a form.

    After signing in, the typed text is in the form again.
    """
    leaving = server.person()
    page = open_tabs(leaving, java_script_enabled=scripts).open("/tracker/incident/create/")
    name = f"Typed for long, {scripts}"
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Description").fill("A long text")
    if scripts:  # without them it is open
        page.get_by_text("Advanced").click()
    page.get_by_label("Location as GeoJSON").fill('{"type": "Point", "coordinates": [30, -70]}')
    sign_out(leaving)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Not saved yet")).to_be_visible()
    expect(page.get_by_text("A long text")).to_be_visible()
    token = page.locator("main input[name=csrf_token]")
    old = token.input_value()
    sign_in_beside(page, server.name, server.password)
    if scripts:  # they have the new token, so that Continue saves at once
        expect(token).not_to_have_value(old)
    page.get_by_role("button", name="Continue").click()
    if not scripts:
        expect(page.get_by_label("Description")).to_have_value("A long text")
        page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    (stored,) = person.named(name)
    assert stored["properties"]["description"] == "A long text"


@pytest.mark.parametrize("path", ["/tracker/incident/create/", "/tracker/area_of_interest/create/"])
def test_leaving_a_form_asks(person: Person, open_screen: OpenScreen, path: str) -> None:
    """The browser asks before it leaves a form with changes. It does not ask if nothing differs."""
    page = open_screen(person).open(path)
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    name = page.get_by_label("Name", exact=True)
    name.fill("Unfinished")
    name.press("End")
    name.fill("Unfinished work")
    page.get_by_role("link", name="Alerts").click(no_wait_after=True)
    wait_until(lambda: asked == ["beforeunload"], what="the browser's question")
    expect(name).to_have_value("Unfinished work")
    name.fill("Unfinished")
    name.fill("")
    page.get_by_role("link", name="Alerts").click()
    expect(page.get_by_role("heading", name="Alerts", exact=False).first).to_be_visible()
    assert asked == ["beforeunload"]


def test_saving_a_form_does_not_ask(person: Person, open_screen: OpenScreen) -> None:
    """The browser does not ask when a person saves a form, or opens one and leaves it."""
    stored = person.save_incident("To be edited", 50, -70)
    page = open_screen(person).open(f"/tracker/incident/update/{stored['properties']['pk']}/")
    page.on("dialog", lambda dialog: pytest.fail(f"it asked: {dialog.type}"))
    page.get_by_label("Name", exact=True).press("End")
    page.get_by_role("link", name="Cancel").click()
    expect(page.get_by_role("heading", name="To be edited")).to_be_visible()
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Name", exact=True).press_sequentially("!")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="!")).to_be_visible()


def test_area_is_discarded_only_after_a_question(person: Person, open_screen: OpenScreen) -> None:
    """Cancel asks when something was drawn or typed. If the person stays, nothing is lost."""
    page = open_screen(person).open_map()
    answers = [False, True]
    asked: list[str] = []

    def decide(dialog: Dialog) -> None:
        asked.append(dialog.type)
        if answers.pop(0):
            dialog.accept()
        else:
            dialog.dismiss()

    page.on("dialog", decide)
    panel = start_area(page, "Almost discarded", 60)
    panel.get_by_role("button", name="Cancel").click()
    expect(panel.get_by_label("Name", exact=True)).to_have_value("Almost discarded")
    panel.get_by_role("button", name="Cancel").click()
    expect(panel).to_be_hidden()
    page.get_by_role("link", name="New area").click()
    panel.get_by_role("button", name="Cancel").click()
    expect(panel).to_be_hidden()
    assert asked == ["confirm", "confirm"]


def test_hole_that_is_half_drawn_is_not_dropped_by_saving(person: Person, open_screen: OpenScreen) -> None:
    """While a hole is unfinished the form saves nothing, and tells the person what to do first."""
    stored = person.save_area("Half drawn", square(40, -70, 8))
    path = f"/tracker/area_of_interest/update/{stored['properties']['pk']}/"
    page = open_screen(person).open(path)
    canvas = page.locator("#map canvas").first
    expect(page.locator("#draw-hint")).to_contain_text("Drag a corner")
    page.get_by_role("button", name="Cut a hole").click()
    expect(page.locator("#draw-hint")).to_contain_text("each corner")
    box = canvas.bounding_box()
    assert box
    for x in (0.45, 0.55):
        canvas.click(position={"x": box["width"] * x, "y": box["height"] * 0.45})
    page.get_by_label("Name", exact=True).fill("Half drawn, renamed")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".field:has(#polygon_geojson) .field-error")).to_contain_text(
        "Finish what you are drawing"
    )
    assert page.url.endswith(path)
    page.locator("#map").press("Escape")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(lambda url: url.endswith(stored["properties"]["url"]))
    (saved,) = person.named("Half drawn", "area_of_interest")
    assert saved["properties"]["name"] == "Half drawn, renamed"
    assert saved["geometry"] == stored["geometry"]


def test_outline_that_is_half_drawn_is_not_dropped_beside_the_map(
    person: Person, open_screen: OpenScreen
) -> None:
    """While an outline is unfinished the panel tells the person what to do first, and keeps the drawing."""
    page = open_screen(person).open_map()
    page.get_by_role("link", name="New area").click()
    expect(page.locator("#draw-hint")).to_contain_text("each corner")
    for x in (200, 400):
        page.locator("#map canvas").first.click(position={"x": x, "y": 250})
    panel = page.locator("#area-panel")
    panel.get_by_label("Name", exact=True).fill("Half an outline")
    panel.get_by_role("button", name="Save").click()
    expect(panel.locator("#area-problem")).to_contain_text("Finish what you are drawing")
    assert not person.named("Half an outline", "area_of_interest")


def test_small_form_is_above_notices(server: Server, person: Person, open_screen: OpenScreen) -> None:
    """Notices appear over the map, but do not cover the form that the person fills in."""
    reader = server.another("Reader")
    area = person.save_area("Told", square(0, 0))
    stored = person.save_incident("Told", 0.5, 0.5)
    page = open_screen(reader).open_map()
    expect(page.locator("#notices")).to_contain_text("since you last looked")
    page.get_by_role("link", name="New incident").click()
    page.get_by_text("What happened?").click(trial=True, timeout=3000)
    person.delete(stored)
    person.delete(area)


def test_closed_small_form_can_be_continued(person: Person, open_screen: OpenScreen) -> None:
    """Escape closes the small form. The page offers to continue, and fills in the typed text again."""
    page = open_screen(person).open_map()
    page.get_by_role("link", name="New incident").click()
    page.get_by_label("What happened?").fill("Half a sentence")
    page.get_by_role("radio", name="Urgent").check()
    page.keyboard.press("Escape")
    expect(page.locator("#notices")).to_contain_text(f"Not saved: {isolated('Half a sentence')}")
    page.locator("#notices").get_by_role("button", name="Go on").click()
    expect(page.get_by_label("What happened?")).to_have_value("Half a sentence")
    expect(page.get_by_role("radio", name="Urgent")).to_be_checked()


def test_area_deleted_while_edited_is_saved_as_a_new_one(
    person: Person, open_tabs: Callable[..., Screen]
) -> None:
    """After another person deletes the area, the panel says so, keeps the drawing and saves a new one."""
    stored = person.save_area("Deleted meanwhile", square(80, -70, 8))
    screen = open_tabs(person)
    page = screen.open_map()
    wait_until(lambda: screen.draws(stored), what="the area on the map")
    screen.click_map(84, -66)
    page.get_by_role("button", name="Edit here").click()
    panel = page.locator("#area-panel")
    panel.get_by_label("Name", exact=True).fill("Kept as a new one")
    person.delete(stored)
    panel.get_by_role("button", name="Save").click()
    expect(panel.locator("#area-problem")).to_contain_text("Somebody has deleted this area meanwhile")
    panel.get_by_role("button", name="Save").click()
    expect(panel).to_be_hidden()
    (again,) = person.named("Kept as a new one", "area_of_interest")
    assert again["geometry"] == stored["geometry"]


# Unseen alerts. Only these tests advance the page's clock.


class Watcher:
    """A person at an open map, with a clock that the test controls."""

    def __init__(self, screen: Screen, person: Person, name: str, west: float) -> None:
        self.person, self.name, self.west = person, name, west
        person.save_area(name, square(west, 60, 4))
        screen.page.clock.install()
        self.page = screen.open_map()
        self.page.clock.pause_at(self.page.evaluate("Date.now()") + 500)

    @property
    def dialog(self) -> Locator:
        return self.page.locator("#alert-dialog")

    @property
    def take(self) -> Locator:
        return self.page.locator("#alert-take")

    def raise_alert(self, name: str) -> dict[str, Any]:
        """Store an incident in the area, and wait until the page shows it."""
        stored = self.person.save_incident(f"{name} in {self.name}", self.west + 1, 61, severity="Medium")
        self.let_pass_until(
            lambda: self.dialog.get_by_role("link", name=f"{name} in {self.name}").is_visible()
        )
        return stored

    def let_pass_until(self, condition: Callable[[], bool]) -> None:
        """Advance the clock by single frames until the condition is true."""

        def look() -> bool:
            self.page.clock.run_for(FRAME_MS)
            return condition()

        wait_until(look, what="the page")

    def see(self) -> None:
        """Let everything in the dialog be on the screen for more than a second."""

        def seen() -> bool:
            self.page.clock.run_for(200)
            return (
                self.take.is_enabled()
                and re.fullmatch(r"Acknowledge( all)?", self.take.inner_text()) is not None
            )

        wait_until(seen, what="the second to pass")

    def states(self) -> dict[str, tuple[str, str]]:
        """Return state and note of the area's open alerts, by the first word of their incident."""
        alerts = self.person.http.get("/api/alerts/").json()["alerts"]
        own = [alert for alert in alerts if alert["area_name"] == self.name]
        return {alert["incident_name"].split()[0]: (alert["state"], alert["note"]) for alert in own}


def test_new_alert_cannot_be_acknowledged_at_once(person: Person, open_screen: OpenScreen) -> None:
    """For a second neither the button nor Enter acknowledges a new alert. Then the button does."""
    watcher = Watcher(open_screen(person), person, "Quay", -100)
    watcher.raise_alert("Fire")
    expect(watcher.take).to_be_disabled()
    watcher.page.get_by_label("Note").press("Enter")
    assert watcher.states() == {"Fire": ("open", "")}
    watcher.see()
    watcher.take.click()
    watcher.let_pass_until(lambda: not watcher.dialog.is_visible())
    assert watcher.states() == {"Fire": ("acknowledged", "")}


def test_enter_acknowledges_only_seen_alerts(person: Person, open_screen: OpenScreen) -> None:
    """When a second alert arrives just before Enter, it stays on the screen, unacknowledged."""
    watcher = Watcher(open_screen(person), person, "Dock", -80)
    watcher.raise_alert("Fire")
    watcher.see()
    watcher.raise_alert("Flood")
    expect(watcher.take).to_have_text("Acknowledge 1 of 2")
    watcher.page.get_by_label("Note").press("Enter")
    watcher.let_pass_until(lambda: "Fire in Dock" not in watcher.dialog.inner_text())
    assert watcher.states() == {"Fire": ("acknowledged", ""), "Flood": ("open", "")}
    expect(watcher.dialog).to_contain_text("Flood in Dock")


def test_note_belongs_to_the_alerts_seen_at_its_start(person: Person, open_screen: OpenScreen) -> None:
    """When a second alert arrives and is seen while a note is typed, the acknowledgement leaves it alone."""
    watcher = Watcher(open_screen(person), person, "Pier", -60)
    watcher.raise_alert("Fire")
    watcher.see()
    note = watcher.page.get_by_label("Note")
    note.press_sequentially("Boat is")
    watcher.raise_alert("Flood")
    expect(watcher.page.locator("#alert-note-for")).to_contain_text(
        f"This note is for: {isolated('Fire in Pier')}. Newer alerts are not acknowledged with it."
    )
    own = watcher.dialog.get_by_role("button", name=f"Acknowledge: {isolated('Flood in Pier')}")
    watcher.let_pass_until(own.is_enabled)
    note.press_sequentially(" on its way")
    note.press("Enter")
    watcher.let_pass_until(lambda: "Fire in Pier" not in watcher.dialog.inner_text())
    assert watcher.states() == {"Fire": ("acknowledged", "Boat is on its way"), "Flood": ("open", "")}
    expect(note).to_have_value("")
    watcher.see()
    note.press("Enter")
    watcher.let_pass_until(lambda: not watcher.dialog.is_visible())
    assert watcher.states()["Flood"] == ("acknowledged", "")


def test_escalation_must_be_seen_again(person: Person, open_screen: OpenScreen) -> None:
    """When a seen alert escalates, it can't be acknowledged for a second."""
    watcher = Watcher(open_screen(person), person, "Lock", -40)
    stored = watcher.raise_alert("Fire")
    watcher.see()
    person.change(stored, severity="Urgent")
    watcher.let_pass_until(lambda: "Alert escalated" in watcher.dialog.inner_text())
    expect(watcher.take).to_be_disabled()
    watcher.see()
    watcher.take.click()
    watcher.let_pass_until(lambda: not watcher.dialog.is_visible())
    assert watcher.states() == {"Fire": ("acknowledged", "")}


def test_popup_acknowledges_only_seen_alerts(person: Person, open_screen: OpenScreen) -> None:
    """The button of a popup waits until the popup, or the row in the panel, has shown the alert."""
    watcher = Watcher(open_screen(person), person, "Weir", -20)
    stored = watcher.raise_alert("Fire")
    watcher.dialog.get_by_role("button", name="Not now").click()
    show = "(pk) => document.querySelector(`#alert-rows [data-pk='${pk}'] button`)?.click()"
    button = watcher.page.locator(".popup button", has_text="Acknowledge")
    pk = stored["properties"]["pk"]

    def opened() -> bool:
        watcher.page.evaluate(show, pk)
        return button.is_visible()

    watcher.page.clock.run_for(301)  # after this pause the page builds the rows again
    watcher.let_pass_until(opened)
    expect(button).to_be_disabled()

    def enabled() -> bool:
        watcher.page.clock.run_for(200)
        return button.is_enabled()

    wait_until(enabled, what="the second to pass")
    person.change(stored, severity="Urgent")
    watcher.let_pass_until(lambda: "Alert escalated" in watcher.dialog.inner_text())
    expect(button).to_be_disabled()
    assert watcher.states() == {"Fire": ("open", "")}
    watcher.see()
    watcher.dialog.get_by_role("button", name="Not now").click()
    wait_until(enabled, what="the second to pass")
    button.click()
    wait_until(lambda: watcher.states() == {"Fire": ("acknowledged", "")}, what="the acknowledgement")
