"""The severities of incidents and areas."""

from __future__ import annotations

from enum import StrEnum

from base.sentences import Sentence


class Severity(StrEnum):
    """The severities, the most severe first. The database and forms use the code, GeoJSON the word."""

    URGENT = "UR"
    HIGH = "HI"
    MEDIUM = "ME"
    LOW = "LO"
    INFO = "IN"

    def __init__(self, _code: str) -> None:
        self.word = self.name.capitalize()
        self.level = 0  # rises by one from the least to the most severe: see below

    @classmethod
    def parse(cls, text: object) -> Severity:
        """Return the severity of a word or a code, in any case. Raises ValueError."""
        severity = BY_TEXT.get(str(text).casefold())
        if severity is None:
            raise ValueError(
                Sentence("severity must be one of %(words)s", words=", ".join(s.word for s in cls))
            )
        return severity


for _level, _severity in enumerate(reversed(Severity)):
    _severity.level = _level

DEFAULT = Severity.MEDIUM

BY_CODE = {severity.value: severity for severity in Severity}  # faster than Severity(code)


BY_TEXT = {text.casefold(): severity for severity in Severity for text in (severity.value, severity.word)}
