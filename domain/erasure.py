"""Erases an incident: its row, and everything that was derived from it.

The entries of the log keep their `seq` and their mark, so that readers miss none. Their content is replaced
by the type "erased". Readers get a `post_delete` with `"erased": true`.

Most of the work is done in small transactions after the incident is deleted. If it is interrupted, erasing
the incident once more does the rest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from base import loop
from base.values import to_json
from domain import admin_log, idempotency
from domain.alerts import Alert
from domain.incidents import Incident
from storage import free_space
from storage.engine import MAX_ID, WRITE_GAP_S, database
from storage.files import UnusableDatabase
from storage.log import Notification

PORTION = 200  # entries that are blanked in one transaction: a few milliseconds
WINDOW = 1000  # entries or alerts that are looked at, at once

LARGE = (
    "Nobody can find it any more, but unused parts of the database file may still hold it. The file is "
    "large, so the server does not rewrite it now. Run `python tracker.py erase --free-space` when nobody "
    "has to save."
)

OWN = (
    "SELECT seq FROM notification WHERE model = 'Incident' AND object_id = ? AND seq > ? ORDER BY seq LIMIT ?"
)
# Of acknowledgements, releases and ended alerts readers need the ids, also those of other incidents.
BLANK = """
UPDATE notification SET message = ? WHERE seq IN (SELECT value FROM json_each(?))
AND message NOT GLOB '{"type":"alert_*'
AND message NOT LIKE '{"type":"post_delete","erased":true%' AND message NOT LIKE '{"type":"erased"%'
"""
NOTES = """
SELECT seq, message FROM notification NOT INDEXED WHERE seq > ? AND seq <= ? AND model = 'Incident'
AND (message LIKE '{"type":"alert_acknowledged"%' OR message LIKE '{"type":"alert_handed_over"%')
AND instr(message, ?)
"""


def erase(pk: int, who: str, address: str = "") -> None:
    """Erase an incident, or what is left of one that was deleted. Raises DoesNotExist if there never was one.

    `who` and `address` are for the admins' log. Lets other greenlets run. Afterwards call `overwrite` or
    `free_space.overwrite`: the file still has copies of what was erased, in places that it does not use now.
    """
    _delete(pk, who, address)
    for _ in loop.interleaved(_pieces(pk)):
        loop.pause(WRITE_GAP_S)


def overwrite() -> str:
    """Overwrite what the file still holds, if that does not take long. Return what is left to do, or ""."""
    if free_space.is_large():
        return LARGE
    try:
        free_space.overwrite()
    except UnusableDatabase as error:
        return str(error)
    return ""


def _delete(pk: int, who: str, address: str) -> None:
    """Delete the row and end its alerts, and tell readers."""
    with database.atomic():
        incident = Incident.get_or_none(Incident.id == min(pk, MAX_ID))
        ensure_known(pk)
        free_space.note()
        admin_log.note("erased", f"Incident {pk}", who=who, address=address)
        if incident is not None:
            incident.is_erased = True
            incident.delete_instance()
        else:  # programs may have kept what they read before it was deleted
            Notification.append(
                f"Incident:{pk}", "post_delete", erased=True, feature=to_json(Incident.stub(pk))
            )


def ensure_known(pk: int) -> None:
    """Raise DoesNotExist if no incident has ever had this id."""
    row = database.execute_sql("SELECT seq FROM sqlite_sequence WHERE name = 'incident'").fetchone()
    if not 0 < pk <= (row[0] if row else 0):
        raise Incident.DoesNotExist


def _pieces(pk: int) -> Iterator[None]:
    """Erase what was derived from a deleted incident, a piece at a time."""
    yield from _blank_entries(pk)
    yield from _blank_notes(pk)
    yield from _delete_alerts(pk)
    last, first = 0, True
    while last or first:
        first = False
        last = idempotency.erase(last, f"{Incident.path}{pk}/", f'"Incident:{pk}"')
        yield


def _blank_entries(pk: int) -> Iterator[None]:
    """Blank the content of the incident's own entries."""
    blank = to_json({"type": "erased", "id": f"Incident:{pk}"})
    last = 0
    while seqs := [seq for (seq,) in database.execute_sql(OWN, (pk, last, PORTION)).fetchall()]:
        with database.atomic():
            database.execute_sql(BLANK, (blank, to_json(seqs)))
        last = seqs[-1]
        yield


def _blank_notes(pk: int) -> Iterator[None]:
    """Blank the notes of acknowledgements of its alerts, which may be of alerts of others, too."""
    last, head = Notification.bounds()
    while last < head:
        found = database.execute_sql(NOTES, (last, last + WINDOW, f'"Incident:{pk}"')).fetchall()
        with database.atomic():
            for seq, message in found:
                _blank_note(seq, json.loads(message))
        last += WINDOW
        yield


def _blank_note(seq: int, message: dict[str, object]) -> None:
    if not message["note"]:
        return
    ids = to_json([alert["id"] for alert in message["alerts"]])  # type: ignore[attr-defined]
    blank = to_json(message | {"note": ""})
    database.execute_sql("UPDATE notification SET message = ? WHERE seq = ?", (blank, seq))
    database.execute_sql(
        "UPDATE alert SET note = '' WHERE note = ? AND id IN (SELECT value FROM json_each(?))",
        (message["note"], ids),
    )


def _delete_alerts(pk: int) -> Iterator[None]:
    """Delete its alerts, which have its names."""
    last, newest = 0, Alert.select(Alert.id).order_by(Alert.id.desc()).limit(1).scalar() or 0
    while last < newest:
        database.execute_sql(
            "DELETE FROM alert WHERE id > ? AND id <= ? AND incident_id = ?", (last, last + WINDOW, pk)
        )
        last += WINDOW
        yield
