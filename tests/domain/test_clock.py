"""A server's clock that was two days ahead and is set right: nobody is locked out, nothing lasts too long."""

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
    """Let all that is stored so far have been stored by a clock that was ahead by so much."""
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
    """Who signed in, failed to, or reported while the clock was ahead does so again, also after a restart."""
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
    """A wait longer than the failures cost is none; the next failure costs what it should."""
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
    """Not even as long as the longest wait: nothing was to be waited for."""
    assert database.exists()
    clock = [1_000_000.0 + ahead_s]
    monkeypatch.setattr(time, "time", lambda: clock[0])
    keys = {throttle.by_name("admin"): 5, throttle.by_address("192.0.2.1"): 20}
    throttle.attempt(keys)
    throttle.succeeded(*keys)
    clock[0] -= ahead_s
    assert throttle.attempt(keys) == 0


@pytest.mark.parametrize(("ahead", "goes_on"), [("10 seconds", True), ("2 days", False)])
def test_session_from_the_future_is_over(start_server: StartServer, ahead: str, *, goes_on: bool) -> None:
    """It would last for longer than sessions may. A clock that is set back a little ends none."""
    server = start_server()
    person = server.person()
    set_clock_back(server, ahead)
    assert (person.get("/", follow=True).path == "/") is goes_on
    assert person.sign_in("admin", server.password).path == "/"


@pytest.mark.parametrize(("hours_ago", "goes_on"), [(1, True), (3, False)])
def test_use_in_the_future_counts_as_none(
    start_server: StartServer, hours_ago: int, *, goes_on: bool
) -> None:
    """The session counts as unused since it began; if that is not too long ago, its use is noted anew."""
    server = start_server(env={"TRACKER_IDLE_HOURS": "2"})
    person = server.person()
    created, used = moved("created", f"-{hours_ago} hours"), moved("last_used", "2 days")
    change(server, f"UPDATE session SET created = {created}, last_used = {used}")
    assert (person.get("/", follow=True).path == "/") is goes_on
    query = "SELECT last_used > strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '1 days') FROM session"
    with contextlib.closing(sqlite3.connect(server.database, timeout=PATIENCE_S)) as database:
        assert database.execute(query).fetchone() == (not goes_on,)


def test_sockets_and_pages_agree_on_what_is_over(database: Path) -> None:
    """What a page is refused for ends its WebSocket too, for every mixture of past and future."""
    assert database.exists()
    user = accounts.create("someone", "viewer", PASSWORD)
    ages = [-2 * DAY_S, -100.0, 100.0, 5000.0, 20_000.0]
    keys = set()
    for age_s in ages:
        for idle_s in ages:
            id_ = accounts.token_hash(f"{age_s} {idle_s}")
            times = {"created": accounts.moment(-age_s), "last_used": accounts.moment(-idle_s)}
            Session.create(id=id_, user=user, address="", user_agent="", **times, force_insert=True)
            if not accounts.is_over(age_s, idle_s, session_s=10_000, idle_limit_s=1000):
                keys.add((user.id, id_))
    everything = {(user.id, session.id) for session in Session.select()}
    assert len(everything) == len(ages) ** 2
    assert accounts.valid_keys(everything, session_s=10_000, idle_s=1000) == keys
    assert len(keys) == 8


def test_links_and_tokens_that_would_last_too_long_are_refused(start_server: StartServer) -> None:
    """A token without an end goes on: its time decides nothing."""
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
    """When a session ends is in the database: who signed in just before the clock was set back stays."""
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
    """Where the app has the server's clock. A clock that is set back a little lets no code be used again."""
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
