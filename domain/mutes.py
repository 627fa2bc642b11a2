"""Ends mutes: what was raised while an area was muted, and still waits for somebody, interrupts then.

The database decides what is to be told, not a timer: an alert that is marked as muted, in an area that is
not. So it is told after a restart too, and once, though several servers and commands work on one file.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import NoReturn

import gevent

from base.times import now
from domain.areas import AreaOfInterest
from domain.tracked import latest_credible
from storage.engine import database

LOOK_S = 1.0  # between two looks: a mute need not end to the second
PAUSE_S = 0.01  # between two transactions, so that others can save
RETRY_S = 10.0  # after a look that failed, because another process writes or the disk is full

# The areas whose mute was set by a clock that was ahead; those with muted alerts that are muted no more.
SET_IN_THE_FUTURE = "SELECT id FROM area_of_interest WHERE muted_at > ?"
OVER = """
SELECT id FROM area_of_interest WHERE id IN (
    SELECT DISTINCT area_id FROM alert WHERE muted = 1 AND acknowledged IS NULL AND cleared IS NULL
) AND (muted_until IS NULL OR muted_at IS NULL OR muted_until <= ? OR muted_at > ?)
"""

log = logging.getLogger(__name__)


def watch() -> NoReturn:
    """End mutes as their time comes, for as long as the server runs."""
    while True:
        pause = LOOK_S
        try:
            end_mutes()
        except Exception:
            log.exception("Can't end the mutes of areas")
            pause = RETRY_S
        gevent.sleep(pause)


def end_mutes() -> None:
    """Tell everything that is due now."""
    latest = latest_credible()
    for id_ in _ids(OVER, now(), latest):
        more = True
        while more:
            more = _tell(id_)
            gevent.sleep(PAUSE_S)
    for id_ in _ids(SET_IN_THE_FUTURE, latest):
        with suppress(AreaOfInterest.DoesNotExist), AreaOfInterest.changing(id_) as area:
            if not area.is_muted:
                area.mute(None)  # or it would be muted again once that time has come


def _tell(id_: int) -> bool:
    """Tell some of what an area has to tell, and return whether more is left."""
    with suppress(AreaOfInterest.DoesNotExist), AreaOfInterest.changing(id_) as area:
        return bool(area.announce_unmuted())
    return False


def _ids(sql: str, *values: str) -> list[int]:
    return [id_ for (id_,) in database.execute_sql(sql, values).fetchall()]
