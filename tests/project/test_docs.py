"""Each setting, command, option and address that exists is in README.md or docs/."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Set
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from harness import ROOT

from base.settings import Settings

ASK = """
import argparse, json, sys, tempfile
from dataclasses import fields
import models
import tracker
from base.settings import Settings
from web.app import create_app
models.open_database(tempfile.mkdtemp() + "/own.db")
rules = sorted({rule.rule for rule in create_app(Settings()).url_map.iter_rules()})
def commands(prefix, parser):
    names = {name for each in parser._actions for name in each.option_strings}
    found = {prefix: sorted(name for name in names if name.startswith("--"))}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                found |= commands(f"{prefix} {name}", inner)
    return found
known = commands("tracker.py", tracker.command_line())
names = [field.name for field in fields(Settings)]
json.dump({"commands": known, "rules": rules, "settings": names}, sys.stdout)
"""
# The pages' files, not for people:
OWN_BUSINESS = {
    "/static/<path:filename>",
    "/vendor/<path:filename>",
    "/service-worker.js",
    "/sentences/<name>",
}


@cache
def existing() -> dict[str, Any]:
    """List the program's routes, settings and commands.

    Another process does that, because importing the program patches the interpreter.
    """
    command = [sys.executable, "-c", ASK]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    return dict(json.loads(done.stdout))


def commands() -> dict[str, set[str]]:
    """Return the options of each command of tracker.py, as a user types it."""
    return {name: set(options) - {"--help"} for name, options in existing()["commands"].items()}


@cache
def documentation() -> str:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    return "\n".join(page.read_text(encoding="utf-8") for page in pages)


def documented(rule: str) -> bool:
    """Return whether the documentation has an address, with a number, <pk> or … as its variable."""
    pattern = re.sub(r"<[^>]+>", "@", rule)
    return bool(re.search(re.escape(pattern).replace("@", r"[\w<>{}…]+") + r"(?![\w/])", documentation()))


def test_every_address_is_documented() -> None:
    """Each path that the server answers is in the documentation."""
    assert [rule for rule in existing()["rules"] if rule not in OWN_BUSINESS and not documented(rule)] == []


def test_every_setting_is_documented() -> None:
    """Each setting's variable is in the documentation."""
    names = [f"TRACKER_{name.upper()}" for name in existing()["settings"]]
    assert [name for name in names if f"`{name}`" not in documentation()] == []


def test_every_command_and_option_is_documented() -> None:
    """Each command with each of its options is in the documentation."""
    missing = []
    known = commands()
    assert {
        "tracker.py",
        "tracker.py import",
        "tracker.py user add",
        "tracker.py token revoke",
    } <= known.keys()
    for command, options in known.items():
        missing += [option for option in (command, *sorted(options)) if option not in documentation()]
    assert missing == []


def test_every_documented_option_and_setting_exists() -> None:
    """Nothing that is named in the documentation has been renamed or removed in the program."""
    words = (documentation() + (ROOT / "SECURITY.md").read_text(encoding="utf-8")).split("`")[1::2]
    options = {option for word in words for option in re.findall(r"(?<![\w-])--[a-z][a-z-]*", word)}
    assert options - {option for known in commands().values() for option in known} == set()
    named = {name for word in words for name in re.findall(r"TRACKER_[A-Z_]+", word)}
    settings = {f"TRACKER_{name.upper()}" for name in existing()["settings"]}
    assert named - settings - {"TRACKER_CONFIG"} == set()


def test_table_of_settings_has_each_with_its_default() -> None:
    """docs/settings.md has a row for each setting, with its kind and default as a file would have them."""
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*? \| .*?) \|$", text, re.MULTILINE))
    kinds = {str: "text", bool: "true or false", int: "whole number", float: "number", tuple: "list of texts"}
    expected = {
        field.name: f"{kinds[type(field.default)]} | `{tomlified(field.default)}`"
        for field in fields(Settings)
    }
    assert rows == expected


def tomlified(value: object) -> str:
    """Return a default as a file of settings has it."""
    return f"{value:g}" if isinstance(value, float) else json.dumps(value)


def is_settings(value: ast.expr, names: Set[str] = frozenset()) -> bool:
    """Return whether an expression is the program's settings, directly or by one of these names."""
    match value:
        case ast.Attribute(attr="settings"):
            return True
        case ast.Call(func=ast.Name(id="settings") | ast.Attribute(attr="settings")):
            return True
        case ast.Name(id=name):
            return name == "settings" or name in names
    return False


def settings_read(module: Path) -> set[str]:
    """Return the attributes of the settings that a module reads."""
    nodes = list(ast.walk(ast.parse(module.read_text(encoding="utf-8"))))
    assigned = [node for node in nodes if isinstance(node, ast.Assign) and is_settings(node.value)]
    names = {target.id for node in assigned for target in node.targets if isinstance(target, ast.Name)}
    return {
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Load)
        and is_settings(node.value, names)
    }


def test_every_setting_is_used() -> None:
    """Each field of Settings is read somewhere."""
    rooms = ("server", "web", "commands")
    modules = [ROOT / "tracker.py", *(module for room in rooms for module in (ROOT / room).rglob("*.py"))]
    read = set().union(*map(settings_read, modules))
    assert [name for name in existing()["settings"] if name not in read] == []


@pytest.mark.parametrize(
    "command",
    [
        "pip install -r requirements.txt && python tracker.py",
        "pip install -r tests/requirements.txt && python -m pytest",
    ],
)
def test_readme_shows_the_two_commands_at_once(command: str) -> None:
    """The commands to run and to test are within the first thirty lines."""
    first = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:30]
    assert f"    {command}" in first


def test_every_room_is_in_the_readme() -> None:
    """The README names each folder and file at the top level, and its purpose."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rooms = [f"{path.parent.name}/" for path in ROOT.glob("*/__init__.py")]
    files = [path.name for path in ROOT.glob("*.py")]
    assert [name for name in rooms + files if f"`{name}`" not in text] == []


def test_every_link_in_the_documentation_leads_somewhere() -> None:
    """Pictures and pages that the documentation links to are in the repository."""
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_contributing_names_files_that_exist() -> None:
    """Each file and folder that CONTRIBUTING.md names is in the repository."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:\w[\w.-]*/)+[\w.-]*|[\w.-]+\.(?:md|py))`", text)
    assert len(named) > 20
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_changelog_follows_keep_a_changelog() -> None:
    """Unreleased comes first, then the newest version. Each has only the standard kinds of change."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    first, *released = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert first == "[Unreleased]"
    found = [re.fullmatch(r"\[(\d+)\.(\d+)\.(\d+)\] - (\d{4}-\d\d-\d\d)", heading) for heading in released]
    assert all(found)
    versions = [(*map(int, match.groups()[:3]), match[4]) for match in found if match]
    assert versions == sorted(versions, reverse=True)
    kinds = set(re.findall(r"^### (.*)$", text, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
