"""When a clock that was two days ahead is corrected, nobody is locked out and nothing lasts too long."""

import contextlib
import sqlite3
import time
from pathlib import Path

import httpx
import pyotp
import pytest
from conftest import StartServer
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from harness import PATIENCE_S, Person, Server, run_tracker
from itsdangerous import TimestampSigner

import models
from base import addresses
from domain import accounts, throttle, totp
from models import Session

DAY_S = 24 * 3600.0
PASSWORD = "a long walk by the sea"
REPORT = "/tracker/incident/report/"


def change(server: Server, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(server.database, timeout=PATIENCE_S)) as database, database:
        for statement in statements:
            database.execute(statement)


def moved(column: str, by: str) -> str:
    """Return the SQL of a time in the database, moved."""
    return f"strftime('%Y-%m-%dT%H:%M:%f000Z', {column}, '{by}')"


def set_clock_back(server: Server, by: str = "2 days") -> None:
    """Shift all stored times, as if a clock that was ahead by this much had written them."""
    seconds = "strftime('%s', 'now', '{}') - strftime('%s', 'now')"
    change(
        server,
        f"UPDATE session SET created = {moved('created', by)}, last_used = {moved('last_used', by)}",
        f"UPDATE token SET created = {moved('created', by)}, expires = {moved('expires', by)}, "
        f"last_used = {moved('last_used', by)}",
        f"UPDATE reset SET expires = {moved('expires', by)}",
        f"UPDATE throttle SET until = until + {seconds.format(by)}",
    )


def report(visitor: Person) -> int:
    place = {"location_lat": "1", "location_lon": "2"}
    return visitor.submit(REPORT, name="Smoke", **place).response.history[-1].status_code


def test_nobody_is_locked_out(start_server: StartServer) -> None:
    """Entries from the future refuse no sign-in and no report, also after a restart."""
    env = {"TRACKER_REPORTS_PER_ADDRESS": "30", "TRACKER_REPORTS_IN_TOTAL": "300"}
    server = start_server(env=env)
    for _ in range(3):
        assert server.visitor().sign_in("admin", "a wrong password").status == 401
    server.person()
    assert report(server.visitor()) == 303
    set_clock_back(server)
    assert server.visitor().sign_in("admin", server.password).path == "/"
    assert report(server.visitor()) == 303
    set_clock_back(server)
    server.stop()
    again = start_server(password=server.password, env=env)
    assert again.visitor().sign_in("admin", server.password).path == "/"
    assert report(again.visitor()) == 303


def test_failures_count_on_when_the_clock_is_set_right(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wait that is longer than the failures allow is ignored. The next failure adds the usual wait."""
    assert database.exists()
    clock = [1_000_000.0 + 2 * DAY_S]
    monkeypatch.setattr(time, "time", lambda: clock[0])
    key = throttle.by_name("admin")
    for _ in range(8):
        clock[0] += throttle.attempt({key: 5})
        throttle.attempt({key: 5})
    assert 0 < throttle.attempt({key: 5}) <= throttle.LONGEST_S
    clock[0] -= 2 * DAY_S
    assert throttle.attempt({key: 5}) == 0
    first = throttle.attempt({key: 5})
    assert first >= 2**3
    clock[0] += first / 2
    assert throttle.attempt({key: 5}) == first / 2


@pytest.mark.parametrize("ahead_s", [1.5, 600.0, 2 * DAY_S])
def test_success_by_a_clock_that_was_ahead_costs_no_wait(
    database: Path, monkeypatch: pytest.MonkeyPatch, ahead_s: float
) -> None:
    """A sign-in from the future leaves no wait at all, because a success has none."""
    assert database.exists()
    clock = [1_000_000.0 + ahead_s]
    monkeypatch.setattr(time, "time", lambda: clock[0])
    keys = {throttle.by_name("admin"): 5, addresses.key("192.0.2.1"): 20}
    throttle.attempt(keys)
    throttle.succeeded(*keys)
    clock[0] -= ahead_s
    assert throttle.attempt(keys) == 0


@pytest.mark.parametrize(("ahead", "goes_on"), [("10 seconds", True), ("2 days", False)])
def test_session_from_the_future_is_over(start_server: StartServer, ahead: str, *, goes_on: bool) -> None:
    """A session from the future has ended, because it would last too long. A small correction ends none."""
    server = start_server()
    person = server.person()
    set_clock_back(server, ahead)
    assert (person.get("/", follow=True).path == "/") is goes_on
    assert person.sign_in("admin", server.password).path == "/"


@pytest.mark.parametrize(("hours_ago", "goes_on"), [(1, True), (3, False)])
def test_use_in_the_future_counts_as_none(
    start_server: StartServer, hours_ago: int, *, goes_on: bool
) -> None:
    """A last use in the future is ignored: the session counts from its start, and its use is noted again."""
    server = start_server(env={"TRACKER_IDLE_HOURS": "2"})
    person = server.person()
    created, used = moved("created", f"-{hours_ago} hours"), moved("last_used", "2 days")
    change(server, f"UPDATE session SET created = {created}, last_used = {used}")
    assert (person.get("/", follow=True).path == "/") is goes_on
    query = "SELECT last_used > strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '1 days') FROM session"
    with contextlib.closing(sqlite3.connect(server.database, timeout=PATIENCE_S)) as database:
        assert database.execute(query).fetchone() == (not goes_on,)


def test_session_is_alive_by_every_mixture_of_past_and_future(database: Path) -> None:
    """One condition decides for pages, for sockets, and for the sessions that a sign-in deletes."""
    assert database.exists()
    user = accounts.create("someone", "viewer", PASSWORD)
    ages = [-2 * DAY_S, -100.0, 100.0, 5000.0, 20_000.0]
    ids = {}
    for age_s in ages:
        for idle_s in ages:
            id_ = ids[age_s, idle_s] = accounts.token_hash(f"{age_s} {idle_s}")
            times = {"created": accounts.moment(-age_s), "last_used": accounts.moment(-idle_s)}
            Session.create(id=id_, user=user, address="", user_agent="", **times, force_insert=True)
    lifetime = accounts.Lifetime(session_s=10_000, idle_s=1000)
    alive = accounts.valid_keys({(user.id, id_) for id_ in ids.values()}, lifetime)
    used_lately = {(age_s, idle_s) for age_s in (-100.0, 100.0, 5000.0) for idle_s in (-100.0, 100.0)}
    used_in_the_future = {(-100.0, -2 * DAY_S), (100.0, -2 * DAY_S)}  # last used at its start
    assert {
        times for times, id_ in ids.items() if (user.id, id_) in alive
    } == used_lately | used_in_the_future
    lifetime.delete_ended()
    kept = {session.id for session in Session.select()}
    in_the_future = {times for times in ids if min(times) == -2 * DAY_S}
    assert {times for times, id_ in ids.items() if id_ in kept} == used_lately | in_the_future


def test_links_and_tokens_that_would_last_too_long_are_refused(start_server: StartServer) -> None:
    """A link or token whose end is too far away is refused. A token without an end goes on."""
    server = start_server()
    env = {"TRACKER_DATABASE": str(server.database)}

    def token(*options: str) -> str:
        return run_tracker(server.folder, "token", "add", "admin", "x", *options, env=env).stdout.strip()

    def status(secret: str) -> int:
        headers = {"Authorization": f"Bearer {secret}"}
        return httpx.get(f"{server.url}/api/alerts/", headers=headers, trust_env=False).status_code

    endless, brief = token(), token("--days", "1")
    link = "/accounts/reset/secret/"
    expires = moved("'now'", "23 hours")
    change(server, f"INSERT INTO reset VALUES ('{accounts.token_hash('secret')}', 1, {expires})")
    assert server.visitor().get(link).status == 200
    assert [status(endless), status(brief)] == [200, 200]
    set_clock_back(server)
    assert server.visitor().get(link).status == 404
    assert [status(endless), status(brief)] == [200, 401]
    with contextlib.closing(sqlite3.connect(server.database, timeout=PATIENCE_S)) as database:
        (used,) = database.execute("SELECT last_used FROM token WHERE expires IS NULL").fetchone()
    assert used <= models.now()


def test_cookie_signed_in_the_future_is_believed(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database decides when a session ends, so a cookie signed just before the correction stays valid."""
    server = start_server()
    person = server.person()
    with contextlib.closing(sqlite3.connect(server.database, timeout=PATIENCE_S)) as database:
        settings = dict(database.execute("SELECT name, value FROM setting"))
    app = Flask("signer")
    app.secret_key = settings["secret_key"]
    serializer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert serializer
    (cookie,) = person.http.cookies.jar
    holds = serializer.loads(cookie.value or "")
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _self: int(time.time() + 100))
    visitor = server.visitor()
    visitor.http.cookies.set(cookie.name, str(serializer.dumps(holds)))
    assert visitor.get("/", follow=True).path == "/"


@pytest.mark.parametrize(("ahead_s", "accepted"), [(60.0, False), (2 * DAY_S, True)])
def test_code_used_by_a_clock_that_was_ahead_refuses_no_later_one(
    database: Path, monkeypatch: pytest.MonkeyPatch, ahead_s: float, *, accepted: bool
) -> None:
    """A code used in the future does not block later codes. After a small correction no code works twice."""
    assert database.exists()
    clock = [1_000_000_000.0]
    monkeypatch.setattr(time, "time", lambda: clock[0])
    user = accounts.create("somebody", "viewer", PASSWORD)
    totp.begin(user)
    app = pyotp.TOTP(totp.pending(user) or "")

    def code() -> str:
        return app.generate_otp(int(clock[0]) // totp.STEP_S)

    earlier = code()
    assert totp.enable(user, earlier)
    clock[0] += ahead_s
    assert totp.accepts(user, code())
    clock[0] -= ahead_s
    assert totp.accepts(user, code()) is accepted
    assert not totp.accepts(user, code())
