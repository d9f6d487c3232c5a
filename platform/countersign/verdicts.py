"""A refusal is a value with reasons; page, API and CI show the same ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason for a verdict. `state` is one of the six requirement states where the reason comes
    from a policy rule (met, not_met, insufficient, not_measured, waived, not_applicable)."""

    code: str
    message: str
    link: str | None = None
    state: str = "not_met"
    looked_at: dict[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """JSON form, as the API shows it and evidence of a refusal keeps it."""
        return {
            "code": self.code,
            "message": self.message,
            "state": self.state,
            "looked_at": self.looked_at,
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """Allow or refuse. `reasons` are why it refuses (never empty then); `notes` are worth saying but block nothing."""

    allowed: bool
    reasons: tuple[Reason, ...] = ()
    notes: tuple[Reason, ...] = field(default=())

    def __bool__(self) -> bool:
        return self.allowed

    @classmethod
    def allow(cls, *notes: Reason) -> Verdict:
        """A verdict that allows."""
        return cls(True, (), notes)

    @classmethod
    def refuse(cls, *reasons: Reason) -> Verdict:
        """A verdict that refuses for these reasons. Raises ValueError without one."""
        if not reasons:
            raise ValueError("a refusal needs a reason")
        return cls(False, reasons)

    @classmethod
    def because(cls, code: str, message: str, *, link: str | None = None) -> Verdict:
        """A refusal for one reason."""
        return cls(False, (Reason(code, message, link),))

    @classmethod
    def all_of(cls, verdicts: Iterable[Verdict]) -> Verdict:
        """Allows only when each allows; a refusal lists the reasons of every one that refuses."""
        reasons: list[Reason] = []
        notes: list[Reason] = []
        for verdict in verdicts:
            reasons.extend(verdict.reasons)
            notes.extend(verdict.notes)
        return cls(not reasons, tuple(reasons), tuple(notes))

    def sentence(self) -> str:
        """All reasons in one line."""
        return " ".join(reason.message for reason in self.reasons) or "Allowed."

    def as_dict(self) -> dict[str, Any]:
        """JSON form, as the API shows it."""
        return {
            "allowed": self.allowed,
            "reasons": [reason.as_dict() for reason in self.reasons],
            "notes": [note.as_dict() for note in self.notes],
        }
