"""The settings, from TRACKER_<NAME> in the environment or from a file. docs/settings.md lists them."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from base.logs import FORMATS, LEVELS
from base.nearest import nearest
from base.paths import is_root
from base.times import parse_period

MOST_HOURS = 10 * 366 * 24.0
MOST = 2_000_000_000  # of anything that is counted
MOST_DAYS = 36_525.0
KEEP = tuple(f"keep_{kind}days" for kind in ("", "closed_", "unconfirmed_", "alerts_", "sign_ins_"))
PREFIX = "TRACKER_"
CONFIG = "TRACKER_CONFIG"  # names the file; it can't stand in the file itself
TESTS = "TRACKER_TESTS_"  # begins the variables of the tests, which are no settings
# Placeholders in the URL of a tile, and the sets of them that locate a tile.
PLACEHOLDERS = {"{z}", "{x}", "{y}", "{quadkey}", "{bbox-epsg-3857}", "{ratio}", "{prefix}"}
WAYS = ({"{z}", "{x}", "{y}"}, {"{quadkey}"}, {"{bbox-epsg-3857}"})
KINDS = {  # how a value is written in the file
    str: 'a text, as in "abc"',
    int: "a whole number, as in 12",
    float: "a number, as in 12 or 0.5",
    bool: "true or false",
    tuple: 'a list of texts, as in ["a", "b"]',
}
WORDS = dict.fromkeys(("on", "yes", "true", "1"), True) | dict.fromkeys(("off", "no", "false", "0"), False)


class BadSetting(ValueError):
    """A setting has a wrong value. The text is a sentence for people."""


@dataclass
class Settings:
    """All settings with their defaults. In the environment, lists have commas and switches are on or off."""

    host: str = "127.0.0.1"
    port: int = 8000
    unix: str = ""  # file of a Unix socket to listen on, in place of host and port
    root: str = ""  # the path of the host below which Tracker is, such as /tracker
    share_port: bool = False  # whether other processes may serve the same file on the same port
    database: str = "tracker.db"
    tiles: str = ""  # URL template of raster tiles; without it, no page sends requests to another host
    tiles_attribution: str = ""
    pmtiles: str = ""  # files of vector tiles that this server serves itself, with commas between them
    certfile: str = ""  # PEM; with it the server speaks TLS itself
    keyfile: str = ""  # PEM; empty if the certificate's file holds the key too
    hosts: tuple[
        str, ...
    ] = ()  # accepted names in the Host header; .example.org means all names in that domain
    admin_password_file: str = ""  # its first line is the password of the first account
    origins: tuple[str, ...] = ()  # further sites whose pages may open the WebSocket
    proxies: tuple[
        str, ...
    ] = ()  # addresses and networks whose X-Forwarded-For and X-Forwarded-Proto are trusted
    session_hours: float = 30 * 24.0  # after sign-in, when a session ends
    idle_hours: float = 7 * 24.0  # without a request, when a session ends
    admin_totp: bool = False  # whether admins must set up codes before they can do anything
    sockets_per_account: int = 50
    sockets_per_address: int = 500
    public_reports: bool = True  # whether the report form is for everybody, or for editors only
    reports_per_address: int = 30  # an hour
    reports_in_total: int = 300  # an hour
    hold_reports: bool = False  # whether a public report alerts nobody until an editor confirms it
    keep_days: float = 0.0  # entries of the log; 0 keeps them for ever, as in the next four
    keep_closed_days: float = 0.0  # closed incidents, after their last change
    keep_unconfirmed_days: float = 0.0  # public reports that nobody has confirmed
    keep_alerts_days: float = 0.0  # alerts that have ended
    keep_sign_ins_days: float = 0.0  # sign-ins and refused ones
    backup_folder: str = ""  # where the server makes backups by itself; empty for none
    backup_every: str = "1d"  # from the start of one backup to that of the next
    backup_keep: int = 14  # backups that the server leaves in the folder
    log: str = "text"  # how the server writes its log: text for people, or json
    log_level: str = "info"  # the least important events that are logged

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ, file: str = "") -> Settings:
        """Return the settings: from the environment, else from the file, else the default. Raises BadSetting.

        Without `file` the variable TRACKER_CONFIG names it; without both there is none.
        """
        defaults = {field.name: field.default for field in fields(cls)}
        file = file or environment.get(CONFIG, "")
        given = _from_file(file, defaults) if file else {}
        labels = dict.fromkeys(given, f"{file}: ")
        for variable, text in environment.items():
            if variable.startswith(PREFIX) and variable != CONFIG and not variable.startswith(TESTS):
                names = {name.upper(): name for name in defaults}
                name = names[_known(variable.removeprefix(PREFIX), names, variable, PREFIX)]
                given[name], labels[name] = _parse(variable, text, defaults[name]), PREFIX
        found = cls(**given)
        found.check(labels)
        return found

    def check(self, labels: Mapping[str, str] | None = None) -> None:
        """Raise BadSetting if a value is out of its range or not of its form.

        `labels` has what an error begins with for a setting that does not come from the environment.
        """
        for name, wrong_with in CHECKS.items():
            found = getattr(self, name)
            label = (labels or {}).get(name, PREFIX)
            for value in found if isinstance(found, tuple) else (found,):
                if reason := wrong_with(value):
                    raise BadSetting(f"{label}{name.upper() if label == PREFIX else name}: {reason}")


def _known(name: str, known: Mapping[str, Any], label: str, prefix: str = "") -> str:
    """Return the name if it is one of these. Raises BadSetting, with the nearest name if one is near."""
    if name in known:
        return name
    near = nearest(name, known)
    advice = f"do you mean {prefix}{near}?" if near else "docs/settings.md lists the settings"
    raise BadSetting(f"{label}: there is no setting of this name; {advice}")


def _from_file(path: str, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings in a file of TOML, by name. Raises BadSetting."""
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise BadSetting(f"can't read the settings in {path}: {error.strerror}") from error
    except ValueError as error:  # of TOML or of UTF-8
        raise BadSetting(f"can't read the settings in {path}: {error}") from error
    found: dict[str, Any] = {}
    for key, value in content.items():
        label = f"{path}: {key}"
        name = _known(key, defaults, label)
        found[name] = _typed(label, value, defaults[name])
    return found


def _typed(label: str, value: Any, default: Any) -> Any:
    """Return a value of the file as its setting has it. Raises BadSetting if it is of another type."""
    if isinstance(default, float) and type(value) is int:
        return float(value)
    if isinstance(default, tuple) and isinstance(value, list) and all(isinstance(one, str) for one in value):
        return tuple(value)
    if type(value) is not type(default):
        raise BadSetting(f"{label}: this must be {KINDS[type(default)]}")
    if isinstance(value, str) and "\0" in value:  # no file has such a name
        raise BadSetting(f"{label}: this has a null character")
    return value


def _wrong_with_network(text: str) -> str:
    try:
        ip_network(text)
    except ValueError:
        return f"{text} is neither an address nor a network"
    return ""


def _wrong_with_root(text: str) -> str:
    return "" if not text or is_root(text) else f"{text} is not like /tracker, without a slash at its end"


def _wrong_with_origin(text: str) -> str:
    is_origin = re.fullmatch(r"https?://[^/]+", text)
    return "" if is_origin else f"{text} is not like https://map.example.org"


def _wrong_with_host(text: str) -> str:
    """Check an entry of TRACKER_HOSTS: a name, or a domain with a dot before it."""
    name = text.partition(":")[0]
    try:
        name = name.removeprefix(".").encode("idna").decode()
    except UnicodeError:
        name = ""
    is_name = re.fullmatch(r"[A-Za-z0-9.-]+", name) and re.fullmatch(r"[^:]+(:\d+)?", text)
    return "" if is_name else f"{text} is neither a name like map.example.org nor an IPv4 address"


def _wrong_with_tiles(template: str) -> str:
    """Check a URL template. Its host goes into the Content-Security-Policy of the pages."""
    if not template:
        return ""
    found = set(re.findall(r"{[^}]*}", template))
    if unknown := found - PLACEHOLDERS:
        return f"the map does not know {min(unknown)}"
    if not re.fullmatch(r"https?://[\w.-]+(:\d+)?/\S*", template, re.ASCII):
        return f"{template} is not like https://tiles.example.org/{{z}}/{{x}}/{{y}}.png"
    return "" if any(way <= found for way in WAYS) else f"{template} must have {{z}}, {{x}} and {{y}} in it"


def _wrong_with_period(text: str) -> str:
    try:
        parse_period(text)
    except ValueError as error:
        return str(error)
    return ""


def _within(above: float, most: float, wanted: str) -> Callable[[float], str]:
    return lambda value: "" if above < value <= most else f"this must be {wanted}"


def _from(least: int) -> Callable[[float], str]:
    """Return the check of a whole number."""
    return _within(least - 1, MOST, f"from {least} to {MOST:,}")


def _one_of(*words: str) -> Callable[[str], str]:
    return lambda value: "" if value in words else f"this must be {', '.join(words[:-1])} or {words[-1]}"


def _wrong_with_days(days: float) -> str:
    return "" if days == 0 or 1 <= days <= MOST_DAYS else "this must be 0 for ever, or 1 day to 100 years"


CHECKS: dict[str, Callable[[Any], str]] = {  # each returns what is wrong with a value, or ""
    "root": _wrong_with_root,
    "proxies": _wrong_with_network,
    "origins": _wrong_with_origin,
    "hosts": _wrong_with_host,
    "tiles": _wrong_with_tiles,
    "session_hours": _within(0, MOST_HOURS, "more than 0, and at most ten years"),
    "idle_hours": _within(0, MOST_HOURS, "more than 0, and at most ten years"),
    "sockets_per_account": _from(1),
    "sockets_per_address": _from(1),
    "reports_per_address": _from(0),
    "reports_in_total": _from(0),
    **dict.fromkeys(KEEP, _wrong_with_days),
    "backup_every": _wrong_with_period,
    "backup_keep": _from(1),
    "log": _one_of(*FORMATS),
    "log_level": _one_of(*LEVELS),
}


def _parse(name: str, text: str, default: Any) -> Any:
    try:
        if isinstance(default, bool):
            return WORDS[text.strip().lower()]
        if isinstance(default, int | float):
            return type(default)(text)
    except KeyError as error:
        raise BadSetting(f"{name}: this must be on or off, not {text}") from error
    except ValueError as error:
        raise BadSetting(f"{name}: this must be a number, not {text}") from error
    if isinstance(default, tuple):
        return tuple(part for part in text.replace(",", " ").split() if part)
    return text
