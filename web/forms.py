"""A form of a page: the typed texts, the errors, and the choices in conflicts."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask import request

from base.errors import Invalid
from base.sentences import Sentence
from base.values import to_json
from domain import idempotency, versions
from geo import geojson
from models import Tracked
from web import auth, unsent
from web.languages import translated

DELETED = Sentence("This was deleted meanwhile. Save to keep your version as a new one.")


@dataclass
class Form:
    """The typed texts of a form, and its errors, by field. The field "" stands for the whole form."""

    values: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    conflicts: dict[str, versions.Clash] = field(default_factory=dict)
    stored: dict[str, str] = field(default_factory=dict)  # the values that the form would show now
    theirs: set[str] = field(default_factory=set)  # fields in which the stored value was chosen
    polygon: geojson.CheckedPolygon | None = None

    @classmethod
    def submitted(cls) -> Form:
        values = {name: text.replace("\r\n", "\n") for name, text in request.form.items()}
        form = cls(values, {"": words} if (words := unsent.sentence()) else {})
        if "polygon_geojson" in form.values and not form.errors:
            form.check_polygon()
        return form

    @classmethod
    def refused(cls, errors: dict[str, str]) -> Form:
        """Return the form of this request with these errors, without the typed passwords."""
        typed = request.form.items() if errors else ()
        return cls({name: text for name, text in typed if "password" not in name}, errors)

    @property
    def status(self) -> int:
        """Return the status of the answer that shows the form."""
        return 400 if unsent.sentence() else 409 if self.conflicts else 422 if self.errors else 200

    def check_polygon(self) -> None:
        """Check the polygon before any transaction, for which it takes too long; add an error."""
        value = self.json("polygon_geojson", missing=Sentence("Draw the area on the map, or type it"))
        try:
            short_way = self.values.get("long_edges") == "cross"
            self.polygon = None if self.errors else geojson.parse_polygon(value, short_way=short_way)
        except geojson.GeometryError as error:
            self.errors["polygon_geojson"] = error.reason

    def make_new(self) -> None:
        """Tell the person that the object was deleted, and let the form save a new one."""
        self.values.pop("version", None)
        self.errors[""] = f"{translated(self.errors.get('', ''))} {translated(DELETED)}".strip()

    def save(self, thing: Tracked, values: dict[str, Any], names: dict[str, str]) -> bool:
        """Store the changed values; or add errors, under the names of the form's fields."""
        values = {name: value for name, value in values.items() if name not in self.errors}
        try:
            if thing.id:
                values = versions.merge(thing, values, self.values.get("version", ""))
            thing.assign(values)
        except versions.Conflict as conflict:
            self._ask(conflict, names)
        except Invalid as invalid:
            for name, reason in invalid.fields.items():
                self.errors.setdefault(names.get(name, name), reason)
        if self.errors:
            return False
        if values or not thing.id:
            thing.save()
        return True

    def once(self, model: type[Tracked], read: Callable[[Form, Any], bool]) -> str:
        """Store a new object, and however often this form is sent no second one; return its path.

        Returns "", and adds an error, if there is none.
        """

        def store() -> idempotency.Answer:
            thing = model()
            if not read(self, thing):
                raise Invalid(self.errors)
            return idempotency.Answer(303, {"Location": thing.url}, b"")

        key = self.values["key"][: idempotency.MAX_KEY]
        typed = {name: text for name, text in self.values.items() if name not in ("csrf_token", "key")}
        print_ = idempotency.request_hash(model.path.encode(), to_json(sorted(typed.items())).encode())
        try:
            return idempotency.once(auth.owner(), key, print_, store).headers["Location"]
        except Invalid:
            return ""
        except idempotency.Reused:
            self.values["key"] = secrets.token_hex(16)
            self.errors[""] = Sentence(
                "This form was already saved, with other values. Save again to create another."
            )
            return ""

    def _ask(self, conflict: versions.Conflict, names: dict[str, str]) -> None:
        """Show both values of each conflict, and the other changes of other people."""
        self.conflicts = {names.get(clash.field, clash.field): clash for clash in conflict.clashes}
        self.errors[""] = Sentence(
            "Not saved: others have changed the same fields. Choose below, and save again."
        )
        mine = {names.get(name, name) for name in conflict.changed}
        self.values |= {name: value for name, value in self.stored.items() if name not in mine}

    def choose(self, stored: dict[str, str]) -> None:
        """Set the fields in conflict to the values that the person chose."""
        self.stored = stored
        self.theirs = {name for name in stored if self.values.pop(f"keep_{name}", "") == "theirs"}
        self.values |= {name: stored[name] for name in self.theirs}
        self.errors = {name: why for name, why in self.errors.items() if name not in self.theirs}

    def json(self, name: str, *, missing: str) -> Any:
        """Return the JSON typed in a field; None, with an error added, if it is missing or wrong."""
        text = self.values.get(name, "")
        if not text.strip():
            self.errors[name] = missing
            return None
        try:
            return geojson.parse_json(text)
        except geojson.GeometryError as error:
            self.errors[name] = error.reason
            return None

    def degrees(self, name: str, limit: int) -> float:
        """Return the number typed in a field; add an error if it is not within ±limit."""
        text = self.values.get(name, "").strip()
        try:
            value = float(text.replace(",", "."))
        except ValueError:
            value = math.nan
        if not -limit <= value <= limit:
            wanted = Sentence("Must be a number from -%(limit)s to %(limit)s", limit=limit)
            self.errors[name] = wanted if text else Sentence("Required")
        return value

    def present(self, *names: str) -> dict[str, str]:
        return {name: self.values[name] for name in names if name in self.values}
