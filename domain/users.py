"""The tables of accounts and of their sessions."""

from __future__ import annotations

from typing import Any

import peewee

from base import names
from base.times import now
from storage.engine import Model
from storage.log import Notification


class User(Model):
    """An account. `role` is viewer, editor or admin; each may do what those before it may."""

    name = peewee.TextField(unique=True)
    password_hash = peewee.TextField()
    active = peewee.BooleanField(default=True)
    role = peewee.TextField(default="editor")
    created = peewee.TextField(default=now)
    password_temporary = peewee.BooleanField(
        default=False
    )  # must be changed before the account can do anything else
    read_seq = peewee.IntegerField(
        default=lambda: Notification.bounds()[1]
    )  # of the last alert that the account has seen
    name_key = peewee.TextField(null=True)  # the normal form; null if an older account has the same
    language = peewee.TextField(null=True)  # of its pages; null: that of the browser
    credentials_version = peewee.IntegerField(default=0)  # rises with each change that ends all sessions

    def save(self, force_insert: bool = False, only: Any = None) -> int:  # noqa: FBT001, FBT002 (peewee's)
        if self.id is None:
            self.name_key = names.normal(self.name) or None
        return super().save(force_insert, only)

    @property
    def can_edit(self) -> bool:
        return self.role in ("editor", "admin")

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"

    def read_up_to(self, seq: int) -> None:
        """Move `read_seq` forward to `seq`; never back."""
        User.update(read_seq=seq).where(User.id == self.id, User.read_seq < seq).execute()
        self.read_seq = max(self.read_seq, seq)


class Session(Model):
    """A sign-in. The id is the hash of the secret that the browser holds."""

    id = peewee.TextField(primary_key=True)
    user = peewee.ForeignKeyField(User, backref="sessions")
    created = peewee.TextField(default=now)
    last_used = peewee.TextField(default=now)
    address = peewee.TextField()
    user_agent = peewee.TextField()


class Confirmation(Model):
    """When the owner of a session last gave the password in it."""

    session = peewee.ForeignKeyField(Session, primary_key=True)
    created = peewee.TextField(default=now)
