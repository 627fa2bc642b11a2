"""Archives of streets: uploads in pieces, what is refused, and the files that the map reads."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from archive import Drawn, write_archive
from flask import Flask
from in_process import Browser, make_app
from werkzeug.test import TestResponse

import models
from domain import accounts
from storage import streets
from storage.streets import BadArchive, check, name_for

ROADS = [Drawn("transportation", "LineString", [(24.0, 35.5), (24.01, 35.5)], {"class": "primary"})]
Put = Callable[..., TestResponse]


@pytest.fixture
def admin(app: Flask) -> Browser:
    accounts.create("streets admin", "admin", "an admin's long password")
    browser = Browser(app)
    browser.sign_in("streets admin", "an admin's long password")
    return browser


@pytest.fixture
def folder() -> Path:
    return streets.folder_of(str(models.database.database))


@pytest.fixture
def city(tmp_path: Path) -> bytes:
    write_archive(tmp_path / "city.pmtiles", ROADS, range(12, 15))
    return (tmp_path / "city.pmtiles").read_bytes()


@pytest.fixture
def put(admin: Browser) -> Put:
    token = admin.get("/admin/").text.split('name="csrf-token" content="')[1].split('"')[0]

    def send(
        piece: bytes, offset: int, size: int, name: str = "city.pmtiles", **headers: str
    ) -> TestResponse:
        own = {"X-CSRFToken": token, "Accept": "application/json", "Referer": "http://localhost/admin/"}
        return admin.post(
            f"/admin/streets/?name={name}&offset={offset}&size={size}",
            data=piece,
            content_type="application/octet-stream",
            headers={**own, **headers},
        )

    return send


def test_archive_that_comes_in_pieces_is_drawn_and_deleted(
    admin: Browser, put: Put, city: bytes, folder: Path
) -> None:
    """No reader sees a part of it. Then everybody can read it in ranges, until an admin deletes it."""
    half = len(city) // 2
    assert put(city[:half], 0, len(city)).json == {"next": half}
    assert admin.get("/streets/city.pmtiles").status_code == 404
    assert put(city[half:], half, len(city)).status_code == 201
    with admin.get("/streets/city.pmtiles", headers={"Range": "bytes=0-6"}) as part:
        assert (part.status_code, part.data) == (206, b"PMTiles")
    assert '"/streets/city.pmtiles"' in admin.get("/tracker/incident/report/").text
    page = admin.get("/admin/")
    assert "OpenMapTiles, zoom 12 to 14" in page.text
    assert "streets uploaded: city.pmtiles" in page.text
    token = page.text.split('name="csrf-token" content="')[1].split('"')[0]
    answer = admin.post(
        "/admin/streets/city.pmtiles/delete/",
        data={"csrf_token": token},
        headers={"Referer": "http://localhost/admin/"},
    )
    assert answer.status_code == 303
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda content: b"<html>" + content, "not a PMTiles archive"),
        (lambda content: content[:-1], "not complete"),
        (lambda content: content.replace(b'"transportation"', b'"transportatiom"'), "schema is unknown"),
        (lambda content: content[:97] + b"\x03" + content[98:], "compressed in a way"),
        (lambda content: content[:99] + b"\x02" + content[100:], "no vector tiles"),
        (lambda content: content.replace(b'{"vector_layers"', b'["vector_layers"'), "can't be read"),
    ],
)
def test_file_that_the_map_cannot_draw_is_refused(
    put: Put, city: bytes, folder: Path, spoil: Callable[[bytes], bytes], reason: str
) -> None:
    """The answer says why, and nothing is left of the file."""
    content = spoil(city)
    answer = put(content, 0, len(content))
    assert answer.status_code == 422
    assert reason in answer.get_json()["error"]
    assert not folder.exists() or list(folder.iterdir()) == []


def test_replacement_that_is_refused_leaves_the_older_archive(put: Put, city: bytes, folder: Path) -> None:
    put(city, 0, len(city))
    assert put(city[:-9], 0, len(city) - 9).status_code == 422
    assert (folder / "city.pmtiles").read_bytes() == city


def test_piece_that_does_not_follow_is_refused(put: Put, city: bytes) -> None:
    """A piece that was lost, or a second upload of this name, must not mix two files."""
    put(city[:50], 0, len(city))
    assert put(city[60:], 60, len(city)).status_code == 409
    assert put(city[50:], 50, 60).status_code == 400
    assert put(b"", 50, len(city)).status_code == 400
    assert put(city[50:], 50, len(city)).status_code == 201


def test_upload_is_bounded(put: Put, city: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """The size is known before the first byte is stored, and so is the room on the disk."""
    assert "too large" in put(city, 0, streets.MAX_ARCHIVE + 1).get_json()["error"]
    monkeypatch.setattr(streets, "SPARE", 1 << 60)
    assert "MiB left" in put(city, 0, len(city)).get_json()["error"]
    assert put(bytes(2 << 20), 0, 2 << 20).status_code == 413
    for wrong in ("x", "-1", "9" * 40):
        assert put(city, wrong, len(city)).status_code == 400


def test_editors_upload_nothing(app: Flask, city: bytes) -> None:
    editor = Browser(app)
    editor.sign_in()
    token = editor.get("/").text.split('name="csrf-token" content="')[1].split('"')[0]
    answer = editor.post(
        f"/admin/streets/?name=a&offset=0&size={len(city)}",
        data=city,
        content_type="application/octet-stream",
        headers={"X-CSRFToken": token, "Referer": "http://localhost/"},
    )
    assert answer.status_code == 403
    assert '"streetsHelp": null' in editor.get("/").text or '"streetsHelp":null' in editor.get("/").text


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("city.pmtiles", "city.pmtiles"),
        ("../../etc/passwd", "passwd.pmtiles"),
        ("Χανιά.pmtiles", "streets.pmtiles"),
        (".hidden", "hidden.pmtiles"),
        ("a b\n/c d.osm.pbf", "c-d.pmtiles"),
        ("x" * 300, "x" * 60 + ".pmtiles"),
    ],
)
def test_name_of_an_upload_is_a_plain_name(title: str, name: str) -> None:
    assert name_for(title) == name
    assert streets.NAME.fullmatch(name)


def test_description_that_grows_without_end_is_refused(tmp_path: Path) -> None:
    """A few kilobytes that unpack to gigabytes cost no memory."""
    path = tmp_path / "bomb.pmtiles"
    write_archive(path, ROADS, range(12, 13))
    content = path.read_bytes()
    packed = gzip.compress(json.dumps({"vector_layers": [], "x": " " * (40 << 20)}).encode())
    header = bytearray(content[:127])
    header[24:40] = len(content).to_bytes(8, "little") + len(packed).to_bytes(8, "little")
    header[97] = 2
    path.write_bytes(bytes(header) + content[127:] + packed)
    with pytest.raises(BadArchive, match="can't be read"):
        check(path)


@pytest.mark.usefixtures("database")
def test_several_archives_have_addresses_of_their_own(tmp_path: Path, city: bytes) -> None:
    """Files that the operator names are served from where they are."""
    for name in ("one", "two"):
        (tmp_path / f"{name}.pmtiles").write_bytes(city + name.encode())
    names = ", ".join(str(tmp_path / f"{name}.pmtiles") for name in ("one", "two"))
    browser = Browser(make_app(pmtiles=names))
    for path, end in (("/basemap.pmtiles", b"one"), ("/basemap-2.pmtiles", b"two")):
        with browser.get(path) as answer:
            assert answer.data.endswith(end)
    for path in (
        "/basemap-0.pmtiles",
        "/basemap-3.pmtiles",
        "/streets/..%2ftracker.db",
        "/streets/x.pmtiles",
    ):
        assert browser.get(path).status_code == 404
