"""`python tracker.py import FILE`: GeoJSON from a file or standard input becomes incidents and areas."""

from __future__ import annotations

import argparse
import math
import sys
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import peewee

import models
from base.settings import Settings
from base.severity import Severity
from base.terminal import printable, say
from base.values import parse_text
from domain.limits import NAME_LENGTH
from domain.tracked import latest_credible, parse_time
from geo import geojson
from models import AreaOfInterest, Incident, Tracked
from storage.engine import WRITE_GAP_S

BATCH = 20  # incidents or areas in one transaction: other saves wait for 10 ms
BATCH_POSITIONS = 10_000  # positions of polygons in one transaction: 20 ms
NAME_PROPERTIES = ("name", "title", "place")
LIKELY = 5  # properties that the import suggests as names
LONGEST_LABEL = 80  # characters of an id that are shown
PARTS = {"MultiPolygon": "Polygon", "MultiPoint": "Point"}


class Part(NamedTuple):
    """One incident or area to import: its model, id in the source, and fields."""

    model: type[Tracked]
    source_id: str | None
    fields: dict[str, Any]
    has_name: bool  # if false, it gets a number as its name, or keeps its present name
    severity: str | None  # None: the source has no usable value
    has_levels: bool  # if true, a new object without a usable value is Info
    closing: tuple[str | None, str | None] = (None, None)  # when and by whom the source says it was closed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Points become incidents, polygons areas of interest. A feature that was imported before, by its "
        "id, is updated. Exit status: 0, 1 if some features could not be imported, 2 if none could be read."
    )
    parser.add_argument("file", metavar="FILE", help="GeoJSON; - for standard input")
    parser.add_argument("--name", metavar="PROPERTY", help="has the name (default: name, title or place)")
    parser.add_argument(
        "--severity", metavar="PROPERTY", default="severity", help="has the severity, as word or code"
    )
    parser.add_argument(
        "--levels",
        type=_levels,
        metavar="A,B,C,D",
        help="the severity is a number: Info below A, Low from A, Medium from B, High from C, Urgent from D",
    )
    parser.add_argument(
        "--long-edges",
        choices=["keep"],
        help="keep edges longer than 180°, which otherwise are refused: they can be meant in two ways",
    )
    parser.add_argument("--source", metavar="NAME", help="keeps the ids of this feed apart from other feeds'")
    parser.add_argument("--database", metavar="FILE", default=argparse.SUPPRESS, help="see tracker.py --help")


def _levels(text: str) -> list[float]:
    try:
        levels = [float(number) for number in text.split(",")]
    except ValueError:
        levels = []
    if len(levels) != len(Severity) - 1 or any(not a < b for a, b in pairwise(levels)):
        raise argparse.ArgumentTypeError("four rising numbers are wanted, such as 2.5,4.5,6,7")
    return levels


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Import and return the exit status. Raises TrackerError if nothing can be read or stored."""
    features = _read(options.file)
    models.open_database(settings.database, hold_reports=settings.hold_reports)
    models.actor.set("import")
    counts: Counter[str] = Counter()
    nameless: Counter[str] = Counter()  # the text properties of features without a name
    from tqdm import tqdm  # only here: no other command shows its progress

    bar = tqdm(total=len(features), unit="feature", disable=None)
    for start in range(0, len(features), BATCH):
        parts: list[Part] = []
        for number, (feature, geometry) in enumerate(features[start : start + BATCH], start + 1):
            try:
                found = list(_parts(feature, geometry, number, options))
                for part in found:
                    _check(part, keep_long_edges=options.long_edges == "keep")
                parts += found
                nameless.update(_texts_instead_of_name(feature, options.name))
            except (geojson.GeometryError, models.Invalid) as error:
                counts["failed"] += 1
                with bar.external_write_mode(file=sys.stderr):
                    say(f"{_label(feature, number)}: {error}", to_stderr=True)
        for batch in _batches(parts):
            counts += _store_batch(batch, counts)
            time.sleep(WRITE_GAP_S)
        bar.update(min(BATCH, len(features) - start))
    bar.close()
    models.database.close()
    say(_summary(counts))
    if nameless:
        say(_advice([name for name, _ in nameless.most_common(LIKELY)]), to_stderr=True)
    return 1 if counts["failed"] else 0


def _batches(parts: list[Part]) -> Iterator[list[Part]]:
    """Yield lists of parts, each small enough for a transaction by its number and its positions."""
    batch: list[Part] = []
    positions = 0
    for part in parts:
        rings = part.fields["polygon"]["coordinates"] if "polygon" in part.fields else []
        positions += sum(map(len, rings))
        if batch and (len(batch) == BATCH or positions > BATCH_POSITIONS):
            yield batch
            batch, positions = [], sum(map(len, rings))
        batch.append(part)
    if batch:
        yield batch


def _store_batch(batch: list[Part], counts: Counter[str]) -> Counter[str]:
    """Store parts in one transaction, and return how many were new, updated and unchanged.

    `counts` are those before. Raises TrackerError.
    """
    try:
        with models.database.atomic():
            stored = Counter(_store(part) for part in batch)
    except peewee.DatabaseError as error:
        reason = f"the database can't take more: {error}; {_summary(counts)}"
        raise models.TrackerError(reason) from error
    if models.database.replaced:
        raise models.TrackerError(f"the database was replaced meanwhile: import again; {_summary(counts)}")
    return stored


def _summary(counts: Counter[str]) -> str:
    return ", ".join(f"{counts[what]} {what}" for what in ("new", "updated", "unchanged", "failed"))


def _advice(properties: list[str]) -> str:
    return f"Some have no name, and got a number. --name PROPERTY says which it is: {', '.join(properties)}?"


def _read(file: str) -> list[tuple[dict[str, Any], Any]]:
    try:
        text = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise models.TrackerError(f"can't read {file}: {error.strerror}") from error
    try:
        return list(geojson.geometries(geojson.parse_json(text, lenient=True)))
    except geojson.GeometryError as error:
        raise models.TrackerError(f"can't import {file}: {error}") from error


def _parts(
    feature: dict[str, Any], geometry: Any, number: int, options: argparse.Namespace
) -> Iterator[Part]:
    """Yield the parts of one feature: itself, or each part of a MultiPolygon or MultiPoint."""
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    single = PARTS.get(kind, kind) if isinstance(kind, str) else None
    if single not in ("Point", "Polygon"):
        raise geojson.GeometryError(
            "it has no geometry" if geometry is None else f"a {kind} is neither points nor polygons"
        )
    pieces = [geometry.get("coordinates")]
    if kind in PARTS and not (isinstance(pieces[0], list) and pieces[0]):
        raise geojson.GeometryError(f"the {kind} has no coordinates")
    if kind in PARTS:
        pieces = pieces[0]
    properties = feature.get("properties") or {}
    if not isinstance(properties, dict):
        raise models.Invalid({"properties": "this must be an object"})
    fields = _fields(properties, options.name)
    has_name = "name" in fields
    fields.setdefault("name", f"{'Incident' if single == 'Point' else 'Area'} {feature.get('id', number)}")
    severity = _severity(properties, options)
    source_id = _source_id(feature.get("id"))
    if source_id and options.source:
        source_id = f"{options.source}:{source_id}"
    for index, coordinates in enumerate(pieces, start=1):
        where = {"type": single, "coordinates": coordinates}
        suffix = f"/{index}" if kind in PARTS else ""
        if single == "Point":
            model: type[Tracked] = Incident
            fields |= {"location": where}
        else:
            model = AreaOfInterest
            fields |= {"polygon": where}
        yield Part(
            model,
            source_id and source_id + suffix,
            {name: value for name, value in fields.items() if name in model.parsers},
            has_name,
            severity,
            options.levels is not None,
            _closing(properties),
        )


def _closing(properties: dict[str, Any]) -> tuple[str | None, str | None]:
    """Return `closed_at` and `closed_by` of a Feature that Tracker wrote; (None, None) of others."""
    try:
        closed_at = parse_time(properties.get("closed_at"))
        by = parse_text(NAME_LENGTH, required=False)(properties.get("closed_by") or "")
    except ValueError:
        return None, None
    if closed_at is None or (text := models.timestamp(closed_at)) > latest_credible():
        return None, None
    return text, by or None


def _source_id(id_: Any) -> str | None:
    if not isinstance(id_, str | int | float) or id_ == "":
        return None
    if len(str(id_)) > models.DESCRIPTION_LENGTH:
        raise models.Invalid({"id": "this is too long"})
    try:
        return models.valid_text(str(id_))
    except ValueError as error:
        raise models.Invalid({"id": str(error)}) from error


def _texts_instead_of_name(feature: dict[str, Any], name_property: str | None) -> list[str]:
    """Return the properties of a feature that could be its name, if it has none."""
    properties = feature.get("properties") or {}
    if "name" in _fields(properties, name_property):
        return []
    texts = [name for name, value in properties.items() if isinstance(value, str) and value.strip()]
    return [name for name in texts if name.isprintable() and len(name) < NAME_LENGTH]


def _fields(properties: dict[str, Any], name_property: str | None) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for candidate in (name_property, *NAME_PROPERTIES):
        value = properties.get(candidate) if candidate else None
        if isinstance(value, str | int | float) and str(value).strip():
            fields["name"] = str(value)
            break
    for name in ("description", *Incident.plain_texts(), *AreaOfInterest.plain_texts()):
        if isinstance(properties.get(name), str):
            fields[name] = properties[name]
    if isinstance(properties.get("closed"), bool):
        fields["closed"] = properties["closed"]
    return fields


def _severity(properties: dict[str, Any], options: argparse.Namespace) -> str | None:
    value: Any = properties.get(options.severity)
    try:
        if options.levels:
            level = bisect_right(options.levels, float(value)) if math.isfinite(float(value)) else 0
            return next(s.value for s in Severity if s.level == level)
        return Severity.parse(value).value
    except (TypeError, ValueError):
        return None


def _check(part: Part, *, keep_long_edges: bool) -> None:
    """Check the fields before the transaction, in which the polygon is not checked again.

    Raises Invalid or GeometryError.
    """
    thing = part.model()
    thing.assign(part.fields)
    polygon = thing.polygon if isinstance(thing, AreaOfInterest) else None
    if polygon is None:
        return
    if polygon.long_edge and not keep_long_edges:
        raise geojson.GeometryError(
            f"{polygon.long_edge}; if all such edges run the long way round, import with --long-edges keep"
        )
    part.fields["polygon"] = polygon


def _store(part: Part) -> str:
    """Save one part in the open transaction; return "new", "updated" or "unchanged"."""
    thing = part.source_id and part.model.get_or_none(part.model.source_id == part.source_id)
    thing = thing or part.model(source_id=part.source_id)
    before = [getattr(thing, name) for name in part.model.parsers] if thing.id else None
    severity = {} if part.severity is None else {"severity": part.severity}
    if before is None and part.has_levels:
        severity = {"severity": part.severity or Severity.INFO.value}
    kept = set() if before is None or part.has_name else {"name"}
    was_open = not thing.closed if isinstance(thing, Incident) else False
    thing.assign({name: value for name, value in (part.fields | severity).items() if name not in kept})
    if before == [getattr(thing, name) for name in part.model.parsers]:
        return "unchanged"
    if was_open and thing.closed:
        thing.closed_at, thing.closed_by = part.closing
    thing.save()
    return "updated" if before else "new"


def _label(feature: dict[str, Any], number: int) -> str:
    id_ = feature.get("id")
    return f"feature {number}" + (f" ({printable(id_)[:LONGEST_LABEL]})" if id_ is not None else "")
