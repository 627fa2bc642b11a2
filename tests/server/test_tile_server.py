"""A tile server may require a Referer, as OpenStreetMap's does."""

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
    """A server that sends a pixel to requests with a Referer, and 403 to the others."""

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
def test_tile_server_learns_the_origin_only(
    start_server: StartServer, open_screen: OpenScreen, tiles: Tiles, path: str
) -> None:
    """A server that requires a Referer serves the tiles, and learns the origin but not the page."""
    server = start_server(env={"TRACKER_TILES": tiles.template})
    screen = open_screen(server.person())
    page = screen.open(path)
    expect(page.locator("#map .maplibregl-ctrl-zoom-in")).to_be_visible()
    wait_until(lambda: tiles.answers, what="the first tile")
    page.wait_for_load_state("networkidle")
    assert set(tiles.answers) == {(200, f"{server.url}/")}
    elsewhere = f"request to {tiles.template.partition('{')[0]}"
    screen.complaints = [said for said in screen.complaints if not said.startswith(elsewhere)]


def test_other_sites_get_no_referer_without_tiles(start_server: StartServer) -> None:
    """Without tiles of another host no other site learns the name of this one."""
    env = {"TRACKER_TILES": "https://tiles.example/{z}/{x}/{y}.png"}
    policies = [start_server(env=more).visitor().get("/accounts/login/") for more in ({}, env)]
    assert [page.response.headers["Referrer-Policy"] for page in policies] == [
        "same-origin",
        "strict-origin-when-cross-origin",
    ]
