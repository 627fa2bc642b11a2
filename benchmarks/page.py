"""Measure the map page with very many open incidents: `python benchmarks/page.py [INCIDENTS [LOADS]]`.

Each load is a first visit, with an empty browser, and a second one after it. Both are measured on the own
machine, and on a slow network: 1.6 Mbit/s and 300 ms, as Chromium's developer tools shape it.

The first picture is complete when a real browser has painted all clusters in view with their counts. The time
runs from the start of the navigation. The bytes are all that the page has received by then: heads, bodies as
they came, and messages. The answer is the end of the response with the incidents, which a second visit does
not ask for. The longest is the longest time during which the page was busy without a break.

CPU is that of all the browser's processes; its own window takes half a second or more of it. Needs
Playwright, from tests/requirements.txt, and a Chromium.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
from pathlib import Path
from typing import Any

from fill import fill
from playwright.sync_api import Browser, BrowserContext, ViewportSize, sync_playwright
from servers import Tracker

INCIDENTS, LOADS = 20_000, 3
CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu"]  # as root, without a graphics card
SIZE: ViewportSize = {"width": 1440, "height": 900}
PATIENCE_MS = 120_000
POLL_MS = 200
SETTLE_MS = 1000  # for what the page does after its picture
UNITS = {
    "picture": "ms",
    "bytes": "KB",
    "requests": "",
    "answer": "ms",
    "longest": "ms",
    "cpu": "ms CPU",
    "server": "ms CPU",
}
SLOW = {
    "offline": False,
    "latency": 300,  # ms
    "downloadThroughput": 1_600_000 / 8,  # bytes a second
    "uploadThroughput": 750_000 / 8,
}
NETWORKS: dict[str, dict[str, Any] | None] = {"own machine": None, "1.6 Mbit/s and 300 ms": SLOW}
IS_KEPT = """async () => {
  const names = (await indexedDB.databases()).map(({name}) => name);
  if (!names.includes("tracker.state")) return false;
  return new Promise((resolve) => {
    const request = indexedDB.open("tracker.state");
    request.onsuccess = () => {
      const count = request.result.transaction("about").objectStore("about").count();
      count.onsuccess = () => { request.result.close(); resolve(count.result === 1); };
    };
  });
}"""

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
      const [asked] = performance.getEntriesByName(incidents);
      done({picture: performance.now(), answer: asked?.responseEnd ?? 0, longest: Math.max(...busy)});
    });
    look();
  });
"""


def load(browser: Browser, server: Tracker, network: dict[str, Any] | None) -> list[dict[str, float]]:
    """Open the map in an empty browser, and once more. Return what was measured, by UNITS."""
    url = f"http://127.0.0.1:{server.port}"
    context = browser.new_context(viewport=SIZE)
    context.set_default_timeout(PATIENCE_MS)
    cookies = server.account.cookies.items()
    context.add_cookies([{"name": name, "value": value, "url": url} for name, value in cookies])
    found = [visit(browser, context, server, network) for _ in range(2)]
    context.close()
    return found


def visit(
    browser: Browser, context: BrowserContext, server: Tracker, network: dict[str, Any] | None
) -> dict[str, float]:
    """Open the map in a new tab, measure it, and close it when the browser has kept its state."""
    page = context.new_page()
    page.add_init_script(WATCH)
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    if network:
        session.send("Network.emulateNetworkConditions", network)
    count = {"bytes": 0.0, "requests": 0.0}

    def received(event: dict[str, Any]) -> None:
        count["bytes"] += event["encodedDataLength"] / 1000
        count["requests"] += event["encodedDataLength"] > 0

    def message(event: dict[str, Any]) -> None:
        count["bytes"] += len(event["response"]["payloadData"]) / 1000

    session.on("Network.loadingFinished", received)
    session.on("Network.webSocketFrameReceived", message)
    used, serving = browser_cpu(browser), server.cpu()
    page.goto(f"http://127.0.0.1:{server.port}", wait_until="commit")
    found: dict[str, float] = page.evaluate("() => window.firstPicture")
    found |= {"cpu": (browser_cpu(browser) - used) * 1e3, "server": (server.cpu() - serving) * 1e3}
    found |= count
    while not page.evaluate(IS_KEPT):  # `wait_for_function` does not wait for a promise
        page.wait_for_timeout(POLL_MS)
    page.wait_for_timeout(SETTLE_MS)
    page.close()
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
    rows: dict[str, list[dict[str, float]]] = {}
    with Tracker() as server, sync_playwright() as playwright:
        fill(Path(server.folder.name, "tracker.db"), found.incidents)
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        for number in range(found.loads):
            for name, network in NETWORKS.items():
                visits = zip(("first", "second"), load(browser, server, network), strict=True)
                for which, row in visits:
                    rows.setdefault(f"{name}, {which} visit", []).append(row)
                    show(f"{name}, {which} visit {number + 1}", row)
        browser.close()
    for title, each in rows.items():
        show(f"median: {title}", {name: statistics.median(row[name] for row in each) for name in UNITS})
    print(f"load average at the end {os.getloadavg()[0]:.1f}")


def show(title: str, row: dict[str, float]) -> None:
    print(
        f"{title}: " + ", ".join(f"{name} {row[name]:,.0f} {unit}" for name, unit in UNITS.items()),
        flush=True,
    )


if __name__ == "__main__":
    main()
