"""What a verification found, worst part first, so that many small findings never bury a large one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

SHOWN = 100
"""Findings of a section that are named; the rest is counted."""


class Section(StrEnum):
    """The order of the report: what an early message must not bury comes first."""

    ANCHORS = "anchors"
    SIGNATURES = "signatures"
    ROWS = "rows"
    ROOTS = "roots"
    TABLES = "tables"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not hold, in a sentence that names it."""

    section: Section
    sentence: str


@dataclass(slots=True)
class Report:
    """The outcome. `anchors` names those that were compared: with none, a cut-off tail leaves no trace.
    `covered` is the size of the last checkpoint whose signature and root hold, and that of all before it."""

    size: int = 0
    covered: int = 0
    pending: int = 0
    checkpoints: int = 0
    subjects: int = 0
    anchors: list[str] = field(default_factory=list)
    _findings: list[Finding] = field(default_factory=list)
    _counts: Counter[Section] = field(default_factory=Counter)

    def add(self, section: Section, sentence: str) -> None:
        """Note that something does not hold."""
        self._counts[section] += 1
        if self._counts[section] <= SHOWN:
            self._findings.append(Finding(section, sentence))

    @property
    def ok(self) -> bool:
        """Whether everything holds."""
        return not self._findings

    @property
    def findings(self) -> list[Finding]:
        """Everything that does not hold, in the order of the sections, at most SHOWN of each and then how
        many more there are."""
        found: list[Finding] = []
        for section in Section:
            found += [finding for finding in self._findings if finding.section is section]
            if self._counts[section] > SHOWN:
                found.append(Finding(section, f"and {self._counts[section] - SHOWN} more"))
        return found

    @property
    def counts(self) -> dict[str, int]:
        """How many findings each section has; only those that have some."""
        return {section.value: self._counts[section] for section in Section if self._counts[section]}

    def lines(self) -> Iterator[str]:
        """The report for people."""
        yield (
            f"{self.size} entries sealed, {self.pending} waiting, {self.checkpoints} checkpoints, "
            f"{self.subjects} rows compared"
        )
        yield "anchors: " + (", ".join(self.anchors) or "none, so a cut-off tail would leave no trace")
        for finding in self.findings:
            yield f"{finding.section}: {finding.sentence}"
        yield "everything holds" if self.ok else f"{self._counts.total()} findings"

    def as_dict(self) -> dict[str, Any]:
        """JSON form, as a job keeps it."""
        return {
            "ok": self.ok,
            "size": self.size,
            "covered": self.covered,
            "pending": self.pending,
            "checkpoints": self.checkpoints,
            "subjects": self.subjects,
            "anchors": self.anchors,
            "counts": self.counts,
            "findings": [{"section": f.section.value, "sentence": f.sentence} for f in self.findings],
        }
