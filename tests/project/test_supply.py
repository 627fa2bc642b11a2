"""Every requirement is locked to a version in its range, and every file has a hash."""

import json
import re

import pytest
from harness import ROOT
from packaging.requirements import Requirement

LOCKS = {
    "requirements.txt": "requirements.lock",
    "tests/requirements.txt": "tests/requirements.lock",
    "requirements-streets.txt": "tests/requirements.lock",
}


def requirements(name: str) -> list[Requirement]:
    """Return the requirements of a file, without comments and the frontend's folder."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    asked = [line.partition("#")[0].strip() for line in lines]
    return [Requirement(line) for line in asked if line and not line.startswith(("./", "-r "))]


def locked(name: str) -> dict[str, set[str]]:
    """Return the versions in a lock by package. A package has several if they depend on the platform."""
    found: dict[str, set[str]] = {}
    text = (ROOT / name).read_text(encoding="utf-8")
    for package, version in re.findall(r"^([\w.-]+)==([^ ]+)", text, re.M):
        found.setdefault(package, set()).add(version)
    return found


@pytest.mark.parametrize("asked", LOCKS)
def test_lock_has_every_requirement_in_its_range(asked: str) -> None:
    """A requirement that was added or raised without `.ci/lock` fails here."""
    versions = locked(LOCKS[asked])
    for requirement in requirements(asked):
        found = versions.get(requirement.name.lower(), set())
        assert found, requirement.name
        assert all(requirement.specifier.contains(version) for version in found), (requirement, found)


@pytest.mark.parametrize("lock", LOCKS.values())
def test_lock_has_hashes_and_no_address(lock: str) -> None:
    """Every package has at least one hash. The machine's settings say where to download it."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    pins = re.split(r"^(?=[\w.-]+==)", text, flags=re.M)[1:]
    assert pins
    assert all("--hash=sha256:" in pin for pin in pins)
    assert "://" not in text


def test_lock_of_the_javascript_tools_has_hashes_and_no_address() -> None:
    """The same holds for the npm packages that check the JavaScript."""
    text = (ROOT / ".ci" / "javascript" / "package-lock.json").read_text(encoding="utf-8")
    packages = {name: entry for name, entry in json.loads(text)["packages"].items() if name}
    assert packages
    assert [name for name, entry in packages.items() if not entry.get("integrity")] == []
    assert "resolved" not in text  # the address from which npm took a package
