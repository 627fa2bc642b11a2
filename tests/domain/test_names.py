"""Keyboards spell names and passwords differently: every spelling means the same account."""

import shutil
import sqlite3
import unicodedata
from contextlib import closing
from pathlib import Path

import pytest
from harness import Server, run_tracker
from werkzeug.security import generate_password_hash

import models
from base import names
from base.errors import Invalid
from domain import accounts, throttle
from models import User
from storage import engine

PASSWORD = "a long walk by the sea"
ACCENTED = "sieben grüne Mäuse"


def decomposed(text: str) -> str:
    return unicodedata.normalize("NFD", text)


SPELLINGS = ["özlem", "Özlem", "ÖZLEM", "özlem ", " Özlem", decomposed("Özlem"), "\uff4f\u0308zlem"]


@pytest.mark.parametrize("spelt", SPELLINGS)
def test_one_name_has_one_normal_form(spelt: str) -> None:
    """Capitals, Unicode forms, full-width letters and outer spaces do not make another name."""
    assert names.normal(spelt) == "özlem"
    assert throttle.by_name(spelt) == throttle.by_name("özlem")


@pytest.mark.parametrize("name", ["\u3164", "\ufe0f", "\u2800 \u034f", "x" * 61, "x\ny"])
def test_name_that_nobody_sees_is_refused(database: Path, name: str) -> None:
    """A name needs visible characters, on one line."""
    assert database.exists()
    with pytest.raises(Invalid, match="printable"):
        accounts.create(name, "viewer", PASSWORD)
    assert accounts.named(name) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("straße", "STRASSE"),
        ("anna  berg", "Anna\u00a0Berg"),
        ("ﬁona", "fiona"),
        ("admin", "ad\u200bmi\u034fn\ufe0f"),
    ],
)
def test_names_that_look_alike_are_one(one: str, other: str) -> None:
    """Case folding, ligatures and different spaces give one name."""
    assert names.normal(one) == names.normal(other)


def test_normal_form_of_a_huge_name_is_short() -> None:
    """Normalizing takes the square of the length, so only the beginning is looked at."""
    assert len(names.normal("\u0301\u0316" * 100_000)) <= names.LONGEST_TYPED
    assert names.normal("x" * 100_000) == "x" * names.LONGEST_TYPED


@pytest.mark.parametrize(
    "name",
    [
        "anna",
        "Ёлка",
        "Müller-Łódź",
        "田中さん",
        "タナカ Taro",
        "김 Kim",
        "Ελένη 2",
        "o'Brien",
        "محمد",
        "\uff41nna",
    ],
)
def test_scripts_that_belong_together_may_be_mixed(name: str) -> None:
    """A name may have one script with digits and signs. Japanese, Chinese and Korean may mix with Latin."""
    assert not names.mixes_scripts(name)


@pytest.mark.parametrize("name", ["\u0430dmin", "p\u0430ul", "\u0391\u03bdna", "田中Аня", "kim 김 タ"])
def test_mixed_scripts_are_refused(database: Path, name: str) -> None:
    """A Cyrillic letter among Latin letters is refused, because it looks like another name."""
    assert database.exists()
    with pytest.raises(Invalid, match="different scripts"):
        accounts.create(name, "viewer", PASSWORD)
    assert not User.select().exists()


def test_second_spelling_is_no_second_account(database: Path) -> None:
    """An equal name in another spelling is refused. Pages show the first spelling."""
    assert database.exists()
    accounts.create(f" {decomposed('Özil')}  Meier", "viewer", PASSWORD)
    for spelt in ("özil meier", "ÖZIL MEIER", decomposed("özil meier"), "Özil Meier"):
        with pytest.raises(Invalid, match="already"):
            accounts.create(spelt, "viewer", PASSWORD)
    assert [user.name for user in User.select()] == ["Özil Meier"]


def test_every_spelling_signs_in(server: Server) -> None:
    """A leading capital, a trailing space or a Mac's Unicode form still signs in; so does the password."""
    env = {"TRACKER_DATABASE": str(server.database)}
    added = run_tracker(server.folder, "user", "add", "özlem", stdin=f"{ACCENTED}\n", env=env)
    assert added.returncode == 0
    for spelt in SPELLINGS:
        for password in (ACCENTED, decomposed(ACCENTED), ACCENTED.replace(" ", "\u00a0")):
            assert server.visitor().sign_in(spelt, password).path == "/", (spelt, password)
    assert server.visitor().sign_in("özlem", ACCENTED.upper()).status == 401


def test_sign_in_form_leaves_the_name_as_it_is_typed(server: Server) -> None:
    """The form tells phones neither to capitalize nor to correct the name."""
    field = server.visitor().get("/accounts/login/").select_one("input[name=username]")
    assert field
    assert (field["autocapitalize"], field["autocorrect"], field["spellcheck"]) == ("off", "off", "false")


@pytest.fixture
def old_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a database from before normal forms, with accounts whose names now have the same one."""
    path = tmp_path / "tracker.db"
    with monkeypatch.context() as patch:
        first = tmp_path / "first"
        first.mkdir()
        for migration in sorted(engine.MIGRATIONS.glob("000[123]_*.py")):
            shutil.copy(migration, first)
        patch.setattr(engine, "MIGRATIONS", first)
        models.open_database(path)
        models.database.close()
    with closing(sqlite3.connect(path)) as database, database:
        for name in ("özil", "Özil", decomposed("Özil"), "\u0430dmin", "Anna"):
            database.execute(
                "INSERT INTO user (name, password_hash, created) VALUES (?, ?, ?)",
                (name, generate_password_hash(f"the password of {name}"), "2026-01-02T03:04:05.678901Z"),
            )
    return path


def test_accounts_made_earlier_keep_working(old_database: Path) -> None:
    """Each old account signs in by its own spelling. Any other spelling means the oldest of them."""
    models.open_database(old_database, migrate=True)
    try:
        for name in ("özil", "Özil", decomposed("Özil"), "\u0430dmin", "Anna"):
            found = accounts.named(name)
            assert found
            assert found.name == name
            assert accounts.matches(found, f"the password of {name}")
            accounts.set_password(found, f"{PASSWORD} {name}")
            assert accounts.matches(accounts.named(name), f"{PASSWORD} {name}")
        for spelt, name in (("ÖZIL ", "Özil"), ("özil ", "özil"), (f" {decomposed('özil')}", "özil")):
            assert accounts.find(spelt).name == name
        assert accounts.find("anna ").name == "Anna"
        with pytest.raises(Invalid, match="already"):
            accounts.create("ÖZIL", "viewer", PASSWORD)
        accounts.set_role(accounts.find("Özil"), "admin")
        assert [user.name for user in User.select().where(User.role == "admin")] == ["Özil"]
    finally:
        models.database.close()


@pytest.mark.parametrize("hashed", [ACCENTED, decomposed(ACCENTED)])
def test_password_hashed_in_another_form_keeps_working(database: Path, hashed: str) -> None:
    """A password hashed in another Unicode form still works, from each keyboard."""
    assert database.exists()
    user = accounts.create("someone", "viewer", PASSWORD)
    user.password_hash = generate_password_hash(hashed)
    for typed in (ACCENTED, decomposed(ACCENTED)):
        assert accounts.matches(user, typed)
    assert not accounts.matches(user, ACCENTED.replace("ü", "u"))
    spaced = "hash of\u00a0an old Ümlaut"
    user.password_hash = generate_password_hash(spaced)
    assert accounts.matches(user, spaced)
