"""Measure the map page with very many open incidents: `python benchmarks/page.py [INCIDENTS [LOADS]]`.

The first picture is complete when a real browser has painted all clusters in view with their counts. The time
runs from the start of the navigation, with an empty cache. The answer is the end of the response with the
incidents. The longest is the longest time during which the page was busy without a break.

CPU is that of all the browser's processes; its own window takes half a second or more of it. Needs
Playwright, from tests/requirements.txt, and a Chromium.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
from pathlib import Path

from fill import fill
from playwright.sync_api import Browser, ViewportSize, sync_playwright
from servers import Tracker

INCIDENTS, LOADS = 50_000, 5
CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu"]  # as root, without a graphics card
SIZE: ViewportSize = {"width": 1440, "height": 900}
PATIENCE_MS = 120_000
UNITS = {"picture": "ms", "answer": "ms", "longest": "ms", "cpu": "ms CPU", "server": "ms CPU"}

# To read a pixel is to wait until the picture is really painted.
WATCH = """
  const busy = [0];
  const note = (list) => busy.push(...list.getEntries().map(({duration}) => duration));
  new PerformanceObserver(note).observe({type: "longtask", buffered: true});
  const incidents = new URL("/tracker/incident/feature_collection/", location.href).href;
  const counts = {layers: ["cluster-counts"]};
  window.firstPicture = new Promise((done) => {
    const look = () => (window.tracker?.map ? watch(tracker.map) : requestAnimationFrame(look));
    const watch = (map) => map.on("render", function check() {
      if (!map.isSourceLoaded("incidents") || map.queryRenderedFeatures(counts).length === 0) return;
      map.off("render", check);
      map.getCanvas().getContext("webgl2").readPixels(0, 0, 1, 1, 6408, 5121, new Uint8Array(4));
      const [{responseEnd}] = performance.getEntriesByName(incidents);
      done({picture: performance.now(), answer: responseEnd, longest: Math.max(...busy)});
    });
    look();
  });
"""


def load(browser: Browser, server: Tracker) -> dict[str, float]:
    """Open the map in a browser that has nothing of it yet; return what was measured, by UNITS."""
    url = f"http://127.0.0.1:{server.port}"
    context = browser.new_context(viewport=SIZE)
    context.set_default_timeout(PATIENCE_MS)
    cookies = server.account.cookies.items()
    context.add_cookies([{"name": name, "value": value, "url": url} for name, value in cookies])
    page = context.new_page()
    page.add_init_script(WATCH)
    used, serving = browser_cpu(browser), server.cpu()
    page.goto(url, wait_until="commit")
    found: dict[str, float] = page.evaluate("() => window.firstPicture")
    found |= {"cpu": (browser_cpu(browser) - used) * 1e3, "server": (server.cpu() - serving) * 1e3}
    context.close()
    return found


def browser_cpu(browser: Browser) -> float:
    """Return the seconds that the browser's processes have used; those that have ended are left out."""
    session = browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    return sum(process["cpuTime"] for process in processes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("incidents", nargs="?", type=int, default=INCIDENTS)
    parser.add_argument("loads", nargs="?", type=int, default=LOADS)
    found = parser.parse_args()
    chromium = os.environ.get("TRACKER_TESTS_CHROMIUM") or shutil.which("chromium")
    rows = []
    with Tracker() as server, sync_playwright() as playwright:
        fill(Path(server.folder.name, "tracker.db"), found.incidents)
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        for number in range(found.loads):
            rows.append(load(browser, server))
            show(f"load {number + 1}", rows[-1])
        browser.close()
    show("median", {name: statistics.median(row[name] for row in rows) for name in UNITS})
    print(f"load average at the end {os.getloadavg()[0]:.1f}")


def show(title: str, row: dict[str, float]) -> None:
    print(
        f"{title}: " + ", ".join(f"{name} {row[name]:,.0f} {unit}" for name, unit in UNITS.items()),
        flush=True,
    )


if __name__ == "__main__":
    main()
