"""Requests that a client sends twice, because the answer was slow or lost.

The client sends a key with each request that must be done once. The answer is stored under this key in the
transaction of the request. A second request with the same key gets the stored answer.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

import peewee

from base import times
from base.errors import TrackerError
from base.times import now, timestamp
from base.values import to_json
from storage.engine import Model, database

MAX_KEY = 255  # characters; a UUID has 36
KEPT = timedelta(days=1)  # a phone that was offline repeats its request within this time
MOST = 1000  # answers kept for one owner; then the oldest is deleted
PORTION = 100  # answers that are looked at in one transaction
ERASED = ""  # in place of the hash of a request: what it made was erased
FEWEST = 100  # the newest answers, kept even if they seem old: the clock may have been set


class Reused(TrackerError):
    """The key was used for another request. `answer` is the answer to that one."""

    def __init__(self, answer: Answer) -> None:
        super().__init__("This key was used for another request. Send this request with a new key.")
        self.answer = answer

    def as_json(self) -> dict[str, Any]:
        return {"error": str(self), "fields": {}, "location": self.answer.headers.get("Location")}


class Answer(NamedTuple):
    """An HTTP answer: status, the headers that matter, and body."""

    status: int
    headers: dict[str, str]
    body: bytes


class StoredAnswer(Model):
    """An answer under the key of its request. `request` is the hash of the request."""

    owner = peewee.TextField()
    key = peewee.TextField()
    request = peewee.TextField()
    status = peewee.IntegerField()
    headers = peewee.TextField()
    body = peewee.BlobField()
    created = peewee.TextField()

    class Meta:
        table_name = "answer"


def once(owner: str, key: str, request: str, do: Callable[[], Answer]) -> Answer:
    """Return the answer of `do`; for a repeated key the stored answer, without calling `do`.

    Each owner has keys of their own. `request` is a `request_hash`. If `do` raises, the transaction is rolled
    back and the key is free. Raises Reused if the key was sent with another request.
    """
    with database.atomic():
        kept = StoredAnswer.get_or_none(StoredAnswer.owner == owner, StoredAnswer.key == key)
        if kept is None:
            answer = do()
            _keep(owner, key, request, answer)
            return answer
    answer = Answer(kept.status, json.loads(kept.headers), zlib.decompress(kept.body))
    if kept.request not in (ERASED, request):
        raise Reused(answer)
    return answer


def request_hash(*parts: bytes) -> str:
    """Return a hash that differs if any part of two requests differs."""
    lengths = b",".join(b"%d" % len(part) for part in parts)
    return hashlib.sha256(b"\n".join([lengths, *parts])).hexdigest()


def erase(id_: int, location: str, mention: str) -> int:
    """Erase an object from the answers after this id, of about PORTION. Return the last id; 0 at the end.

    The answer to the request that made the object, at `location`, becomes 410. So the request does not make
    the object again if it is repeated. Other answers with `mention` in their body are forgotten.
    """
    rows = list(StoredAnswer.select().where(StoredAnswer.id > id_).order_by(StoredAnswer.id).limit(PORTION))
    with database.atomic():
        for row in rows:
            if json.loads(row.headers).get("Location") == location:
                gone = {"error": "What this request made has been erased.", "fields": {}}
                row.request, row.status, row.body = ERASED, 410, zlib.compress(to_json(gone).encode())
                row.save()
            elif mention.encode() in zlib.decompress(row.body):
                row.delete_instance()
    return int(rows[-1].id) if len(rows) == PORTION else 0


def _keep(owner: str, key: str, request: str, answer: Answer) -> None:
    """Store an answer, and delete old ones. A time in the future counts as old: a clock was wrong."""
    present = times.clock()
    mine = StoredAnswer.owner == owner
    is_old = ~StoredAnswer.created.between(timestamp(present - KEPT), timestamp(present + KEPT))
    StoredAnswer.delete().where(mine, is_old, StoredAnswer.id <= _newest(owner, FEWEST)).execute()
    StoredAnswer.delete().where(mine, StoredAnswer.id <= _newest(owner, MOST)).execute()
    StoredAnswer.create(
        owner=owner,
        key=key,
        request=request,
        status=answer.status,
        headers=to_json(answer.headers),
        body=zlib.compress(answer.body),
        created=now(),
    )


def _newest(owner: str, count: int) -> int:
    """Return the id of the owner's `count`th newest answer; 0 if there are fewer."""
    query = (
        StoredAnswer.select(StoredAnswer.id)
        .where(StoredAnswer.owner == owner)
        .order_by(StoredAnswer.id.desc())
        .offset(count - 1)
        .limit(1)
    )
    return int(query.scalar() or 0)
