"""Take the README's picture of the live map: `python tests/support/picture.py` writes docs/map.png.

It starts a server of its own, fills it with a made-up day on Crete, and signs in with a real Chromium. Then
another person saves an incident, and it waits for the alert.
"""

import sys
import tempfile
from pathlib import Path

from harness import ROOT, Feature, Person, Server, chromium_path, wait_until
from playwright.sync_api import Page, ViewportSize, expect, sync_playwright

PICTURE = ROOT / "docs" / "map.png"
MAX_BYTES = 300_000  # a README loads at once, also on a phone
CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu", "--hide-scrollbars"]  # as root, without a graphics card
SIZE: ViewportSize = {"width": 1440, "height": 900}
VIEW = "/#map=8/35.32/24.9"  # zoom, latitude, longitude

AREAS = {
    "Chania, old town and port": ("Medium", [(23.9, 35.44), (24.16, 35.43), (24.2, 35.54), (23.98, 35.57)]),
    "Samaria gorge": ("Low", [(23.86, 35.22), (24.02, 35.2), (24.04, 35.37), (23.9, 35.38)]),
    "Psiloritis pastures": ("High", [(24.62, 35.12), (24.95, 35.1), (25.0, 35.3), (24.7, 35.32)]),
    "Heraklion harbour": ("Medium", [(25.05, 35.3), (25.25, 35.29), (25.27, 35.39), (25.06, 35.4)]),
    "Sitia wind farms": ("Urgent", [(25.95, 35.08), (26.28, 35.05), (26.3, 35.25), (26.0, 35.24)]),
}
INCIDENTS = [
    ("Footbridge closed after rockfall", "Medium", 23.96, 35.3),
    ("Walkers overdue at the lower gate", "High", 23.95, 35.25),
    ("Ferry delayed by wind", "Info", 24.06, 35.5),
    ("Power cut in the western quarter", "Medium", 24.0, 35.515),
    ("Road under water at the river mouth", "High", 24.36, 35.36),
    ("Stray dogs on the beach road", "Low", 24.48, 35.38),
    ("Brush fire above the village", "Urgent", 24.8, 35.22),
    ("Dust from the south", "Info", 24.75, 35.02),
    ("Broken water main", "Medium", 25.14, 35.335),
    ("Crane out of order", "Low", 25.15, 35.345),
    ("Oil on the water, berth 4", "High", 25.145, 35.35),
    ("Traffic lights off", "Low", 25.13, 35.33),
    ("Tree across the coast road", "Medium", 25.43, 35.31),
    ("Boat adrift, two aboard", "High", 25.75, 35.38),
    ("Smoke reported, nothing found", "Info", 25.73, 35.13),
    ("Landslip near the spring", "Medium", 25.6, 35.05),
    ("Rotor standing still", "Low", 26.1, 35.14),
]
LAST = ("Car fire in the ferry queue", "Urgent", 24.075, 35.49)


def polygon(corners: list[tuple[float, float]]) -> Feature:
    return {"type": "Polygon", "coordinates": [[list(corner) for corner in [*corners, corners[0]]]]}


def fill(person: Person) -> None:
    """Save the incidents first, so that only the last one raises an alert."""
    for name, severity, longitude, latitude in INCIDENTS:
        person.save_incident(name, longitude, latitude, severity=severity)
    for name, (severity, corners) in AREAS.items():
        person.save_area(name, polygon(corners), severity=severity)


def show(page: Page, person: Person) -> None:
    """Open the map, wait for the alert and close its dialog. The alert stays first in the panel."""
    page.goto(VIEW)
    expect(page.locator("#connection")).to_have_attribute("data-state", "connected")
    name, severity, longitude, latitude = LAST
    person.save_incident(name, longitude, latitude, severity=severity)
    expect(page.get_by_role("dialog")).to_contain_text(name)
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    page.mouse.move(5, SIZE["height"] - 5)
    ready = "() => tracker.map?.loaded() && tracker.map.querySourceFeatures('land-detail').length > 0"
    wait_until(lambda: page.evaluate(ready), what="the whole map", timeout=60)
    page.wait_for_timeout(1500)  # labels fade in, and the pulse of what is new comes to its end


def main(target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = Server(Path(folder))
        chromium = chromium_path()
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        try:
            person = server.person()
            fill(person)
            context = browser.new_context(base_url=server.url, viewport=SIZE, color_scheme="light")
            cookies = person.http.cookies.jar
            context.add_cookies(
                [{"name": c.name, "value": c.value or "", "url": server.url} for c in cookies]
            )
            page = context.new_page()
            show(page, person)
            page.screenshot(path=target)
        finally:
            browser.close()
            server.stop()
    if target.stat().st_size > MAX_BYTES:
        sys.exit(f"{target} has {target.stat().st_size} bytes, more than {MAX_BYTES}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE)
