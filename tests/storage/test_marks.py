"""A log that went back: an old copy of the database file was put back under the same name, and goes on."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from in_process import Browser, make_app

import models
from domain import versions

PATH = "/api/notifications"


def save(name: str = "Fire") -> models.Incident:
    return models.Incident.create(name=name, longitude=1, latitude=2)


def browser_of(app: Flask) -> Browser:
    browser = Browser(app)
    browser.sign_in()
    return browser


def ask(browser: Browser, **query: Any) -> list[dict[str, Any]]:
    """Ask for the messages after a place in the log; return them, the hello first."""
    answer = browser.get(PATH, query_string=query)
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def place(message: dict[str, Any]) -> dict[str, Any]:
    """Return what a client that has this message comes back with."""
    return {
        "since": message["seq"],
        "mark": message["mark"],
        "epoch": models.Setting.get_by_id("epoch").value,
    }


def went_back(path: Path, save_more: int) -> tuple[dict[str, Any], dict[str, Any], Browser]:
    """Put back a copy that lacks the last entry, and save so many others.

    Return a client's place at the last entry that the copy has, its place at the lost entry, and a browser.
    """
    save("Kept")
    browser = browser_of(make_app())
    kept = place(ask(browser)[0])
    models.database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(path, path.with_suffix(".copy"))
    save("Lost")
    lost = place(ask(browser)[0])
    models.database.close()
    shutil.copy(path.with_suffix(".copy"), path)
    models.open_database(path)
    for number in range(save_more):
        save(f"Other {number}")
    return kept, lost, browser_of(make_app())


def test_each_entry_has_a_mark_of_its_own(app: Flask) -> None:
    """Entries with the same content, and a save's alert, have different marks; a reader is sent each."""
    browser = browser_of(app)
    start = place(ask(browser)[0])
    for _ in range(20):
        save()
    hello, *entries = ask(browser, **start)
    marks = [entry["mark"] for entry in entries]
    assert len(set(marks)) == 20
    assert hello["mark"] == marks[-1]


def test_every_answer_with_a_seq_has_its_mark(app: Flask) -> None:
    """Collections, open alerts and hello name the same entry."""
    save()
    browser = browser_of(app)
    hello = ask(browser)[0]
    paths = ("/tracker/incident/feature_collection/", "/tracker/area_of_interest/feature_collection/")
    for path in (*paths, "/api/alerts/"):
        found = json.loads(browser.get(path).text)
        assert (found["seq"], found["mark"]) == (hello["seq"], hello["mark"])
    assert hello["mark"] == models.Notification.get_by_id(hello["seq"]).mark


@pytest.mark.parametrize("save_more", [0, 1, 5])
def test_reader_of_a_lost_entry_is_not_recovered(database: Path, save_more: int) -> None:
    """Whether the log is shorter now or has as many entries: the lost entry is not the one at its seq."""
    _, lost, browser = went_back(database, save_more)
    hello, *others = ask(browser, **lost)
    assert (hello["recovered"], hello["went_back"]) == (False, True)
    assert [message["type"] for message in others] == ["heartbeat"]


def test_reader_of_a_kept_entry_goes_on(database: Path) -> None:
    """Nothing that this reader has was lost, so it gets what follows."""
    kept, _, browser = went_back(database, save_more=2)
    hello, *entries = ask(browser, **kept)
    assert hello["recovered"] is True
    assert "went_back" not in hello
    assert [entry["feature"]["properties"]["name"] for entry in entries] == ["Other 0", "Other 1"]


def test_reader_without_a_mark_goes_on_as_before(app: Flask) -> None:
    """Programs that were written before there were marks ask with `since` and `epoch` only."""
    browser = browser_of(app)
    start = place(ask(browser)[0])
    save()
    for mark in ({}, {"mark": ""}):
        hello, entry = ask(browser, since=start["since"], epoch=start["epoch"], **mark)
        assert hello["recovered"] is True
        assert entry["seq"] == start["since"] + 1


@pytest.mark.parametrize("mark", ["x", "٣", "%00", "x" * 5000])
def test_another_mark_is_refused(app: Flask, mark: str) -> None:
    """Any text may come as a mark."""
    save()
    browser = browser_of(app)
    start = place(ask(browser)[0])
    hello, *_ = ask(browser, **(start | {"mark": mark}))
    assert hello["recovered"] is False
    assert ask(browser, **start)[0]["recovered"] is True


def test_an_entry_of_an_older_version_has_no_mark(app: Flask) -> None:
    """Its message has no mark, and its reader continues without one."""
    save()
    models.database.execute_sql("UPDATE notification SET mark = ''")
    browser = browser_of(app)
    hello, *_ = ask(browser)
    assert hello["mark"] == ""
    hello, entry = ask(browser, since=0, epoch=hello["epoch"])
    assert hello["recovered"] is True
    assert "mark" not in entry
    assert ask(browser, since=1, epoch=hello["epoch"], mark="")[0]["recovered"] is True


def test_a_log_of_another_name_did_not_go_back(app: Flask) -> None:
    """After a restore the epoch is another, and its seq says nothing."""
    save()
    browser = browser_of(app)
    hello, *_ = ask(browser, since=99, epoch="another", mark="x")
    assert hello["recovered"] is False
    assert "went_back" not in hello


def test_a_version_of_the_lost_log_is_no_version_of_the_present_one(database: Path) -> None:
    """A form that was opened before the log went back overwrites nothing that was saved since."""
    incident = save("Kept")
    models.database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(database, database.with_suffix(".copy"))
    incident.name = "Lost"
    incident.save()
    seen = incident.version
    models.database.close()
    shutil.copy(database.with_suffix(".copy"), database)
    models.open_database(database)
    present = models.Incident.find(incident.id)
    present.name = "Saved since"
    present.save()
    assert present.version.split("-")[0] == seen.split("-")[0]
    with pytest.raises(versions.Conflict):
        versions.merge(present, {"name": "Mine"}, seen)
    with pytest.raises(versions.Stale):
        versions.ensure_current(present, seen)
