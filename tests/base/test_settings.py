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


@pytest.mark.parametrize("value", ["0", "2000000001"])
def test_limit_out_of_its_range_is_refused_with_both_bounds(value: str) -> None:
    with pytest.raises(BadSetting, match=r"^TRACKER_BACKUP_KEEP: this must be from 1 to 2,000,000,000$"):
        read(BACKUP_KEEP=value)


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


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("HOST_NAMES", ""),
        ("ORIGIN", "do you mean TRACKER_ORIGINS?"),
        ("SOCKETS_PER_ACOUNT", "do you mean TRACKER_SOCKETS_PER_ACCOUNT?"),
        ("PROT", "do you mean TRACKER_PORT?"),
        ("ROT", "do you mean TRACKER_ROOT?"),
        ("BACKUP_FOLDERS", "do you mean TRACKER_BACKUP_FOLDER?"),
        ("port", "do you mean TRACKER_PORT?"),
        ("COLOUR", "docs/settings.md lists the settings"),
        ("", "docs/settings.md lists the settings"),
        ("X" * 5000, "docs/settings.md lists the settings"),
    ],
)
def test_unknown_variable_is_refused_with_the_nearest_name(name: str, advice: str) -> None:
    """A setting with a wrong name would silently do nothing."""
    with pytest.raises(BadSetting, match=f"^TRACKER_{name}: there is no setting of this name; ") as refused:
        read(**{name: "1"})
    assert advice in str(refused.value)


def test_other_variables_are_left_alone() -> None:
    """Those of other programs, and those of the tests, are no settings."""
    others = {"PORT": "1", "XTRACKER_PORT": "2", "TRACKER_TESTS_PATIENCE": "3", "tracker_port": "4"}
    assert Settings.from_environment(others) == Settings()


def from_file(folder: Path, content: str | bytes, **variables: str) -> Settings:
    """Return the settings with a file of this content."""
    path = folder / "tracker.toml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return Settings.from_environment({f"TRACKER_{name}": v for name, v in variables.items()}, str(path))


def test_file_has_every_type(tmp_path: Path) -> None:
    """Text, numbers, switches and lists are written as TOML has them."""
    content = 'host = "::"\nport = 9000\nidle_hours = 12\nsession_hours = 0.5\nadmin_totp = true\n'
    found = from_file(tmp_path, content + 'hosts = ["map.example.org", "127.0.0.1"]\n')
    assert found == Settings(
        host="::",
        port=9000,
        idle_hours=12.0,
        session_hours=0.5,
        admin_totp=True,
        hosts=("map.example.org", "127.0.0.1"),
    )
    assert isinstance(found.idle_hours, float)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("prt = 9000", "prt: there is no setting of this name; do you mean port?"),
        ("TRACKER_PORT = 9000", "TRACKER_PORT: there is no setting of this name; "),
        ('config = "other.toml"', "config: there is no setting of this name; "),
        ("[port]\nnumber = 9000", "port: this must be a whole number, as in 12"),
        ('port = "9000"', "port: this must be a whole number, as in 12"),
        ("port = 9000.0", "port: this must be a whole number, as in 12"),
        ("port = true", "port: this must be a whole number, as in 12"),
        ('idle_hours = "12"', "idle_hours: this must be a number, as in 12 or 0.5"),
        ("idle_hours = true", "idle_hours: this must be a number, as in 12 or 0.5"),
        ("idle_hours = nan", "idle_hours: this must be more than 0"),
        ('admin_totp = "on"', "admin_totp: this must be true or false"),
        ("admin_totp = 1", "admin_totp: this must be true or false"),
        ('hosts = "map.example.org"', "hosts: this must be a list of texts, as in "),
        ("hosts = [1]", "hosts: this must be a list of texts, as in "),
        ('hosts = ["https://map.example.org"]', "hosts: https://map.example.org is neither a name "),
        ("host = 1979-05-27", 'host: this must be a text, as in "abc"'),
        (r'database = "a\u0000b"', "database: this has a null character"),
        ("port = ", "Invalid value (at end of document)"),
        ("port = 1\nport = 2", "Cannot overwrite a value"),
        (b"host = '\xff'", "'utf-8' codec can't decode"),
    ],
)
def test_file_that_cannot_be_meant_is_refused(tmp_path: Path, content: str | bytes, reason: str) -> None:
    """A sentence names the file, the setting and what is wrong with it."""
    with pytest.raises(BadSetting) as refused:
        from_file(tmp_path, content)
    assert f"{tmp_path / 'tracker.toml'}: {reason}" in str(refused.value)


def test_environment_comes_before_the_file_and_the_file_before_the_default(tmp_path: Path) -> None:
    """A list of the environment replaces that of the file, and a wrong value is named by its source."""
    content = 'host = "::"\nport = 9000\nhosts = ["a.example"]'
    found = from_file(tmp_path, content, PORT="9001", HOSTS="b.example")
    assert found == Settings(host="::", port=9001, hosts=("b.example",))
    with pytest.raises(BadSetting, match=r"^TRACKER_HOSTS: "):
        from_file(tmp_path, content, HOSTS="b_example")


def test_option_comes_before_the_environment_and_the_file(tmp_path: Path) -> None:
    """A command takes the database that the first of option, environment and file names."""
    (tmp_path / "tracker.toml").write_text('database = "file.db"\n', encoding="utf-8")
    config, env = ("--config", "tracker.toml"), {"TRACKER_CONFIG": "tracker.toml"}
    variable = {"TRACKER_DATABASE": "environment.db"}
    for name, options, variables in (
        ("file.db", config, {}),
        ("file.db", (), env),
        ("environment.db", config, variable),
        ("option.db", (*config, "--database", "option.db"), env | variable),
    ):
        done = run_tracker(tmp_path, *options, "user", "list", env=variables)
        assert f"the database {name}: No such file" in done.stderr


def test_file_that_is_missing_ends_the_start(tmp_path: Path) -> None:
    """A name that is given must be that of a file; --version needs none."""
    done = run_tracker(tmp_path, "--config", "missing.toml")
    assert (done.returncode, done.stderr) == (
        2,
        "tracker: can't read the settings in missing.toml: No such file or directory\n",
    )
    assert run_tracker(tmp_path, "--config", "missing.toml", "--version").returncode == 0


@pytest.mark.parametrize("variable", ["TRACKER_HOSTS", "TRACKER_TILES", "TRACKER_SOCKETS_PER_ADDRESS"])
def test_bad_setting_ends_the_start(tmp_path: Path, variable: str) -> None:
    """The tracker says in one line what is wrong, makes no database and ends with status 2."""
    done = run_tracker(tmp_path, "--port", "0", env={variable: "-1 /"})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"tracker: {variable}: ")
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())
