"""Sentences that pages can show in other languages, for code that does not know the reader's language."""

from __future__ import annotations

from typing import Any


class Sentence(str):
    """A sentence as English text, which keeps what a page needs to translate it.

    Programs and the log get the English text. Pages translate it with `web.languages.translated`. The
    message must be a literal, because the catalogues are made from the source code.
    """

    __slots__ = ("message", "plural", "values")

    message: str
    plural: str | None
    values: dict[str, Any]

    def __new__(cls, message: str, /, **values: Any) -> Sentence:
        """Return the sentence with the values in place of `%(name)s`. A percent sign is written `%%`."""
        return cls._make(message, None, message, values)

    @classmethod
    def counted(cls, one: str, many: str, n: float, /, **values: Any) -> Sentence:
        """Return the sentence for a number, which both forms can name as `%(n)s`."""
        return cls._make(one, many, one if n == 1 else many, {"n": n, **values})

    @classmethod
    def _make(cls, message: str, plural: str | None, chosen: str, values: dict[str, Any]) -> Sentence:
        sentence = str.__new__(cls, chosen % values)
        sentence.message, sentence.plural, sentence.values = message, plural, values
        return sentence

    def __reduce__(self) -> tuple[Any, ...]:
        """Let copies and pickles have the same parts."""
        return _again, (self.message, self.plural, str(self), self.values)


def reason_of(error: Exception) -> str:
    """Return the text of an error: the `Sentence` itself, if it was made with one."""
    first = error.args[0] if error.args else ""
    return first if isinstance(first, Sentence) else str(error)


def _again(message: str, plural: str | None, text: str, values: dict[str, Any]) -> Sentence:
    sentence = str.__new__(Sentence, text)
    sentence.message, sentence.plural, sentence.values = message, plural, values
    return sentence
