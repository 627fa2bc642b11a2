"""The sentences in the source code, and the catalogues of web/translations/.

As a program it brings the catalogues up to date. It adds new sentences without a translation, and removes
those that the source no longer has. Without arguments it does that for all languages. With codes such as `el`
it does it for these, and starts a catalogue that is missing.
"""

import io
import sys
from functools import cache
from pathlib import Path
from typing import Any

from babel import Locale
from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent.parent
CATALOGUES = ROOT / "web" / "translations"
TEMPLATES = "templates/**.html"
ROOMS = ("base", "geo", "storage", "domain", "realtime", "server", "web")
METHODS: list[tuple[str, str]] = [
    *((f"{room}/**.py", "python") for room in ROOMS),
    (TEMPLATES, "jinja2"),
    ("static/js/**.js", "javascript"),
]
OPTIONS: dict[str, dict[str, Any]] = {TEMPLATES: {"newstyle_gettext": "true", "trimmed": "true"}}
# The functions that take sentences, with the positions of their sentences.
KEYWORDS: dict[str, Any] = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "Sentence": None,
    "counted": (1, 2),
    "t": None,
    "tn": (1, 2),
}
WIDTH = 110
# Lines of a header that say nothing here, and would differ after each update:
NOISE = tuple(
    f'"{name}'
    for name in ("Project-Id", "Report-Msgid", "POT-C", "PO-Rev", "Last-Tr", "Language-Team", "Generated")
)


@cache
def template() -> Catalog:
    """Return a catalogue of all sentences in the source code, without translations."""
    catalogue = Catalog()
    found = extract_from_dir(
        ROOT,
        METHODS,
        OPTIONS,
        KEYWORDS,
        directory_filter=lambda path: not Path(path).name.startswith((".", "_")),
    )
    for path, _line, message, comments, context in sorted(found, key=lambda entry: (entry[0], entry[1])):
        catalogue.add(message, None, [(path, 0)], auto_comments=comments, context=context)
    return catalogue


def catalogues() -> list[Path]:
    """Return the files of all languages."""
    return sorted(CATALOGUES.glob("*.po"))


def read(path: Path) -> Catalog:
    """Return the catalogue in a file. Raises PoFileError."""
    with path.open("rb") as file:
        return read_po(file, locale=path.stem.replace("-", "_"), abort_invalid=True)


def update(path: Path) -> tuple[int, int]:
    """Bring a catalogue up to date; return how many sentences it has, and how many have no translation."""
    locale = Locale.parse(path.stem, sep="-")
    catalogue = read(path) if path.exists() else Catalog(locale=locale)
    fresh = Catalog(locale=locale, fuzzy=False)
    fresh.header_comment = f"# Tracker in {locale.english_name}."
    for message in template():
        if not message.id:
            continue
        known = catalogue.get(message.id)
        string = known.string if known and not known.fuzzy else None
        fresh.add(
            message.id, string, message.locations, flags=message.flags, auto_comments=message.auto_comments
        )
    written = io.BytesIO()
    write_po(written, fresh, width=WIDTH, sort_by_file=True, include_lineno=False)
    lines = written.getvalue().decode().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith(NOISE)), encoding="utf-8")
    return len(fresh), sum(not is_translated(message.string) for message in fresh if message.id)


def is_translated(string: Any) -> bool:
    """Return whether a translation, or each of its plural forms, has a text."""
    return bool(string) and all(string) if isinstance(string, (tuple, list)) else bool(string)


def main(codes: list[str]) -> None:
    for path in [CATALOGUES / f"{code}.po" for code in codes] or catalogues():
        total, missing = update(path)
        sys.stdout.write(f"{path.relative_to(ROOT)}: {total} sentences, {missing} without a translation\n")


if __name__ == "__main__":
    main(sys.argv[1:])
