"""`python tracker.py streets FILE`: puts an archive of streets beside the database."""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path

import models
from base.terminal import say
from commands.shared import Commands, add_command
from storage import streets

ENDS = (".osm.pbf", ".pbf")  # of an extract
PACKAGES = ("mapbox_vector_tile", "osmium", "pmtiles")  # the modules of requirements-streets.txt
MBTILES = "Convert it first, with the program of Protomaps: pmtiles convert city.mbtiles city.pmtiles"
INSTALL = "run pip install -r requirements-streets.txt"


def add_arguments(commands: Commands) -> None:
    """Add the command `streets` to the parser of tracker.py."""
    text = "put a city's streets beside the database, also while a server runs"
    parser = add_command(commands, "streets", text, put)
    parser.set_defaults(opens=False)  # the database is not needed, only its folder
    parser.add_argument(
        "file", metavar="FILE", help="a PMTiles archive, or an extract of OpenStreetMap (.osm.pbf)"
    )


def put(options: argparse.Namespace) -> None:
    """Check the archive and copy it into the folder. Raises TrackerError."""
    source = Path(options.file)
    if source.suffix == ".mbtiles":
        raise models.TrackerError(f"{source} is an MBTiles file. {MBTILES}")
    folder = streets.folder_of(options.database)
    try:
        found = _convert(source, folder) if source.name.endswith(ENDS) else _copy(source, folder)
    except streets.BadArchive as error:
        raise models.TrackerError(f"{source} can't be used. {error}") from error
    except OSError as error:
        raise models.TrackerError(f"can't copy {source} to {folder}: {error.strerror or error}") from error
    first, last = found.zooms
    say(f"{found.path} has streets in the {found.schema} schema, for the zooms {first} to {last}.")
    say("Pages that are opened from now on show them.")


def _convert(source: Path, folder: Path) -> streets.Archive:
    """Make an archive of an extract. Raises TrackerError if a package for it is missing."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        names = ", ".join(missing)
        raise models.TrackerError(
            f"an extract of OpenStreetMap needs packages that are missing ({names}): {INSTALL}"
        )
    from commands import street_tiles  # only here: these packages are optional

    return street_tiles.make(source, folder)


def _copy(source: Path, folder: Path) -> streets.Archive:
    from tqdm import tqdm  # only here: few commands show their progress

    with tqdm(
        total=source.stat().st_size, unit="B", unit_scale=True, unit_divisor=1024, disable=None, leave=False
    ) as bar:
        return streets.copy(source, folder, bar.update)
