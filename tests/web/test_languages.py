"""The language of pages: who chooses it, and what is translated."""

import json
import re

import pytest
from flask import Flask, g
from in_process import Browser

from base.sentences import Sentence
from web import languages, page_sentences

GREEK = {"Accept-Language": "el-GR,el;q=0.9,en;q=0.5"}
LOGIN = "/accounts/login/"


def test_browser_chooses_the_language(app: Flask) -> None:
    """The page names its language, also to caches, and has its sentences."""
    answer = Browser(app).get(LOGIN, headers=GREEK)
    assert '<html lang="el" dir="ltr">' in answer.text
    assert "Σύνδεση" in answer.text
    assert answer.headers["Content-Language"] == "el"
    assert {"Accept-Language", "Cookie"} <= set(answer.vary)


@pytest.mark.parametrize("header", ["", "xx", "de;q=0", "*", "e" * 5000, ";;;,,q=q", "en-GB,de;q=0.9"])
def test_other_languages_are_english(app: Flask, header: str) -> None:
    answer = Browser(app).get(LOGIN, headers={"Accept-Language": header})
    assert '<html lang="en" dir="ltr">' in answer.text


def test_variant_of_a_language_gets_that_language(app: Flask) -> None:
    assert '<html lang="de"' in Browser(app).get(LOGIN, headers={"Accept-Language": "de-AT, en;q=0.5"}).text


def test_address_chooses_the_language_for_later_pages(app: Flask) -> None:
    """The choice is kept in a cookie of this tracker's path, and wins over the browser."""
    browser = Browser(app)
    answer = browser.get(f"{LOGIN}?language=de", headers=GREEK)
    assert '<html lang="de"' in answer.text
    assert "HttpOnly" in answer.headers["Set-Cookie"]
    assert '<html lang="de"' in browser.get(LOGIN, headers=GREEK).text


@pytest.mark.parametrize("code", ["xx", "../el", "el.po", "", "el\r\nX: y"])
def test_unknown_language_in_the_address_is_ignored(app: Flask, code: str) -> None:
    answer = Browser(app).get(LOGIN, query_string={"language": code})
    assert '<html lang="en"' in answer.text
    assert languages.COOKIE not in answer.headers.get("Set-Cookie", "")


def test_cookie_with_an_unknown_language_is_ignored(app: Flask) -> None:
    browser = Browser(app)
    browser.client.set_cookie(languages.COOKIE, "<script>")
    assert '<html lang="en"' in browser.get(LOGIN).text


def test_in_language_keeps_the_other_arguments(app: Flask) -> None:
    """Only the language changes, whatever a stranger writes into the address."""
    with app.test_request_context(f"{LOGIN}?next=/a&next=/b&language=de&_external=1"):
        assert languages.in_language("el") == f"{LOGIN}?next=%2Fa&next=%2Fb&_external=1&language=el"


def test_page_in_english_asks_for_no_sentences(app: Flask) -> None:
    assert "/sentences/" not in Browser(app).get(LOGIN).text


def test_scripts_get_their_sentences(app: Flask) -> None:
    """A page names the script with its sentences, before all modules; browsers keep it for good."""
    browser = Browser(app)
    page = browser.get(LOGIN, headers=GREEK).text
    script = re.search(r'<script defer src="([^"]+)"></script>', page)
    assert script is not None
    assert script.start() < page.index('type="module"')
    answer = browser.get(script[1])
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.mimetype == "text/javascript"
    content = json.loads(answer.text.removeprefix("globalThis.trackerSentences = ").rstrip(";\n"))
    assert content["forms"] == {"one": 0, "other": 1}
    assert all(isinstance(text, (str, list)) for text in content["sentences"].values())


@pytest.mark.parametrize("name", ["el-0123456789ab.js", "el-.js"])
def test_outdated_address_gets_the_new_sentences(app: Flask, name: str) -> None:
    answer = Browser(app).get(f"/sentences/{name}")
    assert answer.text == page_sentences.script("el")
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("name", ["xx-1.js", "en-1.js", "el.js", "..-1.js"])
def test_no_other_language_has_sentences(app: Flask, name: str) -> None:
    assert Browser(app).get(f"/sentences/{name}").status_code == 404


def test_sentence_is_english_until_a_page_translates_it(app: Flask) -> None:
    """Programs and logs have the English text; its values stay as they are."""
    sentence = Sentence("Your account, %(name)s", name="50 % <b>")
    assert sentence == "Your account, 50 % <b>"
    with app.test_request_context(headers=GREEK):
        assert languages.translated(sentence) == languages.gettext("Your account, %(name)s", name="50 % <b>")
        assert languages.translated("Sign in") == "Sign in", "a text that is no Sentence may be a person's"


def test_sentence_for_a_number() -> None:
    assert Sentence.counted("one area", "%(n)s areas", 1) == "one area"
    assert Sentence.counted("one area", "%(n)s areas", 2) == "2 areas"


def test_values_in_templates_are_escaped(app: Flask) -> None:
    """The sentence may have markup; what it is about may not."""
    template = app.jinja_env.from_string("{{ _('Your <b>%(name)s</b>', name=name) }}{{ text | translated }}")
    with app.test_request_context():
        shown = template.render(name="<i>", text=Sentence("%(name)s", name="<u>"))
    assert shown == "Your <b>&lt;i&gt;</b>&lt;u&gt;"


def test_program_with_a_token_reads_english(app: Flask) -> None:
    """Whatever it accepts, and however it asks."""
    with app.test_request_context("/?language=xx", headers={**GREEK, "Authorization": "Bearer x"}):
        assert languages.current() == "en"
        assert g.language == "en"


def test_account_chooses_its_language(app: Flask) -> None:
    """It wins over the browser and over an earlier choice, on every device; "" leaves it to them again."""
    browser = Browser(app)
    browser.sign_in()
    own = browser.get("/accounts/?language=de").text
    token = re.search(r'name="csrf_token" value="([^"]+)"', own)
    assert token is not None

    def choose(code: str) -> int:
        return browser.post(
            "/accounts/language/", data={"csrf_token": token[1], "language": code}
        ).status_code

    assert choose("el") == 303
    assert '<html lang="el"' in browser.get("/accounts/").text
    other = Browser(app)
    other.sign_in()
    assert '<html lang="el"' in other.get("/tracker/overview/", headers={"Accept-Language": "de"}).text
    assert choose("") == 303
    assert '<html lang="de"' in browser.get("/accounts/").text
    assert choose("xx") == 400


def test_problems_of_fields_are_translated(app: Flask) -> None:
    """A form names the problem of a polygon or of a text in the language of the page."""
    browser = Browser(app)
    browser.sign_in()
    form = browser.get("/tracker/area_of_interest/create/").text
    token = re.search(r'name="csrf_token" value="([^"]+)"', form)
    assert token is not None
    ring = [[0, 0], [1, 0], [1, 1], [0, 1]]
    typed = {
        "csrf_token": token[1],
        "key": "0" * 32,
        "name": "n" * 1000,
        "severity": "HI",
        "polygon_geojson": json.dumps({"type": "Polygon", "coordinates": [ring]}),
    }
    answer = browser.post("/tracker/area_of_interest/create/?language=de", data=typed)
    assert answer.status_code == 422
    with app.test_request_context("/?language=de"):
        for sentence in (
            Sentence("ring %(ring)s is open: its last position must repeat its first", ring=1),
            Sentence("at most %(most)s characters, not %(count)s", most=150, count=1000),
        ):
            assert languages.translated(sentence) != sentence
            assert languages.translated(sentence) in answer.text
