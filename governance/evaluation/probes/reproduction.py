"""Reproduction: the same rows scored by another process of the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from governance.evaluation.measures.estimate import FloatArray, plain
from governance.evaluation.probes.passes import Answer, Found, Pass
from governance.evaluation.probes.robustness import failed_sentence

#: How far two scores may lie apart and still be one but for rounding, relative to the score beyond 1. Formats that
#: compute in 32 bits round at the seventh digit.
TOLERANCE = 1e-9
SINGLE_PRECISION = 1e-6


class Reproduction:
    """Sends `batch`, the first batch of the data exactly as the first process got it, and compares with the `scores`
    (rows, k) that came back then.

    One other row goes ahead of it: a model that draws random numbers begins with the same seed in both processes,
    and is random all the same.
    """

    def __init__(self, batch: pa.RecordBatch, scores: FloatArray, *, single_precision: bool) -> None:
        self._batch = batch
        self._scores = scores
        self._tolerance = SINGLE_PRECISION if single_precision else TOLERANCE

    def passes(self) -> list[Pass]:
        """The row ahead, and the batch."""
        last = self._batch.slice(self._batch.num_rows - 1)
        return [
            Pass("reproduction.ahead", "One row ahead", 1, [last]),
            Pass("reproduction", "The first rows again", self._batch.num_rows, [self._batch]),
        ]

    def found(self, answers: Mapping[str, Answer]) -> Found:
        """`reproduction`: identical (the same bytes), equivalent (within the tolerance in every number) or
        different, with the largest distance."""
        answer = answers["reproduction"]
        found: dict[str, Any] = {"rows": len(self._scores), "tolerance": self._tolerance}
        if answer.answered < 1:
            found |= {"verdict": "different", "largest_difference": None, "why": failed_sentence(answer)}
        else:
            distance = np.abs(answer.scores - self._scores)
            near = distance <= self._tolerance * np.maximum(np.abs(self._scores), 1.0)
            same = answer.scores.tobytes() == self._scores.tobytes()
            found |= {
                "verdict": "identical" if same else "equivalent" if near.all() else "different",
                "largest_difference": float(distance.max()),
            }
        return Found({"reproduction": plain(found)})
