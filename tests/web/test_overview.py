"""The overview: its figures, its period, and large databases."""

from datetime import UTC, date, datetime, timedelta

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from in_process import Browser
from peewee import fn

from base import times
from domain import overview
from geo import geojson
from models import Alert, AreaOfInterest, Incident, actor
from web.pages.overview import spoken

PATH = "/tracker/overview/"
DAY = datetime.now(UTC).replace(hour=12) - timedelta(days=4)  # of the first incident


@pytest.fixture
def person(app: Flask) -> Browser:
    person = Browser(app)
    person.sign_in()
    return person


@pytest.fixture
def week(app: Flask) -> None:
    """Save an incident a day for three days in an area.

    One is acknowledged after an hour, and closed two hours later.
    """
    assert app.name
    moment = DAY
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(times, "clock", lambda: moment)
        actor.set("ada")
        corners = [[0, 0], [9, 0], [9, 9], [0, 9], [0, 0]]
        polygon = geojson.parse_polygon({"type": "Polygon", "coordinates": [corners]})
        AreaOfInterest(name="<Harbour>", polygon=polygon, severity="LO").save()
        for number in range(3):
            moment = DAY + timedelta(days=number)
            place = geojson.parse_point({"type": "Point", "coordinates": [1 + number, 1]})
            incident = Incident(name=f"Day {number}", location=place, severity="HI")
            incident.save()
            if number == 0:
                moment += timedelta(hours=1)
                Alert.acknowledge([Alert.get().id])
                moment += timedelta(hours=2)
                incident.closed = True
                incident.save()
    actor.set(None)


def after(days: int) -> date:
    return (DAY + timedelta(days=days)).date()


def test_figures(week: None) -> None:
    """Days without incidents count as well. Times are medians from the alert."""
    assert week is None
    found = overview.of(after(-1), after(1))
    assert list(found.days.items()) == [(str(after(-1)), 0), (str(after(0)), 1), (str(after(1)), 1)]
    assert found.severities == {"HI": 2}
    assert found.open == {"HI": 2}  # now, also those of other days
    assert found.busiest == [("<Harbour>", 2)]
    assert found.median_to_acknowledge == pytest.approx(3600, abs=1)
    assert found.median_to_close == pytest.approx(3 * 3600, abs=1)


def test_pieces_give_the_same_figures(week: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large table is counted in pieces, with pauses for others."""
    assert week is None
    whole = overview.of(after(-9), after(9))
    monkeypatch.setattr(overview, "PIECE", 1)
    assert overview.of(after(-9), after(9)) == whole


def test_page_shows_the_last_seven_days(person: Browser, week: None) -> None:
    """Every chart has its numbers as text, and names are escaped."""
    assert week is None
    page = person.get(PATH)
    assert page.status_code == 200
    assert page.text.count("<rect") >= 7
    assert "&lt;Harbour&gt;" in page.text
    assert "60 minutes" in page.text
    assert "3 hours" in page.text
    assert str(after(2)) in page.text


def test_empty_period(person: Browser) -> None:
    page = person.get(f"{PATH}?from=2001-01-01&to=2001-01-31")
    assert page.status_code == 200
    assert "No alert was raised" in page.text


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("from=nothing", "Must be a day"),
        ("from=2030-01-02&to=2030-01-01", "Must not be before"),
        ("from=2000-01-01&to=2030-01-01", "at most 366 days"),
        ("from=9999-12-31&to=9999-12-31", "Must be a day"),
        ("to=%00", "Must be a day"),
    ],
)
def test_wrong_period_is_refused_with_the_reason(person: Browser, query: str, said: str) -> None:
    page = person.get(f"{PATH}?{query}")
    assert page.status_code == 422
    assert said in page.text


def test_long_period_has_a_bar_for_seven_days(person: Browser, week: None) -> None:
    """The bars have the same sum. The highest shows its number, which has room also among many bars."""
    assert week is None
    page = BeautifulSoup(person.get(f"{PATH}?from={after(-60)}&to={after(2)}").text, "html.parser")
    assert len(page.select("svg.days rect")) == 9
    assert [text.text for text in page.select("svg.days .highest")] == ["3"]
    assert sum(int(cell.text) for cell in page.select("details td")) == 3
    assert f"3 ({after(-4)} to {after(2)})" in page.text


def test_page_names_its_period(person: Browser) -> None:
    """Print leaves out the form, and other spellings of a day become the one that the form shows."""
    page = person.get(f"{PATH}?from=20010101&to=2001-W01-7").text
    assert "2001-01-01 to 2001-01-07" in page
    assert 'value="2001-01-01"' in page


def test_areas_beyond_the_list_are_counted(
    person: Browser, week: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two areas with the same name are two."""
    assert week is None
    Alert.update(area_id=99).where(Alert.id == Alert.select(fn.max(Alert.id))).execute()
    monkeypatch.setattr(overview, "MOST_AREAS", 1)
    assert overview.of(after(0), after(2)).busiest == [("<Harbour>", 2)]
    assert "1 other area is not shown. Alerts there: 1." in person.get(f"{PATH}?from={after(0)}").text


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(9000, "2.5 hours"), (119 * 60, "119 minutes"), (3 * 86400, "3 days"), (0, "0 seconds")],
)
def test_durations_are_said_in_one_unit(seconds: float, said: str) -> None:
    assert spoken(seconds) == said


@pytest.mark.parametrize(
    ("minutes", "median"),
    [((), None), ((5,), 300), ((1, 2, 60), 120), ((1, 1, 1, 60), 60), ((150.4,), 150 * 60), ((-5,), 0)],
)
def test_median_counts_each_alert(week: None, minutes: tuple[float, ...], median: int | None) -> None:
    """From two hours on, the median has whole minutes. A clock that was set back gives no negative time."""
    assert week is None
    Alert.delete().execute()
    for number, each in enumerate(minutes):
        Alert.create(
            incident_id=number,
            incident_name="",
            area_id=1,
            area_name="",
            severity="HI",
            raised_seq=1,
            raised=times.timestamp(DAY),
            acknowledged=times.timestamp(DAY + timedelta(minutes=each)),
        )
    assert overview.of(after(0), after(0)).median_to_acknowledge == median
