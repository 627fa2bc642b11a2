"""Alerts: each lasts while an open incident lies in an area of interest and is severe enough for it.

Knows neither incidents nor areas as tables: the save hooks in models.py pass their values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import peewee

from base.errors import Invalid
from base.sentences import reason_of
from base.severity import BY_CODE, Severity
from base.times import now
from base.values import parse_text, to_json
from domain.limits import DESCRIPTION_LENGTH
from storage.engine import MAX_ID, Model, database
from storage.log import Notification, actor

MAX_UNMUTED = 200  # alerts announced in one transaction: other saves wait for about 15 ms
SHOWN = (
    *("raised", "raised_seq", "muted", "acknowledged", "acknowledged_by", "acknowledged_seq", "note"),
    *("cleared", "cleared_reason"),
)
REASONS = ("raised", "escalated", "unmuted", "updated")  # of an alert, the most important first


class AlertRefs(NamedTuple):
    """An alert's id, and the ids of its incident and its area."""

    id: int
    incident_id: int
    area_id: int

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "incident": f"Incident:{self.incident_id}",
            "area": f"AreaOfInterest:{self.area_id}",
        }


class Alert(Model):
    """An open incident that lies in an area and is severe enough for it, since the save that first matched.

    The alert ends when the incident is closed, deleted, moved out or made less severe than the area asks for.
    It also ends when the area is deleted, or changed so that the two no longer match. It keeps the names of
    both, since they may be deleted.
    """

    incident_id = peewee.IntegerField()
    incident_name = peewee.TextField()
    area_id = peewee.IntegerField()
    area_name = peewee.TextField()
    severity = peewee.TextField()  # the incident's, when it was last saved
    muted = peewee.BooleanField(default=False)  # no page interrupts for it while this is true
    raised = peewee.TextField()
    raised_seq = peewee.IntegerField()  # of the message that last raised, escalated, unmuted or released it
    acknowledged = peewee.TextField(null=True)
    acknowledged_by = peewee.TextField(null=True)
    acknowledged_seq = peewee.IntegerField(
        default=0
    )  # of the message that last changed who has acknowledged it
    note = peewee.TextField(default="")
    cleared = peewee.TextField(null=True)
    cleared_reason = peewee.TextField(null=True)

    @classmethod
    def open(cls) -> Any:
        """Return the query for the open alerts."""
        return cls.select().where(cls.cleared.is_null())

    @classmethod
    def most_important(cls, most: int) -> list[Alert]:
        """Return at most so many open alerts: the unacknowledged first, of these the worst and oldest."""
        rank = peewee.Case(cls.severity, [(severity.value, -severity.level) for severity in Severity])
        order = cls.acknowledged.is_null(False), cls.muted, rank, cls.raised, cls.id
        return list(cls.open().order_by(*order).limit(most))

    @classmethod
    def count_open(cls) -> tuple[int, int]:
        """Return how many alerts are open, and how many of these nobody has acknowledged."""
        sql = "SELECT count(*), count(*) - count(acknowledged) FROM alert WHERE cleared IS NULL"
        all_, unacknowledged = database.execute_sql(sql).fetchone()
        return all_, unacknowledged

    @classmethod
    def reconcile(cls, incident: Any, feature: str, matching: list[Any], seq: int, *, created: bool) -> None:
        """Raise, update and clear the alerts of a saved incident. To be called in its transaction.

        `feature` is the incident's JSON, and `matching` are the areas that it alerts now. The next message
        gets the number `seq`.
        """
        mine = [] if created else cls.open().where(cls.incident_id == incident.id)
        before = {alert.area_id: alert for alert in mine}
        listed = []
        for area in matching:
            alert = before.pop(area.id, None)
            change = alert.renew(incident, area, seq) if alert else cls.begin(incident, area, seq)
            listed.append(area.as_json() | change)
        if listed:
            reason = min((area["reason"] for area in listed), key=REASONS.index)
            Notification.append(
                incident.feature_id, "alert", feature=feature, reason=reason, areas_of_interest=listed
            )
        cls.clear(list(before.values()), incident.why_not_alerting)

    @classmethod
    def begin(cls, incident: Any, area: Any, seq: int) -> dict[str, Any]:
        """Begin an alert. Return its part of the message."""
        muted = _is_muted(incident, area)
        cursor = database.execute_sql(
            "INSERT INTO alert (incident_id, incident_name, area_id, area_name, severity, muted, raised, "
            "raised_seq) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (incident.id, incident.name, area.id, area.name, incident.severity, muted, incident.updated, seq),
        )
        change = {"alert": cursor.lastrowid, "reason": "raised", "muted": muted}
        return change | {"raised": incident.updated}

    def renew(self, incident: Any, area: Any, seq: int) -> dict[str, Any]:
        """Update an alert. Return its part of the message."""
        reason = "updated"
        before = (self.severity, self.incident_name, self.area_name)
        if BY_CODE[incident.severity].level > BY_CODE[self.severity].level:
            reason = "escalated"
            self.acknowledged = self.acknowledged_by = None
            self.note = ""
            self.muted = _is_muted(incident, area)
            self.raised_seq = seq
        self.severity, self.incident_name, self.area_name = incident.severity, incident.name, area.name
        if before != (self.severity, self.incident_name, self.area_name):
            self.save()
        return {"alert": self.id, "reason": reason, "muted": self.muted, "raised": self.raised}

    @classmethod
    def unmute(cls, area: Any, features: Callable[[list[int]], dict[int, str]]) -> bool:
        """Announce the alerts that were raised while the area was muted and that still wait for somebody.

        Each is announced once, by a message with the reason "unmuted", and is unread from then on. At most
        MAX_UNMUTED are announced; return whether more may be left. To be called in a transaction. `features`
        returns the JSON of the incidents with these ids.
        """
        is_muted = peewee.SQL("muted = 1")  # no parameter, for which SQLite would not use its index
        muted = cls.open().where(cls.area_id == area.id, is_muted, cls.acknowledged.is_null())
        alerts = list(muted.order_by(cls.id).limit(MAX_UNMUTED))
        found = features([alert.incident_id for alert in alerts])
        for alert in alerts:
            change = {"alert": alert.id, "reason": "unmuted", "muted": False, "raised": alert.raised}
            listed = area.as_json() | change
            seq = Notification.append(
                alert.refs()["incident"],
                "alert",
                feature=found[alert.incident_id],
                reason="unmuted",
                areas_of_interest=[listed],
            )
            database.execute_sql("UPDATE alert SET muted = 0, raised_seq = ? WHERE id = ?", (seq, alert.id))
        return len(alerts) == MAX_UNMUTED

    @classmethod
    def clear_outside(cls, area: Any) -> None:
        """End the alerts whose incidents a changed area no longer matches."""
        alerts = cls.refs_in(area)
        if alerts:
            alerting: set[int] = set()
            for found in area.inside([alert.incident_id for alert in alerts]):
                alerting |= {incident.id for incident in found if incident.alerting}
            cls.clear([alert for alert in alerts if alert.incident_id not in alerting], "area changed")

    @classmethod
    def refs_in(cls, area: Any) -> list[AlertRefs]:
        """Return the ids of an area's open alerts and of their incidents. Fast: there may be thousands."""
        found = database.execute_sql(
            "SELECT id, incident_id, area_id FROM alert WHERE area_id = ? AND cleared IS NULL", (area.id,)
        )
        return [AlertRefs(*row) for row in found.fetchall()]

    @classmethod
    def clear(cls, alerts: Sequence[Alert | AlertRefs], reason: str) -> None:
        """End alerts, with one message for all. To be called in a transaction."""
        if not alerts:
            return
        ids = to_json([alert.id for alert in alerts])
        database.execute_sql(
            "UPDATE alert SET cleared = ?, cleared_reason = ? WHERE id IN (SELECT value FROM json_each(?))",
            (now(), reason, ids),
        )
        refs = [AlertRefs(alert.id, alert.incident_id, alert.area_id).as_json() for alert in alerts]
        Notification.append(refs[0]["incident"], "alert_cleared", reason=reason, alerts=refs)

    @classmethod
    def acknowledge(cls, ids: list[int], note: str = "", *, seen: int | None = None) -> list[Alert]:
        """Acknowledge open alerts for the actor. The first person to acknowledge an alert stays named.

        `seen` is the `seq` up to which the actor has seen the log. Alerts that were raised or escalated later
        stay as they are. Return the alerts with these ids as they are now. Raises Invalid if the note can't
        be stored.
        """
        try:
            note = parse_text(DESCRIPTION_LENGTH, required=False)(note)
        except ValueError as error:
            raise Invalid({"note": reason_of(error)}) from error
        with database.atomic():
            fresh = list(
                cls.open().where(
                    cls.id << ids,
                    cls.acknowledged.is_null(),
                    cls.raised_seq <= (MAX_ID if seen is None else seen),
                )
            )
            if fresh:
                at, by = now(), actor.get() or ""
                refs = [alert.refs() for alert in fresh]
                subject = refs[0]["incident"]
                seq = Notification.append(subject, "alert_acknowledged", alerts=refs, by=by, at=at, note=note)
                cls.update(acknowledged=at, acknowledged_by=by, acknowledged_seq=seq, note=note).where(
                    cls.id << [alert.id for alert in fresh]
                ).execute()
            return list(cls.select().where(cls.id << ids).order_by(cls.id))

    @property
    def severity_name(self) -> str:
        return BY_CODE[self.severity].word

    @property
    def state(self) -> str:
        """Return open, acknowledged or past."""
        return "past" if self.cleared else "acknowledged" if self.acknowledged else "open"

    def refs(self) -> dict[str, Any]:
        """Return the alert's id and the ids of its features."""
        return AlertRefs(self.id, self.incident_id, self.area_id).as_json()

    def as_json(self) -> dict[str, Any]:
        """Return the alert as the API shows it."""
        return (
            self.refs()
            | {name: getattr(self, name) for name in SHOWN}
            | {
                "incident_name": self.incident_name,
                "area_name": self.area_name,
                "severity": self.severity_name,
                "state": self.state,
            }
        )


def _is_muted(incident: Any, area: Any) -> bool:
    """Return whether an alert that the incident raises in the area now is muted."""
    return area.is_muted and incident.severity != Severity.URGENT
