"""Accounts, sessions, links and tokens: their limits and their ends, to the second, without a server."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from base import times
from base.errors import Invalid
from domain import accounts
from domain.accounts import (
    CLOCK_STEP_S,
    MAX_SESSIONS,
    MAX_TOKENS,
    NAME_LENGTH,
    RESET_S,
    Lifetime,
    Reset,
    Token,
)
from domain.users import Confirmation
from models import Session, User
from storage.log import Notification

PASSWORD = "a long walk by the sea"
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
TINY_S = 0.000001  # the resolution of a stored time
LIFETIME = Lifetime(session_s=1000, idle_s=100)


class Clock:
    """The time of this process, which a test moves."""

    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> datetime:
        return self.time

    def go(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture(autouse=True)
def clock(database: Path, monkeypatch: pytest.MonkeyPatch) -> Clock:
    assert database.exists()
    clock = Clock()
    monkeypatch.setattr(times, "clock", clock)
    return clock


@pytest.fixture
def ann() -> User:
    return accounts.create("Ann", "viewer")


@pytest.fixture
def admin() -> User:
    return accounts.create("Boss", "admin")


def begin(user: User, id_: str, *, created: float = 0, last_used: float | None = None) -> None:
    """Store a session whose times are this many seconds from now."""
    Session.create(
        id=id_,
        user=user,
        created=accounts.moment(created),
        last_used=accounts.moment(created if last_used is None else last_used),
        address="",
        user_agent="",
        force_insert=True,
    )


def sessions() -> set[str]:
    return {found.id for found in Session.select()}


def is_alive(user: User, id_: str) -> bool:
    return accounts.valid_keys({(user.id, id_)}, LIFETIME) == {(user.id, id_)}


# Accounts


@pytest.mark.parametrize("length", [1, NAME_LENGTH])
def test_name_of_the_shortest_and_of_the_longest(length: int) -> None:
    assert accounts.create("x" * length, "viewer").name == "x" * length


@pytest.mark.parametrize("name", ["", " ", "x" * (NAME_LENGTH + 1), "x\ud800y", "x\ty\x00"])
def test_name_that_no_account_may_have(name: str) -> None:
    with pytest.raises(Invalid) as caught:
        accounts.create(name, "viewer")
    assert caught.value.fields == {"name": f"Must be 1 to {NAME_LENGTH} printable characters"}
    assert not User.select().exists()


def test_name_that_cannot_be_stored_is_nobodys(ann: User) -> None:
    """Bytes of no encoding arrive on the command line as halves of surrogate pairs."""
    assert accounts.named("Ann\ud800") is None
    assert accounts.named("Ann") == ann
    with pytest.raises(Invalid, match="There is no account Bob"):
        accounts.find("Bob")


def test_account_without_a_password_takes_none(ann: User) -> None:
    """A one-time link must set one first."""
    assert ann.password_hash == ""
    assert not accounts.matches(ann, "")
    assert not accounts.matches(None, "")


def test_new_account_has_the_password_that_it_was_given(ann: User) -> None:
    """Only the first account's password, which was printed, must be changed."""
    assert (ann.active, ann.password_temporary, ann.credentials_version) == (True, False, 0)


def test_session_is_confirmed_once(ann: User) -> None:
    """A second confirmation takes the place of the first."""
    begin(ann, "one")
    for moment in ("a", "b"):
        Confirmation.replace(session="one", created=moment).execute()
    assert [(found.session_id, found.created) for found in Confirmation.select()] == [("one", "b")]


def test_password_is_checked_against_the_name() -> None:
    for password in ("short", "Jonathan1"):
        with pytest.raises(Invalid) as caught:
            accounts.create("Jonathan", "viewer", password)
        assert list(caught.value.fields) == ["password"]
    assert accounts.matches(accounts.create("Jonathan", "viewer", PASSWORD), PASSWORD)


@pytest.mark.parametrize("role", ["", "owner", "Admin"])
def test_unknown_role_is_refused(ann: User, role: str) -> None:
    with pytest.raises(Invalid, match="viewer, editor, admin"):
        accounts.create("Bob", role)
    with pytest.raises(Invalid, match="viewer, editor, admin"):
        accounts.set_role(ann, role)


def test_first_account_is_made_once_and_must_change_its_password() -> None:
    password = accounts.first_account()
    assert password
    assert len(password) == 16  # 12 random bytes
    admin = accounts.find("admin")
    assert (admin.role, admin.active, admin.password_temporary) == ("admin", True, True)
    assert accounts.matches(admin, password)
    assert accounts.first_account() is None
    accounts.set_password(admin, PASSWORD)
    assert not accounts.find("admin").password_temporary


def test_account_begins_with_everything_read(ann: User) -> None:
    """Only alerts that come later are unread; and what was read once stays so."""
    assert ann.read_seq == 0
    for _ in range(3):
        Notification.append("Incident:1", "post_save")
    bob = accounts.create("Bob", "viewer")
    assert bob.read_seq == 3
    ann.read_up_to(2)
    ann.read_up_to(1)
    assert (ann.read_seq, User.get_by_id(ann.id).read_seq) == (2, 2)
    assert User.get_by_id(bob.id).read_seq == 3


@pytest.mark.parametrize(
    ("role", "can_edit", "is_admin"),
    [("viewer", False, False), ("editor", True, False), ("admin", True, True)],
)
def test_role_says_what_an_account_may_do(role: str, can_edit: bool, is_admin: bool) -> None:  # noqa: FBT001
    user = accounts.create("Ann", role)
    assert (user.can_edit, user.is_admin) == (can_edit, is_admin)


def test_renamed_row_keeps_its_normal_form(ann: User) -> None:
    """It is set once: a later save of the row may not make it that of another account."""
    assert ann.name_key == "ann"
    ann.name_key = None
    ann.save()
    assert User.get_by_id(ann.id).name_key is None


def test_change_says_whether_it_changed_anything(ann: User, admin: User) -> None:
    assert accounts.set_role(ann, "editor")
    assert not accounts.set_role(ann, "editor")
    assert accounts.set_active(ann, active=False)
    assert not accounts.set_active(ann, active=False)
    assert accounts.set_active(ann, active=True)
    assert User.get_by_id(admin.id).role == "admin"


def test_last_admin_stays(ann: User, admin: User) -> None:
    """A deactivated admin does not count, and nothing is changed by what is refused."""
    with pytest.raises(Invalid, match="last admin"):
        accounts.set_role(admin, "editor")
    with pytest.raises(Invalid, match="last admin"):
        accounts.set_active(admin, active=False)
    begin(admin, "kept")
    assert (User.get_by_id(admin.id).role, User.get_by_id(admin.id).active) == ("admin", True)
    accounts.set_role(ann, "admin")
    accounts.set_active(ann, active=False)
    with pytest.raises(Invalid, match="last admin"):
        accounts.set_role(admin, "viewer")
    assert sessions() == {"kept"}


def test_deactivated_account_loses_all_access(ann: User, admin: User) -> None:
    """Its sessions, links and tokens end, and those of others go on."""
    links = [accounts.make_reset(user) for user in (ann, admin)]
    for user in (ann, admin):
        accounts.make_token(user, "phone")
        begin(user, user.name)
    accounts.set_active(ann, active=False)
    assert [accounts.find_reset(link) for link in links] == [None, admin]
    assert [token.user for token in Token.select()] == [admin]
    assert sessions() == {"Boss"}
    accounts.set_active(ann, active=True)
    assert accounts.find_reset(links[0]) is None


def test_other_role_ends_no_access(ann: User, admin: User) -> None:
    accounts.make_token(ann, "phone")
    begin(ann, "one")
    assert accounts.set_role(ann, "editor")
    assert sessions() == {"one"}
    assert Token.select().count() == 1
    assert admin.active


# Passwords and links


def test_new_password_ends_sessions_and_links_of_this_account_only(ann: User, admin: User) -> None:
    link = accounts.make_reset(ann)
    other = accounts.make_reset(admin)
    begin(ann, "one")
    begin(admin, "two")
    accounts.set_password(ann, PASSWORD)
    assert sessions() == {"two"}
    assert accounts.find_reset(link) is None
    assert accounts.find_reset(other) == admin
    assert accounts.is_current(ann)
    assert accounts.matches(accounts.find("Ann"), PASSWORD)


def test_password_of_an_account_that_was_changed_meanwhile_is_refused(ann: User) -> None:
    """A person who was shut out while the password was hashed can't set it any more."""
    accounts.sign_out_everywhere(User.get_by_id(ann.id))
    assert not accounts.is_current(ann)
    with pytest.raises(Invalid, match="changed meanwhile"):
        accounts.set_password(ann, PASSWORD)
    assert accounts.find("Ann").password_hash == ""
    with pytest.raises(Invalid, match="changed meanwhile"):
        accounts.make_reset(ann)
    with pytest.raises(Invalid, match="changed meanwhile"):
        accounts.make_token(ann, "phone")
    assert not Reset.select().exists()
    assert not Token.select().exists()


def test_sign_out_everywhere_ends_the_sessions_of_one_account(ann: User, admin: User) -> None:
    begin(ann, "one")
    begin(admin, "two")
    accounts.sign_out_everywhere(ann)
    assert sessions() == {"two"}
    assert accounts.is_current(admin)
    assert not accounts.is_current(ann)


def test_link_sets_one_password(ann: User) -> None:
    link = accounts.make_reset(ann)
    with pytest.raises(Reset.DoesNotExist):
        accounts.set_password(ann, PASSWORD, link="another")
    assert accounts.find("Ann").password_hash == ""
    accounts.set_password(ann, PASSWORD, link=link)
    with pytest.raises(Reset.DoesNotExist):
        accounts.set_password(ann, "seven grey geese fly", link=link)
    assert accounts.matches(accounts.find("Ann"), PASSWORD)


def test_link_lasts_a_day_and_is_replaced_by_the_next(ann: User, admin: User, clock: Clock) -> None:
    first, others = accounts.make_reset(ann), accounts.make_reset(admin)
    second = accounts.make_reset(ann)
    assert accounts.find_reset(first) is None
    clock.go(RESET_S - TINY_S)
    assert accounts.find_reset(second) == ann
    clock.go(TINY_S)
    assert accounts.find_reset(second) is None
    clock.go(TINY_S)
    accounts.make_reset(ann)
    assert Reset.select().count() == 1, "the other one has expired, and is deleted"
    assert accounts.find_reset(others) is None


def test_link_of_a_clock_that_was_ahead_is_not_valid(ann: User, clock: Clock) -> None:
    link = accounts.make_reset(ann)
    clock.go(-CLOCK_STEP_S)
    assert accounts.find_reset(link) == ann
    clock.go(-TINY_S)
    assert accounts.find_reset(link) is None


def test_link_of_an_account_that_is_not_active_is_not_valid(ann: User) -> None:
    link = accounts.make_reset(ann)
    User.update(active=False).execute()
    assert accounts.find_reset(link) is None
    with pytest.raises(Invalid, match="deactivated"):
        accounts.make_reset(ann)


# Tokens


@pytest.mark.parametrize("name", ["", "  ", "x" * (NAME_LENGTH + 1), "x\ny", "x\ud800"])
def test_token_of_a_bad_name_is_refused(ann: User, name: str) -> None:
    with pytest.raises(Invalid, match="printable"):
        accounts.make_token(ann, name)


@pytest.mark.parametrize("days", [0, -1, 3660.001, float("nan")])
def test_token_of_no_or_too_many_days_is_refused(ann: User, days: float) -> None:
    with pytest.raises(Invalid, match="ten years"):
        accounts.make_token(ann, "phone", days=days)


@pytest.mark.parametrize(("days", "seconds"), [(3660, 3660 * 86400), (0.5, 43200), (None, None)])
def test_token_expires_to_the_second(ann: User, days: float | None, seconds: float | None) -> None:
    accounts.make_token(ann, " x" + "y" * (NAME_LENGTH - 1) + " ", days=days)
    token = Token.get()
    assert token.expires == (None if seconds is None else accounts.moment(seconds))
    assert token.name == "x" + "y" * (NAME_LENGTH - 1)
    assert not token.read_only


def test_account_has_at_most_so_many_tokens(ann: User, admin: User) -> None:
    accounts.make_token(admin, "not counted")
    for number in range(MAX_TOKENS):
        accounts.make_token(ann, str(number), read_only=True)
    with pytest.raises(Invalid, match=f"{MAX_TOKENS} tokens"):
        accounts.make_token(ann, "one more")
    assert Token.select().where(Token.read_only).count() == MAX_TOKENS
    assert accounts.revoke(Token.user == ann) == MAX_TOKENS
    assert Token.select().count() == 1


def test_renewed_token_has_another_secret(ann: User) -> None:
    secret = accounts.make_token(ann, "phone")
    token = Token.get()
    again = accounts.renew_token(token.id)
    assert again.startswith("tracker_")
    assert len(again) == len(secret) == len("tracker_") + 43  # 32 random bytes
    assert Token.get().hash == accounts.token_hash(again) != token.hash
    assert accounts.renew_token(token.id + 1) == ""


# Sessions

SESSION_ENDS: list[tuple[float, float, bool]] = [  # (created, last used, alive), in seconds from now
    (-TINY_S, 0, True),
    (-1000 + TINY_S, -50, True),
    (-1000, 0, False),
    (-500, -100 + TINY_S, True),
    (-500, -100, False),
    (CLOCK_STEP_S, CLOCK_STEP_S, True),
    (CLOCK_STEP_S + TINY_S, 0, False),
    (-50, CLOCK_STEP_S + TINY_S, True),  # used in the future: as if it had not been used since it began
    (-150, CLOCK_STEP_S + TINY_S, False),
    (-150, CLOCK_STEP_S, True),
]


@pytest.mark.parametrize(("created", "last_used", "alive"), SESSION_ENDS)
def test_session_ends_by_age_by_disuse_and_by_a_wrong_clock(
    ann: User,
    created: float,
    last_used: float,
    alive: bool,  # noqa: FBT001
) -> None:
    begin(ann, "it", created=created, last_used=last_used)
    assert is_alive(ann, "it") == alive
    LIFETIME.delete_ended()
    in_the_future = max(created, last_used) > CLOCK_STEP_S
    assert sessions() == ({"it"} if alive or in_the_future else set())


def test_surplus_sessions_end_and_the_newest_stays(ann: User, admin: User) -> None:
    """Those used least recently go first, those with a time in the future before them."""
    begin(admin, "of another", last_used=-999)
    begin(ann, "newest", last_used=-999)
    begin(ann, "future", last_used=CLOCK_STEP_S + 1)
    for number in range(MAX_SESSIONS):
        begin(ann, f"{number:02}", last_used=-number)
    begin(ann, "ahead a little", last_used=CLOCK_STEP_S)
    accounts.drop_surplus_sessions(ann, "newest")
    kept = {f"{number:02}" for number in range(MAX_SESSIONS - 2)}
    assert sessions() == {"of another", "newest", "ahead a little", *kept}


def test_keys_that_have_ended_are_left_out(ann: User, admin: User, clock: Clock) -> None:
    """Sessions and tokens, of their own account only, and of active accounts."""
    begin(ann, "one")
    accounts.make_token(ann, "short", days=1)
    accounts.make_token(admin, "long")
    (short, long) = [f"token:{token.id}" for token in Token.select().order_by(Token.id)]
    good = {(ann.id, "one"), (ann.id, short), (admin.id, long)}
    bad = {(admin.id, "one"), (admin.id, short), (ann.id, "none"), (ann.id, "token:99")}
    everlasting = Lifetime(1e6, 1e6)

    def valid() -> set[tuple[int, str]]:
        return accounts.valid_keys(good | bad, everlasting)

    assert valid() == good
    assert accounts.valid_keys(set(), everlasting) == set()
    clock.go(-CLOCK_STEP_S - TINY_S)  # all of it was made by a clock that was ahead
    assert valid() == {(admin.id, long)}, "a token that never expires does not last too long"
    clock.go(CLOCK_STEP_S + TINY_S + 86400 - TINY_S)
    assert valid() == good
    clock.go(TINY_S)
    assert valid() == good - {(ann.id, short)}
    User.update(active=False).where(User.id == admin.id).execute()
    assert valid() == {(ann.id, "one")}


def test_end_sessions_counts(ann: User) -> None:
    for id_ in ("one", "two", "three"):
        begin(ann, id_)
    assert accounts.end_sessions(Session.id << ["one", "two"]) == 2
    assert sessions() == {"three"}
