"""Put small mistakes (mutations) into a module, one at a time, and see which of them its tests notice.

    pip install cosmic-ray
    python .ci/mutants.py storage/log.py --seed 1 --count 25

cosmic-ray's operators make the mistakes; besides, calls are left out. The tests run in a copy of the files. A
sample is random, and the same for the same seed and source. `.ci/mutants.toml` has the tests of each module,
and the mutations that change nothing.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import difflib
import math
import os
import random
import re
import resource
import shutil
import signal
import subprocess  # nosec B404 (git only)
import sys
import tempfile
import time
import tomllib
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, NoReturn

from cosmic_ray import plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code

ROOT = Path(__file__).resolve().parents[1]
CONFIG = tomllib.loads((ROOT / ".ci/mutants.toml").read_text())
# Imported once, before each run is forked: that halves the time of a run.
PACKAGES = (
    "pytest",
    "hypothesis.stateful",
    "flask_wtf",
    "flask_sock",
    "shapely",
    "playwright.sync_api",
    "httpx",
)
# Operators whose mistakes nobody makes, or that change nothing.
LEFT_OUT = re.compile(
    r"Binary\w+_(Pow|Mod|FloorDiv|LShift|RShift|BitXor)$|_(Eq_Is|NotEq_IsNot|Is_Eq|IsNot_NotEq)$"
)
OPTIONS = ("-q", "-x", "-n", "0", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning")
KILLED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)
MAX_MEMORY = 4 << 30  # bytes of address space: a mutation may make a loop endless
WAIT_S = 300  # for one run of the tests on a busy machine; what bounds it first is its processor time
# Added to the copy's conftest.py: a failed example is not made smaller, and tests of random data come last.
CONFTEST = """
from hypothesis import Phase

PHASES = [Phase.explicit, Phase.generate]
settings.register_profile("mutants", settings.get_profile("tracker"), phases=PHASES, database=None)
settings.load_profile("mutants")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: hasattr(item.obj, "hypothesis") or "runTest" in item.name)
"""

Position = tuple[int, int]  # line and column


class Mutation(NamedTuple):
    """A change that can be made to a source text. `place` is (line, column, kind)."""

    place: tuple[int, int, str]
    change: Callable[[str], str | None]


def mutations(source: str) -> Iterator[Mutation]:
    """Yield the mutations of cosmic-ray's operators, and each call that stands alone left out."""
    ignored = without_effect(source)
    tree = get_ast(source)
    for name in plugins.operator_names():
        operator_class = plugins.get_operator(name)
        if operator_class.arguments() or LEFT_OUT.search(name):
            continue
        operator = operator_class()
        kind = "_".join(name.split("_")[:2])
        places = [start for node in ast_nodes(tree) for start, _ in operator.mutation_positions(node)]
        for number, (line, column) in enumerate(places):
            if not any(first <= (line, column) < last for first, last in ignored):
                change = partial(mutate_code, operator=operator, occurrence=number)
                yield Mutation((line, column, kind), change)
    yield from without_calls(source)


def without_effect(source: str) -> list[tuple[Position, Position]]:
    """Return the (start, end) of type hints, of what is for type checkers only, and of `*` in signatures."""
    stars = re.finditer(r"(?<=[( ])\*(?=,)", source)
    before = [source[: star.start()] for star in stars]
    starts = [(text.count("\n") + 1, len(text) - text.rfind("\n") - 1) for text in before]
    found: list[ast.AST | None] = []
    tree = ast.parse(source)
    for node in ast.walk(tree):
        found += [getattr(node, name, None) for name in ("annotation", "returns")]
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            found.append(node)
    return [(start, (start[0], start[1] + 1)) for start in starts] + [
        ((node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset))
        for node in found
        if isinstance(node, ast.expr | ast.stmt)
        and node.end_lineno is not None
        and node.end_col_offset is not None
    ]


def without_calls(source: str) -> Iterator[Mutation]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            yield Mutation((node.lineno, node.col_offset, "call left out"), partial(leave_out, node=node))


def leave_out(source: str, node: ast.Expr) -> str:
    lines = source.splitlines(keepends=True)
    return "".join([*lines[: node.lineno - 1], " " * node.col_offset + "pass\n", *lines[node.end_lineno :]])


def sample(source: str, count: int, seed: int) -> list[str]:
    """Return `count` mutated sources at random, at most one of each kind at each place."""
    chance = random.Random(seed)  # nosec B311 (a sample, no secret)
    by_place: dict[tuple[int, int, str], list[Mutation]] = {}
    for mutation in mutations(source):
        by_place.setdefault(mutation.place, []).append(mutation)
    places = sorted(by_place)
    chance.shuffle(places)
    found: list[tuple[tuple[int, int, str], str]] = []
    while places and len(found) < count:
        place = places.pop()
        with contextlib.suppress(AttributeError):  # cosmic-ray can't replace `except module.Error`
            changed = chance.choice(by_place[place]).change(source)
            if changed is not None:
                found.append((place, changed))
    return [changed for _, changed in sorted(found)]


def copy_tree(folder: Path) -> None:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.check_output(command, cwd=ROOT)  # nosec B603 (git of this checkout)
    for name in names.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    with (folder / "tests/conftest.py").open("a") as conftest:
        conftest.write(CONFTEST)


def run(folder: Path, tests: list[str], output: Path, seconds: int) -> tuple[bool, float]:
    """Run the tests in a fork, for so many seconds of CPU time at most. Return (passed, seconds used)."""
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        run_here(folder, tests, output, seconds)
    while True:
        found, status, used = os.wait4(child, os.WNOHANG)
        if found:
            return status == 0, used.ru_utime + used.ru_stime
        if time.monotonic() > started + WAIT_S:
            os.killpg(child, signal.SIGKILL)
        time.sleep(0.02)


def run_here(folder: Path, tests: list[str], output: Path, seconds: int) -> NoReturn:
    """Run the tests in this process, and end it with pytest's status."""
    os.setsid()
    os.chdir(folder)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    import pytest

    status = 70
    try:
        status = int(pytest.main([*OPTIONS, f"--basetemp={folder / 'files'}", *tests]))
    except BaseException:  # noqa: BLE001 (the end of this process)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def changed_lines(before: str, after: str) -> list[str]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return [line for line in lines if line[:1] in "+-@" and line[:3] not in ("+++", "---")]


def is_equivalent(module: str, change: list[str]) -> bool:
    after = {line[1:].strip() for line in change if line[0] == "+"}
    return not after.isdisjoint(CONFIG["equivalent"].get(module, ()))


def measure(module: str, count: int, seed: int, *, verbose: bool) -> None:
    """Print the mutations of a module that its tests did not notice, and a row with the score."""
    tests = CONFIG["tests"][module]
    source = (ROOT / module).read_text()
    chosen = sample(source, count, seed)
    killed = equivalent = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_tree(folder)
        output = folder / "output.txt"
        passed, took = run(folder, tests, output, WAIT_S)
        if not passed:
            sys.exit(f"The tests of {module} fail without a mutation:\n{output.read_text()[-3000:]}")
        for mutation in chosen:
            change = changed_lines(source, mutation)
            if is_equivalent(module, change):
                equivalent += 1
                continue
            (folder / module).write_text(mutation)
            for cached in (folder / module).parent.glob(f"__pycache__/{Path(module).stem}.*"):
                cached.unlink()
            passed, _ = run(folder, tests, output, 2 * math.ceil(took) + 5)
            killed += not passed
            if passed:
                print("survived:", module, *change, sep="\n    ", flush=True)
            elif verbose:
                print(
                    "killed by",
                    KILLED.findall(output.read_text()) or "time",
                    *change,
                    sep="\n    ",
                    flush=True,
                )
    ran = len(chosen) - equivalent
    score = f"{100 * killed / ran:.0f} %" if ran else "-"
    print(f"| `{module}` | {seed} | {len(chosen)} | {killed} | {equivalent} | {score} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure how many mutations of a module its tests notice.")
    parser.add_argument("modules", nargs="*", default=list(CONFIG["tests"]), help="all without any")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=25, help="mutations of each module")
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="also print which test noticed which mutation"
    )
    arguments = parser.parse_args()
    for package in PACKAGES:
        import_module(package)
    for module in arguments.modules:
        measure(module, arguments.count, arguments.seed, verbose=arguments.verbose)


if __name__ == "__main__":
    main()
