"""The tables, and the save hooks in which every broadcast begins.

    Incident       incident         domain/incidents.py    something that happened at a place
    AreaOfInterest area_of_interest domain/areas.py        a polygon that somebody watches
    Alert          alert            domain/alerts.py       an incident that lies in an area
    PersonalMute   personal_mute    domain/personal_mutes.py an area that one account has muted for itself
    Notification   notification     storage/log.py         a save, a delete, or a change of an alert
    Setting        setting          storage/engine.py      a value that the program keeps in this database
    User           user             domain/users.py        an account
    Session        session          domain/users.py        a browser that is signed in
    Confirmation   confirmation     domain/users.py        when a session's owner last gave the password
    Token          token            domain/accounts.py     what a program signs in with
    Reset          reset            domain/accounts.py     a link with which a password can be set once
    Totp           totp             domain/totp.py         the second step of an account's sign-in
    RecoveryCode   recovery_code    domain/totp.py         a code for when the second step is lost
    SignIn         sign_in          domain/sign_ins.py     a sign-in that succeeded
    Refusal        refusal          domain/sign_ins.py     sign-ins that were refused, counted by minute
    AdminAction    admin_action     domain/admin_log.py    what an admin did to an account
    Throttle       throttle         domain/throttle.py     how often something was tried, and its waits
    StoredAnswer   answer           domain/idempotency.py  the answer to a request, for its repetition
    Reader         reader           domain/readers.py      how far behind the readers of another server are

A save or delete appends its notification to the log in the same transaction, and raises or ends alerts.
A query that changes many rows at once calls no hook: use none. Every room but `domain` takes incidents, areas
and alerts from here, so that the hooks are always connected.
"""

from __future__ import annotations

from playhouse import signals

from base.errors import Invalid, TrackerError
from base.severity import Severity
from base.times import now, timestamp
from base.values import to_json, valid_text
from domain.accounts import Reset, Token
from domain.admin_log import AdminAction
from domain.alerts import Alert
from domain.area_index import areas
from domain.areas import AreaOfInterest
from domain.idempotency import StoredAnswer
from domain.incidents import Incident
from domain.limits import DESCRIPTION_LENGTH
from domain.personal_mutes import PersonalMute
from domain.sign_ins import Refusal, SignIn
from domain.throttle import Throttle
from domain.totp import RecoveryCode, Totp
from domain.tracked import CLOCK_STEP, Tracked, parse_until
from domain.users import Confirmation, Session, User
from storage.backup import LastBackup, back_up, last_backup
from storage.engine import MAX_DIGITS, MAX_ID, Database, Model, Setting, database, open_database
from storage.files import UnusableDatabase
from storage.log import Notification, actor, committed

# All other rooms import these names from here, so that the models are one module to them.
__all__ = [
    "CLOCK_STEP",
    "DESCRIPTION_LENGTH",
    "MAX_DIGITS",
    "MAX_ID",
    "AdminAction",
    "Alert",
    "AreaOfInterest",
    "Confirmation",
    "Database",
    "Incident",
    "Invalid",
    "LastBackup",
    "Model",
    "Notification",
    "PersonalMute",
    "RecoveryCode",
    "Refusal",
    "Reset",
    "Session",
    "Setting",
    "Severity",
    "SignIn",
    "StoredAnswer",
    "Throttle",
    "Token",
    "Totp",
    "Tracked",
    "TrackerError",
    "UnusableDatabase",
    "User",
    "actor",
    "areas",
    "back_up",
    "committed",
    "database",
    "last_backup",
    "now",
    "open_database",
    "parse_until",
    "timestamp",
    "to_json",
    "valid_text",
]


@signals.post_save(sender=Tracked)
def log_save(_model: type[Tracked], instance: Tracked, *, created: bool) -> None:
    feature = to_json(instance.feature())
    seq = Notification.append(instance.feature_id, "post_save", created=created, feature=feature)
    if isinstance(instance, Incident):
        matching = areas.covering(instance) if instance.alerting else []
        Alert.reconcile(instance, feature, matching, seq + 1, created=created)
    elif isinstance(instance, AreaOfInterest) and not created and instance.matching_changed:
        Alert.clear_outside(instance)


@signals.post_delete(sender=Tracked)
def log_delete(_model: type[Tracked], instance: Tracked) -> None:
    said = {"erased": True} if instance.is_erased else {}
    Notification.append(
        instance.feature_id, "post_delete", **said, feature=to_json(instance.stub(instance.id))
    )
    is_incident = isinstance(instance, Incident)
    if is_incident:
        Alert.clear(list(Alert.open().where(Alert.incident_id == instance.id)), "incident deleted")
    else:
        Alert.clear(Alert.refs_in(instance), "area deleted")
