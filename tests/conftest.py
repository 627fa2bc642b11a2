"""The fixtures: servers, people, watchers and a browser. tests/support/harness.py has their classes."""

import os
import re
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import compiled_templates
import forks
import gevent
import pytest
import weak_hashes
from flask import Flask
from harness import PATIENCE_MS, Person, Screen, Server, Watch, chromium_path
from hypothesis import settings
from in_process import make_app
from playwright.sync_api import Browser, expect, sync_playwright
from random_data import examples

import models

CHROMIUM_FLAGS = [
    "--no-sandbox",  # CI runs as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

EXAMPLES = 100  # of a test of random data without a number of its own
WORLD = re.compile(r"/vendor/[0-9a-f]+/(land|countries|borders)(-detail)?\.json$")

# All tests of random data have these settings, without a bound on the time of an example.
settings.register_profile("tracker", deadline=None, max_examples=examples(EXAMPLES))
settings.load_profile("tracker")
compiled_templates.use()
weak_hashes.use()

StartServer = Callable[..., Server]
OpenScreen = Callable[..., Screen]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a skipped test if TRACKER_TESTS_SKIP_NOTHING is set, as it is in CI."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("TRACKER_TESTS_SKIP_NOTHING"):
        report.outcome = "failed"
        report.longrepr = f"TRACKER_TESTS_SKIP_NOTHING is set, and this was skipped: {report.longrepr}"
    return report


def pytest_unconfigure() -> None:
    forks.end()


def pytest_xdist_auto_num_workers() -> int:
    """Run one process more than there are processors, because tests wait a fifth of their time."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(tryfirst=True)  # before -m looks at the markers
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all browser tests as slow, and run slow tests first, so that no worker ends with them alone."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)  # keeps the order within a module


@pytest.fixture(autouse=True)
def _loop_knows_the_time() -> None:
    """Update gevent's clock. After a test without gevent a timeout would otherwise expire at once."""
    gevent.get_hub().loop.update_now()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Path]:
    """Open a fresh database in this process, for tests that call our modules directly; return its path."""
    path = tmp_path / "own.db"
    models.open_database(path)
    yield path
    models.database.close()


@pytest.fixture
def app(database: Path) -> Flask:
    """Return the application on a fresh database, in this process and without a server."""
    assert database.exists()
    return make_app()


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Start servers of this test's own, with a Server's arguments; the folder is the test's."""
    servers: list[Server] = []

    def start(*options: str, folder: Path = tmp_path, **settings: Any) -> Server:
        servers.append(Server(folder, *options, **settings))
        return servers[-1]

    yield start
    for server in servers:
        end(server)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start one server for all tests of a module. Each test uses its own names and places."""
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    end(server)


def end(server: Server) -> None:
    """Stop the server and check that it printed no traceback."""
    server.stop()
    assert server.may_fail or "Traceback" not in server.output, server.output


@pytest.fixture(scope="module")
def person(server: Server) -> Person:
    """Return a person who is signed in."""
    return server.person()


@pytest.fixture
def visitor(server: Server) -> Person:
    """Return a person without an account."""
    return server.visitor()


@pytest.fixture
def watch(person: Person) -> Iterator[Watch]:
    """Return a client of /notifications that has received its hello."""
    with person.watch() as watch:
        yield watch


@pytest.fixture(scope="module")  # no longer: while Playwright runs, nobody else can run an asyncio loop
def browser() -> Iterator[Browser]:
    """A headless Chromium, of Debian or wherever TRACKER_TESTS_CHROMIUM says."""
    chromium = chromium_path()
    if not chromium:
        pytest.skip("no Chromium here: install Debian's chromium, or set TRACKER_TESTS_CHROMIUM to its path")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_screen(browser: Browser) -> Iterator[OpenScreen]:
    """Open browser windows, each for one person. At the end, check that none complained.

    A window `beside` another one is in the same browser: they share cookies and what pages store.

    The options are Playwright's. Unless a test is about the basemap (`world`), maps have none, because it
    takes half of the time to open one.
    """
    screens: list[Screen] = []

    def open_one(who: Person, *, world: bool = False, beside: Screen | None = None, **options: Any) -> Screen:
        size = {"viewport": {"width": 1000, "height": 700}}
        context = (
            beside.page.context if beside else browser.new_context(base_url=who.url, **{**size, **options})
        )
        context.set_default_timeout(PATIENCE_MS)
        if not world:
            context.route(
                WORLD, lambda route: route.fulfill(json={"type": "FeatureCollection", "features": []})
            )
        context.add_cookies(
            [{"name": c.name, "value": c.value or "", "url": who.url} for c in who.http.cookies.jar]
        )
        screens.append(Screen(context.new_page(), who.url))
        return screens[-1]

    yield open_one
    for context in dict.fromkeys(screen.page.context for screen in screens):
        context.close()
    for screen in screens:
        assert not screen.complaints
