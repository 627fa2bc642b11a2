"""What admins did to accounts, by page or by command line, apart from the lists that strangers can add to."""

from __future__ import annotations

import peewee

from base.times import now
from storage.engine import Model, database

KEPT = 10_000  # rows, the newest: years of work of a team's admins


class AdminAction(Model):
    """One thing that was done: by whom and from where, what, and to which account.

    The names are copies: they stay as they were. `address` is empty for the command line.
    """

    created = peewee.TextField(default=now)
    who = peewee.TextField()
    address = peewee.TextField()
    what = peewee.TextField()
    whose = peewee.TextField()


def note(what: str, whose: str, *, who: str, address: str = "") -> None:
    """Append to the log. Call it in the action's transaction, so that neither is there without the other.

    An action that hashes a password is noted right after it: hashing lets other greenlets run.
    """
    with database.atomic():
        row = AdminAction.create(who=who, address=address, what=what, whose=whose)
        AdminAction.delete().where(AdminAction.id <= row.id - KEPT).execute()
