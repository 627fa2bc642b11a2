"""The overview of a period, for a weekly meeting."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta

from babel.units import format_unit
from flask import render_template, request
from flask.typing import ResponseReturnValue

from base import times
from base.sentences import Sentence
from base.severity import Severity
from domain import overview
from web.forms import Form
from web.languages import babel_locale, gettext
from web.pages.blueprint import bp

PERIOD = timedelta(days=6)  # from the first day to the last
MOST_DAYS = 366
MOST_BARS = 31  # of days; a longer period has a bar for each seven days
YEARS = range(1970, 9000)
WIDTH, HEIGHT, HEAD = 720, 160, 30  # of the chart of days, in units of the SVG; HEAD is for the numbers
DIGIT, PHONE_DIGIT = 9, 17  # widths of a digit above a bar
UNITS = (("day", 86400), ("hour", 3600), ("minute", 60))


@dataclass
class Bar:
    """A bar of the chart of days, in units of the SVG. It counts one day or several."""

    day: str
    last: str
    count: int
    x: float
    y: float
    width: float
    height: float
    is_labelled: bool
    is_highest: bool

    @property
    def middle(self) -> float:
        return self.x + self.width / 2

    @property
    def name(self) -> str:
        return (
            self.day
            if self.day == self.last
            else gettext("%(first)s to %(last)s", first=self.day, last=self.last)
        )


@dataclass
class Chart:
    """The bars. `room` says where each bar has room for its number; elsewhere only the highest shows it."""

    bars: list[Bar]
    highest: Bar
    room: str  # "everywhere", "wide" (not on a phone) or "nowhere"
    is_daily: bool


@bp.get("/tracker/overview/")
def overview_page() -> ResponseReturnValue:
    """Show the figures of the days `from` to `to`, by default of the last seven."""
    today = times.clock().date()
    form = Form({"from": (today - PERIOD).isoformat(), "to": today.isoformat()} | request.args.to_dict())
    first, last = _day(form, "from"), _day(form, "to")
    if first and last and first > last:
        form.errors["to"] = Sentence("Must not be before the first day")
    elif first and last and (last - first).days >= MOST_DAYS:
        form.errors["to"] = Sentence("Must have at most %(most)s days", most=MOST_DAYS)
    figures = overview.of(first, last) if first and last and not form.errors else None
    page = render_template(
        "overview.html",
        form=form,
        figures=figures,
        chart=_chart(figures) if figures else None,
        spoken=spoken,
        by_severity=_by_severity,
        by_area=lambda figures: [(name, "", count) for name, count in figures.busiest],
    )
    return page, 422 if form.errors else 200


def _by_severity(counts: Counter[str]) -> list[tuple[str, str, int]]:
    """Return (word, code, count) of each severity, the most severe first."""
    return [(severity.word, severity.value, counts[severity.value]) for severity in Severity]


def _day(form: Form, name: str) -> date | None:
    try:
        found = date.fromisoformat(form.values[name])
    except ValueError:
        found = None
    if found is None or found.year not in YEARS:
        form.errors[name] = Sentence("Must be a day, such as 2026-11-28")
        return None
    form.values[name] = found.isoformat()  # the only form that a date field shows
    return found


def _chart(figures: overview.Overview) -> Chart:
    days = list(figures.days.items())
    size = 1 if len(days) <= MOST_BARS else 7
    groups = [days[start : start + size] for start in range(0, len(days), size)]
    counts = [sum(count for _, count in group) for group in groups]
    most, step = max(counts), WIDTH / len(groups)
    every = -(-len(groups) // 8)  # about eight bars are named below
    bars = []
    for number, (group, count) in enumerate(zip(groups, counts, strict=True)):
        height = count / max(1, most) * (HEIGHT - HEAD)
        bar = Bar(
            group[0][0],
            group[-1][0],
            count,
            (number + 0.1) * step,
            HEIGHT - height,
            step * 0.8,
            height,
            is_labelled=number % every == 0,
            is_highest=number == counts.index(most),
        )
        bars.append(bar)
    digits = len(str(most))
    room = "everywhere" if digits * PHONE_DIGIT <= step else "wide" if digits * DIGIT <= step else "nowhere"
    return Chart(bars, bars[counts.index(most)], room, size == 1)


def spoken(seconds: float | None) -> str:
    """Return a duration in one unit, as people say it."""
    if seconds is None:
        return gettext("None")
    unit, size = next(
        ((unit, size) for unit, size in UNITS if seconds >= 2 * size),
        ("second", 1),
    )
    number = seconds / size
    rounded = round(number, 1 if unit != "second" and number < 10 else 0)
    return format_unit(rounded, f"duration-{unit}", "long", "#,##0.#", locale=babel_locale())
