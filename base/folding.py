"""The form in which texts are searched: `fold`. static/js/base/folding.js does the same for pages.

tests/data/folding.json has examples that the tests of both read. The database keeps folded texts, so a change
here needs a migration that folds them anew.
"""

from __future__ import annotations

import re
import unicodedata

IGNORED = ("Mn", "Mc", "Me", "Cf")  # categories of characters that a search ignores: accents, invisible ones
# Letters that Unicode does not take apart, and the forms in which people type them on another keyboard.
LETTERS = {
    "ß": "ss",
    "ς": "σ",  # noqa: RUF001 (a letter of a script, as in the next such lines)
    "æ": "ae",
    "œ": "oe",
    "ø": "o",
    "ł": "l",
    "đ": "d",
    "ð": "d",
    "þ": "th",
    "ı": "i",  # noqa: RUF001
    "’": "'",  # noqa: RUF001
    "ʼ": "'",  # noqa: RUF001
}
_LETTERS = str.maketrans(LETTERS)
_SPACE = re.compile("[ \t\n\r\f\v]+")


def fold(text: str) -> str:
    """Return the text without case, accents and other marks, in one Unicode form."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text)
    bare = "".join([char for char in apart if unicodedata.category(char) not in IGNORED])
    return unicodedata.normalize("NFKC", bare.lower().translate(_LETTERS))


def words(text: str) -> list[str]:
    """Return the folded words of a search; all of them must be in a text that is found."""
    return [word for word in _SPACE.split(fold(text)) if word]
