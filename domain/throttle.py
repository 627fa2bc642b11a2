"""Waits after failures, and limits of rates. The database keeps them, also over a restart."""

from __future__ import annotations

import hashlib
import time

import peewee

from base import addresses, names
from storage.engine import Model, database

ADDRESS = "address:"  # the keys of addresses begin so
BURST_PER_NAME = 5  # attempts before waits begin
BURST_PER_ADDRESS = 20  # an office behind one address has more people
SIGN_INS_PER_HOUR = 100  # of one account, with the right password; each costs a hash and a session
LONGEST_S = 15 * 60.0  # the longest wait that guesses of others can cause
FORGET_S = 24 * 3600.0  # after which failures are forgotten
KNOWN_S = 90 * 24 * 3600.0  # how long a sign-in makes an address known for an account
ROUNDING_S = 1.0  # tolerance when a stored wait is compared with its longest


class Throttle(Model):
    """How often something was tried, and until when it is refused (seconds since 1970)."""

    key = peewee.TextField(primary_key=True)
    count = peewee.IntegerField()
    until = peewee.FloatField()


def by_name(name: str) -> str:
    """Return the key of a typed name. It is hashed, since people type passwords there by mistake."""
    return "name:" + hashlib.sha256(names.normal(name).encode(errors="replace")).hexdigest()[:32]


def by_name_from(name: str, address: str | None) -> str:
    """Return the key of a typed name and an address.

    An address where the right password was given before has a key of its own, so that guesses from elsewhere
    cause no wait there. All other addresses share one key.
    """
    key = by_name(name)
    row = Throttle.get_or_none(Throttle.key == _known(key, address))
    is_known = row is not None and _credible(row.until - time.time(), KNOWN_S) > 0
    return f"{key} {addresses.key(address)}" if is_known else key


def remember(name: str, address: str | None) -> None:
    """Store that the right password of a name was given at an address."""
    _store(_known(by_name(name), address), 0, time.time() + KNOWN_S)


def _known(name_key: str, address: str | None) -> str:
    return f"known:{name_key} {addresses.key(address)}"


def attempt(bursts: dict[str, int]) -> float:
    """Count an attempt for each key, or return the seconds to wait.

    The waits are 1, 2, 4, … seconds after a key's burst of attempts. An attempt counts before its outcome is
    known, so that many at once gain nothing. `succeeded` subtracts it again. A wait longer than its count
    allows was stored by a wrong clock, and is ignored.
    """
    moment = time.time()
    with database.atomic():
        Throttle.delete().where(Throttle.until < moment - FORGET_S).execute()
        found = {row.key: row for row in Throttle.select().where(Throttle.key << list(bursts))}
        waits = [_credible(row.until - moment, _pause(row.count - bursts[key])) for key, row in found.items()]
        if any(waits):
            return max(waits)
        for key, burst in bursts.items():
            count = found[key].count + 1 if key in found else 1
            _store(key, count, moment + _pause(count - burst))
    return 0.0


def _credible(wait: float, longest: float) -> float:
    """Return the rest of a wait in seconds; 0 if it is over, or longer than possible."""
    return wait if 0 < wait <= longest + ROUNDING_S else 0.0


def _pause(surplus: int) -> float:
    return 0.0 if surplus < 0 else min(2.0 ** min(surplus, 20), LONGEST_S)


def succeeded(name_key: str, address_key: str) -> None:
    """Delete the failures of this name, and only this attempt of the address."""
    with database.atomic():
        Throttle.delete().where(Throttle.key == name_key).execute()
        Throttle.update(count=Throttle.count - 1, until=time.time()).where(
            Throttle.key == address_key, Throttle.count > 0
        ).execute()


def limit(key: str, count: int, per_s: float) -> float:
    """Allow `count` in `per_s` seconds, in a burst or spread. Return the seconds to wait, or 0.

    This is the generic cell rate algorithm (GCRA). `until` is its theoretical arrival time.
    """
    moment, price = time.time(), per_s / max(count, 1)
    with database.atomic():
        row = Throttle.get_or_none(Throttle.key == key)
        paid = moment + (_credible(row.until - moment, per_s) if row else 0)
        wait = paid - moment - (per_s - price)
        if count < 1 or wait > price / 1000:
            return max(wait, price)
        _store(key, 0, paid + price)
    return 0.0


def _store(key: str, count: int, until: float) -> None:
    Throttle.insert(key=key, count=count, until=until).on_conflict_replace().execute()
