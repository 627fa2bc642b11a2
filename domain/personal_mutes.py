"""Mutes of one person: an area whose alerts do not interrupt that person, and do not count for that person.

Everybody else is alerted as before. Each change is an entry in the log, which names the account by its id. So
all pages of that account follow, on all devices. The reason is not in the log.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import peewee

from base.errors import Invalid
from base.sentences import reason_of
from base.severity import Severity
from base.times import now, timestamp
from base.values import parse_text
from domain.areas import AreaOfInterest, ensure_future
from domain.limits import DESCRIPTION_LENGTH
from domain.tracked import latest_credible
from domain.users import User
from storage.engine import Model, database
from storage.log import Notification

MAX_ENDED = 100  # mutes that end in one transaction

# A mute that was set in the future was set by a wrong clock, and counts as over: see AreaSummary.is_muted.
IN_FORCE = "m.until > ? AND m.at <= ?"
# The SQL condition that an alert `a` counts for an account. Its values are from `counts_for`.
COUNTS = (
    f"(a.severity = '{Severity.URGENT}' OR a.area_id NOT IN "  # noqa: S608 # nosec (our own text)
    f"(SELECT m.area_id FROM personal_mute m WHERE m.user_id = ? AND {IN_FORCE}))"
)


class PersonalMute(Model):
    """A mute of one area for one account. Urgent incidents interrupt all the same, as with every mute."""

    user = peewee.ForeignKeyField(User)
    area = peewee.ForeignKeyField(AreaOfInterest)
    until = peewee.TextField()
    at = peewee.TextField()  # when it was set
    since = peewee.IntegerField()  # the log entry with which it began: alerts raised later were muted
    reason = peewee.TextField(default="")

    class Meta:
        primary_key = peewee.CompositeKey("user", "area")

    def as_json(self) -> dict[str, Any]:
        """Return the mute as its owner's API shows it."""
        area = f"AreaOfInterest:{self.area_id}"
        return {"area": area, "until": self.until, "since": self.since, "reason": self.reason}


def counts_for(user_id: int) -> list[Any]:
    """Return the values for the question marks of COUNTS."""
    return [user_id, now(), latest_credible()]


def of(user_id: int) -> list[PersonalMute]:
    """Return the mutes of an account that are in force, by area."""
    in_force = (PersonalMute.until > now()) & (PersonalMute.at <= latest_credible())
    found = PersonalMute.select().where(PersonalMute.user == user_id, in_force)
    return list(found.order_by(PersonalMute.area))


def set_(user_id: int, area_id: int, until: datetime, reason: str = "") -> PersonalMute:
    """Mute an area for an account, or change its mute. Raises Invalid, or DoesNotExist without such an area.

    A change keeps the beginning, so that nothing raised since is lost.
    """
    ensure_future(until)
    try:
        reason = parse_text(DESCRIPTION_LENGTH, required=False)(reason)
    except ValueError as error:
        raise Invalid({"reason": reason_of(error)}) from error
    with AreaOfInterest.changing(area_id):
        before = PersonalMute.get_or_none(PersonalMute.user == user_id, PersonalMute.area == area_id)
        since = before.since if before else Notification.bounds()[1] + 1  # the entry that follows
        _tell(user_id, area_id, timestamp(until), since)
        mute = PersonalMute(
            user=user_id, area=area_id, until=timestamp(until), at=now(), since=since, reason=reason
        )
        PersonalMute.replace(**mute.__data__).execute()
    return mute


def end(user_id: int, area_id: int) -> None:
    """End the mute of an area for an account, if there is one."""
    with database.atomic():
        mute = PersonalMute.get_or_none(PersonalMute.user == user_id, PersonalMute.area == area_id)
        if mute is not None:
            _end(mute)


def end_due() -> bool:
    """End the mutes whose time is over. Return whether more may be left. Each is ended once."""
    over = (PersonalMute.until <= now()) | (PersonalMute.at > latest_credible())
    if not PersonalMute.select().where(over).exists():
        return False
    with database.atomic():
        mutes = list(PersonalMute.select().where(over).limit(MAX_ENDED))
        for mute in mutes:
            _end(mute)
    return len(mutes) == MAX_ENDED


def _end(mute: PersonalMute) -> None:
    PersonalMute.delete().where(
        PersonalMute.user == mute.user_id, PersonalMute.area == mute.area_id
    ).execute()
    _tell(mute.user_id, mute.area_id, None, mute.since)


def _tell(user_id: int, area_id: int, until: str | None, since: int) -> None:
    """Append the change to the log, for the pages of the account; pages of others ignore it."""
    Notification.append(
        f"User:{user_id}",
        "personal_mute",
        account=user_id,
        area=f"AreaOfInterest:{area_id}",
        until=until,
        since=since,
    )
