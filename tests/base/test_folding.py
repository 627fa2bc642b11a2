"""The folding of texts for a search; tests/js/base/folding.test.js reads the same examples."""

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from base.folding import fold, words

EXAMPLES = json.loads((Path(__file__).parents[1] / "data" / "folding.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("text", "folded"), EXAMPLES)
def test_examples(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(st.text())
def test_case_and_unicode_form_make_no_difference(text: str) -> None:
    """A folded text stays as it is, and both Unicode forms of a text have one folded form."""
    assert fold(fold(text)) == fold(text)
    assert fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text))


def test_words_are_split_at_any_space() -> None:
    assert words("  Große\tFLUT\u00a0#7 ") == ["grosse", "flut", "#7"]
