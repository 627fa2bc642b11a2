"""The Makefile, CI and the pre-commit hooks run the same commands, so they accept the same changes."""

import re

import pytest
from harness import ROOT


def recipes() -> dict[str, list[str]]:
    """Return the commands of each target of the Makefile."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    found = re.findall(r"^(\w+):.*\n((?:\t.*\n?)*)", text, re.MULTILINE)
    return {target: [line.strip() for line in lines.splitlines()] for target, lines in found}


def lines_of(name: str) -> list[str]:
    return [line.strip() for line in (ROOT / name).read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("target", ["lint", "types"])
def test_ci_runs_the_checks_of_the_makefile(target: str) -> None:
    """Each command of `make lint` and `make types` is a line of .ci/run."""
    commands = recipes()[target]
    assert commands
    assert [command for command in commands if command not in lines_of(".ci/run")] == []


def test_ci_runs_the_tests_of_the_makefile() -> None:
    """`make test` is the command that the README names and CI takes from there."""
    (command,) = recipes()["test"]
    assert f"pip install -r tests/requirements.txt && {command}'" in (ROOT / ".ci" / "run").read_text()


def test_ci_runs_the_tests_through_nginx() -> None:
    """`make nginx` is a line of .ci/run, with a bound on its time."""
    (command,) = recipes()["nginx"]
    front, _, pytest_command = command.partition(" ")
    lines = list(lines_of(".ci/run"))
    place = lines.index(f"export {front}")
    assert lines[place + 1].startswith(f"timeout 600 {pytest_command} ")


def test_hooks_are_checks_of_the_makefile() -> None:
    """Each pre-commit hook runs a command of `make lint` or `make types`."""
    entries = re.findall(r"^ *entry: (.*)$", (ROOT / ".pre-commit-config.yaml").read_text(), re.MULTILINE)
    assert {"ruff check .", "codespell", "mypy"} <= set(entries)
    assert set(entries) <= {*recipes()["lint"], *recipes()["types"]}


def test_help_names_every_target() -> None:
    """Bare `make` lists the commands: each target has a comment after `##`."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    listed = re.findall(r"^(\w+):.*## ", text, re.MULTILINE)
    assert listed == list(recipes())
    assert re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)[1].split() == listed  # type: ignore[index]
