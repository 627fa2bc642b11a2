"""What was measured, as RESULTS.md and a chart, results.svg."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from fanout import OWN, SINGLY, SLOW_FLOOD, SLOW_ROUNDS
from servers import HERE, ROOT, version_of

OWN_VERSIONS = ("flask", "gevent", "peewee", "shapely")
BAR = 22  # pixels of a bar's row
WIDTH, LABEL = 760, 310
CUT = 6  # in the chart of CPU, whoever takes more than so many times what Tracker takes has a cut bar
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#24292f}.h{font-weight:600}.b{fill:#8c959f}.f{fill:#d0d7de}"
    ".o{fill:#0969da}svg{background:#fff}.g{fill:#fff}@media(prefers-color-scheme:dark){text{fill:#e6edf3}"
    "svg{background:#0d1117}.g{fill:#0d1117}.f{fill:#30363d}.b{fill:#6e7681}.o{fill:#58a6ff}}"
)

Section = dict[str, Any]
Target = tuple[str, str, float, float]  # what, ≤ or ≥, the limit, what was measured


def circumstances() -> dict[str, str]:
    """Return when, on what and of which commit a section was measured."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(),
        "machine": _machine(),
        "versions": ", ".join(f"{name} {version_of(name)}" for name in OWN_VERSIONS),
        "load": f"{os.getloadavg()[0]:.1f}",
    }


def _commit() -> str:
    try:
        git = ["git", "-C", str(ROOT)]
        at = subprocess.run(
            [*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
        )
        changed = subprocess.run(
            [*git, "diff", "--quiet", "HEAD", "--", ".", ":!benchmarks/R*", ":!benchmarks/results.*"],
            check=False,
        )
        return at.stdout.strip() + "+" * (changed.returncode != 0)
    except (OSError, subprocess.CalledProcessError):
        return "?"


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "?")
    gigabytes = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
    return (
        f"{os.cpu_count()} cores ({model}), {gigabytes} GB, "
        f"Linux {platform.release().split('-')[0]}, Python {platform.python_version()}"
    )


def write(results: dict[str, Section], folder: Path = HERE) -> None:
    (folder / "RESULTS.md").write_text("\n".join(_markdown(results)) + "\n")
    if "fanout" in results:
        (folder / "results.svg").write_text(_svg(results["fanout"]))


def _markdown(results: dict[str, Section]) -> Iterator[str]:
    yield "# How fast it is\n"
    yield (
        "Written by `python benchmarks/run.py`. Servers and the load share one machine; the load has a core of "
        "its own and the server has the others, or all if it is better with them. Clients are on the loopback "
        "interface and told to acknowledge late, which they would else do within the server's `send()`; contestants take turns in one run; numbers are medians over the turns, unless they are called p99 or worst. What is wanted of two contestants is the median of each turn's ratio: a machine that has become slower has done so for both. Each section names the commit it was measured at. CPU is that of the server's process and its children.\n"
    )
    yield from _targets(results)
    for name, write_section in SECTIONS.items():
        if name in results:
            section = results[name]
            yield f"\n## {TITLES[name]}\n"
            yield from write_section(section)
            yield f"\n<sub>{section['date']}, commit {section['commit']}, {section['machine']}; "
            yield f"{section['versions']}; load average at the end {section['load']}.</sub>"


def _targets(results: dict[str, Section]) -> Iterator[str]:
    yield "| what | wanted | measured | |\n|---|---|---|---|"
    for what, sign, limit, value in _measured(results):
        met = "met" if _is_met(sign, limit, value) else "**missed**"
        yield f"| {what} | {sign} {limit:g} | {value:.3g} | {met} |"


def missed(results: dict[str, Section]) -> list[Target]:
    """Return what was wanted and is not so."""
    return [target for target in _measured(results) if not _is_met(*target[1:])]


def _measured(results: dict[str, Section]) -> Iterator[Target]:
    for what, section, key, sign, limit in TARGETS:
        value: Any = results.get(section, {})
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value is not None:
            yield what, sign, limit, value


def _is_met(sign: str, limit: float, value: float) -> bool:
    return value <= limit if sign == "≤" else value >= limit


TARGETS = [
    ("CPU of a saved incident per client, 1,000 clients, to the floor's", "fanout", "cpu_to_floor", "≤", 1.6),
    ("the same, 4,000 clients", "many", "cpu_to_floor", "≤", 1.3),
    (
        "time from the save to the last of 1,000, to websockets', which only relays",
        "fanout",
        "last_to_websockets",
        "≤",
        1.15,
    ),
    (
        "the same with 4,000, to the fastest Python peer's",
        "many",
        "last_to_fastest_python",
        "≤",
        1,
    ),
    ("500 saves to 1,000: deliveries/s to the best Python relay's", "fanout", "flood_to_best_python", "≥", 4),
    ("every one of the 1,000 gets all 500, in order (1: yes)", "fanout", "rows.tracker.agree", "≥", 1),
    ("the fan-out alone: deliveries/s to the joined floor's", "core", "flood_to_joined", "≥", 0.9),
    ("the fan-out alone: deliveries/s to Bun's", "core", "flood_to_bun", "≥", 1),
    (
        "whole path: last of 200 clients, times sooner than the reference",
        "whole",
        "last_times_sooner",
        "≥",
        20,
    ),
    ("whole path: durable saves/s, times the reference's", "whole", "saves_times", "≥", 100),
    ("memory of an idle client, KB", "idle", "kb", "≤", 3),
    ("descriptors of an idle client", "idle", "descriptors", "≤", 1),
    ("greenlets of an idle client", "idle", "greenlets", "≤", 0),
    ("a save's answer with 4,000 clients, to that with none", "saver", "crowded_to_alone", "≤", 1.5),
    (
        "CPU per client at 8,000 clients (or as many as can be), to that at 500",
        "linear",
        "largest_to_smallest",
        "≤",
        1.15,
    ),
    ("CPU if clients offer compression, to that if not", "compression", "offering_to_plain", "≤", 1.05),
    ("20 stalled of 200: the others' median, to that without", "stalled", "burdened_to_clean", "≤", 1.2),
    (
        "the same: more memory, to what cursors and rests of frames may take",
        "stalled",
        "extra_to_bound",
        "≤",
        1,
    ),
    ("`/healthz` while 8 others save, 99th percentile, ms", "saves", "rows.durable.stall_p99_ms", "≤", 20),
    ("others' waits while a stranger attacks, 95th percentile, ms", "strangers", "p95_ms", "≤", 50),
    ("the same, worst, ms", "strangers", "worst_ms", "≤", 250),
    ("matching in 100,000 areas: PostGIS' time to ours", "matching", "rows.100000.postgis_to_index", "≥", 6),
    ("saving one of 100,000 areas holds the loop, ms", "matching", "rows.100000.save_worst_ms", "≤", 5),
]


def _by(section: Section, key: str, *, most: bool = False) -> list[dict[str, Any]]:
    worst = 0.0 if most else float("inf")
    return sorted(section["rows"].values(), key=lambda row: row.get(key, worst), reverse=most)


def _fanout(section: Section) -> Iterator[str]:
    yield (
        f"One message of 450 bytes to {section['clients']} clients, then 500 over 8 connections without pause. "
        "The peers relay what they are given and store nothing; Tracker takes a call of its API, checks it, stores it "
        "durably, logs it and matches it first. A turn begins with a message that is not counted, since the others "
        "have left the caches full of their own memory. The load's own CPU per client is beside it; the last column is the "
        "share of its core that the load used in the flood: it would be what was measured if that came near 1. "
        "Before, one flood is read in full: everybody has got all of it, in the same order, but where a loss is "
        f"named. Peers that send each message on its own get {SINGLY} instead of 500, which does not change their rate, "
        f"and Channels, which takes minutes, {SLOW_FLOOD}, of which none can be lost; it has {SLOW_ROUNDS} turns instead of 9.\n"
    )
    yield (
        "| | CPU µs per client | last, ms | deliveries/s | CPU µs per delivery then | KB per idle client | "
        "load, CPU µs per client | load's share in the flood |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for row in _by(section, "cpu_us"):
        lost = row.get("lost")
        many = f"{row['deliveries']:,.0f}" if "deliveries" in row else f"loses {lost or 0:.0%}"
        version = f" ({row['version']})" if row.get("version") else ""
        yield (
            f"| {row['label']}{version} | {row['cpu_us']:.1f} | {row['last_ms']:.1f} | {many} | "
            f"{row.get('flood_cpu_us', float('nan')):.2f} | {row['idle_kb']:.1f} | {row['load_us']:.1f} | "
            f"{row.get('load_share', float('nan')):.2f} |"
        )
    own = section["rows"][OWN]
    better = [
        (what, [row["label"] for row in _by(section, key) if (row.get(key, own[key]) - own[key]) * sign > 0])
        for what, key, sign in (
            ("less CPU per client", "cpu_us", -1),
            ("more deliveries a second", "deliveries", 1),
        )
    ]
    yield "\n" + " ".join(
        f"With {what} than Tracker: {'; '.join(names) or 'nobody'}." for what, names in better
    )


def _many(section: Section) -> Iterator[str]:
    least, most = section["starts"][0], section["starts"][-1]
    yield (
        f"The same with {section['clients']} clients, one message. Which memory a process happens to get makes a "
        f"tenth of its time: floor, {section['closest']} and Tracker are the medians of {len(section['starts'])} starts, in which Tracker's last "
        f"client had it after {least:.2f} to {most:.2f} times what {section['closest']}'s took.\n"
    )
    yield "| | CPU µs per client | last, ms |\n|---|---|---|"
    for row in _by(section, "last_ms"):
        yield f"| {row['label']} | {row['cpu_us']:.1f} | {row['last_ms']:.1f} |"


def _core(section: Section) -> Iterator[str]:
    yield (
        "Entries handed to `Group`, real sockets, no HTTP and no database; 500 messages over 8 connections.\n"
    )
    yield (
        "| | CPU µs per client, one message | deliveries/s | CPU µs per delivery then | load's share |\n"
        "|---|---|---|---|---|"
    )
    for row in _by(section, "deliveries", most=True):
        yield (
            f"| {row['label']} | {row['cpu_us']:.1f} | {row.get('deliveries', 0):,.0f} | "
            f"{row.get('flood_cpu_us', float('nan')):.2f} | {row.get('load_share', float('nan')):.2f} |"
        )


def _linear(section: Section) -> Iterator[str]:
    yield "The group alone, one message.\n"
    if "limit" in section:
        yield f"No more clients were possible: the limit of open files is {section['limit']:,}.\n"
    yield "| clients | CPU µs per client | last, ms |\n|---|---|---|"
    for size, row in section["rows"].items():
        yield f"| {size} | {row['cpu_us']:.1f} | {row['last_ms']:.1f} |"


def _idle(section: Section) -> Iterator[str]:
    yield (
        f"{section['clients']} clients: {section['kb']:.2f} KB of the process's memory each, "
        f"{section['descriptors']:.2f} descriptors, {section['greenlets']:.2f} greenlets."
    )


def _saver(section: Section) -> Iterator[str]:
    yield (
        f"The answer to a save: {section['alone_ms']:.1f} ms without clients, {section['crowded_ms']:.1f} ms with "
        f"{section['clients']}. A request sent right after it, while the round runs: {section['other_ms']:.1f} ms, "
        f"at worst {section['other_worst_ms']:.1f} ms."
    )


def _compression(section: Section) -> Iterator[str]:
    yield "| 200 clients | CPU µs per client |\n|---|---|"
    labels = {"tracker": "that do not offer compression", "offering": "that offer it"}
    for name, row in section["rows"].items():
        yield f"| {labels[name]} | {row['cpu_us']:.1f} |"


def _stalled(section: Section) -> Iterator[str]:
    yield (
        f"{section['messages']} messages of 8 KB, each to the last of {section['clients'] - section['stalled']} good "
        f"clients: {section['clean_ms']:.2f} ms; with {section['stalled']} more that never read "
        f"{section['burdened_ms']:.2f} ms and {section['extra_mb']:.2f} MB more memory. Their cursors and rests of "
        f"frames may take {section['bound_mb']:.2f} MB; the ring, of 8 MB, is the same in both."
    )


def _saves(section: Section) -> Iterator[str]:
    yield f"8 keep-alive connections, a call of the API after the other. Median of the turns: durable is {section['durable_to_no_database']:.2f} of the other's saves a second. One more client asks for `/healthz` now and then, and waits.\n"
    yield "| | saves/s | CPU µs per save | `/healthz` p50, ms | p99 | worst |\n|---|---|---|---|---|---|"
    labels = {
        "durable": "durable: answered after fsync",
        "no database": "the same handler without a database",
    }
    for name, row in section["rows"].items():
        yield (
            f"| {labels[name]} | {row['saves']:,.0f} | {row['cpu_us']:,.0f} | {row['stall_p50_ms']:.1f} | "
            f"{row['stall_p99_ms']:.1f} | {row['stall_worst_ms']:.1f} |"
        )


def _whole(section: Section) -> Iterator[str]:
    layer = f"{section['version']}, layer in {section['layer']}" if "layer" in section else "not installed"
    starts = section.get("starts", [])
    starts = (
        f" In {len(starts)} starts, of which all is the median, ours was {starts[0]:.1f} to {starts[-1]:.1f} times sooner."
        if starts
        else ""
    )
    yield (
        f"A signed-in form, durable, matched against {section['areas']:,} areas, its alert at the last of "
        f"{section['clients']} clients, after one that is not counted, while the load polls without sleeping, so "
        "that no server has to wake it; then saves over 8 connections until everybody "
        f"has all alerts, 400 saves for ours and 40 for the reference, after as many that are not counted. Each stack has one core, the load the other. The reference: {layer}.{starts}\n"
    )
    yield "| | last, ms | saves/s | lost |\n|---|---|---|---|"
    labels = {"tracker": "**Tracker**", "reference": "Django, Channels, Daphne, PostGIS"}
    for name, label in labels.items():
        if row := section["rows"].get(name):
            yield f"| {label} | {row['last_ms']:.1f} | {row['saves']:,.1f} | {row['lost']:.0%} |"
    if floor := section["rows"].get("floor"):
        yield f"| Floor: a Python loop of `send()` to the clients, and nothing else | {floor['last_ms']:.1f} | | |"


def _matching(section: Section) -> Iterator[str]:
    yield (
        "Which areas cover a point; polygons of 8 to 60 vertices. µs at the median. PostGIS is on the core that asks"
        f"{': ' + section['version'] if 'version' in section else ''}.\n"
    )
    yield (
        "| areas | `AreaIndex` | PostGIS, GiST, local socket | loop over prepared polygons | save an area, ms | "
        "worst |\n|---|---|---|---|---|---|"
    )
    for size, row in section["rows"].items():
        yield (
            f"| {int(size):,} | {row['index_us']:.1f} | {row.get('postgis_us', float('nan')):.1f} | "
            f"{row['loop_us']:,.0f} | {row['save_ms']:.2f} | {row['save_worst_ms']:.2f} |"
        )


def _strangers(section: Section) -> Iterator[str]:
    yield (
        f"Each attack goes on for {section['seconds']:.0f} s, in a process of its own and from an address of its own. Meanwhile two others ask for "
        "`/healthz` and save an incident, each again as soon as it was answered. ms of both together; in peace is "
        "just before.\n"
    )
    yield "| attack | in peace, p95 | during it, p95 | worst |\n|---|---|---|---|"
    for name, row in section["rows"].items():
        yield f"| {name} | {row['peace_p95_ms']:.1f} | {row['p95_ms']:.1f} | {row['worst_ms']:.1f} |"


def _instructions(section: Section) -> Iterator[str]:
    if "save" not in section:
        yield "Not counted."
        return
    yield (
        "Counted by callgrind, the kernel's not in it: no other process disturbs this. A save (a call of the API, "
        f"checked, stored, logged, matched): {section['save']:,.0f}. A client in a round of the group: "
        f"{section['round']:,.0f}; in a bare Python loop of `send()`: {section['loop']:,.0f}."
    )


SECTIONS = {
    "fanout": _fanout,
    "many": _many,
    "core": _core,
    "linear": _linear,
    "idle": _idle,
    "saver": _saver,
    "compression": _compression,
    "stalled": _stalled,
    "saves": _saves,
    "whole": _whole,
    "matching": _matching,
    "strangers": _strangers,
    "instructions": _instructions,
}
TITLES = {
    "fanout": "One save to 1,000 clients",
    "many": "One save to 4,000 clients",
    "core": "The fan-out alone",
    "linear": "More clients",
    "idle": "Idle clients",
    "saver": "What the saver waits",
    "compression": "Compression",
    "stalled": "Clients that never read",
    "saves": "Durable saves",
    "whole": "The whole path, beside Django",
    "matching": "Matching",
    "strangers": "What a stranger can make others wait",
    "instructions": "Instructions",
}


def _svg(section: Section) -> str:
    """Return two bar charts: CPU per client, and deliveries a second."""
    title = (
        f"CPU of the server per client, µs: one message to {section['clients']:,} clients (less is better)"
    )
    own = section["rows"]["tracker"]["cpu_us"]
    pieces, height = _bars(title, _by(section, "cpu_us"), "cpu_us", 0, CUT * own)
    title = "Deliveries a second, messages without pause (more is better)"
    rows = [row for row in _by(section, "deliveries", most=True) if "deliveries" in row]
    more, height = _bars(title, rows, "deliveries", height + BAR)
    body = "".join(pieces + more)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="CPU per client and deliveries a second of Tracker and its peers">'
        f"<style>{STYLE}</style>{body}</svg>\n"
    )


def _bars(
    title: str, rows: list[dict[str, Any]], key: str, top: int, cut: float = float("inf")
) -> tuple[list[str], int]:
    """Return a chart's pieces and its lower end; a bar of more than `cut` has a gap instead of its length."""
    pieces = [f'<text class="h" x="8" y="{top + 18}">{escape(title)}</text>']
    space = WIDTH - LABEL - 80
    scale = space / max(row[key] for row in rows if row[key] <= cut)
    y = top + BAR + 8
    for row in rows:
        label = row["label"].replace("*", "").replace("`", "")
        kind = "o" if label.startswith("Tracker") else "f" if label.startswith("Floor") else "b"
        length = min(max(2.0, scale * row[key]), space)
        value = f"{row[key]:,.0f}" if row[key] >= 100 else f"{row[key]:.1f}"
        pieces.append(
            f'<text x="{LABEL - 8}" y="{y + 14}" text-anchor="end">{escape(label)}</text>'
            f'<rect class="{kind}" x="{LABEL}" y="{y + 2}" width="{length:.0f}" height="{BAR - 6}" rx="2"/>'
            f'<text x="{LABEL + length + 6:.0f}" y="{y + 14}">{value}</text>'
        )
        if row[key] > cut:
            pieces.append(
                f'<path class="g" d="M{LABEL + length - 24:.0f} {y + BAR - 2}l6-{BAR}h5l-6 {BAR}z"/>'
            )
        y += BAR
    return pieces, y
