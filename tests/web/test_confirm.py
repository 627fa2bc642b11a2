"""Which actions ask for the password again, how long an answer counts, and that no typed text is lost."""

import sqlite3
from contextlib import closing

import pytest
from account_steps import (
    LONG_AGO,
    PASSWORD,
    add_user,
    code_of,
    command,
    confirmed,
    enrol,
    press,
    shift,
    signed_in,
)
from conftest import StartServer
from harness import Page, Person, Server


@pytest.fixture
def admin(server: Server, request: pytest.FixtureRequest) -> tuple[str, Person]:
    """Return the name of an admin who signed in long ago, and the admin."""
    name = request.node.name[:50]
    add_user(server, name, "admin")
    person = signed_in(server, name)
    shift(server, name, LONG_AGO)
    return name, person


def test_sensitive_actions_ask_for_the_password(server: Server, admin: tuple[str, Person]) -> None:
    """Each of these actions asks for the password if the sign-in is some minutes old."""
    _, person = admin
    add_user(server, "somebody", "viewer")
    with closing(sqlite3.connect(server.database)) as database:
        ((pk,),) = database.execute("SELECT id FROM user WHERE name = 'somebody'").fetchall()
    before = command(server, "user", "list"), command(server, "token", "list")
    page = person.get("/accounts/")
    for path, fields in (
        ("/accounts/tokens/", {"label": "x"}),
        ("/admin/users/", {"name": "another", "role": "admin"}),
        (f"/admin/users/{pk}/role/", {"role": "admin"}),
        (f"/admin/users/{pk}/reset/", {}),
        (f"/admin/users/{pk}/activate/", {}),
        ("/accounts/totp/", {}),
        ("/accounts/totp/enable/", {"code": "123456"}),
        ("/accounts/totp/recovery/", {}),
        ("/accounts/totp/off/", {}),
    ):
        page = press(person, path, **fields)
        assert (page.status, bool(page.select("input[name=confirm_password]"))) == (403, True), path
    wrong = confirmed(page, person, confirm_password="not this one")
    assert (wrong.status, wrong.wrong_fields()) == (422, {"confirm_password"})
    assert (command(server, "user", "list"), command(server, "token", "list")) == before


def test_deactivation_asks_for_no_password(server: Server, admin: tuple[str, Person]) -> None:
    """An account is deactivated by one press."""
    _, person = admin
    add_user(server, "intruder", "viewer")
    with closing(sqlite3.connect(server.database)) as database:
        ((pk,),) = database.execute("SELECT id FROM user WHERE name = 'intruder'").fetchall()
    press(person, f"/admin/users/{pk}/deactivate/")
    assert "intruder\tviewer\tnot active" in command(server, "user", "list")[0]


def test_confirmation_continues_the_sent_form(server: Server, admin: tuple[str, Person]) -> None:
    """The sent form continues without typing again. For some minutes this session is not asked again."""
    name, person = admin
    asked = press(person, "/admin/users/", name='a "quoted" <name>', role="viewer")
    done = confirmed(asked, person, confirm_password=PASSWORD)
    assert 'a "quoted" <name>' in done.words
    assert "/accounts/reset/" in done.words
    assert 'a "quoted" <name>\tviewer' in command(server, "user", "list")[0]
    assert "tracker_" in press(person, "/accounts/tokens/", label="wall").words
    elsewhere = signed_in(server, name)
    shift(server, name, LONG_AGO)
    assert press(person, "/accounts/tokens/", label="late").status == 403
    assert press(elsewhere, "/accounts/tokens/", label="elsewhere").status == 403


def test_confirmation_belongs_to_one_session(server: Server, admin: tuple[str, Person]) -> None:
    """Another session of the same account needs its own confirmation."""
    name, person = admin
    elsewhere = signed_in(server, name)
    shift(server, name, LONG_AGO)
    confirmed(press(person, "/accounts/tokens/", label="a"), person, confirm_password=PASSWORD)
    assert press(person, "/accounts/tokens/", label="b").status == 200
    assert press(elsewhere, "/accounts/tokens/", label="c").status == 403


def test_confirmation_from_the_future_is_void(server: Server, admin: tuple[str, Person]) -> None:
    """After the clock was set back its age is unknown, so the page asks again."""
    name, person = admin
    confirmed(press(person, "/accounts/tokens/", label="a"), person, confirm_password=PASSWORD)
    shift(server, name, 200)  # less than what ends a session
    assert press(person, "/accounts/tokens/", label="b").status == 403


def test_code_is_asked_for_too(server: Server, admin: tuple[str, Person]) -> None:
    """A person who signs in with a code must also confirm with one."""
    name, person = admin
    shift(server, name, 0)
    enrol(server, person, name)
    shift(server, name, LONG_AGO)
    asked = press(person, "/accounts/tokens/", label="a")
    assert asked.select("input[name=confirm_code]")
    wrong = confirmed(asked, person, confirm_password=PASSWORD, confirm_code="000000")
    assert wrong.wrong_fields() == {"confirm_code"}
    done = confirmed(asked, person, confirm_password=PASSWORD, confirm_code=code_of(server, name))
    assert "tracker_" in done.words


def test_answers_are_throttled(admin: tuple[str, Person]) -> None:
    """Wrong passwords here count like those at the sign-in."""
    _, person = admin
    asked = press(person, "/accounts/tokens/", label="a")
    statuses = [0]
    while statuses[-1] != 429 and len(statuses) < 20:  # the waits grow: 1, 2, 4, … seconds
        statuses.append(confirmed(asked, person, confirm_password="guess").status)
    assert statuses[-1] == 429


def test_new_password_needs_a_code_too(server: Server, admin: tuple[str, Person]) -> None:
    """A new password starts a confirmed session, so without a code it would get round the codes."""
    name, person = admin
    shift(server, name, 0)
    enrol(server, person, name)
    shift(server, name, LONG_AGO)
    new = {"new_password": "seven grey geese fly", "new_password_again": "seven grey geese fly"}
    assert person.get("/accounts/").select("input[name=confirm_code]")
    for code in ("", "000000"):
        page = press(person, "/accounts/password/", current_password=PASSWORD, confirm_code=code, **new)
        assert page.wrong_fields() == {"confirm_code"}
    weak = {"new_password": "password1234", "new_password_again": "password1234"}
    code = code_of(server, name)
    page = press(person, "/accounts/password/", current_password=PASSWORD, confirm_code=code, **weak)
    assert page.wrong_fields() == {"new_password"}
    assert not page.select("input[name=confirm_code]"), "the code is used up, and was right"
    assert press(person, "/accounts/password/", current_password=PASSWORD, **new).path == "/accounts/"
    assert press(person, "/accounts/tokens/", label="a").status == 200


def test_admin_who_must_set_up_codes_confirms_first(start_server: StartServer) -> None:
    """Only the page that sets up codes opens, and it asks for the password as always."""
    folder = start_server().folder
    server = start_server(folder=folder, env={"TRACKER_ADMIN_TOTP": "on"})
    add_user(server, "boss", "admin")
    person = server.visitor()
    assert person.sign_in("boss", PASSWORD).path == "/accounts/totp/"
    shift(server, "boss", LONG_AGO)
    form = {"csrf_token": person.get("/accounts/totp/").value("csrf_token") or ""}
    asked = Page(person.http.post("/accounts/totp/", data=form))
    assert confirmed(asked, person, confirm_password=PASSWORD).path == "/accounts/totp/"
    assert person.get("/accounts/totp/").links()
