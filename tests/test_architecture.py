"""Imports run one way, and each module is defined by what it does not know."""

import ast

import pytest
from harness import ROOT

MAY_IMPORT: dict[str, set[str]] = {
    "geo": set(),
    "ring": set(),
    "group": {"ring"},
    "storage": set(),
    "alerts": {"storage"},
    "models": {"geo", "storage", "alerts"},
    "settings": set(),
    "throttle": {"models"},
    "accounts": {"models"},
    "unsent": set(),
    "auth": {"models", "accounts", "throttle", "settings", "unsent"},
    "connections": set(),
    "server": {"connections", "group"},
    "notifications": {"models", "group", "auth", "throttle"},
    "pages": {"auth", "models", "geo", "throttle", "unsent"},
    "account_pages": {"auth", "accounts", "models", "pages"},
    "api": {"auth", "models", "geo", "group"},
    "importer": {"models", "geo"},
    "tiles": {"models", "auth"},
    "commands": {"models", "accounts"},
    "tracker": {
        *("settings", "server", "geo", "group", "models", "accounts", "auth", "notifications"),
        *("pages", "account_pages", "api", "tiles", "importer", "commands"),
    },
}
WEB = {"flask", "flask_sock", "flask_wtf", "werkzeug"}
DATABASE = {"peewee", "playhouse", "sqlite3"}
MUST_NOT_KNOW = {
    "geo": WEB | DATABASE,
    "ring": WEB | DATABASE,
    "group": WEB | DATABASE,
    "models": WEB,
    "importer": WEB,
    "throttle": WEB,
}


def imports(module: str) -> set[str]:
    """Return the top-level names that a module imports, wherever in its text."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / f"{module}.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found


def test_every_module_is_in_the_table() -> None:
    """A new top-level module must say here whom it may import."""
    assert {path.stem for path in ROOT.glob("*.py")} == MAY_IMPORT.keys()


@pytest.mark.parametrize("module", MAY_IMPORT)
def test_module_imports_only_those_below_it(module: str) -> None:
    """A module of ours imports no other than the table allows."""
    assert imports(module) & MAY_IMPORT.keys() <= MAY_IMPORT[module]


@pytest.mark.parametrize("module", MUST_NOT_KNOW)
def test_module_does_not_know_what_is_not_its_business(module: str) -> None:
    """Geometry and fan-out know neither web nor database, the tables don't know the web."""
    assert not imports(module) & MUST_NOT_KNOW[module]
