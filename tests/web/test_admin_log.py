"""The log of admins' actions: its content, who and where, and that no other person adds to it."""

import getpass
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from account_steps import OTHER_PASSWORD, PASSWORD, add_user, command, enrol, press, signed_in
from conftest import StartServer
from harness import PATIENCE_S, Person, Server

from domain import admin_log
from domain.admin_log import AdminAction


def actions(server: Server) -> list[tuple[str, str, str, str]]:
    """Return (who, address, action, account), in order."""
    with closing(sqlite3.connect(server.database)) as database:
        return database.execute("SELECT who, address, what, whose FROM admin_action ORDER BY id").fetchall()


def pk_of(server: Server, name: str) -> int:
    with closing(sqlite3.connect(server.database)) as database:
        ((pk,),) = database.execute("SELECT id FROM user WHERE name = ?", (name,)).fetchall()
    return int(pk)


def test_pages_of_admins_are_logged(server: Server) -> None:
    """The log has each change of an account, a token or a session, with the admin and the address."""
    admin = server.person()
    press(admin, "/admin/users/", name="paged", role="viewer")
    pk = pk_of(server, "paged")
    before = len(actions(server)) - 1
    press(admin, f"/admin/users/{pk}/reset/")
    press(admin, f"/admin/users/{pk}/role/", role="editor")
    press(admin, f"/admin/users/{pk}/deactivate/")
    press(admin, f"/admin/users/{pk}/activate/")
    press(admin, "/accounts/tokens/", label="own")
    with closing(sqlite3.connect(server.database)) as database:
        ((token,),) = database.execute("SELECT max(id) FROM token").fetchall()
    press(admin, f"/admin/tokens/{token}/revoke/")
    add_user(server, "ending", "viewer")
    signed_in(server, "ending")
    with closing(sqlite3.connect(server.database)) as database:
        query = "SELECT id FROM session WHERE user_id = ?"
        ((session,),) = database.execute(query, (pk_of(server, "ending"),)).fetchall()
    press(admin, "/admin/sessions/end/", session=session)
    mine = [entry[1:] for entry in actions(server)[before:] if entry[0] == "admin"]
    assert mine == [
        ("127.0.0.1", "account created as viewer", "paged"),
        ("127.0.0.1", "link for a new password made", "paged"),
        ("127.0.0.1", "role set to editor", "paged"),
        ("127.0.0.1", "account deactivated", "paged"),
        ("127.0.0.1", "account activated", "paged"),
        ("127.0.0.1", "token created", "admin"),
        ("127.0.0.1", f"token {token} revoked", "admin"),
        ("127.0.0.1", "session ended", "ending"),
    ]
    rows = [row.get_text(" ", strip=True) for row in admin.get("/admin/").select("tr")]
    assert any("Role changed to: Editor" in row and "paged" in row and "127.0.0.1" in row for row in rows)


def test_commands_are_logged(server: Server) -> None:
    """The log has each command, with the name of the system's user."""
    before = len(actions(server))
    add_user(server, "commanded", "viewer")
    command(server, "user", "role", "commanded", "editor")
    command(server, "user", "password", "commanded", stdin=f"{PASSWORD}\n")
    command(server, "user", "deactivate", "commanded")
    command(server, "user", "activate", "commanded")
    command(server, "token", "add", "commanded", "wall")
    token = command(server, "token", "list", "commanded")[0].split("\t")[0]
    command(server, "token", "revoke", token)
    logged = actions(server)[before:]
    assert {(who, address, whose) for who, address, _, whose in logged} == {
        (f"{getpass.getuser()}, by command line", "", "commanded")
    }
    assert [what for _, _, what, _ in logged] == [
        "account created as viewer",
        "role set to editor",
        "password set",
        "account deactivated",
        "account activated",
        "token created",
        f"token {token} revoked",
    ]


def test_action_without_effect_is_not_logged(server: Server) -> None:
    """Otherwise a stolen session could displace all entries by pressing one button again and again."""
    admin = server.person()
    add_user(server, "unchanged", "viewer")
    pk = pk_of(server, "unchanged")
    press(admin, f"/admin/users/{pk}/deactivate/")
    before = actions(server)
    for _ in range(3):
        press(admin, f"/admin/users/{pk}/deactivate/")
        press(admin, f"/admin/users/{pk}/role/", role="viewer")
    assert actions(server) == before


def test_changes_of_an_admins_own_account_are_logged(start_server: StartServer) -> None:
    """A stolen session of an admin leaves an entry, whatever it changes."""
    server = start_server()
    add_user(server, "own", "admin")
    person = signed_in(server, "own")
    before = len(actions(server))
    press(person, "/accounts/tokens/", label="mine")
    with closing(sqlite3.connect(server.database)) as database:
        ((token,),) = database.execute("SELECT max(id) FROM token").fetchall()
    press(person, f"/accounts/tokens/{token}/revoke/")
    enrol(server, person, "own")
    press(person, "/accounts/totp/recovery/")
    press(person, "/accounts/totp/off/")
    new = {"new_password": OTHER_PASSWORD, "new_password_again": OTHER_PASSWORD}
    assert press(person, "/accounts/password/", current_password=PASSWORD, **new).path == "/accounts/"
    assert [(who, what, whose) for who, _, what, whose in actions(server)[before:]] == [
        ("own", what, "own")
        for what in (
            "token created",
            f"token {token} revoked",
            "codes turned on",
            "recovery codes replaced",
            "codes turned off",
            "password changed",
        )
    ]


def test_secret_of_a_repeated_form_is_logged(server: Server) -> None:
    """A form may be sent again long afterwards, when another person uses the account or the token."""
    admin = server.person()
    for path, fields, logged in (
        ("/admin/users/", {"name": "again", "role": "viewer"}, "link for a new password made"),
        ("/accounts/tokens/", {"label": "again"}, "given a new secret"),
    ):
        press(admin, path, key="k", **fields)
        before = len(actions(server))
        assert press(admin, path, key="k", **fields).select("code.secret")
        ((_, _, what, _),) = actions(server)[before:]
        assert logged in what


def test_refused_action_is_not_logged(server: Server) -> None:
    """The log has no action that was refused."""
    admin = server.person()
    before = actions(server)
    press(admin, f"/admin/users/{pk_of(server, 'admin')}/role/", role="viewer")
    press(admin, "/admin/users/", name="", role="viewer")
    press(admin, "/admin/users/999999/role/", role="viewer")
    press(admin, f"/admin/users/{pk_of(server, 'admin')}/nothing/")
    command(server, "user", "deactivate", "admin", status=2)
    assert actions(server) == before


def test_other_people_add_nothing(server: Server) -> None:
    """Sign-ins, and an editor's tokens and sessions, can't displace entries of admins."""
    add_user(server, "busy editor", "editor")
    before = actions(server)
    person: Person = signed_in(server, "busy editor")
    press(person, "/accounts/tokens/", label="mine")
    press(person, "/accounts/sign_out_everywhere/")
    server.visitor().sign_in("admin", "guess")
    assert actions(server) == before


def test_log_has_pages(server: Server) -> None:
    """Old actions are on later pages."""
    with closing(sqlite3.connect(server.database, timeout=PATIENCE_S)) as database, database:
        for number in range(60):
            database.execute(
                "INSERT INTO admin_action (created, who, address, what, whose) "
                "VALUES ('2020-01-01T00:00:00.000000Z', 'former', '', 'done', ?)",
                (f"number {number}",),
            )
    page = server.person().get("/admin/?actions_page=2")
    assert "number " in page.words
    assert any("actions_page=1" in link for link in page.links())


def test_log_keeps_the_newest(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log has a bounded number of entries."""
    assert database.exists()
    monkeypatch.setattr(admin_log, "KEPT", 3)
    for number in range(10):
        admin_log.note(f"thing {number}", "ann", who="bob")
    kept = [what for (what,) in AdminAction.select(AdminAction.what).order_by(AdminAction.id).tuples()]
    assert kept == ["thing 7", "thing 8", "thing 9"]
