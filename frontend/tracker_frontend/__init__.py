"""The third-party files that Tracker's pages use: map libraries and the world basemap.

`PATH` is one flat folder, served unchanged at `/vendor/`. frontend/README.md describes each file. Python
executes none of them.
"""

from pathlib import Path

PATH = Path(__file__).parent / "vendor"
