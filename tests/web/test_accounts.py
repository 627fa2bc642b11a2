"""Accounts from outside: roles, the pages under /accounts/ and /admin/, the command line, tokens."""

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from account_steps import OTHER_PASSWORD, PASSWORD, add_user, command, press, signed_in
from conftest import StartServer
from harness import PATIENCE_S, ROOT, Page, Person, Server, run_tracker, wait_until
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from domain import accounts
from storage import peewee_private

REPORT = "/tracker/incident/report/"
ROLES = ("viewer", "editor", "admin")


@pytest.fixture(scope="module")
def people(server: Server) -> dict[str, Person]:
    """Return one person of each role, and a visitor without an account."""
    found = {"nobody": server.visitor()}
    for role in ROLES:
        add_user(server, f"the {role}", role)
        found[role] = signed_in(server, f"the {role}")
    return found


@pytest.fixture(scope="module")
def stored(server: Server) -> dict[str, int]:
    """Return the ids of stored objects of every kind that a path may name."""
    admin = server.person()
    area = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]]}
    return {
        "incident": admin.save_incident("Somewhere", 50, 50)["properties"]["pk"],
        "area": admin.save_area("Elsewhere", area)["properties"]["pk"],
    }


# Roles


@pytest.fixture(scope="module")
def routes() -> list[tuple[str, str, list[str]]]:
    """Return (endpoint, path, methods) of every route that the application has."""
    script = (
        "import json, sys, models, tempfile, pathlib\n"
        "from base.settings import Settings\n"
        "from web.app import create_app\n"
        "models.open_database(pathlib.Path(tempfile.mkdtemp()) / 'routes.db')\n"
        "app = create_app(Settings())\n"
        "rules = [(r.endpoint, r.rule, sorted(r.methods - {'HEAD', 'OPTIONS'}))\n"
        "         for r in app.url_map.iter_rules() if not r.websocket]\n"
        "json.dump(rules, sys.stdout)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, check=True, timeout=60
    )
    return [tuple(rule) for rule in json.loads(done.stdout)]


# The role that a route needs. Viewers may read the other routes, and editors may change them.
FOR = {
    "static": "nobody",
    "tiles.vendor": "nobody",
    "page_sentences.sentences": "nobody",
    "tiles.service_worker": "nobody",
    "streets.basemap": "nobody",
    "streets.archive": "nobody",
    "streets.upload": "admin",
    "streets.delete": "admin",
    "auth.login": "nobody",
    "kiosk.enter": "nobody",  # the link of a wall screen: see test_kiosk.py
    "auth.signed_in": "nobody",
    "auth.logout": "viewer",
    "pages.report": "nobody",
    "pages.report_success": "nobody",
    "health.healthz": "nobody",
    "health.readyz": "nobody",
    "metrics.metrics": "nobody",  # it asks for a token itself: see test_metrics.py
    "accounts.reset": "nobody",
    "pages.alert_read": "viewer",
    "api.read": "viewer",
    "api.mute_for_me": "viewer",
    "two_step.code": "nobody",
    "two_step.enrol": "viewer",
    "two_step.enable": "viewer",
    "two_step.recovery": "viewer",
    "two_step.off": "viewer",
    "accounts.change_password": "viewer",
    "accounts.create_token": "viewer",
    "accounts.revoke_token": "viewer",
    "accounts.end_session": "viewer",
    "accounts.choose_language": "viewer",
    "accounts.sign_out_everywhere": "viewer",
}
FOR |= {
    f"pages.{noun}_{verb}": "editor"
    for noun in ("incident", "area")
    for verb in ("create", "update", "delete")
}
FOR |= {
    f"admin.{name}": "admin" for name in ("page", "create_user", "change_user", "revoke_token", "end_session")
}


@pytest.mark.parametrize("role", ["nobody", *ROLES])
def test_every_route_asks_for_its_role(
    server: Server, people: dict[str, Person], routes: list[tuple[str, str, list[str]]], role: str
) -> None:
    """Every route refuses a person with too low a role, and then changes nothing."""
    levels = ["nobody", *ROLES]
    before = server.health()["seq"]
    tried = 0
    for endpoint, rule, methods in routes:
        path = re.sub(r"<int:\w+>", "99999999", rule)
        path = re.sub(r"<(path:)?\w+>", "nothing", path)
        for method in methods:
            wanted = FOR.get(endpoint, "viewer" if method == "GET" else "editor")
            person = people[role]
            headers = {"X-CSRFToken": person.csrf_token()}
            if levels.index(role) >= levels.index(wanted):
                continue  # those who may are in the other tests
            answer = person.http.request(method, path, headers=headers)
            tried += 1
            if role == "nobody":
                to_sign_in = answer.headers.get("Location", "").startswith("/accounts/login/")
                assert answer.status_code == 401 or to_sign_in, (method, path)
            else:
                assert answer.status_code == 403, (method, path, answer.status_code)
    assert tried >= {"nobody": 30, "viewer": 15, "editor": 4, "admin": 0}[role]
    assert server.health()["seq"] == before


@pytest.mark.slow
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_every_changing_call_wants_the_csrf_token(
    server: Server, routes: list[tuple[str, str, list[str]]], stored: dict[str, int], method: str
) -> None:
    """Each route refuses a change without a token, with another session's, or with its own in the address."""
    admin = server.person()
    own, other = admin.csrf_token(), server.person().csrf_token()
    before = server.health()["seq"]
    taken = {(rule, each) for _, rule, methods in routes for each in methods}
    for endpoint, rule, _methods in routes:
        path = re.sub(r"<int:(?!pk>)\w+>", "1", rule.replace("<int:pk>", str(stored["incident"])))
        path = re.sub(r"<[^>]*>", "deactivate", path)
        is_api = path.startswith("/api/")
        kind = "application/json" if is_api else "application/x-www-form-urlencoded"
        kind = "application/octet-stream" if endpoint == "streets.upload" and method == "POST" else kind
        for headers, field, query in (({}, "", ""), ({"X-CSRFToken": other}, other, ""), ({}, "", own)):
            answer = admin.http.request(
                method,
                path,
                content="{}" if is_api else f"csrf_token={field}",
                headers={"Content-Type": kind, **headers},
                params={"csrf_token": query} if query else {},
            )
            expected = 400 if (rule, method) in taken else 405
            assert answer.status_code == expected, (endpoint, path, field, query)
    assert server.health()["seq"] == before
    assert admin.get("/admin/").status == 200


def test_viewer_sees_all_and_is_offered_nothing_to_change(
    people: dict[str, Person], stored: dict[str, int]
) -> None:
    """A viewer opens every page and list. None has a control that the server would refuse."""
    viewer = people["viewer"]
    assert viewer.named("Somewhere")
    for path in (
        "/",
        "/tracker/incident/",
        "/tracker/area_of_interest/",
        "/tracker/alert/",
        f"/tracker/incident/{stored['incident']}/",
        f"/tracker/area_of_interest/{stored['area']}/",
        "/accounts/",
    ):
        page = viewer.get(path)
        assert page.status == 200, path
        own_mute = page.select('form:has(input[name="for"][value="me"])')  # it changes nothing for others
        forms = [form for form in page.select("form[method=post]") if form not in own_mute]
        targets = page.links() + [str(form.get("action", path)) for form in forms]
        offered = [t for t in targets if re.search(r"create|update|delete|mute|acknowledge|confirm|admin", t)]
        assert not offered, path


def test_viewer_may_use_the_socket(people: dict[str, Person]) -> None:
    """A viewer is sent all entries, too."""
    with people["viewer"].watch() as watch:
        stored = people["editor"].save_incident("Seen by a viewer")
        assert watch.wait_for_type("post_save", stored)["actor"] == "the editor"


def test_editor_saves_and_deletes(people: dict[str, Person]) -> None:
    """An editor changes incidents and areas by form and by API."""
    editor = people["editor"]
    stored = editor.save_incident("Editable")
    editor.change(stored, name="Edited")
    editor.delete(stored)


def test_role_counts_from_the_next_request(server: Server) -> None:
    """A person whom a command makes a viewer can't save any more, even in the present session."""
    add_user(server, "once editor", "editor")
    person = signed_in(server, "once editor")
    person.save_incident("Before")
    command(server, "user", "role", "once editor", "viewer")
    assert person.api("POST", "/api/incidents/", {"type": "Feature"}).status_code == 403


# The command line


def test_user_list_names_everybody(server: Server, people: dict[str, Person]) -> None:
    """`user list` prints a line for each account, with its role and state."""
    assert people
    said, _ = command(server, "user", "list")
    assert re.search(r"^the viewer\tviewer\tactive\t", said, re.MULTILINE)
    assert "scrypt" not in said


def test_password_command_ends_sessions(server: Server) -> None:
    """After a new password by command the old one and all sessions are invalid. Tokens stay valid."""
    add_user(server, "forgetful", "editor")
    person = signed_in(server, "forgetful")
    token = command(server, "token", "add", "forgetful", "script")[0].strip()
    command(server, "user", "password", "forgetful", stdin=f"{OTHER_PASSWORD}\n")
    assert person.get("/", follow=True).path == "/accounts/login/"
    assert server.visitor().sign_in("forgetful", PASSWORD).status == 401
    signed_in(server, "forgetful", OTHER_PASSWORD)
    bearer = {"Authorization": f"Bearer {token}"}
    assert httpx.get(f"{server.url}/api/alerts/", headers=bearer, trust_env=False).status_code == 200


def test_deactivated_account_is_out_at_once(server: Server) -> None:
    """`user deactivate` ends sessions, tokens and sign-in. `user activate` allows a new sign-in only."""
    add_user(server, "leaver", "editor")
    person = signed_in(server, "leaver")
    token = command(server, "token", "add", "leaver", "script")[0].strip()
    bearer = {"Authorization": f"Bearer {token}"}
    assert httpx.get(f"{server.url}/api/alerts/", headers=bearer, trust_env=False).status_code == 200
    command(server, "user", "deactivate", "leaver")
    assert person.get("/", follow=True).path == "/accounts/login/"
    assert httpx.get(f"{server.url}/api/alerts/", headers=bearer, trust_env=False).status_code == 401
    assert server.visitor().sign_in("leaver", PASSWORD).status == 401
    with pytest.raises(InvalidStatus):
        person.watch()
    command(server, "user", "activate", "leaver")
    assert person.get("/", follow=True).path == "/accounts/login/"
    signed_in(server, "leaver")


@pytest.mark.parametrize(
    ("arguments", "stdin", "reason"),
    [
        (("user", "add", "short"), "elevenchars\n", "at least 12"),
        (("user", "add", "common"), "Password1234!\n", "Too easy to guess"),
        (("user", "add", "the viewer"), f"{PASSWORD}\n", "already"),
        (("user", "add", " "), f"{PASSWORD}\n", "characters"),
        (("user", "add", "tab\tbed"), f"{PASSWORD}\n", "printable"),
        (("user", "add", "x", "--role", "god"), f"{PASSWORD}\n", "invalid choice"),
        (("user", "add", "empty"), "", "at least 12"),
        (("user", "role", "nobody here", "admin"), "", "no account"),
        (("user", "password", "nobody here"), f"{PASSWORD}\n", "no account"),
        (("user", "deactivate", "nobody here"), "", "no account"),
        (("token", "add", "nobody here", "label"), "", "no account"),
        (("token", "add", "the viewer", "label", "--days", "-1"), "", "days"),
        (("token", "revoke", "999999"), "", "no token"),
        (("token", "revoke", str(10**20)), "", "no token"),
        (("user", "role", "a\udcff", "admin"), "", "no account"),
        (("token", "add", "\udcff", "label"), "", "no account"),
        (("user",), "", "action"),
        (("user", "add", "name", "password on the command line"), "", "unrecognized"),
    ],
)
def test_bad_command_is_refused_in_one_line(
    server: Server, people: dict[str, Person], arguments: tuple[str, ...], stdin: str, reason: str
) -> None:
    """A command that can't be carried out prints one line with the reason; the status is 2."""
    assert people
    said, complaint = command(server, *arguments, stdin=stdin, status=2)
    assert said == ""
    assert len(complaint.splitlines()) == 1
    assert reason in complaint
    assert stdin.strip() not in complaint or not stdin.strip()


@pytest.mark.parametrize(
    "arguments",
    [
        ("user", "list"),
        ("user", "role", "admin", "viewer"),
        ("user", "password", "admin"),
        ("token", "list"),
        ("token", "revoke", "1"),
        ("backup", "copy.db"),
    ],
)
def test_mistyped_database_is_refused_and_not_made(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """A command that needs a database creates none, so that a wrong file name is noticed."""
    done = run_tracker(tmp_path, "--database", "trakcer.db", *arguments, stdin=f"{PASSWORD}\n")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "trakcer.db: No such file" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command_", ["user", "token"])
def test_help_is_written_for_people(tmp_path: Path, command_: str) -> None:
    """--help says in plain words what a command does, without the code's markup."""
    done = run_tracker(tmp_path, command_, "--help")
    assert done.returncode == 0
    assert "`" not in done.stdout
    assert f"Manage the {'accounts' if command_ == 'user' else 'tokens'}" in done.stdout


def test_last_admin_stays(start_server: StartServer) -> None:
    """Neither a command nor the page removes the role or the access of the only admin."""
    server = start_server()
    for arguments in (("user", "role", "admin", "editor"), ("user", "deactivate", "admin")):
        assert "last admin" in command(server, *arguments, status=2)[1]
    admin = server.person()
    for action, fields in (("role", {"role": "viewer"}), ("deactivate", {})):
        page = press(admin, f"/admin/users/1/{action}/", **fields)
        assert page.status == 422
        assert "last admin" in page.words
    assert admin.get("/admin/").status == 200


def test_command_whose_reader_leaves_prints_no_traceback(server: Server) -> None:
    """`user list | head -1` prints no traceback."""
    listing = [sys.executable, str(ROOT / "tracker.py"), "--database", str(server.database), "user", "list"]
    reader, writer = os.pipe()
    os.close(reader)
    for buffering in ("", "1"):
        env = {**os.environ, "PYTHONUNBUFFERED": buffering}
        done = subprocess.run(
            listing, stdout=writer, stderr=subprocess.PIPE, env=env, text=True, timeout=60, check=False
        )
        assert (done.returncode, done.stderr) == (1, ""), buffering
    os.close(writer)


# The person's own page


@pytest.fixture
def someone(server: Server, request: pytest.FixtureRequest) -> tuple[str, Person]:
    """Return an editor's name and the editor, made for one test."""
    name = request.node.name[:50]
    add_user(server, name, "editor")
    return name, signed_in(server, name)


def test_password_is_changed_on_the_own_page(server: Server, someone: tuple[str, Person]) -> None:
    """A new password needs the old one. Other browsers are signed out, and this one has a new session."""
    name, person = someone
    elsewhere = signed_in(server, name)
    old_cookie = person.cookie
    new = {"new_password": OTHER_PASSWORD, "new_password_again": OTHER_PASSWORD}
    wrong = press(person, "/accounts/password/", current_password="not this one", **new)
    assert (wrong.status, wrong.wrong_fields()) == (422, {"current_password"})
    twice = press(
        person, "/accounts/password/", current_password=PASSWORD, **new | {"new_password_again": "typo"}
    )
    assert twice.wrong_fields() == {"new_password_again"}
    weak = press(
        person,
        "/accounts/password/",
        current_password=PASSWORD,
        new_password="tiny",
        new_password_again="tiny",
    )
    assert weak.wrong_fields() == {"new_password"}
    assert "tiny" not in weak.response.text
    done = press(person, "/accounts/password/", current_password=PASSWORD, **new)
    assert (done.status, done.path) == (200, "/accounts/")
    assert person.cookie != old_cookie
    assert elsewhere.get("/", follow=True).path == "/accounts/login/"
    assert server.visitor().sign_in(name, PASSWORD).status == 401


def test_token_is_shown_once_and_stored_hashed(server: Server, someone: tuple[str, Person]) -> None:
    """Only the page that creates a token shows its secret. The database has the hash."""
    _, person = someone
    page = press(person, "/accounts/tokens/", label="weather station")
    (secret,) = re.findall(r"tracker_[\w-]{43}", page.words)
    assert secret not in person.get("/accounts/").response.text
    assert "weather station" in person.get("/accounts/").words
    files = b"".join(path.read_bytes() for path in server.folder.glob("tracker.db*"))
    assert b"weather station" in files
    assert secret.encode() not in files
    bearer = {"Authorization": f"Bearer {secret}"}
    body = {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [1, 2]},
        "properties": {"name": "By a token"},
    }
    with httpx.Client(base_url=server.url, trust_env=False, headers=bearer) as program:
        assert program.post("/api/incidents/", json=body).status_code == 201
        assert program.get("/tracker/incident/feature_collection/").status_code == 200
        assert (
            "never used"
            not in command(server, "token", "list")[0].split("weather station")[1].splitlines()[0]
        )
        for path in ("/", "/accounts/", "/admin/"):
            assert program.get(path).status_code == 403, "a token opens a page"
        (pk,) = re.findall(r"/accounts/tokens/(\d+)/revoke/", person.get("/accounts/").response.text)
        press(person, f"/accounts/tokens/{pk}/revoke/")
        assert program.post("/api/incidents/", json=body).status_code == 401
        assert program.get("/admin/").status_code == 401


def test_read_only_token_reads_only(server: Server, someone: tuple[str, Person]) -> None:
    """A read-only token gets 403 for every change, whatever role its owner has."""
    name, _ = someone
    secret = command(server, "token", "add", name, "display", "--read-only")[0].strip()
    with httpx.Client(
        base_url=server.url, trust_env=False, headers={"Authorization": f"Bearer {secret}"}
    ) as program:
        assert program.get("/api/alerts/").status_code == 200
        for method, path in (
            ("POST", "/api/incidents/"),
            ("DELETE", "/api/incidents/1/"),
            ("PATCH", "/api/areas/1/"),
        ):
            assert program.request(method, path, json={"type": "Feature"}).status_code == 403


def test_token_list_shows_the_rights_of_a_token(server: Server) -> None:
    """A token may do no more than its owner. A viewer's token only reads, however it was made."""
    add_user(server, "onlooker", "viewer")
    for option in ((), ("--read-only",)):
        command(server, "token", "add", "onlooker", "wall", *option)
    kinds = [line.split("\t")[3] for line in command(server, "token", "list", "onlooker")[0].splitlines()]
    assert kinds == ["reads", "reads"]
    command(server, "user", "role", "onlooker", "editor")
    kinds = [line.split("\t")[3] for line in command(server, "token", "list", "onlooker")[0].splitlines()]
    assert kinds == ["reads and writes", "reads"]


def test_refusal_of_a_viewers_token_says_why(server: Server) -> None:
    """The error says that the account lacks the right, and not the token."""
    add_user(server, "spectator", "viewer")
    secret = command(server, "token", "add", "spectator", "script")[0].strip()
    bearer = {"Authorization": f"Bearer {secret}"}
    answer = httpx.post(f"{server.url}/api/incidents/", headers=bearer, json={}, trust_env=False)
    assert answer.status_code == 403
    assert "role of editor" in answer.json()["error"]


def test_socket_of_a_token_closes_when_it_is_revoked(server: Server, someone: tuple[str, Person]) -> None:
    """A program may use the socket with any token, until the token is revoked."""
    name, _ = someone
    secret = command(server, "token", "add", name, "wall", "--read-only")[0].strip()
    (pk,) = re.findall(r"^(\d+)\t.*\twall\t", command(server, "token", "list", name)[0], re.MULTILINE)
    url, headers = (
        f"{server.url.replace('http', 'ws', 1)}/notifications",
        {"Authorization": f"Bearer {secret}"},
    )
    with connect(url, additional_headers=headers, proxy=None) as socket:
        assert json.loads(socket.recv(10))["type"] == "hello"
        command(server, "token", "revoke", pk)
        with pytest.raises(ConnectionClosed):
            socket.recv(10)
        assert socket.protocol.close_code == 4401


def test_token_ends(server: Server, someone: tuple[str, Person]) -> None:
    """An expired token is 401."""
    name, _ = someone
    secret = command(server, "token", "add", name, "brief", "--days", "0.00001")[0].strip()
    bearer = {"Authorization": f"Bearer {secret}"}

    def refused() -> bool:
        return httpx.get(f"{server.url}/api/alerts/", headers=bearer, trust_env=False).status_code == 401

    wait_until(refused, what="the token to end")


@pytest.mark.parametrize("secret", ["x", "tracker_" + "A" * 43, "ü", "a b c"])
def test_wrong_token_is_refused_even_with_a_session(server: Server, secret: str) -> None:
    """A wrong token gets 401, even beside a valid cookie."""
    person = server.person()
    header = b"Bearer " + secret.encode()
    answer = person.http.get("/api/alerts/", headers={b"Authorization": header})
    assert answer.status_code == 401


def test_tokens_and_sessions_of_others_are_404(server: Server, someone: tuple[str, Person]) -> None:
    """Only an admin finds another person's tokens and sessions."""
    name, person = someone
    command(server, "token", "add", name, "mine")
    (pk,) = re.findall(r"/accounts/tokens/(\d+)/revoke/", person.get("/accounts/").response.text)
    add_user(server, f"{name} foe"[-50:], "editor")
    foe = signed_in(server, f"{name} foe"[-50:])
    assert press(foe, f"/accounts/tokens/{pk}/revoke/").status == 404
    with sqlite3.connect(f"file:{server.database}?mode=ro", uri=True) as database:
        query = "SELECT session.id FROM session JOIN user ON user.id = user_id WHERE user.name = ?"
        ((session,),) = database.execute(query, (name,)).fetchall()
    database.close()
    assert press(foe, "/accounts/sessions/end/", session=session).status == 404
    assert person.get("/accounts/").status == 200


def test_sign_out_everywhere(server: Server, someone: tuple[str, Person]) -> None:
    """One button ends all sessions of the person, and no others."""
    name, person = someone
    phone, other = signed_in(server, name), server.person()
    assert press(person, "/accounts/sign_out_everywhere/").path == "/accounts/login/"
    for browser in (person, phone):
        assert browser.get("/", follow=True).path == "/accounts/login/"
    assert other.get("/").status == 200


def test_one_session_is_ended(server: Server, someone: tuple[str, Person]) -> None:
    """The list ends one other session. The present one is marked and has no button."""
    name, person = someone
    phone = signed_in(server, name)
    page = person.get("/accounts/")
    (session,) = [str(field["value"]) for field in page.select("input[name=session]")]
    press(person, "/accounts/sessions/end/", session=session)
    assert phone.get("/", follow=True).path == "/accounts/login/"
    assert person.get("/accounts/").status == 200


# The admin's page


@pytest.fixture
def admin(server: Server) -> Person:
    return server.person()


def links_on(page: Page) -> list[str]:
    return re.findall(r"http://[^\s<]+/accounts/reset/[\w-]+/", page.words)


def test_account_begins_with_a_one_time_link(server: Server, admin: Person) -> None:
    """A new account has no password until its owner chooses one by a link, which works once."""
    page = press(admin, "/admin/users/", name="newcomer", role="viewer")
    (link,) = links_on(page)
    assert not links_on(admin.get("/admin/"))
    path = link.removeprefix(server.url)
    newcomer = server.visitor()
    assert newcomer.sign_in("newcomer", "").status == 401
    assert "newcomer" in newcomer.get(path).words
    weak = newcomer.submit(path, new_password="letmein12345", new_password_again="letmein12345")
    assert weak.status == 422
    done = newcomer.submit(path, new_password=PASSWORD, new_password_again=PASSWORD)
    assert done.path == "/accounts/login/"
    signed_in(server, "newcomer")
    assert newcomer.get(path).status == 404
    assert newcomer.http.post(path).status_code in {400, 404}


@pytest.mark.slow
def test_new_link_replaces_the_old(server: Server, admin: Person, someone: tuple[str, Person]) -> None:
    """A second link makes the first invalid. Using it ends the sessions."""
    name, person = someone
    (pk,) = [
        match
        for match in re.findall(r"/admin/users/(\d+)/reset/", admin.get("/admin/").response.text)
        if name in press(admin, f"/admin/users/{match}/reset/").select_one(".notice").get_text()  # type: ignore[union-attr]
    ]
    first, second = (links_on(press(admin, f"/admin/users/{pk}/reset/"))[0] for _ in range(2))
    assert person.get(first.removeprefix(server.url)).status == 404
    path = second.removeprefix(server.url)
    server.visitor().submit(path, new_password=OTHER_PASSWORD, new_password_again=OTHER_PASSWORD)
    assert person.get("/", follow=True).path == "/accounts/login/"


def test_link_expires(server: Server, admin: Person) -> None:
    """A link is invalid after a day."""
    (link,) = links_on(press(admin, "/admin/users/", name="procrastinator", role="viewer"))
    path = link.removeprefix(server.url)
    assert server.visitor().get(path).status == 200
    with sqlite3.connect(server.database, timeout=PATIENCE_S) as database:
        database.execute("UPDATE reset SET expires = '2020-01-01T00:00:00.000000Z'")
    database.close()
    assert server.visitor().get(path).status == 404


def test_admin_page_shows_sign_ins_and_refusals(server: Server, admin: Person) -> None:
    """The page lists the newest of both. It hides a refused name, which may be a mistyped password."""
    server.visitor().sign_in("hunter2-typed-as-name", "guess")
    server.visitor().sign_in("admin", "guess again")
    words = admin.get("/admin/").words
    for text in ("Refused: wrong password", "Refused: unknown account", "Signed in", "127.0.0.1"):
        assert text in words
    assert "hunter2" not in words
    assert "guess" not in words


def test_lists_of_the_admin_page_have_pages(server: Server, admin: Person) -> None:
    """Each list has its own pages, down to the oldest sign-ins."""
    with sqlite3.connect(server.database, timeout=PATIENCE_S) as database:
        for number in range(60):
            database.execute(
                "INSERT INTO sign_in (name, address, outcome, created) VALUES (?, '', 'long ago', '2020')",
                (f"former {number}",),
            )
    database.close()
    older = admin.get("/admin/?sign_ins_page=3&_external=1")
    assert older.status == 200
    assert "former" in older.words
    assert "Page 3 of" in older.words
    turned = [link for link in older.links() if "sign_ins_page=2" in link]
    assert turned
    assert "_external" not in turned[0]


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140 Safari/537.36 Edg/140",
            "Edge on Windows",
        ),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18 Safari/604", "Safari on iPhone"),
        ("python-httpx/0.28", "python-httpx/0.28"),
    ],
)
def test_session_names_its_browser(server: Server, user_agent: str, words: str) -> None:
    """The list names the browser and its system. The cell's title is the whole User-Agent."""
    person = server.visitor()
    person.http.headers["User-Agent"] = user_agent
    person.sign_in(server.name, server.password)
    cells = person.get("/accounts/").select(".browser")
    assert [cell.get_text() for cell in cells if cell.get("title") == user_agent] == [words]


def test_admin_ends_sessions_and_tokens_of_others(
    server: Server, admin: Person, someone: tuple[str, Person]
) -> None:
    """The admin's page ends any session and revokes any token."""
    name, person = someone
    secret = command(server, "token", "add", name, "to be revoked")[0].strip()
    row = next(
        row for row in admin.get("/admin/").select("tr") if "to be revoked" in row.get_text() and row.form
    )
    press(admin, str(row.select_one("form")["action"]))  # type: ignore[index]
    bearer = {"Authorization": f"Bearer {secret}"}
    assert httpx.get(f"{server.url}/api/alerts/", headers=bearer, trust_env=False).status_code == 401
    for row in admin.get("/admin/").select("tr:has(input[name=session])"):
        if name in row.get_text():
            press(admin, "/admin/sessions/end/", session=str(row.select_one("input[name=session]")["value"]))  # type: ignore[index]
    assert person.get("/", follow=True).path == "/accounts/login/"


@pytest.mark.parametrize("name", ["", " ", "x" * 61, "line\nbreak", "\u202eevil", "ADMIN"])
def test_bad_account_name_is_refused(admin: Person, name: str) -> None:
    """Names are short, printable, and unique without regard to case."""
    page = press(admin, "/admin/users/", name=name, role="viewer")
    assert page.status == 422
    assert page.wrong_fields() == {"name"}


@pytest.fixture(scope="module", autouse=True)
def _no_secret_in_the_log(server: Server) -> Iterator[None]:
    """Check at the end that the server printed no password."""
    yield
    for secret in (PASSWORD, OTHER_PASSWORD, "hunter2", "tracker_"):
        assert secret not in server.output


def test_models_fit_the_migrations(tmp_path: Path) -> None:
    """The tables of accounts have the columns that the models name."""
    import models
    from domain import sign_ins, throttle

    models.open_database(tmp_path / "fresh.db")
    try:
        for model in (
            accounts.Token,
            accounts.Reset,
            sign_ins.SignIn,
            sign_ins.Refusal,
            throttle.Throttle,
            models.Session,
        ):
            columns = {
                column.name for column in models.database.get_columns(peewee_private.table_name(model))
            }
            assert {field.column_name for field in peewee_private.fields(model)} == columns
    finally:
        models.database.close()
