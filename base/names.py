"""The normal form of account names, and the check for mixed scripts.

Names are compared in their normal form: a capital letter, another Unicode form or a trailing space makes no
other name. Names in different scripts can look alike. So an account's name must not mix scripts when it is
created (Unicode Technical Standard 39, section 5.1).
"""

from __future__ import annotations

import unicodedata

LONGEST_TYPED = (
    300  # characters that are looked at; the time to normalize grows with the square of the length
)
# Scripts that one language uses together: Japanese, Chinese and Korean, each also with Latin letters.
TOGETHER = (
    {"LATIN", "CJK", "HIRAGANA", "KATAKANA"},
    {"LATIN", "CJK", "BOPOMOFO"},
    {"LATIN", "CJK", "HANGUL"},
)
# Invisible characters that are not of category Cf: Default_Ignorable_Code_Point, and the blank of Braille.
INVISIBLE = dict.fromkeys(
    [0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), 0x2800, 0x3164, 0xFFA0]
    + [*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]
)


def normal(name: str) -> str:
    """Return the form in which names are compared: NFKC, case folded, with single spaces between words.

    It has no invisible characters. It is empty if the name has no others.
    """
    folded = unicodedata.normalize("NFKC", name[:LONGEST_TYPED]).casefold()
    seen = "".join(char for char in folded if unicodedata.category(char) != "Cf").translate(INVISIBLE)
    return " ".join(unicodedata.normalize("NFKC", seen).split())


def shown(name: str) -> str:
    """Return a name as it is stored and shown: composed, with single spaces between words."""
    composed = unicodedata.normalize("NFC", name[:LONGEST_TYPED].strip())
    return " ".join(word for word in composed.split(" ") if word)


def mixes_scripts(name: str) -> bool:
    """Return whether the letters come from scripts that no language mixes, such as Latin and Cyrillic."""
    found = {
        unicodedata.name(char, "").partition(" ")[0]
        for char in unicodedata.normalize("NFKC", name)
        if unicodedata.category(char) in ("Lu", "Ll", "Lt", "Lo")
    }
    return len(found) > 1 and not any(found <= scripts for scripts in TOGETHER)
