"""The fixed states in which a card says that something is not there: never an invented sentence, never a
blank."""

from __future__ import annotations

from enum import StrEnum


class Absence(StrEnum):
    """Why there is no fact."""

    MISSING = "missing"  # somebody must write or record it
    NOT_MEASURED = "not measured"  # no evaluation measured it
    INSUFFICIENT = "insufficient"  # too few rows to judge
    NOT_APPLICABLE = "not applicable"  # a person said so, with a reason
    ELSEWHERE = "elsewhere"  # kept elsewhere, by digest
    NONE_DECLARED = "none declared"  # asked, answered none
