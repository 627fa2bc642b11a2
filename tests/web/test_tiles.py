"""The files of the basemap: compressed libraries, and an operator's tiles in ranges."""

import gzip
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import brotli
import httpx
import pytest
import tracker_frontend
from conftest import end
from harness import PATIENCE_S, Server, run_tracker

StartServer = Callable[..., Server]
ARCHIVE = b"PMTiles\x03" + bytes(range(256)) * 8  # the server looks at no more than the magic number


def get(url: str, **headers: str) -> httpx.Response:
    return httpx.get(url, headers=headers, trust_env=False)


def test_libraries_come_compressed_with_their_type(server: Server) -> None:
    """A module has a JavaScript type, as browsers require. With gzip it has a third of the bytes."""
    url = f"{server.url}/vendor/maplibre-gl.mjs"
    plain, packed = get(url, **{"Accept-Encoding": "identity"}), get(url, **{"Accept-Encoding": "gzip"})
    assert plain.headers["Content-Type"].startswith("text/javascript")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert int(packed.headers["Content-Length"]) * 2 < int(plain.headers["Content-Length"])
    assert packed.content == plain.content
    again = get(url, **{"If-None-Match": packed.headers["ETag"], "Accept-Encoding": "gzip"})
    assert again.status_code == 304


@pytest.mark.parametrize("folder", ["vendor", "static"])
@pytest.mark.parametrize(
    "spelling",
    [
        "./{}",
        "././{}",
        "{}/",
        "{}/.",
        "{}/./",
        "{}/../{}",
        "{}/..",
        "x/../{}",
        "{}%00",
        "%2e/{}",
        "{}/{}",
        "{}%2f",
    ],
)
def test_a_file_has_one_name(server: Server, folder: str, spelling: str) -> None:
    """Every other spelling of a file's name is 404, and costs only a lookup."""
    name = {"vendor": "land-detail.json", "static": "js/pages/map.js"}[folder]
    path = f"/{folder}/{spelling.replace('{}', name)}"
    connection = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)  # sends paths as they are
    with closing(connection):
        connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
        assert connection.getresponse().status == 404
    assert get(f"{server.url}/{folder}/{name}").status_code == 200


def test_compressed_files_are_made_when_the_package_is_built(server: Server) -> None:
    """The server sends the bytes of the package, and compresses nothing itself."""
    folder = tracker_frontend.PATH
    for encoding, suffix, unpack in (("gzip", ".gz", gzip.decompress), ("br", ".br", brotli.decompress)):
        for path in folder.glob(f"*{suffix}"):
            assert unpack(path.read_bytes()) == path.with_suffix("").read_bytes()
        packed = {path.name.removesuffix(suffix) for path in folder.glob(f"*{suffix}")}
        assert {"land-detail.json", "maplibre-gl.mjs", "places.json"} <= packed
        accepted, url = {"Accept-Encoding": encoding}, f"{server.url}/vendor/land.json"
        with httpx.stream("GET", url, headers=accepted, trust_env=False) as answer:
            assert b"".join(answer.iter_raw()) == (folder / f"land.json{suffix}").read_bytes()


def test_archive_that_was_moved_away_is_404(start_server: StartServer, tmp_path: Path) -> None:
    """An archive may be missing for a moment while an operator replaces it."""
    path = tmp_path / "city.pmtiles"
    path.write_bytes(ARCHIVE)
    server = start_server(env={"TRACKER_PMTILES": str(path)})
    path.unlink()
    assert get(f"{server.url}/basemap.pmtiles").status_code == 404


@pytest.mark.parametrize("path", ["../__init__.py", "..%2f__init__.py", "%2e%2e/__init__.py", "nothing.js"])
def test_nothing_else_is_served(server: Server, path: str) -> None:
    """No path leads out of the folder."""
    assert get(f"{server.url}/vendor/{path}").status_code == 404


def test_archive_is_served_in_ranges(start_server: StartServer, tmp_path: Path) -> None:
    """A browser reads a PMTiles archive in ranges, from this host only."""
    (tmp_path / "city.pmtiles").write_bytes(ARCHIVE)
    server = start_server(env={"TRACKER_PMTILES": str(tmp_path / "city.pmtiles")})
    part = get(f"{server.url}/basemap.pmtiles", Range="bytes=7-16")
    assert part.status_code == 206
    assert part.content == ARCHIVE[7:17]
    assert part.headers["Content-Range"] == f"bytes 7-16/{len(ARCHIVE)}"


def test_without_the_setting_there_is_no_archive(server: Server) -> None:
    assert get(f"{server.url}/basemap.pmtiles").status_code == 404


@pytest.mark.parametrize("content", [None, b"", b"something else"])
def test_file_that_is_no_archive_is_refused_at_the_start(tmp_path: Path, content: bytes | None) -> None:
    """A file that is no archive is refused at the start, before a person sees an empty map."""
    path = tmp_path / "city.pmtiles"
    if content is not None:
        path.write_bytes(content)
    env: dict[str, Any] = {"TRACKER_PMTILES": str(path)}
    done = run_tracker(tmp_path, "--port", "0", env=env)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "city.pmtiles" in done.stderr
    server = Server(tmp_path)  # which prints the password of the first account
    assert server.person().get("/").status == 200
    end(server)


def test_report_sent_twice_is_stored_once(server: Server) -> None:
    """A report whose answer was lost comes again with its key, and one incident is stored."""
    visitor, person = server.visitor(), server.person()
    typed = {"name": "Sent twice", "location_lat": "1", "location_lon": "2", "key": "4b1d"}
    for _ in range(2):
        page = visitor.submit("/tracker/incident/report/", **typed)
        assert page.path == "/tracker/incident/report_success/"
    assert len(person.named("Sent twice")) == 1
