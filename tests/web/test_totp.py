"""Codes as the second step of a sign-in: which are accepted, how often, and without the phone."""

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import httpx
import pyotp
import pytest
from account_steps import PASSWORD, add_user, code_of, command, enrol, press, secret_of, signed_in
from conftest import StartServer
from harness import Page, Person, Server

import models
from domain import accounts, totp

NOON = 1_800_000_000.0  # some moment, at the start of a step


# The codes themselves


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return a list whose only element is the time of this machine."""
    time = [NOON]
    monkeypatch.setattr(totp, "time", SimpleNamespace(time=lambda: time[0]))
    return time


@pytest.fixture
def user(database: object, clock: list[float]) -> models.User:
    """Return an account with codes on, whose last one was accepted ten minutes ago."""
    assert database
    user = models.User.create(name="ann", password_hash="x")
    totp.begin(user)
    clock[0] = NOON - 600
    assert totp.enable(user, code_at(user, clock[0]))
    clock[0] = NOON
    return user


def code_at(user: models.User, time: float) -> str:
    return pyotp.TOTP(totp.Totp.get(totp.Totp.user == user.id).secret).at(time)


def test_code_is_valid_once(user: models.User) -> None:
    """An accepted code is refused from then on, and so are codes of earlier steps."""
    code, earlier = code_at(user, NOON), code_at(user, NOON - 30)
    assert totp.accepts(user, f" {code[:3]} {code[3:]} ")
    assert not totp.accepts(user, code)
    assert not totp.accepts(user, earlier)


@pytest.mark.parametrize(
    ("off_by", "accepted"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)]
)
def test_phone_may_be_one_step_off(user: models.User, off_by: int, *, accepted: bool) -> None:
    """A code of the step before or after is accepted, and no other."""
    assert totp.accepts(user, code_at(user, NOON + off_by)) is accepted


def test_clock_that_is_set_back_locks_nobody_out(user: models.User, clock: list[float]) -> None:
    """A code can't be of a step far ahead, so the one after next works in any case."""
    assert totp.accepts(user, code_at(user, NOON + 30))
    assert not totp.accepts(user, code_at(user, NOON))
    clock[0] = NOON + 60
    assert totp.accepts(user, code_at(user, NOON + 60))


def test_code_accepted_in_the_future_locks_nobody_out(user: models.User, clock: list[float]) -> None:
    """After server and phone were two days ahead, codes work again, and each once."""
    clock[0] = NOON + 2 * 24 * 3600
    assert totp.accepts(user, code_at(user, clock[0]))
    clock[0] = NOON
    assert totp.accepts(user, code_at(user, NOON))
    assert not totp.accepts(user, code_at(user, NOON))
    assert not totp.accepts(user, code_at(user, NOON - 30))


@pytest.mark.parametrize("code", ["", "0", "٠١٢٣٤٥", "12345\n", "x" * 10_000, "\ud800", "000000000000"])
def test_other_text_than_a_code_is_refused(user: models.User, code: str) -> None:
    """Any other text is refused without an error of the server."""
    assert not totp.accepts(user, code)


def test_recovery_code_is_valid_once_and_for_its_owner(user: models.User) -> None:
    """It replaces a code, however it is typed. New ones replace all old ones."""
    other = models.User.create(name="bob", password_hash="x")
    totp.begin(other)
    assert totp.enable(other, code_at(other, NOON))
    first, second, third, *_ = totp.new_recovery_codes(user)
    assert not totp.accepts(other, first)
    assert totp.accepts(user, first.lower().replace("-", " "))
    assert not totp.accepts(user, first)
    assert totp.recovery_codes_left(user) == totp.RECOVERY_CODES - 1
    assert totp.accepts(user, second)
    totp.new_recovery_codes(user)
    assert not totp.accepts(user, third)


def test_recovery_codes_are_stored_hashed(user: models.User) -> None:
    codes = {code.replace("-", "") for code in totp.new_recovery_codes(user)}
    stored = {hash_ for (hash_,) in totp.RecoveryCode.select(totp.RecoveryCode.hash).tuples()}
    assert stored == set(map(accounts.token_hash, codes))


def test_secret_is_active_after_the_first_code(database: object, clock: list[float]) -> None:
    """Until then the sign-in asks for no code. A second try has another secret."""
    assert database
    assert clock
    user = models.User.create(name="ann", password_hash="x")
    assert totp.pending(user) is None
    assert totp.enable(user, "000000") is None
    totp.begin(user)
    secret = totp.pending(user)
    assert not totp.is_on(user)
    assert not totp.accepts(user, code_at(user, NOON))
    totp.begin(user)
    assert totp.pending(user) != secret
    assert len(totp.enable(user, code_at(user, NOON)) or []) == totp.RECOVERY_CODES
    assert totp.is_on(user)
    assert totp.pending(user) is None
    totp.begin(user)
    assert totp.is_on(user), "another secret took the place of one that counts"
    assert totp.turn_off(user)
    assert not totp.is_on(user)
    assert not totp.turn_off(user)


# The pages


@pytest.fixture
def someone(server: Server, request: pytest.FixtureRequest) -> tuple[str, Person]:
    """Return an editor's name and the editor, made for one test."""
    name = request.node.name[:50]
    add_user(server, name, "editor")
    return name, signed_in(server, name)


def test_enrolment_shows_key_link_and_picture(server: Server, someone: tuple[str, Person]) -> None:
    """A person can scan, open or type the secret. A wrong code turns nothing on."""
    name, person = someone
    page = press(person, "/accounts/totp/")
    secret = secret_of(server, name)
    (link,) = [link for link in page.links() if link.startswith("otpauth:")]
    parsed = pyotp.parse_uri(link)
    assert (parsed.secret, parsed.name, parsed.issuer) == (secret, name, "Tracker 127.0.0.1")
    assert page.select_one("svg.qr path")
    wrong = press(person, "/accounts/totp/enable/", code="000000")
    assert (wrong.status, wrong.wrong_fields()) == (422, {"code"})
    assert secret in wrong.words.replace(" ", ""), "the key has changed, so the scanned one is worth nothing"
    signed_in(server, name)
    codes = enrol(server, person, name)
    assert len(codes) == totp.RECOVERY_CODES
    again = person.get("/accounts/totp/")
    assert not any(link.startswith("otpauth:") for link in again.links())
    assert codes[0] not in person.get("/accounts/").words


def test_sign_in_asks_for_the_code(server: Server, someone: tuple[str, Person]) -> None:
    """After the password the person is not signed in yet. One code signs in, and leads to the wanted page."""
    name, person = someone
    enrol(server, person, name)
    visitor = server.visitor()
    page = visitor.sign_in(name, PASSWORD, next="/tracker/alert/")
    assert page.path == "/accounts/login/code/"
    assert visitor.get("/", follow=True).path == "/accounts/login/"
    for program in ("/api/alerts/", "/tracker/incident/feature_collection/", "/notifications"):
        assert visitor.http.get(program).status_code == 401, program
    path = "/accounts/login/code/?next=/tracker/alert/"
    assert visitor.submit(path, code="123456").status == 401
    code = code_of(server, name)
    assert visitor.submit(path, code=code).path == "/tracker/alert/"
    other = server.visitor()
    other.sign_in(name, PASSWORD)
    assert other.submit(path, code=code).status == 401, "a code was taken twice"
    assert other.submit("/accounts/login/code/?next=https://x.org/", code=code_of(server, name)).path == "/"


def test_code_page_needs_the_password(server: Server, someone: tuple[str, Person]) -> None:
    """Without the password, or after it was changed, the sign-in starts again."""
    name, person = someone
    enrol(server, person, name)
    assert server.visitor().get("/accounts/login/code/", follow=True).path == "/accounts/login/"
    visitor = server.visitor()
    visitor.sign_in(name, PASSWORD)
    assert visitor.get("/accounts/login/code/").status == 200
    command(server, "user", "password", name, stdin="another walk by the river\n")
    assert visitor.get("/accounts/login/code/", follow=True).path == "/accounts/login/"


def test_recovery_code_signs_in_once(server: Server, someone: tuple[str, Person]) -> None:
    """Without the phone a recovery code is accepted, and the own page says how many are left."""
    name, person = someone
    first, *_ = enrol(server, person, name)
    visitor = server.visitor()
    visitor.sign_in(name, PASSWORD)
    assert visitor.submit("/accounts/login/code/", code=first).path == "/"
    assert "7 recovery codes left" in visitor.get("/accounts/").words
    again = server.visitor()
    again.sign_in(name, PASSWORD)
    assert again.submit("/accounts/login/code/", code=first).status == 401


@pytest.mark.parametrize("kind", ["of the app", "for recovery"])
def test_code_is_taken_once_by_many_at_once(server: Server, someone: tuple[str, Person], kind: str) -> None:
    """When four browsers send one code at the same time, one is signed in."""
    name, person = someone
    recovery = enrol(server, person, name)
    code = recovery[0] if kind == "for recovery" else code_of(server, name)
    visitors = [server.visitor() for _ in range(4)]
    for visitor in visitors:
        assert visitor.sign_in(name, PASSWORD).path == "/accounts/login/code/"
    path = "/accounts/login/code/"
    forms = [visitor.get(path).filled_in(code=code) for visitor in visitors]
    with ThreadPoolExecutor(4) as pool:
        sent = [
            pool.submit(visitor.http.post, path, data=form)
            for visitor, form in zip(visitors, forms, strict=True)
        ]
        statuses = sorted(post.result().status_code for post in sent)
    assert statuses == [303, 401, 401, 401]


def test_codes_are_throttled_whatever_the_password(start_server: StartServer) -> None:
    """A right password between wrong codes does not reset the throttle."""
    server = start_server()
    add_user(server, "target", "editor")
    enrol(server, signed_in(server, "target"), "target")
    answers: list[Page] = []
    for _ in range(20):  # the waits grow: 1, 2, 4, … seconds
        visitor = server.visitor()
        assert visitor.sign_in("target", PASSWORD).path == "/accounts/login/code/"
        answers.append(visitor.submit("/accounts/login/code/", code="000000"))
        if answers[-1].status == 429:
            break
    assert [page.status for page in answers[:5]] == [401] * 5
    assert answers[-1].status == 429
    assert int(answers[-1].response.headers["Retry-After"]) >= 1
    words = server.person().get("/admin/").words
    for text in ("Refused: wrong code", "Password correct, code requested"):
        assert text in words


def test_codes_are_turned_off_by_page_and_by_command(server: Server, someone: tuple[str, Person]) -> None:
    """Afterwards the password is enough. The command helps a person who has lost the phone."""
    name, person = someone
    enrol(server, person, name)
    assert command(server, "user", "totp", name)[0] == f"{name} signs in with a code.\n"
    press(person, "/accounts/totp/off/")
    signed_in(server, name)
    enrol(server, person, name)
    assert command(server, "user", "totp", name, "--off")[0] == f"{name} signs in without a code now.\n"
    assert command(server, "user", "totp", name, "--off")[0] == f"{name} signs in without a code already.\n"
    assert command(server, "user", "totp", name)[0] == f"{name} signs in without a code.\n"
    signed_in(server, name)
    actions = [row.get_text(" ", strip=True) for row in server.person().get("/admin/").select("tr")]
    assert any(
        "Two-step sign-in turned off" in row and "by command line" in row and name in row for row in actions
    )


def test_new_recovery_codes_need_codes(server: Server, someone: tuple[str, Person]) -> None:
    _, person = someone
    assert press(person, "/accounts/totp/recovery/").status == 404


def test_admins_must_set_up_codes_where_it_is_required(start_server: StartServer) -> None:
    """Without codes an admin gets only the enrolment page. Others are not asked."""
    server = start_server(env={"TRACKER_ADMIN_TOTP": "on"})
    add_user(server, "ed", "editor")
    signed_in(server, "ed")
    admin = server.visitor()
    page = admin.sign_in("admin", server.password)
    assert page.path == "/accounts/totp/"
    for path in ("/", "/admin/", "/accounts/", "/tracker/incident/"):
        assert admin.http.get(path).headers["Location"] == "/accounts/totp/", path
    assert admin.http.get("/tracker/incident/feature_collection/").status_code == 403
    assert admin.http.get("/api/alerts/").status_code == 403
    assert admin.http.get("/notifications").status_code == 403
    refused: Page = press(admin, "/admin/users/", name="x", role="admin")
    assert refused.status == 403
    assert "First open /accounts/totp/" in refused.words
    assert "x\tadmin" not in command(server, "user", "list")[0]
    secret = command(server, "token", "add", "admin", "wall")[0].strip()
    token = {"Authorization": f"Bearer {secret}"}
    assert httpx.get(f"{server.url}/api/alerts/", headers=token).status_code == 200, "its tokens go on"
    assert len(enrol(server, admin, "admin")) == totp.RECOVERY_CODES
    assert admin.get("/admin/").status == 200
    command(server, "user", "role", "ed", "admin")
    again = server.visitor()
    assert again.sign_in("ed", PASSWORD).path == "/accounts/totp/"
