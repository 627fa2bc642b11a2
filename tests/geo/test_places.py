"""The nearest town; tests/js/base/places.test.js reads the same examples."""

import json
from pathlib import Path

from geo.places import Places

FILE = json.loads((Path(__file__).parents[1] / "data" / "whereabouts.json").read_text(encoding="utf-8"))


def test_examples() -> None:
    """All positions at once, as a list asks for them."""
    positions, words = zip(*FILE["examples"], strict=True)
    assert Places(FILE).whereabouts(positions) == list(words)


def test_without_positions_or_places_there_are_no_words() -> None:
    assert Places(FILE).whereabouts([]) == []
    assert Places({"countries": {}, "places": []}).whereabouts([(0, 0)]) == [""]
