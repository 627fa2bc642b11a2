"""The printed password of the first account only allows choosing another one."""

import re

import httpx
from account_steps import command
from conftest import StartServer
from harness import Page, Person, Server

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
