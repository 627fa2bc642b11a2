"""The lists of accepted and of refused sign-ins. Each keeps its own newest rows."""

from __future__ import annotations

import logging

import peewee

from base import addresses
from base.logs import event
from base.times import now
from storage.engine import Model, database

KEPT = 10_000  # rows of each list; the newest are what an admin looks for
log = logging.getLogger("tracker.accounts")
MINUTE = len("2030-01-31T08:15")  # characters of a timestamp


class SignIn(Model):
    """Somebody signed in, or confirmed their password.

    There is one row for each minute, network, account and outcome, with a count.

    `name` is null if there is no such account, since people type passwords there by mistake. `address` is the
    first one in the network. `slot` identifies the row; it is null in rows of older versions.
    """

    level = logging.INFO
    words = "Signed in"
    created = peewee.TextField(default=now)
    name = peewee.TextField(null=True)
    address = peewee.TextField()
    outcome = peewee.TextField()
    count = peewee.IntegerField(default=1)
    slot = peewee.TextField(null=True, unique=True)

    @classmethod
    def note(cls, name: str | None, address: str, outcome: str) -> None:
        event(log, cls.level, cls.words, outcome=outcome, account=name or "none", address=address)
        created = now()
        slot = f"{created[:MINUTE]} {addresses.key(address)} {outcome} {name or ''}"
        with database.atomic():
            # Not ON CONFLICT: an upsert uses up an id, and the number of rows is computed from the ids.
            if cls.update(count=cls.count + 1).where(cls.slot == slot).execute():
                return
            row = cls.create(created=created, name=name, address=address, outcome=outcome, slot=slot)
            cls.delete().where(cls.id <= row.id - KEPT).execute()


class Refusal(SignIn):
    """A sign-in was refused. The columns are those of SignIn."""

    level = logging.WARNING
    words = "A sign-in was refused"
