"""Real proxies in front of a server: nginx, Caddy and HAProxy, each with its files of deploy/."""

import atexit
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from harness import PATIENCE_S, ROOT, free_port, wait_until

DEPLOY = ROOT / "deploy"
NAME = "map.example.org"  # the host's name in the files
CERTIFICATE, KEY = f"/etc/ssl/certs/{NAME}.pem", f"/etc/ssl/private/{NAME}.key"
NGINX = """
{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


class Front:
    """A proxy's process, which listens on a port of 127.0.0.1."""

    def __init__(self, command: Sequence[str], folder: Path, port: int, url: str) -> None:
        self.url, self.port = url, port
        self._log = folder / "front.txt"
        own = {name: str(folder) for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
        env = {**os.environ, **own}
        with self._log.open("wb") as log, Path(os.devnull).open("rb") as nothing:
            self._process = subprocess.Popen(
                command, cwd=folder, env=env, stdin=nothing, stdout=log, stderr=log
            )
        try:
            wait_until(self._is_up, what=f"{command[0]} to start")
        except AssertionError:
            self.stop()
            raise

    def _is_up(self) -> bool:
        assert self._process.poll() is None, f"the proxy ended at its start: {self._log.read_text()}"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        """End the process."""
        self._process.terminate()
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def program(name: str) -> str:
    """Return the path of a proxy's program; skip the test if it is not installed."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if not found:
        pytest.skip(f"no {name} here: install Debian's {name}")
    return found


def text_of(name: str, replaced: Mapping[str, str]) -> str:
    """Return a file of deploy/ with its examples replaced. Each of them must be in the file."""
    text = (DEPLOY / name).read_text(encoding="utf-8")
    for example, own in replaced.items():
        assert example in text, f"{example} is not in deploy/{name}"
        text = text.replace(example, own)
    return text


def make_certificate(folder: Path) -> Path:
    """Return a file with a certificate for localhost and its key."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        + ["-keyout", str(key), "-out", str(cert), "-days", "2", "-subj", "/CN=localhost"]
        + ["-addext", "subjectAltName=DNS:localhost"],
        check=True,
        capture_output=True,
    )
    cert.write_bytes(cert.read_bytes() + key.read_bytes())
    return cert


def nginx(folder: Path, site: str, port: int, url: str) -> Front:
    """Start nginx with this site, on a port that the site listens on."""
    (folder / "site.conf").write_text(site)
    user = "user root;" if os.geteuid() == 0 else ""  # another one may not read the test's folder
    (folder / "nginx.conf").write_text(NGINX.format(user=user, folder=folder))
    command = [program("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf")]
    return Front([*command, "-e", str(folder / "error.log")], folder, port, url)


def plain_nginx(
    folder: Path, upstreams: Mapping[str, int], name: str = "nginx/tracker.conf", host: str = "$http_host"
) -> Front:
    """Start nginx without TLS before servers on these ports.

    `upstreams` are by the ports of the file. `host` is what nginx passes on as Host.
    """
    port = free_port()
    (folder / "tracker-proxy.conf").write_text(text_of("nginx/tracker-proxy.conf", {"$http_host": host}))
    site = text_of(
        name,
        {f"server 127.0.0.1:{example};": f"server 127.0.0.1:{own};" for example, own in upstreams.items()}
        | {
            "listen [::]:443 ssl http2;": "",
            "listen 443 ssl http2;": f"listen 127.0.0.1:{port};",
            "include snippets/": f"include {folder}/",
        },
    )
    lines = [line for line in site.splitlines() if not line.strip().startswith("ssl_")]
    text = "\n".join(lines).replace("/var/www/html", str(folder))
    if name == "nginx/tracker.conf":
        before, _, after = text.partition("server {\n    listen 80;")  # this server only leads to TLS
        text = before + after.partition("\n}\n")[2]
    return nginx(folder, text, port, f"http://127.0.0.1:{port}")


_before: dict[int, Front] = {}


def before(port: int) -> Front:
    """Return the nginx before a port, also while a server starts there again."""
    if port not in _before:
        folder = Path(tempfile.mkdtemp(prefix="tracker-front-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        _before[port] = plain_nginx(folder, {"8000": port})
        atexit.register(_before[port].stop)
    return _before[port]


def secure_nginx(folder: Path, server_port: int) -> Front:
    """Start nginx with deploy/nginx/tracker.conf."""
    port, certificate = free_port(), make_certificate(folder)
    site = text_of(
        "nginx/tracker.conf",
        {
            "server 127.0.0.1:8000;": f"server 127.0.0.1:{server_port};",
            "listen [::]:80;": "",
            "listen 80;": f"listen 127.0.0.1:{free_port()};",
            "listen [::]:443 ssl http2;": "",
            "listen 443 ssl http2;": f"listen 127.0.0.1:{port} ssl http2;",
            NAME: "localhost",
            CERTIFICATE.replace(NAME, "localhost"): str(certificate),
            KEY.replace(NAME, "localhost"): str(folder / "key.pem"),
            "include snippets/": f"include {DEPLOY}/nginx/",
        },
    )
    return nginx(folder, site, port, f"https://localhost:{port}")


def caddy(folder: Path, server_port: int, name: str = "Caddyfile") -> Front:
    """Start Caddy with a file of deploy/caddy, and a certificate of the test's own."""
    port, certificate = free_port(), make_certificate(folder)
    own = f"https://localhost:{port} {{\n\tbind 127.0.0.1\n\ttls {certificate} {folder}/key.pem\n"
    site = text_of(
        f"caddy/{name}", {f"\n{NAME} {{\n": f"\n{own}", "127.0.0.1:8000": f"127.0.0.1:{server_port}"}
    )
    site = site.replace("/var/www/html", str(folder))
    path = folder / "Caddyfile"
    path.write_text("{\n\tadmin off\n\tauto_https disable_redirects\n}\n" + site)
    command = [program("caddy"), "run", "--adapter", "caddyfile", "--config", str(path)]
    return Front(command, folder, port, f"https://localhost:{port}")


def haproxy(folder: Path, server_port: int) -> Front:
    """Start HAProxy with deploy/haproxy/tracker.cfg."""
    port, certificate = free_port(), make_certificate(folder)
    site = text_of(
        "haproxy/tracker.cfg",
        {
            "bind :80": f"bind 127.0.0.1:{free_port()}",
            "bind :443": f"bind 127.0.0.1:{port}",
            f"/etc/haproxy/{NAME}.pem": str(certificate),
            NAME: "localhost",
            "127.0.0.1:8000": f"127.0.0.1:{server_port}",
        },
    )
    path = folder / "haproxy.cfg"
    path.write_text(site)
    return Front([program("haproxy"), "-db", "-f", str(path)], folder, port, f"https://localhost:{port}")
