"""A paired difference in words: better, worse, as good, or that it cannot be told, and by how much.

Told by the 95 % interval of the difference alone. Against a margin, which a policy declares, it is the test of
equivalence by the interval (Schuirmann 1987, Journal of Pharmacokinetics and Biopharmaceutics 15; the 95 % interval
in place of the 90 % one is the stricter): equal where it lies within the margin on both sides, no worse where only its
worse end does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from countersign.web import formats
from governance.evaluation.measures.catalogue import Better, Measure, Unit
from governance.evaluation.writing import written

BETTER, EQUAL, NO_WORSE, WORSE = "Better", "Equal", "No worse", "Worse"
UNSURE, DIFFERS, NOT_MEASURED = "Cannot tell", "Differs", "Not measured"

_KINDS = {
    BETTER: "met",
    EQUAL: "met",
    NO_WORSE: "met",
    WORSE: "not_met",
    DIFFERS: "half",
    NOT_MEASURED: "not_measured",
}


@dataclass(frozen=True, slots=True)
class Told:
    """What a difference says: a word, and the amount in a few more, for beside it."""

    word: str
    amount: str = ""

    @property
    def kind(self) -> str:
        """The status drawn beside the word."""
        return _KINDS.get(self.word, "not_applicable")

    @property
    def sentence(self) -> str:
        """Both, as one line."""
        return f"{self.word}, {self.amount}" if self.amount else self.word


def told(measure: Measure, difference: Mapping[str, Any] | None, margin: float | None = None) -> Told:
    """What the difference of this version minus the other says; `margin` is how much worse a policy lets it be. Of a
    measure with an ideal, or with no better side, only whether it differs."""
    if difference is None or difference.get("value") is None:
        return Told(NOT_MEASURED, "" if difference is None else str(difference.get("undefined", "")))
    low, high = difference.get("diff_ci_low"), difference.get("diff_ci_high")
    if low is None or high is None:
        return Told(UNSURE, "no interval")
    value = difference["value"]
    if measure.better not in (Better.HIGHER, Better.LOWER):
        return _differing(measure, value, low, high)
    if measure.better is Better.LOWER:
        value, low, high = -value, -high, -low
    within = margin is not None and low >= -margin
    if low > 0:
        return Told(BETTER, f"by {_size(measure, value)}, at least {_size(measure, low)}")
    if high < 0:
        amount = f"by {_size(measure, value)}, at least {_size(measure, high)}"
        return Told(WORSE, f"{amount}; within the margin of {_size(measure, margin)}" if within else amount)
    if low == high == 0:
        return Told(EQUAL, "in every row")
    if margin is not None and within:
        if high <= margin:
            return Told(EQUAL, f"within {_size(measure, margin)}")
        return Told(NO_WORSE, f"than {_size(measure, margin)} less")
    return Told(UNSURE, f"from {_size(measure, low)} worse to {_size(measure, high)} better")


def _differing(measure: Measure, value: float, low: float, high: float) -> Told:
    if low <= 0 <= high:
        return Told(UNSURE, f"from {signed(measure, low)} to {signed(measure, high)}")
    return Told(DIFFERS, f"by {signed(measure, value)}")


def _size(measure: Measure, value: Any) -> str:
    """An amount without its sign, in the measure's unit; of rates in points, because 6 % less may also be 6 % of it."""
    if measure.unit is Unit.PERCENT:
        return f"{abs(value) * 100:.1f} points"
    return written(measure, abs(value))


def signed(measure: Measure, value: Any) -> str:
    """A difference with its sign, in the measure's unit."""
    if measure.unit is Unit.TARGET:
        return formats.quantity(value, plus=True)
    if measure.unit is Unit.PERCENT:
        return f"{formats.difference(value * 100, 1)} points"
    return formats.difference(value)
