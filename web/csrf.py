"""The check that a form comes from a page of this tracker, of the session that sends it."""

from __future__ import annotations

from flask import Flask
from flask_wtf.csrf import CSRFProtect
from werkzeug.exceptions import BadRequest


class Protect(CSRFProtect):
    """Flask-WTF's check of forms, which `guard` calls. By TLS it also looks at the page a form comes from."""

    def __init__(self, app: Flask) -> None:
        app.config["WTF_CSRF_CHECK_DEFAULT"] = False  # `guard` calls it, if the request has no API token
        super().__init__(app)

    def protect(self, *, apply_exemptions: bool = False) -> None:
        """Raise CSRFError if the request changes something and no page of its session has sent it."""
        try:
            super().protect(apply_exemptions)
        except ValueError as error:  # by TLS it takes the Referer for a URL
            raise BadRequest("The Referer is no URL.") from error
