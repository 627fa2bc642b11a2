"""Forms that come too late, without JavaScript: after a sign-in in another tab, a sign-out, or a deletion."""

import json
import sqlite3
from contextlib import closing

import pytest
from conftest import StartServer
from harness import PATIENCE_S, Page, Person, Server, isolated, point, square

INCIDENT = "/tracker/incident"
AREA = "/tracker/area_of_interest"
PLACE = json.dumps(point(1, 2))


def sign_in_again(person: Person, server: Server) -> None:
    """Sign in as another tab of the same browser would."""
    person.sign_in(server.name, server.password)


def post(person: Person, path: str, form: dict[str, str], **options: object) -> Page:
    return Page(person.http.post(path, data=form, follow_redirects=True, **options))  # type: ignore[arg-type]


def hidden_form(page: Page) -> dict[str, str]:
    """Return the data that the button of the page with the kept form sends."""
    return {str(field["name"]): str(field["value"]) for field in page.select(".unsent input[name]")}


def test_form_is_shown_again_after_another_sign_in(server: Server) -> None:
    """Nothing is saved, and the form has all typed text. Saving it once more stores it."""
    person = server.person()
    form = person.get(f"{INCIDENT}/create/").filled_in(
        name="Typed before", description="A long text", location_geojson=PLACE
    )
    sign_in_again(person, server)
    page = post(person, f"{INCIDENT}/create/", form)
    assert page.status == 400
    assert f"You signed in as {isolated(server.name)} after opening this page" in page.words
    assert not person.named("Typed before")
    assert page.value("description") == "A long text"
    post(person, f"{INCIDENT}/create/", page.filled_in())
    (stored,) = person.named("Typed before")
    assert stored["properties"]["description"] == "A long text"


def test_form_after_somebody_else_signed_in_says_so(server: Server) -> None:
    """The page names the account that would save now, and does not save."""
    person, bob = server.person(), server.another("Bob")
    form = person.get(f"{INCIDENT}/create/").filled_in(name="Typed as admin", location_geojson=PLACE)
    person.http.cookies = bob.http.cookies
    page = post(person, f"{INCIDENT}/create/", form)
    assert f"You signed in as {isolated('Bob')} after" in page.words
    assert page.value("name") == "Typed as admin"
    assert not person.named("Typed as admin")


def test_form_after_a_viewer_signed_in_is_kept(server: Server) -> None:
    """The page says that a viewer may not save. The text can be sent when another person has signed in."""
    person, viewer = server.person(), server.another("Vera", role="viewer")
    form = person.get(f"{INCIDENT}/create/").filled_in(name="Typed as editor", location_geojson=PLACE)
    cookies, person.http.cookies = person.http.cookies, viewer.http.cookies
    page = post(person, f"{INCIDENT}/create/", form)
    assert page.status == 403
    assert isolated("Vera") in page.words
    person.http.cookies = cookies
    page = post(person, f"{INCIDENT}/create/", hidden_form(page))
    post(person, f"{INCIDENT}/create/", page.filled_in())
    assert person.named("Typed as editor")


def test_form_without_a_session_is_kept(server: Server) -> None:
    """The answer contains the typed text. After signing in it is in the form again, and can be saved."""
    person = server.person()
    form = person.get(f"{INCIDENT}/create/").filled_in(
        name="Signed out meanwhile", description="Line 1\nLine 2", location_geojson=PLACE
    )
    person.http.cookies.clear()
    page = post(person, f"{INCIDENT}/create/", form)
    assert page.status == 401
    assert "You were signed out before this was saved" in page.words
    assert "Line 1 Line 2" in page.words
    assert any(link.startswith("/accounts/login/?next=/accounts/signed_in/") for link in page.links())
    kept = hidden_form(page)
    sign_in_again(person, server)
    page = post(person, f"{INCIDENT}/create/", kept)
    assert page.value("description") == "Line 1\nLine 2"
    assert not person.named("Signed out meanwhile")
    post(person, f"{INCIDENT}/create/", page.filled_in())
    assert person.named("Signed out meanwhile")


def test_button_without_a_page_of_its_own_is_kept_too(server: Server) -> None:
    """A note from the list of alerts is shown again. Only the second press acknowledges."""
    person = server.person()
    person.save_area("Noted", square(40, 40, 4))
    person.save_incident("Fire in Noted", 41, 41, severity="High")
    (alert,) = [a for a in person.http.get("/api/alerts/").json()["alerts"] if a["area_name"] == "Noted"]
    path = f"/tracker/alert/acknowledge/{alert['incident'].partition(':')[2]}/"
    form = {"csrf_token": person.csrf_token(), "note": "Boat is on its way"}
    person.http.cookies.clear()
    page = post(person, path, form)
    assert "Boat is on its way" in page.words
    sign_in_again(person, server)
    page = post(person, path, hidden_form(page))
    assert page.status == 400
    assert "Boat is on its way" in page.words
    page = post(person, path, hidden_form(page))
    assert page.path == "/tracker/alert/"
    (alert,) = [a for a in person.http.get("/api/alerts/").json()["alerts"] if a["area_name"] == "Noted"]
    assert alert["note"] == "Boat is on its way"


def test_second_sign_in_page_works(server: Server) -> None:
    """A person who signed in through another tab is led on. Another name needs its password again."""
    visitor = server.visitor()
    second = visitor.get(f"/accounts/login/?next={INCIDENT}/")
    server.another("Carla")
    sign_in_again(visitor, server)
    form = second.filled_in(username=server.name, password=server.password)
    assert post(visitor, "/accounts/login/", form).path == f"{INCIDENT}/"
    page = post(visitor, "/accounts/login/", form | {"username": "Carla"})
    assert page.status == 400
    assert "Enter your password again" in page.words
    assert page.value("username") == "Carla"
    assert visitor.get("/accounts/signed_in/").words.count(server.name)
    assert page.value("csrf_token") != form["csrf_token"]


def test_passwords_are_not_sent_back(server: Server) -> None:
    """A form with a password leads back to its page instead."""
    person = server.person()
    form = {
        "csrf_token": person.csrf_token(),
        "current_password": "the present one",
        "new_password": "the coming one",
    }
    sign_in_again(person, server)
    page = post(person, "/accounts/password/", form, headers={"Referer": f"{server.url}/accounts/"})
    assert page.status == 400
    assert "present one" not in page.response.text
    assert "coming one" not in page.response.text
    assert "/accounts/" in page.links()


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Referer": "https://evil.example/"},
        {"Referer": ""},
    ],
    ids=str,
)
@pytest.mark.parametrize("signed_in", [True, False])
def test_form_of_another_site_is_not_shown(
    server: Server, headers: dict[str, str], *, signed_in: bool
) -> None:
    """Data from another site's page is not shown in our form, and not saved."""
    person = server.person() if signed_in else server.visitor()
    form = {"csrf_token": "forged", "name": "Planted", "location_geojson": PLACE}
    for path in (f"{INCIDENT}/create/", "/admin/users/", "/tracker/incident/report/"):
        answer = person.http.post(path, data=form, headers=headers)
        assert answer.status_code in (302, 400)
        assert "Planted" not in answer.text
    assert not server.person().named("Planted")


def test_program_can_recognise_an_old_token(server: Server) -> None:
    """The refusal of an old token differs from others, so that the page's scripts recognise it."""
    person = server.person()
    headers = {"X-CSRFToken": person.csrf_token()}
    sign_in_again(person, server)
    answer = person.http.post("/api/incidents/", json={"type": "Feature"}, headers=headers)
    assert answer.status_code == 400
    assert set(answer.json()["fields"]) == {"csrf_token"}


def test_planted_session_gives_no_token(server: Server) -> None:
    """A token from before the sign-in is invalid after it, in any form and call."""
    victim = server.visitor()
    planted = victim.get("/accounts/login/").value("csrf_token")
    assert planted
    sign_in_again(victim, server)
    attacker = {"Origin": "https://evil.example"}
    form = {"csrf_token": planted, "name": "Fixed", "location_geojson": PLACE}
    assert victim.http.post(f"{INCIDENT}/create/", data=form, headers=attacker).status_code == 400
    call = victim.http.post("/api/incidents/", json={}, headers={"X-CSRFToken": planted})
    assert call.status_code == 400
    assert not victim.named("Fixed")


@pytest.mark.parametrize("kind", ["incident", "area"])
def test_object_deleted_while_edited_is_saved_as_a_new_one(server: Server, kind: str) -> None:
    """The form says that the object was deleted, keeps the text, and saves it as a new one."""
    person = server.person()
    name = f"Edited {kind}"
    if kind == "incident":
        stored, base, field, typed = person.save_incident(name), INCIDENT, "location_geojson", PLACE
    else:
        stored, base, field = person.save_area(name, square(0, 0)), AREA, "polygon_geojson"
        typed = json.dumps(square(5, 5))
    path = f"{base}/update/{stored['properties']['pk']}/"
    form = person.get(path).filled_in(name=f"{name}, longer", **{field: typed})
    person.delete(stored)
    page = post(person, path, form)
    assert page.status == 422
    assert "This was deleted meanwhile" in page.words
    assert page.value("name") == f"{name}, longer"
    assert json.loads(page.value(field) or "") == json.loads(typed)
    (element,) = page.select("main form[method=post]")
    answer = person.http.post(str(element["action"]), data=form | {"version": page.value("version") or ""})
    assert answer.status_code == 303
    collection = "incident" if kind == "incident" else "area_of_interest"
    assert person.named(f"{name}, longer", collection)


def test_choice_between_two_changes_is_kept(server: Server) -> None:
    """The chosen value of another person stays chosen over another sign-in, and is saved."""
    person = server.person()
    stored = person.save_incident("Before")
    path = f"{INCIDENT}/update/{stored['properties']['pk']}/"
    form = person.get(path).filled_in(name="Mine", description="Also mine")
    person.change(stored, name="Theirs")
    answer = post(person, path, form)
    assert answer.status == 409
    sign_in_again(person, server)
    page = post(person, path, answer.filled_in(keep_name="theirs"))
    assert (page.status, page.value("name"), page.value("description")) == (400, "Theirs", "Also mine")
    assert post(person, path, page.filled_in()).status == 200
    (now,) = person.named("Theirs")
    assert now["properties"]["description"] == "Also mine"


def test_form_that_is_sent_twice_across_a_sign_in_stores_one(server: Server) -> None:
    """The form that is shown again has the same key, so the server finds the first save."""
    person = server.person()
    form = person.get(f"{INCIDENT}/create/").filled_in(name="Sent twice", location_geojson=PLACE)
    assert person.http.post(f"{INCIDENT}/create/", data=form).status_code == 303  # and the answer is lost
    sign_in_again(person, server)
    page = post(person, f"{INCIDENT}/create/", form)
    assert page.status == 400
    post(person, f"{INCIDENT}/create/", page.filled_in())
    assert len(person.named("Sent twice")) == 1


def test_form_of_an_account_that_must_set_up_codes_is_kept(start_server: StartServer) -> None:
    """The redirect keeps the typed text. The page says what to do first, and sends the text then."""
    server = start_server(env={"TRACKER_ADMIN_TOTP": "on"})
    person = server.visitor()
    person.sign_in(server.name, server.password)
    form = {"csrf_token": "old", "name": "Kept", "description": "A long text"}
    page = post(person, f"{INCIDENT}/create/", form)
    assert page.status == 403
    assert "First open /accounts/totp/" in page.words
    assert hidden_form(page)["description"] == "A long text"


def test_old_confirmation_page_keeps_the_form(server: Server) -> None:
    """An old page that asks for the password keeps the rest of the form, but not the password."""
    person = server.person()
    form = {
        "csrf_token": "old",
        "label": "Weather station",
        "confirm_password": "hunter",
        "confirm_code": "12",
    }
    page = post(person, "/accounts/tokens/", form)
    assert page.status == 400
    assert hidden_form(page).keys() == {"csrf_token", "label"}
    assert "hunter" not in page.response.text
    assert "Weather station" in page.words


def test_lost_password_leads_to_a_page_that_opens(server: Server) -> None:
    """The form's address may be no page, for example if another form's answer showed it."""
    person = server.person()
    referrer = f"{server.url}/accounts/totp/enable/"
    page = post(person, "/accounts/totp/enable/", {"code": "123456"}, headers={"Referer": referrer})
    assert page.status == 400
    assert "123456" not in page.response.text
    link = page.select_one(".unsent a.primary")
    assert link
    assert link["href"] == "/"


def test_large_form_is_kept_whole(server: Server) -> None:
    """A long polygon is returned unchanged to a person whose session has ended."""
    person = server.person()
    ring = [[n / 100, 0] for n in range(2000)] + [[20, 1], [0, 1], [0, 0]]
    text = json.dumps({"type": "Polygon", "coordinates": [ring]})
    form = person.get(f"{AREA}/create/").filled_in(name="Long", polygon_geojson=text)
    with closing(sqlite3.connect(server.database, timeout=PATIENCE_S)) as database, database:
        database.execute("DELETE FROM session")
    assert hidden_form(post(person, f"{AREA}/create/", form))["polygon_geojson"] == text
