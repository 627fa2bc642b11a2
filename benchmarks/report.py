"""Write the measurements as RESULTS.md and as a chart, results.svg."""

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
CUT = 6  # in the chart of CPU, a bar of more than this many times Tracker's is cut
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#24292f}.h{font-weight:600}.b{fill:#8c959f}.f{fill:#d0d7de}"
    ".o{fill:#0969da}svg{background:#fff}.g{fill:#fff}@media(prefers-color-scheme:dark){text{fill:#e6edf3}"
    "svg{background:#0d1117}.g{fill:#0d1117}.f{fill:#30363d}.b{fill:#6e7681}.o{fill:#58a6ff}}"
)

Section = dict[str, Any]
Target = tuple[str, str, float, float]  # the figure's name, ≤ or ≥, the limit, the measured value


def circumstances() -> dict[str, str]:
    """Return the date, machine, versions and commit of a measurement."""
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
    yield "# Benchmark results\n"
    yield (
        "`python benchmarks/run.py` writes this file. Servers and load share one machine. The load has a core of its own. "
        "The server has the others, or all cores if it is faster with them. Clients use the loopback interface and delay "
        "their TCP acknowledgements; otherwise they would send them during the server's `send()`.\n\n"
        "The contestants take turns in one run. Numbers are medians over the turns, except those named p99 or worst. "
        "A target that compares two contestants uses the median of each turn's ratio, so a slower machine affects both. "
        "Each section names the commit that was measured. CPU is the time of the server's process and its children. "
        "The floor is a Python loop that only calls `send()`.\n"
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
    yield "| value | target | measured | |\n|---|---|---|---|"
    for what, sign, limit, value in _measured(results):
        met = "met" if _is_met(sign, limit, value) else "**missed**"
        yield f"| {what} | {sign} {limit:g} | {value:.3g} | {met} |"


def missed(results: dict[str, Section]) -> list[Target]:
    """Return the targets that were missed."""
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
    ("a save to 1,000 clients: CPU per client, relative to the floor", "fanout", "cpu_to_floor", "≤", 1.6),
    ("a save to 4,000 clients: CPU per client, relative to the floor", "many", "cpu_to_floor", "≤", 1.3),
    (
        "time from the save to the last of 1,000 clients, relative to websockets, which only relays",
        "fanout",
        "last_to_websockets",
        "≤",
        1.15,
    ),
    (
        "the same with 4,000 clients, relative to the fastest Python peer",
        "many",
        "last_to_fastest_python",
        "≤",
        1,
    ),
    (
        "500 saves to 1,000 clients: deliveries/s, relative to the best Python relay",
        "fanout",
        "flood_to_best_python",
        "≥",
        4,
    ),
    (
        "each of the 1,000 clients gets all 500 messages in order (1: yes)",
        "fanout",
        "rows.tracker.agree",
        "≥",
        1,
    ),
    ("the fan-out alone: deliveries/s, relative to the joined floor", "core", "flood_to_joined", "≥", 0.9),
    ("the fan-out alone: deliveries/s, relative to Bun", "core", "flood_to_bun", "≥", 1),
    (
        "whole path: times sooner at the last of 200 clients than the reference",
        "whole",
        "last_times_sooner",
        "≥",
        15,
    ),
    ("whole path: durable saves/s, relative to the reference", "whole", "saves_times", "≥", 100),
    ("memory of an idle client, KB", "idle", "kb", "≤", 3),
    ("descriptors of an idle client", "idle", "descriptors", "≤", 1),
    ("greenlets of an idle client", "idle", "greenlets", "≤", 0),
    (
        "time to the answer of a save with 4,000 clients, relative to no clients",
        "saver",
        "busy_to_alone",
        "≤",
        1.5,
    ),
    (
        "CPU per client at 8,000 clients (or as many as possible), relative to 500",
        "linear",
        "largest_to_smallest",
        "≤",
        1.15,
    ),
    (
        "CPU if clients offer compression, relative to clients that do not",
        "compression",
        "offering_to_plain",
        "≤",
        1.05,
    ),
    (
        "20 of 200 clients stalled: median of the others, relative to none stalled",
        "stalled",
        "burdened_to_clean",
        "≤",
        1.2,
    ),
    (
        "the same: additional memory, relative to the limit for cursors and unsent bytes",
        "stalled",
        "extra_to_bound",
        "≤",
        1,
    ),
    (
        "`/healthz` during saves by 8 others, 99th percentile, ms",
        "saves",
        "rows.durable.stall_p99_ms",
        "≤",
        20,
    ),
    ("waiting time of others during an attack, 95th percentile, ms", "strangers", "p95_ms", "≤", 50),
    ("the same, worst, ms", "strangers", "worst_ms", "≤", 250),
    (
        "matching in 100,000 areas: time of PostGIS, relative to Tracker",
        "matching",
        "rows.100000.postgis_to_index",
        "≥",
        6,
    ),
    (
        "saving one of 100,000 areas blocks the event loop for, ms",
        "matching",
        "rows.100000.save_worst_ms",
        "≤",
        5,
    ),
]


def _by(section: Section, key: str, *, most: bool = False) -> list[dict[str, Any]]:
    worst = 0.0 if most else float("inf")
    return sorted(section["rows"].values(), key=lambda row: row.get(key, worst), reverse=most)


def _fanout(section: Section) -> Iterator[str]:
    yield (
        f"One message of 450 bytes to {section['clients']} clients, then 500 messages over 8 connections without pause. "
        "The peers relay a message and store nothing. Tracker receives an API call, checks it, stores it durably, logs it "
        "and matches it before it sends. Each turn begins with a message that is not counted, because the other "
        "contestants have filled the CPU caches with their memory.\n\n"
        "The table also has the load's own CPU per client. The last column is the share of its core that the load used "
        "during the 500 messages. Near 1 the result would measure the load instead of the server.\n\n"
        "Before the measurement, one run of 500 messages is checked in full. Every client must get all of them in the same order; "
        f"otherwise the loss is named. Peers that send each message on its own get {SINGLY} instead of 500, which does not "
        f"change their rate. Channels takes minutes, so it gets {SLOW_FLOOD}, of which none may be lost, and "
        f"{SLOW_ROUNDS} turns instead of 9.\n"
    )
    yield (
        "| | CPU µs per client | last, ms | deliveries/s | CPU µs per delivery | KB per idle client | "
        "load, CPU µs per client | load's share |"
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
        f"Contestants with {what} than Tracker: {'; '.join(names) or 'none'}." for what, names in better
    )


def _many(section: Section) -> Iterator[str]:
    least, most = section["starts"][0], section["starts"][-1]
    yield (
        f"The same with {section['clients']} clients and one message. A tenth of a process's time depends on the memory "
        f"that it happens to get. So floor, {section['closest']} and Tracker are medians of "
        f"{len(section['starts'])} starts. In these, Tracker's time to the last client was {least:.2f} to {most:.2f} "
        f"times that of {section['closest']}.\n"
    )
    yield "| | CPU µs per client | last, ms |\n|---|---|---|"
    for row in _by(section, "last_ms"):
        yield f"| {row['label']} | {row['cpu_us']:.1f} | {row['last_ms']:.1f} |"


def _core(section: Section) -> Iterator[str]:
    yield (
        "`Group` gets the entries directly and sends to real sockets, without HTTP and database. 500 messages over 8 "
        "connections.\n"
    )
    yield (
        "| | CPU µs per client, one message | deliveries/s | CPU µs per delivery | load's share |\n"
        "|---|---|---|---|---|"
    )
    for row in _by(section, "deliveries", most=True):
        yield (
            f"| {row['label']} | {row['cpu_us']:.1f} | {row.get('deliveries', 0):,.0f} | "
            f"{row.get('flood_cpu_us', float('nan')):.2f} | {row.get('load_share', float('nan')):.2f} |"
        )


def _linear(section: Section) -> Iterator[str]:
    yield "`Group` alone, one message.\n"
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
        f"The answer to a save takes {section['alone_ms']:.1f} ms without clients and {section['busy_ms']:.1f} ms with "
        f"{section['clients']}. A request that follows at once, during the fan-out, takes {section['other_ms']:.1f} ms, "
        f"and at worst {section['other_worst_ms']:.1f} ms."
    )


def _compression(section: Section) -> Iterator[str]:
    yield "| 200 clients | CPU µs per client |\n|---|---|"
    labels = {"tracker": "do not offer compression", "offering": "offer compression"}
    for name, row in section["rows"].items():
        yield f"| {labels[name]} | {row['cpu_us']:.1f} |"


def _stalled(section: Section) -> Iterator[str]:
    yield (
        f"{section['messages']} messages of 8 KB. The time until a message reaches the last of "
        f"{section['clients'] - section['stalled']} reading clients is {section['clean_ms']:.2f} ms. With "
        f"{section['stalled']} more clients, which never read, it is {section['burdened_ms']:.2f} ms, and the process needs "
        f"{section['extra_mb']:.2f} MB more memory. The limit for their cursors and unsent bytes is "
        f"{section['bound_mb']:.2f} MB. The replay buffer of 8 MB is the same in both cases."
    )


def _saves(section: Section) -> Iterator[str]:
    yield (
        "8 keep-alive connections, each with one API call after the other. The durable handler makes "
        f"{section['durable_to_no_database']:.2f} times the saves a second of the handler without a database (median of "
        "the turns). Another client requests `/healthz` from time to time and measures its waiting time.\n"
    )
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
        f" The results are medians of {len(starts)} starts, in which Tracker was {starts[0]:.1f} to {starts[-1]:.1f} times sooner."
        if starts
        else ""
    )
    yield (
        "A signed-in person sends a form. The server stores it durably, matches it against "
        f"{section['areas']:,} areas, and sends the alert. The first number is the time until the last of "
        f"{section['clients']} clients has the alert. One save before it is not counted. The load polls without "
        "sleeping, so no server has to wake it.\n\n"
        "Then saves go over 8 connections until every client has all alerts: 400 saves for Tracker and 40 for the "
        "reference, after as many that are not counted. Each stack has one core, the load has the other.\n\n"
        f"The reference: {layer}.{starts}\n"
    )
    yield "| | last client, ms | saves/s | lost |\n|---|---|---|---|"
    labels = {"tracker": "**Tracker**", "reference": "Django, Channels, Daphne, PostGIS"}
    for name, label in labels.items():
        if row := section["rows"].get(name):
            yield f"| {label} | {row['last_ms']:.1f} | {row['saves']:,.1f} | {row['lost']:.0%} |"
    if floor := section["rows"].get("floor"):
        yield f"| Floor: a Python loop of `send()` to the clients, and nothing else | {floor['last_ms']:.1f} | | |"


def _matching(section: Section) -> Iterator[str]:
    yield (
        "Finding the areas that cover a point. The polygons have 8 to 60 vertices; times are medians in µs. PostGIS runs "
        f"on the core of its client{': ' + section['version'] if 'version' in section else ''}.\n"
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
        f"Each attack lasts {section['seconds']:.0f} s, from a process and an address of its own. Meanwhile two other "
        "clients request `/healthz` and save an incident, each again after its answer. The table shows their waiting time "
        "in ms, both together. The first column was measured just before the attack.\n"
    )
    yield "| attack | before, p95 | during, p95 | during, worst |\n|---|---|---|---|"
    for name, row in section["rows"].items():
        yield f"| {name} | {row['peace_p95_ms']:.1f} | {row['p95_ms']:.1f} | {row['worst_ms']:.1f} |"


def _instructions(section: Section) -> Iterator[str]:
    if "save" not in section:
        yield "Not counted."
        return
    yield (
        "callgrind counts the instructions of the process without those of the kernel, so other processes do not disturb "
        f"it. A save (an API call: checked, stored, logged, matched) takes {section['save']:,.0f}. Sending one message to "
        f"one client takes {section['round']:,.0f}, and {section['loop']:,.0f} in a plain Python loop of `send()`."
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
    "saver": "The answer to a save",
    "compression": "Compression",
    "stalled": "Clients that never read",
    "saves": "Durable saves",
    "whole": "The whole path, beside Django",
    "matching": "Matching",
    "strangers": "Waiting during an attack",
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
