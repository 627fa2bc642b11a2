"""Roles, sign-in, sessions and tokens, in-process: a test moves the clock."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask, g, session
from harness import incident
from in_process import NAME, PASSWORD, Browser, form_of, make_app
from werkzeug.exceptions import Forbidden, Unauthorized
from werkzeug.test import TestResponse

from base import times
from domain import accounts, passwords, totp
from domain.accounts import CLOCK_STEP_S, MAX_SESSIONS, Token
from domain.sign_ins import Refusal, SignIn
from domain.throttle import BURST_PER_ADDRESS, BURST_PER_NAME, SIGN_INS_PER_HOUR
from models import Incident, Session, User, actor, database, open_database
from storage.log import Notification
from web import auth
from web.auth import TOUCH_S
from web.state import state_of

CREATE = "/tracker/incident/create/"
LOGIN = "/accounts/login/"
INCIDENTS = "/api/incidents/"
READABLE = "/api/alerts/"
PASSWORD_PAGE = "/accounts/password/"
PLACE = '{"type": "Point", "coordinates": [2, 1]}'
TYPED = {"name": "Typed", "location_geojson": PLACE, "severity": "HI"}
OWN_PAGE = {"Referer": f"http://localhost{CREATE}"}
TINY_S = 0.000001  # the resolution of a stored time
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Clock:
    """The time of this process, which a test moves."""

    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> datetime:
        return self.time

    def go(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(times, "clock", clock)
    monkeypatch.setattr(time, "time", lambda: clock().timestamp())
    monkeypatch.setattr(passwords, "hashed", lambda password: f"hash of {password}")
    monkeypatch.setattr(passwords, "matches", lambda stored, password: stored == f"hash of {password}")
    return clock


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """Return one application for all tests of this module; to make one takes longer than any of them."""
    open_database(tmp_path_factory.mktemp("auth") / "own.db")
    yield make_app()
    database.close()


@pytest.fixture
def app(shared: Flask) -> Iterator[Flask]:
    """Return the application, in a transaction that takes everything back when the test has ended."""
    with database.atomic() as transaction:
        User.update(password_hash=passwords.hashed(PASSWORD)).execute()
        yield shared
        transaction.rollback()


def signed_in(app: Flask, role: str = "editor") -> Browser:
    """Return a browser with a session of an account of this role, which is named after it."""
    browser = Browser(app)
    user = accounts.named(role) or accounts.create(role, role, PASSWORD)
    with app.test_request_context("/"):
        assert auth.sign_in(user)
        secret = session["secret"]
    with browser.client.session_transaction() as kept:
        kept["secret"] = secret
    return browser


def bearer(app: Flask, role: str = "editor", **options: Any) -> dict[str, str]:
    """Return the header with a new token of an account of this role."""
    user = accounts.named(role) or accounts.create(role, role, PASSWORD)
    with app.app_context():
        return {"Authorization": f"Bearer {accounts.make_token(user, 'test', **options)}"}


def error_of(answer: TestResponse) -> str:
    return str(answer.get_json()["error"])


def next_of(answer: TestResponse) -> str | None:
    """Return where a redirect to the sign-in page leads after it."""
    assert answer.status_code == 302
    assert urlsplit(answer.location).path == LOGIN
    return next(iter(parse_qs(urlsplit(answer.location).query).get("next", [])), None)


# Roles


@pytest.mark.parametrize("path", ["/nothing/", "/static/icon.svg", LOGIN, "/healthz"])
def test_what_needs_no_sign_in(app: Flask, path: str) -> None:
    with Browser(app).get(path) as answer:
        assert answer.status_code == (404 if path == "/nothing/" else 200)


def test_view_without_a_role_is_for_viewers_to_read_and_for_editors_to_change(app: Flask) -> None:
    """A new page is never open by oversight."""
    assert app.view_functions["pages.index"].__dict__.get("role") is None
    viewer, editor = signed_in(app, "viewer"), signed_in(app)
    assert viewer.get("/").status_code == 200
    refused = viewer.post(CREATE, data={"name": ""}, headers=OWN_PAGE)
    assert refused.status_code == 403
    assert "You have view-only access." in refused.text
    assert editor.send(CREATE, None, **TYPED).status_code in (302, 303)
    assert Incident.select().count() == 1


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("editor", 403), ("admin", 200)])
def test_accounts_are_for_admins(app: Flask, role: str, status: int) -> None:
    answer = signed_in(app, role).get("/admin/")
    assert answer.status_code == status
    assert ("Only admins have access to this page." in answer.text) == (status == 403)


def test_typed_form_of_a_viewer_is_shown_again(app: Flask) -> None:
    """A person may have another account that is allowed to send the form."""
    answer = signed_in(app, "viewer").post(CREATE, data=TYPED, headers=OWN_PAGE)
    assert answer.status_code == 403
    assert "You are signed in as \u2068viewer\u2069. You have view-only access." in answer.text
    assert 'value="Typed"' in answer.text


def test_role_of_a_token_is_that_of_its_account_or_less(app: Flask) -> None:
    """A token that is for reading only reads; none manages accounts."""
    browser, body = Browser(app), incident("By a token")
    reading, viewing = bearer(app, read_only=True), bearer(app, "viewer")
    assert browser.post(INCIDENTS, json=body, headers=bearer(app)).status_code == 201
    assert browser.post(INCIDENTS, json=body, headers=bearer(app, "admin")).status_code == 201
    for headers, why in ((reading, "This token is read-only."), (viewing, "You have view-only")):
        assert browser.get(READABLE, headers=headers).status_code == 200
        refused = browser.post(INCIDENTS, json=body, headers=headers)
        assert refused.status_code == 403
        assert error_of(refused).startswith(why)
    assert [found["actor"] for found in log()] == ["editor", "admin"]


@pytest.mark.parametrize(
    ("role", "read_only", "allowed"),
    [
        ("admin", False, ["viewer", "editor"]),
        ("admin", True, ["viewer"]),
        ("viewer", False, ["viewer"]),
        ("editor", False, ["viewer", "editor"]),
    ],
)
def test_may_of_tokens(app: Flask, role: str, read_only: bool, allowed: list[str]) -> None:  # noqa: FBT001
    headers = bearer(app, role, read_only=read_only)
    with app.test_request_context(READABLE, headers=headers):
        assert [role for role in accounts.ROLES if auth.may(role)] == allowed
        assert auth._why_not("admin") == (
            "This token is read-only." if read_only else "Only a signed-in admin can do this, not a token."
        )


def test_nobody_may_anything(app: Flask) -> None:
    with app.test_request_context("/"):
        assert not any(auth.may(role) for role in accounts.ROLES)
        with pytest.raises(Unauthorized):
            auth.signed_in()


def log() -> list[dict[str, Any]]:
    return [json.loads(text) for _, text in Notification.after(0, 1 << 20)]


def test_look_again_sees_what_a_pause_has_changed(app: Flask) -> None:
    """While a password is hashed, the session may end, or the account may get a lower role."""
    accounts.create("Boss", "admin")
    user = accounts.create("Ann", "editor")
    headers = {"Authorization": f"Bearer {accounts.make_token(user, 'test')}"}
    with app.test_request_context(INCIDENTS, method="POST", headers=headers):
        assert auth.current_user() == user
        auth.look_again()
        accounts.set_role(user, "viewer")
        with pytest.raises(Forbidden, match="your role was changed, meanwhile"):
            auth.look_again()
        accounts.set_role(user, "editor")
        auth.look_again()
        with app.test_request_context("/"):  # no token and no session
            g.user = user
            with pytest.raises(Forbidden, match="You were signed out"):
                auth.look_again()


# What an account must do first


def test_temporary_password_must_be_changed_before_anything_else(app: Flask) -> None:
    browser = signed_in(app)
    headers = bearer(app)
    User.update(password_temporary=True).execute()
    answer = browser.get("/")
    assert (answer.status_code, answer.location) == (302, PASSWORD_PAGE)
    assert browser.get(PASSWORD_PAGE).status_code == 200
    assert browser.get(LOGIN).status_code == 200
    refused = browser.get(READABLE)
    assert refused.status_code == 403
    assert error_of(refused) == f"First open {PASSWORD_PAGE}, and do what that page asks for."
    assert browser.get(READABLE, headers=headers).status_code == 200, "a token has no password"
    kept = browser.post(CREATE, data=TYPED, headers=OWN_PAGE)
    assert kept.status_code == 403
    assert f"First open {PASSWORD_PAGE} in another tab" in kept.text
    empty = browser.post(CREATE, data={"name": " "}, headers=OWN_PAGE)
    assert (empty.status_code, empty.location) == (302, PASSWORD_PAGE)
    forged = browser.post("/accounts/logout/", headers={"Referer": "http://localhost/"})
    assert forged.status_code == 400, "these forms need a token as well"
    token = form_of(browser.get(PASSWORD_PAGE))["csrf_token"]
    assert browser.post("/accounts/logout/", data={"csrf_token": token}).status_code == 303
    assert not Session.select().exists()


@pytest.mark.parametrize(
    ("role", "needed", "page"),
    [("admin", True, "/accounts/totp/"), ("admin", False, None), ("editor", True, None)],
)
def test_admins_must_set_up_codes_if_the_operator_says_so(
    app: Flask,
    role: str,
    needed: bool,  # noqa: FBT001
    page: str | None,
) -> None:
    app = make_app(admin_totp=needed)
    browser = signed_in(app, role)
    answer = browser.get("/")
    assert (answer.status_code, answer.location) == ((302, page) if page else (200, None))
    user = accounts.find(role)
    if page:
        assert browser.get(page).status_code == 200
        with app.test_request_context("/"):
            auth.sign_in(user)
        assert not may_as(app, browser, "viewer")
        totp.Totp.create(user=user.id, secret="x", enabled=True, force_insert=True)
        assert browser.get("/").status_code == 200


def may_as(app: Flask, browser: Browser, role: str) -> bool:
    """Return whether the person at this browser may do what the role may."""
    with browser.client.session_transaction() as kept:
        secret = kept["secret"]
    with app.test_request_context("/"):
        session["secret"] = secret
        return auth.may(role)


# Nobody is signed in


@pytest.mark.parametrize(
    ("path", "after"),
    [("/", "/"), ("/?", "/"), (f"{CREATE}?at=1,2", f"{CREATE}?at=1,2"), ("/admin/", "/admin/")],
)
def test_sign_in_leads_back(app: Flask, path: str, after: str) -> None:
    assert next_of(Browser(app).get(path)) == after


def test_program_without_a_token_is_told_to_send_one(app: Flask) -> None:
    for path in (READABLE, "/api/notifications"):
        answer = Browser(app).get(path)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert error_of(answer) == "Sign in, or send a token."


def test_token_does_not_open_pages(app: Flask) -> None:
    """A page refuses a good token with the reason, and a bad one as bad."""
    browser = Browser(app)
    assert browser.get("/", headers=bearer(app)).status_code == 403
    assert browser.get("/", headers={"Authorization": "Bearer nothing"}).status_code == 401
    assert next_of(browser.get("/", headers={"Authorization": "Basic eDp5"})) == "/"


def test_form_of_somebody_signed_out_is_kept(app: Flask) -> None:
    kept = Browser(app).post(CREATE, data=TYPED, headers=OWN_PAGE)
    assert kept.status_code == 401
    assert "You were signed out before this was saved. What you typed is kept here." in kept.text
    assert 'value="Typed"' in kept.text


def test_form_with_nothing_typed_leads_to_its_page_after_the_sign_in(app: Flask) -> None:
    browser = Browser(app)
    assert next_of(browser.post(CREATE, data={"name": ""}, headers=OWN_PAGE)) == CREATE
    assert (
        "You were signed out before this was saved. Sign in, and enter it again." in browser.get(LOGIN).text
    )
    button = browser.post("/accounts/totp/off/", data={"x": "y"}, headers=OWN_PAGE)
    assert button.status_code == 401, "there is no page to lead to: the button is shown again"


def test_form_of_another_site_leads_to_the_sign_in(app: Flask) -> None:
    headers = {"Origin": "https://evil.example"}
    assert next_of(Browser(app).post(CREATE, data=TYPED, headers=headers)) == CREATE
    assert next_of(Browser(app).post("/accounts/totp/off/", headers=headers)) is None


# Forms


def test_form_of_an_earlier_session_is_shown_again(app: Flask) -> None:
    """The page names the account that is signed in now; a request of a program is refused."""
    browser = signed_in(app)
    shown = browser.post(CREATE, data={**TYPED, "csrf_token": "old"}, headers=OWN_PAGE)
    assert shown.status_code == 400
    assert "You signed in as \u2068editor\u2069 after opening this page." in shown.text
    button = browser.post("/accounts/logout/", data={"csrf_token": "old"}, headers=OWN_PAGE)
    assert button.status_code == 400
    assert "Nothing is saved: check it and send it again." in button.text
    refused = browser.post(INCIDENTS, json=incident("Forged"))
    assert refused.status_code == 400
    assert refused.get_json()["fields"] == {"csrf_token": "This is not the token of your session"}
    assert browser.post(INCIDENTS, json=incident("Token"), headers=bearer(app)).status_code == 201


def test_public_form_needs_a_token_too(app: Flask) -> None:
    """The page names no account to a visitor."""
    report = {"Referer": "http://localhost/tracker/incident/report/"}
    answer = Browser(app).post("/tracker/incident/report/", data={"name": "x"}, headers=report)
    assert answer.status_code == 400
    assert "You signed in or out after opening this page." in answer.text


def test_sign_in_page_of_before_another_sign_in(app: Flask) -> None:
    """The page leads on for the same account, and asks for the password of another account once more."""
    browser = signed_in(app)
    page = {"Referer": f"http://localhost{LOGIN}"}
    same = browser.post(LOGIN, data={"username": "EDITOR", "next": CREATE}, headers=page)
    assert (same.status_code, same.location) == (303, CREATE)
    for name in (NAME, "nobody"):
        other = browser.post(LOGIN, data={"username": name}, headers=page)
        assert other.status_code == 400
        assert "Enter your password again." in other.text
        assert f'value="{name}"' in other.text
    visitor = Browser(app).post(LOGIN, data={"username": "nobody"}, headers=page)
    assert visitor.status_code == 400


# Signing in


def typed(app: Flask, name: str = NAME, password: str = PASSWORD, **fields: str) -> TestResponse:
    return Browser(app).send(LOGIN, None, username=name, password=password, **fields)


def noted() -> list[tuple[str | None, str]]:
    return [(row.name, row.outcome) for table in (SignIn, Refusal) for row in table.select()]


def test_sign_in_begins_one_session(app: Flask, clock: Clock) -> None:
    answer = typed(app, next=CREATE)
    assert (answer.status_code, answer.location) == (303, CREATE)
    (kept,) = Session.select()
    assert (kept.user.name, kept.address, kept.created) == (NAME, "127.0.0.1", accounts.moment())
    assert noted() == [(NAME, "signed in")]
    expires = datetime.strptime(cookie_of(answer)["Expires"], "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    assert expires > datetime.now(UTC) + timedelta(days=29)
    assert clock.time == NOON


def cookie_of(answer: TestResponse) -> dict[str, str]:
    parts = [part.strip().partition("=") for part in answer.headers["Set-Cookie"].split(";")]
    return {name: value for name, _, value in parts}


@pytest.mark.parametrize(
    ("name", "password", "account", "why"),
    [
        (NAME, "wrong", NAME, "wrong password"),
        ("gone", PASSWORD, "gone", "not active"),
        ("nobody", PASSWORD, None, "no such account"),
    ],
)
def test_refused_sign_in(app: Flask, name: str, password: str, account: str | None, why: str) -> None:
    """The answer is the same for all; the admin's list says why."""
    accounts.create("gone", "viewer", PASSWORD)
    User.update(active=False).where(User.name == "gone").execute()
    answer = typed(app, name, password)
    assert answer.status_code == 401
    assert "Wrong name or password." in answer.text
    assert "Retry-After" not in answer.headers
    assert noted() == [(account, f"refused: {why}")]
    assert not Session.select().exists()


def test_waits_begin_after_a_burst_for_a_name(app: Flask, clock: Clock) -> None:
    """A sign-in ends the waits. Then guesses from other addresses cause no wait at this address."""
    for _ in range(BURST_PER_NAME):
        assert typed(app, password="wrong").status_code == 401
    refused = typed(app)
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "1"
    assert "Too many attempts. Try again in 1 second." in refused.text
    assert noted()[-1] == (NAME, "refused: tried too often")
    clock.go(1)
    assert typed(app).status_code == 303
    for _ in range(BURST_PER_NAME):
        assert typed(app, password="wrong").status_code == 401
    elsewhere = {"REMOTE_ADDR": "192.0.2.1"}
    with app.test_request_context(LOGIN, method="POST", environ_overrides=elsewhere):
        assert auth.check(NAME, PASSWORD, "")[0] == 0


def test_waits_begin_after_a_burst_from_an_address(app: Flask) -> None:
    for number in range(BURST_PER_ADDRESS):
        assert typed(app, f"guess {number}").status_code == 401
    assert typed(app, "another").status_code == 429


def test_account_signs_in_only_so_often(app: Flask, clock: Clock) -> None:
    """Each sign-in costs a hash and a session, so the right password does not lift the limit."""
    with app.test_request_context(LOGIN, method="POST"):
        user = accounts.find(NAME)
        for _ in range(SIGN_INS_PER_HOUR):
            assert auth.check(NAME, PASSWORD, "") == (0.0, user)
        wait, found = auth.check(NAME, PASSWORD, "")
        assert wait == pytest.approx(3600 / SIGN_INS_PER_HOUR)
        assert found is None
        assert noted() == [(NAME, "refused: tried too often")]
        clock.go(wait)
        assert auth.check(NAME, PASSWORD, "confirmed")[1] == user
        assert noted()[0] == (NAME, "confirmed")


def test_busy_server_says_so(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is too busy to check a password counts no try and notes nothing."""
    monkeypatch.setattr(passwords, "MAX_IN_FLIGHT_PER_CLIENT", 0)
    answer = typed(app)
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == str(passwords.RETRY_S)
    assert "Too many people are signing in at the moment." in answer.text
    assert noted() == []


def test_account_that_was_changed_while_it_signed_in(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "is_current", lambda _user: False)
    answer = typed(app)
    assert answer.status_code == 401
    assert "The account was changed meanwhile. Sign in again." in answer.text
    assert noted() == []
    assert not Session.select().exists()


def test_second_step_is_asked_for(app: Flask) -> None:
    """The password clears the cookie, and no session begins before the code."""
    user = accounts.find(NAME)
    totp.Totp.create(user=user.id, secret="x", enabled=True, force_insert=True)
    browser = Browser(app)
    page = form_of(browser.get(LOGIN))
    with browser.client.session_transaction() as kept:
        kept["before"] = "x"
    fields = {**page, "username": NAME, "password": PASSWORD, "next": CREATE}
    answer = browser.post(LOGIN, data=fields)
    assert (answer.status_code, answer.location) == (303, f"/accounts/login/code/?next={CREATE}")
    with browser.client.session_transaction() as kept:
        assert list(kept) == ["halfway"]
    assert browser.get("/accounts/login/code/").status_code == 200
    assert noted() == [(NAME, "gave the password, was asked for a code")]
    assert not Session.select().exists()


def test_sign_out_ends_the_session(app: Flask) -> None:
    first, second = signed_in(app), signed_in(app)
    answer = first.post("/accounts/logout/", data={"csrf_token": form_of(first.get(CREATE))["csrf_token"]})
    assert (answer.status_code, answer.location) == (303, LOGIN)
    assert Session.select().count() == 1
    with first.client.session_transaction() as kept:
        assert not kept
    assert second.get("/").status_code == 200
    assert Browser(app).post("/accounts/logout/").status_code == 302, "nobody is signed in"


def test_sign_in_drops_surplus_and_ended_sessions(app: Flask, clock: Clock) -> None:
    for _ in range(MAX_SESSIONS + 1):
        signed_in(app)
        clock.go(TINY_S)
    assert Session.select().count() == MAX_SESSIONS
    clock.go(state_of(app).settings.session_hours * 3600)
    signed_in(app, "viewer")
    assert Session.select().count() == 1


def test_session_keeps_the_beginning_of_the_browsers_name(app: Flask) -> None:
    with app.test_request_context("/", headers={"User-Agent": "x" * 299 + "yz"}):
        assert auth.sign_in(accounts.find(NAME))
        assert session.permanent
        assert len(session["secret"]) == 43  # 32 random bytes
    assert Session.get().user_agent == "x" * 299 + "y"


# Sessions and tokens in use


def test_session_lasts_as_long_as_the_settings_say(app: Flask, clock: Clock) -> None:
    app = make_app(session_hours=10, idle_hours=2)
    browser = signed_in(app)
    for _ in range(5):
        clock.go(2 * 3600 - TINY_S)
        assert browser.get("/").status_code == 200
    clock.go(5 * TINY_S)
    assert next_of(browser.get("/")) == "/"
    idle = signed_in(app)
    clock.go(2 * 3600)
    assert next_of(idle.get("/")) == "/"


def test_session_of_a_deactivated_account_is_over(app: Flask) -> None:
    browser = signed_in(app)
    User.update(active=False).execute()
    assert next_of(browser.get("/")) == "/"


def test_secret_that_is_no_text_is_nobodys(app: Flask) -> None:
    browser = signed_in(app)
    with browser.client.session_transaction() as kept:
        kept["secret"] = 5
    assert next_of(browser.get("/")) == "/"


@pytest.mark.parametrize(
    ("idle_hours", "past", "noted"),
    [
        (24, 1, False),
        (24, TOUCH_S, False),
        (24, TOUCH_S + TINY_S, True),
        (0.5, 180, False),  # a tenth of the idle time
        (0.5, 180 + TINY_S, True),
        (24, -CLOCK_STEP_S, False),
        (24, -CLOCK_STEP_S - TINY_S, True),
    ],
)
def test_use_of_a_session_is_noted_now_and_then(
    app: Flask,
    clock: Clock,
    idle_hours: float,
    past: float,
    noted: bool,  # noqa: FBT001
) -> None:
    """Not every page view is a write. A time in the future was noted by a wrong clock, and is set right.

    A page that is open without requests notes the same, by `note_use`.
    """
    app = make_app(idle_hours=idle_hours)
    browser = signed_in(app)
    user = accounts.find("editor")
    for use in ("request", "open page"):
        Session.update(created=accounts.moment(-1000), last_used=accounts.moment(-past)).execute()
        before = Session.get().last_used
        if use == "request":
            assert browser.get("/accounts/signed_in/").status_code == 200
        else:
            with app.app_context():
                auth.note_use([(user.id, Session.get().id)])
        assert Session.get().last_used == (accounts.moment() if noted else before), use
    assert clock.time == NOON


def test_only_the_sessions_of_open_pages_are_noted(app: Flask, clock: Clock) -> None:
    for _ in range(3):
        signed_in(app)
    ids = sorted(kept.id for kept in Session.select())
    clock.go(TOUCH_S + 1)
    with app.app_context():
        auth.note_use([(1, f"none {number}") for number in range(700)] + [(1, ids[0]), (1, ids[2])])
    used = {kept.id for kept in Session.select() if kept.last_used == accounts.moment()}
    assert used == {ids[0], ids[2]}


def test_valid_keys_are_those_of_living_sessions(app: Flask, clock: Clock) -> None:
    signed_in(app)
    key = (accounts.find("editor").id, Session.get().id)
    with app.app_context():
        assert auth.valid_keys({key, (99, "x")}) == {key}
        clock.go(state_of(app).settings.idle_hours * 3600)
        assert auth.valid_keys({key}) == set()


@pytest.mark.parametrize(
    ("past", "noted"),
    [
        (None, True),
        (1, False),
        (TOUCH_S, False),
        (TOUCH_S + TINY_S, True),
        (-CLOCK_STEP_S, False),
        (-CLOCK_STEP_S - TINY_S, True),
    ],
)
def test_use_of_a_token_is_noted_now_and_then(app: Flask, past: float | None, noted: bool) -> None:  # noqa: FBT001
    headers = bearer(app)
    before = None if past is None else accounts.moment(-past)
    Token.update(last_used=before).execute()
    bearer(app)  # another one, which is not used
    assert Browser(app).get(READABLE, headers=headers).status_code == 200
    used, unused = Token.select().order_by(Token.id)
    assert used.last_used == (accounts.moment() if noted else before)
    assert unused.last_used is None


def test_token_ends_to_the_second(app: Flask, clock: Clock) -> None:
    headers, browser = bearer(app, days=1), Browser(app)
    clock.go(86400 - TINY_S)
    assert browser.get(READABLE, headers=headers).status_code == 200
    clock.go(TINY_S)
    answer = browser.get(READABLE, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    clock.go(-86400 - CLOCK_STEP_S)
    assert browser.get(READABLE, headers=headers).status_code == 200
    clock.go(-TINY_S)  # it was made by a clock that was ahead, and would last too long
    assert browser.get(READABLE, headers=headers).status_code == 401


@pytest.mark.parametrize("form", ["Bearer {}", "bearer {}", "BEARER   {} "])
def test_token_is_found_in_its_header(app: Flask, form: str) -> None:
    secret = bearer(app)["Authorization"].removeprefix("Bearer ")
    headers = {"Authorization": form.format(secret)}
    assert Browser(app).get(READABLE, headers=headers).status_code == 200
    with app.test_request_context(READABLE, headers=headers):
        user = auth.signed_in()
        assert actor.get() == user.name == "editor"
        assert auth.session_key() == (user.id, f"token:{Token.get().id}")
        assert auth.owner() == f"token:{Token.get().id}"
    with app.test_request_context(READABLE):
        assert auth.current_user() is None
        assert actor.get() is None


def test_keys_of_all_sessions_of_an_account_have_one_owner(app: Flask) -> None:
    """A form that is sent again after another sign-in is recognised by its key."""
    signed_in(app)
    with app.test_request_context("/"):
        auth.sign_in(accounts.find("editor"))
        assert auth.current_user() == accounts.find("editor")
        assert auth.owner() == f"user:{accounts.find('editor').id}"
        assert auth.current_user() is auth.current_user()


# Words


@pytest.mark.parametrize(
    ("seconds", "words", "header"),
    [
        (0.2, "1 second", {"Retry-After": "1"}),
        (89.5, "90 seconds", {"Retry-After": "90"}),
        (90, "2 minutes", {"Retry-After": "90"}),
        (120, "2 minutes", {"Retry-After": "120"}),
        (120.5, "3 minutes", {"Retry-After": "121"}),
    ],
)
def test_wait_in_words_and_in_the_header(seconds: float, words: str, header: dict[str, str]) -> None:
    assert auth.duration(seconds) == words
    assert auth.retry_after(seconds) == header
    assert auth.retry_after(0) == {}


@pytest.mark.parametrize(
    ("target", "leads_to"),
    [
        ("/admin/?x=1", "/admin/?x=1"),
        ("/", "/"),
        ("", "/"),
        ("admin/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("/x\n", "/"),
        ("https://evil.example/", "/"),
        ("/a//b", "/a//b"),
    ],
)
def test_sign_in_leads_to_no_other_site(app: Flask, target: str, leads_to: str) -> None:
    with app.test_request_context("/"):
        assert auth.local(target) == leads_to


# The cookie


def test_page_of_another_site_replaces_no_cookie(app: Flask) -> None:
    """A browser sends such a form without the cookie. A new cookie would sign the person out."""
    headers = {"Origin": "https://evil.example"}
    sent = Browser(app).post(CREATE, data={"name": ""}, headers=headers)
    assert "Set-Cookie" not in sent.headers
    looked_at = Browser(app).get(LOGIN, headers=headers)
    assert "Set-Cookie" in looked_at.headers
    own = Browser(app).post(CREATE, data={"name": ""}, headers={"Origin": "http://localhost"})
    assert "Set-Cookie" in own.headers
    browser = Browser(app)
    browser.get(LOGIN)
    known = browser.post(CREATE, data={"name": ""}, headers=headers)
    assert "Set-Cookie" in known.headers, "the browser has sent its cookie, and gets its own back"


def test_cookie_that_is_not_ours_is_ignored(app: Flask) -> None:
    browser = signed_in(app)
    name = str(app.config["SESSION_COOKIE_NAME"])
    browser.client.set_cookie(name, "forged.cookie.x")
    assert next_of(browser.get("/")) == "/"


@pytest.mark.parametrize("base_url", ["http://localhost", "https://localhost"])
def test_cookie_stays_in_tls_if_it_came_by_it(app: Flask, base_url: str) -> None:
    answer = Browser(app, base_url).get(LOGIN)
    name, secure = answer.headers["Set-Cookie"].partition("=")[0], "Secure" in cookie_of(answer)
    assert (name.startswith("__Host-"), secure) == (base_url[:5] == "https",) * 2
    assert {"HttpOnly", "SameSite", "Path"} <= set(cookie_of(answer))


def test_answer_that_changes_nothing_sets_no_cookie(app: Flask) -> None:
    """The cookie is not set again with every answer, since a session ends some time after the sign-in."""
    browser = signed_in(app)
    browser.get(CREATE)
    assert "Set-Cookie" not in browser.get(CREATE).headers
    assert "Set-Cookie" not in Browser(app).get("/healthz").headers
