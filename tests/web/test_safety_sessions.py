"""Attacks on sessions, sign-in and forms: fixation, theft, forgery, guessing, timing.

Logs have no secrets.
"""

import contextlib
import json
import os
import re
import sqlite3
import stat
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import StartServer
from harness import PATIENCE_S, Person, Server, point, run_tracker, wait_until
from peers import resident_bytes

import models
from base import addresses
from domain import throttle


def attempt(server: Server, name: str, password: str, address: str = "") -> httpx.Response:
    """Try to sign in with a new browser, through a trusted proxy if an address is given."""
    visitor = server.visitor()
    if address:
        visitor.http.headers["X-Forwarded-For"] = address
    form = visitor.get("/accounts/login/").filled_in(username=name, password=password)
    return visitor.http.post("/accounts/login/", data=form)


# Sessions


def test_cookie_is_out_of_reach_of_scripts_and_other_sites(server: Server) -> None:
    """HttpOnly and SameSite=Lax, on every cookie that the server sets."""
    visitor = server.visitor()
    for answer in (visitor.http.get("/accounts/login/"), attempt(server, server.name, server.password)):
        for cookie in answer.headers.get_list("Set-Cookie"):
            assert "HttpOnly" in cookie
            assert "SameSite=Lax" in cookie
            assert "Domain" not in cookie


def test_session_has_a_new_id_at_sign_in(server: Server) -> None:
    """A cookie that an attacker planted before the sign-in is invalid after it."""
    victim, thief = server.visitor(), server.visitor()
    victim.get("/accounts/login/")
    planted = victim.cookie
    victim.sign_in(server.name, server.password)
    first = victim.cookie
    assert first != planted
    thief.http.cookies.set(victim.cookie_name, planted)
    assert thief.get("/", follow=True).path == "/accounts/login/"
    victim.sign_in(server.name, server.password)
    assert victim.cookie != first


@pytest.mark.parametrize(
    "path", ["/accounts/login/", "/admin/users/", "/tracker/incident/report/", "/nowhere"]
)
@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
def test_form_of_another_site_replaces_no_cookie(server: Server, path: str, origin: str) -> None:
    """The form arrives without the cookie. A new cookie in the answer would sign the person out."""
    visitor = server.visitor()
    answer = visitor.http.post(path, data={"name": "x"}, headers={"Origin": origin})
    assert answer.status_code in (302, 400, 401, 404)
    assert "Set-Cookie" not in answer.headers
    own = visitor.http.post("/tracker/incident/report/", data={"name": "x"}, headers={"Origin": server.url})
    assert "Set-Cookie" in own.headers, "the form that is shown again needs one"


@pytest.mark.parametrize("change", ["", "x", "e30.aaaa.bbbb", "swap"])
def test_forged_cookie_opens_nothing(server: Server, change: str) -> None:
    """A forged or changed cookie is no session, and causes no error."""
    person = server.person()
    cookie = person.cookie
    forged = cookie[:5] + ("A" if cookie[5] != "A" else "B") + cookie[6:] if change == "swap" else change
    visitor = server.visitor()
    visitor.http.cookies.set(person.cookie_name, forged)
    assert visitor.get("/", follow=True).path == "/accounts/login/"


def test_database_alone_lets_nobody_in(server: Server) -> None:
    """The session ids and token hashes in the database open nothing."""
    server.person()
    with sqlite3.connect(f"file:{server.database}?mode=ro", uri=True) as database:
        ids = [row[0] for row in database.execute("SELECT id FROM session")]
    database.close()
    for secret in ids[:3]:
        bearer = {"Authorization": f"Bearer {secret}"}
        answer = httpx.get(f"{server.url}/api/alerts/", headers=bearer, trust_env=False)
        assert answer.status_code == 401


@pytest.mark.parametrize(
    ("setting", "column"), [("TRACKER_SESSION_HOURS", "created"), ("TRACKER_IDLE_HOURS", "last_used")]
)
def test_session_ends_by_its_age_and_by_idleness(
    start_server: StartServer, setting: str, column: str
) -> None:
    """A session ends at the age, or after the idle time, of the settings."""
    server = start_server(env={setting: "2"})
    young, old = server.person(), server.person()
    for hours, signed_in in ((1, True), (3, False)):
        with sqlite3.connect(server.database, timeout=PATIENCE_S) as database:
            hours_ago = f"strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '-{hours} hours')"
            database.execute(f"UPDATE session SET {column} = {hours_ago}")
        database.close()
        for person in (young, old):
            assert (person.get("/", follow=True).path == "/") is signed_in


def test_open_page_is_use_of_its_session(start_server: StartServer) -> None:
    """An open page keeps its session alive without a click. Another session ends."""
    server = start_server(env={"TRACKER_IDLE_HOURS": "2"})
    wall, forgotten, newcomer = server.person(), server.person(), server.person()
    with wall.watch():
        with sqlite3.connect(server.database, timeout=PATIENCE_S) as database:
            hour_ago = "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '-1 hours')"
            database.execute(f"UPDATE session SET last_used = {hour_ago}")
            noted = f"SELECT count(*) FROM session WHERE last_used > {hour_ago}"
            database.commit()
            with newcomer.watch():  # a new client makes the server check at once, and not within a minute
                wait_until(
                    lambda: database.execute(noted).fetchone()[0] == 2, what="the wall's session to be noted"
                )
        database.close()
    assert forgotten.get("/", follow=True).path == "/"


def test_files_are_for_their_owner_only(start_server: StartServer, tmp_path: Path) -> None:
    """The database and SQLite's files beside it are 0600, even if copied here or made under a lax umask."""
    before = os.umask(0)
    try:
        server = start_server()
        server.person().save_incident("Something to write")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("tracker.db*")}
        assert len(modes) >= 2
        assert set(modes.values()) == {0o600}
        server.stop()
        server.database.chmod(0o644)
        start_server(password=server.password)
        assert stat.S_IMODE(server.database.stat().st_mode) == 0o600
    finally:
        os.umask(before)


def test_signing_key_is_another_for_every_database(start_server: StartServer, tmp_path: Path) -> None:
    """Each database has its own long key, from the first start on."""
    keys = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        server = start_server(folder=tmp_path / name)
        person = server.person()
        with sqlite3.connect(f"file:{server.database}?mode=ro", uri=True) as database:
            keys += database.execute("SELECT value FROM setting WHERE name = 'secret_key'").fetchone()
        database.close()
        assert keys[-1] not in person.get("/").response.text + person.get("/healthz").response.text
    assert keys[0] != keys[1]
    assert min(len(key) for key in keys) >= 64


# Forms and calls from other sites


def test_token_of_a_call_that_changes_nothing_is_not_believed(person: Person) -> None:
    """A token in a GET is not checked, so it is not remembered as valid."""
    form = {"csrf_token": "forged", "name": "Forged", "location_geojson": json.dumps(point(13, 52))}
    create = "/tracker/incident/create/"
    assert person.http.request("OPTIONS", "/tracker/incident/", data=form).status_code == 200
    assert person.http.post(create, data=form).status_code == 400
    assert person.http.post(create, data=form | {"csrf_token": person.csrf_token()}).status_code == 303
    assert person.http.post(create, data=form).status_code == 400


def test_token_with_a_tail_costs_no_memory(server: Server) -> None:
    """Of a valid token with 60 KB after it, which the decoder ignores, nothing is kept.

    The allocator may keep less than half of the bytes that were sent.
    """
    nobody = server.visitor()
    token = nobody.get("/accounts/login/").value("csrf_token")
    assert token
    before = resident_bytes(server.process.pid)
    for number in range(400):
        form = {"csrf_token": token + "~" * (60_000 + number)}
        assert nobody.http.post("/accounts/login/", data=form).status_code in (400, 401, 429)
    assert resident_bytes(server.process.pid) - before < 12 << 20


def test_changing_call_without_the_token_is_refused(server: Server, person: Person) -> None:
    """Each form, and each call by cookie, is refused without a token, or with a wrong one."""
    stored = person.save_incident("Not to be forged")["properties"]["pk"]
    other = server.person().csrf_token()
    before = server.health()["seq"]
    for method, path in (
        ("POST", "/api/incidents/"),
        ("PATCH", f"/api/incidents/{stored}/"),
        ("DELETE", f"/api/incidents/{stored}/"),
        ("POST", "/api/areas/"),
        ("POST", "/api/alerts/read/"),
        ("POST", f"/tracker/incident/delete/{stored}/"),
        ("POST", f"/tracker/incident/confirm/{stored}/"),
        ("POST", "/tracker/incident/report/"),
        ("POST", "/accounts/password/"),
        ("POST", "/accounts/tokens/"),
        ("POST", "/accounts/sign_out_everywhere/"),
        ("POST", "/admin/users/"),
        ("POST", "/admin/users/1/reset/"),
        ("POST", "/accounts/logout/"),
        ("POST", "/accounts/login/"),
    ):
        for token in (None, "", "x", other, "é"):
            headers = {} if token is None else {b"X-CSRFToken": token.encode()}
            is_api = path.startswith("/api/")
            body: dict[str, Any] = {"json" if is_api else "data": {"type": "Feature"}}
            answer = person.http.request(method, path, headers=headers, **body)
            assert answer.status_code == 400, (method, path, token)
    assert server.health()["seq"] == before
    assert person.get("/").status == 200, "signed out by a forged call"


def test_public_report_from_another_site_is_refused(visitor: Person, person: Person) -> None:
    """The report form needs its token, even without a session."""
    fields = {"name": "Forged report", "severity": "UR", "location_lat": "1", "location_lon": "2"}
    assert visitor.http.post("/tracker/incident/report/", data=fields).status_code == 400
    assert not person.named("Forged report")


@pytest.mark.parametrize(
    "path",
    [
        "/accounts/logout/",
        "/accounts/sign_out_everywhere/",
        "/tracker/incident/delete/1/",
        "/admin/users/1/reset/",
    ],
)
def test_get_changes_nothing(server: Server, person: Person, path: str) -> None:
    """No GET signs out, deletes or creates a link."""
    before = server.health()["seq"]
    assert person.http.get(path).status_code in {200, 404, 405}
    assert server.health()["seq"] == before
    assert person.get("/").status == 200


# Guessing


def test_guesses_at_one_name_must_wait_longer_and_longer(start_server: StartServer) -> None:
    """After the burst even the right password is refused with 429, also after a restart."""
    env = {"TRACKER_PROXIES": "127.0.0.1"}
    server = start_server(env=env)
    addresses = (f"203.0.113.{number}" for number in range(1, 250))
    for number in range(throttle.BURST_PER_NAME):
        name = "admin" if number % 2 else "ADMIN"
        assert attempt(server, name, f"guess {number}", next(addresses)).status_code == 401
    for failures in range(5):  # more than the burst
        let_pass(server, "admin")
        started = time.time()
        assert attempt(server, "admin", "wrong again", next(addresses)).status_code == 401
        assert until(server, "admin") - started >= 2 ** (failures + 1)
    refused = attempt(server, "admin", server.password, next(addresses))
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 32
    server.stop()
    again = start_server(password=server.password, env=env)
    assert attempt(again, "admin", server.password, next(addresses)).status_code == 429
    let_pass(again, "admin")
    assert attempt(again, "admin", server.password, next(addresses)).status_code == 303
    assert attempt(again, "admin", "one wrong one", next(addresses)).status_code == 401


def test_guesses_elsewhere_do_not_delay_known_addresses(start_server: StartServer) -> None:
    """A stranger's guesses delay the owner only at addresses where the account never signed in."""
    server = start_server(env={"TRACKER_PROXIES": "127.0.0.1"})
    for address in ("198.51.100.1", "2001:db8:1:2::3"):
        assert attempt(server, "admin", server.password, address).status_code == 303
    for number in range(throttle.BURST_PER_NAME):
        assert attempt(server, "Admin", "guess", f"203.0.113.{number}").status_code == 401
    let_wait(server, throttle.by_name("admin"))
    assert attempt(server, "admin", server.password, "192.0.2.1").status_code == 429
    for address in ("198.51.100.1", "2001:db8:1:2:ffff::"):
        assert attempt(server, "admin ", server.password, address).status_code == 303
    for _ in range(throttle.BURST_PER_NAME):
        assert attempt(server, "admin", "guess", "198.51.100.1").status_code == 401
    let_wait(server, f"{throttle.by_name('admin')} {addresses.key('198.51.100.1')}")
    assert attempt(server, "admin", server.password, "198.51.100.1").status_code == 429


def test_address_is_known_for_a_bounded_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After that time, or if it was noted in the future, attempts from there count with all others."""
    models.open_database(tmp_path / "throttle.db")
    try:
        clock = [2_000_000_000.0]
        monkeypatch.setattr(time, "time", lambda: clock[0])
        throttle.remember("admin", "192.0.2.1")
        assert throttle.by_name_from("ADMIN", "192.0.2.1") != throttle.by_name("admin")
        assert throttle.by_name_from("admin", "192.0.2.2") == throttle.by_name("admin")
        assert throttle.by_name_from("other", "192.0.2.1") == throttle.by_name("other")
        for moment in (2_000_000_000 - 2 * 24 * 3600, 2_000_000_000 + throttle.KNOWN_S):
            clock[0] = moment
            assert throttle.by_name_from("admin", "192.0.2.1") == throttle.by_name("admin")
    finally:
        models.database.close()


def until(server: Server, name: str) -> float:
    """Return the time until which this name is refused."""
    with contextlib.closing(sqlite3.connect(server.database, timeout=PATIENCE_S)) as database:
        query = "SELECT until FROM throttle WHERE key = ?"
        (found,) = database.execute(query, (throttle.by_name(name),)).fetchone()
    return float(found)


def let_wait(server: Server, key: str) -> None:
    """Make the running wait last minutes, as after more attempts."""
    with contextlib.closing(sqlite3.connect(server.database, timeout=PATIENCE_S)) as database, database:
        query = "UPDATE throttle SET count = 30, until = ? WHERE key = ? AND count >= ?"
        changed = database.execute(query, (time.time() + 600, key, throttle.BURST_PER_NAME)).rowcount
    assert changed == 1


def let_pass(server: Server, name: str) -> None:
    """End the wait of this name."""
    with contextlib.closing(sqlite3.connect(server.database, timeout=PATIENCE_S)) as database, database:
        database.execute(
            "UPDATE throttle SET until = ? WHERE key = ?", (time.time() - 1, throttle.by_name(name))
        )


def test_guesses_from_one_address_must_wait_whatever_the_name(start_server: StartServer) -> None:
    """The address throttles one password with many names. IPv6 neighbours count as one."""
    server = start_server(env={"TRACKER_PROXIES": "127.0.0.1"})
    statuses: list[int] = []
    while 429 not in statuses and len(statuses) < throttle.BURST_PER_ADDRESS + 8:
        number = len(statuses)
        answer = attempt(server, f"name {number}", "Spring2026!!", f"2001:db8:1:2::{number:x}")
        statuses.append(answer.status_code)
    assert statuses[: throttle.BURST_PER_ADDRESS] == [401] * throttle.BURST_PER_ADDRESS
    assert statuses[-1] == 429
    assert attempt(server, server.name, server.password, "2001:db8:1:3::1").status_code == 303


def test_many_guesses_at_once_win_nothing(tmp_path: Path) -> None:
    """An attempt counts before its result, so simultaneous attempts count, too."""
    models.open_database(tmp_path / "throttle.db")
    try:
        keys = {throttle.by_name("admin"): 5}
        waits = [throttle.attempt(keys) for _ in range(50)]
        assert waits[:6] == [0.0] * 6 or waits[:5] == [0.0] * 5
        assert all(waits[6:])
    finally:
        models.database.close()


def test_waits_are_bounded(tmp_path: Path) -> None:
    """However many guesses come, no wait is longer than LONGEST_S."""
    models.open_database(tmp_path / "throttle.db")
    try:
        key = throttle.by_name("admin")
        with models.database.atomic():
            throttle.Throttle.create(key=key, count=10_000, until=time.time() - 1, force_insert=True)
        assert throttle.attempt({key: 5}) == 0
        assert 0 < throttle.attempt({key: 5}) <= throttle.LONGEST_S
    finally:
        models.database.close()


def test_rate_is_held_and_burst_is_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`limit` allows a burst of its count, then one for each share of the time. 0 allows none."""
    models.open_database(tmp_path / "throttle.db")
    clock = [1_000_000.0]
    monkeypatch.setattr(time, "time", lambda: clock[0])
    try:
        assert [throttle.limit("x", 10, 100) == 0 for _ in range(12)] == [True] * 10 + [False] * 2
        assert 0 < throttle.limit("x", 10, 100) <= 10
        clock[0] += 10
        assert throttle.limit("x", 10, 100) == 0
        assert throttle.limit("x", 10, 100) > 0
        clock[0] += 100
        assert [throttle.limit("x", 10, 100) == 0 for _ in range(11)] == [True] * 10 + [False]
        assert throttle.limit("none", 0, 100) > 0
    finally:
        models.database.close()


def test_unknown_name_is_answered_like_a_wrong_password(start_server: StartServer) -> None:
    """Existing, unknown and deactivated accounts get the same answer. tests/domain counts the hashes."""
    server = start_server()
    env = {"TRACKER_DATABASE": str(server.database)}
    for command in (("user", "add", "leaver"), ("user", "deactivate", "leaver")):
        assert run_tracker(server.folder, *command, stdin="a long walk by the sea\n", env=env).returncode == 0
    texts = set()
    for name in ("admin", "nobody", "leaver"):
        visitor = server.visitor()
        form = visitor.get("/accounts/login/").filled_in(username=name, password="wrong password")
        answer = visitor.http.post("/accounts/login/", data=form)
        assert answer.status_code == 401
        texts.add(re.sub(r'value="[^"]*"|content="[^"]*"|"time": *"[^"]*"', "", answer.text))
    assert len(texts) == 1


# Secrets


def test_logs_hold_no_secrets(start_server: StartServer) -> None:
    """After sign-ins, errors and a broken database the output has no secret."""
    server = start_server()
    server.may_fail = True
    person = server.person()
    cookie = person.cookie
    token = person.csrf_token()
    page = person.http.post("/accounts/tokens/", data={"csrf_token": token, "label": "log"})
    (secret,) = re.findall(r"tracker_[\w-]{43}", page.text)
    bearer = {"Authorization": f"Bearer {secret}"}
    httpx.get(f"{server.url}/api/alerts/", headers=bearer, trust_env=False)
    attempt(server, "my-password-as-name", "my-secret-guess")
    person.http.get("/accounts/reset/one-time-secret/")
    person.http.request("BREW", "/?token=query-secret")
    with sqlite3.connect(f"file:{server.database}?mode=ro", uri=True) as database:
        ids = [row[0] for row in database.execute("SELECT id FROM session")]
    database.close()
    for name in server.folder.glob("tracker.db*"):
        with name.open("r+b") as file:
            file.write(b"\xff" * name.stat().st_size)
    for path in ("/", "/accounts/", "/api/alerts/", "/admin/"):
        person.http.get(path)
        httpx.get(f"{server.url}{path}", headers=bearer, trust_env=False)
    attempt(server, "admin", "my-secret-guess")
    output = server.output.replace(f"Sign in as admin, password: {server.password}", "")
    assert "database does not answer" in output
    secrets = [server.password, cookie, token, secret, *ids]
    secrets += ["my-password-as-name", "my-secret-guess", "one-time-secret", "query-secret"]
    for text in secrets:
        assert text not in output


def test_deleted_objects_are_not_found(person: Person) -> None:
    """The id of a deleted object is 404 on every page and call, and is never used again.

    A button of an old page leads to the list.
    """
    stored = person.save_incident("To be deleted", 3, 4)
    pk = stored["properties"]["pk"]
    person.delete(stored)
    for path in (
        "/tracker/incident/{}/",
        "/tracker/incident/update/{}/",
        "/tracker/incident/delete/{}/",
        "/api/incidents/{}/",
    ):
        assert person.http.get(path.format(pk)).status_code == 404, path
    headers = {"X-CSRFToken": person.csrf_token()}
    for method in ("PATCH", "DELETE"):
        body = {"type": "Feature", "geometry": point(1, 1), "properties": {}}
        assert (
            person.http.request(method, f"/api/incidents/{pk}/", json=body, headers=headers).status_code
            == 404
        )
    leads_to = person.http.post(f"/tracker/incident/confirm/{pk}/", headers=headers).headers["Location"]
    assert leads_to == "/tracker/incident/"
    assert person.save_incident("Another")["properties"]["pk"] > pk
