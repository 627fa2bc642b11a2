"""The application in the tests' own process, without a server.

`Browser` is Flask's test client that fills in forms as a person does.
"""

from collections.abc import Mapping
from typing import Any

from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from base.settings import Settings
from domain import accounts
from web.app import create_app

NAME, PASSWORD = "ada", "a password of nobody"  # of the editor that each application has
MANY = 10_000  # all requests of the tests come from one address


def make_app(**settings: Any) -> Flask:
    """Return an application on the open database, with an editor who may sign in as NAME."""
    patient = dict.fromkeys(("reports_per_address", "reports_in_total"), MANY)
    app = create_app(Settings(**{**patient, **settings}))
    if accounts.named(NAME) is None:
        accounts.create(NAME, "editor", PASSWORD)
    return app


class Browser:
    """A person at one browser. Paths are as in the address bar. `base_url` gives the scheme and the host."""

    def __init__(self, app: Flask, base_url: str = "http://localhost") -> None:
        self.client: FlaskClient = app.test_client()
        self.base_url = base_url

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.client.get(path, base_url=self.base_url, **options)

    def post(self, path: str, **options: Any) -> TestResponse:
        return self.client.post(path, base_url=self.base_url, **options)

    def send(self, path: str, headers: Mapping[str, str] | None = None, **fields: str) -> TestResponse:
        """Open a page, fill in its own form, and send that, with the page as its Referer."""
        page = self.get(path)
        assert page.status_code == 200, (path, page.status)
        own = {"Referer": f"{self.base_url}{path}"}
        return self.post(path, data={**form_of(page), **fields}, headers={**own, **(headers or {})})

    def sign_in(self, name: str = NAME, password: str = PASSWORD) -> None:
        answer = self.send("/accounts/login/", username=name, password=password)
        assert answer.status_code == 303, answer.text


def form_of(page: TestResponse) -> dict[str, str]:
    """Return the unchanged data of the page's last form: fields with a value, without choices."""
    forms = BeautifulSoup(page.text, "html.parser").select("form[method=post]")
    assert forms, "the page has no form"
    fields = forms[-1].select("input[name][value]:not([type=radio], [type=checkbox])")
    return {str(field["name"]): str(field["value"]) for field in fields}
