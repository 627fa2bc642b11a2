"""The cookie of a session: its name, and the answers that may set it. Its content is in `auth`."""

from __future__ import annotations

from flask import Flask, Request, Response, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from itsdangerous import BadSignature

SAFE = {"GET", "HEAD", "OPTIONS"}  # methods of requests that change nothing


class SessionInterface(SecureCookieSessionInterface):
    """Flask's interface, with this tracker's own cookie name, and with TLS a cookie for TLS only.

    Cookies are for all ports of a host: with one name, two trackers there would sign each other out.
    """

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession:
        """Open as Flask does, but accept a signature of any time, because a wrong clock may have made it."""
        serializer = self.get_signing_serializer(app)
        value = request.cookies.get(self.get_cookie_name(app))
        if serializer is None or value is None:
            return self.session_class()
        try:
            return self.session_class(serializer.loads(value))
        except BadSignature:
            return self.session_class()

    def get_cookie_name(self, app: Flask) -> str:
        """Return the cookie's name; over TLS one that browsers accept only over TLS.

        At the top of a host they accept it for this host only, too. That name forbids any other path.
        """
        name = super().get_cookie_name(app)
        if not request.is_secure:
            return name
        return f"__Secure-{name}" if request.script_root else f"__Host-{name}"

    def get_cookie_path(self, _app: Flask) -> str:
        """Return the path below which the browser sends the cookie: other things of the host don't get it."""
        return request.script_root or "/"

    def get_cookie_secure(self, _app: Flask) -> bool:
        return bool(request.is_secure)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        # If nothing is modified there is only a header to add, for caches, which store none of this.
        if session.modified and not self._would_replace_unseen(app):
            super().save_session(app, session, response)

    def _would_replace_unseen(self, app: Flask) -> bool:
        """Return whether a page of another site has sent this request.

        The browser then sends no cookie, but would accept a new one. So any site could sign a person out with
        a form.
        """
        origin = request.headers.get("Origin")
        is_foreign = origin is not None and origin.partition("://")[2] != request.host
        return is_foreign and request.method not in SAFE and self.get_cookie_name(app) not in request.cookies
