"""Imports run one way, and each module is defined by what it does not know."""

import ast

import pytest
from harness import ROOT

MAY_IMPORT: dict[str, set[str]] = {
    "terminal": set(),
    "geo": set(),
    "ring": set(),
    "group": {"ring"},
    "storage": set(),
    "alerts": {"storage"},
    "models": {"geo", "storage", "alerts"},
    "settings": set(),
    "throttle": {"models"},
    "strength": {"models"},
    "sign_ins": {"models", "throttle"},
    "accounts": {"models", "strength"},
    "admin_log": {"models"},
    "totp": {"models", "accounts"},
    "auth": {"models", "accounts", "throttle", "totp", "settings", "sign_ins"},
    "confirm": {"models", "accounts", "auth", "throttle", "totp", "sign_ins"},
    "two_step": {"models", "admin_log", "auth", "confirm", "totp", "sign_ins"},
    "connections": set(),
    "server": {"connections", "group"},
    "notifications": {"models", "group", "auth", "throttle"},
    "pages": {"auth", "models", "geo", "throttle"},
    "account_pages": {
        *("auth", "accounts", "models", "pages", "sign_ins", "admin_log", "confirm", "totp"),
    },
    "api": {"auth", "models", "geo", "group"},
    "importer": {"models", "geo", "terminal"},
    "tiles": {"models", "auth"},
    "commands": {"models", "accounts", "terminal", "admin_log", "totp"},
    "tracker": {
        *("settings", "server", "geo", "group", "models", "accounts", "auth", "notifications"),
        *("pages", "account_pages", "api", "tiles", "two_step", "importer", "commands", "terminal"),
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
