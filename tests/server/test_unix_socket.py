"""`--unix FILE`: the server listens on a file, which it leaves to nobody and takes from nobody."""

import os
import re
import signal
import socket
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from harness import PATIENCE_S, ROOT, Page, run_tracker, start_program, wait_until
from websockets.sync.client import unix_connect

from server import unix_socket

PASSWORD = "a password of nobody"
FORWARDED = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/tracker"}


class OnFile:
    """A server process that listens on a file in its folder."""

    def __init__(self, folder: Path) -> None:
        self.path, self.output = folder / "tracker.sock", folder / f"output-{len(list(folder.iterdir()))}"
        with self.output.open("wb") as log, Path(os.devnull).open("rb") as nothing:
            arguments: list[str | Path] = [
                ROOT / "tracker.py",
                "--unix",
                self.path,
                "--database",
                folder / "tracker.db",
            ]
            self.process = start_program(arguments, folder, {}, nothing, log, log)
        wait_until(lambda: "Tracker runs at" in self.output.read_text(), what="the server to start")
        transport = httpx.HTTPTransport(uds=str(self.path))
        self.http = httpx.Client(transport=transport, base_url="http://map.example.org", timeout=PATIENCE_S)

    def end(self, number: int = signal.SIGTERM) -> None:
        self.http.close()
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.wait(PATIENCE_S)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnFile]:
    folder = tmp_path_factory.mktemp("unix")
    made = run_tracker(folder, "user", "add", "ada", "--role", "editor", stdin=f"{PASSWORD}\n")
    assert made.returncode == 0, made
    server = OnFile(folder)
    yield server
    server.end()
    assert "Traceback" not in server.output.read_text()
    assert not server.path.exists()


def test_group_may_connect_and_nobody_else(server: OnFile) -> None:
    """A proxy needs to be of the file's group."""
    mode = server.path.stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o660


def test_whoever_may_connect_is_a_trusted_proxy(server: OnFile) -> None:
    """Address, scheme and path of the client are taken from the headers, and any host name is answered."""
    page = server.http.get("/accounts/login/", headers=FORWARDED)
    assert re.match(r"__Secure-tracker_\w+=.*Path=/tracker(;|$)", page.headers["Set-Cookie"])
    form = Page(page).filled_in(username="ada", password=PASSWORD)
    # The cookie is for TLS below /tracker, so it is sent by hand
    cookie = page.headers["Set-Cookie"].partition(";")[0]
    own = {**FORWARDED, "Cookie": cookie, "Referer": "https://map.example.org/tracker/accounts/login/"}
    answer = server.http.post("/accounts/login/", data=form, headers=own)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/tracker/")
    with sqlite3.connect(server.path.with_name("tracker.db")) as database:
        assert database.execute("SELECT address FROM sign_in").fetchall() == [("192.0.2.7",)]
    session = answer.headers["Set-Cookie"].partition(";")[0]
    headers = {**FORWARDED, "Cookie": session}
    with unix_connect(
        str(server.path), "ws://map.example.org/notifications", additional_headers=headers
    ) as client:
        assert '"type":"hello"' in str(client.recv(PATIENCE_S))


def test_request_without_an_address_is_answered(server: OnFile) -> None:
    """A program on this machine may ask, too."""
    assert server.http.get("/healthz").status_code == 200


def test_second_server_leaves_the_file_alone(server: OnFile, tmp_path: Path) -> None:
    done = run_tracker(tmp_path, "--unix", server.path)
    assert done.returncode == 2
    assert done.stderr == f"tracker: can't listen on {server.path}: another process listens on it\n"
    assert server.http.get("/healthz").status_code == 200


def test_file_of_a_killed_server_is_replaced(tmp_path: Path) -> None:
    killed = OnFile(tmp_path)
    killed.end(signal.SIGKILL)
    assert killed.path.exists()
    again = OnFile(tmp_path)
    assert again.http.get("/healthz").status_code == 200
    again.end()
    assert not again.path.exists()


def test_other_file_is_not_removed(tmp_path: Path) -> None:
    """A wrong name costs nobody a file."""
    path = tmp_path / "tracker.db"
    path.write_text("precious")
    with pytest.raises(OSError, match="no socket"):
        unix_socket.listen(str(path))
    assert path.read_text() == "precious"
    unix_socket.remove(str(path))
    assert path.read_text() == "precious"


def test_link_is_not_followed(tmp_path: Path) -> None:
    path, target = tmp_path / "link", tmp_path / "target"
    target.write_text("precious")
    path.symlink_to(target)
    with pytest.raises(OSError, match="no socket"):
        unix_socket.listen(str(path))
    assert target.read_text() == "precious"


def test_server_that_ends_late_leaves_the_file_to_its_successor(tmp_path: Path) -> None:
    """The old one no longer listens, and still answers its last requests, when the new one starts."""
    path = str(tmp_path / "tracker.sock")
    unix_socket.listen(path).close()
    successor = unix_socket.listen(path)
    unix_socket.remove(path)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
    successor.close()
    unix_socket.remove(path)
    assert not Path(path).exists()


@pytest.mark.parametrize("name", ["missing/tracker.sock", "n" * 200])
def test_impossible_file_is_refused_with_a_sentence(tmp_path: Path, name: str) -> None:
    done = run_tracker(tmp_path, "--unix", tmp_path / name)
    assert done.returncode == 2
    assert done.stderr.startswith("tracker: can't listen on ")
    assert done.stderr.count("\n") == 1
