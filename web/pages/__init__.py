"""The HTML pages: a module a subject, all on one blueprint."""

from web.pages import alerts, areas, incidents, live_map, report
from web.pages.blueprint import bp

__all__ = ["alerts", "areas", "bp", "incidents", "live_map", "report"]
