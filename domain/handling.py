"""Releases an acknowledged alert, or hands it over to another account.

Each change is an entry in the log. A person says up to which entry they have seen the alerts (`seen`). If
somebody has changed one of them since, nothing is done, and `Changed` says who it is now. A repeated request
changes nothing and is no error.
"""

from __future__ import annotations

from typing import Any

import peewee

from base.errors import Invalid, TrackerError
from base.sentences import reason_of
from base.times import now
from base.values import parse_text
from domain import accounts
from domain.alerts import Alert
from domain.limits import DESCRIPTION_LENGTH
from domain.users import User
from storage.engine import MAX_ID, database
from storage.log import Notification, actor

MAX_NAMES = 500  # accounts that an alert can be handed over to, in one list


class Changed(TrackerError):
    """Somebody has changed one of the alerts meanwhile. `alerts` are all of them, as they are now."""

    def __init__(self, alerts: list[Alert], changed: Alert) -> None:
        by = changed.acknowledged_by
        state = f"{by} has acknowledged it by now" if changed.acknowledged else "it is unacknowledged by now"
        super().__init__(f"This alert has changed meanwhile: {state}. Nothing was done.")
        self.alerts = alerts

    def as_json(self) -> dict[str, Any]:
        return {"error": str(self), "fields": {}, "alerts": [alert.as_json() for alert in self.alerts]}


def ids_of(incidents: list[int]) -> list[int]:
    """Return the ids of the open alerts of these incidents."""
    found = Alert.open().where(Alert.incident_id << incidents).order_by(Alert.id)
    return [alert.id for alert in found]


def release(ids: list[int], *, seen: int | None = None) -> list[Alert]:
    """Make acknowledged alerts unacknowledged again. They alert everybody once more.

    Return the alerts with these ids as they are now. Raises Changed.
    """
    with database.atomic():
        taken = _acknowledged(ids, seen)
        if taken:
            refs = [alert.refs() for alert in taken]
            by, at = actor.get() or "", now()
            seq = Notification.append(refs[0]["incident"], "alert_released", alerts=refs, by=by, at=at)
            Alert.update(
                acknowledged=None, acknowledged_by=None, note="", raised_seq=seq, acknowledged_seq=seq
            ).where(Alert.id << [alert.id for alert in taken]).execute()
        return _now(ids)


def hand_over(ids: list[int], to: str, note: str = "", *, seen: int | None = None) -> list[Alert]:
    """Hand acknowledged alerts over to another account that may edit. Without a note, the present ones stay.

    Alerts that nobody has acknowledged stay so. Return the alerts with these ids as they are now. Raises
    Changed, or Invalid if there is no such account.
    """
    try:
        note = parse_text(DESCRIPTION_LENGTH, required=False)(note)
    except ValueError as error:
        raise Invalid({"note": reason_of(error)}) from error
    with database.atomic():
        name = _may_take(to)
        taken = [alert for alert in _acknowledged(ids, seen, to=name) if alert.acknowledged_by != name]
        if taken:
            refs = [alert.refs() for alert in taken]
            by, at = actor.get() or "", now()
            seq = Notification.append(
                refs[0]["incident"], "alert_handed_over", alerts=refs, by=by, to=name, at=at, note=note
            )
            values = {"acknowledged": at, "acknowledged_by": name, "acknowledged_seq": seq}
            values |= {"note": note} if note else {}
            Alert.update(**values).where(Alert.id << [alert.id for alert in taken]).execute()
        return _now(ids)


def names() -> list[str]:
    """Return the accounts that an alert can be handed over to, by name."""
    found = User.select(User.name).where(User.active, User.role << ("editor", "admin"))
    return [user.name for user in found.order_by(peewee.fn.lower(User.name), User.id).limit(MAX_NAMES)]


def _may_take(name: object) -> str:
    user = accounts.named(name) if isinstance(name, str) else None
    if user is None or not (user.active and user.can_edit):
        raise Invalid({"to": "there is no active account of this name that may edit"})
    return str(user.name)


def _acknowledged(ids: list[int], seen: int | None, *, to: str | None = None) -> list[Alert]:
    """Return those of the alerts that are open and acknowledged.

    Raises Changed if one was changed after `seen`, unless it is acknowledged by `to` already. With `to` it
    also raises that if none is acknowledged.
    """
    found = list(Alert.open().where(Alert.id << ids).order_by(Alert.id))
    limit = MAX_ID if seen is None else seen
    for alert in found:
        if alert.acknowledged_seq > limit and (to or alert.acknowledged) and alert.acknowledged_by != to:
            raise Changed(_now(ids), alert)
    taken = [alert for alert in found if alert.acknowledged]
    if to and found and not taken:
        raise Changed(_now(ids), found[0])
    return taken


def _now(ids: list[int]) -> list[Alert]:
    return list(Alert.select().where(Alert.id << ids).order_by(Alert.id))
