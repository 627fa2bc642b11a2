"""The JSON API: incidents and areas as GeoJSON.

A body is one GeoJSON Feature whose properties are the fields. Unknown fields are refused. Fields that only
the server sets (`created`, `url`, …) are ignored, so that a feature can be read, changed and sent back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import wraps
from typing import Any

from flask import (
    Blueprint,
    Response,
    abort,
    g,
    jsonify,
    make_response,
    request,
)
from flask.typing import ResponseReturnValue

from base import loop, times
from base.errors import Invalid
from base.sentences import Sentence
from base.values import to_json
from domain import (
    erasure,
    handling,
    idempotency,
    incident_alerts,
    lists,
    personal_mutes,
    versions,
)
from domain.tracked import READ_ONLY
from geo import geojson
from models import MAX_ID, Alert, AreaOfInterest, Incident, Notification, Tracked, parse_until
from web import auth, root
from web.lists import filter_of_request
from web.state import state

DEFAULT_LISTED, MAX_LISTED = 100, 500  # incidents in one answer of a search
MAX_ALERTS = 1000  # in one answer or request
MAX_MINUTES = 366 * 24 * 60  # of a mute
MISSING = object()  # of a member that may be null
MUTE = {"muted_until", "muted_by", "mute_reason"}  # of the Feature of a muted area

REPEATED = ("Location", "ETag")  # headers of an answer that is given again

bp = Blueprint("api", __name__)


def once(view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
    """Carry out a request with an `Idempotency-Key` once, and repeat its answer when it comes again."""

    @wraps(view)
    def repeatable(**arguments: Any) -> ResponseReturnValue:
        key = _idempotency_key()
        if key is None:
            return view(**arguments)

        def do() -> idempotency.Answer:
            response = make_response(view(**arguments))
            headers = {name: response.headers[name] for name in REPEATED if name in response.headers}
            return idempotency.Answer(response.status_code, headers, response.get_data())

        asked = (request.method, request.full_path)
        print_ = idempotency.request_hash(
            *(part.encode(errors="replace") for part in asked), request.get_data()
        )
        answer = idempotency.once(auth.owner(), key, print_, do)
        return Response(answer.body, answer.status, answer.headers, content_type="application/json")

    return repeatable


def _idempotency_key() -> str | None:
    """Return the key of the request, with or without the quotes that the draft of the header wants."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    bare = key[1:-1] if len(key) > 1 and key[0] == key[-1] == '"' else key
    if not 0 < len(bare) <= idempotency.MAX_KEY or not (bare.isascii() and bare.isprintable()):
        abort(400, f"An Idempotency-Key has 1 to {idempotency.MAX_KEY} printable ASCII characters.")
    return bare


@bp.get("/tracker/incident/feature_collection/")
def incident_feature_collection() -> Response:
    """Return the open incidents; with `?closed=true` the closed ones."""
    wanted = request.args.get("closed", "false")
    if wanted not in ("true", "false"):
        raise Invalid({"closed": "this must be true or false"})
    if wanted == "true":
        return _collection(Incident, Incident.closed, "closed incidents")
    return _collection(Incident, Incident.is_open, "open incidents")


@bp.get("/tracker/area_of_interest/feature_collection/")
def area_feature_collection() -> Response:
    return _collection(AreaOfInterest, AreaOfInterest.id > 0, "areas")


@bp.post("/api/incidents/")
@once
def incidents() -> ResponseReturnValue:
    return _create(Incident(), "location")


@bp.get("/api/incidents/")
def incident_search() -> Response:
    """Return the incidents that pass the map's filter; `next` is the `after` of the following ones."""
    limit = request.args.get("limit", DEFAULT_LISTED, type=int)
    if not 1 <= limit <= MAX_LISTED:
        raise Invalid({"limit": f"this must be a number from 1 to {MAX_LISTED}"})
    order = lists.Order.read(request.args.get("sort", ""), lists.KEYS)
    listing = lists.Listing("incident", filter_of_request(), order)
    rows = listing.after(lists.Place.read(request.args.get("after", ""), order), limit)
    features = Incident.json_by_id([id_ for id_, _ in rows])
    found = ",".join(features[id_] for id_, _ in rows if id_ in features)
    following = lists.Place(*rows[-1]).text() if len(rows) == limit else None
    text = f'{{"type":"FeatureCollection","next":{to_json(following)},"features":[{found}]}}'
    return Response(text, content_type="application/geo+json")


@bp.post("/api/areas/")
@once
def areas() -> ResponseReturnValue:
    return _create(AreaOfInterest(), "polygon")


@bp.route("/api/incidents/<int:pk>/", methods=["GET", "PATCH", "DELETE"])
def incident(pk: int) -> ResponseReturnValue:
    return _one(Incident, pk, "location")


@bp.post("/api/incidents/<int:pk>/erase/")
@auth.needs("admin")
@auth.admits_tokens
def erase_incident(pk: int) -> ResponseReturnValue:
    """Erase an incident and what was derived from it; `todo` is what is left for the operator, or null."""
    erasure.erase(pk, auth.signed_in().name, request.remote_addr or "")
    return jsonify(erased=f"Incident:{pk}", todo=erasure.overwrite() or None)


@bp.route("/api/areas/<int:pk>/", methods=["GET", "PATCH", "DELETE"])
def area(pk: int) -> ResponseReturnValue:
    return _one(AreaOfInterest, pk, "polygon")


@bp.post("/api/areas/inside/")
def inside() -> ResponseReturnValue:
    """Count the open incidents in the Feature of an area that is not saved yet."""
    area = AreaOfInterest()
    fields = _fields("polygon", _feature())
    area.assign(
        {name: fields[name] for name in fields if name in ("polygon", "severity")}
        | {"polygon": fields.get("polygon")}
    )
    count, alerting = 0, 0
    for places in loop.interleaved(area.inside()):
        count += len(places)
        alerting += sum(place.alerting for place in places)
    return jsonify(open=count, alerting=alerting)


@bp.post("/api/areas/<int:pk>/mute/")
@once
def mute(pk: int) -> ResponseReturnValue:
    """Mute an area for everybody `until` an ISO 8601 time, for a `reason`; null ends the mute."""
    body = _members(until=MISSING, minutes=None, reason="", version=None)
    until = _until(body)
    base = _version(body)
    with AreaOfInterest.changing(pk) as area:
        _check_if_match(area)
        versions.ensure_unchanged(area, base, "muted_until")
        area.mute(until, body["reason"])
    return _answer(area)


@bp.post("/api/areas/<int:pk>/mute_for_me/")
@once
@auth.needs("viewer")
def mute_for_me(pk: int) -> ResponseReturnValue:
    """Mute an area for this account only; null as `until` ends the mute."""
    body = _members(until=MISSING, minutes=None, reason="")
    until, user = _until(body), auth.signed_in()
    if until is None:
        personal_mutes.end(user.id, AreaOfInterest.find(pk).id)
        return jsonify(area=f"AreaOfInterest:{pk}", until=None)
    return jsonify(personal_mutes.set_(user.id, pk, until, body["reason"]).as_json())


def _until(body: dict[str, Any]) -> datetime | None:
    """Return the end of a mute, given as a time or in minutes; None to end it. Raises Invalid."""
    minutes = body["minutes"]
    if minutes is None:
        if body["until"] is MISSING:
            raise Invalid({"until": "this is required"})
        return parse_until(body["until"])
    if body["until"] is not MISSING:
        raise Invalid({"minutes": "give either until or minutes"})
    if type(minutes) is not int or not 0 < minutes <= MAX_MINUTES:
        raise Invalid({"minutes": f"this must be a whole number from 1 to {MAX_MINUTES}"})
    return times.clock() + timedelta(minutes=minutes)


@bp.get("/api/alerts/")
def alerts() -> ResponseReturnValue:
    """Return the open alerts, the unacknowledged and the worst first, as they are for this account."""
    user = auth.signed_in()
    head = Notification.position() | {"epoch": state().epoch, "account": user.id, "account_name": user.name}
    own: dict[str, Any] = {"personal_mutes": [mute.as_json() for mute in personal_mutes.of(user.id)]}
    if g.credential.is_wall:  # it shows what all people share
        own = {"personal_mutes": [], "account": None, "account_name": ""}
    found = Alert.most_important(MAX_ALERTS)
    return jsonify(head | _read_state() | own | {"alerts": [alert.as_json() for alert in found]})


@bp.post("/api/alerts/acknowledge/")
@once
def acknowledge() -> ResponseReturnValue:
    """Acknowledge `alerts`, or all of `incidents`, with a `note`; return them as they are now.

    With `seen`, those that were raised or escalated after this `seq` stay open.
    """
    body = _members(alerts=None, incidents=None, note="", seen=None)
    return _alerts(Alert.acknowledge(_alert_ids(body), body["note"], seen=_seen(body)))


@bp.post("/api/alerts/release/")
@once
def release() -> ResponseReturnValue:
    """Make `alerts`, or all of `incidents`, unacknowledged again; return them as they are now."""
    body = _members(alerts=None, incidents=None, seen=None)
    return _alerts(handling.release(_alert_ids(body), seen=_seen(body)))


@bp.get("/api/alerts/hand_over/")
@auth.needs("editor")
def may_take() -> ResponseReturnValue:
    """Return the names of the accounts that an alert can be handed over to."""
    return jsonify(accounts=handling.names())


@bp.post("/api/alerts/hand_over/")
@once
def hand_over() -> ResponseReturnValue:
    """Hand `alerts`, or all of `incidents`, over `to` another account; return them as they are now."""
    body = _members("to", alerts=None, incidents=None, note="", seen=None)
    return _alerts(handling.hand_over(_alert_ids(body), body["to"], body["note"], seen=_seen(body)))


def _alerts(found: list[Alert]) -> ResponseReturnValue:
    return jsonify(alerts=[alert.as_json() for alert in found])


def _alert_ids(body: dict[str, Any]) -> list[int]:
    """Return the ids of the alerts that a request names, or whose incidents it names."""
    given = {name: body[name] for name in ("alerts", "incidents") if body[name] is not None}
    if len(given) != 1:
        raise Invalid({"alerts": "give either alerts or incidents"})
    ((name, ids),) = given.items()
    if not isinstance(ids, list) or not all(type(id_) is int and 0 < id_ <= MAX_ID for id_ in ids):
        raise Invalid({name: f"this must be a list of ids of {name}"})
    if len(ids) > MAX_ALERTS:
        raise Invalid({name: f"at most {MAX_ALERTS} at once"})
    return ids if name == "alerts" else handling.ids_of(ids)


def _seen(body: dict[str, Any]) -> int | None:
    seen: int | None = body["seen"]
    if seen is not None and not (type(seen) is int and 0 <= seen <= MAX_ID):
        raise Invalid({"seen": "this must be a seq of the log"})
    return seen


@bp.post("/api/alerts/read/")
@once
@auth.needs("viewer")
def read() -> ResponseReturnValue:
    """Record that this person has seen the alerts up to `seq`."""
    seq = _members("seq")["seq"]
    if type(seq) is not int or not 0 <= seq <= Notification.bounds()[1]:
        raise Invalid({"seq": "this must be a seq of the log"})
    user = auth.signed_in()
    user.read_up_to(seq)
    return jsonify(_read_state())


def _read_state() -> dict[str, int]:
    user = auth.signed_in()
    return {
        "unread": incident_alerts.unread(user),
        "read_seq": user.read_seq,
        "unacknowledged": incident_alerts.unacknowledged(user),
    }


def _members(*required: str, **optional: Any) -> dict[str, Any]:
    """Return the members of the JSON object in the body; all others are refused."""
    body = geojson.parse_json(request.get_data())
    if not isinstance(body, dict):
        raise geojson.GeometryError(Sentence("the body must be a JSON object"))
    errors = dict.fromkeys(body.keys() - {*required, *optional}, "there is no such member")
    errors |= {name: "Required" for name in required if name not in body}
    if errors:
        raise Invalid(errors)
    return optional | body


def _create(thing: Tracked, geometry_field: str) -> ResponseReturnValue:
    thing.assign({"name": None, geometry_field: None} | _fields(geometry_field, _feature()))
    thing.save()
    return _answer(thing, 201, Location=root.address(thing.url))


def _one(model: type[Tracked], pk: int, geometry_field: str) -> ResponseReturnValue:
    if request.method in ("GET", "HEAD"):
        return _answer(model.find(pk))
    if request.method == "DELETE":
        with model.changing(pk) as thing:
            _check_if_match(thing)
            thing.delete_instance()
        return "", 204
    feature = _feature(partial=True)
    fields = _fields(geometry_field, feature)
    base = _version(feature.get("properties") or {})
    with model.changing(pk) as thing:
        _check_if_match(thing)
        fields = _without_mute(fields, thing)
        if base is not None:
            fields = versions.merge(thing, fields, base)
        if fields or base is None:
            thing.assign(fields)
            thing.save()
    return _answer(thing)


def _without_mute(fields: dict[str, Any], thing: Tracked) -> dict[str, Any]:
    """Remove the mute from an area that a client has read and sends back. Raises Invalid for another mute."""
    mute = fields.keys() & MUTE
    if mute and isinstance(thing, AreaOfInterest):
        changed = [name for name in mute if fields[name] != getattr(thing, name)]
        if changed:
            raise Invalid(dict.fromkeys(changed, f"an area is muted by POST /api/areas/{thing.id}/mute/"))
        return {name: value for name, value in fields.items() if name not in MUTE}
    return fields


def _answer(thing: Tracked, status: int = 200, **headers: str) -> ResponseReturnValue:
    return jsonify(thing.feature()), status, {"ETag": f'"{thing.version}"', **headers}


def _check_if_match(thing: Tracked) -> None:
    """Raise Stale if the request is for another version than the present one (RFC 9110, section 13.1.1)."""
    if "If-Match" in request.headers and not request.if_match.contains(thing.version):
        versions.ensure_current(thing, next(iter(request.if_match.as_set()), "none"))


def _version(members: dict[str, Any]) -> str | None:
    """Return the version on which a change is based; None if the request has none."""
    version = members.get("version")
    if version is not None and not isinstance(version, str):
        raise Invalid({"version": "this must be text, as the Feature has it"})
    return version


def _feature(*, partial: bool = False) -> dict[str, Any]:
    """Return the Feature in the body; in a partial one its type may be missing."""
    feature = geojson.parse_json(request.get_data())
    if not isinstance(feature, dict) or feature.get("type", partial and "Feature") != "Feature":
        raise geojson.GeometryError(Sentence("the body must be a GeoJSON Feature"))
    unknown = sorted(feature.keys() - {"type", "id", "bbox", "geometry", "properties"})
    if unknown:
        raise Invalid(dict.fromkeys(unknown, "a Feature has no such member"))
    if not isinstance(feature.get("properties") or {}, dict):
        raise Invalid({"properties": "this must be an object"})
    return feature


def _fields(geometry_field: str, feature: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that a Feature sets."""
    properties = feature.get("properties") or {}
    fields = {name: value for name, value in properties.items() if name not in READ_ONLY}
    if geometry_field in fields:
        raise Invalid({geometry_field: "this belongs in the Feature's geometry"})
    if "geometry" in feature:
        is_area = geometry_field == "polygon"
        fields[geometry_field] = _checked(feature["geometry"]) if is_area else feature["geometry"]
    return fields


def _checked(geometry: Any) -> Any:
    """Return the polygon after its check, which takes too long for a transaction; or the GeometryError.

    An edge longer than 180° is refused, unless the request confirms it or it is stored already.
    """
    try:
        polygon = geojson.parse_polygon(geometry)
    except geojson.GeometryError as error:
        return error
    if polygon.long_edge and request.args.get("long_edges") != "keep":
        area = AreaOfInterest.get_or_none(AreaOfInterest.id == (request.view_args or {}).get("pk"))
        if area is None or area.polygon != polygon:
            return geojson.GeometryError(
                Sentence(
                    "%(problem)s; if it runs the long way round, send it with ?long_edges=keep",
                    problem=polygon.long_edge,
                )
            )
    return polygon


def _collection(model: type[Tracked], where: Any, kind: str) -> Response:
    """Stream a FeatureCollection.

    Its `seq` is the log's head at the beginning. A feature that is saved during the reading may be in it. A
    client that continues from `seq` gets this feature again.
    """
    head = {"type": "FeatureCollection", **Notification.position(), "epoch": state().epoch}
    text = to_json(head)
    return state().collections.answer(kind, text, lambda: _stream(model, where, text))


def _stream(model: type[Tracked], where: Any, head: str) -> Iterator[bytes]:
    """Yield the text in pieces. While a slow reader takes a piece, only that piece is in memory."""
    lead, last = f'{head[:-1]},"features":[', 0
    while chunk := model.features(where, last):
        last = chunk[-1][0]
        piece = (lead + ",".join(feature for _, feature in chunk)).encode()
        del chunk
        yield piece
        lead = ","
    yield b"]}" if last else f"{lead}]}}".encode()
