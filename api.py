"""The JSON API: incidents and areas as GeoJSON.

A body is one GeoJSON Feature whose properties are the fields; what is unknown is refused, what only the
server sets (`created`, `url`, …) is ignored, so that a feature can be read, changed and sent back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gevent
from flask import Blueprint, Response, current_app, jsonify, request, stream_with_context
from flask.typing import ResponseReturnValue

import auth
import geo
from models import AreaOfInterest, Incident, Invalid, Notification, Tracked, to_json

CHUNK = 500  # features read at once, then other greenlets have their turn
READ_ONLY = {"created", "updated", "model", "pk", "url", "centroid"}

bp = Blueprint("api", __name__)
bp.before_request(auth.require_user_or_401)


@bp.get("/tracker/incident/feature_collection/")
def incident_feature_collection() -> Response:
    return _collection(Incident, ~Incident.closed)


@bp.get("/tracker/area_of_interest/feature_collection/")
def area_feature_collection() -> Response:
    return _collection(AreaOfInterest, AreaOfInterest.id > 0)


@bp.post("/api/incidents/")
def incidents() -> ResponseReturnValue:
    return _create(Incident(), "location")


@bp.post("/api/areas/")
def areas() -> ResponseReturnValue:
    return _create(AreaOfInterest(), "polygon")


@bp.route("/api/incidents/<int:pk>/", methods=["GET", "PATCH", "DELETE"])
def incident(pk: int) -> ResponseReturnValue:
    return _one(Incident, pk, "location")


@bp.route("/api/areas/<int:pk>/", methods=["GET", "PATCH", "DELETE"])
def area(pk: int) -> ResponseReturnValue:
    return _one(AreaOfInterest, pk, "polygon")


def _create(thing: Tracked, geometry_field: str) -> ResponseReturnValue:
    thing.assign({"name": None, geometry_field: None} | _fields(geometry_field))
    thing.save()
    return jsonify(thing.feature()), 201, {"Location": thing.url}


def _one(model: type[Tracked], pk: int, geometry_field: str) -> ResponseReturnValue:
    thing = model.find(pk)
    if request.method == "DELETE":
        thing.delete_instance()
        return "", 204
    if request.method == "PATCH":
        thing.assign(_fields(geometry_field))
        thing.save()
    return jsonify(thing.feature())


def _fields(geometry_field: str) -> dict[str, Any]:
    """Return the fields that the Feature in the body sets."""
    feature = geo.parse_json(request.get_data())
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        raise geo.GeometryError("the body must be a GeoJSON Feature")
    unknown = sorted(feature.keys() - {"type", "id", "bbox", "geometry", "properties"})
    if unknown:
        raise Invalid(dict.fromkeys(unknown, "a Feature has no such member"))
    properties = feature.get("properties") or {}
    if not isinstance(properties, dict):
        raise Invalid({"properties": "this must be an object"})
    fields = {name: value for name, value in properties.items() if name not in READ_ONLY}
    if geometry_field in fields:
        raise Invalid({geometry_field: "this belongs in the Feature's geometry"})
    if "geometry" in feature:
        fields[geometry_field] = feature["geometry"]
    return fields


def _collection(model: type[Tracked], where: Any) -> Response:
    """Stream a FeatureCollection.

    Its `seq` is the log's head when the reading began: a feature saved while it goes on may be in it
    already, and comes once more to whoever continues from `seq`.
    """
    _, seq = Notification.bounds()
    head = {"type": "FeatureCollection", "seq": seq, "epoch": current_app.config["EPOCH"]}
    pieces = _pieces(model, where, to_json(head))
    return Response(stream_with_context(pieces), content_type="application/geo+json")


def _pieces(model: type[Tracked], where: Any, head: str) -> Iterator[str]:
    lead = f'{head[:-1]},"features":['
    last = 0
    while True:
        chunk = list(model.select().where(where, model.id > last).order_by(model.id).limit(CHUNK))
        if not chunk:
            break
        yield lead + ",".join(to_json(thing.feature()) for thing in chunk)
        lead, last = ",", chunk[-1].id
        gevent.sleep(0)
    yield "]}" if last else lead + "]}"
