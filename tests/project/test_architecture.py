"""Imports run one way, between rooms and between modules."""

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from harness import ROOT

# The rooms, and which others each may import. `models` and `tracker` are files at the top.
BELOW: dict[str, set[str]] = {
    "base": set(),
    "geo": {"base"},
    "storage": {"base"},
    "domain": {"base", "geo", "storage"},
    "models": {"base", "storage", "domain"},
    "realtime": {"base"},
    "server": {"base"},
    "web": {"base", "geo", "storage", "domain", "models", "realtime", "server"},
    "commands": {"base", "geo", "storage", "domain", "models"},
    "tracker": {"base", "geo", "storage", "domain", "models", "realtime", "server", "web", "commands"},
}
WEB = {"flask", "flask_sock", "flask_wtf", "werkzeug"}
DATABASE = {"peewee", "playhouse", "sqlite3"}
MUST_NOT_KNOW = {
    "base": WEB | DATABASE,
    "geo": WEB | DATABASE,
    "storage": WEB,
    "domain": WEB - {"werkzeug"},  # for hashing passwords
    "models": WEB,
    "realtime": WEB | DATABASE,
    "server": (WEB - {"werkzeug"}) | DATABASE,  # whose exceptions say what is wrong with a body
    "commands": WEB,
    "server/http1.py": {"gevent", "socket"},
}
TABLES = {"incidents", "areas", "alerts", "tracked"}  # in `domain`; imported from `models`, with its hooks

JS = ROOT / "static" / "js"
JS_BELOW = ["base", "live", "map", "editor", "screen", "report", "pages"]  # each may import those before it


def modules() -> Iterator[Path]:
    for room in BELOW:
        yield from (
            [ROOT / f"{room}.py"] if (ROOT / f"{room}.py").exists() else sorted((ROOT / room).rglob("*.py"))
        )


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Return the full names that a module imports, anywhere in its text."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def roots(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


def test_every_python_file_stands_in_a_room() -> None:
    """Each Python file is in a room, in the tests, in the benchmarks, or is named by the README."""
    others = {"tests", "benchmarks", "frontend"}
    found = {room_of(path) for path in ROOT.glob("*.py")} | {room_of(path) for path in ROOT.glob("*/*.py")}
    assert found - others == BELOW.keys()


def rows_of(below: dict[str, set[str]]) -> list[str]:
    """Return the table of rooms as docs/design.md has it."""
    named = {room: ", ".join(f"`{other}`" for other in below if other in below[room]) for room in below}
    return [f"| `{room}` | {others or 'none'} |" for room, others in named.items()]


def test_design_has_the_table_of_rooms() -> None:
    """The table in docs/design.md is BELOW."""
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    table = text.partition("| room | may import |\n|---|---|\n")[2].partition("\n\n")[0]
    assert table.splitlines() == rows_of(BELOW)


def test_every_room_says_what_it_knows() -> None:
    rooms = [ROOT / room / "__init__.py" for room in BELOW if (ROOT / room).is_dir()]
    assert [path for path in rooms if "Knows " not in path.read_text(encoding="utf-8")] == []


def test_rooms_are_in_order() -> None:
    """The table itself has no circle."""
    assert list(TopologicalSorter(BELOW).static_order())


@pytest.mark.parametrize("room", BELOW)
def test_room_imports_only_those_below_it(room: str) -> None:
    wrong = {
        str(path.relative_to(ROOT)): above
        for path in modules()
        if room_of(path) == room and (above := roots(imports(path)) & BELOW.keys() - BELOW[room] - {room})
    }
    assert wrong == {}


def test_no_module_imports_itself_by_way_of_others() -> None:
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in modules()}
    graph = {name: imports(path) & names.keys() for name, path in names.items()}
    assert list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("place", MUST_NOT_KNOW)
def test_room_does_not_know_what_is_not_its_business(place: str) -> None:
    wrong = {
        str(path.relative_to(ROOT)): known
        for path in modules()
        if place in (room_of(path), path.relative_to(ROOT).as_posix())
        and (known := roots(imports(path)) & MUST_NOT_KNOW[place])
    }
    assert wrong == {}


def test_tables_are_imported_with_their_hooks() -> None:
    """Outside their room the tables are imported from `models`. Otherwise a save would broadcast nothing."""
    tables = {f"domain.{name}" for name in TABLES}
    classes = {"Incident", "AreaOfInterest", "Alert", "Tracked"}
    direct = {f"{module}.{name}" for module in tables for name in classes}
    wrong = [
        path for path in modules() if room_of(path) not in ("domain", "models") and imports(path) & direct
    ]
    assert wrong == []


def test_models_names_every_table() -> None:
    """models.py lists all tables with their modules, and describes a row of each."""
    defined = set()
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and {ast.unparse(base) for base in node.bases} & {
                "Model",
                "Tracked",
            }:
                defined.add((node.name, str(path.relative_to(ROOT))))
    text = (ROOT / "models.py").read_text(encoding="utf-8")
    named = set(re.findall(r"^ +(\w+) +[a-z_]+ +([a-z_]+/[a-z_]+\.py) +\w", text, re.MULTILINE))
    assert {(name, path) for name, path in defined if name != "Tracked"} - named == set()


def js_imports(path: Path) -> set[Path]:
    text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)  # types are no imports
    found = re.findall(r"""(?:\bfrom|\bimport)\s*\(?\s*["'](\.[^"']+)["']""", text)
    return {(path.parent / name).resolve() for name in found}


def test_javascript_folders_import_only_those_below() -> None:
    assert {path.name for path in JS.iterdir()} == set(JS_BELOW)
    wrong = {
        f"{path.relative_to(JS)} imports {other.relative_to(JS)}"
        for path in JS.rglob("*.js")
        for other in js_imports(path)
        if other.is_relative_to(JS)
        and JS_BELOW.index(other.relative_to(JS).parts[0]) > JS_BELOW.index(path.relative_to(JS).parts[0])
    }
    assert wrong == set()


def test_no_javascript_module_imports_itself_by_way_of_others() -> None:
    graph = {path: js_imports(path) for path in JS.rglob("*.js")}
    assert list(TopologicalSorter(graph).static_order())
