"""The flip test: what changes when nothing but one sensitive attribute of a row does.

A counterfactual of the input alone: whatever follows from the attribute elsewhere in the row stays as it is, so a
rate of 0 shows that the attribute is not used, not that nothing stands for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from governance.evaluation.labels import canonical_label
from governance.evaluation.measures.errors import mean, mean_of_losses
from governance.evaluation.measures.estimate import Estimate, FloatArray, undefined
from governance.evaluation.measures.proportions import wilson
from governance.evaluation.probes.passes import Answer, Found, Pass
from governance.evaluation.probes.robustness import failed_sentence
from governance.evaluation.probes.subject import Subject, in_batches, with_columns

#: Replacing by every one of more values would cost more than it tells; the most frequent are kept.
MOST_VALUES = 10
NO_DECISION = (
    "A number decides nothing by itself; of a regression a declared tolerance says what change counts."
)
NOT_A_FEATURE = "Not among the features, so no answer can change with it alone."


@dataclass(frozen=True, slots=True)
class _Flipped:
    """One attribute: the rows it is tried on, the place of a row that holds each value, and each row's value (-1:
    none of those)."""

    attribute: str
    subject: Subject
    holders: tuple[int, ...]
    names: tuple[str, ...]
    codes: NDArray[np.int64]

    def others(self, value: int) -> NDArray[np.int64]:
        """The rows that hold another value than this one."""
        return np.flatnonzero(self.codes != value)

    def replaced(self, value: int) -> pa.RecordBatch:
        """Those rows, as if they held it."""
        rows = self.subject.features.take(pa.array(self.others(value)))
        held = self.subject.features[self.attribute]
        same = held.take(pa.array(np.full(rows.num_rows, self.holders[value])))
        return with_columns(rows, {self.attribute: same})

    def pass_name(self, value: int) -> str:
        """The name of the pass that replaces by this value."""
        return f"flip.{self.attribute}.{value}"


class Flip:
    """Asks for the rows with each sensitive attribute that is a feature replaced by every other value it takes."""

    def __init__(self, subject: Subject, attributes: Sequence[str]) -> None:
        self._subject = subject
        self._outside = [name for name in attributes if name not in subject.features.schema.names]
        self._flipped = [_flipped(subject, name) for name in attributes if name not in self._outside]

    def passes(self) -> list[Pass]:
        """One pass for each value of each attribute that takes several."""
        return [
            Pass(
                one.pass_name(value),
                f"“{one.attribute}” as {one.names[value]}",
                len(one.others(value)),
                _lazily(one, value),
            )
            for one in self._flipped
            if len(one.holders) > 1
            for value in range(len(one.holders))
        ]

    def found(self, answers: Mapping[str, Answer]) -> Found:
        """`flip`: for each attribute the share of rows whose decision changes with at least one replacement, and how
        far the score moves; `flip_rate`: the largest share."""
        found = Found()
        entries: list[dict[str, Any]] = []
        rates: list[Estimate] = []
        for one in self._flipped:
            what = f"Flip test: {one.attribute}"
            if len(one.holders) < 2:
                why = "It is the same in every row, so there is nothing to flip it to."
                found.not_measured.append({"what": what, "why": why})
                continue
            given = [answers[one.pass_name(value)] for value in range(len(one.holders))]
            refused = next((answer for answer in given if answer.answered < 1), None)
            rate, entry = _unanswered(one, refused) if refused else _measured(one, given)
            if rate.value is None:
                found.not_measured.append({"what": what, "why": rate.undefined or ""})
            entries.append({"attribute": one.attribute, "feature": True, "rate": rate.as_dict()} | entry)
            rates.append(rate)
        entries.sort(key=lambda entry: -(entry["rate"]["value"] or 0.0))
        entries += [
            {"attribute": name, "feature": False, "sentence": NOT_A_FEATURE} for name in self._outside
        ]
        found.results["flip"] = entries
        if rates:
            found.results["flip_rate"] = _worst(rates).as_dict()
        elif self._outside and not self._flipped:
            fact = Estimate(
                0.0, 0.0, 0.0, "by definition: no sensitive attribute is a feature", self._subject.rows
            )
            found.results["flip_rate"] = fact.as_dict()
        return found


def _worst(rates: list[Estimate]) -> Estimate:
    """The largest; one that is not known may be larger."""
    unknown = next((rate for rate in rates if rate.value is None), None)
    return unknown or max(rates, key=lambda rate: rate.value or 0.0)


def _lazily(one: _Flipped, value: int) -> Iterator[pa.RecordBatch]:
    yield from in_batches(one.replaced(value))


def _flipped(subject: Subject, attribute: str) -> _Flipped:
    codes, values = _values(subject.features[attribute])
    if len(values) > 3:  # as many rows in all as two values of each row would ask for, at most
        subject = subject.thinned(-(-2 * subject.rows // (len(values) - 1)))
        codes, values = _values(subject.features[attribute])
    holders = tuple(int(np.argmax(codes == value)) for value in range(len(values)))
    return _Flipped(attribute, subject, holders, values, codes)


def _values(column: pa.Array) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """For each row the place of its value among the most frequent ones, -1 where it is missing or rarer."""
    plain = column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
    encoded = pc.dictionary_encode(plain)
    indices = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    entries = encoded.dictionary.to_pylist()
    counts = np.bincount(indices[indices >= 0], minlength=len(entries))
    usable = [place for place, entry in enumerate(entries) if entry == entry]  # NaN is no value
    order = sorted(usable, key=lambda place: (-counts[place], str(entries[place])))[:MOST_VALUES]
    places = np.full(len(entries) + 1, -1, dtype=np.int64)
    for place, entry in enumerate(order):
        places[entry] = place
    return places[indices], tuple(canonical_label(entries[entry])[:80] for entry in order)


def _measured(one: _Flipped, given: list[Answer]) -> tuple[Estimate, dict[str, Any]]:
    subject = one.subject
    switched = np.zeros(subject.rows, dtype=np.bool_)
    moves: list[FloatArray] = []
    directions = []
    for value, answer in enumerate(given):
        places = one.others(value)
        before = subject.scores[places]
        moves.append(_distance(before, answer.scores))
        direction: dict[str, Any] = {"to": one.names[value], "rows": len(places)}
        if subject.scores.shape[1] == 1:
            direction["mean_change"] = mean(answer.scores[:, 0] - before[:, 0]).as_dict()
        if subject.changed is not None:
            differs = subject.changed(before, answer.scores)
            switched[places[differs]] = True
            direction["rate"] = wilson(int(differs.sum()), len(places), empty="No row.").as_dict()
        directions.append(direction)
    rate = (
        undefined(NO_DECISION, method="Wilson", n=subject.rows)
        if subject.changed is None
        else wilson(int(switched.sum()), subject.rows, empty="No row.")
    )
    moved = mean_of_losses(np.concatenate(moves))
    return rate, {"rows": subject.rows, "mean_distance": moved.as_dict(), "directions": directions}


def _distance(before: FloatArray, after: FloatArray) -> FloatArray:
    """How far the scores of a row moved; of several classes half the sum, the probability that changed place."""
    moved: FloatArray = np.abs(after - before).sum(axis=1)
    return moved if before.shape[1] == 1 else moved / 2


def _unanswered(one: _Flipped, refused: Answer) -> tuple[Estimate, dict[str, Any]]:
    why = failed_sentence(refused)
    return undefined(why, method="Wilson", n=one.subject.rows), {"rows": one.subject.rows, "failed": why}
