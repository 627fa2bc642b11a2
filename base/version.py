"""The version of Tracker, which CHANGELOG.md has too."""

from __future__ import annotations

VERSION = "0.3.0"
