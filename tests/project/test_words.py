"""Documents, docstrings and comments use plain words: at most 25 in a sentence, and no coined ones.

`python tests/project/test_words.py` prints the problems of each file.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAX_WORDS = 25

# The pattern of each word to avoid, and the word to use. None of these has a use that is right.
BETTER = {
    r"whoever": "the actor by its name",
    r"that which": "the noun",
    r"told|tells? of": "sent, said",
    r"news": "new entries",
    r"crowd(?:s|ed)?|lulls?": "batch, idle",
    r"lagging|laggards?": "slow consumer",
    r"doorbells?": "wake event",
    r"cohorts?": "batch",
    r"hangs? up|hung up": "close idle",
    r"heard": "pong received",
    r"born": "created",
    r"free tries": "burst",
    r"weakness(?:es)?": "password problem",
    r"fingerprints?": "token hash",
    r"mended": "fixed",
    r"heeds?": "follows, reads",
    r"worthless": "revoked",
}
DIRECTIVE = re.compile(r"(?:noqa|nosec|type:|fmt:|pragma)")  # a comment for a tool
BANNED = re.compile(rf"\b(?:{'|'.join(BETTER)})\b", re.IGNORECASE)
# A clause in the place of a noun, at the front of its sentence: "What was saved is sent." A question is none.
CLAUSE_FOR_NOUN = re.compile(r"^(?:What|Who|That which)\b(?!.*\?$).* (?:is|are|was|were|has|have|gets?)\b")


def prose_of_markdown(text: str) -> Iterator[str]:
    """Yield the paragraphs, list items and table cells of a Markdown page; no headings and no code."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"<sub>.*?</sub>", "", text, flags=re.DOTALL)  # the circumstances of a measurement
    text = re.sub(r"^(?: {4}|#).*$", "", text, flags=re.MULTILINE)  # indented code, headings
    for block in re.split(r"\n\s*\n|\n(?=\s*(?:[-*]|\d+\.) )|\n(?=\|)", text):
        if block.lstrip().startswith("|"):
            yield from re.split(r"(?<!\\)\|", block.strip().strip("|"))
        else:
            yield re.sub(r"^\s*(?:[-*]|\d+\.) ", "", block)


def prose_of_python(text: str) -> Iterator[str]:
    """Yield the paragraphs of a module's docstrings, without indented examples."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            paragraphs = re.split(r"\n\s*\n|\n(?=[-*] )", ast.get_docstring(node) or "")
            yield from (paragraph for paragraph in paragraphs if not paragraph.startswith("    "))


def comments_of_python(text: str) -> Iterator[str]:
    """Yield the comments of a module; lines of comment without code between them are one text."""
    lines: list[str] = []
    before = 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT:
            continue
        words = token.string.lstrip("#! ").strip()
        alone = token.line.lstrip().startswith("#")
        if token.start[0] != before + 1 or not alone:
            yield " ".join(lines)
            lines = []
        lines.append("" if DIRECTIVE.match(words) else words)
        before = token.start[0] if alone else 0
    yield " ".join(lines)


def prose_of_javascript(text: str) -> Iterator[str]:
    """Yield the comments of a module, without the types in them."""
    for block, line in re.findall(r"/\*\*?((?:(?!\*/).)*)\*/|(?<![:\"'`\w])//([^\n]*)", text, re.DOTALL):
        words = re.sub(r"^\s*\*", " ", block, flags=re.MULTILINE) or line
        while (plain := re.sub(r"\{[^{}]*\}", " ", words)) != words:
            words = plain
        yield from re.split(r"@[a-z]+\b|\n\s*\n", words)


def sentences(prose: str) -> Iterator[str]:
    """Yield the sentences of a paragraph; code, links and pictures count as one word each."""
    prose = re.sub(r"!?\[[^]]*\]\([^)]*\)|`[^`]+`", "Code", prose)
    yield from (" ".join(part.split()) for part in re.split(r"(?<=[.!?:])[*_)\"”]*\s+(?=[^a-z])", prose))


def problems(prose: str) -> Iterator[str]:
    """Yield what is wrong with each sentence of a paragraph."""
    for sentence in sentences(prose):
        words = len(re.findall(r"\w[\w'.,/-]*", sentence))
        if words > MAX_WORDS:
            yield f"{words} words: {sentence}"
        for found in BANNED.findall(sentence):
            better = next(
                better for word, better in BETTER.items() if re.fullmatch(word, found, re.IGNORECASE)
            )
            yield f"{found} (better: {better}): {sentence}"
        if CLAUSE_FOR_NOUN.search(sentence):
            yield f"a clause in place of a noun: {sentence}"


READERS: dict[str, list[Callable[[str], Iterator[str]]]] = {
    ".md": [prose_of_markdown],
    ".py": [prose_of_python, comments_of_python],
    ".js": [prose_of_javascript],
}


def problems_of(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    return [problem for read in READERS[path.suffix] for prose in read(text) for problem in problems(prose)]


def texts(suffix: str) -> list[Path]:
    """Return the project's own files of a kind; none that was installed or built beside them."""
    found = [path.relative_to(ROOT) for path in ROOT.rglob(f"*{suffix}")]
    foreign = {"venv", "node_modules", "build", "dist"}
    return sorted(
        path for path in found if not any(part in foreign or part[0] == "." for part in path.parts[:-1])
    )


@pytest.mark.parametrize(
    "path",
    [path for suffix in READERS for path in texts(suffix)],
    ids=lambda path: path.as_posix(),
)
def test_text_is_plain(path: Path) -> None:
    """No sentence is too long to be read once, and no word is one of those that have a better one."""
    assert problems_of(ROOT / path) == []


@pytest.mark.parametrize(
    ("prose", "expected"),
    [
        ("One " + "word " * 24 + "here.", ["26 words"]),
        ("One " + "word " * 23 + "here. And another sentence.", []),
        ("Whoever asks gets the\nnews.", ["Whoever", "news"]),
        ("What was saved is sent.", ["a clause"]),
        ("What is saved?", []),
        ("Run `a b c d e` with [the manual](docs/api.md).", []),
    ],
)
def test_problems_are_found(prose: str, expected: list[str]) -> None:
    """The rules find what they are for, and nothing in plain sentences."""
    found = list(problems(prose))
    assert len(found) == len(expected)
    assert all(problem.startswith(start) for problem, start in zip(found, expected, strict=True))


def test_comments_are_read() -> None:
    """Lines of one comment are one text; directives for tools and the types of JavaScript are no text."""
    python = "x = 1  # one\n# two\n# three\ny = 2  # noqa: A001\n"
    assert [prose for prose in comments_of_python(python) if prose] == ["one", "two three"]
    script = '/** One\n * two. @param {{a: {b: string}}} how three */ x("http://host"); // four'
    assert [" ".join(prose.split()) for prose in prose_of_javascript(script)] == [
        "One two.",
        "how three",
        "four",
    ]


def test_code_in_markdown_is_not_read() -> None:
    """Code and headings are skipped; each list item and table cell is a text of its own."""
    page = "# What is news\n\n    whoever\n\n```\nnews\n```\n\n- one\n- two\n\n| a | b |\n|---|---|\n"
    assert [prose.strip() for prose in prose_of_markdown(page) if prose.strip(" \n-")] == [
        "one",
        "two",
        "a",
        "b",
    ]


if __name__ == "__main__":
    for file in [path for suffix in READERS for path in texts(suffix)]:
        if file_problems := problems_of(ROOT / file):
            sys.stdout.write(f"\n{file}: {len(file_problems)}\n")
            sys.stdout.writelines(f"  {problem}\n" for problem in file_problems)
