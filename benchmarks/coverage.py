"""How often the 95 % intervals of the measures hold the truth: 2,000 simulated sets of each, the truth known."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from multiprocessing import get_context

import numpy as np

from benchmarks.report import Line
from governance.evaluation.measures.estimate import FEW_ROWS, Estimate

SETS = 2000
#: What 2,000 sets of a true 95 % interval may miss by: three standard errors.
ALLOWED = 0.015
TARGET = 0.95

#: The truth and the estimate of a set, by the name of the measure.
Found = dict[str, tuple[float, Estimate]]


@dataclass(frozen=True, slots=True)
class Case:
    """Some measures in one setting: `simulated` makes a set and measures it. `safe` intervals hold the truth more often
    than they say, by design, of the measures named; `strained` says why no interval can hold it in this setting."""

    setting: str
    simulated: Callable[[np.random.Generator], Found]
    safe: frozenset[str] = frozenset()
    strained: str = ""


def measure(url: str) -> list[Line]:
    """The share of sets whose interval holds the truth, for each measure and setting."""
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), get_context("spawn")) as workers:
        return [line for lines in workers.map(lines_of, range(len(cases()))) for line in lines]


@dataclass(slots=True)
class Tally:
    """How the sets of one measure came out."""

    held: int = 0
    few: int = 0
    missing: int = 0
    methods: Counter[str] = field(default_factory=Counter)

    def add(self, truth: float, found: Estimate) -> None:
        """Take one more set."""
        if found.ci_low is None or found.ci_high is None:
            self.missing += 1
            return
        self.held += found.ci_low <= truth <= found.ci_high
        self.few += FEW_ROWS in found.method
        self.methods[found.method.removesuffix(f", {FEW_ROWS}")] += 1


def lines_of(place: int) -> list[Line]:
    """One case, by its place among them: what a case simulates cannot be sent to another process."""
    case = cases()[place]
    rng = np.random.default_rng(20_261_124)
    tallies: dict[str, Tally] = {}
    for _ in range(SETS):
        for name, (truth, found) in case.simulated(rng).items():
            tallies.setdefault(name, Tally()).add(truth, found)
    return [_line(case, name, tally) for name, tally in tallies.items()]


def _line(case: Case, name: str, tally: Tally) -> Line:
    known = SETS - tally.missing
    share = tally.held / known
    apart = share - TARGET
    said = "within"
    if abs(apart) > ALLOWED:
        said = "below" if apart < 0 else "safe by design" if name in case.safe else "above, on the safe side"
    if tally.few:
        said += f"; its method says \N{LEFT DOUBLE QUOTATION MARK}{FEW_ROWS}\N{RIGHT DOUBLE QUOTATION MARK}"
        said += "" if tally.few == known else f" in {tally.few:,} sets"
    if case.strained:
        said += f"; {case.strained}"
    if tally.missing:
        said += f"; {tally.missing} sets without an interval"
    (method, _), *_ = tally.methods.most_common(1)
    return Line(
        f"{name.replace('_', ' ')}, {case.setting} ({method})",
        f"{share:.1%}",
        f"{TARGET:.0%} \N{PLUS-MINUS SIGN} {ALLOWED:.1%}: {said}",
    )


@cache
def cases() -> list[Case]:
    """Every measure that has an interval, in the settings that strain it."""
    from benchmarks import coverage_classes, coverage_groups, coverage_numbers, coverage_scores

    parts = coverage_scores, coverage_classes, coverage_numbers, coverage_groups
    return [case for part in parts for case in part.cases()]
