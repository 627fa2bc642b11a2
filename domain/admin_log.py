"""The log of admins' actions on accounts, on pages or by command. Strangers can't add rows to it."""

from __future__ import annotations

import peewee

from base.times import now
from storage.engine import Model, database

KEPT = 10_000  # newest rows: years of a team's work


class AdminAction(Model):
    """An action: by whom, from which address, what, and on which account.

    Names are copied, so that they stay when an account changes. `address` is empty for the command line.
    """

    created = peewee.TextField(default=now)
    who = peewee.TextField()
    address = peewee.TextField()
    what = peewee.TextField()
    whose = peewee.TextField()


def note(what: str, whose: str, *, who: str, address: str = "") -> None:
    """Append to the log. Call it in the transaction of the action, so that both are stored or neither.

    For an action that hashes a password call it right afterwards: hashing lets other greenlets run.
    """
    with database.atomic():
        row = AdminAction.create(who=who, address=address, what=what, whose=whose)
        AdminAction.delete().where(AdminAction.id <= row.id - KEPT).execute()
