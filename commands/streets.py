"""`python tracker.py streets FILE`: puts an archive of streets beside the database."""

from __future__ import annotations

import argparse
from pathlib import Path

import models
from base.terminal import say
from commands.shared import Commands, add_command
from storage import streets


def add_arguments(commands: Commands) -> None:
    """Add the command `streets` to the parser of tracker.py."""
    text = "put a city's streets beside the database, also while a server runs"
    parser = add_command(commands, "streets", text, put)
    parser.set_defaults(opens=False)  # the database is not needed, only its folder
    parser.add_argument("file", metavar="FILE", help="a PMTiles archive of vector tiles")


def put(options: argparse.Namespace) -> None:
    """Check the archive and copy it into the folder. Raises TrackerError."""
    source = Path(options.file)
    folder = streets.folder_of(options.database)
    try:
        found = _copy(source, folder)
    except streets.BadArchive as error:
        raise models.TrackerError(f"{source} can't be used. {error}") from error
    except OSError as error:
        raise models.TrackerError(f"can't copy {source} to {folder}: {error.strerror or error}") from error
    first, last = found.zooms
    say(f"{found.path} has streets in the {found.schema} schema, for the zooms {first} to {last}.")
    say("Pages that are opened from now on show them.")


def _copy(source: Path, folder: Path) -> streets.Archive:
    from tqdm import tqdm  # only here: few commands show their progress

    with tqdm(
        total=source.stat().st_size, unit="B", unit_scale=True, unit_divisor=1024, disable=None, leave=False
    ) as bar:
        return streets.copy(source, folder, bar.update)
