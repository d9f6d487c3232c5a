"""Rows of the evaluation data that the model may have learnt by heart."""

from __future__ import annotations

from typing import Any

import numpy as np

from governance.evaluation.honesty.hashing import Hashes, shared
from governance.evaluation.measures.estimate import Estimate, undefined
from governance.evaluation.measures.proportions import newcombe_difference, wilson

#: Above this share of rows that repeat by chance alone, shared rows tell nothing.
MOST_BY_CHANCE = 0.05

BY_KEY = "row key"
BY_CONTENT = "equal content, less the overlap of two random halves of the training data"
EMPTY = "There are no rows."


def overlap_by_key(found: int, rows: int) -> dict[str, Any]:
    """The share of the evaluation's `rows` whose key stands in the training data, which are `found`, with Wilson's
    interval."""
    return {
        "row_overlap": wilson(found, rows, empty=EMPTY).as_dict(),
        "method": BY_KEY,
        "shared_rows": found,
    }


def overlap_by_content(found: int, rows: int, training: Hashes, *, seed: int) -> dict[str, Any]:
    """The share of evaluation rows whose content stands in the training data too, less what chance makes equal: the
    share that one random half of the training data finds in the other.

    Rows of few columns with few values repeat without any leak, and then `inconclusive` says so: a leak hides in
    that. The interval is Newcombe's for the difference of two shares (1998, Statistics in Medicine 17); below 0 an
    overlap has no meaning, so value and interval end there. The halves depend on the seed and on what rows there
    are, not on their order. `found` of the evaluation's `rows` stand in the training data, whose hashes are in order
    and left in another.
    """
    overlap = wilson(found, rows, empty=EMPTY)
    repeated, tried = _by_chance(training, seed)
    baseline = wilson(repeated, tried, empty="The training data have too few rows to halve.")
    told: dict[str, Any] = {
        "row_overlap": _excess(found, rows, repeated, tried).as_dict(),
        "method": BY_CONTENT,
        "shared_rows": found,
        "overlap": overlap.as_dict(),
        "baseline": baseline.as_dict(),
    }
    if baseline.value is not None and baseline.value > MOST_BY_CHANCE:
        told["inconclusive"] = (
            f"{baseline.value:.1%} of the rows of one random half of the training data stand in the other half too, so "
            "equal rows are no sign of a leak. Declare a row key for both datasets."
        )
    return told


def settled(by_key: dict[str, Any] | None, by_content: dict[str, Any]) -> dict[str, Any]:
    """Shared rows by key where both datasets declare one, else by content.

    Keys can be given anew, so the content is asked as well: where it surely shares more rows than the keys admit, it
    counts, and `by_key` holds what the keys said.
    """
    if by_key is None:
        return by_content
    surely = by_content["row_overlap"]["ci_low"]
    admitted = by_key["row_overlap"]["value"]
    told = "inconclusive" not in by_content and surely is not None and admitted is not None
    if told and surely > admitted:
        return {**by_content, "by_key": by_key}
    return {**by_key, "by_content": by_content}


def _by_chance(training: Hashes, seed: int) -> tuple[int, int]:
    """How many rows of one random half stand in the other, and how many rows the half has. Drawn in place: a copy
    would be as large as the training data's keys."""
    np.random.Generator(np.random.PCG64(seed)).shuffle(training)
    half = len(training) // 2
    training[half:].sort()
    return shared(training[:half], training[half:]), half


def _excess(found: int, rows: int, repeated: int, tried: int) -> Estimate:
    if not rows or not tried:
        return undefined("There are too few rows to compare.", method="Newcombe", n=rows)
    low, high = newcombe_difference(found, rows, repeated, tried)
    value = max(found / rows - repeated / tried, 0.0)
    return Estimate(value, min(max(low, 0.0), value), max(high, value), "Newcombe", rows)
