"""The sentences of a page's scripts, as a script with an address of its own that browsers keep."""

from __future__ import annotations

import hashlib
import json
from functools import cache

from babel import Locale
from flask import Blueprint, Flask, Response, url_for

from web import auth, languages

SCRIPTS = "static/js/"  # messages from here are in the script
AGE_S = 365 * 24 * 3600  # the address changes with the content
MANY = 1000  # numbers below this have their plural form looked up

bp = Blueprint("page_sentences", __name__)


def init_app(app: Flask) -> None:
    """Add the route, and let templates name it as `sentences_address()`."""
    app.register_blueprint(bp)
    app.jinja_env.globals["sentences_address"] = lambda: address(languages.current())


@cache
def script(code: str) -> str:
    """Return the script with the sentences of static/js, for a page in this language.

    It is a plain script, so that it has run before the modules of a page, which need it when they begin.
    """
    sentences = {
        entry.id if isinstance(entry.id, str) else entry.id[0]: entry.string
        for entry in languages.catalogue(code)
        if entry.id and any(path.startswith(SCRIPTS) for path, _line in entry.locations)
    }
    content = {"sentences": sentences, "forms": _plural_forms(code)}
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return f"globalThis.trackerSentences = {text};\n"


def _plural_forms(code: str) -> dict[str, int]:
    """Return the number of the plural form for each category of CLDR that whole numbers have."""
    locale, own = Locale.parse(code, sep="-"), languages.translations(code)
    form = getattr(own, "plural")  # noqa: B009 (GNUTranslations has it, its type does not)
    return {locale.plural_form(n): form(n) for n in [*range(MANY), 1_000_000]}


@cache
def _content_hash(code: str) -> str:
    return hashlib.sha256(script(code).encode()).hexdigest()[:12]


def address(code: str) -> str:
    """Return the address of the sentences for a page's scripts; "" for English."""
    return (
        ""
        if code == languages.SOURCE
        else url_for("page_sentences.sentences", name=f"{code}-{_content_hash(code)}.js")
    )


@bp.get("/sentences/<name>")
@auth.public
def sentences(name: str) -> Response:
    """Return the sentences for a page's scripts. An outdated address gets the new ones, and is not stored."""
    code = name.rpartition("-")[0]
    if code == languages.SOURCE or code not in languages.languages():
        return Response(status=404)
    response = Response(script(code), content_type="text/javascript; charset=utf-8")
    if name == f"{code}-{_content_hash(code)}.js":
        response.cache_control.public = response.cache_control.immutable = True
        response.cache_control.max_age = AGE_S
    else:
        response.cache_control.no_store = True
    return response
