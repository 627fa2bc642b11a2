"""The HTML pages and forms for a person without JavaScript."""

import json
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from conftest import StartServer
from harness import Page, Person, Server, incident, point, square

from web.pages.areas import mute_until

INCIDENTS = "/tracker/incident/"
AREAS = "/tracker/area_of_interest/"
REPORT = "/tracker/incident/report/"


@pytest.fixture(scope="module")
def places(person: Person) -> list[str]:
    """Return the path of every page for people with an account."""
    stored = person.save_incident("An incident to look at")["properties"]["pk"]
    area = person.save_area("An area to look at", square(100, 60))["properties"]["pk"]
    paths = ["/"]
    for listing, pk in ((INCIDENTS, stored), (AREAS, area)):
        paths += [listing, f"{listing}{pk}/", f"{listing}create/"]
        paths += [f"{listing}update/{pk}/", f"{listing}delete/{pk}/"]
    return paths


def test_every_page_opens_when_signed_in(person: Person, places: list[str]) -> None:
    """Each path of the table is a whole HTML page with a title, in a declared language."""
    for path in places:
        page = person.get(path)
        assert page.status == 200, path
        assert page.title, path
        assert page.select_one("html[lang]"), path


def test_every_page_leads_to_sign_in_when_signed_out(visitor: Person, places: list[str]) -> None:
    """Without a session each page of the table leads to the sign-in page, and then back."""
    for path in places:
        page = visitor.get(path, follow=True)
        assert page.path == "/accounts/login/", path
        assert page.value("next") == path


def test_form_without_a_session_leads_back(server: Server) -> None:
    """Nothing is saved, and the sign-in page says so. Then the page opens again."""
    person = server.person()
    stored = person.save_incident("Not deleted")
    path = f"{INCIDENTS}delete/{stored['properties']['pk']}/"
    form = person.get(path).filled_in()
    person.http.cookies.delete(person.cookie_name)
    page = Page(person.http.post(path, data=form, follow_redirects=True))
    assert page.path == "/accounts/login/"
    assert "signed out before this was saved" in page.words
    assert page.value("next") == path
    assert server.person().named("Not deleted")


def test_repeated_cookie_holds_one_message(server: Server) -> None:
    """A request reads messages from its own cookie, not from the server's memory of that cookie."""
    person = server.person()
    path = f"{INCIDENTS}delete/1/"
    name = person.cookie_name
    person.http.cookies.delete(name)
    cookie = person.http.post(path, data={}).cookies[name]
    for _ in range(3):
        person.http.cookies = httpx.Cookies({name: cookie})
        person.http.post(path, data={})
        person.http.cookies = httpx.Cookies({name: cookie})
        assert person.get("/accounts/login/").words.count("signed out before this was saved") == 1


@pytest.mark.parametrize("path", [f"{INCIDENTS}feature_collection/", f"{AREAS}feature_collection/"])
def test_collections_need_a_session(visitor: Person, path: str) -> None:
    """Without a session a collection is refused."""
    page = visitor.get(path)
    assert page.status in {302, 303, 401}
    assert "features" not in page.response.text


@pytest.mark.parametrize(
    "path", [REPORT, "/tracker/incident/report_success/", "/accounts/login/", "/healthz"]
)
def test_public_pages_open_for_anybody(visitor: Person, path: str) -> None:
    """Reporting, signing in and the health check need no account."""
    assert visitor.get(path).status == 200


def test_no_page_names_another_host_or_holds_script(
    person: Person, visitor: Person, places: list[str]
) -> None:
    """Pages load from this site only. Scripts are files, and never inline."""
    pages = [person.get(path) for path in places]
    pages += [visitor.get(path) for path in (REPORT, "/accounts/login/")]
    for page in pages:
        for tag in page.select("[src], link[href], [srcset], form[action]"):
            address = str(tag.get("src") or tag.get("href") or tag.get("action") or tag.get("srcset"))
            assert not re.match(r"\w+:|//", address), f"{page.path}: {address}"
        scripts = page.select("script:not([src])")
        assert all(script.get("type") == "application/json" for script in scripts), page.path
        assert not page.select("[style], [onclick], [onload], [onsubmit]"), page.path


@pytest.mark.parametrize(
    "path", ["/nothing", f"{INCIDENTS}999999/", f"{AREAS}999999/", f"{INCIDENTS}update/999999/"]
)
def test_missing_page_is_404(person: Person, path: str) -> None:
    """An unknown path, or the page of a missing object, is an HTML page with 404."""
    page = person.get(path)
    assert page.status == 404
    assert page.title


# Sign in and out


def test_sign_in_leads_to_the_wanted_page(server: Server, visitor: Person) -> None:
    """After the sign-in the wanted page opens, with its query."""
    page = visitor.sign_in(server.name, server.password, next=f"{INCIDENTS}?page=1")
    assert str(page.response.url) == f"{server.url}{INCIDENTS}?page=1"


@pytest.mark.parametrize(
    "elsewhere",
    [
        "//evil.example/",
        "http://evil.example/",
        "https://evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "///evil.example",
        "/\t/evil.example",
        "\t//evil.example",
        "/\n/evil.example",
        "javascript:alert(1)",
        "http:evil.example",
        "@evil.example",
        "evil.example",
        "/ok\r\nSet-Cookie: a=b",
    ],
)
def test_sign_in_leads_to_this_site_only(server: Server, elsewhere: str) -> None:
    """`next` in the query or in the form never leads to another site."""
    for query, body in ({"next": elsewhere}, {}), ({}, {"next": elsewhere}):
        visitor = server.visitor()
        form = visitor.get("/accounts/login/").filled_in(username=server.name, password=server.password)
        del form["next"]
        answer = visitor.http.post("/accounts/login/", params=query, data={**form, **body})
        assert answer.status_code in {302, 303}
        assert answer.headers["location"] == "/"
        assert "a=b" not in str(answer.headers)


def test_failed_sign_in_says_so_and_keeps_the_name(visitor: Person) -> None:
    """The page keeps the name and not the password, and does not say which one was wrong."""
    wrong_name = visitor.submit("/accounts/login/", username="nobody", password="guess")
    page = visitor.submit("/accounts/login/", username="admin", password="guess")
    assert 400 <= page.status < 500
    assert page.value("username") == "admin"
    assert not page.value("password")
    assert "password" in page.words.lower()
    assert wrong_name.words == page.words


def test_sign_out_is_a_post(server: Server) -> None:
    """A link or an image can't sign a person out; the button does."""
    person = server.person()
    assert person.get("/accounts/logout/").status == 405
    page = person.get("/")
    assert page.path == "/"
    cookies = dict(person.http.cookies)
    person.http.post("/accounts/logout/", data={"csrf_token": person.csrf_token()})
    assert person.get("/").status in {302, 303}
    person.http.cookies.clear()
    person.http.cookies.update(cookies)
    assert person.get("/").status in {302, 303}, "the old cookie still opens the map"


@pytest.mark.parametrize("path", [f"{INCIDENTS}create/", REPORT, "/accounts/login/", "/accounts/logout/"])
def test_form_without_its_token_is_refused(person: Person, path: str) -> None:
    """A form that another site sent is refused with a page that says so."""
    answer = person.http.post(path, data={"name": "forged", "location_geojson": json.dumps(point(1, 1))})
    assert answer.status_code in {400, 403}
    assert not person.named("forged")


# Incidents


def test_incident_is_created_by_typing(person: Person) -> None:
    """Without a script the person types the location as GeoJSON. The next page shows the stored incident."""
    page = person.submit(
        f"{INCIDENTS}create/",
        name="Flooded underpass",
        description="Knee-deep.\nTwo cars.",
        severity="HI",
        location_geojson=json.dumps(point(24.02, 35.51)),
    )
    assert page.status == 200
    for text in ("Flooded underpass", "Knee-deep.", "High"):
        assert text in page.words
    (stored,) = person.named("Flooded underpass")
    assert stored["geometry"] == point(24.02, 35.51)
    assert page.path == stored["properties"]["url"]
    assert stored["properties"]["description"].splitlines() == ["Knee-deep.", "Two cars."]


def test_incident_is_medium_and_open_by_default(person: Person) -> None:
    """The create form starts with severity Medium and not closed."""
    page = person.get(f"{INCIDENTS}create/")
    assert page.value("severity") == "ME"
    assert page.value("closed") is None


def test_incident_is_changed(person: Person) -> None:
    """The update form shows the stored values, and changes only the edited fields."""
    before = person.save_incident("Old name", 5, 6, description="Stays", severity="Low")
    path = f"{INCIDENTS}update/{before['properties']['pk']}/"
    form = person.get(path)
    assert form.value("name") == "Old name"
    assert form.value("severity") == "LO"
    assert json.loads(form.value("location_geojson") or "") == before["geometry"]
    person.submit(path, name="New name")
    (after,) = person.named("New name")
    assert after["id"] == before["id"]
    assert after["geometry"] == before["geometry"]
    changed = {key for key, value in after["properties"].items() if value != before["properties"][key]}
    assert changed == {"name", "updated", "version"}
    assert not person.named("Old name")


def test_incident_is_closed_and_opened_again(person: Person) -> None:
    """A closed incident leaves the list of open ones. The form shows that, and opens it again."""
    stored = person.save_incident("Closing time")
    path = f"{INCIDENTS}update/{stored['properties']['pk']}/"
    person.submit(path, closed="on")
    assert not person.named("Closing time")
    form = person.get(path).filled_in()
    assert "closed" in form
    del form["closed"]
    person.http.post(path, data=form)
    assert person.named("Closing time")


def test_delete_asks_first(person: Person) -> None:
    """The delete page deletes nothing. Its form does, and leads to the list."""
    stored = person.save_incident("To be deleted")["properties"]
    path = f"{INCIDENTS}delete/{stored['pk']}/"
    assert "To be deleted" in person.get(path).words
    assert person.named("To be deleted")
    assert person.submit(path).path == INCIDENTS
    assert not person.named("To be deleted")
    assert person.get(stored["url"]).status == 404
    assert person.get(path).status == 404


def test_form_keeps_the_text_and_marks_each_error(person: Person) -> None:
    """A refused form keeps the typed text, and marks each wrong field with a sentence."""
    typed = {
        "name": "",
        "description": "Two\nlines & <b>",
        "severity": "LO",
        "location_geojson": "up the road",
    }
    page = person.submit(f"{INCIDENTS}create/", **typed)
    assert 400 <= page.status < 500
    for name, value in typed.items():
        assert (page.value(name) or "").replace("\r\n", "\n") == value
    assert page.wrong_fields() == {"name", "location_geojson"}


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (f"{INCIDENTS}create/", "click the map or type coordinates"),
        (f"{AREAS}create/", "Draw the area on the map, or type it"),
    ],
)
def test_missing_place_is_asked_for_in_the_readers_words(person: Person, path: str, words: str) -> None:
    assert words in person.submit(path, name="Nowhere").words


def test_names_keep_their_writing_direction_to_themselves(person: Person) -> None:
    """People's text is isolated in sentences: by elements, or in titles and labels by characters."""
    name = "\u05e9\u05e8\u05e4\u05d4"
    pk = person.save_incident(name, 0, 0)["properties"]["pk"]
    assert [found.get_text() for found in person.get(f"{INCIDENTS}delete/{pk}/").select("strong bdi")] == [
        name
    ]
    title = person.get(f"{INCIDENTS}{pk}/").title
    assert title
    assert title.get_text() == f"\u2068{name}\u2069 · Tracker"


# Areas


def test_area_is_created_by_typing(person: Person) -> None:
    """A person can type the polygon as GeoJSON, with a hole."""
    polygon = square(30, 40, 3, hole=1)
    page = person.submit(
        f"{AREAS}create/", name="Harbour", severity="UR", polygon_geojson=json.dumps(polygon)
    )
    assert page.status == 200
    assert "Harbour" in page.words
    assert "Urgent" in page.words
    (stored,) = person.named("Harbour", "area_of_interest")
    assert stored["geometry"] == polygon
    assert stored["properties"]["centroid"] == point(31.5, 41.5)


def test_area_is_changed(person: Person) -> None:
    """The update form of an area shows its polygon and keeps it when only the name changes."""
    before = person.save_area("Old harbour", square(50, 40))
    path = f"{AREAS}update/{before['properties']['pk']}/"
    form = person.get(path)
    assert form.value("severity") == "ME"
    assert json.loads(form.value("polygon_geojson") or "") == before["geometry"]
    person.submit(path, name="New harbour", severity="IN")
    (after,) = person.named("New harbour", "area_of_interest")
    assert (after["id"], after["geometry"]) == (before["id"], before["geometry"])
    assert after["properties"]["severity"] == "Info"


def test_area_delete_asks_first(person: Person) -> None:
    """Only the form deletes an area, too."""
    stored = person.save_area("To be filled in", square(60, 40))["properties"]
    path = f"{AREAS}delete/{stored['pk']}/"
    assert "To be filled in" in person.get(path).words
    assert person.named("To be filled in", "area_of_interest")
    assert person.submit(path).path == AREAS
    assert not person.named("To be filled in", "area_of_interest")


def test_area_form_keeps_the_text(person: Person) -> None:
    """A refused area form keeps the typed text, with its fields marked."""
    typed = {"name": "n" * 151, "severity": "HI", "polygon_geojson": '{"type": "Polygon"'}
    page = person.submit(f"{AREAS}create/", **typed)
    assert 400 <= page.status < 500
    assert {name: page.value(name) for name in typed} == typed
    assert page.wrong_fields() == {"name", "polygon_geojson"}


# Lists


@pytest.fixture(scope="module")
def sixty(server: Server) -> Person:
    """Return a person whose tracker has sixty incidents and sixty areas, stored one after another."""
    person = server.person()
    features = [incident(f"Listed {n:02}") for n in range(60)]
    features += [{**incident(f"Listed {n:02}"), "geometry": square(n, 0)} for n in range(60)]
    done = server.import_geojson({"type": "FeatureCollection", "features": features})
    assert done.returncode == 0, done.stderr
    return person


def listed(page: Page) -> list[str]:
    """Return the "Listed NN" names on the page, in its order, each once."""
    return [name.get_text() for name in page.select(".list tbody th a")]


@pytest.mark.parametrize("path", [INCIDENTS, AREAS])
def test_list_is_newest_first_and_25_a_page(sixty: Person, path: str) -> None:
    """The newest come first, 25 a page."""
    assert listed(sixty.get(path)) == [f"Listed {n:02}" for n in reversed(range(35, 60))]


@pytest.mark.parametrize("path", [INCIDENTS, AREAS])
def test_list_links_to_view_edit_delete_and_the_next_page(sixty: Person, path: str) -> None:
    """Each row links to its detail, update and delete page. The pages link to each other."""
    page = sixty.get(path)
    pks = re.findall(rf'href="{path}(\d+)/"', page.response.text)
    assert len(set(pks)) == 25
    links = page.links()
    for pk in pks:
        assert f"{path}update/{pk}/" in links
        assert f"{path}delete/{pk}/" in links
    assert any("?after=" in link for link in links)
    assert any(link.endswith("/create/") for link in links)


# The public report


def report(visitor: Person, **fields: str) -> Page:
    return visitor.submit(REPORT, **fields)


def test_anybody_reports(visitor: Person, person: Person) -> None:
    """A person without an account reports an incident. It is stored open, and a page thanks them."""
    page = report(visitor, name="Tree on the road", severity="HI", location_lat="35.5", location_lon="24.25")
    assert (page.status, page.path) == (200, "/tracker/incident/report_success/")
    (stored,) = person.named("Tree on the road")
    assert stored["geometry"] == point(24.25, 35.5)
    assert stored["properties"]["severity"] == "High"
    assert stored["properties"]["closed"] is False


def test_report_keeps_the_text(visitor: Person) -> None:
    """A refused report keeps the typed text, with its fields marked."""
    typed = {"name": "Somewhere", "description": "?", "location_lat": "91", "location_lon": ""}
    page = report(visitor, **typed)
    assert 400 <= page.status < 500
    assert {name: page.value(name) for name in typed} == typed
    assert {"location_lat", "location_lon"} <= page.wrong_fields()


# The feature collections


def test_collections_have_their_seq_and_epoch(person: Person, server: Server) -> None:
    """Each collection has the seq and the epoch at which it was read."""
    person.save_incident("Latest")
    for kind in ("incident", "area_of_interest"):
        found = person.collection(kind)
        assert found["type"] == "FeatureCollection"
        assert found["seq"] == server.health()["seq"]
        assert found["epoch"] == person.collection()["epoch"]


def test_incident_feature_is_rfc_7946(person: Person) -> None:
    """An incident is a GeoJSON Feature with exactly these members."""
    stored = person.save_incident("Whole", 1.5, -2.5, description="All of it", severity="Urgent")
    (found,) = person.named("Whole")
    assert found == stored
    pk = found["properties"]["pk"]
    times = {name: found["properties"].pop(name) for name in ("happened", "created", "updated")}
    version = found["properties"].pop("version")
    assert re.fullmatch(r"\d+-[\w-]{8}", version)
    assert found == {
        "type": "Feature",
        "id": f"Incident:{pk}",
        "geometry": {"type": "Point", "coordinates": [1.5, -2.5]},
        "properties": {
            "name": "Whole",
            "description": "All of it",
            "severity": "Urgent",
            "created_by": stored["properties"]["created_by"],
            "closed": False,
            "closed_at": None,
            "closed_by": None,
            "verified": True,
            "suspected_spam": False,
            "accuracy": None,
            "model": "Incident",
            "pk": pk,
            "url": f"/tracker/incident/{pk}/",
        },
    }
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", time) for time in times.values())


def test_area_feature_is_rfc_7946(person: Person) -> None:
    """An area is a GeoJSON Feature with exactly these members."""
    stored = person.save_area("Entire", square(0, 0, 2), severity="Low")
    (found,) = person.named("Entire", "area_of_interest")
    assert found == stored
    pk = found["properties"]["pk"]
    assert found == {
        "type": "Feature",
        "id": f"AreaOfInterest:{pk}",
        "geometry": square(0, 0, 2),
        "properties": {
            "name": "Entire",
            "severity": "Low",
            "centroid": point(1, 1),
            "version": stored["properties"]["version"],
            "model": "AreaOfInterest",
            "pk": pk,
            "url": f"/tracker/area_of_interest/{pk}/",
        },
    }


def test_empty_tracker_has_all_pages(start_server: StartServer) -> None:
    """With an empty database lists are pages and collections are empty."""
    person = start_server().person()
    for path in (INCIDENTS, AREAS):
        assert person.get(path).status == 200
        assert person.get(f"{path}?page=2").status in {200, 302, 404}
    for kind in ("incident", "area_of_interest"):
        assert person.collection(kind)["features"] == []


def test_tiles_are_a_setting(start_server: StartServer) -> None:
    """With TRACKER_TILES the map gets the URL and the credit, and may load tiles only from there."""
    tiles, owner = "https://tiles.example/{z}/{x}/{y}.png", "© Somebody & <friends>"
    env = {"TRACKER_TILES": tiles, "TRACKER_TILES_ATTRIBUTION": owner}
    page = start_server(env=env).person().get("/")
    found = page.select_one("#map-config")
    assert found
    config = json.loads(found.get_text())
    assert (config["tiles"], config["tilesAttribution"]) == (tiles, owner)
    policy = page.response.headers["content-security-policy"]
    assert set(re.findall(r"https?://\S+?(?=[; ]|$)", policy)) == {"https://tiles.example"}


def test_without_the_setting_there_are_no_tiles(person: Person) -> None:
    """The included world needs no other host, and the policy lets the browser load from none."""
    page = person.get("/")
    found = page.select_one("#map-config")
    assert found
    assert json.loads(found.get_text())["tiles"] is None
    assert "://" not in page.response.headers["content-security-policy"]


# Mutes


@pytest.mark.parametrize(
    ("zone", "now", "choice", "until"),
    [
        ("UTC", "2026-03-01T10:00:00", "hour", "2026-03-01T11:00:00"),
        ("UTC", "2026-03-01T10:00:00", "week", "2026-03-08T10:00:00"),
        ("UTC", "2026-03-01T10:00:00", "tomorrow", "2026-03-02T08:00:00"),
        ("UTC", "2026-03-01T07:59:59", "tomorrow", "2026-03-02T08:00:00"),
        ("UTC", "2026-12-31T23:59:59", "tomorrow", "2027-01-01T08:00:00"),
        ("Europe/Athens", "2026-06-10T21:30:00", "tomorrow", "2026-06-12T05:00:00"),  # past midnight there
        ("America/Los_Angeles", "2026-06-10T02:00:00", "tomorrow", "2026-06-10T15:00:00"),
        ("Europe/Berlin", "2026-03-28T12:00:00", "tomorrow", "2026-03-29T06:00:00"),  # a night of 23 hours
        ("Europe/Berlin", "2026-10-24T12:00:00", "tomorrow", "2026-10-25T07:00:00"),  # and one of 25
        ("Europe/Berlin", "2026-03-28T12:00:00", "week", "2026-04-04T12:00:00"),
        ("Europe/Berlin", "2026-03-28T12:00:00", "off", None),
        ("Europe/Berlin", "2026-03-28T12:00:00", "2026-03-29T08:00:00+13:00", "2026-03-28T19:00:00"),
    ],
)
def test_mute_ends_when_the_button_says(
    monkeypatch: pytest.MonkeyPatch, zone: str, now: str, choice: str, until: str | None
) -> None:
    """Each choice gives its time. Without JavaScript, tomorrow is in the server's time zone."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        found = mute_until(choice, datetime.fromisoformat(f"{now}+00:00").astimezone())
    finally:
        monkeypatch.undo()
        time.tzset()
    assert found == (until and datetime.fromisoformat(f"{until}+00:00"))


def test_mute_by_the_page(person: Person) -> None:
    """A button mutes an area for its time, and the page says by whom. Another button ends the mute."""
    url = person.save_area("Quiet", square(100, 60))["properties"]["url"]
    action = url.replace("area_of_interest/", "area_of_interest/mute/")

    def press(until: str) -> Any:
        answer = person.http.post(action, data={"csrf_token": person.csrf_token(), "until": until})
        assert answer.status_code == 303
        (found,) = person.named("Quiet", "area_of_interest")
        return found["properties"]

    before = datetime.now(UTC)
    muted = press("hour")
    assert muted["muted_by"] == "admin"
    until = datetime.fromisoformat(muted["muted_until"])
    assert before <= until - timedelta(hours=1) <= datetime.now(UTC)
    assert press("2099-01-01T08:00:00.000Z")["muted_until"].startswith("2099-01-01T08:00:00")
    assert "muted_until" not in press("off")
