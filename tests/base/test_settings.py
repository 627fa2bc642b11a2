"""Settings: which values are accepted, and which are refused in one line before the server starts."""

from pathlib import Path

import pytest
from harness import run_tracker

from base.settings import BadSetting, Settings


def read(**variables: str) -> Settings:
    return Settings.from_environment({f"TRACKER_{name}": value for name, value in variables.items()})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HOSTS", "https://map.example.org"),
        ("HOSTS", "map.example.org/path"),
        ("HOSTS", "*.example.org"),
        ("HOSTS", "map.example.org, bad_name"),
        ("HOSTS", "map.example.org:http"),
        ("HOSTS", "[::1]"),
        ("HOSTS", "."),
        ("HOSTS", "x" * 64 + ".org"),
        ("TILES", "yes"),
        ("TILES", "/tiles/{z}/{x}/{y}.png"),
        ("TILES", "tiles.example.org/{z}/{x}/{y}.png"),
        ("TILES", "https://tiles.example.org/"),
        ("TILES", "https://tiles.example.org/{z}/{x}.png"),
        ("TILES", "https://{s}.tiles.example.org/{z}/{x}/{y}.png"),
        ("TILES", "https://tiles.example.org/{z}/{x}/{y}.png?key={key}"),
        ("TILES", "https://tiles.example.org; script-src evil.example/{z}/{x}/{y}.png"),
        ("TILES", "https://tiles.example.org /{z}/{x}/{y}.png"),
        ("TILES", "javascript://x/{z}/{x}/{y}"),
        ("ORIGINS", "map.example.org"),
        ("ORIGINS", "https://map.example.org/path"),
        ("ORIGINS", "https://"),
        ("PROXIES", "everybody"),
        ("SOCKETS_PER_ACCOUNT", "-1"),
        ("SOCKETS_PER_ACCOUNT", "0"),
        ("SOCKETS_PER_ADDRESS", "-5"),
        ("SOCKETS_PER_ADDRESS", "1.5"),
        ("REPORTS_PER_ADDRESS", "-1"),
        ("REPORTS_IN_TOTAL", "-1"),
        ("REPORTS_IN_TOTAL", "many"),
        ("SESSION_HOURS", "0"),
        ("SESSION_HOURS", "-1"),
        ("SESSION_HOURS", "inf"),
        ("IDLE_HOURS", "nan"),
        ("IDLE_HOURS", "1e300"),
        ("PUBLIC_REPORTS", "perhaps"),
    ],
)
def test_impossible_value_is_refused(name: str, value: str) -> None:
    """A value that would fail later, or would have no effect, is refused with the name of its variable."""
    with pytest.raises(BadSetting, match=f"^TRACKER_{name}: "):
        read(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HOSTS", "map.example.org, 127.0.0.1"),
        ("HOSTS", ".example.org localhost"),
        ("HOSTS", "map.example.org:8000"),
        ("HOSTS", "χάρτης.gr"),
        ("TILES", "https://tile.openstreetmap.org/{z}/{x}/{y}.png"),
        ("TILES", "http://127.0.0.1:8080/{z}/{x}/{y}{ratio}.png?key=abc"),
        ("TILES", "https://tiles.example.org/a{quadkey}.jpeg"),
        ("TILES", ""),
        ("REPORTS_IN_TOTAL", "0"),
        ("SOCKETS_PER_ACCOUNT", "1"),
        ("SESSION_HOURS", "0.5"),
        ("ORIGINS", "https://map.example.org, http://127.0.0.1:8000"),
    ],
)
def test_valid_value_is_accepted(name: str, value: str) -> None:
    """Names, templates and numbers that work are accepted."""
    read(**{name: value})


@pytest.mark.parametrize("variable", ["TRACKER_HOSTS", "TRACKER_TILES", "TRACKER_SOCKETS_PER_ADDRESS"])
def test_bad_setting_ends_the_start(tmp_path: Path, variable: str) -> None:
    """The tracker says in one line what is wrong, makes no database and ends with status 2."""
    done = run_tracker(tmp_path, "--port", "0", env={variable: "-1 /"})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"tracker: {variable}: ")
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())
