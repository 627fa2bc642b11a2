"""Files have addresses that change with their content, and texts are compressed."""

import gzip
import re
from pathlib import Path

import brotli
import pytest
from bs4 import BeautifulSoup
from flask import Flask
from harness import ROOT
from in_process import Browser

from web import static_files
from web.static_files import COMMENT, EXPORT, IMPORT, Files, StaticFiles, joined

FOREVER = "public, max-age=31536000, immutable"
UNPACK = {"br": brotli.decompress, "gzip": gzip.decompress}
ENCODINGS = [
    ("gzip, deflate, br, zstd", "br"),
    ("gzip, deflate", "gzip"),
    ("br;q=0, gzip", "gzip"),
    ("br;q=0.1, gzip;q=0.9", "gzip"),
    ("identity;q=1, gzip;q=0.5", None),
    ("gzip;q=0", None),
    ("", None),
    ("deflate", None),
]


@pytest.fixture
def person(app: Flask) -> Browser:
    browser = Browser(app)
    browser.sign_in()
    return browser


def test_page_asks_for_nothing_twice(person: Browser) -> None:
    """All files that the map names have a version in their address, and may be kept for a year."""
    page = BeautifulSoup(person.get("/").text, "html.parser")
    named = [tag.get("src") or tag.get("href") for tag in page.select("script[src], link")]
    files = [address for address in named if re.match(r"/(static|vendor)/", str(address))]
    assert len(files) > 8
    for address in files:
        answer = person.get(str(address))
        assert answer.status_code == 200, address
        assert set(answer.headers["Cache-Control"].split(", ")) == set(FOREVER.split(", ")), address
        answer.close()


def test_map_loads_its_modules_as_one_file(person: Browser) -> None:
    """Modules of the page's own are asked for one by one on other pages only."""
    page = BeautifulSoup(person.get("/").text, "html.parser")
    (script,) = [str(tag["src"]) for tag in page.select("script[type=module][src]")]
    assert script.endswith("/js/pages/map.joined.js")
    code = person.get(script).text
    assert not re.search(r"^(import|export)\b", code, re.MULTILINE)
    assert "/js/live/store.js" in code.replace("// ", "/")


def test_joined_modules_see_only_what_they_import() -> None:
    """Names of different modules don't meet, and imports may be renamed."""
    first = """
/** Documents.
 * More.
 */

export const one = 1;
const own = "a"; /** stays */
"""
    second = """import { one } from "./a.js";
const own = "b";
export function two() {}
export class Three {
  /** @type {number} */ x = one;
}
"""
    last = """import { one as uno } from "../base/a.js";
import {
  two,
  Three,
} from "../base/b.js";
import "../base/b.js";
export {};
start(uno, two, Three);
"""
    modules = {"js/base/a.js": first, "js/base/b.js": second, "js/pages/c.js": last}
    expected = """// js/base/a.js
const m0 = (() => {
const one = 1;
const own = "a"; /** stays */
return { one };
})();
// js/base/b.js
const m1 = (() => {
const { one } = m0;
const own = "b";
function two() {}
class Three {
  /** @type {number} */ x = one;
}
return { two, Three };
})();
// js/pages/c.js
const m2 = (() => {
const { one: uno } = m0;
const {
  two,
  Three,
} = m1;
start(uno, two, Three);
})();
"""
    assert re.sub(r"\n+", "\n", joined(modules).decode()) == expected


def test_own_modules_can_be_joined() -> None:
    """No module has an import or an export of a kind that `joined` does not know."""
    for path in sorted((ROOT / "static" / "js").rglob("*.js")):
        code = COMMENT.sub("", path.read_text(encoding="utf-8"))
        rest = EXPORT.sub("", IMPORT.sub("", code)).replace("export {};", "")
        assert not re.search(r"^\s*(import|export)\b(?!\()", rest, re.MULTILINE), path


def test_file_without_a_version_is_asked_for_each_time(person: Browser) -> None:
    answer = person.get("/static/css/base.css")
    assert answer.headers["Cache-Control"] == "no-cache"
    again = person.get("/static/css/base.css", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("version", ["0" * 12, "a" * 12])
def test_unknown_version_is_not_found(person: Browser, version: str) -> None:
    """A page of another version gets no file of this one, and no browser keeps that answer."""
    answer = person.get(f"/static/{version}/css/base.css")
    assert answer.status_code == 404
    assert answer.headers["Cache-Control"] == "no-store"


def test_version_changes_with_name_and_content(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("one")
    versions = [Files(tmp_path).version]
    (tmp_path / "a.js").write_text("two")
    versions.append(Files(tmp_path).version)
    (tmp_path / "a.js").rename(tmp_path / "b.js")
    versions.append(Files(tmp_path).version)
    assert len(set(versions)) == 3
    (tmp_path / "b.js").rename(tmp_path / "a.js")
    (tmp_path / "a.js").write_text("one")
    assert Files(tmp_path).version == versions[0]


def test_replaced_files_are_sent_in_their_own_version_only(tmp_path: Path) -> None:
    """During an upgrade both versions are sent whole, and never a mixture."""
    (tmp_path / "a.js").write_text("old")
    (tmp_path / "gone.js").write_text("old")
    files = StaticFiles(tmp_path)
    old = files.version
    (tmp_path / "a.js").write_text("new")
    (tmp_path / "gone.js").unlink()
    new = Files(tmp_path).version
    found = files.find(f"{new}/a.js")
    assert found is not None
    assert found[0].content("a.js", "") == b"new"
    assert files.find(f"{new}/gone.js") is None
    for name in ("a.js", "gone.js"):
        found = files.find(f"{old}/{name}")
        assert found is not None
        assert found[0].content(name, "") == b"old"


def test_strangers_do_not_make_the_server_read_the_files_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request for an unknown version reads them, and the next one only after a second."""
    monkeypatch.setattr(static_files, "LOOK_AGAIN_S", 1000.0)
    (tmp_path / "a.js").write_text("old")
    files = StaticFiles(tmp_path)
    assert files.find(f"{'0' * 12}/a.js") is None
    (tmp_path / "a.js").write_text("new")
    assert files.find(f"{'1' * 12}/a.js") is None
    assert files.find(f"{Files(tmp_path).version}/a.js") is None  # it was looked a moment ago


@pytest.mark.parametrize(("accepted", "encoding"), ENCODINGS)
@pytest.mark.parametrize("path", ["/static/css/base.css", "/", "/tracker/incident/feature_collection/"])
def test_texts_are_compressed_as_the_client_asks(
    person: Browser, path: str, accepted: str, encoding: str | None
) -> None:
    """Files, pages and collections. Unpacked, the text is that of a client without compression."""
    plain = person.get(path, headers={"Accept-Encoding": "identity"})
    answer = person.get(path, headers={"Accept-Encoding": accepted})
    assert answer.headers.get("Content-Encoding") == encoding
    assert "Accept-Encoding" in answer.headers["Vary"]
    data = UNPACK[encoding](answer.data) if encoding else answer.data
    if path == "/":  # each page has a token of its own
        assert data.endswith(b"</html>")
    else:
        assert data == plain.data
    if "Content-Length" in answer.headers:
        assert int(answer.headers["Content-Length"]) == len(answer.data)


def test_range_of_a_file_is_of_the_plain_text(person: Browser) -> None:
    whole = person.get("/static/css/base.css", headers={"Accept-Encoding": "identity"}).data
    part = person.get("/static/css/base.css", headers={"Accept-Encoding": "br", "Range": "bytes=5-14"})
    assert (part.status_code, part.data) == (206, whole[5:15])
    assert "Content-Encoding" not in part.headers


def test_head_says_what_get_would(person: Browser) -> None:
    headers = {"Accept-Encoding": "br"}
    for path in ("/static/css/base.css", "/accounts/"):
        head, get = (
            getattr(person.client, method)(path, base_url=person.base_url, headers=headers)
            for method in ("head", "get")
        )
        assert head.headers.get("Content-Encoding") == get.headers.get("Content-Encoding") == "br"
        assert head.data == b""


def test_answers_with_a_version_of_their_object_stay_as_they_are(person: Browser) -> None:
    """Programs send such an ETag back, and a proxy may change that of a compressed answer."""
    token = re.search(r'name="csrf-token" content="([^"]+)"', person.get("/").text)
    assert token
    feature = {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [1, 2]},
        "properties": {"name": "Fire", "description": "x" * 1000, "severity": "High"},
    }
    headers = {"X-CSRFToken": token[1], "Accept-Encoding": "br", "Origin": person.base_url}
    made = person.post("/api/incidents/", json=feature, headers=headers)
    assert made.status_code == 201, made.text
    assert "ETag" in made.headers
    assert "Content-Encoding" not in made.headers


def test_token_of_forms_differs_in_each_page(person: Browser) -> None:
    """So its letters can't be guessed from the length of compressed pages."""
    tokens = {
        re.search(r'name="csrf-token" content="([^"]+)"', person.get("/accounts/").text)[1]  # type: ignore[index]
        for _ in range(3)
    }
    assert len(tokens) == 3
    assert len({token[:20] for token in tokens}) == 3
