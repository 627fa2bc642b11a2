"""The settings, each read from TRACKER_<NAME> in the environment. README.md and SECURITY.md explain them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from ipaddress import ip_network
from typing import Any

from base.times import parse_period

MOST_HOURS = 10 * 366 * 24.0
MANY = 1 << 31
# Placeholders in the URL of a tile, and the sets of them that locate a tile.
PLACEHOLDERS = {"{z}", "{x}", "{y}", "{quadkey}", "{bbox-epsg-3857}", "{ratio}", "{prefix}"}
WAYS = ({"{z}", "{x}", "{y}"}, {"{quadkey}"}, {"{bbox-epsg-3857}"})
WORDS = dict.fromkeys(("on", "yes", "true", "1"), True) | dict.fromkeys(("off", "no", "false", "0"), False)


class BadSetting(ValueError):
    """A setting has a wrong value. The text is a sentence for people."""


@dataclass
class Settings:
    """All settings with their defaults. In the environment, lists have commas and switches are on or off."""

    host: str = "127.0.0.1"
    port: int = 8000
    database: str = "tracker.db"
    tiles: str = ""  # URL template of raster tiles; without it, no page sends requests to another host
    tiles_attribution: str = ""
    pmtiles: str = ""  # file of vector tiles that this server serves itself
    certfile: str = ""  # PEM; with it the server speaks TLS itself
    keyfile: str = ""  # PEM; empty if the certificate's file holds the key too
    hosts: tuple[
        str, ...
    ] = ()  # accepted names in the Host header; .example.org means all names in that domain
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
    backup_folder: str = ""  # where the server makes backups by itself; empty for none
    backup_every: str = "1d"  # from the start of one backup to that of the next
    backup_keep: int = 14  # backups that the server leaves in the folder

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Return the settings. Raises BadSetting."""
        given: dict[str, Any] = {}
        for field in fields(cls):
            text = environment.get(f"TRACKER_{field.name.upper()}")
            if text is not None:
                given[field.name] = _parse(f"TRACKER_{field.name.upper()}", text, field.default)
        found = cls(**given)
        found.check()
        return found

    def check(self) -> None:
        """Raise BadSetting if a value is out of its range or not of its form."""
        for name, wrong_with in CHECKS.items():
            found = getattr(self, name)
            for value in found if isinstance(found, tuple) else (found,):
                if reason := wrong_with(value):
                    raise BadSetting(f"TRACKER_{name.upper()}: {reason}")


def _wrong_with_network(text: str) -> str:
    try:
        ip_network(text)
    except ValueError:
        return f"{text} is neither an address nor a network"
    return ""


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


CHECKS: dict[str, Callable[[Any], str]] = {  # each returns what is wrong with a value, or ""
    "proxies": _wrong_with_network,
    "origins": _wrong_with_origin,
    "hosts": _wrong_with_host,
    "tiles": _wrong_with_tiles,
    "session_hours": _within(0, MOST_HOURS, "more than 0, and at most ten years"),
    "idle_hours": _within(0, MOST_HOURS, "more than 0, and at most ten years"),
    "sockets_per_account": _within(0, MANY, "more than 0"),
    "sockets_per_address": _within(0, MANY, "more than 0"),
    "reports_per_address": _within(-1, MANY, "0 or more"),
    "reports_in_total": _within(-1, MANY, "0 or more"),
    "backup_every": _wrong_with_period,
    "backup_keep": _within(0, MANY, "more than 0"),
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
