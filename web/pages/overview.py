"""The overview of a period, for a weekly meeting."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta

from flask import render_template, request
from flask.typing import ResponseReturnValue

from base import times
from base.severity import Severity
from domain import overview
from web.forms import Form
from web.pages.blueprint import bp

PERIOD = timedelta(days=6)  # from the first day to the last
MOST_DAYS = 366
YEARS = range(1970, 9000)
WIDTH, HEIGHT, HEAD = 720, 160, 30  # of the chart of days, in units of the SVG; HEAD is for the numbers
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86400


@dataclass
class Bar:
    """A bar of the chart of days, in units of the SVG."""

    day: str
    count: int
    x: float
    y: float
    width: float
    height: float
    is_labelled: bool


@bp.get("/tracker/overview/")
def overview_page() -> ResponseReturnValue:
    """Show the figures of the days `from` to `to`, by default of the last seven."""
    today = times.clock().date()
    form = Form({"from": (today - PERIOD).isoformat(), "to": today.isoformat()} | request.args.to_dict())
    first, last = _day(form, "from"), _day(form, "to")
    if first and last and first > last:
        form.errors["to"] = "this must not be before the first day"
    elif first and last and (last - first).days >= MOST_DAYS:
        form.errors["to"] = f"a period has at most {MOST_DAYS} days"
    figures = overview.of(first, last) if first and last and not form.errors else None
    page = render_template(
        "overview.html",
        form=form,
        figures=figures,
        bars=_bars(figures) if figures else [],
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
        form.errors[name] = "this must be a day, such as 2026-11-28"
        return None
    return found


def _bars(figures: overview.Overview) -> list[Bar]:
    step, most = WIDTH / len(figures.days), max(1, *figures.days.values())
    every = -(-len(figures.days) // 8)  # about eight days are named below
    bars = []
    for number, (day, count) in enumerate(figures.days.items()):
        height = count / most * (HEIGHT - HEAD)
        bars.append(
            Bar(
                day,
                count,
                number * step,
                HEIGHT - height,
                step * 0.8,
                height,
                is_labelled=number % every == 0,
            )
        )
    return bars


def spoken(seconds: float | None) -> str:
    """Return a duration in one unit, as people say it."""
    if seconds is None:
        return "none"
    for unit, size in (("days", DAY_S), ("hours", HOUR_S), ("minutes", MINUTE_S)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
