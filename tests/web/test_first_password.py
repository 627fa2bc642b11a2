"""The printed password of the first account only allows choosing another one."""

import re
from pathlib import Path

import httpx
import pytest
from account_steps import command
from conftest import StartServer
from harness import Page, Person, Server, run_tracker

PASSWORD = "a long walk by the sea"


def signed_in(server: Server) -> tuple[Person, Page]:
    person = server.visitor()
    return person, person.sign_in("admin", server.password)


def test_printed_password_must_be_changed_first(start_server: StartServer) -> None:
    """After a sign-in with it, only the page that changes it opens. Pages, API and socket are refused."""
    server = start_server(first_use=True)
    person, page = signed_in(server)
    assert page.path == "/accounts/password/"
    for path in ("/", "/admin/", "/accounts/", "/tracker/incident/"):
        assert person.http.get(path).headers["Location"] == "/accounts/password/", path
    assert person.http.get("/tracker/incident/feature_collection/").status_code == 403
    assert person.api("POST", "/api/incidents/", {}).status_code == 403
    assert person.http.get("/notifications").status_code == 403
    before = server.health()["seq"]
    report = person.submit("/tracker/incident/report/", name="By nobody", location_lon="0", location_lat="0")
    assert report.status == 200
    assert server.health()["seq"] == before + 1

    def choose(new: str, old: str = server.password) -> Page:
        fields = {"new_password": new, "new_password_again": new, "current_password": old}
        return person.submit("/accounts/password/", **fields)

    assert choose(server.password).wrong_fields() == {"new_password"}
    assert choose("password1234").wrong_fields() == {"new_password"}
    assert choose(PASSWORD, "not this").wrong_fields() == {"current_password"}
    assert person.http.get("/").status_code == 302
    assert choose(PASSWORD).path == "/accounts/"
    assert person.get("/admin/").status == 200
    (found,) = person.named("By nobody")
    assert found["properties"]["verified"] is False, "the report was taken for an admin's"
    assert server.visitor().sign_in("admin", server.password).status == 401
    assert server.visitor().sign_in("admin", PASSWORD).path == "/"
    assert person.http.get("/accounts/password/").headers["Location"] == "/accounts/"


def test_new_password_is_not_taken_from_another_site(start_server: StartServer) -> None:
    """The form needs its token, as all forms do."""
    server = start_server(first_use=True)
    person, _ = signed_in(server)
    fields = {"current_password": server.password, "new_password": PASSWORD, "new_password_again": PASSWORD}
    assert person.http.post("/accounts/password/", data=fields).status_code == 400
    assert server.visitor().sign_in("admin", server.password).path == "/accounts/password/"


def test_password_set_by_command_is_the_owners(start_server: StartServer) -> None:
    """`user password admin` sets a password that was never printed, so no change is required."""
    server = start_server(first_use=True)
    command(server, "user", "password", "admin", stdin=f"{PASSWORD}\n")
    assert server.visitor().sign_in("admin", PASSWORD).path == "/"


def test_password_is_printed_once(start_server: StartServer) -> None:
    """Only the first start prints it, in one line."""
    server = start_server(first_use=True)
    assert len(re.findall(r"^Sign in as admin, password: \S+$", server.output, re.MULTILINE)) == 1
    server.stop()
    assert "password" not in start_server(password=PASSWORD).output


def test_unchanged_password_opens_no_socket(start_server: StartServer) -> None:
    """The refusal only says which page to open."""
    server = start_server(first_use=True)
    person, _ = signed_in(server)
    answer: httpx.Response = person.http.get("/api/alerts/")
    assert answer.status_code == 403
    assert "/accounts/password/" in answer.json()["error"]


@pytest.mark.parametrize("line_end", ["", "\n", "\r\n"])
def test_first_password_comes_from_a_file(start_server: StartServer, tmp_path: Path, line_end: str) -> None:
    """It is the operator's own: nothing is printed, nothing must be changed, and the file counts once."""
    secret = tmp_path / "password"
    secret.write_bytes(f"{PASSWORD}{line_end}".encode())
    server = start_server(env={"TRACKER_ADMIN_PASSWORD_FILE": str(secret)}, first_use=True)
    assert PASSWORD not in server.output
    assert f"Sign in as admin, with the password in {secret}\n" in server.output
    assert server.visitor().sign_in("admin", PASSWORD).path == "/"
    server.stop()
    secret.unlink()
    again = start_server(env={"TRACKER_ADMIN_PASSWORD_FILE": str(secret)}, password=PASSWORD)
    assert again.person().get("/").status == 200


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "can't read the password in {}: No such file or directory"),
        (b"", "{}: Must have at least 12 characters"),
        (b"password\n", "{}: Must"),
        (b"\xff\xff\n", "can't read the password in {}: 'utf-8' codec can't decode"),
    ],
)
def test_bad_first_password_ends_the_start(tmp_path: Path, content: bytes | None, reason: str) -> None:
    """No account is made, so the next start asks for it again."""
    secret = tmp_path / "password"
    if content is not None:
        secret.write_bytes(content)
    for _ in range(2):
        done = run_tracker(tmp_path, "--port", "0", env={"TRACKER_ADMIN_PASSWORD_FILE": str(secret)})
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.splitlines()[-1].startswith(f"tracker: {reason.format(secret)}")
        assert "Traceback" not in done.stderr


def test_account_that_is_made_before_the_first_start_is_the_first(
    start_server: StartServer, tmp_path: Path
) -> None:
    """`user add --role admin` on a new database: the start then prints no password."""
    made = run_tracker(tmp_path, "user", "add", "ada", "--role", "admin", stdin=f"{PASSWORD}\n")
    assert made.returncode == 0
    server = start_server()
    assert "password" not in server.output
    assert server.visitor().sign_in("ada", PASSWORD).path == "/"
