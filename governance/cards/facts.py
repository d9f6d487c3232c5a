"""What a card draws: facts, measures and groups, each with where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from governance.cards.absence import Absence
from governance.evaluation.measures.catalogue import Measure
from governance.evaluation.writing import span, written


@dataclass(frozen=True, slots=True)
class Source:
    """Where something was drawn from: “evaluation 3”, and its page."""

    text: str
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of a table of facts. With `absence`, `value` says in a sentence what is not there."""

    label: str
    value: str
    source: Source
    link: str | None = None
    absence: Absence | None = None


def fact(
    label: str, value: str, source: Source, otherwise: str, *, absence: Absence = Absence.MISSING
) -> Fact:
    """The fact, or, where the value is empty, the sentence that says what is not there."""
    return Fact(label, value, source) if value else Fact(label, otherwise, source, absence=absence)


@dataclass(frozen=True, slots=True)
class MeasuredRow:
    """One measure with its 95 % interval on `n` rows; `group` and `against` where it is a group's. The
    numbers are those of the evidence; `value` None is never 0: `absence` and `reason` then say why."""

    measure: Measure
    value: float | None
    ci_low: float | None
    ci_high: float | None
    n: int
    absence: Absence | None = None
    reason: str = ""
    attribute: str = ""
    group: str = ""
    against: str = ""

    @classmethod
    def of(cls, measure: Measure, estimate: Mapping[str, Any] | None, **group: Any) -> MeasuredRow:
        """The row of an estimate of the evidence; without one it was not measured."""
        if estimate is None:
            reason = "The suite did not measure it."
            return cls(measure, None, None, None, 0, Absence.NOT_MEASURED, reason, **group)
        value, absence = estimate.get("value"), group.pop("absence", None)
        if value is None:
            absence = absence or Absence.NOT_MEASURED
        return cls(
            measure,
            value,
            estimate.get("ci_low"),
            estimate.get("ci_high"),
            int(estimate.get("n") or 0),
            absence,
            str(estimate.get("undefined") or ""),
            **group,
        )

    @property
    def text(self) -> str:
        """The value as it is written."""
        return written(self.measure, self.value)

    @property
    def interval(self) -> str:
        """The interval as it is written; empty where there is none."""
        return span(self.measure, {"ci_low": self.ci_low, "ci_high": self.ci_high})


@dataclass(frozen=True, slots=True)
class Drawn:
    """The drawn part of a section. With `absence` there is nothing to draw and `note` says what would have to
    happen."""

    source: Source
    facts: tuple[Fact, ...] = ()
    measures: tuple[MeasuredRow, ...] = ()
    absence: Absence | None = None
    note: str = ""
