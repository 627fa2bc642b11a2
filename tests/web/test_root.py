"""Tracker below a path of its host, `TRACKER_ROOT`: every address it gives out leads back to it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from harness import ROOT, feature, incident, square
from in_process import Browser, make_app
from werkzeug.test import EnvironBuilder, run_wsgi_app

from base import addresses
from base.settings import BadSetting, Settings
from models import AreaOfInterest, Incident
from server.proxies import through_proxies

BELOW = "/maps/north"
PLACE = '{"type": "Point", "coordinates": [2, 1]}'
ADDRESS = {"href", "src", "action", "data-api", "data-notifications", "data-incidents", "data-areas"}
ADDRESSES = ADDRESS | {"data-alerts-page", "data-sign-in", "data-signed-in", "data-path", "data-success"}
PAGES = (
    *("/", "/tracker/incident/", "/tracker/incident/create/", "/tracker/incident/1/"),
    *("/tracker/incident/update/1/", "/tracker/incident/delete/1/", "/tracker/incident/report/"),
    *("/tracker/area_of_interest/", "/tracker/area_of_interest/1/", "/tracker/area_of_interest/create/"),
    *("/tracker/alert/", "/accounts/", "/accounts/totp/", "/accounts/signed_in/", "/nothing/"),
)


@pytest.fixture
def app(database: Path) -> Flask:
    assert database.exists()
    return make_app(root=BELOW)


@pytest.fixture
def person(app: Flask) -> Browser:
    """Somebody who has signed in at the tracker below BELOW."""
    person = Browser(app)
    answer = person.send(f"{BELOW}/accounts/login/", username="ada", password="a password of nobody")
    assert (answer.status_code, answer.location) == (303, f"{BELOW}/")
    return person


def addresses_in(page: str) -> Iterator[str]:
    """Yield every address in a page that is no place in the page itself."""
    for tag in BeautifulSoup(page, "html.parser").find_all(True):
        yield from (str(tag[name]) for name in ADDRESSES & tag.attrs.keys() if tag[name][:1] not in ("#", ""))


def test_every_address_of_every_page_is_below_the_root(person: Browser) -> None:
    """Links, forms, scripts and what scripts ask for; there is one of each that pages can name."""
    area = AreaOfInterest()
    area.assign({"name": "Watched", "severity": "Info", "polygon": square(0, 0, 5)})
    area.save()
    place = Incident()
    place.assign({"name": "Fire", "location": {"type": "Point", "coordinates": [1, 1]}})
    place.save()
    found = {path: set(addresses_in(person.get(f"{BELOW}{path}").text)) for path in PAGES}
    wrong = {path: bad for path, all_ in found.items() if (bad := {a for a in all_ if not _is_below(a)})}
    assert wrong == {}
    assert all(len(each) > 5 for each in found.values())
    assert f"{BELOW}/tracker/incident/1/" in found["/tracker/area_of_interest/1/"]


def _is_below(address: str) -> bool:
    return address.startswith((f"{BELOW}/", "?"))


def test_page_tells_its_scripts_the_root(person: Browser) -> None:
    page = BeautifulSoup(person.get(f"{BELOW}/").text, "html.parser")
    published = json.loads(page.select_one("#published").text)  # type: ignore[union-attr]
    config = json.loads(page.select_one("#map-config").text)  # type: ignore[union-attr]
    assert published["root"] == BELOW
    assert re.fullmatch(rf"{BELOW}/vendor/[0-9a-f]{{12}}/", config["vendor"])
    with person.get(f"{config['vendor']}land.json") as land:
        assert land.status_code == 200


def test_saved_form_leads_to_the_incident(person: Browser) -> None:
    """Redirects bear the root; what is stored and broadcast does not, for the root may change."""
    answer = person.send(
        f"{BELOW}/tracker/incident/create/", name="By a form", location_geojson=PLACE, severity="HI"
    )
    assert answer.location == f"{BELOW}/tracker/incident/1/"
    assert person.get(answer.location).status_code == 200
    stored = person.get(f"{BELOW}/tracker/incident/feature_collection/").get_json(force=True)
    assert stored["features"][0]["properties"]["url"] == "/tracker/incident/1/"
    again = person.send(f"{BELOW}/tracker/incident/update/1/", location_geojson=PLACE, severity="LO")
    assert again.location == f"{BELOW}/tracker/incident/1/"


def test_api_names_what_it_made(person: Browser) -> None:
    page = BeautifulSoup(person.get(f"{BELOW}/").text, "html.parser")
    token = str(page.select_one("meta[name=csrf-token]")["content"])  # type: ignore[index]
    headers = {"X-CSRFToken": token, "Idempotency-Key": "one"}
    answers = [
        person.post(f"{BELOW}/api/incidents/", json=incident("By the API"), headers=headers) for _ in range(2)
    ]
    assert {answer.location for answer in answers} == {f"{BELOW}/tracker/incident/1/"}
    area = feature(square(0, 0), name="Harbour")
    made = person.post(f"{BELOW}/api/areas/", json=area, headers={"X-CSRFToken": token})
    assert made.location == f"{BELOW}/tracker/area_of_interest/1/"


def test_sign_in_leads_back_to_the_page_that_was_asked_for(app: Flask) -> None:
    stranger = Browser(app)
    answer = stranger.get(f"{BELOW}/tracker/incident/?page=2")
    assert answer.location == f"{BELOW}/accounts/login/?next={BELOW}/tracker/incident/?page%3D2"
    login = stranger.send(answer.location, username="ada", password="a password of nobody")
    assert login.location == f"{BELOW}/tracker/incident/?page=2"


@pytest.mark.parametrize("target", ["/", "/other/", "//evil.example", f"{BELOW}x/", f"{BELOW}//evil.example"])
def test_sign_in_leads_to_no_other_thing_of_the_host(app: Flask, target: str) -> None:
    answer = Browser(app).send(
        f"{BELOW}/accounts/login/?next={target}", username="ada", password="a password of nobody"
    )
    assert answer.location == f"{BELOW}/"


def test_form_of_an_ended_session_leads_back_to_its_page(app: Flask) -> None:
    """The page of the form is found below the root, so that passwords can be entered again."""
    gone = Browser(app)
    headers = {"Referer": f"{gone.base_url}{BELOW}/accounts/", "Origin": gone.base_url}
    form = {"label": "Pump", "password": "x"}
    answer = gone.post(f"{BELOW}/accounts/tokens/", data=form, headers=headers)
    assert answer.status_code == 401
    assert f'href="{BELOW}/accounts/"' in answer.text


def test_cookie_is_sent_below_the_root_only(app: Flask) -> None:
    """Over TLS, it keeps the prefix that any path may have."""
    plain = Browser(app).get(f"{BELOW}/accounts/login/").headers["Set-Cookie"]
    tls = Browser(app, "https://localhost").get(f"{BELOW}/accounts/login/").headers["Set-Cookie"]
    assert re.match(rf"tracker_\w{{8}}=.*Path={BELOW}(;|$)", plain)
    assert re.match(rf"__Secure-tracker_\w{{8}}=.*Secure;.*Path={BELOW}(;|$)", tls)


@pytest.mark.parametrize("path", ["/", "/maps/", "/maps/northern/", "/static/icon.svg", "/tracker/incident/"])
def test_what_is_outside_of_the_root_is_not_there(app: Flask, path: str) -> None:
    """The answer says where Tracker is, and has the headers of all others."""
    answer = Browser(app).get(path)
    assert answer.status_code == 404
    assert f"Tracker is at {BELOW}/ of this host." in answer.text
    assert {"Content-Security-Policy", "Cache-Control"} <= set(answer.headers.keys())


@pytest.mark.parametrize("path", ["/accounts/login", "/accounts//login/"])
def test_repaired_address_is_below_the_root(app: Flask, path: str) -> None:
    """A slash that is missing or doubled within the address."""
    answer = Browser(app).get(f"{BELOW}{path}")
    assert (answer.status_code, answer.location) == (308, f"http://localhost{BELOW}/accounts/login/")


def test_missing_last_slash_is_added(app: Flask) -> None:
    answer = Browser(app).get(BELOW)
    assert (answer.status_code, answer.location) == (302, f"{BELOW}/")


def test_health_is_told_with_and_without_the_root(app: Flask) -> None:
    """What watches the process on its own machine need not know the root."""
    assert [Browser(app).get(path).status_code for path in ("/healthz", f"{BELOW}/healthz")] == [200, 200]


@pytest.mark.parametrize(
    "root", ["tracker", "/", "/tracker/", "//evil", "/a b", "/a/../b", "/.", "/ä", "/a%2fb"]
)
def test_wrong_root_is_refused(root: str) -> None:
    with pytest.raises(BadSetting, match="TRACKER_ROOT"):
        Settings.from_environment({"TRACKER_ROOT": root})


@pytest.mark.parametrize("root", ["", "/tracker", "/maps/north", "/~a/b.c_d-e", "/..a"])
def test_root_is_taken(root: str) -> None:
    assert Settings.from_environment({"TRACKER_ROOT": root}).root == root


def through(prefix: str, peer: str) -> dict[str, str]:
    environ = {"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_PREFIX": prefix}
    through_proxies(environ, [addresses.parse_network("10.0.0.0/24")])
    return environ


@pytest.mark.parametrize(
    ("prefix", "root"), [("/tracker", "/tracker"), ("/tracker/", "/tracker"), ("/", None)]
)
def test_prefix_that_a_proxy_has_removed_is_the_root(prefix: str, root: str | None) -> None:
    assert through(prefix, "10.0.0.1").get("SCRIPT_NAME") == root


@pytest.mark.parametrize(
    "prefix", ["//evil.example", "https://evil.example", "/a,/b", "/..", "/a\\b", '/"><b>']
)
def test_prefix_that_is_no_path_is_ignored(prefix: str) -> None:
    assert "SCRIPT_NAME" not in through(prefix, "10.0.0.1")


def test_prefix_of_a_stranger_is_ignored() -> None:
    environ = through("/tracker", "192.0.2.1")
    assert "SCRIPT_NAME" not in environ
    assert "HTTP_X_FORWARDED_PREFIX" not in environ


def test_removed_prefix_takes_the_place_of_the_root(app: Flask) -> None:
    """A proxy that removes a path says so in each request; then nothing more is removed."""
    builder = EnvironBuilder(path="/accounts/login/", base_url="http://localhost")
    environ = builder.get_environ() | {"SCRIPT_NAME": "/other"}
    chunks, status, _ = run_wsgi_app(app.wsgi_app, environ)
    page = b"".join(chunks).decode()
    assert status == "200 OK"
    assert 'href="/other/tracker/incident/report/"' in page
    assert BELOW not in page


def test_no_script_or_style_names_an_address_by_itself() -> None:
    """Scripts get addresses from `within` or the page. Stored paths are in alerts.js and attention.js."""
    found = set()
    for path in [*(ROOT / "static").rglob("*.js"), *(ROOT / "static").rglob("*.css")]:
        text = path.read_text(encoding="utf-8")
        named = re.findall(
            r"""(?<!within\()["'`(](/(?:tracker|api|static|vendor|accounts|notifications)[/"'`])""", text
        )
        if named and path.name not in ("alerts.js", "attention.js"):
            found.add((path.name, *named))
    assert found == set()


def test_no_template_names_an_address_by_itself() -> None:
    templates = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "templates").rglob("*.html")}
    attribute = re.compile(r"""(?:href|src|action)=["']/""")
    assert {name for name, text in templates.items() if attribute.search(text)} == set()
