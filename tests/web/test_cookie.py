"""The session cookie has a name of its own for each tracker, and with TLS it is limited to TLS."""

import re
from pathlib import Path

from conftest import StartServer
from harness import Person, Server

import models


def test_two_trackers_on_one_host_leave_each_other_signed_in(
    start_server: StartServer, tmp_path: Path
) -> None:
    """A browser sends all cookies of a host to each of its ports."""
    people = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        people.append(start_server(folder=tmp_path / name).person())
    one, other = people
    names = {one.cookie_name, other.cookie_name}
    assert len(names) == 2
    for cookie in [*one.http.cookies.jar]:
        other.http.cookies.jar.set_cookie(cookie)
    other.save_incident("With both cookies")
    for cookie in [*other.http.cookies.jar]:
        one.http.cookies.jar.set_cookie(cookie)
    assert {cookie.name for cookie in one.http.cookies.jar} == names
    assert one.get("/").status == 200
    one.save_incident("With both cookies")


def test_restored_copy_keeps_the_name(database: Path, tmp_path: Path) -> None:
    """The sessions in the copy stay valid. Only the epoch of the log changes."""
    assert database.exists()
    before = models.Setting.default("cookie", "12345678"), models.Setting.get_by_id("epoch").value
    models.back_up(tmp_path / "copy.db")
    models.open_database(tmp_path / "copy.db")
    after = models.Setting.default("cookie", "87654321"), models.Setting.get_by_id("epoch").value
    assert before[0] == after[0]
    assert before[1] != after[1]


def test_name_is_the_same_after_a_restart(start_server: StartServer) -> None:
    """A restart signs nobody out."""
    server = start_server()
    person = server.person()
    assert re.fullmatch("tracker_[0-9a-f]{8}", person.cookie_name)
    server.stop()
    again = start_server(password=server.password)
    visitor = again.visitor()
    visitor.http.cookies.set(person.cookie_name, person.cookie)
    assert visitor.get("/").status == 200


def test_forwarded_scheme_decides_which_cookie_counts(start_server: StartServer) -> None:
    """Behind a proxy with TLS only the __Host- cookie is a session."""
    server = start_server(env={"TRACKER_PROXIES": "127.0.0.1"})
    person = server.visitor()
    person.http.headers.update({"X-Forwarded-Proto": "https"})
    form = person.get("/accounts/login/")
    (set_cookie,) = form.response.headers.get_list("Set-Cookie")
    assert re.match("__Host-tracker_[0-9a-f]{8}=", set_cookie)
    assert {"Secure", "HttpOnly", "Path=/"} <= {part.strip() for part in set_cookie.split(";")}
    plain = server.person()
    person.http.headers["Cookie"] = f"{plain.cookie_name}={plain.cookie}"
    assert person.get("/", follow=True).path == "/accounts/login/"


def test_sign_in_leaves_nothing_of_the_visitor(server: Server) -> None:
    """A form token from before the sign-in is refused after it, because the session is new."""
    visitor = server.visitor()
    before = visitor.get("/accounts/login/").filled_in()["csrf_token"]
    assert visitor.sign_in(server.name, server.password).path == "/"
    data = {**incident_form(visitor), "csrf_token": before}
    assert visitor.http.post("/tracker/incident/create/", data=data).status_code == 400
    assert not visitor.named("Of the visitor's token")
    data = incident_form(visitor)
    assert visitor.http.post("/tracker/incident/create/", data=data).is_redirect
    assert visitor.named("Of the visitor's token")


def incident_form(person: Person) -> dict[str, str]:
    """Return the filled-in form of a new incident."""
    return person.get("/tracker/incident/create/").filled_in(
        name="Of the visitor's token", location_geojson='{"type": "Point", "coordinates": [1, 1]}'
    )
