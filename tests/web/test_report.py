"""The public report on a phone: with a location, without one, and without a network."""

import re
from typing import Any

import pytest
from conftest import OpenScreen
from harness import Person, Screen, Server, point, wait_until
from playwright.sync_api import Dialog, Page, Route, expect

REPORT = "/tracker/incident/report/"
HAS_STATE = "async () => (await indexedDB.databases()).some(({name}) => name === 'tracker.state')"
NO_NETWORK = "Failed to load resource: net::ERR_"  # Chromium's complaint about each file that it can't get
SUCCESS = re.compile(r"/tracker/incident/report_success/\?number=\d+$")
CHANIA = {"latitude": 35.5138, "longitude": 24.018, "accuracy": 30}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
LOCATED: dict[str, Any] = {**PHONE, "geolocation": CHANIA, "permissions": ["geolocation"]}


@pytest.fixture
def phone(visitor: Person, open_screen: OpenScreen) -> Screen:
    """Return a stranger's phone on the report page, without permission for its location."""
    screen = open_screen(visitor, **PHONE)
    ready(screen.open(REPORT))
    return screen


def ready(page: Page) -> None:
    """Wait until the map reacts to taps and the list of places is loaded."""
    expect(page.locator("#map .maplibregl-ctrl-zoom-in")).to_be_visible()
    page.wait_for_load_state("networkidle")


def send(page: Page) -> None:
    page.get_by_role("button", name="Send report").tap()


def choose_place(page: Page, typed: str, wanted: str) -> None:
    page.get_by_label("Or search a place").fill(typed)
    page.get_by_role("option", name=wanted, exact=True).tap()


def lose_network(screen: Screen, *, lost: bool = True) -> None:
    """Disconnect the browser, or connect it again. Its complaints about that are expected."""
    screen.page.context.set_offline(lost)


def forgive(screen: Screen, words: str) -> None:
    screen.complaints = [said for said in screen.complaints if words not in said]


def report_answers(page: Page) -> list[int]:
    """Record the status of each answer to a report from now on."""
    answers: list[int] = []
    page.on("response", lambda got: answers.append(got.status) if got.request.method == "POST" else None)
    return answers


def test_two_taps(visitor: Person, person: Person, open_screen: OpenScreen) -> None:
    """Locate, say what happened, and send. The nearest town is beside the place, and is no name.

    The location and its accuracy are the device's.
    """
    page = open_screen(visitor, **LOCATED).open(REPORT)
    ready(page)
    page.get_by_role("button", name="Use my location").tap()
    expect(page.locator("#locate-state")).to_contain_text("to within 30 m")
    expect(page.locator("#place-words")).to_have_text("Near Chania, Greece")
    name = page.get_by_label("What happened?")
    expect(name).to_have_value("")
    name.fill("Burst pipe by the harbour")
    send(page)
    expect(page).to_have_url(SUCCESS)
    (stored,) = person.named("Burst pipe by the harbour")
    assert stored["geometry"] == point(24.018, 35.5138)
    assert stored["properties"]["accuracy"] == 30
    expect(page.get_by_text(f"The number of your report is {stored['properties']['pk']}.")).to_be_visible()


def test_both_taps_are_in_view_at_once(visitor: Person, open_screen: OpenScreen) -> None:
    """Both buttons, and the map with the pin, are visible without scrolling."""
    page = open_screen(visitor, **LOCATED).open(REPORT)
    ready(page)
    for subject in (
        page.locator("#locate"),
        page.locator(".maplibregl-marker"),
        page.locator(".send button"),
    ):
        expect(subject).to_be_in_viewport(ratio=0.9)


def test_coarse_location_asks_for_the_pin(visitor: Person, person: Person, open_screen: OpenScreen) -> None:
    """A location of several kilometres puts no pin and names no town. A pin by hand has no accuracy."""
    coarse = {**CHANIA, "accuracy": 8000}
    page = open_screen(visitor, **{**LOCATED, "geolocation": coarse}).open(REPORT)
    expect(page.locator("#locate-state")).to_contain_text("somewhere within 8 km. Tap the map")
    expect(page.get_by_label("Latitude")).to_have_value("")
    expect(page.locator("#place-words")).to_be_empty()
    choose_place(page, "athens gre", "Athens, Greece")
    expect(page.get_by_label("Latitude")).to_have_value("37.984")
    expect(page.locator("#place-words")).to_have_text("Near Athens, Greece")
    page.get_by_label("What happened?").fill("Put by hand")
    send(page)
    expect(page).to_have_url(SUCCESS)
    (stored,) = person.named("Put by hand")
    assert stored["properties"]["accuracy"] is None


def test_pin_is_dragged(visitor: Person, open_screen: OpenScreen) -> None:
    """Dragging the pin corrects the location and removes the circle of its accuracy."""
    page = open_screen(visitor, **{**LOCATED, "is_mobile": False}).open(REPORT)
    expect(page.get_by_label("Longitude")).to_have_value("24.018")
    ready(page)
    box = page.locator(".maplibregl-marker").bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y, steps=6)
    page.mouse.up()
    expect(page.get_by_label("Longitude")).not_to_have_value("24.018")
    assert 24.018 < float(page.get_by_label("Longitude").input_value()) < 24.1
    expect(page.locator("#locate-state")).to_be_empty()


def test_refused_location_is_no_obstacle(phone: Screen, person: Person) -> None:
    """When the location is refused the page explains the alternatives. The place search works by keyboard."""
    page = phone.page
    page.get_by_role("button", name="Use my location").tap()
    expect(page.locator("#locate-state")).to_contain_text("refused")
    search = page.get_by_role("combobox")
    search.fill("chani")
    expect(page.get_by_role("option").first).to_be_visible()
    search.press("ArrowDown")
    expect(page.get_by_role("option").nth(1)).to_have_attribute("aria-selected", "true")
    search.fill("chania")
    expect(page.get_by_role("option")).to_have_text("Chania, Greece")
    search.press("Enter")
    expect(page.get_by_role("listbox")).to_be_hidden()
    expect(search).to_have_value("Chania, Greece")
    page.get_by_label("What happened?").fill("Found by search")
    send(page)
    expect(page).to_have_url(SUCCESS)
    (stored,) = person.named("Found by search")
    assert stored["geometry"] == point(24.029, 35.511)


def test_search_works_without_a_network(phone: Screen) -> None:
    """The open page already has the places."""
    lose_network(phone)
    choose_place(phone.page, "helsingor", "Helsingør, Denmark")
    expect(phone.page.get_by_label("Latitude")).to_have_value("56.036")
    phone.page.get_by_role("combobox").fill("Qwertyville")
    expect(phone.page.get_by_role("listbox")).to_contain_text("No place")
    forgive(phone, NO_NETWORK)


def test_report_without_a_place_is_not_sent(phone: Screen) -> None:
    """The page shows the error at once, beside the field."""
    posts = report_answers(phone.page)
    send(phone.page)
    expect(phone.page.get_by_text("Say where")).to_be_visible()
    expect(phone.page.get_by_text("Required", exact=True)).to_be_visible()
    expect(phone.page.get_by_label("What happened?")).to_have_attribute("aria-invalid", "true")
    assert posts == []


def test_plain_http_is_explained(visitor: Person, open_screen: OpenScreen) -> None:
    """Without TLS, where browsers give no location, the page suggests https and works without it."""
    screen = open_screen(visitor, **PHONE)
    screen.page.add_init_script("Object.defineProperty(window, 'isSecureContext', {value: false})")
    page = screen.open(REPORT)
    expect(page.get_by_text("https://")).to_be_visible()
    page.get_by_role("button", name="Use my location").tap()
    expect(page.locator("#locate-state")).to_contain_text("can't ask")


def test_secure_page_has_no_such_hint(phone: Screen) -> None:
    expect(phone.page.get_by_text("https://")).to_be_hidden()


# Without a network


def write_offline(screen: Screen, name: str) -> None:
    """Write a report on an open page that has lost its network, and try to send it."""
    lose_network(screen)
    choose_place(screen.page, "chania", "Chania, Greece")
    screen.page.get_by_label("What happened?").fill(name)
    send(screen.page)
    expect(screen.page.locator("#outbox")).to_contain_text(name)
    expect(screen.page.locator("#outbox")).to_contain_text("Waiting for the network")
    expect(screen.page.locator("#send-state")).to_contain_text("kept on this device")


def test_offline_report_is_sent_when_the_network_is_back(phone: Screen, person: Person) -> None:
    """The report waits on the device, also over a reload, and is later sent once, without another tap."""
    page = phone.page
    wait_until(lambda: page.evaluate(IS_KEPT), what="the service worker to keep the page")
    write_offline(phone, "Written in a tunnel")
    expect(page.get_by_label("What happened?")).to_have_value("")
    page.reload()
    expect(page.locator("#outbox")).to_contain_text("Waiting for the network")
    assert person.named("Written in a tunnel") == []
    lose_network(phone, lost=False)
    expect(page.locator("#outbox")).to_contain_text("Sent")
    expect(page.locator("#outbox [data-state=waiting]")).to_have_count(0)
    (stored,) = person.named("Written in a tunnel")
    assert stored["geometry"] == point(24.029, 35.511)
    page.reload()
    expect(page.locator("#outbox")).to_contain_text("Sent")
    page.get_by_role("button", name="Remove").tap()
    expect(page.locator("#outbox")).to_be_hidden()
    assert len(person.named("Written in a tunnel")) == 1
    forgive(phone, NO_NETWORK)


# Whether the service worker has the page and its files, and adds no more.
IS_KEPT = """async () => {
  const count = async () => (await (await caches.open("report")).keys()).length;
  const before = await count();
  await new Promise((done) => setTimeout(done, 500));
  return before > 20 && (await count()) === before;
}"""


def test_lost_answer_does_not_double_the_report(phone: Screen, person: Person) -> None:
    """The server has stored the report, and its answer is lost. The second try stores nothing."""
    page = phone.page
    lose: list[str] = ["the first answer"]

    def answer(route: Route) -> None:
        if route.request.method == "POST" and lose:
            lose.pop()
            route.fetch()
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route(f"**{REPORT}", answer)
    choose_place(page, "chania", "Chania, Greece")
    page.get_by_label("What happened?").fill("Answer lost")
    send(page)
    expect(page.locator("#outbox")).to_contain_text("Sent")
    assert lose == []
    assert len(person.named("Answer lost")) == 1
    forgive(phone, NO_NETWORK)


def test_refused_report_is_kept_to_be_corrected(phone: Screen, person: Person) -> None:
    """A report that the server refuses later is shown with the reason, and opens in the form again."""
    page = phone.page
    write_offline(phone, "Refused later")
    page.evaluate(TAMPER)
    lose_network(phone, lost=False)
    expect(page.locator("#outbox")).to_contain_text("Refused")
    page.get_by_role("button", name="Correct").tap()
    expect(page.get_by_label("What happened?")).to_have_value("Refused later")
    expect(page.locator("#outbox")).to_be_hidden()
    page.get_by_role("radio", name="High").check(force=True)
    send(page)
    expect(page).to_have_url(SUCCESS)
    (stored,) = person.named("Refused later")
    assert stored["properties"]["severity"] == "High"
    forgive(phone, NO_NETWORK)
    forgive(phone, "422")


TAMPER = """() => {
  const [name] = Object.keys(localStorage).filter((name) => name.startsWith("tracker.report."));
  const entry = JSON.parse(localStorage[name]);
  entry.fields.severity = "XX";
  localStorage[name] = JSON.stringify(entry);
}"""


def test_discarding_a_waiting_report_asks_first(phone: Screen, person: Person) -> None:
    """One wrong tap discards no report."""
    page = phone.page
    write_offline(phone, "Nearly thrown away")
    answers = [False, True]

    def answer(dialog: Dialog) -> None:
        if answers.pop(0):
            dialog.accept()
        else:
            dialog.dismiss()

    page.on("dialog", answer)
    page.get_by_role("button", name="Discard").tap()
    expect(page.locator("#outbox")).to_contain_text("Nearly thrown away")
    page.get_by_role("button", name="Discard").tap()
    expect(page.locator("#outbox")).to_be_hidden()
    lose_network(phone, lost=False)
    assert person.named("Nearly thrown away") == []
    forgive(phone, NO_NETWORK)


def test_offline_page_names_no_account(server: Server, open_screen: OpenScreen) -> None:
    """The page that a shared phone keeps for offline use names no account.

    So it doesn't delete what the browser keeps of the map, until the server says that nobody is signed in.
    """
    screen = open_screen(server.person(), **PHONE)
    page = screen.open(REPORT)
    expect(page.locator(".account .who")).to_be_visible()
    wait_until(lambda: page.evaluate(IS_KEPT), what="the service worker to keep the page")
    page.evaluate("() => new Promise((done) => (indexedDB.open('tracker.state', 1).onsuccess = done))")
    lose_network(screen)
    page.reload()
    expect(page.locator("#map .maplibregl-ctrl-zoom-in")).to_be_visible()
    expect(page.locator(".account .who")).to_have_count(0)
    assert page.evaluate(HAS_STATE)
    lose_network(screen, lost=False)
    page.reload()
    ready(page)
    expect(page.locator(".account .who")).to_be_visible()
    assert page.evaluate(HAS_STATE)
    page.context.clear_cookies()
    page.reload()
    ready(page)
    wait_until(lambda: not page.evaluate(HAS_STATE), what="the deletion of the kept state")
    forgive(screen, NO_NETWORK)


def test_program_gets_json(visitor: Person, person: Person) -> None:
    """The page's script learns from JSON whether the report is stored, or which field is wrong."""
    token = str(visitor.get(REPORT).select_one("meta[name=csrf-token]")["content"])  # type: ignore[index]
    typed = {"name": "By script", "location_lat": "1", "location_lon": "2", "csrf_token": token}
    accept = {"Accept": "application/json"}
    stored = visitor.http.post(REPORT, data=typed, headers=accept)
    (pk,) = [found["properties"]["pk"] for found in person.named("By script")]
    assert (stored.status_code, stored.json()) == (201, {"stored": True, "number": pk})
    refused = visitor.http.post(REPORT, data={**typed, "location_lat": "91"}, headers=accept)
    assert refused.status_code == 422
    assert set(refused.json()["fields"]) == {"location_lat"}
    assert refused.json()["error"]


def test_second_report_by_the_same_form_is_not_lost(visitor: Person, person: Person) -> None:
    """A person without scripts goes back to the form and sends another report. Both are stored, once."""
    form = visitor.get(REPORT).filled_in(location_lat="1", location_lon="2", description="x" * 200)
    form["key"] = "k" * 150
    for name in ("First of two", "Second of two", "First of two"):
        answer = visitor.http.post(REPORT, data={**form, "name": name})
        assert SUCCESS.search(answer.headers["Location"])
    assert len(person.named("First of two")) == len(person.named("Second of two")) == 1
