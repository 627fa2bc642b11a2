"""The list of alerts and the mutes on pages, without JavaScript."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from harness import square
from in_process import PASSWORD, Browser, make_app

from domain import accounts, personal_mutes
from models import Alert, AreaOfInterest, Incident, PersonalMute

LIST = "/tracker/alert/"
HOUR = timedelta(hours=1)


@pytest.fixture
def app(database: Path) -> Flask:
    """Return an application with two areas on one another, and accounts of both roles."""
    assert database.exists()
    app = make_app()
    accounts.create("ed", "editor", PASSWORD)
    accounts.create("vera", "viewer", PASSWORD)
    for name in ("Town", "Harbour"):
        AreaOfInterest.create(name=name, polygon=square(0, 0, 10))
    return app


def fire(name: str, severity: str = "HI") -> Incident:
    new = Incident(name=name, severity=severity)
    new.location = (5, 5)
    new.save()
    return new


class Reader(Browser):
    """A person who reads the list of alerts and presses its buttons."""

    def __init__(self, app: Flask, name: str = "ada") -> None:
        super().__init__(app)
        self.sign_in(name)

    def page(self, path: str = LIST) -> BeautifulSoup:
        answer = self.get(path)
        assert answer.status_code == 200, answer.status
        return BeautifulSoup(answer.text, "html.parser")

    def rows(self, path: str = LIST) -> list[str]:
        return [cell.get_text(" ", strip=True) for cell in self.page(path).select(".alert-list tbody th")]

    def press(self, path: str, page: BeautifulSoup | None = None, **fields: str) -> Any:
        """Send the form with this address as its page has it."""
        (form, *_) = (page or self.page()).select(f"form[action='{path}']")
        own = {str(field["name"]): str(field["value"]) for field in form.select("input[name][value]")}
        return self.post(path, data={**own, **fields}, headers={"Referer": f"{self.base_url}{LIST}"})


def test_list_has_a_row_for_each_incident_and_the_count_of_the_badge(app: Flask) -> None:
    fire("Smoke", "LO")
    fire("Fire")
    fire("Blast", "UR")
    reader = Reader(app)
    assert reader.rows() == ["Blast", "Fire"]
    page = reader.page()
    assert [chip.text for chip in page.select("tbody tr")[0].select(".chip")] == ["Town", "Harbour"]
    assert page.select_one("h1 .count").text == "2 unacknowledged"  # type: ignore[union-attr]
    assert page.select_one("#unread").text == "2"  # type: ignore[union-attr]


def test_one_press_acknowledges_all_areas_and_returns_to_the_same_list(app: Flask) -> None:
    pk = fire("Fire").id
    reader = Reader(app)
    page = reader.page(f"{LIST}?severity=HI&state=open")
    answer = reader.press(f"{LIST}acknowledge/{pk}/", page, note="on my way")
    assert (answer.status_code, answer.location) == (303, f"{LIST}?severity=HI&state=open")
    assert {(alert.acknowledged_by, alert.note) for alert in Alert.select()} == {("ada", "on my way")}
    assert reader.rows(f"{LIST}?state=open") == []
    assert "Acknowledged by ada" in reader.page(f"{LIST}?state=acknowledged").get_text(" ", strip=True)


def test_of_two_who_acknowledge_the_second_sees_who_was_first(app: Flask) -> None:
    pk = fire("Fire").id
    ada, ed = Reader(app), Reader(app, "ed")
    before = ed.page()
    ada.press(f"{LIST}acknowledge/{pk}/")
    answer = ed.press(f"{LIST}acknowledge/{pk}/", before, note="me too")
    assert answer.status_code == 303
    assert "ada acknowledged it already." in ed.page().text
    assert {alert.note for alert in Alert.select()} == {""}


def test_hand_over_and_release_from_the_list(app: Flask) -> None:
    pk = fire("Fire").id
    ada, ed = Reader(app), Reader(app, "ed")
    ada.press(f"{LIST}acknowledge/{pk}/")
    before = ed.page()
    assert ada.press(f"{LIST}hand_over/{pk}/", to="ed", note="boat").status_code == 303
    late = ed.press(f"{LIST}release/{pk}/", before)
    assert (late.status_code, "ed has acknowledged it by now" in late.text) == (409, True)
    assert ed.press(f"{LIST}release/{pk}/").status_code == 303
    assert {alert.state for alert in Alert.select()} == {"open"}
    assert ed.rows(f"{LIST}?state=open") == ["Fire"]


def test_hand_over_to_nobody_keeps_what_was_typed(app: Flask) -> None:
    pk = fire("Fire").id
    reader = Reader(app)
    reader.press(f"{LIST}acknowledge/{pk}/")
    answer = reader.press(f"{LIST}hand_over/{pk}/", to="vera", note="boat")
    assert answer.status_code == 422
    page = BeautifulSoup(answer.text, "html.parser")
    assert "no active account of this name" in page.select(".notice.error")[0].text
    form = page.select(f"form[action='{LIST}hand_over/{pk}/']")[0]
    assert [field["value"] for field in form.select("input[name=to], input[name=note]")] == ["vera", "boat"]


def test_lists_are_turned_by_key(app: Flask) -> None:
    """Open and past alerts have pages of their own, and the filter stays."""
    for number in range(30):
        fire(f"past {number:02}").delete_instance()
    for number in range(30):
        fire(f"open {number:02}")
    reader = Reader(app)
    first = reader.page(f"{LIST}?severity=HI")
    open_, past = (nav.select_one("a[rel=next]") for nav in first.select("nav.pagination"))
    assert open_ is not None
    assert past is not None
    rows = reader.rows(str(open_["href"]))
    assert rows[:5] == [f"open {number}" for number in range(25, 30)]
    assert "severity=HI" in str(open_["href"])
    rows = reader.rows(str(past["href"]))
    assert rows[-5:] == [f"past {number:02}" for number in range(4, -1, -1)]
    back = reader.page(str(past["href"])).select("a[rel=prev]")[-1]
    assert reader.rows(str(back["href"]))[25] == "past 29"


@pytest.mark.parametrize(
    "query",
    ["area=" + "9" * 5000, "after=x", "after=1~2", f"before=0~0~x~{1 << 70}", "area=x&severity=x&state=x"],
)
def test_address_that_no_page_has_shows_the_first(app: Flask, query: str) -> None:
    fire("Fire")
    assert Reader(app).rows(f"{LIST}?{query}") == ["Fire"]


def test_viewer_sees_no_button_to_acknowledge(app: Flask) -> None:
    pk = fire("Fire").id
    vera = Reader(app, "vera")
    assert not vera.page().select("form.acknowledge, form.hand-over")
    for what in ("acknowledge", "release", "hand_over"):
        answer = vera.post(f"{LIST}{what}/{pk}/")
        assert answer.status_code == 403, what
    assert Reader(app).post(f"{LIST}release/99/").status_code in (400, 404)


def test_names_are_text_on_the_list(app: Flask) -> None:
    fire("<b>Fire</b> & more")
    assert Reader(app).rows() == ["<b>Fire</b> & more"]


def test_area_is_muted_for_me_or_for_everybody_with_a_reason(app: Flask) -> None:
    ada, vera = Reader(app), Reader(app, "vera")
    area, mute = "/tracker/area_of_interest/1/", "/tracker/area_of_interest/mute/1/"
    page = vera.page(area)
    assert not page.select("input[name=for][value=everybody]")
    answer = vera.press(mute, page, until="hour", reason="drill")
    assert answer.status_code == 303
    (own,) = PersonalMute.select()
    assert own.reason == "drill"
    words = vera.page(area).get_text(" ", strip=True)
    assert "Muted for you until" in words
    assert "drill" in words
    assert "Muted for you" in vera.page("/tracker/area_of_interest/").text
    assert "Muted for" not in ada.page("/tracker/area_of_interest/").text
    assert (
        ada.press(mute, ada.page(area), until="week", reason="works", **{"for": "everybody"}).status_code
        == 303
    )
    words = vera.page("/tracker/area_of_interest/").get_text(" ", strip=True)
    assert "Muted for everybody by ada until" in words
    assert "works" in words
    assert vera.press(mute, vera.page(area), until="off").status_code == 303
    assert not PersonalMute.select().exists()


def test_mute_has_a_chosen_end_and_ends_where_it_is_shown(app: Flask) -> None:
    """The time of the field is in UTC, unless the page's script gives it an offset."""
    ada, area, mute = Reader(app), "/tracker/area_of_interest/1/", "/tracker/area_of_interest/mute/1/"
    everybody = {"for": "everybody"}
    day = (datetime.now(UTC) + 24 * HOUR).date().isoformat()
    for typed, until in ((f"{day}T13:30", "13:30"), (f"{day}T13:30:00.000+02:00", "11:30")):
        assert ada.press(mute, ada.page(area), until="end", end=typed, **everybody).status_code == 303
        assert str(AreaOfInterest.get().muted_until).startswith(f"{day}T{until}")
    listed = ada.page("/tracker/area_of_interest/?text=Town")
    assert ada.press(mute, listed, until="off").headers["Location"].endswith("/area_of_interest/?text=Town")
    assert not AreaOfInterest.get().is_muted

    ada.press(mute, ada.page(area), until="hour", **everybody)
    fire("Fire")
    assert "Unmute Town for everybody" in ada.page().get_text(" ", strip=True)
    assert not Reader(app, "vera").page().select(f"form[action='{mute}']")
    assert ada.press(mute, until="off").headers["Location"].endswith(LIST)
    assert not AreaOfInterest.get().is_muted


@pytest.mark.parametrize("end", ["", "2001-01-01T10:00", "tomorrow"])
def test_mute_without_a_good_end_is_shown_again(app: Flask, end: str) -> None:
    ada, area, mute = Reader(app), "/tracker/area_of_interest/1/", "/tracker/area_of_interest/mute/1/"
    answer = ada.press(mute, ada.page(area), until="end", end=end, reason="drill", **{"for": "everybody"})
    assert answer.status_code == 422
    page = BeautifulSoup(answer.text, "html.parser")
    (field,) = page.select("#mute-end[aria-invalid][aria-describedby=mute-end-error]")
    assert field["value"] == end
    assert page.select_one("#mute-end-error").text  # type: ignore[union-attr]
    assert page.select_one("#mute-reason")["value"] == "drill"  # type: ignore[index]
    assert page.select("input[name=for][value=everybody][checked]")
    assert not AreaOfInterest.get().is_muted


def test_viewer_mutes_nothing_for_everybody(app: Flask) -> None:
    vera = Reader(app, "vera")
    mute = "/tracker/area_of_interest/mute/1/"
    page = vera.page("/tracker/area_of_interest/1/")
    for who in ("everybody", "", "ME"):
        assert vera.press(mute, page, until="hour", **{"for": who}).status_code == 403
    assert not AreaOfInterest.get().is_muted


def test_muted_incident_says_so_in_the_list(app: Flask) -> None:
    fire("Fire")
    reader = Reader(app)
    user = accounts.find("ada")
    for pk in (1, 2):
        personal_mutes.set_(user.id, pk, datetime.now(UTC) + HOUR)
    (row,) = reader.page().select("tbody tr")
    assert row["data-state"] == "muted"
    assert reader.page().select_one("h1 .count").text == "0 unacknowledged"  # type: ignore[union-attr]
    (row,) = Reader(app, "ed").page().select("tbody tr")
    assert row["data-state"] == "open"
