"""The lists of incidents and areas: their filter, their order, and their pages, in-process."""

import itertools
import json
import random
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup, Tag
from harness import ROOT, square
from in_process import Browser, make_app

import models
from base import times
from base.folding import fold
from base.severity import Severity
from domain import lists
from domain.filters import Filter
from geo import geojson
from models import AreaOfInterest, Incident
from web.lists import PER_PAGE

INCIDENTS, AREAS = "/tracker/incident/", "/tracker/area_of_interest/"
KEYS: dict[str, Callable[[Incident], Any]] = {
    "reported": lambda each: each.id,
    "happened": lambda each: (each.happened, each.id),
    "closed": lambda each: (each.closed_at or "", each.id),
    "name": lambda each: (each.name.lower(), each.id),
    "severity": lambda each: (Severity(each.severity).level, each.id),
}
NOW = datetime.fromisoformat("2026-03-29T12:00:00+00:00")  # in Athens, summer time began this night


@pytest.fixture
def browser(database: Path) -> Browser:
    return signed_in()


@pytest.fixture
def then(database: Path, monkeypatch: pytest.MonkeyPatch) -> Browser:
    """Return a browser while the server's clock says NOW."""
    monkeypatch.setattr(times, "clock", lambda: NOW)
    return signed_in()


def signed_in() -> Browser:
    found = Browser(make_app())
    found.sign_in()
    models.actor.set("ann")
    return found


def save(name: str, **values: Any) -> Incident:
    created = values.pop("created", None)
    incident = Incident(created=created)
    incident.assign({"name": name, "location": geojson.point_geojson(24.0, 35.5)} | values)
    incident.save()
    return incident


def save_area(name: str, west: float, south: float, size: float, severity: str = "Low") -> AreaOfInterest:
    polygon = square(west, south, size)
    area = AreaOfInterest()
    area.assign({"name": name, "severity": severity, "polygon": polygon})
    area.save()
    return area


def page(browser: Browser, address: str) -> BeautifulSoup:
    answer = browser.get(address)
    assert answer.status_code == 200, answer.status
    return BeautifulSoup(answer.text, "html.parser")


def names(found: BeautifulSoup) -> list[str]:
    return [link.get_text() for link in found.select(".list tbody th a")]


def listed(browser: Browser, query: str = "", path: str = INCIDENTS) -> list[str]:
    return names(page(browser, f"{path}?{query}"))


def link(found: BeautifulSoup, rel: str) -> str | None:
    (nav,) = found.select("nav.pagination")
    anchor = nav.select_one(f"a[rel={rel}]")
    return None if anchor is None else str(anchor["href"])


def walk(browser: Browser, address: str, rel: str) -> Iterator[list[str]]:
    following: str | None = address
    while following:
        found = page(browser, following)
        yield names(found)
        following = link(found, rel)


@pytest.mark.usefixtures("database")
def test_pages_have_each_row_once_in_every_order() -> None:
    """Also with equal keys, and as many pages before a row as after it."""
    chance = random.Random(7)
    for number in range(60):
        save(
            f"{'aB'[number % 2]} {chance.randrange(9)} n{number}",
            severity=chance.choice(["Urgent", "High", "Low"]),
            happened=f"2026-01-{chance.randrange(1, 5):02}T00:00:00Z",
            closed=number % 3 == 0,
        )
    for sort in (f"{sign}{name}" for name in lists.KEYS for sign in ("", "-")):
        order = lists.Order.read(sort, lists.KEYS)
        wanted = [each.id for each in sorted(Incident.select(), key=KEYS[order.name], reverse=order.falling)]
        listing = lists.Listing("incident", Filter(state="all"), order)
        pages = [listing.page(25)]
        while pages[-1].after:
            pages.append(listing.page(25, after=lists.Place.read(pages[-1].after, order)))
        assert [each.ids for each in pages] == [wanted[:25], wanted[25:50], wanted[50:]], sort
        assert [(each.start, each.total) for each in pages] == [(0, 60), (25, 60), (50, 60)]
        for later, earlier in itertools.pairwise(reversed(pages)):
            assert listing.page(25, before=lists.Place.read(later.before, order)) == earlier


def test_pages_lead_to_each_other(browser: Browser) -> None:
    for number in range(60):
        save(f"n{number:02}")
    forwards = list(walk(browser, f"{INCIDENTS}?sort=name", "next"))
    assert [len(each) for each in forwards] == [25, 25, 10]
    assert list(itertools.chain(*forwards)) == [f"n{number:02}" for number in range(60)]
    last = page(browser, f"{INCIDENTS}?sort=name&after=50.n49")
    assert "51\u201360 of 60" in last.get_text()
    assert list(walk(browser, str(link(last, "prev")), "prev")) == [forwards[1], forwards[0]]


def test_many_rows_are_read_in_the_order_of_an_index(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than are sorted at once, and more than one piece."""
    monkeypatch.setattr(lists, "PIECE", 7)
    monkeypatch.setattr(lists, "MOST_SORTED", 0)
    for number in range(60):
        save(f"n{number:02}", severity="High" if number % 2 else "Low")
    forwards = list(walk(browser, f"{INCIDENTS}?sort=name&severities=HI", "next"))
    assert list(itertools.chain(*forwards)) == [f"n{number:02}" for number in range(1, 60, 2)]


def test_rows_that_come_and_go_neither_repeat_nor_hide_others(browser: Browser) -> None:
    for number in range(40):
        save(f"n{number:02}")
    first = page(browser, INCIDENTS)
    for number in range(3):
        save(f"later {number}")
    Incident.get(Incident.name == "n15").delete_instance()  # the last of the first page
    second = names(page(browser, str(link(first, "next"))))
    assert names(first) + second == [f"n{number:02}" for number in reversed(range(40))]


def test_page_before_a_row_near_the_top_is_the_first_page(browser: Browser) -> None:
    for number in range(30):
        save(f"n{number:02}")
    assert listed(browser, "before=28.28") == [f"n{number:02}" for number in reversed(range(5, 30))]


SENSELESS = (
    [
        "after=x",
        "after=1",
        "after=1.%00",
        f"after={'1' * 30}.x",
        f"after={'9' * 5000}.x",
        "after=" + "9" * 40,
        "before=-1.2",
        "sort=x",
        "sort=--name",
        "page=2",
    ]
    + ["after=1.x&sort=severity", "after=5.5&sort=closed", "zone=../../etc/passwd&since=today", "state=x"]
    + ["since=range", "from=x&to=y", "from=2026-01-01T00:00&zone=Nowhere/Town", "area=99999999999", "area=0"]
    + ["from=0001-01-01T00:00&zone=Asia/Tokyo", "to=9999-12-31T23:59:59-12:00", "text=%00", "text=%ED%A0%80"]
    + ["text=" + "a+" * 900, "text=%23" + "9" * 30, "text=9223372036854775808", "severities=XX,,HI"]
)


def test_address_without_sense_is_still_a_page(browser: Browser) -> None:
    save("Fire")
    for path, query in itertools.product((INCIDENTS, AREAS), SENSELESS):
        assert browser.get(f"{path}?{query}").status_code == 200, query


def test_search_folds_both_sides(browser: Browser) -> None:
    """Names and descriptions, of incidents and of areas."""
    save("Πλημμύρα, ΟΔΟΣ Κνωσού")
    save("Fire", description="in der Große\u0301n Straße")
    save_area("Παλιά Πόλη", 0, 0, 1)
    for text, wanted in (
        ("οδός", 0),
        ("κνωσου πλημμυρα", 0),
        ("STRASSE", 1),
        ("Große", 1),
        ("strasse οδος", None),
    ):
        found = listed(browser, f"text={text}")
        assert found == ([["Πλημμύρα, ΟΔΟΣ Κνωσού"], ["Fire"]][wanted] if wanted is not None else []), text
    assert listed(browser, "text=ΠΟΛΗ", AREAS) == ["Παλιά Πόλη"]
    assert listed(browser, "text=other", AREAS) == []


def test_search_finds_numbers(browser: Browser) -> None:
    save("First")
    second = save("Second")
    save(f"With {second.id} in its name")
    assert listed(browser, f"text=%23{second.id}") == ["Second"]
    assert listed(browser, f"q={second.id}") == [f"With {second.id} in its name", "Second"]


def test_saving_folds_anew(browser: Browser) -> None:
    incident = save("Fire")
    incident.name = "Överflödning"
    incident.save()
    assert listed(browser, "text=overflodning") == ["Överflödning"]
    assert listed(browser, "text=fire") == []


def test_state_severity_and_area(browser: Browser) -> None:
    area = save_area("Town", 10, 10, 1)
    save("Open here", location=geojson.point_geojson(10.5, 10.5), severity="High")
    save("Closed here", location=geojson.point_geojson(10.5, 10.5), closed=True)
    save("Reported", verified=False, severity="Low")
    assert listed(browser) == ["Reported", "Open here"]
    assert listed(browser, "state=closed") == ["Closed here"]
    assert listed(browser, "state=all") == ["Reported", "Closed here", "Open here"]
    assert listed(browser, "state=unconfirmed") == ["Reported"]
    assert listed(browser, "severities=HI&severities=UR") == ["Open here"]
    assert listed(browser, "severities=HI,LO") == ["Reported", "Open here"]
    assert listed(browser, f"state=all&area={area.id}") == ["Closed here", "Open here"]
    assert listed(browser, "state=all&area=999") == []


def test_presets_are_days_of_the_zone(then: Browser) -> None:
    """Also on a day with 23 hours; without a zone they are days of UTC."""
    moments = [
        "2026-03-27T22:30",
        "2026-03-28T21:59",
        "2026-03-28T22:01",
        "2026-03-29T00:01",
        "2026-03-29T11:30",
    ]
    for moment in moments:
        save(moment, happened=f"{moment}:00Z")
    athens = "zone=Europe/Athens"
    assert listed(then, f"since=today&sort=-happened&{athens}") == moments[2:]
    assert listed(then, f"since=yesterday&sort=-happened&{athens}") == moments[:2]
    assert listed(then, "since=today&sort=-happened") == moments[3:]
    assert listed(then, "since=hour") == moments[4:]
    assert listed(then, "since=week&sort=-happened") == moments
    assert (
        listed(then, f"from=2026-03-28T23:00&to=2026-03-29T00:30&{athens}") == [moments[1], moments[2]][::-1]
    )
    assert "Europe/Athens" in page(then, f"{INCIDENTS}?since=today&{athens}").get_text()


def test_times_of_reporting_and_closing(then: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(times, "clock", lambda: NOW - timedelta(days=1))
    old = save("Closed today", happened="2026-01-01T00:00:00Z")
    save("Closed yesterday", closed=True)
    monkeypatch.setattr(times, "clock", lambda: NOW)
    old.closed = True
    old.save()
    save("Reported today", happened="2026-01-01T00:00:00Z")
    assert listed(then, "by=reported&since=today") == ["Reported today"]
    assert listed(then, "by=closed&since=today") == ["Closed today"]
    assert listed(then, "by=closed&since=yesterday") == ["Closed yesterday"]
    assert listed(then, "by=closed&since=week&sort=closed") == ["Closed today", "Closed yesterday"]


def test_row_says_where_who_and_how_long_ago(then: Browser) -> None:
    """The nearest town opens the map there, with the filter of the list; each area opens its page."""
    area = save_area("Old town", 24.0, 35.5, 0.1, severity="Urgent")
    save(
        "Fire", location=geojson.point_geojson(24.02, 35.51), happened="2026-03-29T09:00:00Z", severity="Low"
    )
    found = page(then, f"{INCIDENTS}?severities=LO")
    (row,) = found.select(".list tbody tr")
    where = row.select_one(".where")
    assert isinstance(where, Tag)
    town, chip = where.select("a")
    assert town.get_text().startswith("near Chania, Greece")
    assert town["href"] == "/?severities=LO#incident=1"
    assert (chip.get_text(), chip["href"]) == ("Old town", f"{AREAS}{area.id}/")
    words = " ".join(row.get_text(" ").split())
    assert "by ann" in words
    assert "3 h" in words


def test_links_keep_filter_and_order(browser: Browser) -> None:
    """The headers sort the other way round when they are followed twice, and say so to screen readers."""
    for number in range(30):
        save(f"n{number:02}")
    found = page(browser, f"{INCIDENTS}?text=n&sort=name")
    headers = {cell.get_text(): cell for cell in found.select("thead th")}
    name = headers["Name↑"]
    assert name["aria-sort"] == "ascending"
    assert not headers["Severity"].has_attr("aria-sort")
    hrefs = {label: str(cell.a["href"]) for label, cell in headers.items() if cell.a}
    assert hrefs["Name↑"] == f"{INCIDENTS}?text=n&sort=-name"
    assert hrefs["Severity"] == f"{INCIDENTS}?text=n&sort=severity"
    assert str(link(found, "next")).startswith(f"{INCIDENTS}?text=n&sort=name&after=25.n24")
    (on_map,) = found.find_all("a", string="On the map")
    assert on_map["href"] == "/?text=n"
    (clear,) = found.select("a.clear")
    assert clear["href"] == INCIDENTS


def test_empty_lists_say_why(browser: Browser) -> None:
    empty = page(browser, INCIDENTS)
    assert "No open incidents" in empty.get_text()
    (address,) = empty.select(".blank .copyable code")
    assert address.text.endswith("/tracker/incident/report/")
    assert empty.select(".blank a[href='/tracker/incident/create/']")
    assert "No areas yet." in page(browser, AREAS).get_text()
    found = page(browser, f"{INCIDENTS}?text=x")
    assert "No matches" in found.get_text()
    assert found.find("a", string="Clear filters")


def test_name_can_be_searched_as_it_is_shown(browser: Browser) -> None:
    """No text of a person breaks the address of a page, or its HTML."""
    for number in range(PER_PAGE + 1):
        save(f"<b>&%2f?#é\u202e {number}")
    found = page(browser, f"{INCIDENTS}?sort=name&text=%3Cb%3E%26")
    assert len(names(page(browser, str(link(found, "next"))))) == 1
    assert not found.select("b")


def test_api_takes_the_same_filter(browser: Browser) -> None:
    """A program reads all that match, some at a time."""
    for number in range(7):
        save(f"n{number} Straße", closed=number == 3)
    found, address = [], "/api/incidents/?q=STRASSE&sort=-name&limit=2"
    following: str | None = ""
    while following is not None:
        answer = browser.get(f"{address}&after={following}")
        assert answer.content_type == "application/geo+json"
        body = answer.get_json(force=True)
        found += [feature["properties"]["name"][:2] for feature in body["features"]]
        following = body["next"]
    assert found == ["n6", "n5", "n4", "n2", "n1", "n0"]
    for limit in ("0", "501", "-1"):
        assert browser.get(f"/api/incidents/?limit={limit}").status_code == 422


def test_address_finds_the_same_incidents_as_on_the_map(then: Browser) -> None:
    """tests/js/live/filter.test.js reads the same examples."""
    shared = json.loads((ROOT / "tests" / "data" / "filters.json").read_text(encoding="utf-8"))
    assert datetime.fromisoformat(shared["now"]) == NOW
    for properties in shared["incidents"]:
        fields = {"closed": False, "closed_at": None, "verified": True, **properties}
        incident = save(
            fields["name"], **{name: fields[name] for name in ("description", "happened", "closed")}
        )
        fields["severity"] = Severity.parse(fields["severity"]).value
        Incident.update(**{name: fields[name] for name in fields.keys() - {"pk"}}).where(
            Incident.id == incident.id
        ).execute()
    for query, wanted in shared["examples"]:
        found = then.get(f"/api/incidents/?sort=-reported&{query}").get_json(force=True)
        assert [each["properties"]["pk"] for each in found["features"]] == wanted, query


def test_filter_is_the_same_after_the_address() -> None:
    args = {"severities": ["HI,LO"], "state": ["all"], "area": ["3"], "text": ["ab"], "by": ["closed"]}
    args |= {"from": ["2026-01-01T00:00:00Z"], "zone": ["Europe/Athens"]}
    chosen = Filter.read(args)
    assert Filter.read({name: [value] for name, value in chosen.address().items()}) == chosen
    assert chosen.strictness == 5


def test_save_stores_the_folded_texts(database: Path) -> None:
    incident, area = save("Straße", description="Fluß"), save_area("Ö", 0, 0, 1)
    assert Incident.find(incident.id).folded == fold("Straße\nFluß")
    assert AreaOfInterest.find(area.id).folded == fold("Ö")
    assert re.fullmatch(r"[a-z\n]+", incident.folded)
