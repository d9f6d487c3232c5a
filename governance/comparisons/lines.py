"""Two versions as lines of a table: measures by their paired differences, files by their digests, answers that
change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString

from countersign.web import formats
from countersign.web.charts import interval
from governance.comparisons.models import Comparison
from governance.evaluation.measures.catalogue import METRICS, Better, Measure, Unit
from governance.evaluation.models import Evaluation
from governance.evaluation.writing import span, written
from registry.versions.models import ModelVersion

_ORDER = {"Worse": 0, "Cannot tell": 1, "Differs": 2, "Better": 3, "Not measured": 4}


@dataclass(frozen=True, slots=True)
class MeasureLine:
    """A measure of both versions on the same rows; what is absent was not measured."""

    measure: Measure
    was: dict[str, Any] | None
    now: dict[str, Any] | None
    difference: dict[str, Any] | None

    @property
    def was_value(self) -> str:
        """The other version's value."""
        return written(self.measure, self.was["value"] if self.was else None)

    @property
    def was_span(self) -> str:
        """The other version's interval."""
        return span(self.measure, self.was) if self.was else ""

    @property
    def now_value(self) -> str:
        """This version's value."""
        return written(self.measure, self.now["value"] if self.now else None)

    @property
    def now_span(self) -> str:
        """This version's interval."""
        return span(self.measure, self.now) if self.now else ""

    @property
    def change(self) -> str:
        """The difference, with its sign."""
        return self._signed(self.difference["value"]) if self.difference else formats.NOT_MEASURED

    @property
    def change_span(self) -> str:
        """The interval of the difference."""
        if not self.difference or self.difference["diff_ci_low"] is None:
            return "no interval"
        low, high = self.difference["diff_ci_low"], self.difference["diff_ci_high"]
        return f"{self._signed(low)} to {self._signed(high)}"

    @property
    def word(self) -> str:
        """Better, worse or cannot tell, by the interval of the difference alone; for a measure with an ideal or
        with no better side, only whether it differs."""
        if self.difference is None or self.difference["value"] is None:
            return "Not measured"
        low, high = self.difference["diff_ci_low"], self.difference["diff_ci_high"]
        if low is None or high is None or low <= 0 <= high:
            return "Cannot tell"
        if self.measure.better is Better.HIGHER:
            return "Better" if low > 0 else "Worse"
        if self.measure.better is Better.LOWER:
            return "Better" if high < 0 else "Worse"
        return "Differs"

    @property
    def kind(self) -> str:
        """The status drawn beside the word."""
        kinds = {"Better": "met", "Worse": "not_met", "Differs": "half", "Not measured": "not_measured"}
        return kinds.get(self.word, "not_applicable")

    @property
    def difference_drawn(self) -> SafeString | None:
        """The interval of the difference around zero."""
        found = self.difference
        if not found or found["value"] is None or found["diff_ci_low"] is None:
            return None
        reach = max(abs(found["diff_ci_low"]), abs(found["diff_ci_high"])) * 1.15 or 0.01
        return interval(
            found["value"],
            found["diff_ci_low"],
            found["diff_ci_high"],
            axis=(-reach, reach),
            label=f"{self.measure.label}: {self.change}, interval {self.change_span}",
            reference=0.0,
            width=180,
        )

    def _signed(self, value: Any) -> str:
        if self.measure.unit is Unit.TARGET:
            return formats.quantity(value, plus=True)
        return formats.difference(value)


def measure_lines(
    evaluation: Evaluation, against: Evaluation, comparison: Comparison | None
) -> list[MeasureLine]:
    """Every measure either evaluation has, worst first; without a comparison there is no difference to say."""
    now, was = evaluation.results_document["metrics"], against.results_document["metrics"]
    diffs = comparison.differences["diffs"] if comparison else {}
    lines = [
        MeasureLine(METRICS[name], was.get(name), now.get(name), diffs.get(name))
        for name in METRICS
        if name in now or name in was
    ]
    return sorted(lines, key=lambda line: _ORDER[line.word])


def in_words(lines: Iterable[MeasureLine]) -> str:
    """“Of 9 measures 7 are better, 1 is worse; of 1 it cannot be told.”"""
    counted = [line.word for line in lines if line.difference is not None]
    if not counted:
        return ""
    parts = [
        f"{counted.count(word)} {'is' if counted.count(word) == 1 else 'are'} {word.lower()}"
        for word in ("Worse", "Better")
        if word in counted
    ]
    if unsure := counted.count("Cannot tell"):
        parts.append(f"of {unsure} it cannot be told")
    return f"Of {formats.plural(len(counted), 'measure')} {', '.join(parts) or 'none says which is better'}."


@dataclass(frozen=True, slots=True)
class AnswerCell:
    """Rows both versions answered so: how many, and which share of them was positive."""

    n: int
    share: str


def answer_table(comparison: Comparison | None) -> list[list[AnswerCell]]:
    """By the other version's answer (row) and this one's (column), negative first; empty for a regression."""
    cells = comparison.differences.get("answers", []) if comparison else []
    found = {
        (one["champion_positive"], one["this_positive"]): AnswerCell(
            one["n"], formats.percent(one["positives"] / one["n"]) if one["n"] else "none"
        )
        for one in cells
    }
    return [[found[was, now] for now in (False, True)] for was in (False, True)] if found else []


@dataclass(frozen=True, slots=True)
class FileLine:
    """A path of either version, with its digest and size in each."""

    path: str
    was: tuple[str, int] | None
    now: tuple[str, int] | None

    @property
    def same(self) -> bool:
        """Whether both hold the same bytes under this path."""
        return self.was is not None and self.now is not None and self.was[0] == self.now[0]


def file_lines(version: ModelVersion, other: ModelVersion) -> list[FileLine]:
    """The files of both, those that differ first."""
    was, now = (
        {file.path: (file.blob.sha256, file.blob.size) for file in one.files.select_related("blob")}
        for one in (other, version)
    )
    lines = [FileLine(path, was.get(path), now.get(path)) for path in sorted({*was, *now})]
    return sorted(lines, key=lambda line: line.same)
