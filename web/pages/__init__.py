"""The HTML pages, a module a subject. `BLUEPRINTS` has them all."""

from web.pages import (
    account,
    admin,
    alerts,
    areas,
    first_steps,
    incidents,
    kiosk,
    live_map,
    overview,
    report,
    sign_in,
    two_step,
)
from web.pages.blueprint import bp

__all__ = ["BLUEPRINTS", "alerts", "areas", "first_steps", "incidents", "live_map", "overview", "report"]

BLUEPRINTS = (bp, account.bp, admin.bp, kiosk.bp, sign_in.bp, two_step.bp)
