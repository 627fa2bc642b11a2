"""The cookie of a wall screen: it has the secret of its link, until the link is revoked.

It counts only for requests whose address has `kiosk`, and only for those that a wall needs. So it never mixes
with the session of a person who uses the same browser.
"""

from __future__ import annotations

from typing import Any

from flask import Response, current_app, request

AGE_S = 400 * 24 * 3600  # the longest that browsers keep a cookie; each opening of the map renews it
# All that a wall may read.
READS = {
    "pages.index",
    "api.incident_feature_collection",
    "api.area_feature_collection",
    "api.alerts",
    "notifications.notifications",
    "notifications.not_a_websocket",
    "notifications.messages",
}


def is_asked() -> bool:
    """Return whether the request is one of a wall screen's page."""
    return "kiosk" in request.args and request.endpoint in READS


def secret() -> str | None:
    """Return the secret of the request's cookie; None without one."""
    return request.cookies.get(_name())


def keep(response: Response, secret: str) -> None:
    """Give the browser the cookie, for as long as possible."""
    response.set_cookie(_name(), secret, max_age=AGE_S, samesite="Lax", httponly=True, **_place())


def drop(response: Response) -> None:
    """Take the cookie from the browser."""
    response.delete_cookie(_name(), samesite="Lax", httponly=True, **_place())


def _name() -> str:
    return f"{current_app.session_interface.get_cookie_name(current_app)}_wall"


def _place() -> dict[str, Any]:
    return {"path": request.script_root or "/", "secure": request.is_secure}
