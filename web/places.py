"""The populated places of the package in `frontend/`, read when a page first names one."""

from __future__ import annotations

import json
from functools import cache

import tracker_frontend

from geo.places import Places


@cache
def places() -> Places:
    return Places(json.loads((tracker_frontend.PATH / "places.json").read_text(encoding="utf-8")))
