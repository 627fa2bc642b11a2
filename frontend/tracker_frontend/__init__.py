"""The third-party files that Tracker's pages use: map libraries and the world basemap.

`PATH` is one flat folder, meant to be served as it is at `/vendor/`. What each file holds is in
frontend/README.md. Nothing in it is executed by Python.
"""

from pathlib import Path

PATH = Path(__file__).parent / "vendor"
