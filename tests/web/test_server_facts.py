"""The part of /admin/ about the running server: versions, sizes, and what needs attention."""

import json

import pytest
from flask import Flask
from in_process import NAME, PASSWORD, Browser, make_app

import models
from base.version import VERSION
from domain import accounts
from storage import free_space
from storage.sizes import Sizes
from web import server_facts
from web.state import state_of

ROOMY = Sizes(database=1, wal=1, log_entries=1, log=1, disk_free=1 << 40, disk=1 << 41)


@pytest.fixture
def admin(app: Flask) -> Browser:
    user = accounts.named(NAME)
    assert user is not None
    accounts.set_role(user, "admin")
    browser = Browser(app)
    browser.sign_in(NAME, PASSWORD)
    return browser


def test_page_has_versions_and_sizes(admin: Browser) -> None:
    """Nothing needs attention, and no backup is known yet."""
    page = " ".join(admin.get("/admin/").text.split())
    for words in (
        f'Tracker</dt><dd class="number">{VERSION}<',
        "SQLite",
        "gevent ",
        " free of ",
        "entries, about",
    ):
        assert words in page
    assert "None known" in page
    assert "needs attention" not in page


def test_last_backup_is_shown(admin: Browser) -> None:
    """Of the last one the page has the time and the size; a failure since then needs attention."""
    good = {"at": "2030-01-31T08:00:00.000000Z", "file": "/backups/a.db", "bytes": 3 << 20}
    models.Setting.insert(name="backup", value=json.dumps(good)).execute()
    text = admin.get("/admin/").text
    assert "2030-01-31T08:00" in text
    assert "3.0 MiB" in text
    assert "failed" not in text
    bad = {"failed_at": "2030-02-01T08:00:00.000000Z", "reason": "can't write <it>", "is_failing": True}
    models.Setting.insert(name="backup_failure", value=json.dumps(bad)).execute()
    assert "The last backup failed: can&#39;t write &lt;it&gt;." in admin.get("/admin/").text


def test_unfinished_erasure_needs_attention(admin: Browser) -> None:
    """Until the unused parts of the file are overwritten, which a large file or a long reader puts off."""
    free_space.note()
    assert "erase --free-space" in admin.get("/admin/").text
    free_space.overwrite()
    assert "erase --free-space" not in admin.get("/admin/").text


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (ROOMY._replace(disk_free=100 << 20), "The disk has only 100 MiB left."),
        (ROOMY._replace(wal=65 << 20), "The -wal file has 65.0 MiB."),
    ],
)
def test_size_over_a_limit_is_told(
    admin: Browser, monkeypatch: pytest.MonkeyPatch, found: Sizes, words: str
) -> None:
    monkeypatch.setattr(server_facts, "sizes", lambda: found)
    assert words in admin.get("/admin/").text


def test_failed_save_is_told(admin: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page says what /readyz says."""
    monkeypatch.setattr(type(models.database), "why_not_writable", lambda _self: "The disk is full.")
    assert "<li>The disk is full.</li>" in admin.get("/admin/").text


def test_reached_limits_name_the_account_and_the_address(database: object) -> None:
    """An operator sees who has all live pages that one may have."""
    assert database
    app = make_app(sockets_per_account=2, sockets_per_address=2)
    user = accounts.named(NAME)
    assert user is not None
    accounts.set_role(user, "admin")
    browser = Browser(app)
    browser.sign_in(NAME, PASSWORD)
    quota = state_of(app).quota
    for _ in range(2):
        quota.take(user.id, "address:192.0.2.7")
    text = browser.get("/admin/").text
    assert f"These accounts have as many live pages as they may: {NAME}." in text
    assert "These addresses have as many live pages as they may: 192.0.2.7." in text


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1.0 KiB"),
        (150 << 10, "150 KiB"),
        (3 << 40, "3.0 TiB"),
    ],
)
def test_size_for_people(size: int, words: str) -> None:
    assert server_facts.readable(size) == words
