"""Erasing an incident: no file has a word of it any more, and readers of the log end right."""

import json
import random
import sqlite3
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import gevent
import peewee
import pytest
from flask import Flask
from harness import point, square
from in_process import PASSWORD, Browser, make_app

import models
from domain import accounts, erasure
from domain.admin_log import AdminAction
from models import Alert, AreaOfInterest, Incident, Notification
from realtime.limits import Limits
from realtime.replay_buffer import ReplayBuffer
from storage import free_space
from web.state import state_of

# Each is in one place only: old and new names and descriptions, the notes of acknowledgements.
WORDS = [f"Zq{kind}word" for kind in ("first", "second", "told", "later", "note", "other")]
JSON = {"Content-Type": "application/json"}


def admin_of(app: Flask) -> Browser:
    if accounts.named("root") is None:
        accounts.create("root", "admin", PASSWORD)
    browser = Browser(app)
    browser.sign_in("root")
    return browser


def call(browser: Browser, method: str, path: str, body: Any = None, **headers: str) -> Any:
    """Call the API as a page does."""
    page = browser.get("/accounts/").text
    token = page.partition('name="csrf-token" content="')[2].partition('"')[0]
    return browser.client.open(
        path,
        method=method,
        base_url=browser.base_url,
        data=None if body is None else json.dumps(body),
        headers={**JSON, "X-CSRFToken": token, **headers},
    )


def feature(**properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "geometry": point(5, 5), "properties": properties}


def live_through(browser: Browser) -> int:
    """Let an incident be made, changed, alerted and acknowledged. Return its id."""
    AreaOfInterest.create(name="Town", polygon=square(0, 0, 10))
    made = call(
        browser,
        "POST",
        "/api/incidents/",
        feature(name=WORDS[0], severity="High", description=f"{WORDS[1]} " + "long " * 190),
        **{"Idempotency-Key": "made"},
    )
    assert made.status_code == 201, made.text
    pk = int(made.json["properties"]["pk"])
    other = Incident.create(name="Stays", severity="HI", longitude=5, latitude=6)
    ids = [alert.id for alert in Alert.open()]
    assert len(ids) == 2
    body = {"alerts": ids, "note": WORDS[4]}
    assert (
        call(browser, "POST", "/api/alerts/acknowledge/", body, **{"Idempotency-Key": "k"}).status_code == 200
    )
    for values in ({"description": WORDS[2]}, {"name": WORDS[3], "closed": True}, {"closed": False}):
        changed = call(browser, "PATCH", f"/api/incidents/{pk}/", {"properties": values})
        assert changed.status_code == 200, changed.text
    Alert.acknowledge([alert.id for alert in Alert.open().where(Alert.incident_id == pk)], WORDS[5])
    assert Incident.find(other.id)
    return pk


def found_in(*paths: Path) -> list[tuple[str, str]]:
    """Return which of WORDS are in which files, in capitals or not."""
    found = []
    for path in paths:
        data = path.read_bytes().lower() if path.exists() else b""
        found += [(path.name, word) for word in WORDS if word.lower().encode() in data]
    return found


def found_in_answers(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        bodies = [zlib.decompress(row[0]).decode() for row in database.execute("SELECT body FROM answer")]
    return [word for word in WORDS for body in bodies if word in body]


def files_of(path: Path) -> list[Path]:
    return [path, *(path.with_name(path.name + end) for end in ("-wal", "-shm", "-journal"))]


By = Callable[[Browser, int], None]


def by_api(browser: Browser, pk: int) -> None:
    answer = call(browser, "POST", f"/api/incidents/{pk}/erase/")
    assert (answer.status_code, answer.json) == (200, {"erased": f"Incident:{pk}", "todo": None})


def by_page(browser: Browser, pk: int) -> None:
    question = browser.get(f"/tracker/incident/erase/{pk}/")
    assert question.status_code == 200
    assert "Erase this incident?" in question.text
    answer = browser.send(f"/tracker/incident/erase/{pk}/")
    assert answer.status_code == 303
    assert f"Incident {pk} is erased." in browser.get("/tracker/incident/").text


def after_a_delete(browser: Browser, pk: int) -> None:
    assert call(browser, "DELETE", f"/api/incidents/{pk}/").status_code == 204
    by_api(browser, pk)


@pytest.mark.parametrize("erase", [by_api, by_page, after_a_delete])
def test_no_file_has_a_word_of_it(database: Path, app: Flask, tmp_path: Path, erase: By) -> None:
    """Neither the database, its -wal, an answer that is kept for a repeated request, nor a later backup."""
    browser = admin_of(app)
    pk = live_through(browser)
    assert {word for _, word in found_in(*files_of(database))} == set(WORDS)
    assert found_in_answers(database)
    erase(browser, pk)
    copy = tmp_path / "backup.db"
    models.back_up(copy)
    assert found_in(*files_of(database), copy) == []
    assert found_in_answers(database) == found_in_answers(copy) == []
    assert not free_space.is_due()


def test_log_keeps_every_seq_and_mark(app: Flask) -> None:
    """Entries are blanked in their places; one more tells readers, like a delete."""
    browser = admin_of(app)
    pk = live_through(browser)
    before = [(entry.seq, entry.mark) for entry in Notification.select().order_by(Notification.seq)]
    by_api(browser, pk)
    entries = list(Notification.select().order_by(Notification.seq))
    assert [(entry.seq, entry.mark) for entry in entries][: len(before)] == before
    told = [json.loads(entry.message) for entry in entries[len(before) :]]
    assert [message["type"] for message in told] == ["post_delete", "alert_cleared"]
    assert told[0] == {
        "type": "post_delete",
        "erased": True,
        "actor": "root",
        "feature": {
            "type": "Feature",
            "id": f"Incident:{pk}",
            "geometry": None,
            "properties": {"model": "Incident", "pk": pk},
        },
    }


@pytest.mark.parametrize("buffered", [True, False])
def test_reader_over_blanked_entries_ends_right(app: Flask, buffered: bool) -> None:  # noqa: FBT001
    """A client that returns knows the state and acknowledgement of the others, and nothing erased."""
    browser = admin_of(app)
    start = json.loads(browser.get("/api/notifications").text.splitlines()[0])
    pk = live_through(browser)
    if buffered:
        state_of(app).group.pull()
    by_api(browser, pk)
    where = {"since": start["seq"], "epoch": start["epoch"], "mark": start["mark"]}
    hello, *entries = map(json.loads, browser.get("/api/notifications", query_string=where).text.splitlines())
    assert hello["recovered"] is True
    assert [entry["seq"] for entry in entries] == list(range(start["seq"] + 1, hello["seq"] + 1))
    incidents: dict[str, str] = {}
    taken: dict[int, str] = {}
    for entry in entries:
        if entry["type"] == "post_save" and entry["feature"]["properties"]["model"] == "Incident":
            incidents[entry["feature"]["id"]] = entry["feature"]["properties"]["name"]
        elif entry["type"] == "post_delete":
            incidents.pop(entry["feature"]["id"], None)
        elif entry["type"] == "alert_acknowledged":
            taken |= {alert["id"]: alert["incident"] for alert in entry["alerts"]}
    assert incidents == {"Incident:2": "Stays"}
    assert "Incident:2" in taken.values()
    assert not [word for word in WORDS if word in json.dumps(entries)]


def test_frames_in_memory_are_forgotten(app: Flask) -> None:
    """A server that had the entries as frames reads the log for clients that are behind."""
    browser = admin_of(app)
    pk = live_through(browser)
    group = state_of(app).group
    group.pull()
    start = group.buffer.start
    by_api(browser, pk)
    group.pull()
    assert group.buffer.after(start) is None
    batch = group.buffer.after(group.buffer.start)
    assert batch is not None
    assert [json.loads(text[text.index(b"{") :])["type"] for text in group.buffer._frames][:1] == [
        "post_delete"
    ]


def test_text_of_a_person_does_not_empty_the_buffer() -> None:
    """JSON escapes the quotes of a name that looks like the member."""
    buffer = ReplayBuffer(0, Limits())
    buffer.extend([(1, b"{}"), (2, json.dumps({"name": '"erased":true'}).encode())])
    assert buffer.start == 0
    buffer.extend([(3, b'{"erased":true}')])
    assert buffer.start == 2


def test_request_that_made_it_does_not_make_it_again(app: Flask) -> None:
    """A client whose answer was lost repeats its request. The answer says that it was erased."""
    browser = admin_of(app)
    pk = live_through(browser)
    by_api(browser, pk)
    for name in (WORDS[0], "other words"):
        answer = call(browser, "POST", "/api/incidents/", feature(name=name), **{"Idempotency-Key": "made"})
        assert (answer.status_code, answer.json["error"]) == (410, "What this request made has been erased.")
    assert Incident.select().count() == 1


def test_form_that_made_it_does_not_make_it_again(app: Flask) -> None:
    """The form of a new incident that is sent a second time leads to a page that is gone."""
    browser = admin_of(app)
    form: dict[str, Any] = {"name": WORDS[0], "location_geojson": json.dumps(point(1, 2)), "key": "k" * 32}
    path = "/tracker/incident/create/"
    address = browser.send(path, **form).headers["Location"]
    by_api(browser, int(address.strip("/").split("/")[-1]))
    again = browser.send(path, **form)
    assert (again.status_code, again.headers["Location"]) == (303, address)
    assert browser.get(address).status_code == 404
    assert Incident.select().count() == 0


def test_note_to_several_alerts_is_gone_from_all(app: Flask) -> None:
    """One note was given to the alerts of two incidents: it may be about the one that is erased."""
    browser = admin_of(app)
    pk = live_through(browser)
    by_api(browser, pk)
    (alert,) = Alert.select()
    assert (alert.incident_name, alert.acknowledged_by, alert.note) == ("Stays", "root", "")


def test_erasing_again_changes_nothing_but_tells(app: Flask) -> None:
    """It does the rest of an erasure that was interrupted; there may be none."""
    browser = admin_of(app)
    pk = live_through(browser)
    by_api(browser, pk)
    before = [entry.message for entry in Notification.select().order_by(Notification.seq)]
    by_api(browser, pk)
    after = [entry.message for entry in Notification.select().order_by(Notification.seq)]
    assert after[:-1] == before
    assert json.loads(after[-1])["erased"] is True


def test_interrupted_erasure_is_finished_by_the_next(
    database: Path, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The incident is gone first; what is left can be erased by its number."""
    browser = admin_of(app)
    pk = live_through(browser)

    def fail(_pk: int) -> None:
        raise peewee.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(erasure, "_pieces", fail)
        with pytest.raises(peewee.OperationalError):
            erasure.erase(pk, "root")
    assert free_space.is_due()
    assert Incident.get_or_none(Incident.id == pk) is None
    by_api(browser, pk)
    assert found_in(*files_of(database)) == []


@pytest.mark.parametrize("pk", [0, 1, 2**63, 10**30])
def test_what_never_was_is_not_found(app: Flask, pk: int) -> None:
    """Neither by the API nor by the page; nothing is logged."""
    browser = admin_of(app)
    assert call(browser, "POST", f"/api/incidents/{pk}/erase/").status_code == 404
    assert browser.get(f"/tracker/incident/erase/{pk}/").status_code == 404
    assert Notification.bounds() == (0, 0)


def test_program_erases_with_the_token_of_an_admin(app: Flask) -> None:
    """The token must be for writing. The admins' log names its owner."""
    incident = Incident.create(name="Fire", longitude=1, latitude=2)
    path, program = f"/api/incidents/{incident.id}/erase/", Browser(app)
    owners = {role: accounts.create(f"Owner as {role}", role) for role in ("editor", "admin")}
    for role, read_only, why in (
        ("editor", False, "Only admins have access"),
        ("admin", True, "This token is read-only."),
    ):
        refused = program.post(path, headers=bearer(owners[role], read_only=read_only))
        assert (refused.status_code, refused.get_json()["error"].startswith(why)) == (403, True)
    answer = program.post(path, headers=bearer(owners["admin"]))
    assert (answer.status_code, answer.json) == (200, {"erased": f"Incident:{incident.id}", "todo": None})
    assert Incident.select().count() == 0
    assert AdminAction.select().order_by(AdminAction.id.desc()).first().who == "Owner as admin"


def bearer(owner: models.User, *, read_only: bool = False) -> dict[str, str]:
    token = accounts.make_token(owner, "test", read_only=read_only)
    return {"Authorization": f"Bearer {token}"}


def test_only_admins_erase(app: Flask) -> None:
    """An editor is refused, by the API and by the page, and sees no button."""
    incident = Incident.create(name="Fire", longitude=1, latitude=2)
    browser = Browser(app)
    browser.sign_in()
    assert call(browser, "POST", f"/api/incidents/{incident.id}/erase/").status_code == 403
    assert browser.get(f"/tracker/incident/erase/{incident.id}/").status_code == 403
    assert "Erase" not in browser.get(incident.url).text
    assert "Erase" in admin_of(app).get(incident.url).text


def test_who_erased_is_in_the_admins_log(app: Flask) -> None:
    """With the number and without the name."""
    incident = Incident.create(name=WORDS[0], longitude=1, latitude=2)
    by_api(admin_of(app), incident.id)
    (action,) = models.AdminAction.select().where(models.AdminAction.what == "erased")
    assert (action.who, action.whose) == ("root", f"Incident {incident.id}")


def test_large_file_is_left_to_the_operator(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server does not hold up saves to rewrite it; it says which command to run."""
    monkeypatch.setattr(free_space, "MOST_BYTES", 1000)
    incident = Incident.create(name="Fire", longitude=1, latitude=2)
    answer = call(admin_of(app), "POST", f"/api/incidents/{incident.id}/erase/")
    assert "erase --free-space" in answer.json["todo"]
    assert free_space.is_due()
    free_space.overwrite()
    assert not free_space.is_due()


def test_reader_of_the_file_delays_the_rest(
    database: Path, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another program reads the file, its -wal can't be emptied: the answer says so."""
    monkeypatch.setattr(free_space, "LOCK_WAIT_S", 0.1)
    incident = Incident.create(name=WORDS[0], longitude=1, latitude=2)
    with closing(sqlite3.connect(database, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM incident").fetchall()
        answer = call(admin_of(app), "POST", f"/api/incidents/{incident.id}/erase/")
        assert "--free-space" in answer.json["todo"]
    assert free_space.is_due()
    free_space.overwrite()
    assert found_in(*files_of(database)) == []


def test_saves_go_on_while_the_rewrite_waits_for_a_reader(database: Path) -> None:
    """A backup reads one state of the file for long. Nobody's save waits for its end."""
    incident = Incident.create(name=WORDS[0], longitude=1, latitude=2)
    with closing(sqlite3.connect(database, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM incident").fetchall()
        erasure.erase(incident.id, "root")
        rewriting = gevent.spawn(free_space.overwrite)
        wal = Path(f"{database}-wal")
        while wal.stat().st_size < database.stat().st_size:
            gevent.sleep(0.01)
        with closing(sqlite3.connect(database, timeout=2, isolation_level=None)) as writer:
            for number in range(5):
                writer.execute("INSERT INTO setting VALUES (?, '')", (f"saved {number}",))
                gevent.sleep(0.05)
        assert not rewriting.ready()
    rewriting.get(timeout=20)
    assert found_in(*files_of(database)) == []


def test_many_rows_that_were_moved_leave_no_copy(database: Path) -> None:
    """SQLite moves rows to other pages as tables grow. The copies that this leaves are overwritten, too."""
    assert database.exists()
    chance = random.Random(7)
    models.database.execute_sql("PRAGMA synchronous = off")
    with models.database.atomic():
        for number in range(1, 301):
            Incident.create(
                name=f"W{number:04d}q", description="x" * chance.randrange(900), longitude=1, latitude=2
            )
        for number in chance.sample(range(1, 301), 150):
            incident = Incident.find(number)
            incident.description = f"W{number:04d}q " + "y" * chance.randrange(900)
            incident.save()
    gone = chance.sample(range(1, 301), 20)
    for number in gone:
        erasure.erase(number, "root")
    free_space.overwrite()
    data = b"".join(path.read_bytes() for path in files_of(database) if path.exists())
    assert [number for number in gone if b"W%04dq" % number in data] == []
    assert b"W%04dq" % next(n for n in range(1, 301) if n not in gone) in data


def test_an_entry_is_erased_in_a_new_application(database: Path) -> None:
    """An application that starts later knows nothing of it either."""
    assert database.exists()
    browser = admin_of(make_app())
    pk = live_through(browser)
    by_api(browser, pk)
    again = admin_of(make_app())
    texts = again.get(
        "/api/notifications", query_string={"since": 0, "epoch": models.Setting.get_by_id("epoch").value}
    )
    assert not [word for word in WORDS if word in texts.text]
