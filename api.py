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
from group import PAUSE_S
from models import (
    MAX_ID,
    Alert,
    AreaOfInterest,
    Incident,
    Invalid,
    Notification,
    Tracked,
    parse_until,
    to_json,
)

MAX_ALERTS = 1000  # in one answer or request; who has more open alerts has other worries
CHUNK = 500  # features read at once, then other greenlets have their turn
READ_ONLY = {"created", "updated", "model", "pk", "url", "centroid"}

bp = Blueprint("api", __name__)


@bp.get("/tracker/incident/feature_collection/")
def incident_feature_collection() -> Response:
    """Return the open incidents; with `?closed=true` the closed ones."""
    wanted = request.args.get("closed") == "true"
    return _collection(Incident, Incident.closed == wanted)


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


@bp.post("/api/areas/inside/")
def inside() -> ResponseReturnValue:
    """Count the open incidents in the Feature of an area that is not saved yet."""
    area = AreaOfInterest()
    fields = _fields("polygon")
    area.assign(
        {name: fields[name] for name in fields if name in ("polygon", "severity")}
        | {"polygon": fields.get("polygon")}
    )
    inside = area.inside()
    return jsonify(open=len(inside), alerting=sum(place.alerting for place in inside))


@bp.post("/api/areas/<int:pk>/mute/")
def mute(pk: int) -> ResponseReturnValue:
    """Mute an area `until` an ISO 8601 time, or with null no longer."""
    until = parse_until(_members("until")["until"])
    with AreaOfInterest.changing(pk) as area:
        area.mute(until)
    return jsonify(area.feature())


@bp.get("/api/alerts/")
def alerts() -> ResponseReturnValue:
    """Return the open alerts, newest first, with the seq at which they were read and the unread count."""
    _, seq = Notification.bounds()
    found = Alert.open().order_by(Alert.raised_seq.desc()).limit(MAX_ALERTS)
    head = {"seq": seq, "epoch": current_app.config["EPOCH"]}
    return jsonify(head | _read_state() | {"alerts": [alert.as_json() for alert in found]})


@bp.post("/api/alerts/acknowledge/")
def acknowledge() -> ResponseReturnValue:
    """Acknowledge the `alerts` of these ids, with a `note`; return them as they are now.

    With `seen`, those that were raised or escalated after this `seq` stay open.
    """
    body = _members("alerts", note="", seen=None)
    ids = body["alerts"]
    if not isinstance(ids, list) or not all(type(id_) is int and 0 < id_ <= MAX_ID for id_ in ids):
        raise Invalid({"alerts": "this must be a list of alert ids"})
    if len(ids) > MAX_ALERTS:
        raise Invalid({"alerts": f"at most {MAX_ALERTS} at once"})
    seen = body["seen"]
    if seen is not None and not (type(seen) is int and 0 <= seen <= MAX_ID):
        raise Invalid({"seen": "this must be a seq of the log"})
    return jsonify(alerts=[alert.as_json() for alert in Alert.acknowledge(ids, body["note"], seen=seen)])


@bp.post("/api/alerts/read/")
@auth.needs("viewer")
def read() -> ResponseReturnValue:
    """Say that this person has seen the alerts up to `seq`."""
    seq = _members("seq")["seq"]
    if type(seq) is not int or not 0 <= seq <= Notification.bounds()[1]:
        raise Invalid({"seq": "this must be a seq of the log"})
    user = auth.signed_in()
    user.read_up_to(seq)
    return jsonify(_read_state())


def _read_state() -> dict[str, int]:
    user = auth.signed_in()
    return {"unread": Alert.unread(user), "read_seq": user.read_seq}


def _members(*required: str, **optional: Any) -> dict[str, Any]:
    """Return the members of the JSON object in the body; all others are refused."""
    body = geo.parse_json(request.get_data())
    if not isinstance(body, dict):
        raise geo.GeometryError("the body must be a JSON object")
    errors = dict.fromkeys(body.keys() - {*required, *optional}, "there is no such member")
    errors |= {name: "this is required" for name in required if name not in body}
    if errors:
        raise Invalid(errors)
    return optional | body


def _create(thing: Tracked, geometry_field: str) -> ResponseReturnValue:
    thing.assign({"name": None, geometry_field: None} | _fields(geometry_field))
    thing.save()
    return jsonify(thing.feature()), 201, {"Location": thing.url}


def _one(model: type[Tracked], pk: int, geometry_field: str) -> ResponseReturnValue:
    if request.method == "GET":
        return jsonify(model.find(pk).feature())
    fields = _fields(geometry_field, partial=True) if request.method == "PATCH" else {}
    with model.changing(pk) as thing:
        if request.method == "DELETE":
            thing.delete_instance()
            return "", 204
        thing.assign(fields)
        thing.save()
    return jsonify(thing.feature())


def _fields(geometry_field: str, *, partial: bool = False) -> dict[str, Any]:
    """Return the fields that the Feature in the body sets; in a partial one its type may be missing."""
    feature = geo.parse_json(request.get_data())
    if not isinstance(feature, dict) or feature.get("type", partial and "Feature") != "Feature":
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
        chunk = model.features(where, last, CHUNK)
        if not chunk:
            break
        yield lead + ",".join(feature for _, feature in chunk)
        lead, last = ",", chunk[-1][0]
        gevent.sleep(PAUSE_S)
    yield "]}" if last else lead + "]}"
