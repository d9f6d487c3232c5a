"""Errors every layer may raise. Pages, API and jobs turn each into one answer in one place.

Each carries a stable `code`, explained in docs/api.md, and a sentence that says what to do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from countersign.verdicts import Verdict


class CountersignError(Exception):
    """Base of all errors a caller may answer to. `status` is the HTTP status that says the same."""

    code = "error"
    status = 400
    keeps_writes = False
    """Whether what was written before it was raised stays written (a lock-out) where a caller holds a
    transaction around the action."""

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code


class Refused(CountersignError):
    """The actor may know of the thing but may not do this to it; `verdict` holds every reason."""

    code = "refused"
    status = 403

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.sentence(), code=verdict.reasons[0].code if verdict.reasons else None)
        self.verdict = verdict


class NotFound(CountersignError):
    """There is no such thing, or the actor may not know of it: the two are not told apart."""

    code = "not_found"
    status = 404


class Invalid(CountersignError):
    """The input is wrong. `fields` maps a field name to sentences that name the mend."""

    code = "invalid"
    status = 422

    def __init__(
        self, message: str, *, fields: Mapping[str, Sequence[str]] | None = None, code: str | None = None
    ) -> None:
        super().__init__(message, code=code)
        self.fields = {name: list(sentences) for name, sentences in (fields or {}).items()}


class Conflict(CountersignError):
    """The thing changed meanwhile, or another caller was first. Nothing was changed by this call."""

    code = "conflict"
    status = 409


class TooLarge(CountersignError):
    """The input is larger than allowed; the message states both sizes."""

    code = "too_large"
    status = 413


class NoRoom(CountersignError):
    """The storage has no room for what was announced (HTTP 507)."""

    code = "no_room"
    status = 507
