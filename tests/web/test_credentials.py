"""A new password or a deactivation ends sessions, links and tokens, also unfinished ones. All have bounds."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from account_steps import HELD, OTHER_PASSWORD, PASSWORD, Hold, command, press, rows
from conftest import StartServer
from harness import Page, Server

import models
from base.errors import Invalid
from domain import accounts
from domain.accounts import MAX_SESSIONS, MAX_TOKENS, Reset, Token
from models import Session, User


@pytest.fixture
def hold(tmp_path: Path) -> Hold:
    return Hold(tmp_path / "held")


@pytest.fixture
def held(start_server: StartServer, hold: Hold) -> Server:
    """A server whose passwords the test can hold, with an account of this PASSWORD: someone."""
    server = start_server(program=[HELD, hold.folder])
    command(server, "user", "add", "someone", stdin=f"{PASSWORD}\n")
    return server


# What a change ends


@pytest.mark.parametrize(
    "change",
    [
        [("user", "password", "someone")],
        [("user", "deactivate", "someone"), ("user", "activate", "someone")],
    ],
)
def test_sign_in_under_way_does_not_survive_a_change(
    held: Server, hold: Hold, change: list[tuple[str, ...]]
) -> None:
    """A sign-in whose old password was checked before the change creates no session after it."""
    visitor = held.visitor()
    form = visitor.get("/accounts/login/").filled_in(username="someone", password=PASSWORD)
    with ThreadPoolExecutor(1) as pool:
        with hold() as wait_for:
            under_way = pool.submit(visitor.http.post, "/accounts/login/", data=form)
            wait_for(1)
            for arguments in change:
                command(held, *arguments, stdin=f"{OTHER_PASSWORD}\n")
        page = Page(under_way.result())
    assert page.status == 401
    assert "changed meanwhile" in page.words
    assert rows(held, "SELECT * FROM session") == []


def test_one_time_link_is_taken_once_by_many_at_once(held: Server, hold: Hold) -> None:
    """When four people use one link at the same time, one of them chooses the password."""
    page = press(held.person(), "/admin/users/", name="newcomer", role="viewer")
    (path,) = re.findall(r"/accounts/reset/[\w-]+/", page.words)
    visitors = [held.visitor() for _ in range(4)]
    chosen = [f"{PASSWORD} {number}" for number in range(4)]
    forms = [
        visitor.get(path).filled_in(new_password=new, new_password_again=new)
        for visitor, new in zip(visitors, chosen, strict=True)
    ]
    with ThreadPoolExecutor(4) as pool:
        with hold() as wait_for:
            posts = [
                pool.submit(visitor.http.post, path, data=form)
                for visitor, form in zip(visitors, forms, strict=True)
            ]
            wait_for(4)
        statuses = [post.result().status_code for post in posts]
    assert sorted(statuses) == [303, 404, 404, 404]
    assert held.visitor().sign_in("newcomer", chosen[statuses.index(303)]).path == "/"


def test_password_is_changed_once_by_two_at_once(held: Server, hold: Hold) -> None:
    """When two requests give the old password at once, only the first changes it."""
    people = [held.visitor() for _ in range(2)]
    for person in people:
        person.sign_in("someone", PASSWORD)
    forms = [
        {
            "csrf_token": person.csrf_token(),
            "current_password": PASSWORD,
            "new_password": f"{OTHER_PASSWORD} {number}",
            "new_password_again": f"{OTHER_PASSWORD} {number}",
        }
        for number, person in enumerate(people)
    ]
    with ThreadPoolExecutor(2) as pool:
        with hold() as wait_for:
            posts = [
                pool.submit(person.http.post, "/accounts/password/", data=form)
                for person, form in zip(people, forms, strict=True)
            ]
            wait_for(2)
        statuses = [post.result().status_code for post in posts]
    assert sorted(statuses) == [303, 422]
    winner = statuses.index(303)
    assert people[winner].get("/").status == 200
    assert held.visitor().sign_in("someone", f"{OTHER_PASSWORD} {winner}").path == "/"


@pytest.fixture
def user(database: Path) -> User:
    """Return an account in a database of this process."""
    assert database.exists()
    return accounts.create("someone", "admin", PASSWORD)


@pytest.mark.parametrize("make", [accounts.make_reset, lambda user: accounts.make_token(user, "script")])
def test_link_and_token_need_a_valid_account(user: User, make: Callable[[User], str]) -> None:
    """An account that was deactivated, or got another password, during the request gets neither."""
    accounts.create("other admin", "admin", PASSWORD)
    outdated = User.get_by_id(user.id)
    accounts.set_password(user, OTHER_PASSWORD)
    with pytest.raises(Invalid):
        make(outdated)
    assert make(user)
    accounts.set_active(user, active=False)
    accounts.set_active(user, active=True)
    with pytest.raises(Invalid):
        make(user)
    assert make(User.get_by_id(user.id))


def test_link_ends_with_a_new_password_or_a_deactivation(user: User) -> None:
    """The link stays invalid after the account is activated again."""
    accounts.create("other admin", "admin", PASSWORD)
    link = accounts.make_reset(user)
    accounts.set_password(user, OTHER_PASSWORD)
    assert accounts.find_reset(link) is None
    with pytest.raises(Reset.DoesNotExist):
        accounts.set_password(user, PASSWORD, link=link)
    link = accounts.make_reset(user)
    accounts.set_active(user, active=False)
    accounts.set_active(user, active=True)
    assert accounts.find_reset(link) is None


def test_token_ends_with_a_deactivation(user: User) -> None:
    """The token stays invalid after the account is activated again."""
    accounts.create("other admin", "admin", PASSWORD)
    accounts.make_token(user, "script")
    accounts.set_active(user, active=False)
    accounts.set_active(user, active=True)
    assert not Token.select().exists()


# Bounds


def add_sessions(user_id: int, count: int) -> None:
    """Store sessions of an account, the first of them unused for longest."""
    moments = [accounts.moment(number - count) for number in range(count)]
    Session.insert_many(
        [
            {
                "id": accounts.token_hash(f"{user_id} {number}"),
                "user": user_id,
                "address": "",
                "user_agent": f"browser {number}",
                "created": moments[0],
                "last_used": moment,
            }
            for number, moment in enumerate(moments)
        ]
    ).execute()


def test_surplus_sessions_end_and_those_in_use_stay(user: User) -> None:
    """Fifty sessions stay. Those that were unused for longest end, and other accounts keep theirs."""
    other = accounts.create("other", "viewer", PASSWORD)
    add_sessions(user.id, MAX_SESSIONS + 10)
    add_sessions(other.id, 5)
    accounts.drop_surplus_sessions(user, "")
    kept = {session.user_agent for session in Session.select().where(Session.user == user.id)}
    assert kept == {f"browser {number}" for number in range(10, MAX_SESSIONS + 10)}
    assert Session.select().where(Session.user == other.id).count() == 5


def test_sign_in_leaves_fifty_sessions_in_pages(start_server: StartServer) -> None:
    """The person's page shows 25 sessions at a time. Each list has its own pages."""
    server = start_server()
    old = server.person()
    for number in range(MAX_SESSIONS + 20):
        soon = (
            "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '10 seconds')"  # the clock may have been set back a bit
        )
        copy = f"SELECT ?, user_id, created, {soon}, address, user_agent FROM session LIMIT 1"
        rows(server, f"INSERT INTO session {copy}", f"session {number}")
    person = server.person()
    assert rows(server, "SELECT count(*) FROM session") == [(MAX_SESSIONS,)]
    assert old.get("/", follow=True).path == "/accounts/login/"
    page = person.get("/accounts/")
    assert len(page.select(".browser")) == 25
    assert "Page 1 of 2" in page.words
    (link,) = [link for link in page.links() if "sessions_page=2" in link]
    assert len(person.get(link).select(".browser")) == 25


def test_one_token_too_many_is_refused_with_a_sentence(user: User) -> None:
    """No valid token is revoked automatically: its owner chooses which one to revoke."""
    for number in range(MAX_TOKENS):
        accounts.make_token(user, f"script {number}")
    with pytest.raises(Invalid, match="already 50 tokens: revoke one"):
        accounts.make_token(user, "one more")
    assert Token.select().count() == MAX_TOKENS
    accounts.revoke(Token.name == "script 7")
    assert accounts.make_token(user, "one more")


def test_sign_ins_with_the_right_password_have_a_bound(start_server: StartServer, hold: Hold) -> None:
    """Each sign-in costs a hash and a session. The fourth of three an hour is refused with a time."""
    (hold.folder / "few").touch()
    server = start_server(program=[HELD, hold.folder])
    for _ in range(3):
        assert server.visitor().sign_in("admin", server.password).path == "/"
    page = server.visitor().sign_in("admin", server.password)
    assert page.status == 429
    assert int(page.response.headers["Retry-After"]) > 60
    assert rows(server, "SELECT count(*) FROM session") == [(3,)]


def test_password_page_is_throttled_like_a_sign_in(start_server: StartServer, hold: Hold) -> None:
    """The right password with a bad new one costs a hash, so it counts as well."""
    (hold.folder / "few").touch()
    server = start_server(program=[HELD, hold.folder])
    person = server.person()
    fields = {"current_password": server.password, "new_password": "one", "new_password_again": "other"}
    statuses = [press(person, "/accounts/password/", **fields).status for _ in range(3)]
    assert statuses == [422, 422, 429]
    answer = press(person, "/accounts/password/", **fields).response
    assert answer.headers["Retry-After"]


def steps(run: Callable[[], object]) -> int:
    """Return how many hundreds of SQLite's virtual machine steps a call takes."""
    counted = [0]

    def count() -> int:
        counted[0] += 1
        return 0

    connection = models.database.connection()
    connection.set_progress_handler(count, 100)
    run()
    connection.set_progress_handler(None, 100)
    return counted[0]


def test_session_check_depends_on_connected_clients(user: User) -> None:
    """The check takes the same steps with 3,000 other sessions."""
    add_sessions(user.id, 3)
    token = accounts.make_token(user, "wall")
    (token_id,) = Token.select().where(Token.hash == accounts.token_hash(token))
    keys = {(user.id, accounts.token_hash(f"{user.id} {number}")) for number in range(3)}
    keys |= {(user.id, f"token:{token_id.id}")}
    gone = {(user.id, "ended"), (user.id, "token:99"), (user.id + 1, accounts.token_hash(f"{user.id} 0"))}

    def ask() -> set[tuple[int, str]]:
        return accounts.valid_keys(keys | gone, accounts.Lifetime(session_s=3600, idle_s=3600))

    assert ask() == keys
    before = steps(ask)
    other = accounts.create("other", "viewer", PASSWORD)
    add_sessions(other.id, 3000)
    assert ask() == keys
    assert steps(ask) == before
