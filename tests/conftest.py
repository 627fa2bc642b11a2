"""The fixtures: servers, people, watchers and a browser. What they are made of is in harness.py."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import Person, Server, Watch
from playwright.sync_api import Browser, sync_playwright

CHROMIUM_FLAGS = [
    "--no-sandbox",  # CI runs as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

StartServer = Callable[..., Server]


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
    """One server for all tests of a module, which keep out of each other's way by names and places."""
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    end(server)


def end(server: Server) -> None:
    """Stop the server if the test has not, and see that it printed no traceback, whatever was asked of it."""
    if server.process.poll() is None:
        server.stop()
    assert server.may_fail or "Traceback" not in server.output, server.output


@pytest.fixture(scope="module")
def person(server: Server) -> Person:
    """Somebody who is signed in."""
    return server.person()


@pytest.fixture
def visitor(server: Server) -> Person:
    """Somebody without an account."""
    return server.visitor()


@pytest.fixture
def watch(person: Person) -> Iterator[Watch]:
    """A client of /notifications that has been greeted."""
    with person.watch() as watch:
        yield watch


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium, of Debian or wherever TRACKER_TESTS_CHROMIUM says."""
    chromium = os.environ.get("TRACKER_TESTS_CHROMIUM") or shutil.which("chromium")
    if not chromium:
        reason = "no Chromium here: install Debian's chromium or set TRACKER_TESTS_CHROMIUM to its path"
        if os.environ.get("TRACKER_TESTS_NEED_BROWSER"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()
