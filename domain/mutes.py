"""Ends mutes: alerts that were raised while an area was muted, and are still open, are announced then.

The database decides which alerts are announced, not a timer: the alerts that are marked as muted, in areas
that are not. So each is announced once, also after a restart, and with several processes on one file. A mute
of one person ends here, too: the pages of that person then announce what was raised meanwhile.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import NoReturn

import gevent

from base.times import now
from domain import personal_mutes
from domain.areas import AreaOfInterest
from domain.tracked import latest_credible
from storage.engine import WRITE_GAP_S, database

LOOK_S = 1.0  # between two checks
RETRY_S = 10.0  # after a failed check, because another process writes or the disk is full

# Areas whose mute was set by a clock that was ahead; areas with muted alerts whose mute is over.
SET_IN_THE_FUTURE = "SELECT id FROM area_of_interest WHERE muted_at > ?"
OVER = """
SELECT id FROM area_of_interest WHERE id IN (
    SELECT DISTINCT area_id FROM alert WHERE muted = 1 AND acknowledged IS NULL AND cleared IS NULL
) AND (muted_until IS NULL OR muted_at IS NULL OR muted_until <= ? OR muted_at > ?)
"""

log = logging.getLogger(__name__)


def watch() -> NoReturn:
    """End mutes when they are over, for as long as the server runs."""
    while True:
        pause = LOOK_S
        try:
            end_mutes()
        except Exception:
            log.exception("Can't end the mutes of areas")
            pause = RETRY_S
        gevent.sleep(pause)


def end_mutes() -> None:
    """Announce everything that is due now."""
    latest = latest_credible()
    while personal_mutes.end_due():
        gevent.sleep(WRITE_GAP_S)
    for id_ in _ids(OVER, now(), latest):
        more = True
        while more:
            more = _announce(id_)
            gevent.sleep(WRITE_GAP_S)
    for id_ in _ids(SET_IN_THE_FUTURE, latest):
        with suppress(AreaOfInterest.DoesNotExist), AreaOfInterest.changing(id_) as area:
            if not area.is_muted:
                area.mute(None)  # otherwise the area would be muted again at that time


def _announce(id_: int) -> bool:
    """Announce some of an area's alerts. Return whether more may be left."""
    with suppress(AreaOfInterest.DoesNotExist), AreaOfInterest.changing(id_) as area:
        return bool(area.announce_unmuted())
    return False


def _ids(sql: str, *values: str) -> list[int]:
    return [id_ for (id_,) in database.execute_sql(sql, values).fetchall()]
