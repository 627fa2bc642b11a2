"""Tiles of a server that wants to know which site shows them, as OpenStreetMap's does."""

import base64
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from conftest import OpenScreen, StartServer
from harness import wait_until
from playwright.sync_api import expect

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


class Tiles(ThreadingHTTPServer):
    """Serves a pixel to pages that say where they are from, and refuses all others with 403."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), TileHandler)
        self.template = f"http://127.0.0.1:{self.server_port}/{{z}}/{{x}}/{{y}}.png"
        self.answers: list[tuple[int, str]] = []  # status and Referer of each


class TileHandler(BaseHTTPRequestHandler):
    server: Tiles

    def do_GET(self) -> None:
        referer = self.headers.get("Referer", "")
        status = 200 if re.fullmatch(r"https?://[^/]+/.*", referer) else 403
        self.server.answers.append((status, referer))
        self.send_response(status)
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Content-Type", "image/png")
        self.end_headers()
        self.wfile.write(PIXEL if status == 200 else b"")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def tiles() -> Iterator[Tiles]:
    server = Tiles()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("path", ["/", "/tracker/incident/report/"])
def test_tile_server_is_told_the_site_and_no_more(
    start_server: StartServer, open_screen: OpenScreen, tiles: Tiles, path: str
) -> None:
    """A server that refuses who sends no Referer serves the tiles; it learns the origin, and not the page."""
    server = start_server(env={"TRACKER_TILES": tiles.template})
    screen = open_screen(server.person())
    page = screen.open(path)
    expect(page.locator("#map .maplibregl-ctrl-zoom-in")).to_be_visible()
    wait_until(lambda: tiles.answers, what="the first tile")
    page.wait_for_load_state("networkidle")
    assert set(tiles.answers) == {(200, f"{server.url}/")}
    elsewhere = f"request to {tiles.template.partition('{')[0]}"
    screen.complaints = [said for said in screen.complaints if not said.startswith(elsewhere)]


def test_other_sites_are_told_nothing_where_there_are_no_such_tiles(start_server: StartServer) -> None:
    """Only where tiles come from elsewhere does anybody else learn the name of this site."""
    env = {"TRACKER_TILES": "https://tiles.example/{z}/{x}/{y}.png"}
    policies = [start_server(env=more).visitor().get("/accounts/login/") for more in ({}, env)]
    assert [page.response.headers["Referrer-Policy"] for page in policies] == [
        "same-origin",
        "strict-origin-when-cross-origin",
    ]
