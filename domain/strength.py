"""Estimates how easily a password is guessed, by zxcvbn's lists of words and keyboard patterns."""

from __future__ import annotations

import re

from base.sentences import Sentence
from base.values import valid_text
from domain.passwords import LONGEST

SHORTEST = 12  # characters
FEWEST_GUESSES = 10**10  # as for zxcvbn's highest score; three random words need more
PIECE = 20  # characters that zxcvbn estimates at once, in 15 ms; its time grows fast
PIECES = 2  # overlap of pieces, so that a weak beginning does not decide for a long password
FEWEST = 5  # different characters
MANY_SIGNS = 4  # different signs that can stand for letters; zxcvbn tries all combinations

# Words that zxcvbn lacks: those of this program, of other languages, and of QWERTZ and AZERTY keyboards.
WORDS = tuple(
    re.findall(
        r"\w+",
        "tracker incident incidents area areas alert alerts map admin administrator editor viewer "
        "password passwort kennwort motdepasse senha parola salasana wachtwoord contrasena contraseña haslo "
        "geheim letmein letmeinplease willkommen bienvenue bienvenido bienvenida valkommen changeme "
        "default master server system computer internet hallo bonjour salut hola ciao passe secret "
        "correcthorsebattery thisismypassword mypassword ichliebedich jetaime teamo tiamo "
        "fussball prinzessin sommer winter frühling herbst schatz sonnenschein doudou soleil loulou "
        "januar februar märz april mai juni juli august september oktober november dezember "
        "qwertz qwertzuiop qwertzuiopü asdfghjklö yxcvbnm yxcvbn qay wsx 1qay 2wsx 3edc 4rfv 5tgb 6zhn 7ujm "
        "azerty azertyuiop qsdfghjklm wxcvbn aqw zsx 1aqw 2zsx 3edc 1aq 2zs 3ed 4rf azeqsdwxc azeqsd",
    )
)
ROWS = ('!"§$%&/()=?`', "1q2w3e4r5t6z7u8i9o0p", "1a2z3e4r5t6y7u8i9o0p")  # that zxcvbn does not know
SIGNS = str.maketrans("@$({[<!|+%", "asccccii" + "tx")  # the letters that signs can stand for
UNSHIFTED = str.maketrans("!@#$%^&*()_+", "1234567890-=")  # !QAZ@WSX is 1qaz2wsx


def password_problem(password: str, name: str) -> str | None:
    """Return what is wrong with a password for the account of this name, if anything."""
    if len(password) < SHORTEST:
        return Sentence("Must have at least %(least)s characters", least=SHORTEST)
    if len(password) > LONGEST:
        return Sentence("Must have at most %(most)s characters", most=LONGEST)
    try:
        valid_text(password)
    except ValueError as error:
        return str(error)
    plain = password.casefold()
    if len(plain.replace(name.casefold(), "")) < SHORTEST // 2:
        return Sentence("Too similar to the account's name")
    is_row = any(plain in row or plain[::-1] in row for row in ROWS)
    if len(set(plain)) < FEWEST or is_row or _repeats(plain) or not _takes_long_to_guess(plain, name):
        return Sentence("Too easy to guess. Four unrelated words work well")
    return None


def _repeats(text: str) -> bool:
    """Return whether the text repeats a short part."""
    return any(text[size:] == text[:-size] for size in range(1, min(SHORTEST, len(text) // 2 + 1)))


def _takes_long_to_guess(plain: str, name: str) -> bool:
    # Imported here, since it takes 50 ms and 13 MB that most processes don't need.
    from zxcvbn import zxcvbn

    spelt = {_with_few_signs(plain), _with_few_signs(plain.translate(UNSHIFTED))}
    known = [name, *name.split(), *WORDS]
    pieces = range(0, min(len(plain), PIECE * PIECES), PIECE)
    return any(
        all(zxcvbn(text[start : start + PIECE], known)["guesses"] >= FEWEST_GUESSES for text in spelt)
        for start in pieces
    )


def _with_few_signs(text: str) -> str:
    signs = set(text) & {chr(sign) for sign in SIGNS}
    return text.translate(SIGNS) if len(signs) >= MANY_SIGNS else text
