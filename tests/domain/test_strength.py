"""Which passwords are refused, and how much time the check of a long password may take."""

import subprocess
import sys

import pytest
import zxcvbn
from harness import ROOT

from domain import passwords, strength

NAME = "annabella"
COMMON = [
    line
    for line in (ROOT / "tests/data/common_passwords.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]


@pytest.mark.parametrize("password", COMMON)
def test_common_password_is_refused(password: str) -> None:
    """Digit blocks, keyboard rows and columns, repetitions, names and well-known words, at any length."""
    assert len(password) >= strength.SHORTEST, "too short to be refused for being common"
    assert strength.password_problem(password, NAME)


@pytest.mark.parametrize(
    "password",
    [
        "",
        "short",
        "elevenchars",
        "Annabella1234",
        "annabellaannabella",
        "4nn4b3ll4-2026",
        "allebanna123",
        "annabella.tracker",
        "y" * (passwords.LONGEST + 1),
        "with half a pair \ud800",
    ],
)
def test_bad_password_is_refused(password: str) -> None:
    """A password is refused if it is too short, too long, not text, or close to the account's name."""
    assert strength.password_problem(password, NAME)


@pytest.mark.parametrize(
    "password",
    [
        "a long walk by the sea",
        "correct horse 17 staple",
        "seven grey geese fly",
        "my dog eats blue socks",
        "we drink tea at four",
        "blue river stone",
        "ГОДЫ идут быстро",
        "Der Hund schläft im Garten",
        "夜の海は静かで月が綺麗だ",
        "x7#kQ9!vLm2$",
        "hV3_xk9Qz-TbL0pe",
        "zkqvjwxyhgbm",
        "123456789012345678901234 grey geese fly home",
        "grey geese fly home " * 40,
    ],
)
def test_good_password_is_taken(password: str) -> None:
    """Three words, in any script, or 12 random characters are enough."""
    assert strength.password_problem(password, NAME) is None


@pytest.mark.parametrize("guesses", [1, strength.FEWEST_GUESSES])
def test_every_piece_that_is_judged_is_short(monkeypatch: pytest.MonkeyPatch, guesses: int) -> None:
    """Zxcvbn only reads short pieces, because its time grows fast with length and with leet letters."""
    judged: list[str] = []

    def judge(password: str, _known: list[str]) -> dict[str, int]:
        judged.append(password)
        return {"guesses": guesses}

    monkeypatch.setattr(zxcvbn, "zxcvbn", judge)
    strength.password_problem("4@8({[<369|!17105$+7%2" * 45, NAME)
    assert 0 < len(judged) <= 2 * strength.PIECES
    assert max(map(len, judged)) <= strength.PIECE
    assert all(len(set(text) & set("@($ {[<!|+%")) < strength.MANY_SIGNS for text in judged)


def test_lists_of_passwords_are_loaded_only_when_one_is_judged() -> None:
    """The lists of common passwords are loaded by the first check, not at the start."""
    script = "import sys; from domain import accounts; print('zxcvbn' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
