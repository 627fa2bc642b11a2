"""`python tracker.py erase INCIDENT`: erases an incident, its log entries and what was derived from them."""

from __future__ import annotations

import argparse

import models
from base.terminal import say
from commands.shared import Commands, add_command, confirm, system_user
from domain import erasure
from storage import free_space


def add_arguments(commands: Commands) -> None:
    """Add the command `erase` to the parser of tracker.py."""
    text = "erase an incident, also from the log; older backups keep it"
    parser = add_command(commands, "erase", text, erase)
    parser.add_argument(
        "incident", metavar="INCIDENT", nargs="?", type=int, help="its number, the 7 in /tracker/incident/7/"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask before")
    parser.add_argument(
        "--free-space",
        action="store_true",
        help="only overwrite the unused parts of the file; saves wait meanwhile",
    )


def erase(options: argparse.Namespace) -> None:
    """Erase an incident and rewrite the file. Raises Invalid or UnusableDatabase."""
    if (options.incident is None) == (not options.free_space):
        raise models.TrackerError("name the incident to erase by its number, or give --free-space")
    if options.incident is not None and not _erase_one(options.incident, is_sure=options.yes):
        return
    free_space.overwrite()
    say("The file and its -wal hold nothing that was erased. Backups that were made before may hold it.")


def _erase_one(pk: int, *, is_sure: bool) -> bool:
    """Erase an incident, if the person agrees. Return whether it was erased."""
    try:
        erasure.ensure_known(pk)
    except models.Incident.DoesNotExist as error:
        raise models.TrackerError(f"there has never been an incident {pk}") from error
    found = models.Incident.get_or_none(models.Incident.id == min(pk, models.MAX_ID))
    what = f"incident {pk}, {found.name}" if found else f"what the log has of the deleted incident {pk}"
    if not is_sure and not confirm(f"Erase {what}? Nobody can bring it back."):
        say("Nothing was erased.")
        return False
    erasure.erase(pk, system_user())
    return True
