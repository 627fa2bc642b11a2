"""Archives of streets: PMTiles files of vector tiles, in the folder `streets` beside the database.

An archive is written under another name, checked, and then renamed, so that a reader never sees a part of it.
Format: PMTiles version 3, https://github.com/protomaps/PMTiles/blob/main/spec/v3/spec.md
"""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import shutil
import struct
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from base.errors import TrackerError
from storage import disk, files

FOLDER = "streets"
END = ".pmtiles"
PART = ".part"  # the end of the name of an unfinished archive
MAGIC = b"PMTiles\x03"  # of version 3, the current one
HEADER = struct.Struct("<8s8Q3Q6B4iB2i")
VECTOR = 1  # type of tiles: Mapbox Vector Tile
COMPRESSIONS = {1: "none", 2: "gzip"}  # which browsers read
MAX_METADATA = 4 << 20  # bytes, packed; those of the whole planet have 100 KB
MAX_UNPACKED = 32 << 20  # bytes
MAX_ARCHIVE = 8 << 30  # bytes; a large country has 2 GB
SPARE = 256 << 20  # bytes that an archive must leave free, for the database
ABANDONED_S = 24 * 3600  # after this time an unfinished archive is removed
PIECE = 1 << 20  # bytes that are copied at once
# The layer that only one schema has; static/js/map/streets-schemas.js has the same.
SIGNS = {"transportation": "OpenMapTiles", "earth": "Protomaps"}
UNREADABLE = "It is compressed in a way that browsers can't read. Write it with gzip."
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.pmtiles", re.ASCII)


class BadArchive(TrackerError):
    """A file is no archive of streets that the map can draw. The text is a sentence for people."""


@dataclass(frozen=True)
class Archive:
    """The facts about an archive. The box is west, south, east, north in degrees."""

    path: Path
    schema: str
    bytes: int
    zooms: tuple[int, int]
    box: tuple[float, float, float, float]


def folder_of(database: str | Path) -> Path:
    """Return the folder of the archives of a database; it may not exist."""
    return Path(database).absolute().parent / FOLDER


def in_folder(folder: Path) -> list[Path]:
    """Return the archives in the folder, by name."""
    try:
        return sorted(path for path in folder.iterdir() if NAME.fullmatch(path.name) and path.is_file())
    except OSError:
        return []


def name_for(title: str) -> str:
    """Return the file's name for an archive that somebody calls so, such as by the name of its file."""
    stem = Path(title).name
    for end in (END, ".mbtiles", ".osm.pbf", ".pbf"):
        stem = stem.removesuffix(end)
    clean = re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-.")[:60]
    return f"{clean or 'streets'}{END}"


def check(path: Path) -> Archive:
    """Return the facts about an archive. Raises BadArchive, OSError."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(HEADER.size)
        if head[: len(MAGIC)] != MAGIC or len(head) < HEADER.size:
            raise BadArchive("It is not a PMTiles archive of version 3.")
        numbers = HEADER.unpack(head)
        for start, length in zip(numbers[1:9:2], numbers[2:9:2], strict=True):
            if start + length > size:
                raise BadArchive("It is not complete: a part of the file is missing.")
        _clustered, packed, tiles, kind, *zooms = numbers[12:18]
        if tiles not in COMPRESSIONS:
            raise BadArchive(UNREADABLE)
        if kind != VECTOR:
            raise BadArchive("It has no vector tiles. Pictures of a map can't be drawn in Tracker's colours.")
        layers = _layers(file, numbers[3], numbers[4], COMPRESSIONS.get(packed))
    schema = next((name for sign, name in SIGNS.items() if sign in layers), None)
    if schema is None:
        raise BadArchive("Its schema is unknown: the map draws OpenMapTiles and Protomaps.")
    west, south, east, north = (degree / 1e7 for degree in numbers[18:22])
    return Archive(path, schema, size, (zooms[0], zooms[1]), (west, south, east, north))


def _layers(file: Any, start: int, length: int, compression: str | None) -> set[str]:
    """Return the names of the layers in the metadata. Raises BadArchive."""
    if compression is None:
        raise BadArchive(UNREADABLE)
    if length > MAX_METADATA:
        raise BadArchive("Its description is too long.")
    file.seek(start)
    try:
        text = file.read(length)
        if compression == "gzip":
            with gzip.open(io.BytesIO(text)) as unpacked:
                text = unpacked.read(MAX_UNPACKED)
        found = json.loads(text)["vector_layers"]
        return {str(layer["id"]) for layer in found}
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadArchive("Its description can't be read.") from error


def begin(folder: Path) -> None:
    """Create the folder, and remove what uploads and commands left that broke off. Raises OSError."""
    folder.mkdir(mode=0o755, exist_ok=True)
    for part in folder.glob(f"*{PART}"):
        with suppress(OSError):
            if time.time() - part.stat().st_mtime > ABANDONED_S:
                part.unlink()


def check_space(folder: Path, size: int) -> None:
    """Raise BadArchive if an archive of this size is too large, or would leave too little room."""
    if size > MAX_ARCHIVE:
        raise BadArchive(f"It is too large: at most {MAX_ARCHIVE >> 30} GiB are taken.")
    free = shutil.disk_usage(folder).free
    if free < size + SPARE:
        needed = (size + SPARE) >> 20
        raise BadArchive(f"The disk has {free >> 20} MiB left, and this needs {needed} MiB.")


def finish(part: Path, name: str) -> Archive:
    """Check an archive that is written, and give it its name, in place of an older one. Raises BadArchive."""
    found = check(part)
    with part.open("rb") as file:
        disk.flush(file.fileno())
    target = part.with_name(name)
    os.replace(part, target)
    files.flush_folder(target)
    return Archive(target, found.schema, found.bytes, found.zooms, found.box)


def copy(source: Path, folder: Path, step: Callable[[int], None] = lambda _bytes: None) -> Archive:
    """Check an archive and copy it into the folder. `step` gets the bytes copied since its last call.

    Raises BadArchive, OSError.
    """
    size = check(source).bytes
    begin(folder)
    check_space(folder, size)
    name = name_for(source.name)
    part = folder / f"{name}.{os.getpid()}{PART}"
    try:
        with source.open("rb") as origin, part.open("xb") as target:
            while piece := origin.read(PIECE):
                target.write(piece)
                step(len(piece))
        return finish(part, name)
    finally:
        part.unlink(missing_ok=True)


def remove(folder: Path, name: str) -> bool:
    """Delete an archive of the folder. Return whether there was one."""
    if not NAME.fullmatch(name):
        return False
    try:
        (folder / name).unlink()
    except FileNotFoundError:
        return False
    files.flush_folder(folder / name)
    return True
