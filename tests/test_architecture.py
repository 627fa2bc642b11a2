"""Imports run one way, and each module is defined by what it does not know."""

import ast

import pytest
from harness import ROOT

MAY_IMPORT: dict[str, set[str]] = {
    "shapes": set(),
    "terminal": set(),
    "geo": {"shapes"},
    "ring": set(),
    "group": {"ring"},
    "pieces": {"group"},
    "polling": {"ring", "group"},
    "storage": set(),
    "alerts": {"storage"},
    "names": set(),
    "models": {"geo", "storage", "alerts", "names"},
    "versions": {"models"},
    "idempotency": {"models"},
    "settings": set(),
    "addresses": set(),
    "throttle": {"names", "models", "addresses"},
    "strength": {"models", "passwords"},
    "sign_ins": {"models", "throttle"},
    "passwords": set(),
    "accounts": {"names", "models", "strength", "passwords"},
    "unsent": set(),
    "admin_log": {"models"},
    "totp": {"models", "accounts"},
    "auth": {
        "models",
        "settings",
        "addresses",
        "throttle",
        "sign_ins",
        "passwords",
        "accounts",
        "unsent",
        "totp",
    },
    "confirm": {"models", "throttle", "sign_ins", "accounts", "totp", "auth"},
    "two_step": {"models", "sign_ins", "admin_log", "totp", "auth", "confirm"},
    "http1": set(),
    "tls": {"group"},
    "connections": {"addresses", "tls"},
    "server": {"group", "addresses", "http1", "tls", "connections"},
    "notifications": {"ring", "group", "polling", "models", "throttle", "auth", "connections"},
    "mutes": {"models"},
    "bodies": {"auth"},
    "pages": {"geo", "pieces", "models", "versions", "idempotency", "throttle", "unsent", "auth"},
    "account_pages": {
        "models",
        "idempotency",
        "sign_ins",
        "accounts",
        "admin_log",
        "totp",
        "auth",
        "confirm",
        "pages",
    },
    "api": {"geo", "group", "pieces", "models", "versions", "idempotency", "auth"},
    "importer": {"terminal", "geo", "models"},
    "tiles": {"models", "auth"},
    "commands": {"terminal", "models", "accounts", "admin_log", "totp"},
    "tracker": {
        "terminal",
        "geo",
        "group",
        "models",
        "versions",
        "idempotency",
        "settings",
        "addresses",
        "accounts",
        "auth",
        "two_step",
        "tls",
        "server",
        "notifications",
        "mutes",
        "bodies",
        "pages",
        "account_pages",
        "api",
        "importer",
        "tiles",
        "commands",
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
    "addresses": WEB | DATABASE,
    "http1": WEB | DATABASE | {"gevent", "socket"},
    "tls": WEB | DATABASE,
    "passwords": (WEB - {"werkzeug"}) | DATABASE,
    "versions": WEB,
    "idempotency": WEB,
    "polling": WEB | DATABASE,
    "mutes": WEB,
    "shapes": WEB | DATABASE,
    "pieces": WEB | DATABASE,
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
