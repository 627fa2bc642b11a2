"""What happens between a question and its answer: a role that is taken while a password is being checked."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import StartServer
from harness import Page, Server
from test_confirm import LONG_AGO, confirmed, shift
from test_credentials import HELD, PASSWORD, Hold, command, press, rows


@pytest.fixture
def hold(tmp_path: Path) -> Hold:
    return Hold(tmp_path / "held")


@pytest.fixture
def held(start_server: StartServer, hold: Hold) -> Server:
    """A server whose passwords can be held, with an admin of this PASSWORD: second."""
    server = start_server(program=[HELD, hold.folder])
    command(server, "user", "add", "second", "--role", "admin", stdin=f"{PASSWORD}\n")
    return server


def test_sign_in_under_way_does_not_survive_signing_out_everywhere(held: Server, hold: Hold) -> None:
    """Whoever has given the password, and not yet got a session, is signed out like the others."""
    person, other = held.visitor(), held.visitor()
    person.sign_in("second", PASSWORD)
    form = other.get("/accounts/login/").filled_in(username="second", password=PASSWORD)
    with ThreadPoolExecutor(1) as pool:
        with hold() as wait_for:
            under_way = pool.submit(other.http.post, "/accounts/login/", data=form)
            wait_for(1)
            assert press(person, "/accounts/sign_out_everywhere/").path == "/accounts/login/"
        page = Page(under_way.result())
    assert page.status == 401
    assert rows(held, "SELECT * FROM session") == []


@pytest.mark.parametrize(
    "change", [("user", "role", "second", "editor"), ("user", "deactivate", "second"), ()]
)
def test_confirmation_under_way_does_not_survive_a_change(
    held: Server, hold: Hold, change: tuple[str, ...]
) -> None:
    """Whoever is no admin any more, or signed out, when the password is checked makes no account with it."""
    person = held.visitor()
    person.sign_in("second", PASSWORD)
    shift(held, "second", LONG_AGO)
    asked = press(person, "/admin/users/", name="accomplice", role="admin")
    with ThreadPoolExecutor(1) as pool:
        with hold() as wait_for:
            under_way = pool.submit(confirmed, asked, person, confirm_password=PASSWORD)
            wait_for(1)
            if change:
                command(held, *change)
            else:
                rows(held, "DELETE FROM session")
        page: Page = under_way.result()
    assert page.status == 403
    assert "Nothing was done" in page.words
    assert "accomplice" not in command(held, "user", "list")
