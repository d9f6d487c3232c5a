"""Two versions as lines of a table: measures by their paired differences, files by their digests, answers that
change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.safestring import SafeString

from countersign.web import formats
from countersign.web.charts import interval
from governance.comparisons.models import Comparison
from governance.evaluation.differing import (
    BETTER,
    DIFFERS,
    EQUAL,
    NO_WORSE,
    NOT_MEASURED,
    UNSURE,
    WORSE,
    Told,
    signed,
    told,
)
from governance.evaluation.measures.catalogue import METRICS, Measure
from governance.evaluation.models import Evaluation
from governance.evaluation.writing import span, written
from registry.versions.models import ModelVersion

_ORDER = (WORSE, UNSURE, DIFFERS, NO_WORSE, EQUAL, BETTER, NOT_MEASURED)


#: A p held for all groups below this is told.
SIGNIFICANT = 0.05


@dataclass(frozen=True, slots=True)
class MeasureLine:
    """A measure of both versions on the same rows; what is absent was not measured. `margin` is how much worse the
    policy in force lets it be."""

    measure: Measure
    was: dict[str, Any] | None
    now: dict[str, Any] | None
    difference: dict[str, Any] | None
    margin: float | None = field(default=None, kw_only=True)

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
        return signed(self.measure, self.difference["value"]) if self.difference else formats.NOT_MEASURED

    @property
    def change_span(self) -> str:
        """The interval of the difference."""
        if not self.difference or self.difference["diff_ci_low"] is None:
            return "no interval"
        low, high = self.difference["diff_ci_low"], self.difference["diff_ci_high"]
        return f"{signed(self.measure, low)} to {signed(self.measure, high)}"

    @property
    def told(self) -> Told:
        """What the difference says, in words, against the margin."""
        return told(self.measure, self.difference, self.margin)

    @property
    def word(self) -> str:
        """Better, worse, equal, no worse or cannot tell; not measured without a difference."""
        return self.told.word

    @property
    def kind(self) -> str:
        """The status drawn beside the word."""
        return self.told.kind

    @property
    def amount(self) -> str:
        """By how much, in a few words."""
        return self.told.amount

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


def measure_lines(
    evaluation: Evaluation,
    against: Evaluation,
    comparison: Comparison | None,
    margins: Mapping[str, float] | None = None,
) -> list[MeasureLine]:
    """Every measure either evaluation has, worst first; without a comparison there is no difference to say."""
    margins = margins or {}
    now, was = evaluation.results_document["metrics"], against.results_document["metrics"]
    diffs = comparison.differences["diffs"] if comparison else {}
    lines = [
        MeasureLine(METRICS[name], was.get(name), now.get(name), diffs.get(name), margin=margins.get(name))
        for name in METRICS
        if name in now or name in was
    ]
    return sorted(lines, key=lambda line: _ORDER.index(line.word))


def in_words(lines: Iterable[MeasureLine]) -> str:
    """“Of 9 measures 1 is worse, 7 are better, of 1 it cannot be told.”"""
    counted = [line.word for line in lines if line.difference is not None]
    if not counted:
        return ""
    parts = [
        f"{counted.count(word)} {'is' if counted.count(word) == 1 else 'are'} {word.lower()}"
        for word in (WORSE, BETTER, EQUAL, NO_WORSE)
        if word in counted
    ]
    if unsure := counted.count(UNSURE):
        parts.append(f"of {unsure} it cannot be told")
    return f"Of {formats.plural(len(counted), 'measure')} {', '.join(parts) or 'none says which is better'}."


@dataclass(frozen=True, slots=True)
class GroupLine:
    """One group of both versions: what the paired difference says of each of its measures."""

    attribute: str
    group: str
    n: int
    sufficient: bool
    cells: tuple[tuple[Measure, dict[str, Any] | None, Told], ...]

    @property
    def texts(self) -> list[tuple[Measure, str, str, Told]]:
        """Each measure with its difference and interval as text."""
        found = []
        for measure, one, said in self.cells:
            line = MeasureLine(measure, None, None, one)
            found.append((measure, line.change, line.change_span if one else "", said))
        return found


def group_lines(comparison: Comparison | None) -> list[GroupLine]:
    """The groups of every attribute, those that a measure found worse first, then by name; empty where the comparison
    tells of none. A difference counts as one only where it does so among all groups (p held by Holm)."""
    entries = comparison.differences.get("groups", []) if comparison else []
    names = list(dict.fromkeys(name for entry in entries for name in entry["diffs"]))
    lines = [
        GroupLine(
            attribute=entry["attribute"].replace("_", " "),
            group=entry["group"],
            n=entry["n"],
            sufficient=entry["sufficient"],
            cells=tuple(
                (
                    METRICS[name],
                    entry["diffs"].get(name),
                    _told_among(METRICS[name], entry["diffs"].get(name)),
                )
                for name in names
            ),
        )
        for entry in entries
    ]
    return sorted(lines, key=lambda line: (not line.sufficient, _worst(line)))


def _worst(line: GroupLine) -> int:
    return min((_ORDER.index(said.word) for _, _, said in line.cells), default=len(_ORDER))


def _told_among(measure: Measure, difference: dict[str, Any] | None) -> Told:
    """As `told`; what holds of one group looked at alone, but not among all of them, is not told."""
    said = told(measure, difference)
    if (
        difference
        and said.word in (BETTER, WORSE, DIFFERS)
        and (difference.get("p_holm") or 0.0) > SIGNIFICANT
    ):
        return Told(UNSURE, "not among so many groups")
    return said


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
