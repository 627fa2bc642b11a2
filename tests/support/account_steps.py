"""Steps of tests with accounts: by commands, by forms, and in the database."""

import contextlib
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pyotp
from harness import PATIENCE_S, ROOT, Page, Person, Server, run_tracker, wait_until

from domain import accounts
from web import confirm

PASSWORD = "a long walk by the sea"
OTHER_PASSWORD = "seven grey geese fly"
LONG_AGO = -confirm.RECENT_S - 1
HELD = ROOT / "tests" / "programs" / "held_passwords.py"


def command(server: Server, *arguments: str, stdin: str = "", status: int = 0) -> tuple[str, str]:
    """Run an account command beside the running server and return its output."""
    env = {"TRACKER_DATABASE": str(server.database)}
    done = run_tracker(server.folder, *arguments, stdin=stdin, env=env)
    assert done.returncode == status, done
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


def add_user(server: Server, name: str, role: str, password: str = PASSWORD) -> None:
    command(server, "user", "add", name, "--role", role, stdin=f"{password}\n")


def press(person: Person, path: str, **fields: str) -> Page:
    """Send a form of an account page."""
    data = {"csrf_token": person.csrf_token(), **fields}
    return Page(person.http.post(path, data=data, follow_redirects=True))


def signed_in(server: Server, name: str, password: str = PASSWORD) -> Person:
    person = server.visitor()
    assert person.sign_in(name, password).path == "/"
    return person


def secret_of(server: Server, name: str) -> str:
    """Return the account's secret, and mark the present code as unused."""
    with closing(sqlite3.connect(server.database, timeout=PATIENCE_S)) as database, database:
        where = "user_id = (SELECT id FROM user WHERE name = ?)"
        database.execute(f"UPDATE totp SET last_step = 0 WHERE {where}", (name,))
        (secret,) = database.execute(f"SELECT secret FROM totp WHERE {where}", (name,)).fetchone()
    return str(secret)


def code_of(server: Server, name: str) -> str:
    return pyotp.TOTP(secret_of(server, name)).now()


def enrol(server: Server, person: Person, name: str) -> list[str]:
    """Set up codes on the pages; return the recovery codes."""
    page = press(person, "/accounts/totp/")
    assert page.path == "/accounts/totp/"
    assert secret_of(server, name) in page.words.replace(" ", "")
    page = press(person, "/accounts/totp/enable/", code=code_of(server, name))
    return re.findall(r"\b[A-Z2-7]{4}(?:-[A-Z2-7]{4}){3}\b", page.words)


def shift(server: Server, name: str, seconds: float) -> None:
    """Move the account's sessions and confirmations to this many seconds from now."""
    when = accounts.moment(seconds)
    mine = "(SELECT s.id FROM session s JOIN user u ON u.id = s.user_id WHERE u.name = ?)"
    with closing(sqlite3.connect(server.database, timeout=PATIENCE_S)) as database, database:
        database.execute(f"UPDATE session SET created = ? WHERE id IN {mine}", (when, name))
        database.execute(f"UPDATE confirmation SET created = ? WHERE session_id IN {mine}", (when, name))


def confirmed(page: Page, person: Person, **answers: str) -> Page:
    """Fill in the page that asks for the password, and send it as a browser does."""
    form = page.select_one("form:has(input[name=confirm_password])")
    assert form, page.words
    fields = {str(field["name"]): str(field.get("value", "")) for field in form.select("input[name]")}
    return Page(person.http.post(str(form["action"]), data={**fields, **answers}, follow_redirects=True))


class Hold:
    """The folder through which a test holds the passwords of tests/programs/held_passwords.py."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "waiting").mkdir(parents=True)

    @contextlib.contextmanager
    def __call__(self) -> Iterator[Callable[[int], None]]:
        """Hold all checks and hashes of passwords; yield the waiting ones when there are this many."""
        before = len(list((self.folder / "waiting").iterdir()))
        (self.folder / "hold").touch()

        def wait_for(count: int) -> None:
            wait_until(
                lambda: len(list((self.folder / "waiting").iterdir())) == before + count, what="the hashes"
            )

        try:
            yield wait_for
        finally:
            (self.folder / "hold").unlink()


def rows(server: Server, sql: str, *values: object) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(server.database, timeout=PATIENCE_S)) as database, database:
        return database.execute(sql, values).fetchall()
