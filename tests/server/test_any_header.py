"""Any value in the fields of a request gets an answer, and never an error of the server."""

import re
import socket
from collections.abc import Iterator
from urllib.parse import quote_from_bytes

import pytest
from conftest import end
from harness import PATIENCE_S, Person, Server
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_data import examples

pytestmark = pytest.mark.slow

EXAMPLES = examples(120)  # of each field
PIECES = [
    *(
        "[",
        "]",
        "//",
        "://",
        "http",
        "https",
        "@",
        ":",
        "::",
        ".",
        "..",
        "/",
        "\\",
        "?",
        "#",
        "%",
        "%zz",
        "%00",
    ),
    *(
        "99999999999",
        "-1",
        "0",
        "1",
        "65536",
        "1e9",
        "\t",
        " ",
        ",",
        ";",
        "=",
        '"',
        "W/",
        "*",
        "\xff",
        "\xe9",
        "\xa0",
    ),
    *(
        "Mon, 01 Jan ",
        "Sat, 28 Nov 2026 02:00:00 GMT",
        "Monday, 01-Jan-99 ",
        " 25:61:61 ",
        " GMT",
        " +9999",
        "-0000",
    ),
    *(
        "bytes=",
        "0-",
        "-5",
        "0-1",
        "5-2",
        "Bearer ",
        "bearer",
        "Basic ",
        "Digest ",
        "=?utf-8?q?=00?=",
        "utf-8''%ff",
    ),
    *(
        "tracker=",
        "tracker=.",
        "eyJ.",
        "boundary=",
        "multipart/form-data",
        "charset=",
        "application/json",
        "q=",
        "null",
    ),
    *(
        "[::1]",
        "127.0.0.1",
        "localhost",
        "[v1.x]",
        "\u00bd".encode().decode("latin-1"),
        "a" * 300,
        "xn--",
        "xn--a",
    ),
]
values = st.lists(st.sampled_from(PIECES) | st.text("aZ09.-_~!", max_size=3), max_size=8).map("".join)
dates = st.builds(
    "{}, {} {} {} {}:{}:{} {}".format,
    st.sampled_from(["Mon", "Sunday", ""]),
    *[st.sampled_from(["1", "01", "32", "-1", "99999999999"])],
    st.sampled_from(["Jan", "Feb", "Foo"]),
    st.integers(-10, 10**20),
    *[st.integers(0, 10**12)] * 3,
    st.sampled_from(["GMT", "+0000", "-9999", "+99999999999", "EST", ""]),
)


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server behind a proxy, so that requests can say they came over TLS."""
    server = Server(tmp_path_factory.mktemp("server"), env={"TRACKER_PROXIES": "127.0.0.1"})
    yield server
    end(server)


@pytest.fixture(scope="module")
def inside(behind: Server) -> Person:
    return behind.person()


def status(server: Server, person: Person, start: str, *fields: str, body: bytes = b"") -> int:
    """Send a request with these fields, and return its answer's status."""
    cookie = f"Cookie: {person.cookie_name}={person.cookie}"
    lines = [start, "Connection: close", f"X-CSRFToken: {person.csrf_token()}", *fields]
    if not any(each.startswith("Host:") for each in fields):
        lines.append("Host: 127.0.0.1")
    if not any(each.startswith("Cookie:") for each in fields):
        lines.append(cookie)
    if body:
        lines.append(f"Content-Length: {len(body)}")
    answer = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        while piece := connection.recv(65536):
            answer += piece
            if b" 101 " in answer[:20]:
                break
    found = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)
    assert found, answer[:100]
    return int(found[1])


FIELDS = {
    "Host": ["GET / HTTP/1.1", "GET /accounts/login/ HTTP/1.1", "GET /static/css/base.css HTTP/1.1"],
    "Referer": ["POST /accounts/login/ HTTP/1.1", "GET / HTTP/1.1"],
    "Origin": ["GET /notifications HTTP/1.1", "POST /accounts/login/ HTTP/1.1"],
    "If-Modified-Since": ["GET /static/css/base.css HTTP/1.1", "GET /vendor/maplibre-gl.css HTTP/1.1"],
    "If-Unmodified-Since": ["GET /static/css/base.css HTTP/1.1"],
    "If-Range": ["GET /static/css/base.css HTTP/1.1"],
    "If-Match": ["GET /static/css/base.css HTTP/1.1"],
    "If-None-Match": ["GET /static/css/base.css HTTP/1.1", "GET /service-worker.js HTTP/1.1"],
    "Range": ["GET /static/css/base.css HTTP/1.1", "GET / HTTP/1.1"],
    "Cookie": ["GET / HTTP/1.1", "POST /accounts/login/ HTTP/1.1", "GET /api/alerts/ HTTP/1.1"],
    "Authorization": ["GET /api/alerts/ HTTP/1.1", "GET / HTTP/1.1", "POST /api/incidents/ HTTP/1.1"],
    "Content-Type": ["POST /accounts/login/ HTTP/1.1", "POST /api/incidents/ HTTP/1.1"],
    "Accept": ["GET /no/such/page HTTP/1.1"],
    "Accept-Encoding": ["GET /vendor/maplibre-gl.css HTTP/1.1"],
    "User-Agent": ["GET / HTTP/1.1"],
    "X-Forwarded-For": ["GET / HTTP/1.1"],
    "X-Forwarded-Proto": ["GET / HTTP/1.1"],
    "X-CSRFToken": ["POST /accounts/login/ HTTP/1.1"],
    "Expect": ["POST /accounts/login/ HTTP/1.1"],
    "Upgrade": ["GET /notifications HTTP/1.1", "GET / HTTP/1.1"],
    "Connection": ["GET /notifications HTTP/1.1", "POST /api/incidents/ HTTP/1.1"],
    "Sec-WebSocket-Key": ["GET /notifications HTTP/1.1"],
    "Sec-WebSocket-Protocol": ["GET /notifications HTTP/1.1"],
    "Sec-WebSocket-Extensions": ["GET /notifications HTTP/1.1"],
}
UPGRADE = {
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.mark.parametrize("name", FIELDS)
def test_no_field_is_an_error_of_the_server(behind: Server, inside: Person, name: str) -> None:
    """Random fields cause no 5xx, over TLS or not, in each kind of request that reads them."""

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(values | dates if name.startswith("If-") else values, st.sampled_from(FIELDS[name]), st.booleans())
    def try_one(value: str, start: str, secure: bool) -> None:  # noqa: FBT001
        fields = [f"{name}: {value}"]
        if secure and name != "X-Forwarded-Proto":
            fields.append("X-Forwarded-Proto: https")
        if name == "If-Range":
            fields.append("Range: bytes=0-9")
        if "/notifications" in start:
            fields += [f"{each}: {is_}" for each, is_ in UPGRADE.items() if each != name]
        if start.startswith("POST"):
            fields += [] if name == "Content-Type" else ["Content-Type: application/x-www-form-urlencoded"]
        lines = [each if "Upgrade:" not in each else f"{each}\r\nConnection: Upgrade" for each in fields]
        found = status(behind, inside, start, *lines, body=b"a=b" if start.startswith("POST") else b"")
        assert found < 500, (start, fields)

    try_one()


@pytest.mark.parametrize(
    "parameter", ["next", "since", "epoch", "page", "area", "severity", "state", "closed", "text"]
)
def test_no_parameter_is_an_error_of_the_server(behind: Server, inside: Person, parameter: str) -> None:
    """Random bytes in a query or in a form cause no 5xx."""
    paths = [
        "/accounts/login/",
        "/tracker/incident/",
        "/tracker/alert/",
        "/tracker/incident/feature_collection/",
    ]

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(values.map(lambda text: text.encode("latin-1")) | st.binary(max_size=12), st.sampled_from(paths))
    def try_one(value: bytes, path: str) -> None:
        query = f"{parameter}={quote_from_bytes(value)}"
        assert status(behind, inside, f"GET {path}?{query} HTTP/1.1") < 500, value
        if path == paths[0]:
            form = "Content-Type: application/x-www-form-urlencoded"
            found = status(behind, inside, f"POST {path} HTTP/1.1", form, body=query.encode())
            assert found < 500, value

    try_one()


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(
    st.binary(max_size=12),
    st.sampled_from(["/", "/vendor/", "/static/", "/tracker/incident/", "/api/", "/accounts/reset/"]),
)
def test_no_path_is_an_error_of_the_server(behind: Server, inside: Person, rest: bytes, root: str) -> None:
    """Random escapes in a path cause no 5xx."""
    assert status(behind, inside, f"GET {root}{quote_from_bytes(rest)} HTTP/1.1") < 500


PARTS = [
    "--x",
    "--x--",
    "\r\n",
    "Content-Disposition: form-data",
    '; name="a"',
    "; name=",
    "; filename=",
    "a",
    ":",
    "\0",
]


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.sampled_from(PARTS) | values, max_size=12).map("".join),
    values,
    st.sampled_from(
        ["/accounts/login/", "/tracker/incident/create/", "/api/incidents/", "/tracker/incident/report/"]
    ),
)
def test_no_multipart_body_is_an_error_of_the_server(
    behind: Server, inside: Person, body: str, kind: str, path: str
) -> None:
    """A multipart body is refused and not read, because no form uploads files."""
    for type_ in ("multipart/form-data; boundary=x", f"multipart/{kind}", f"Multipart/form-data;{kind}"):
        fields = [f"Content-Type: {type_}"]
        found = status(behind, inside, f"POST {path} HTTP/1.1", *fields, body=b"-" + body.encode("latin-1"))
        assert found == 415
