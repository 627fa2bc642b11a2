"""Changes while a password is being checked: a lost role, ended sessions, other sign-ins."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from account_steps import HELD, LONG_AGO, PASSWORD, Hold, command, confirmed, press, rows, shift
from conftest import StartServer
from harness import Page, Server

from domain.passwords import MAX_IN_FLIGHT_PER_CLIENT


@pytest.fixture
def hold(tmp_path: Path) -> Hold:
    return Hold(tmp_path / "held")


@pytest.fixture
def held(start_server: StartServer, hold: Hold) -> Server:
    """A server whose passwords the test can hold, with an admin of this PASSWORD: second."""
    server = start_server(program=[HELD, hold.folder])
    command(server, "user", "add", "second", "--role", "admin", stdin=f"{PASSWORD}\n")
    return server


def test_sign_in_under_way_does_not_survive_signing_out_everywhere(held: Server, hold: Hold) -> None:
    """A sign-in whose password was given before creates no session afterwards."""
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


def test_one_ipv6_site_leaves_room_for_others(start_server: StartServer, hold: Hold) -> None:
    """An IPv6 customer has thousands of networks, but only one client's places in the password queue."""
    server = start_server(program=[HELD, hold.folder], env={"TRACKER_PROXIES": "127.0.0.1"})
    site = [f"2001:db8:1:{number:x}::1" for number in range(MAX_IN_FLIGHT_PER_CLIENT + 1)]
    people = [server.visitor() for _ in [*site, "another"]]
    for person, address in zip(people, [*site, "2001:db8:2::1"], strict=True):
        person.http.headers["X-Forwarded-For"] = address
    forms = [
        person.get("/accounts/login/").filled_in(username=address, password="x")
        for person, address in zip(people, [*site, "another"], strict=True)
    ]
    with ThreadPoolExecutor(len(people)) as pool:
        with hold() as wait_for:
            posts = [
                pool.submit(person.http.post, "/accounts/login/", data=form)
                for person, form in zip(people, forms, strict=True)
            ]
            wait_for(MAX_IN_FLIGHT_PER_CLIENT + 1)  # the other one's among them
        statuses = [post.result().status_code for post in posts]
    assert sorted(statuses[:-1]) == [401] * MAX_IN_FLIGHT_PER_CLIENT + [429]
    assert statuses[-1] == 401


@pytest.mark.parametrize(
    "change", [("user", "role", "second", "editor"), ("user", "deactivate", "second"), ()]
)
def test_confirmation_under_way_does_not_survive_a_change(
    held: Server, hold: Hold, change: tuple[str, ...]
) -> None:
    """An admin who lost the role or the session during the check creates no account with it."""
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
    assert "Nothing was saved" in page.words
    assert "accomplice" not in command(held, "user", "list")[0]
