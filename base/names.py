"""The normal form of account names, by which they are compared, and the scripts in them.

Two spellings of one name, with a capital letter, in another Unicode form or with a space from a phone's
keyboard, are one name. Two names that look alike because their letters come from different scripts are not,
so a name that mixes scripts is refused when an account is created (Unicode Technical Standard 39, 5.1).
"""

from __future__ import annotations

import unicodedata

LONGEST_TYPED = 300  # characters of which a name is looked for; normalizing takes the square of the length
# What is written together, as Japanese, Chinese or Korean, and with Latin letters in between.
TOGETHER = (
    {"LATIN", "CJK", "HIRAGANA", "KATAKANA"},
    {"LATIN", "CJK", "BOPOMOFO"},
    {"LATIN", "CJK", "HANGUL"},
)
# Invisible characters beside those of category Cf: Default_Ignorable_Code_Point, and the blank of Braille.
INVISIBLE = dict.fromkeys(
    [0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), 0x2800, 0x3164, 0xFFA0]
    + [*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]
)


def normal(name: str) -> str:
    """Return the form in which names are compared: NFKC, case folded, with single spaces between words.

    It has no invisible characters, and is empty for a name of nothing else.
    """
    folded = unicodedata.normalize("NFKC", name[:LONGEST_TYPED]).casefold()
    seen = "".join(char for char in folded if unicodedata.category(char) != "Cf").translate(INVISIBLE)
    return " ".join(unicodedata.normalize("NFKC", seen).split())


def shown(name: str) -> str:
    """Return a name as it is stored and shown: composed, with single spaces between words."""
    composed = unicodedata.normalize("NFC", name[:LONGEST_TYPED].strip())
    return " ".join(word for word in composed.split(" ") if word)


def mixes_scripts(name: str) -> bool:
    """Tell whether the letters are of scripts that no language mixes, such as Latin and Cyrillic."""
    found = {
        unicodedata.name(char, "").partition(" ")[0]
        for char in unicodedata.normalize("NFKC", name)
        if unicodedata.category(char) in ("Lu", "Ll", "Lt", "Lo")
    }
    return len(found) > 1 and not any(found <= scripts for scripts in TOGETHER)
