"""The sentences of screens: they are in the catalogues' reach, and the catalogues are right."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jinja2
import messages
import pytest
from babel.messages import Message
from harness import ROOT
from jinja2 import nodes

from web import languages

PLACE = re.compile(r"%%|%\(\w+\)s|%.?")
TAG = re.compile(r"</?[a-z]+[^>]*>")
TRANSLATE = {"_", "gettext", "ngettext", "t", "tn", "Sentence", "counted"}
SPOKEN = {
    "alt",
    "aria-label",
    "aria-placeholder",
    "aria-valuetext",
    "content",
    "label",
    "placeholder",
    "title",
}
NO_SENTENCE = re.compile(
    r"^(Tracker( · Tracker)?|.* © Geo.*|GeoJSON|UTC|width=.*|light dark|(\w+(-\w+)*=\"\w*\" ?)+|[\W\d_]*)$"
)
# Parts of a template that hold no sentence: comments, keys, classes, expressions. Those are looked at apart.
SILENT = re.compile(
    r"\{#.*?#\}|<kbd>.*?</kbd>|\{% block body_class %\}.*?\{% endblock %\}"
    r"|\{%-?\s*trans.*?endtrans.*?%\}|\{\{.*?\}\}|\{%.*?%\}",
    re.DOTALL,
)
# The parts of a script: comments, strings, regular expressions (after a sign only), names, and other signs.
TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`"""
    r"""|(?<=[(=,:!?&|;\[{}])\s*/(?:\\.|\[(?:\\.|[^]\\\n])*\]|[^/\\\n\[])+/|[\w$#]+|[=!]==?|=>|\S""",
    re.DOTALL,
)
# Words that look like labels: kinds of GeoJSON, keys of a keyboard, products, an entry of the sign-in log.
NAMES = {
    "Feature",
    "Point",
    "Polygon",
    "LineString",
    "Enter",
    "Escape",
    "Delete",
    "Backspace",
    "Tab",
    "Home",
    "End",
    "Android",
    "Chrome",
    "Edg",
    "Edge",
    "Firefox",
    "Linux",
    "Mac OS X",
    "Opera",
    "Python",
    "Safari",
    "Samsung Internet",
    "Windows",
    "gave the password again",
}
NOT_FOR_PEOPLE = {"Error", "console", "event", "note", "log", "log_own"}  # functions for developers and logs

# Modules of pages, with their texts for programs, the log and developers.
MODULES = ["web/confirm.py", "web/errors.py", "web/forms.py", "web/server_facts.py", "web/unsent.py"]


# Catalogues


def strings(message: Message) -> list[tuple[str, str]]:
    """Return each form of a message with its translations."""
    if isinstance(message.id, str):
        return [(message.id, str(message.string))]
    return [(message.id[0 if form == 0 else 1], text) for form, text in enumerate(message.string or ())]


def translated(path: Path) -> list[Message]:
    return [message for message in messages.read(path) if message.id]


ALL = pytest.mark.parametrize("path", messages.catalogues(), ids=lambda path: path.stem)


@ALL
def test_each_translation_is_of_a_sentence_in_the_source(path: Path) -> None:
    """A sentence that was changed or removed is in no catalogue. `make messages` removes it."""
    known = {message.id for message in messages.template()}
    assert [message.id for message in translated(path) if message.id not in known] == []


@ALL
def test_no_translation_is_empty_or_fuzzy(path: Path) -> None:
    """A sentence without a translation is left out, and shown in English."""
    wrong = [m.id for m in translated(path) if m.fuzzy or not messages.is_translated(m.string)]
    assert wrong == []


@ALL
def test_translation_has_the_same_placeholders_and_tags(path: Path) -> None:
    """Otherwise a page would fail, or lose a value or a link. The form for one may leave out its number."""
    for message in translated(path):
        for number, (source, target) in enumerate(strings(message)):
            for kind in (PLACE, TAG):
                expected, found = Counter(kind.findall(source)), Counter(kind.findall(target))
                if not isinstance(message.id, str) and number == 0:
                    expected.pop("%(n)s", None)
                    found.pop("%(n)s", None)
                assert found == expected, f"{source!r}: {target!r}"


@ALL
def test_translation_has_all_plural_forms(path: Path) -> None:
    catalogue = messages.read(path)
    for message in translated(path):
        if not isinstance(message.id, str):
            assert len(message.string or ()) == catalogue.num_plurals, message.id


@ALL
def test_translation_begins_and_ends_like_the_sentence(path: Path) -> None:
    """Spaces, line ends and the final stop are as in the source, for the sentence may be a part of a page."""
    for message in translated(path):
        for source, target in strings(message):
            assert target == target.strip() or source != source.strip(), source
            assert source[-1:] != "." or target[-1:] == ".", f"{source!r}: {target!r}"


def test_percent_signs_are_placeholders() -> None:
    """A sentence names its values as %(name)s, and writes a percent sign as %%."""
    for message in messages.template():
        for text in [message.id] if isinstance(message.id, str) else message.id:
            assert all(found == "%%" or found.endswith(")s") for found in PLACE.findall(text)), text


def test_languages_have_names_of_their_own() -> None:
    """Each language of a catalogue can be chosen, by the name that its speakers use."""
    found = languages.languages()
    assert next(iter(found)) == "en"
    assert found.keys() - {"en"} == {path.stem for path in messages.catalogues()}
    assert all(language.direction in ("ltr", "rtl") for language in found.values())


# Pages


class Texts(HTMLParser):
    """Collects the texts and spoken attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in SPOKEN]

    def handle_data(self, data: str) -> None:
        self.found.append(data)


def bare_in_html(source: str) -> list[str]:
    """Return the texts of a template that stand outside of its expressions."""
    reader = Texts()
    reader.feed(SILENT.sub("", source))
    reader.close()
    return [text for found in reader.found if not NO_SENTENCE.match(text := " ".join(found.split()))]


def is_sentence(text: object) -> bool:
    """Return whether a string of code is rather words for people than a name or a class."""
    if not isinstance(text, str) or text in NAMES or NO_SENTENCE.match(text):
        return False
    return bool(re.match(r"[A-Z][a-z]+( |$|[.…?!,:])", text)) or bool(
        re.search(r"[a-z,] [a-z]+ [a-z]+", text)
    )


def consts(node: nodes.Node) -> Iterator[str]:
    """Yield the strings of an expression that no translation takes."""
    if isinstance(node, nodes.Call) and getattr(node.node, "name", "") in TRANSLATE:
        for other in [*node.args[2 if node.node.name == "ngettext" else 1 :], *node.kwargs]:  # type: ignore[attr-defined]
            yield from consts(other)
        return
    if isinstance(node, nodes.Const) and is_sentence(node.value):
        yield str(node.value)
    for child in node.iter_child_nodes():
        yield from consts(child)


def bare_in_template(source: str) -> list[str]:
    """Return all texts of a template that no translation takes."""
    environment = jinja2.Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
    source = re.sub(r"\{%-?\s*trans.*?endtrans.*?%\}", "", source, flags=re.DOTALL)
    return [*bare_in_html(source), *consts(environment.parse(source))]


def bare_in_script(source: str) -> list[str]:
    """Return the strings of a module that are words for people, and are no argument of t or tn."""
    tokens = [token for token in TOKEN.findall(source) if token[:2] not in ("//", "/*")]
    found = []
    for index, token in enumerate(tokens):
        if token[0] not in "\"'`" or not is_sentence(text := token[1:-1]):
            continue
        before = tokens[max(0, index - 4) : index]
        takes = before[-2:] in (["t", "("], ["tn", "("]) or (
            before[:2] == ["tn", "("] and before[-1:] == [","]
        )
        is_code = before[-1:] in (["==="], ["!=="]) or before[-2:] in (["class", ":"], ["model", ":"])
        if not takes and not is_code and not NOT_FOR_PEOPLE & set(before):
            found.append(text)
    return found


def bare_in_module(source: str) -> list[str]:
    """Return the strings of a module that are words for people, and that no translation takes."""
    tree = ast.parse(source)
    inside: set[int] = set()
    for node in ast.walk(tree):
        name = getattr(getattr(node, "func", None), "attr", getattr(getattr(node, "func", None), "id", ""))
        if isinstance(node, ast.Call) and name in TRANSLATE | NOT_FOR_PEOPLE:
            inside |= {id(child) for child in ast.walk(node)}
        if isinstance(node, ast.Expr):  # a docstring
            inside.add(id(node.value))
        if isinstance(node, ast.Dict):
            inside |= {id(key) for key in node.keys}
        if isinstance(node, ast.Subscript):
            inside.add(id(node.slice))
    return [
        str(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and id(node) not in inside and is_sentence(node.value)
    ]


def bare(paths: Iterator[Path] | list[Path], read: Any) -> dict[str, list[str]]:
    found = {path.relative_to(ROOT).as_posix(): read(path.read_text(encoding="utf-8")) for path in paths}
    return {path: texts for path, texts in found.items() if texts}


def test_templates_have_no_bare_sentence() -> None:
    """Each text of a template goes through `_()`, `ngettext()` or `{% trans %}`."""
    found = bare((ROOT / "templates").rglob("*.html"), bare_in_template)
    assert found == {}


def test_scripts_have_no_bare_sentence() -> None:
    """Each text of a script goes through `t()` or `tn()`."""
    found = bare((ROOT / "static" / "js").rglob("*.js"), bare_in_script)
    assert found == {}


def test_pages_have_no_bare_sentence() -> None:
    """Each text of a page's module goes through `gettext()`, `ngettext()` or `Sentence`."""
    found = bare([*(ROOT / "web" / "pages").glob("*.py"), *(ROOT / name for name in MODULES)], bare_in_module)
    assert found == {}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<p>Hello</p>", ["Hello"]),
        ("<p>{{ _('Hello') }}</p>", []),
        ('<a title="A way">{{ x }}</a>', ["A way"]),
        ("{{ 'Open' if x else _('Closed') }}", ["Open"]),
        ("{{ ui.field(form, 'name', 'Your name') }}", ["Your name"]),
        ("{{ ngettext('%(n)s area', 'Two areas', n, n=n) }}", []),
        ("{% trans name=x %}Hello <b>{{ name }}</b>{% endtrans %}", []),
        ("<p class='a b c'>{{ ' closed' if x }} · {{ url_for('pages.index') }}</p>", []),
    ],
)
def test_bare_sentences_of_templates_are_found(source: str, expected: list[str]) -> None:
    assert bare_in_template(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('say("Hello there");', ["Hello there"]),
        ('say(t("Hello there"));', []),
        ('tn("One thing", "Many things", n);', []),
        ('const x = { a: "Closed" };', ["Closed"]),
        ('throw new Error("This is for developers");', []),
        ("say(`Hello ${name}`);", ["Hello ${name}"]),
        ('element("p", { class: "field-error" });', []),
        ('element("p", { class: "ring chosen handle", title: "Drag it" });', ["Drag it"]),
    ],
)
def test_bare_sentences_of_scripts_are_found(source: str, expected: list[str]) -> None:
    assert bare_in_script(source) == expected


def test_bare_sentences_of_modules_are_found() -> None:
    source = (
        '"""About it."""\nflash("This is wrong.")\nflash(gettext("This is right."))\nx = "accounts.own"\n'
    )
    assert bare_in_module(source) == ["This is wrong."]


def test_templates_translate_literals_only() -> None:
    """The sentence itself is not escaped, so it must never be a text from outside."""
    environment = jinja2.Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
    for path in (ROOT / "templates").rglob("*.html"):
        for call in environment.parse(path.read_text(encoding="utf-8")).find_all(nodes.Call):
            if getattr(call.node, "name", "") in ("_", "gettext", "ngettext"):
                sentences = call.args[: 2 if call.node.name == "ngettext" else 1]  # type: ignore[attr-defined]
                assert all(isinstance(one, nodes.Const) for one in sentences), f"{path.name}:{call.lineno}"
