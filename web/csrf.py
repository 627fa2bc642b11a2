"""The check that a form comes from a page of this tracker, of the session that sends it."""

from __future__ import annotations

import base64
import binascii
import secrets

from flask import Flask
from flask_wtf.csrf import CSRFProtect, generate_csrf
from werkzeug.exceptions import BadRequest


class Protect(CSRFProtect):
    """Flask-WTF's check of forms, which `guard` calls. By TLS it also looks at the page a form comes from."""

    def __init__(self, app: Flask) -> None:
        app.config["WTF_CSRF_CHECK_DEFAULT"] = False  # `guard` calls it, if the request has no API token
        super().__init__(app)
        app.context_processor(lambda: {"csrf_token": lambda: mask(generate_csrf())})  # over Flask-WTF's own

    def _get_csrf_token(self) -> str | None:
        """Return the token that a request brings, as it was before `mask`."""
        found = super()._get_csrf_token()
        return unmask(found) if found else None

    def protect(self, *, apply_exemptions: bool = False) -> None:
        """Raise CSRFError if the request changes something and no page of its session has sent it."""
        try:
            super().protect(apply_exemptions)
        except ValueError as error:  # by TLS it takes the Referer for a URL
            raise BadRequest("The Referer is no URL.") from error


def mask(token: str) -> str:
    """Return the token in a form that differs each time.

    A page is compressed, and may repeat text of its address. If the token were always the same, its letters
    could be guessed one by one from the length of the page (BREACH).
    """
    plain = token.encode()
    key = secrets.token_bytes(len(plain))
    return base64.urlsafe_b64encode(key + _xor(key, plain)).decode()


def unmask(masked: str) -> str:
    """Return the token of a masked one; "" if it is none."""
    try:
        both = base64.urlsafe_b64decode(masked.encode())
        half = len(both) // 2
        return _xor(both[:half], both[half:]).decode()
    except (binascii.Error, UnicodeError, ValueError):
        return ""


def _xor(key: bytes, text: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(key, text, strict=True))
