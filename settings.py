"""What can be set, each as TRACKER_<NAME> in the environment. SECURITY.md and README.md explain them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from ipaddress import ip_network
from typing import Any

WORDS = dict.fromkeys(("on", "yes", "true", "1"), True) | dict.fromkeys(("off", "no", "false", "0"), False)


class BadSetting(ValueError):
    """A setting that can't be used; its text is a sentence for people."""


@dataclass
class Settings:
    """Lists are written with commas, switches as on or off."""

    host: str = "127.0.0.1"
    port: int = 8000
    database: str = "tracker.db"
    tiles: str = ""  # URL template of raster tiles; without one, no page asks another host for anything
    tiles_attribution: str = ""
    pmtiles: str = ""  # file of vector tiles that this server serves itself
    certfile: str = ""  # PEM; with it the server speaks TLS itself
    keyfile: str = ""  # PEM; empty if the certificate's file holds the key too
    hosts: tuple[str, ...] = ()  # names it answers to, as in the Host header; none: to every name
    origins: tuple[str, ...] = ()  # further sites whose pages may open the WebSocket
    proxies: tuple[str, ...] = ()  # addresses and networks whose X-Forwarded-For and -Proto are believed
    session_hours: float = 30 * 24.0  # after sign-in a session ends
    idle_hours: float = 7 * 24.0  # a session ends that was not used for so long
    sockets_per_account: int = 50
    sockets_per_address: int = 500
    public_reports: bool = True  # whether the report form is for everybody, or for editors only
    reports_per_address: int = 30  # an hour
    reports_in_total: int = 300  # an hour
    hold_reports: bool = False  # whether a public report alerts nobody until an editor confirms it

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
        """Raise BadSetting if these can't be used together."""
        for network in self.proxies:
            try:
                ip_network(network)
            except ValueError as error:
                raise BadSetting(f"TRACKER_PROXIES: {network} is no address or network") from error
        for origin in self.origins:
            if not origin.startswith(("http://", "https://")) or origin.count("/") != 2:
                raise BadSetting(f"TRACKER_ORIGINS: {origin} is not like https://map.example.org")
        for name in ("session_hours", "idle_hours"):
            if not getattr(self, name) > 0:
                raise BadSetting(f"TRACKER_{name.upper()}: this must be more than 0")


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
