"""Attacks on the public report form, and text that contains HTML."""

import json

import pytest
from conftest import StartServer
from harness import Page, Person, Screen, Server, square
from playwright.sync_api import Browser

REPORT = "/tracker/incident/report/"
SUCCESS = "/tracker/incident/report_success/"


def report(visitor: Person, name: str, **fields: str) -> Page:
    return visitor.submit(REPORT, **{"name": name, "location_lat": "1", "location_lon": "2", **fields})


def proxied(server: Server, address: str) -> Person:
    visitor = server.visitor()
    visitor.http.headers["X-Forwarded-For"] = address
    return visitor


# Reports


def test_public_report_is_unverified_until_an_editor_confirms_it(server: Server, visitor: Person) -> None:
    """Its page, lists, the API and the socket say unverified, until an editor presses the button."""
    person = server.person()
    with person.watch() as watch:
        assert report(visitor, "Smoke seen").path == SUCCESS
        sent = watch.wait_for_type("post_save", "Smoke seen")["feature"]
        assert sent["properties"]["verified"] is False
        pk = sent["properties"]["pk"]
        for path in (f"/tracker/incident/{pk}/", "/tracker/incident/"):
            assert "Unverified" in person.get(path).words
        person.change(sent, description="edited, which confirms nothing")
        assert "Unverified" in person.get(f"/tracker/incident/{pk}/").words
        page = person.http.post(
            f"/tracker/incident/confirm/{pk}/",
            data={"csrf_token": person.csrf_token()},
            follow_redirects=True,
        )
        assert "Unverified" not in page.text
        message = watch.wait_for(
            lambda message: message.get("feature", {}).get("properties", {}).get("verified", False)
        )
        assert message["feature"]["id"] == sent["id"]


def test_report_of_an_editor_is_verified(server: Server) -> None:
    """An editor's report needs no confirmation."""
    person = server.person()
    report(person, "Known to be so")
    assert person.named("Known to be so")[0]["properties"]["verified"] is True


def test_nobody_makes_their_own_report_verified(server: Server, visitor: Person) -> None:
    """A field `verified` in the form is ignored."""
    form = visitor.get(REPORT).filled_in(name="Says it is verified", location_lat="1", location_lon="2")
    visitor.http.post(REPORT, data={**form, "verified": "true", "closed": "on"})
    (stored,) = server.person().named("Says it is verified")
    assert stored["properties"]["verified"] is False


@pytest.mark.parametrize("hold", [False, True])
def test_alerts_of_reports_are_held_back_if_wanted(start_server: StartServer, hold: bool) -> None:  # noqa: FBT001
    """With TRACKER_HOLD_REPORTS a report raises its alerts only when it is confirmed."""
    server = start_server(env={"TRACKER_HOLD_REPORTS": "on" if hold else "off"})
    person = server.person()
    person.save_area("Watched", square(0, 0, 5), severity="Info")
    with person.watch() as watch:
        report(server.visitor(), "In the area", severity="UR")
        person.save_incident("Fence", 0.5, 0.5)
        watch.wait_for_type("alert", "Fence")
        assert ("alert" in watch.about("In the area")) is not hold
        (stored,) = person.named("In the area")
        if hold:
            person.change(stored, verified=True)
            assert watch.wait_for_type("alert", "In the area")["reason"] == "raised"
            person.change(stored, verified=False)
            cleared = watch.wait_for(lambda message: message["type"] == "alert_cleared")
            assert cleared["reason"] == "incident not confirmed"


def test_reports_can_be_turned_off(start_server: StartServer) -> None:
    """Then only editors get the form. Others get no link to it, and their posts are refused."""
    server = start_server(env={"TRACKER_PUBLIC_REPORTS": "off"})
    visitor, person = server.visitor(), server.person()
    assert visitor.get(REPORT).status == 403
    page = visitor.get("/accounts/login/")
    assert REPORT not in page.links()
    fields = {"csrf_token": page.value("csrf_token"), "name": "x", "location_lat": "1", "location_lon": "1"}
    assert visitor.http.post(REPORT, data=fields).status_code == 403
    assert REPORT in person.get("/").links()
    assert report(person, "By an editor").path == SUCCESS


def test_reports_of_one_address_are_throttled(start_server: StartServer) -> None:
    """The fourth of three reports an hour gets 429 and keeps its text, also after a restart. Others go on."""
    env = {"TRACKER_REPORTS_PER_ADDRESS": "3", "TRACKER_PROXIES": "127.0.0.1"}
    server = start_server(env=env)
    crank = proxied(server, "203.0.113.1")
    statuses = [report(crank, f"Report {number}", description="kept").status for number in range(4)]
    assert statuses == [200, 200, 200, 429]
    page = report(crank, "Fifth", description="as typed")
    assert (page.status, page.value("description")) == (429, "as typed")
    assert int(page.response.headers["Retry-After"]) > 60
    assert report(proxied(server, "203.0.113.2"), "From elsewhere").path == SUCCESS
    person = server.person()
    for number in range(5):
        assert report(person, f"Editor's {number}").path == SUCCESS
    assert len(person.named("Report")) == 3
    server.stop()
    again = start_server(password=server.password, env=env)
    assert report(proxied(again, "203.0.113.1"), "After the restart").status == 429


def test_reports_in_total_are_throttled(start_server: StartServer) -> None:
    """Many addresses together share the total."""
    server = start_server(env={"TRACKER_REPORTS_IN_TOTAL": "4", "TRACKER_PROXIES": "127.0.0.1"})
    statuses = [report(proxied(server, f"203.0.113.{n}"), f"Flood {n}").status for n in range(6)]
    assert statuses == [200] * 4 + [429] * 2
    assert len(server.person().named("Flood")) == 4


def test_refused_report_does_not_count(start_server: StartServer) -> None:
    """A form with an error does not count."""
    server = start_server(env={"TRACKER_REPORTS_PER_ADDRESS": "1"})
    visitor = server.visitor()
    for _ in range(3):
        assert report(visitor, "", location_lat="91").status == 422
    assert report(visitor, "Corrected").path == SUCCESS


TRAP = "remark_2"


def test_trap_is_out_of_the_way_of_people_and_form_fillers(visitor: Person) -> None:
    """People neither see the trap field nor reach it by keyboard, and browsers do not fill it in."""
    page = visitor.get(REPORT)
    trap = page.select_one(f"input[name={TRAP}]")
    assert trap is not None
    assert trap["tabindex"] == "-1"
    assert trap["autocomplete"] == "off"
    assert trap.find_parent(class_="visually-hidden")["aria-hidden"] == "true"  # type: ignore[index]
    words = ("name", "mail", "phone", "tel", "address", "street", "city", "zip", "company", "url", "website")
    assert not [word for word in words if word in TRAP]


def test_report_of_a_program_is_kept_and_alerts_nobody(server: Server, visitor: Person) -> None:
    """A report with the trap filled in is stored as suspected spam.

    It alerts only after an editor confirms it.
    """
    person = server.person()
    area = person.save_area("Watched for spam", square(60, 60), severity="Info")
    with person.watch() as watch:
        fields = {"location_lat": "60.5", "location_lon": "60.5", "severity": "UR"}
        assert report(visitor, "Buy now", **fields, **{TRAP: "https://evil.example"}).path == SUCCESS
        (stored,) = person.named("Buy now")
        assert (stored["properties"]["verified"], stored["properties"]["suspected_spam"]) == (False, True)
        for path in (stored["properties"]["url"], "/tracker/incident/"):
            assert "Suspected spam" in person.get(path).words
        body = {"geometry": area["geometry"], "properties": {"severity": "IN"}, "type": "Feature"}
        assert person.api("POST", "/api/areas/inside/", body).json() == {"open": 1, "alerting": 0}
        person.change(stored, description="edited", suspected_spam=False)
        person.save_incident("Fence of spam", 60.5, 60.5)
        watch.wait_for_type("alert", "Fence of spam")
        assert "alert" not in watch.about("Buy now")
        person.change(stored, verified=True)
        alert = watch.wait_for_type("alert", "Buy now")
        assert alert["feature"]["properties"]["suspected_spam"] is False
    person.delete(area)


def test_editor_whose_browser_fills_in_the_trap_is_no_program(server: Server) -> None:
    """The report of a signed-in editor is no spam, even with the trap filled in."""
    person = server.person()
    report(person, "Editor with a form filler", **{TRAP: "filled"})
    (stored,) = person.named("Editor with a form filler")
    assert (stored["properties"]["verified"], stored["properties"]["suspected_spam"]) == (True, False)


# Text with HTML

HOSTILE = [
    "<script>window.hacked = true</script>",
    "<img src=x onerror='window.hacked = true'>",
    '"><svg onload=alert(1)>',
    "{{ 71639*97 }}{% raw %}${71639*97}",
    "'; DROP TABLE incident; --",
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd",
    "</script><script>window.hacked = true</script>",
    "\u202egnp.exe\u202c",
    "bell \x07 escape \x1b[31m null-ish \x01",
    "javascript:window.hacked=true",
    "&lt;b&gt; &amp;amp;",
    "%3Cscript%3E %s %d {0} $HOME `id`",
    "\ufeffzero\u200bwidth\u2028line",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_is_stored_as_given_and_shown_as_text(person: Person, text: str) -> None:
    """Names and descriptions come back unchanged by API, and as text on every page."""
    stored = person.save_incident(text, 10, 10, description=text)
    area = person.save_area(text, square(9, 9, 2), severity="Info")
    assert stored["properties"]["name"] == stored["properties"]["description"] == text
    assert area["properties"]["name"] == text
    assert text in {found["properties"]["name"] for found in person.collection()["features"]}
    pk, area_pk = stored["properties"]["pk"], area["properties"]["pk"]
    for path in (
        "/tracker/incident/",
        f"/tracker/incident/{pk}/",
        f"/tracker/incident/update/{pk}/",
        f"/tracker/incident/delete/{pk}/",
        "/tracker/area_of_interest/",
        f"/tracker/area_of_interest/{area_pk}/",
        "/tracker/alert/",
    ):
        page = person.get(path)
        assert page.status == 200
        assert not page.select("script:not([src]):not([type='application/json'])"), path
        assert "6948983" not in page.response.text, "a template was evaluated"
        assert not page.select("[onerror], [onload], img[src=x]"), path
        for data in page.select("script[type='application/json']"):
            assert "<" not in data.get_text()
            json.loads(data.get_text())
    update = person.get(f"/tracker/incident/update/{pk}/")
    assert update.value("name") == text
    person.delete(stored)
    person.delete(area)


def test_map_popups_and_dialogs_show_text(server: Server, person: Person, browser: Browser) -> None:
    """In a real browser no script in a name runs: on the map, in its dialog, or on the pages."""
    hostile = "<img src=x onerror='window.hacked = true'><script>window.hacked = true</script>"
    page = browser.new_page(base_url=server.url, viewport={"width": 1200, "height": 800})
    try:
        screen = Screen(page, server.url)
        page.goto("/accounts/login/")
        page.get_by_label("Name").fill(server.name)
        page.get_by_label("Password").fill(server.password)
        page.get_by_role("button", name="Sign in").click()
        screen.open_map()
        area = person.save_area(hostile + " area", square(-20, -20, 40), severity="Info")
        stored = person.save_incident(hostile, 0, 0, severity="Urgent", description=hostile)
        page.get_by_role("dialog").get_by_text(hostile).first.wait_for()
        page.keyboard.press("Escape")
        page.get_by_text(hostile).first.wait_for()
        page.goto(stored["properties"]["url"])
        page.goto(area["properties"]["url"])
        page.goto("/tracker/alert/")
        assert page.evaluate("window.hacked") is None
        assert screen.complaints == []
    finally:
        page.close()


def test_tokens_and_names_of_accounts_are_shown_as_text(server: Server) -> None:
    """Names of accounts and tokens, and User-Agents, are shown as text."""
    person = server.visitor()
    person.http.headers["User-Agent"] = "<script>hacked</script>"
    person.sign_in(server.name, server.password)
    token = person.csrf_token()
    person.http.post("/accounts/tokens/", data={"csrf_token": token, "label": "<b>bold</b>{{7*7}}"})
    person.http.post("/admin/users/", data={"csrf_token": token, "name": "<i>user</i>", "role": "viewer"})
    for path in ("/accounts/", "/admin/"):
        page = person.get(path)
        assert "<script>hacked</script>" in page.get_text()
        assert "<b>bold</b>{{7*7}}" in page.get_text()
        assert not page.select('script:not([src], [type="application/json"]), table b, table i')
    assert "<i>user</i>" in person.get("/admin/").get_text()
