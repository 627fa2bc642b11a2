"""The measured servers: each is a process of its own, with its CPU and memory."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Self

from load import Account, Sockets, open_websocket, shake_hands, text_frame

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PEERS = HERE / "peers"
NCHAN_MODULE = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
BUN_PROGRAM = str(PEERS / "node_modules/.bin/bun")
WS_PACKAGE = PEERS / "node_modules/ws"
PROGRAMS = {  # commands that print the version of a program
    "Bun": [BUN_PROGRAM, "--version"],
    "Node": ["node", "--version"],
    "ws": ["node", "-p", f"require({str(WS_PACKAGE)!r} + '/package.json').version"],
    "nginx": ["nginx", "-v"],
    "nchan": ["dpkg-query", "-W", "-f", "${Version}", "libnginx-mod-nchan"],
    "Redis": ["redis-server", "--version"],
}
PASSWORD = "what nobody but a benchmark uses"
START_S = 30.0
STOP_S = 8.0
CORES = frozenset(os.sched_getaffinity(0))
# The load has a core of its own. Otherwise the system would sometimes run both on one, and delay the server.
LOAD_CORES = frozenset({max(CORES)})
SERVER_CORES = CORES - LOAD_CORES or CORES
os.sched_setaffinity(0, LOAD_CORES)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def on(cores: Iterable[int]) -> Iterator[None]:
    """Run all processes that start in this block on these cores."""
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, own)


class Server:
    """A context manager for a process (and its children) that serves on `port`, in its own folder."""

    def __init__(
        self,
        command: list[str],
        *,
        port: int,
        env: dict[str, str] | None = None,
        cores: frozenset[int] = SERVER_CORES,
    ) -> None:
        self.port = port
        self.folder = tempfile.TemporaryDirectory(prefix="benchmark-", ignore_cleanup_errors=True)
        self._log = Path(self.folder.name, "output.txt")
        with self._log.open("wb") as log, on(cores):
            self.process = subprocess.Popen(
                command,
                cwd=self.folder.name,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._wait()
        except RuntimeError:
            self.stop()
            raise

    def _wait(self) -> None:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self.process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise RuntimeError(f"{self.process.args} does not listen: {self.output[-500:]}")

    @property
    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def _pids(self) -> list[str]:
        pids = [str(self.process.pid)]
        for pid in pids:
            for task in Path(f"/proc/{pid}/task").iterdir():
                pids += (task / "children").read_text().split()
        return pids

    def cpu(self) -> float:
        """Return the seconds of CPU used so far, by all threads and children."""
        files = [path for pid in self._pids() for path in Path(f"/proc/{pid}/task").glob("*/schedstat")]
        return sum(int(path.read_text().split()[0]) for path in files) / 1e9

    def memory(self) -> int:
        """Return the bytes of its private memory (no shared libraries)."""
        total = 0
        for pid in self._pids():
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += sum(int(kb) for kb in re.findall(r"^Private_\w+: +(\d+) kB", rollup, re.MULTILINE))
        return total * 1024

    def descriptors(self) -> int:
        return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in self._pids())

    def stop(self) -> None:
        """End it and its children, some of which may run on if it has ended by itself."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Tracker(Server):
    """Our own server on a new database, with a person who is signed in."""

    def __init__(self, script: str = str(ROOT / "tracker.py")) -> None:
        port = free_port()
        many = dict.fromkeys(("TRACKER_SOCKETS_PER_ACCOUNT", "TRACKER_SOCKETS_PER_ADDRESS"), "1000000")
        super().__init__([sys.executable, script, "--port", str(port)], port=port, env=many)
        deadline = time.monotonic() + START_S
        while not (said := re.search(r"Sign in as (\S+), password: (\S+)", self.output)):
            if time.monotonic() > deadline:
                raise RuntimeError(f"the tracker names no account: {self.output}")
            time.sleep(0.02)
        self.account = Account(port, said[1], said[2])
        new = {"new_password": PASSWORD, "new_password_again": PASSWORD}
        self.account.get("/accounts/password/")
        self.account.post("/accounts/password/", current_password=said[2], **new)
        self.account.get("/tracker/incident/create/")
        page = self.account.post("/accounts/tokens/", label="benchmark")
        shown = re.search(r"tracker_[\w-]{40,}", page)
        assert shown, "the page of a new token does not show it"
        self.token = shown[0]

    def save(self, number: int) -> bytes:
        """Return the request with which a program saves an incident; its notification has 450 bytes."""
        properties = {"name": f"Incident {number}", "description": "x" * 50, "severity": "High"}
        geometry = {"type": "Point", "coordinates": [13.3777041, 52.5162746]}
        body = json.dumps({"type": "Feature", "geometry": geometry, "properties": properties})
        head = (
            f"POST /api/incidents/ HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
            f"Authorization: Bearer {self.token}\r\n"
            f"Content-Type: application/geo+json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return (head + body).encode()

    def saves(self) -> Iterator[bytes]:
        """Yield such requests without end."""
        return (self.save(number) for number in count(1))

    def connect(self, clients: int, headers: str = "") -> Sockets:
        return Sockets(self.port, clients, "/notifications", self.account.cookie() + headers)


@dataclass
class Peer:
    """Another server's program, which sends one client's data to all others, and its protocol."""

    name: str
    label: str
    command: Callable[[int], list[str]]
    needs: str = ""  # a module, or the path of a program
    versions: tuple[str, ...] = ()  # the programs and packages whose version the table names
    python: bool = True
    path: str = "/"
    publish_path: str = "/publish"
    opening: bytes = b""  # sent by a client after the handshake
    wrap: Callable[[str], bytes] = text_frame
    joins: bool = False  # joins waiting messages into one piece
    slow: bool = False  # gets fewer messages, so that a run ends
    cores: frozenset[int] = SERVER_CORES  # all cores, if it is faster with them

    def start(self) -> Server:
        port = free_port()
        return Server(self.command(port), port=port, cores=self.cores)

    def connect(self, server: Server, clients: int) -> Sockets:
        return Sockets(server.port, clients, self.path, opening=self.opening)

    def publisher(self, server: Server) -> socket.socket:
        sock = open_websocket(server.port, self.publish_path)
        shake_hands(sock)
        if self.opening:
            sock.sendall(self.opening)
            time.sleep(0.1)
        return sock

    def missing(self) -> str:
        """Return the requirements that are not installed; empty if the server can run."""
        return next((need for need in self.needs.split() if not is_installed(need)), "")

    def version(self) -> str:
        return ", ".join(f"{name} {version_of(name)}" for name in self.versions)


def python(script: str, *arguments: str) -> Callable[[int], list[str]]:
    return lambda port: [sys.executable, str(PEERS / script), str(port), *arguments]


def is_installed(need: str) -> bool:
    """Return whether a file, a program or a module is installed."""
    if "/" in need:
        return Path(need).exists()
    return shutil.which(need) is not None or find_spec(need) is not None


@cache
def version_of(name: str) -> str:
    """Return the version of a package, or of one of PROGRAMS."""
    try:
        return version(name)
    except PackageNotFoundError:
        return said_version(PROGRAMS[name]) if name in PROGRAMS else "?"


def said_version(command: list[str]) -> str:
    """Return the first version in the output of a command."""
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "?"
    found = re.search(r"\d+(\.\d+)+", said.stdout + said.stderr)
    return found[0] if found else "?"


def bun(port: int) -> list[str]:
    return [BUN_PROGRAM, str(PEERS / "bun_publish.js"), str(port)]


def nchan(port: int) -> list[str]:
    module = NCHAN_MODULE.as_posix()
    fill = f"sed -e s:PORT:{port}: -e s:MODULE:{module}: {PEERS / 'nchan.conf'} > nginx.conf"
    return ["sh", "-c", f"{fill} && exec nginx -p . -c $PWD/nginx.conf"]


def channels_redis(port: int) -> list[str]:
    redis, script = free_port(), PEERS / "channels_group_send.py"
    start = f"redis-server --port {redis} --bind 127.0.0.1 --save '' >/dev/null &"
    return ["sh", "-c", f"{start} sleep 0.5; exec {sys.executable} {script} {port} {redis}"]


def socketio_frame(text: str) -> bytes:
    return text_frame("42" + json.dumps(["publish", text]))


FLOOR = Peer("floor", "Floor: a Python loop of `send()`", python("floor.py"), python=False)
JOINED = Peer(
    "joined",
    "Floor, joined: one `send()` for all entries",
    python("floor.py", "joined"),
    python=False,
    joins=True,
)
WEBSOCKETS = Peer(
    "websockets",
    "websockets, `broadcast()`",
    python("websockets_broadcast.py"),
    "websockets",
    ("websockets",),
)
WEBSOCKETS_UVLOOP = Peer(
    "websockets-uvloop",
    "websockets on uvloop, `broadcast()`",
    python("websockets_broadcast.py", "uvloop"),
    "websockets uvloop",
    ("websockets", "uvloop"),
)
PICOWS = Peer("picows", "picows on uvloop", python("picows_send.py"), "picows uvloop", ("picows", "uvloop"))
GEVENT_WEBSOCKET = Peer(
    "gevent-websocket",
    "gevent-websocket, a loop of `send()`",
    python("gevent_websocket_send.py"),
    "geventwebsocket",
    ("gevent-websocket", "gevent"),
)
FLASK_SOCK = Peer(
    "flask-sock",
    "flask-sock on gevent, a loop of `send()`",
    python("flask_sock_send.py"),
    "flask_sock",
    ("flask-sock", "simple-websocket"),
)
STARLETTE = Peer(
    "starlette",
    "Starlette on uvicorn and uvloop",
    python("starlette_send.py"),
    "starlette uvicorn uvloop",
    ("starlette", "uvicorn", "uvloop"),
)
SOCKETIO = Peer(
    "flask-socketio",
    "Flask-SocketIO on gevent, `emit()`",
    python("flask_socketio_emit.py"),
    "flask_socketio",
    ("Flask-SocketIO", "python-socketio"),
    path="/socket.io/?EIO=4&transport=websocket",
    publish_path="/socket.io/?EIO=4&transport=websocket",
    opening=text_frame("40"),
    wrap=socketio_frame,
    joins=True,
)
CHANNELS = Peer(
    "channels-memory",
    "Channels on Daphne, layer in memory",
    python("channels_group_send.py"),
    "channels daphne",
    ("channels", "daphne", "Django"),
    slow=True,
)
CHANNELS_REDIS = Peer(
    "channels-redis",
    "Channels on Daphne, layer in Redis",
    channels_redis,
    "channels_redis daphne redis-server",
    ("channels-redis", "Redis"),
    slow=True,
    cores=CORES,
)
NODE = Peer(
    "ws",
    "Node with ws",
    lambda port: ["node", str(PEERS / "node_ws.mjs"), str(port)],
    f"node {WS_PACKAGE}",
    ("Node", "ws"),
    python=False,
)
BUN = Peer("bun", "Bun, `publish()`", bun, BUN_PROGRAM, ("Bun",), python=False, joins=True)
NCHAN = Peer("nchan", "nginx with nchan", nchan, f"nginx {NCHAN_MODULE}", ("nginx", "nchan"), python=False)

CORE = Peer("core", "Tracker's `Group` alone", python("core.py"), python=False, joins=True)

RELAYS = [
    STARLETTE,
    FLASK_SOCK,
    GEVENT_WEBSOCKET,
    WEBSOCKETS,
    WEBSOCKETS_UVLOOP,
    PICOWS,
]  # a fast Python server
OTHERS = [SOCKETIO, CHANNELS, CHANNELS_REDIS, NODE, BUN, NCHAN]
