"""Take the README's picture of the live map: `python tests/support/picture.py` writes docs/map.png.

It starts `python tracker.py demo`, signs in with a real browser, and waits for the whole map.
"""

import re
import sys
import tempfile
from pathlib import Path

from harness import ROOT, Server, chromium_path, wait_until
from playwright.sync_api import Page, ViewportSize, expect, sync_playwright

PICTURE = ROOT / "docs" / "map.png"
MAX_BYTES = 300_000  # a README loads at once, also on a phone
CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu", "--hide-scrollbars"]  # as root, without a graphics card
SIZE: ViewportSize = {"width": 1440, "height": 900}


def show(page: Page) -> None:
    """Open the map, and wait until it is drawn and no notice covers it."""
    page.goto("/")
    expect(page.locator("#connection")).to_have_attribute("data-state", "connected")
    ready = "() => tracker.map?.loaded() && tracker.map.querySourceFeatures('land-detail').length > 0"
    wait_until(lambda: page.evaluate(ready), what="the whole map", timeout=60)
    page.mouse.move(5, SIZE["height"] - 5)
    page.wait_for_timeout(1500)  # labels fade in, and the pulse of new incidents ends


def main(target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = Server(Path(folder), "demo")
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_FLAGS)
        try:
            said = wait_until(lambda: re.search(r"Sign in as (\S+), password: (\S+)", server.output))
            assert said
            person = server.visitor()
            person.sign_in(said[1], said[2])
            context = browser.new_context(base_url=server.url, viewport=SIZE, color_scheme="light")
            cookies = person.http.cookies.jar
            context.add_cookies(
                [{"name": c.name, "value": c.value or "", "url": server.url} for c in cookies]
            )
            page = context.new_page()
            show(page)
            page.screenshot(path=target)
        finally:
            browser.close()
            server.stop()
    size = target.stat().st_size
    assert size <= MAX_BYTES, f"{target} has {size} bytes"
    print(f"{target}: {size} bytes")  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE)
