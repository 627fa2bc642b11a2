"""Pages on a network that blocks WebSockets, and pages that the server refuses for too many connections."""

import re
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from conftest import OpenScreen, StartServer
from harness import Person, Screen, Server, square, wait_until
from plain_proxy import PlainProxy
from playwright.sync_api import expect

PHONE = {"width": 390, "height": 844}
# The entries that the page applies. When polling and the socket change over, both may bring an entry. Then
# the store ignores the second one.
KEEP_SEQS = """() => {
  const { store } = window.tracker;
  const apply = store.apply.bind(store);
  window.seqs = [];
  store.apply = (message) => {
    const before = store.seq;
    apply(message);
    if (message.type !== "hello" && store.seq !== before) window.seqs.push(message.seq);
  };
}"""
EXPECTED = re.compile(r"WebSocket connection to|status of 4(01|26|29)|net::ERR_|status of 503")
OpenPlain = Callable[..., Screen]


@pytest.fixture
def own(start_server: StartServer) -> Server:
    return start_server()


@pytest.fixture
def proxy(own: Server) -> Iterator[PlainProxy]:
    with PlainProxy(own.port) as proxy:
        yield proxy


@pytest.fixture
def open_plain(own: Server, proxy: PlainProxy, open_screen: OpenScreen) -> Iterator[OpenPlain]:
    """Open the map through the proxy, and wait until it is connected without a WebSocket."""
    screens: list[Screen] = []

    def open_one(**options: object) -> Screen:
        person = own.person()
        person.url = proxy.url
        screens.append(open_screen(person, **options))
        screens[-1].open_map()
        screens[-1].page.evaluate(KEEP_SEQS)
        return screens[-1]

    yield open_one
    for screen in screens:
        screen.complaints = [said for said in screen.complaints if not EXPECTED.search(said)]


def label_says(screen: Screen, text: str) -> None:
    expect(screen.page.locator("#connection")).to_have_text(text)


def has_seqs(screen: Screen, start: int, end: int) -> None:
    """Wait for the last entry. Then each entry must have been applied once and in order."""
    wait_until(lambda: screen.page.evaluate("seqs.at(-1) ?? 0") >= end, what=f"entry {end}")
    assert screen.page.evaluate("seqs") == list(range(start + 1, end + 1))


def test_blocked_pages_miss_nothing(own: Server, open_plain: OpenPlain) -> None:
    """Two browsers without WebSockets draw the saves of others, each once and in order, and show alerts."""
    person = own.person()
    person.save_area("Old town", square(10, 10, 4))
    screens = [open_plain(), open_plain(viewport=PHONE)]
    for screen in screens:
        label_says(screen, "Connected over HTTP")
    start = own.health()["seq"]
    for number in range(40):
        person.save_incident(f"One of many {number}", -20 + number, -40)
    alerting = person.save_incident("Smoke over the market", 12, 12, severity="High")
    end = own.health()["seq"]
    assert end == start + 42
    for screen in screens:
        dialog = screen.page.get_by_role("dialog")
        expect(dialog).to_be_visible()
        expect(dialog).to_contain_text("Smoke over the market")
        has_seqs(screen, start, end)
        dialog.get_by_role("button", name="Not now").click()
        wait_until(partial(screen.draws, alerting), what="the incident on the map")


def test_blocked_page_follows_over_a_restart(
    own: Server, start_server: StartServer, open_plain: OpenPlain
) -> None:
    """While the server is away the label says so. Then the page continues from its last entry."""
    screen = open_plain()
    label_says(screen, "Connected over HTTP")
    start = own.health()["seq"]
    own.stop()
    expect(screen.page.locator("#connection")).not_to_have_attribute("data-state", "connected")
    again = start_server(port=own.port, password=own.password)
    person = again.person()
    for number in range(3):
        person.save_incident(f"Meanwhile {number}")
    has_seqs(screen, start, start + 3)
    label_says(screen, "Connected over HTTP")


def test_page_returns_to_the_socket(own: Server, proxy: PlainProxy, open_plain: OpenPlain) -> None:
    """When WebSockets work again, the next attempt succeeds, and no entry is missed or applied twice."""
    screen, person = open_plain(), own.person()
    label_says(screen, "Connected over HTTP")
    start = own.health()["seq"]
    person.save_incident("By plain HTTP")
    seen = proxy.handshakes
    screen.page.evaluate("dispatchEvent(new Event('online'))")
    wait_until(lambda: proxy.handshakes > seen, what="a trial")
    label_says(screen, "Connected over HTTP")
    proxy.blocks = False
    screen.page.evaluate("dispatchEvent(new Event('online'))")
    person.save_incident("In between")
    label_says(screen, "Connected")
    person.save_incident("By the socket")
    has_seqs(screen, start, start + 3)
    wait_until(lambda: own.health()["clients"] == 1, what="the waiting request to end")


def test_sign_out_ends_a_blocked_page(proxy: PlainProxy, open_plain: OpenPlain) -> None:
    """After a sign-out in another tab, a page that polls goes to the sign-in page."""
    screen = open_plain()
    label_says(screen, "Connected over HTTP")
    other = screen.page.context.new_page()
    other.goto(f"{proxy.url}/tracker/incident/")
    other.get_by_role("button", name="Sign out").click()
    expect(screen.page).to_have_url(re.compile("/accounts/login/"))


def test_page_without_a_place_says_so(start_server: StartServer, open_screen: OpenScreen) -> None:
    """When the account has too many connections the label says so. The page connects when one has closed."""
    server = start_server(env={"TRACKER_SOCKETS_PER_ACCOUNT": "1"})
    person: Person = server.person()
    screen = open_screen(person)
    with person.watch():
        screen.open("/")
        label = screen.page.locator("#connection")
        expect(label).to_have_attribute("data-state", "full")
        expect(label).to_have_text(re.compile(r"^Too many pages, retry in \d+ s$"))
        notice = screen.page.locator("#notices")
        expect(notice).to_contain_text("its limit of 1 live pages and programs")
    expect(label).to_have_text("Connected")
    expect(notice).to_be_empty()
    screen.complaints = [said for said in screen.complaints if not EXPECTED.search(said)]
