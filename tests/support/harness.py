"""Tools of the tests: a real server process, a person with a browser, a client of the socket."""

import contextlib
import itertools
import json
import os
import random
import re
import shutil
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import IO, Any, Self, TypeVar
from urllib.parse import quote, urlsplit

import httpx
from bs4 import BeautifulSoup, Tag
from forks import Process
from playwright.sync_api import ConsoleMessage, Locator, expect
from playwright.sync_api import Page as BrowserPage
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

ROOT = Path(__file__).resolve().parents[2]
# Seconds until a test gives up waiting; all waits but those for nothing to happen use it. Usually it takes
# milliseconds; a map that is drawn without a graphics card, beside other work on two cores, takes 15 s.
PATIENCE_S = 30 * float(os.environ.get("TRACKER_TESTS_PATIENCE", "1"))
PATIENCE_MS = 1000 * PATIENCE_S
POLL_S = 0.01
IS_FRONTED = os.environ.get("TRACKER_TESTS_FRONT") == "nginx"  # puts nginx before each server: `make nginx`
# All requests of the tests come from one address, and mostly from one account.
PATIENT = {f"TRACKER_{name}": "10000" for name in ("SOCKETS_PER_ACCOUNT", "SOCKETS_PER_ADDRESS")} | {
    f"TRACKER_{name}": "10000" for name in ("REPORTS_PER_ADDRESS", "REPORTS_IN_TOTAL")
}

Message = dict[str, Any]
Feature = dict[str, Any]
T = TypeVar("T")


def wait_until(condition: Callable[[], T], *, what: str = "the condition", timeout: float = PATIENCE_S) -> T:
    """Return the first true value of condition(); AssertionError after timeout seconds without one."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {timeout} s in vain for {what}"
        time.sleep(POLL_S)
    return value


# Servers listen below the ports that the kernel gives to clients (from 32768 on Linux). Otherwise a client
# could take the port while a server starts again.
_PORTS = range(20_000, 32_000)
_ports = itertools.cycle(random.SystemRandom().sample(_PORTS, len(_PORTS)))


def free_port() -> int:
    """Return a port of 127.0.0.1 that is free now, and that this process does not return again soon."""
    for port in itertools.islice(_ports, len(_PORTS)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise OSError(f"no free port from {_PORTS.start} to {_PORTS.stop}")


def chromium_path() -> str | None:
    """Return the browser's path: the headless shell, which takes half the time of Chromium, if it is here."""
    wanted = os.environ.get("TRACKER_TESTS_CHROMIUM")
    return wanted or shutil.which("chromium-headless-shell") or shutil.which("chromium")


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment without the TRACKER_ settings of the developer."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TRACKER_")}
    return {**kept, **(extra or {})}


def run_tracker(
    folder: Path,
    *arguments: str | Path,
    stdin: str | bytes = b"",
    env: Mapping[str, str] | None = None,
    program: Sequence[str | Path] = (ROOT / "tracker.py",),
) -> subprocess.CompletedProcess[str]:
    """Run `python tracker.py ARGUMENTS` in a folder until it ends by itself."""
    with ExitStack() as stack:
        given, out, err = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(3))
        given.write(stdin.encode() if isinstance(stdin, str) else stdin)
        given.seek(0)
        process = start_program([*program, *arguments], folder, env, given, out, err)
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        return subprocess.CompletedProcess(process.args, process.wait(), _content(out), _content(err))


def _content(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


def start_program(
    program: Sequence[str | Path],
    folder: Path,
    env: Mapping[str, str] | None,
    stdin: IO[bytes],
    stdout: IO[bytes],
    stderr: IO[bytes],
) -> "Process | subprocess.Popen[bytes]":
    """Start `python PROGRAM` in a folder, as a fork if possible.

    An option such as -c before the program, or a variable such as PYTHONIOENCODING, needs the interpreter.
    """
    if str(program[0]).startswith("-") or any(name.startswith("PYTHON") for name in env or ()):
        return subprocess.Popen(
            [sys.executable, *program],
            cwd=folder,
            env=environment(env),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
        )
    streams = {"stdin": stdin.fileno(), "stdout": stdout.fileno(), "stderr": stderr.fileno()}
    return Process(program, cwd=folder, env=environment(env), **streams)


class Server:
    """A `python tracker.py` process in a folder of its own, listening on a port of its own.

    A second Server in the same folder is the same tracker started again. `output` has its output.
    `more` are options beside --host, --port and --database, `options` replaces those; `program` is what runs.
    Without `first_use` the printed password is kept, as if somebody had chosen it.
    The fixtures see to it that no server prints a traceback, except where a test says so by `may_fail`.
    """

    def __init__(
        self,
        folder: Path,
        *more: str,
        options: Sequence[str] | None = None,
        port: int | None = None,
        password: str = "",
        env: Mapping[str, str] | None = None,
        program: Sequence[str | Path] = (ROOT / "tracker.py",),
        host: str = "127.0.0.1",
        first_use: bool = False,
    ) -> None:
        self.may_fail = False
        scheme = "https" if "--certfile" in more else "http"
        self.folder = folder
        self.database = folder / "tracker.db"
        self.port = port or free_port()
        self.url = f"{scheme}://{host}:{self.port}"
        self._log = folder / f"output-{self.port}-{time.monotonic_ns()}.txt"
        self._people: list[Person] = []
        self._stranger = self.visitor()
        if IS_FRONTED and self.url == f"http://127.0.0.1:{self.port}" and options is None:
            import fronts

            self.url = fronts.before(self.port).url
            env = {"TRACKER_PROXIES": "127.0.0.1", **(env or {})}
        if options is None:
            options = ["--host", host, "--port", str(self.port), "--database", str(self.database)]
        with self._log.open("wb") as log, Path(os.devnull).open("rb") as nothing:
            self.process = start_program(
                [*program, *options, *more], folder, {**PATIENT, **(env or {})}, nothing, log, log
            )
        try:
            wait_until(self._is_up, what="the server to start", timeout=PATIENCE_S)
        except AssertionError:
            self.process.kill()
            raise
        said = re.search(r"Sign in as (\S+), password: (\S+)", self.output)
        self.name, self.password = said.groups() if said else ("admin", password)
        self._keeps_first_password = bool(said) and not first_use
        self._keep_first_password()

    def _keep_first_password(self) -> None:
        """Keep the printed password valid, which otherwise must be changed: see test_first_password.py.

        Runs at the start and for each person, because a test may name the database only later.
        """
        if not self._keeps_first_password or not self.database.exists():
            return
        with closing(sqlite3.connect(self.database, timeout=PATIENCE_S)) as database, database:
            database.execute("UPDATE user SET password_temporary = 0")

    @property
    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def _is_up(self) -> bool:
        assert self.process.poll() is None, f"the server ended at its start: {self.output}"
        try:
            return f":{self.port}" in self.output and self.health()["seq"] >= 0
        except httpx.TransportError:
            return False

    def health(self) -> dict[str, Any]:
        """Return the answer of /healthz: the log's seq and the number of clients."""
        return dict(self._stranger.http.get("/healthz").json())

    def visitor(self) -> "Person":
        """Return a person without an account."""
        return self.visitor_at(self.url)

    def visitor_at(self, url: str) -> "Person":
        """Return a person without an account who comes to this server by another address."""
        self._people.append(Person(url))
        return self._people[-1]

    def person(self) -> "Person":
        """Return a person who has just signed in."""
        self._keep_first_password()
        person = self.visitor()
        person.sign_in(self.name, self.password)
        return person

    def another(self, name: str, role: str = "editor") -> "Person":
        """Create an account of this role and return a person who has just signed in with it."""
        password = "a password of nobody"
        env = {"TRACKER_DATABASE": str(self.database)}
        done = run_tracker(self.folder, "user", "add", name, "--role", role, stdin=f"{password}\n", env=env)
        assert done.returncode == 0, done
        person = self.visitor()
        person.sign_in(name, password)
        return person

    def import_geojson(self, content: object, *options: str) -> subprocess.CompletedProcess[str]:
        """Run `python tracker.py import` in a process of its own on this server's database."""
        path = self.folder / f"import-{time.monotonic_ns()}.geojson"
        path.write_text(json.dumps(content), encoding="utf-8")
        return run_tracker(
            self.folder, "import", path, *options, env={"TRACKER_DATABASE": str(self.database)}
        )

    def stop(self) -> int:
        """Ask the process to end and return its exit status. Kill it if it does not end."""
        for person in self._people:
            person.http.close()
        self.process.terminate()
        try:
            return self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


class Page(BeautifulSoup):
    """An answer of the server, with its HTML parsed."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(response.text, "html.parser")
        self.response = response
        self.status = response.status_code
        self.path = response.url.path

    @property
    def words(self) -> str:
        """The text of the page as a person reads it, with single spaces."""
        return " ".join(self.get_text(" ").split())

    def value(self, name: str) -> str | None:
        """Return the value of a form's field, as a browser would send it; None for an unticked box."""
        controls = self.select(f"input[name={name}], textarea[name={name}], select[name={name}]")
        assert controls, f"{self.path} has no field {name}"
        field = controls[0]
        if field.name == "textarea":
            return field.get_text().removeprefix("\n")
        if field.name == "select":
            return _first_value(field.select("option[selected]"))
        if field.get("type") in ("radio", "checkbox"):
            return _first_value(control for control in controls if control.has_attr("checked"))
        return str(field.get("value", ""))

    def wrong_fields(self) -> set[str]:
        """Return the names of the fields marked as wrong. Each must refer to a sentence about it."""
        names = set()
        for marked in self.select("[aria-invalid=true]"):
            control = marked if marked.has_attr("name") else marked.select_one("[name]")
            assert control, f"what is marked as wrong has no name: {marked}"
            ids = str(marked.get("aria-describedby") or "").split()
            sentences = [found.get_text(strip=True) for id_ in ids if (found := self.find(id=id_))]
            assert any(sentences), f"{control['name']} is wrong, and nothing says why"
            names.add(str(control["name"]))
        return names

    def filled_in(self, **fields: str) -> dict[str, str]:
        """Return the data that this page's own form sends after a person has filled in these fields."""
        own = [form for form in self.select("form[method=post]") if self._leads_here(form)]
        assert own, f"{self.path} has no form of its own"
        names = [str(control["name"]) for control in own[0].select("[name]:not(button, :disabled)")]
        unknown = fields.keys() - names
        assert not unknown, f"the form of {self.path} has no {unknown}"
        standing = {name: value for name in names if (value := self.value(name)) is not None}
        return {**standing, **fields}

    def _leads_here(self, form: Tag) -> bool:
        return urlsplit(str(form.get("action", ""))).path in ("", self.path)

    def links(self) -> list[str]:
        """Return the targets of the page's links."""
        return [str(link["href"]) for link in self.select("a[href]")]


def _first_value(controls: Iterable[Tag]) -> str | None:
    return next((str(control["value"]) for control in controls), None)


class Person:
    """A person with a browser without JavaScript, which keeps cookies and sends forms with their tokens."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._tokens: dict[str, str] = {}  # by the session that they belong to
        self.http = httpx.Client(base_url=url, trust_env=False, timeout=PATIENCE_S, verify=False)
        self.http.headers["Referer"] = f"{url}/"

    @property
    def cookie_name(self) -> str:
        """Return the name of this tracker's session cookie."""
        names = [cookie.name for cookie in self.http.cookies.jar if self._is_session(cookie.name)]
        return names[0] if names else ""

    @property
    def cookie(self) -> str:
        """Return the value of the session cookie; "" without one."""
        return next((c.value or "" for c in self.http.cookies.jar if self._is_session(c.name)), "")

    @staticmethod
    def _is_session(name: str) -> bool:
        return bool(re.fullmatch(r"(__Host-|__Secure-)?tracker_[0-9a-f]{8}", name))

    def get(self, path: str, *, follow: bool = False) -> Page:
        return Page(self.http.get(path, follow_redirects=follow))

    def sign_in(self, name: str, password: str, *, next: str = "/") -> Page:  # noqa: A002 (the form's own name)
        path = f"/accounts/login/?next={quote(next)}"
        return self.submit(path, username=name, password=password)

    def submit(self, path: str, **fields: str) -> Page:
        """Open the page, fill in these fields of its form, send it, and return the answer."""
        form = self.get(path).filled_in(**fields)
        return Page(self.http.post(path, data=form, follow_redirects=True))

    def csrf_token(self) -> str:
        """Return the token that the page's scripts send as X-CSRFToken."""
        session = self.cookie
        if session not in self._tokens:
            meta = self.get("/", follow=True).select_one("meta[name=csrf-token]")
            assert meta, "the page has no <meta name=csrf-token>"
            self._tokens = {session: str(meta["content"])}
        return self._tokens[session]

    def api(self, method: str, path: str, body: object = None, **options: Any) -> httpx.Response:
        """Call the API as the page's scripts do: with the session's cookie and the token in a header."""
        content = None if body is None else json.dumps(body)
        return self.send(method, path, content, **options)

    def send(
        self, method: str, path: str, content: str | bytes | None, content_type: str = "application/json"
    ) -> httpx.Response:
        """Call the API with exactly this body."""
        headers = {"X-CSRFToken": self.csrf_token(), "Content-Type": content_type}
        return self.http.request(method, path, content=content, headers=headers)

    def save_incident(
        self, name: str, longitude: float = 0, latitude: float = 0, **properties: Any
    ) -> Feature:
        """Store an incident over the API and return its Feature."""
        return self._save("/api/incidents/", incident(name, longitude, latitude, **properties))

    def save_area(self, name: str, polygon: Feature, **properties: Any) -> Feature:
        """Store an area of interest over the API and return its Feature."""
        return self._save("/api/areas/", feature(polygon, name=name, **properties))

    def change(self, stored: Feature, geometry: Feature | None = None, **properties: Any) -> Feature:
        """Change a stored incident or area over the API and return its Feature."""
        body: Feature = {"type": "Feature", "properties": properties}
        return self._save(api_path(stored), body | ({"geometry": geometry} if geometry else {}), "PATCH")

    def delete(self, stored: Feature) -> None:
        """Delete an incident or area over the API."""
        assert self.api("DELETE", api_path(stored)).status_code == 204

    def _save(self, path: str, body: Feature, method: str = "POST") -> Feature:
        answer = self.api(method, path, body)
        assert answer.status_code in {200, 201}, answer.text
        return dict(answer.json())

    def collection(self, kind: str = "incident") -> dict[str, Any]:
        """Return the feature collection of kind "incident" or "area_of_interest"."""
        answer = self.http.get(f"/tracker/{kind}/feature_collection/")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def named(self, name: str, kind: str = "incident") -> list[Feature]:
        """Return the collection's features whose name has this start."""
        features = self.collection(kind)["features"]
        return [found for found in features if found["properties"]["name"].startswith(name)]

    def watch(self, query: str = "", *, origin: str | None = "", greet: bool = True) -> "Watch":
        """Connect to /notifications with this person's cookies; origin None sends no Origin header."""
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.http.cookies.jar)
        url = f"{self.url.replace('http', 'ws', 1)}/notifications{query}"
        watch = Watch(url, cookies, self.url if origin == "" else origin)
        if greet:
            watch.hello = watch.next()
        return watch


def _unverified() -> ssl.SSLContext:
    """Return the TLS context of a Watch: 1.2, because a Watch reads and writes in two threads.

    With 1.3 the server's tickets come while the request is written, and OpenSSL may lose it (1 in 800).
    """
    context = ssl._create_unverified_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


class Watch:
    """A WebSocket client that keeps every message in order.

    Raises websockets' InvalidStatus when the server refuses the upgrade.
    """

    def __init__(self, url: str, cookies: str, origin: str | None) -> None:
        headers = {"Cookie": cookies} if cookies else {}
        if origin:
            headers["Origin"] = origin
        self.messages: list[Message] = []
        self.hello: Message = {}
        self._open = ExitStack()
        self.socket = self._open.enter_context(
            connect(
                url,
                additional_headers=headers,
                proxy=None,
                max_queue=None,
                max_size=None,
                ssl=_unverified() if url.startswith("wss:") else None,
            )
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def next(self, timeout: float = PATIENCE_S) -> Message:
        """Wait for one more message and return it."""
        message: Message = json.loads(self.socket.recv(timeout))
        self.messages.append(message)
        return message

    def wait_for(self, wanted: Callable[[Message], bool], timeout: float = PATIENCE_S) -> Message:
        """Return the first message, earlier or later, for which wanted(message) is true."""
        for message in self.messages:
            if wanted(message):
                return message
        deadline = time.monotonic() + timeout
        while True:
            try:
                message = self.next(max(0, deadline - time.monotonic()))
            except (TimeoutError, ConnectionClosed) as error:
                raise AssertionError(f"{error!r} before the message; came: {self.messages}") from error
            if wanted(message):
                return message

    def wait_for_type(self, kind: str, about: Feature | str) -> Message:
        """Return the first message of this type about a feature, which is given itself or by name."""
        return self.wait_for(lambda m: m["type"] == kind and _is_about(m, about))

    def about(self, about: Feature | str) -> list[str]:
        """Return the types of the messages so far about a feature, which is given itself or by name."""
        return [message["type"] for message in self.messages if _is_about(message, about)]


def polygon_text(page: BrowserPage) -> Locator:
    """Open *Advanced* in the shown form of an area, and return the field for the polygon as GeoJSON."""
    advanced = page.locator("details:has(#polygon_geojson)")
    expect(advanced).to_be_visible()
    if not advanced.evaluate("(details) => details.open"):
        advanced.locator("summary").click()
    return page.locator("#polygon_geojson")


class Screen:
    """A browser window that records console errors and requests to another host."""

    def __init__(self, page: BrowserPage, url: str) -> None:
        self.page = page
        self.url = url
        self.complaints: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("request", lambda request: self._check(request.url))
        page.on("websocket", lambda socket: self._check(socket.url.replace("ws", "http", 1)))

    def _hear(self, message: ConsoleMessage) -> None:
        driver = "GL Driver Message" in message.text  # the software that stands in for a graphics card
        if message.type in ("error", "warning") and not driver:
            self.complaints.append(f"{message.type}: {message.text} ({message.location['url']})")

    def _check(self, url: str) -> None:
        if not url.startswith((f"{self.url}/", "data:", "blob:")):
            self.complaints.append(f"request to {url}")

    def open(self, path: str) -> BrowserPage:
        self.page.goto(f"{self.url}{path}")
        return self.page

    def open_map(self) -> BrowserPage:
        """Open the live map and wait until it is drawn and connected."""
        self.open("/")
        expect(self.page.locator("#connection")).to_have_attribute("data-state", "connected")
        wait_until(lambda: self.page.evaluate("window.tracker?.map?.loaded()"), what="the map")
        return self.page

    def draws(self, stored: Feature) -> bool:
        """Return whether the map has painted this incident at its location, or this area."""
        layers = ["incidents"] if stored["properties"]["model"] == "Incident" else ["area-fill"]
        pks = self.page.evaluate(
            "(layers) => tracker.map.queryRenderedFeatures({layers}).map((found) => found.properties.pk)",
            layers,
        )
        return stored["properties"]["pk"] in pks

    def click_map(self, longitude: float, latitude: float) -> None:
        """Click the live map at a position."""
        x, y = self.page.evaluate(
            "(place) => { const {x, y} = tracker.map.project(place); return [x, y] }", [longitude, latitude]
        )
        self.page.locator("#map").click(position={"x": x, "y": y})


def _is_about(message: Message, about: Feature | str) -> bool:
    subject = message.get("feature")
    if not subject:
        return False
    if isinstance(about, str):
        return bool(subject["properties"].get("name") == about)  # what is gone has none
    return bool(subject["id"] == about["id"])


def isolated(text: str) -> str:
    """Return the text as it appears in our sentences, with its writing direction isolated."""
    return f"\u2068{text}\u2069"


def api_path(stored: Feature) -> str:
    """Return the API's address of this incident or area."""
    kind = {"Incident": "incidents", "AreaOfInterest": "areas"}[stored["properties"]["model"]]
    return f"/api/{kind}/{stored['properties']['pk']}/"


def feature(geometry: object, **properties: Any) -> Feature:
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def collection(*features: Feature) -> Feature:
    return {"type": "FeatureCollection", "features": list(features)}


def point(longitude: float, latitude: float) -> Feature:
    return {"type": "Point", "coordinates": [longitude, latitude]}


def incident(name: str, longitude: float = 0, latitude: float = 0, **properties: Any) -> Feature:
    return feature(point(longitude, latitude), name=name, **properties)


def square(west: float, south: float, size: float = 1, *, hole: float = 0) -> Feature:
    """Return a square as a Polygon, by its south-west corner, with a square hole of the size `hole`."""
    rings = [_ring(west, south, size)]
    if hole:
        margin = (size - hole) / 2
        rings.append(_ring(west + margin, south + margin, hole)[::-1])
    return {"type": "Polygon", "coordinates": rings}


def _ring(west: float, south: float, size: float) -> list[list[float]]:
    east, north = west + size, south + size
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]
