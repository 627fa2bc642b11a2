"""Types, sizes and escapes of request bodies are checked before anything is decoded."""

import json
import socket
import threading
from contextlib import ExitStack
from urllib.parse import urlencode

import pytest
from conftest import StartServer
from flask import Flask
from harness import PATIENCE_S, Person, Server, feature, incident, square
from hypothesis import given
from hypothesis import strategies as st
from peers import resident_bytes
from werkzeug.exceptions import HTTPException

from geo import geojson
from web import bodies

FORM = "application/x-www-form-urlencoded"
LOGIN, AREA = "/accounts/login/", "/tracker/area_of_interest/create/"


def status_of(body: bytes) -> int:
    """Return the status with which `parse_form` refuses a body; 200 if it accepts it."""
    try:
        bodies.parse_form(body)
    except HTTPException as error:
        return error.code or 500
    return 200


@given(st.lists(st.tuples(st.text(), st.text()), max_size=bodies.MAX_FIELDS))
def test_form_is_decoded_to_what_was_encoded(pairs: list[tuple[str, str]]) -> None:
    """Every field of a form arrives as it was typed, and in the order of the form."""
    try:
        body = urlencode(pairs).encode()
    except UnicodeEncodeError:
        return
    wanted: dict[str, list[str]] = {}
    for name, value in pairs:
        wanted.setdefault(name, []).append(value)
    assert bodies.parse_form(body).to_dict(flat=False) == wanted


@pytest.mark.parametrize("bad", [b"%", b"%%", b"a=%4", b"a=%zz", b"a=%4g", b"%" * 60_000, b"a=%u0041"])
def test_bad_escape_is_refused_before_anything_is_decoded(
    monkeypatch: pytest.MonkeyPatch, bad: bytes
) -> None:
    """Thousands of bad escapes take no time to decode."""
    monkeypatch.setattr(bodies, "parse_qsl", lambda *_args, **_more: pytest.fail("this was decoded"))
    assert status_of(bad) == 400


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"a=&" * (bodies.MAX_FIELDS - 2) + b"b", 200),
        (b"a=&" * bodies.MAX_FIELDS, 413),
        (b"&" * bodies.MAX_FIELDS, 413),
        (b"name=" + b"x" * bodies.MAX_BODY, 200),
        (b"name=" + b"x" * (bodies.MAX_BODY + 1), 413),
        (b"x" * (bodies.MAX_BODY + 1) + b"=", 413),
        (b"polygon_geojson=" + b"x" * (bodies.MAX_BODY + 1), 200),
        (b"a=%ff", 400),
        (b"a=\xff", 400),
        (b"a=%C3", 400),
        (b"%c0%af=a", 400),
        (b"a=%ed%a0%80", 400),
        (b"a=100%", 400),
    ],
)
def test_fields_are_bounded(body: bytes, expected: int) -> None:
    """A form has a bounded number of fields, and only a polygon may be large."""
    assert status_of(body) == expected


def test_form_is_decoded_only_when_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that is refused for another reason is not decoded."""
    calls: list[bytes] = []

    def parse_form(body: bytes) -> dict[str, str]:
        calls.append(body)
        return {"a": "b"}

    monkeypatch.setattr(bodies, "parse_form", parse_form)
    app = Flask(__name__)
    app.request_class = bodies.FormRequest
    with app.test_request_context("/", method="POST", data="a=b", content_type=FORM) as context:
        assert calls == []
        assert context.request.form == {"a": "b"}
        assert context.request.form == {"a": "b"}
    assert calls == [b"a=b"]


@pytest.mark.parametrize("path", [LOGIN, AREA, "/tracker/incident/report/", "/nowhere/", "/healthz"])
@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "text/plain", "application/json", ""])
def test_other_body_than_a_form_is_415(person: Person, path: str, kind: str) -> None:
    """A page accepts only the type in which browsers send forms without files."""
    body = b'--x\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n1\r\n--x--\r\n'
    answer = person.http.post(path, content=body, headers={"Content-Type": kind} if kind else {})
    assert answer.status_code == 415
    assert "uploaded" in answer.text


@pytest.mark.parametrize(
    "kind", ["", "text/plain", FORM, "multipart/form-data; boundary=x", "application/xml"]
)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_api_wants_a_json_content_type(person: Person, kind: str, method: str) -> None:
    """The API refuses text and forms, because pages of other sites can send them."""
    headers = {"X-CSRFToken": person.csrf_token()} | ({"Content-Type": kind} if kind else {})
    path = "/api/incidents/" if method == "POST" else "/api/incidents/1/"
    answer = person.http.request(method, path, content=json.dumps(incident("Typeless")), headers=headers)
    assert answer.status_code == 415
    assert "application/geo+json" in answer.json()["error"]
    assert not person.named("Typeless")


@pytest.mark.parametrize(
    "kind", ["application/json", "application/geo+json; charset=utf-8", "application/merge-patch+json"]
)
def test_api_takes_each_json_content_type(person: Person, kind: str) -> None:
    answer = person.send("POST", "/api/incidents/", json.dumps(incident("Typed")), kind)
    assert answer.status_code == 201


def test_delete_needs_no_content_type(person: Person) -> None:
    person.delete(person.save_incident("Short"))


@pytest.mark.parametrize(
    ("path", "kind", "most"),
    [
        (LOGIN, FORM, bodies.MAX_BODY),
        ("/nowhere/", FORM, bodies.MAX_BODY),
        ("/api/incidents/", "application/json", bodies.MAX_BODY),
        ("/api/alerts/read/", "application/json", bodies.MAX_BODY),
        (AREA, FORM, bodies.MAX_POLYGON_BODY),
        ("/api/areas/", "application/json", bodies.MAX_POLYGON_BODY),
        ("/api/areas/inside/", "application/json", bodies.MAX_POLYGON_BODY),
        ("/api/areas/1/", "application/json", bodies.MAX_POLYGON_BODY),
    ],
)
def test_only_polygons_may_have_a_large_body(person: Person, path: str, kind: str, most: int) -> None:
    """Small forms and calls may have 64 KiB. A body at its bound is read, and one byte more is 413."""
    method = "PATCH" if path == "/api/areas/1/" else "POST"
    headers = {"X-CSRFToken": person.csrf_token(), "Content-Type": kind}
    for size, is_read in ((most, True), (most + 1, False)):
        body = b"polygon_geojson=".ljust(size, b"x")
        answer = person.http.request(method, path, content=body, headers=headers)
        assert (answer.status_code != 413) == is_read


@pytest.mark.slow
@pytest.mark.parametrize(("path", "kind"), [(AREA, FORM), ("/api/areas/", "application/json")])
@pytest.mark.parametrize("chunked", [False, True])
def test_large_body_of_a_stranger_is_not_kept(
    start_server: StartServer, path: str, kind: str, *, chunked: bool
) -> None:
    """100 nearly complete bodies of clients who are not signed in take less than 100 MiB."""
    server, size = start_server(), bodies.MAX_POLYGON_BODY
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
    lines = f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Type: {kind}", length, "Connection: close"
    head = "\r\n".join([*lines, "", f"{size:x}\r\n" if chunked else ""]).encode()
    before = resident_bytes(server.process.pid)
    with ExitStack() as stack:
        connections = [
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S))
            for _ in range(100)
        ]
        for connection in connections:
            connection.sendall(head + b"x" * (size - 1))
        assert resident_bytes(server.process.pid) - before < 30 << 20
        connections[0].sendall(b"x\r\n0\r\n\r\n" if chunked else b"x")
        assert connections[0].recv(4096).startswith(b"HTTP/1.1 401" if kind != FORM else b"HTTP/1.1 302")


@pytest.mark.parametrize(
    "text",
    [
        "[" + "1.5," * 50_001 + "1]",
        "[" + "[]," * 50_001 + "1]",
        '{"a":1' + ',"b":2' * 60_000 + "}",
    ],
    ids=["numbers", "lists", "members"],
)
def test_json_of_too_many_values_is_refused_before_it_is_parsed(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """For a megabyte of brackets and commas the server only counts them."""
    monkeypatch.setattr(geojson, "STRICT", None)
    with pytest.raises(geojson.GeometryError, match="values"):
        geojson.parse_json(text)
    assert len(geojson.parse_json(json.dumps([0.5, 1.5] * 25_000), lenient=True)) == geojson.MAX_VALUES


def test_largest_area_fits_into_a_form_and_a_call(person: Person) -> None:
    """10,000 positions with long decimals are within the bounds of both."""
    half = [
        [i / 60 - 80.12345678901234, (i % 2) / 1000 + 0.12345678901234]
        for i in range(geojson.MAX_POSITIONS // 2 - 1)
    ]
    ring = [*half, *([x, y + 1.0] for x, y in reversed(half))]
    shape = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
    assert person.api("POST", "/api/areas/", feature(shape, name="Largest called")).status_code == 201
    page = person.submit(AREA, name="Largest typed", polygon_geojson=json.dumps(shape))
    assert page.status == 200
    assert person.named("Largest", "area_of_interest")


def test_small_area_is_still_stored_by_a_form(person: Person) -> None:
    page = person.submit(AREA, name="Größe & 100 % + mehr = viel", polygon_geojson=json.dumps(square(3, 3)))
    assert "Größe & 100 % + mehr = viel" in page.words


def test_many_bad_bodies_at_once_are_all_refused(server: Server) -> None:
    """Many expensive bodies at once each get an answer, and the server continues."""
    answers: list[int] = []

    def send(value: bytes) -> None:
        body = b"csrf_token=" + value
        answers.append(
            server.visitor().http.post(LOGIN, content=body, headers={"Content-Type": FORM}).status_code
        )

    costly = (b"%" * 60_000, b"%ff" * 20_000)
    threads = [threading.Thread(target=send, args=[value]) for value in costly * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [400] * 8
    assert server.health()
