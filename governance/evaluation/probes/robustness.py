"""Robustness: what the headline measure loses where inputs are missing, noisy, out of range or unseen."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from governance.evaluation.measures.estimate import Estimate, stream, undefined
from governance.evaluation.probes.columns import (
    categorical,
    floats,
    numeric,
    with_gaps,
    with_numbers,
    with_unseen,
)
from governance.evaluation.probes.passes import Answer, Found, Pass
from governance.evaluation.probes.subject import Subject, in_batches, with_columns

NO_NUMBERS = "No feature holds numbers."
NO_CATEGORIES = "No feature holds text or is declared to hold categories."

#: How far beyond the range of the rows a value lies, in ranges.
BEYOND = 10.0

#: Where an object lies in memory differs from run to run, and evidence must not.
_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")


@dataclass(frozen=True, slots=True)
class Scenario:
    """One disturbance: `disturb` gives the rows as they then are. `read` says whether the largest drop counts it."""

    name: str
    title: str
    disturb: Callable[[Subject, np.random.Generator], pa.RecordBatch]
    lacks: Callable[[Subject], str]
    read: bool = False


def _missing(share: float) -> Callable[[Subject, np.random.Generator], pa.RecordBatch]:
    """Every value is missing with this chance, whatever the others are."""

    def disturb(subject: Subject, rng: np.random.Generator) -> pa.RecordBatch:
        columns = [with_gaps(column, rng.random(subject.rows) < share) for column in subject.features]
        return pa.RecordBatch.from_arrays(columns, schema=subject.features.schema)

    return disturb


def _noise(deviations: float) -> Callable[[Subject, np.random.Generator], pa.RecordBatch]:
    """Normal noise on every number, its standard deviation so many of the column's own; whole numbers stay whole."""

    def disturb(subject: Subject, rng: np.random.Generator) -> pa.RecordBatch:
        rows, changed = subject.features, {}
        for name in numeric(rows.schema, subject.declared):
            values = floats(rows[name])
            held = values[~np.isnan(values)]
            step = deviations * float(held.std()) if len(held) else 0.0
            moved = rng.normal(0.0, 1.0, len(values)) * step
            if pa.types.is_integer(rows.schema.field(name).type):
                moved = np.rint(moved)
            changed[name] = with_numbers(rows[name], values + moved, moved != 0)
        return with_columns(rows, changed)

    return disturb


def _out_of_range(subject: Subject, rng: np.random.Generator) -> pa.RecordBatch:
    """In each row one number, of a column drawn for the row, lies ten ranges above the largest or below the
    smallest."""
    rows = subject.features
    names = numeric(rows.schema, subject.declared)
    changed = {}
    drawn, above = rng.integers(len(names), size=subject.rows), rng.random(subject.rows) < 0.5
    for place, name in enumerate(names):
        values = floats(rows[name])
        held = values[~np.isnan(values)]
        low, high = (float(held.min()), float(held.max())) if len(held) else (0.0, 0.0)
        reach = BEYOND * ((high - low) or max(abs(high), 1.0))
        beyond = np.where(above, high + reach, low - reach)
        changed[name] = with_numbers(rows[name], beyond, drawn == place)
    return with_columns(rows, changed)


def _unseen(subject: Subject, rng: np.random.Generator) -> pa.RecordBatch:
    """In each row one category, of a column drawn for the row, is one that none of the rows has."""
    rows = subject.features
    names = categorical(rows, subject.declared)
    drawn = rng.integers(len(names), size=subject.rows)
    return with_columns(
        rows, {name: with_unseen(rows[name], drawn == place) for place, name in enumerate(names)}
    )


def _nothing(subject: Subject) -> str:
    return ""


def _without_numbers(subject: Subject) -> str:
    return "" if numeric(subject.features.schema, subject.declared) else NO_NUMBERS


def _without_categories(subject: Subject) -> str:
    return "" if categorical(subject.features, subject.declared) else NO_CATEGORIES


SCENARIOS = (
    Scenario("missing_5", "5 % of values missing", _missing(0.05), _nothing),
    Scenario("missing_10", "10 % of values missing", _missing(0.10), _nothing, read=True),
    Scenario("missing_20", "20 % of values missing", _missing(0.20), _nothing),
    Scenario(
        "noise_0.1",
        "Noise of 0.1 standard deviations on numbers",
        _noise(0.1),
        _without_numbers,
        read=True,
    ),
    Scenario("noise_0.3", "Noise of 0.3 standard deviations on numbers", _noise(0.3), _without_numbers),
    Scenario("out_of_range", "One number of each row far out of range", _out_of_range, _without_numbers),
    Scenario("unseen_category", "One category of each row never seen before", _unseen, _without_categories),
)


class Robustness:
    """Asks for the same rows under each disturbance and holds the scores against the undisturbed ones."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._lacks = {scenario.name: scenario.lacks(subject) for scenario in SCENARIOS}
        self._asked = [scenario for scenario in SCENARIOS if not self._lacks[scenario.name]]

    def passes(self) -> list[Pass]:
        """One pass a scenario that these columns allow."""
        return [
            Pass(f"robustness.{scenario.name}", scenario.title, self._subject.rows, self._rows(scenario))
            for scenario in self._asked
        ]

    def _rows(self, scenario: Scenario) -> Iterator[pa.RecordBatch]:
        rng = stream(self._subject.seed, "probes", "robustness", scenario.name)
        yield from in_batches(scenario.disturb(self._subject, rng))

    def found(self, answers: Mapping[str, Answer]) -> Found:
        """`robustness`: the scenarios, the undisturbed measure, and the largest drop of those that policies read:
        undefined where one of them could not be answered, since that one may be larger."""
        subject, found = self._subject, Found()
        given = {scenario.name: answers[f"robustness.{scenario.name}"] for scenario in self._asked}
        whole = [name for name, answer in given.items() if answer.answered == 1]
        drops = dict(
            zip(
                whole,
                subject.headline.drops(subject.scores, [given[name].scores for name in whole]),
                strict=True,
            )
        )
        entries = []
        for scenario in self._asked:
            answer = given[scenario.name]
            entries.append(self._entry(scenario, answer, drops.get(scenario.name)))
            if scenario.name not in drops:
                found.not_measured.append(
                    {"what": f"Robustness: {scenario.title}", "why": entries[-1]["failed"]}
                )
        found.not_measured += [
            {"what": f"Robustness: {scenario.title}", "why": self._lacks[scenario.name]}
            for scenario in SCENARIOS
            if self._lacks[scenario.name]
        ]
        worst, title = self._largest(drops)
        found.results["robustness"] = {
            "metric": subject.headline.metric,
            "rows": subject.rows,
            "undisturbed": subject.headline.value(subject.scores).as_dict(),
            "scenarios": entries,
            "largest_drop": worst.as_dict(),
            "largest_drop_in": title,
        }
        return found

    def _entry(self, scenario: Scenario, answer: Answer, drop: Estimate | None) -> dict[str, Any]:
        headline = self._subject.headline
        entry: dict[str, Any] = {
            "name": scenario.name,
            "title": scenario.title,
            "share": answer.answered,
            "rows": self._subject.rows,
            "metric": headline.metric,
        }
        if drop is not None:
            return entry | {"value": headline.value(answer.scores).as_dict(), "drop": drop.as_dict()}
        failed = failed_sentence(answer)
        missing = undefined(failed, method="none", n=self._subject.rows).as_dict()
        return entry | {"value": missing, "drop": missing, "failed": failed}

    def _largest(self, drops: Mapping[str, Estimate]) -> tuple[Estimate, str]:
        read = [scenario for scenario in self._asked if scenario.read]
        rows = self._subject.rows
        for scenario in read:
            drop = drops.get(scenario.name)
            if drop is None:
                why = f"The model does not answer every row with {_inside(scenario.title)}."
                return undefined(why, method="none", n=rows), scenario.title
            if drop.value is None:
                return drop, scenario.title
        worst = max(read, key=lambda scenario: drops[scenario.name].value or 0.0)
        return drops[worst.name], worst.title


def _inside(title: str) -> str:
    return title[0].lower() + title[1:]


def failed_sentence(answer: Answer) -> str:
    """Why rows of this pass have no numbers, in one sentence or two."""
    said = _ADDRESS.sub("0x…", answer.refusals[0]) if answer.refusals else ""
    return f"{1 - answer.answered:.0%} of the rows were not answered. {said}".strip()
