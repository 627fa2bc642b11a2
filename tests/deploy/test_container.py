"""deploy/Dockerfile, without Docker: its steps run in a folder, and its command runs there without root.

The folder becomes the root of a mount namespace, with this machine's Python in place of the image's. As in
deploy/compose.yaml all but /data and /tmp is read-only. The network is empty. `pip install` is left out.
"""

import fnmatch
import importlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import pytest
from harness import PATIENCE_S, ROOT

DEPLOY = ROOT / "deploy"
PYTHON = Path("/venv/bin")  # of this machine, within the folder
PATH = f"{PYTHON}:/usr/local/bin:/usr/bin:/bin"
OWNER = re.compile(r"\d+:\d+")


class Step(NamedTuple):
    """An instruction of a Dockerfile."""

    name: str
    text: str

    @property
    def words(self) -> list[str]:
        """The arguments: of the form with a list, or of the plain one."""
        found = re.search(r"\[.*\]$", self.text)
        return list(json.loads(found[0])) if found else shlex.split(self.text)


def steps() -> list[Step]:
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [Step(*line.split(maxsplit=1)) for line in lines if line.strip()]


def context() -> Iterator[PurePosixPath]:
    """Yield the files that .dockerignore lets into the image: the last pattern that matches decides."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True)
    for name in done.stdout.splitlines():
        path, taken = PurePosixPath(name), True
        for pattern in patterns:
            if any(fnmatch.fnmatch(str(each), pattern.lstrip("!")) for each in (path, *path.parents)):
                taken = pattern.startswith("!")
        if taken and (ROOT / name).exists():
            yield path


def copy(step: Step, root: Path, cwd: str) -> None:
    """Copy as COPY does: files by their names, and the content of a folder."""
    *sources, target = step.words
    for path in context():
        for source in sources:
            within = PurePosixPath(os.path.normpath(source))
            if path == within or within in path.parents:
                into = root / os.path.normpath(f"{cwd}/{target}").lstrip("/")
                whole = into / (path.name if path == within else path.relative_to(within))
                whole.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / path, whole)


LOOPBACK = """
import fcntl, socket, struct
with socket.socket() as any_:
    fcntl.ioctl(any_, 0x8914, struct.pack("16sh", b"lo", 0x1))  # SIOCSIFFLAGS, IFF_UP
"""
MOUNTS = """
set -eu
root=$1 base=$2 venv=$3; shift 3
mount --bind "$root" "$root"
for name in usr dev proc; do mkdir -p "$root/$name"; mount --rbind "/$name" "$root/$name"; done
for name in bin lib lib64 sbin; do ln -sfn "usr/$name" "$root/$name"; done
mkdir -p "$root/venv" "$root$base" "$root/tmp"
for part in "$venv"/*; do  # one by one, because the venv's folder may be for its owner alone
    place="$root/venv/${part##*/}"
    if [ -d "$part" ]; then mkdir -p "$place"; else touch "$place"; fi
    mount --bind "$part" "$place"
done
case $base in /usr*) ;; *) mount --bind "$base" "$root$base";; esac
"""
READ_ONLY = """
if [ -d "$root/data" ]; then mount --bind "$root/data" "$root/data"; fi
mount -t tmpfs -o size=16m,mode=1777 tests "$root/tmp"
mount -o remount,bind,ro "$root"
"""


def inside(
    root: Path, script: str, env: dict[str, str], *, before: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a script of sh with this folder as the root, in namespaces of its own."""
    outer = f'{MOUNTS}{before}exec env -i "$@"'
    variables = [f"{name}={value}" for name, value in {"PATH": PATH, **env}.items()]
    own = ["unshare", "--mount", "--net", "--propagation", "private", "sh", "-c", outer, "sh"]
    places = [str(root), sys.base_prefix, sys.prefix]
    return subprocess.run(
        [*own, *places, *variables, shutil.which("chroot") or "chroot", str(root), "sh", "-euc", script],
        cwd="/",
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


class Image(NamedTuple):
    """The result of the steps."""

    root: Path
    env: dict[str, str]
    cwd: str
    user: str


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    """Carry out all steps but the last in a folder that every user can reach."""
    if os.geteuid() or subprocess.run(["unshare", "--mount", "--net", "true"], check=False).returncode:
        pytest.skip("only root may make namespaces with mounts")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "root")
        Path(folder).chmod(0o755)
        root.mkdir(mode=0o755)
        env: dict[str, str] = {}
        cwd, user = "/", "0:0"
        for step in steps():
            if step.name == "WORKDIR":
                cwd = step.text
                (root / cwd.lstrip("/")).mkdir(parents=True, exist_ok=True)
            elif step.name == "COPY":
                copy(step, root, cwd)
            elif step.name == "ENV":
                env |= dict(word.split("=", 1) for word in step.words)
            elif step.name == "USER":
                user = step.text
            elif step.name == "RUN" and not step.text.startswith("pip install "):
                assert user == "0:0"
                done = inside(root, f"cd {cwd} && {step.text}", env)
                assert done.returncode == 0, done.stderr
        yield Image(root, env, cwd, user)


def named(name: str) -> Step:
    (found,) = [step for step in steps() if step.name == name]
    return found


def test_image_has_what_the_server_needs_and_no_more(image: Image) -> None:
    """Neither tests nor a database that lies about get into it."""
    app = {path.name for path in (image.root / "app").iterdir()}
    assert {"tracker.py", "models.py", "requirements.lock", "static", "templates", "frontend"} <= app
    assert not app & {"tests", "benchmarks", "docs", ".git", "tracker.db", "deploy"}
    assert list((image.root / "data").iterdir()) == []


def test_server_runs_without_root_on_a_read_only_disk(image: Image) -> None:
    """It becomes healthy, makes its database in the volume and nothing elsewhere, and ends with 0."""
    assert OWNER.fullmatch(image.user)
    assert not image.user.startswith("0:")
    run, health = shlex.join(named("CMD").words), shlex.join(named("HEALTHCHECK").words)
    as_user = f"setpriv --reuid={image.user.split(':')[0]} --regid={image.user.split(':')[1]} --clear-groups"
    as_user += " --bounding-set=-all --inh-caps=-all --no-new-privs"
    script = f"""
python -c {shlex.quote(LOOPBACK)}
cd {image.cwd}
if {as_user} touch /app/written 2>/dev/null; then exit 9; fi
{as_user} {run} &
server=$!
for _ in $(seq 100); do
    if {as_user} {health} 2>/dev/null; then echo healthy; break; fi
    kill -0 $server
    sleep 0.1
done
kill -TERM $server
wait $server
"""
    done = inside(image.root, script, image.env, before=READ_ONLY)
    assert done.returncode == 0, done.stderr
    assert "Tracker runs at http://0.0.0.0:8000" in done.stdout
    assert "healthy" in done.stdout
    (database,) = (image.root / "data").iterdir()
    assert database.name == "tracker.db"
    assert f"{database.stat().st_uid}:{database.stat().st_gid}" == image.user


def test_compose_file_protects_the_container() -> None:
    """The service has a read-only root, no capabilities, one volume, and the time that a stop takes."""
    loaded: Any = importlib.import_module("yaml").safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    (service,) = loaded["services"].values()
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["volumes"] == [f"{name}:{named('VOLUME').text}" for name in loaded["volumes"]]
    assert service["stop_grace_period"] == "20s"
    assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).samefile(
        DEPLOY / "Dockerfile"
    )
    secrets = {f"/run/secrets/{name}" for name in loaded["secrets"]}
    assert service["environment"]["TRACKER_ADMIN_PASSWORD_FILE"] in secrets


def test_settings_of_container_and_compose_file_exist(image: Image) -> None:
    """The program takes each variable with its value."""
    loaded: Any = importlib.import_module("yaml").safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    (service,) = loaded["services"].values()
    from base.settings import Settings

    found = Settings.from_environment({**image.env, **service["environment"]})
    assert found.database == "/data/tracker.db"
