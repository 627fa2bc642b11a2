"""The language of each answer, and its sentences, from the catalogues in web/translations/.

English is the language of the source, so it has no catalogue. A language is chosen by the address
(`?language=el`), by the account, by the cookie of an earlier choice, or by the browser, in this order.
Programs get English.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from babel import Locale
from babel.messages import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from flask import Flask, Response, current_app, g, has_request_context, request

from base.sentences import Sentence
from web import root

SOURCE = "en"  # the language in which the sentences are written
FOLDER = Path(__file__).resolve().parent / "translations"
ARGUMENT = "language"  # of an address
COOKIE = "tracker_language"
COOKIE_AGE_S = 365 * 24 * 3600
KEY = "tracker.language_of_account"  # of a function among Flask's extensions


class Language(NamedTuple):
    """A language that pages can have: its code, its own name, and the direction of its writing."""

    code: str
    name: str
    direction: str


@cache
def languages() -> dict[str, Language]:
    """Return the languages by code: English first, then those with a catalogue by their names."""
    codes = [path.stem for path in FOLDER.glob("*.po")]
    found = [_language(code) for code in codes]
    return {
        language.code: language for language in [_language(SOURCE), *sorted(found, key=lambda one: one.name)]
    }


def _language(code: str) -> Language:
    locale = Locale.parse(code, sep="-")
    name = locale.get_display_name() or code
    return Language(code, name[0].upper() + name[1:], locale.text_direction)


def init_app(app: Flask, language_of_account: Callable[[], str | None]) -> None:
    """Let templates use `_()` and `ngettext()`, and each answer name its language.

    `language_of_account` returns the code that this request's account asks for; None if it leaves that open.
    """
    app.extensions[KEY] = language_of_account
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    install: Any = app.jinja_env
    install.install_gettext_callables(
        lambda message: _translations().gettext(message),
        lambda one, many, n: _translations().ngettext(one, many, n),
        newstyle=True,
    )
    app.add_template_filter(translated)
    app.context_processor(_common)
    app.after_request(_name_language)


def _common() -> dict[str, Any]:
    return {
        "language": languages()[current()],
        "languages": list(languages().values()),
        "in_language": in_language,
    }


def current() -> str:
    """Return the code of this request's language; English outside of a request."""
    if not has_request_context():
        return SOURCE
    if "language" not in g:
        g.language = _choose()
    return str(g.language)


def babel_locale() -> Locale:
    """Return Babel's data of this request's language."""
    return Locale.parse(current(), sep="-")


def _choose() -> str:
    of_account = current_app.extensions[KEY]()
    wishes = request.args.get(ARGUMENT), of_account, request.cookies.get(COOKIE)
    wish = next((wish for wish in wishes if wish in languages()), None)
    return wish or _of_browser()


def _of_browser() -> str:
    """Return the language that the browser likes best, of those that there are. de-AT is German, too."""
    liked = [code.lower() for code, quality in request.accept_languages if quality > 0]
    either = [one for code in liked for one in (code, code.partition("-")[0])]
    return next((code for code in either if code in languages()), SOURCE)


def in_language(code: str) -> str:
    """Return the address of this page in another language."""
    others = [(name, value) for name, value in request.args.items(multi=True) if name != ARGUMENT]
    return f"{root.address(request.path)}?{urlencode([*others, (ARGUMENT, code)])}"


def gettext(message: str, /, **values: Any) -> str:
    """Return the sentence in the language of this request, with the values in place of `%(name)s`."""
    return _translations().gettext(message) % values


def ngettext(one: str, many: str, n: int, /, **values: Any) -> str:
    """Return the sentence for a number, which the message can name as `%(n)s`."""
    return _translations().ngettext(one, many, n) % {"n": n, **values}


def translated(text: str) -> str:
    """Return a `Sentence` in the language of this request, with its values; any other text as it is."""
    if not isinstance(text, Sentence):
        return text
    values = {
        name: translated(value) if isinstance(value, str) else value for name, value in text.values.items()
    }
    if text.plural is None:
        return gettext(text.message, **values)
    return _translations().ngettext(text.message, text.plural, text.values["n"]) % values


def _translations() -> NullTranslations:
    return translations(current())


@cache
def translations(code: str) -> NullTranslations:
    """Return the sentences of a language. English has those of the source."""
    if code == SOURCE:
        return NullTranslations()
    compiled = io.BytesIO()
    write_mo(compiled, catalogue(code))
    compiled.seek(0)
    return GNUTranslations(compiled)


@cache
def catalogue(code: str) -> Catalog:
    """Return the catalogue of a language as its file has it."""
    with (FOLDER / f"{code}.po").open("rb") as file:
        return read_po(file, locale=code.replace("-", "_"), abort_invalid=True)


def _name_language(response: Response) -> Response:
    """Name the language in the answer, and keep the choice that the address made."""
    if "language" not in g:
        return response
    response.headers["Content-Language"] = current()
    response.vary.update(("Accept-Language", "Cookie"))
    if request.args.get(ARGUMENT) == current() and request.method == "GET":
        path = request.script_root or "/"
        response.set_cookie(
            COOKIE,
            current(),
            max_age=COOKIE_AGE_S,
            path=path,
            secure=request.is_secure,
            httponly=True,
            samesite="Lax",
        )
    return response
