"""The wall screen: its link, its cookie, what it may read, and its end."""

import json
import re
from argparse import Namespace
from http.cookies import SimpleCookie

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from in_process import NAME, PASSWORD, Browser
from werkzeug.test import TestResponse

import models
from commands import tokens
from domain import accounts, personal_mutes
from domain.accounts import Token
from domain.tracked import CLOCK_STEP
from web import auth, kiosk_cookie

READS = {
    "/?kiosk=": 200,
    "/tracker/incident/feature_collection/?kiosk=": 200,
    "/tracker/incident/feature_collection/?closed=true&kiosk=": 200,
    "/tracker/area_of_interest/feature_collection/?kiosk=": 200,
    "/api/alerts/?kiosk=": 200,
    "/notifications?kiosk=": 426,  # this is a WebSocket
    "/api/notifications?kiosk=": 200,
}


@pytest.fixture
def ada(app: Flask) -> Browser:
    browser = Browser(app)
    browser.sign_in()
    return browser


def make(browser: Browser, **fields: str) -> TestResponse:
    """Send the form of the account page that makes a wall screen."""
    page = BeautifulSoup(browser.get("/accounts/").text, "html.parser")
    form = page.select_one("form[action='/accounts/wall_screens/']")
    assert form is not None
    own = {str(each["name"]): str(each["value"]) for each in form.select("input[type=hidden]")}
    headers = {"Referer": f"{browser.base_url}/accounts/"}
    return browser.post("/accounts/wall_screens/", data={**own, "wall": "Lobby", **fields}, headers=headers)


def link_in(page: TestResponse) -> str:
    found = BeautifulSoup(page.text, "html.parser").select_one("#walls-title ~ .notice .secret")
    assert found is not None, page.text
    return found.text


def open_link(app: Flask, link: str) -> tuple[Browser, TestResponse]:
    """Open a link in another browser, as its script does. Return the browser and the answer."""
    wall = Browser(app)
    path, _, secret = link.removeprefix(wall.base_url).partition("#")
    return wall, wall.send(path, link=secret)


@pytest.fixture
def wall(app: Flask, ada: Browser) -> Browser:
    return open_link(app, link_in(make(ada)))[0]


def test_link_opens_the_map_and_has_its_secret_behind_the_hash(app: Flask, ada: Browser) -> None:
    """So no server, log or Referer gets the secret. The settings of the link stay in the address."""
    link = link_in(make(ada, night="21 - 7", sound="on"))
    assert re.fullmatch(r"http://localhost/tracker/kiosk/\?night=21-7&sound=on#wall_[\w-]{43}", link)
    wall, answer = open_link(app, link)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/?kiosk=&night=21-7&sound=on")
    page = wall.get(answer.headers["Location"])
    assert page.status_code == 200
    assert 'id="kiosk"' in page.text
    assert NAME not in page.text, "the wall shows nobody's account"


def test_whole_link_can_be_pasted_where_no_script_runs(app: Flask, ada: Browser) -> None:
    link = link_in(make(ada))
    wall = Browser(app)
    assert wall.send("/tracker/kiosk/", link=f" {link} ").status_code == 303
    assert wall.get("/?kiosk").status_code == 200


def test_cookie_lasts_and_each_opening_renews_it(app: Flask, ada: Browser, wall: Browser) -> None:
    """It is for this host's own pages, no script can read it, and it is no session's."""
    cookies = SimpleCookie()
    for line in wall.get("/?kiosk").headers.getlist("Set-Cookie"):
        cookies.load(line)
    (cookie,) = (each for name, each in cookies.items() if name.endswith("_wall"))
    assert int(cookie["max-age"]) == kiosk_cookie.AGE_S == 400 * 24 * 3600
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    secure, answer = Browser(app, "https://localhost"), link_in(make(ada)).partition("#")[2]
    answered = secure.send("/tracker/kiosk/", link=answer)
    (line,) = [each for each in answered.headers.getlist("Set-Cookie") if "_wall=" in each]
    assert line.startswith("__Host-")
    assert "Secure" in line


def test_wall_reads_what_it_shows_and_nothing_else(app: Flask, wall: Browser) -> None:
    """Each other GET route of the application asks for a sign-in, also with `kiosk` in its address."""
    for path, status in READS.items():
        assert wall.get(path).status_code == status, path
    others = [rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())]
    refused = 0
    for rule in others:
        view = app.view_functions[rule.endpoint]
        if (
            rule.endpoint == "static"
            or getattr(view, "role", "") == "nobody"
            or rule.endpoint in kiosk_cookie.READS
        ):
            continue
        path = re.sub(r"<[^>]+>", "1", rule.rule)
        answer = wall.get(f"{path}?kiosk")
        refused += 1
        assert answer.status_code in (302, 401, 403), (path, answer.status)
        if answer.status_code == 302:
            assert "/accounts/login/" in answer.headers["Location"], path
    assert refused > 15


def test_wall_changes_nothing(wall: Browser) -> None:
    """Its cookie counts for no request that changes something, also not for the place up to which is read."""
    for path in ("/api/alerts/read/", "/api/alerts/acknowledge/", "/api/incidents/"):
        answer = wall.post(f"{path}?kiosk", json={"seq": 0})
        assert answer.status_code == 401, path
    assert wall.post("/?kiosk").status_code == 405


def test_without_kiosk_in_the_address_the_cookie_does_not_count(wall: Browser) -> None:
    assert wall.get("/").status_code == 302
    assert wall.get("/api/alerts/").status_code == 401


def test_secret_of_a_wall_is_no_token_and_a_token_opens_no_wall(app: Flask, ada: Browser) -> None:
    secret = link_in(make(ada)).partition("#")[2]
    program = Browser(app)
    bearer = {"Authorization": f"Bearer {secret}"}
    assert program.get("/api/alerts/", headers=bearer).status_code == 401
    assert program.get("/api/alerts/?kiosk", headers=bearer).status_code == 401
    token = accounts.make_token(accounts.find(NAME), "sensor", read_only=True)
    assert program.send("/tracker/kiosk/", link=token).status_code == 403


def test_wall_is_marked_among_tokens(app: Flask, ada: Browser, capsys: pytest.CaptureFixture[str]) -> None:
    """Admins see on their page, and in the list of the command, which tokens are of wall screens."""
    make(ada)
    accounts.make_token(accounts.find(NAME), "sensor", read_only=True)
    tokens.list_(Namespace(name=None))
    kinds = [line.split("\t")[3] for line in capsys.readouterr().out.splitlines()]
    assert kinds == ["wall screen", "reads"]
    accounts.create("root", "admin", PASSWORD)
    admin = Browser(app)
    admin.sign_in("root")
    page = BeautifulSoup(admin.get("/admin/").text, "html.parser")
    rows = page.select("section[aria-labelledby=tokens-title] tbody tr")
    assert ["Wall screen" in row.text for row in rows] == [False, True]


def test_revoked_link_ends_the_wall(app: Flask, ada: Browser, wall: Browser) -> None:
    """The next request is refused, and its connections end at the next look of the watcher."""
    token = Token.get(Token.kiosk)
    key = (token.user_id, f"token:{token.id}")
    with app.test_request_context():
        assert auth.valid_keys({key}) == {key}
    page = BeautifulSoup(ada.get("/accounts/").text, "html.parser")
    form = page.select_one(f"form[action='/accounts/tokens/{token.id}/revoke/']")
    assert form is not None
    csrf = form.select_one("input[name=csrf_token]")
    assert csrf is not None
    ada.post(str(form["action"]), data={"csrf_token": str(csrf["value"])}, headers={"Referer": ada.base_url})
    with app.test_request_context():
        assert auth.valid_keys({key}) == set()
    assert wall.get("/api/alerts/?kiosk").status_code == 401
    answer = wall.get("/?kiosk")
    assert answer.headers["Location"] == "/tracker/kiosk/?ended="
    assert "no valid link" in wall.get(answer.headers["Location"]).text


@pytest.mark.parametrize("link", ["", "wall_", "wall_" + "x" * 43, "x" * 100_000, "wall_\x00" + "x" * 43])
def test_wrong_link_is_refused(app: Flask, link: str) -> None:
    assert Browser(app).send("/tracker/kiosk/", link=link[:60_000]).status_code == 403


def test_wall_ends_with_the_account_that_made_it(app: Flask, wall: Browser) -> None:
    accounts.create("root", "admin", "a password of nobody else")
    accounts.set_active(accounts.find(NAME), active=False)
    assert wall.get("/api/alerts/?kiosk").status_code == 401


def test_link_from_a_clock_that_ran_ahead_is_not_valid_yet(wall: Browser) -> None:
    """As with tokens: the time in the database would be in the future."""
    Token.update(created=accounts.moment(2 * CLOCK_STEP.total_seconds())).execute()
    assert wall.get("/api/alerts/?kiosk").status_code == 401


def test_viewer_makes_no_wall_but_revokes_own(ada: Browser) -> None:
    make(ada)
    accounts.create("root", "admin", "a password of nobody else")
    page = ada.get("/accounts/")
    assert "/accounts/wall_screens/" in page.text
    form = BeautifulSoup(page.text, "html.parser").select_one("input[name=csrf_token]")
    assert form is not None
    accounts.set_role(accounts.find(NAME), "viewer")
    page = ada.get("/accounts/")
    assert "/accounts/wall_screens/" not in page.text
    assert "Lobby" in page.text
    data = {"csrf_token": str(form["value"]), "wall": "Cellar"}
    answer = ada.post("/accounts/wall_screens/", data=data, headers={"Referer": ada.base_url})
    assert answer.status_code == 403
    assert Token.select().where(Token.kiosk).count() == 1


@pytest.mark.parametrize("night", ["25-6", "6", "a-b", "22-", "night"])
def test_wrong_hours_are_explained(ada: Browser, night: str) -> None:
    answer = make(ada, night=night)
    assert answer.status_code == 422
    assert "Write two hours" in answer.text
    assert not Token.select().where(Token.kiosk).exists()


def test_wall_shows_what_all_share_and_nobodys_mutes(app: Flask, ada: Browser, wall: Browser) -> None:
    area = models.AreaOfInterest(
        name="Town", polygon={"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}
    )
    area.save()
    until = models.parse_until("2099-01-01T00:00:00Z")
    assert until is not None
    personal_mutes.set_(accounts.find(NAME).id, area.id, until, "")
    mine, shared = (
        json.loads(b.get(path).text) for b, path in ((ada, "/api/alerts/"), (wall, "/api/alerts/?kiosk"))
    )
    assert (len(mine["personal_mutes"]), mine["account_name"]) == (1, NAME)
    assert (shared["personal_mutes"], shared["account"], shared["account_name"]) == ([], None, "")


def test_wall_beside_a_session_stays_a_wall(app: Flask, ada: Browser) -> None:
    """A person who tries the link in their own browser is signed in as before, and the wall's end is seen."""
    secret = link_in(make(ada)).partition("#")[2]
    assert ada.send("/tracker/kiosk/", link=secret).status_code == 303
    assert ada.get("/accounts/").status_code == 200
    assert ada.get("/?kiosk").status_code == 200
    accounts.revoke(Token.kiosk)
    assert ada.get("/?kiosk").status_code == 302
    assert ada.get("/").status_code == 200
