"""The gap between training and evaluation: how much better the model does on what it has seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from governance.evaluation.measures.estimate import Estimate, undefined
from governance.evaluation.measures.joined import joined
from governance.evaluation.probes.headline import Headline
from governance.evaluation.probes.passes import Answer, Found, Pass
from governance.evaluation.probes.robustness import failed_sentence
from governance.evaluation.probes.subject import in_batches

METHOD = "recovered from both intervals"


class Training:
    """Scores rows the model learned from, whose labels `over` knows and which are from `datasets`, and holds the
    measure against `evaluation`, that of the evaluation's rows."""

    def __init__(
        self,
        rows: pa.RecordBatch,
        over: Headline,
        datasets: Sequence[Mapping[str, Any]],
        evaluation: Estimate,
    ) -> None:
        self._rows = rows
        self._over = over
        self._datasets = datasets
        self._evaluation = evaluation

    def passes(self) -> list[Pass]:
        """One pass."""
        return [Pass("training", "Rows it learned from", self._rows.num_rows, in_batches(self._rows))]

    def found(self, answers: Mapping[str, Answer]) -> Found:
        """`overfitting`: the measure on the training rows, on the evaluation's, and the gap."""
        answer = answers["training"]
        if answer.answered < 1:
            what = "Gap between training and evaluation"
            return Found(not_measured=[{"what": what, "why": failed_sentence(answer)}])
        training = self._over.value(answer.scores)
        return Found(
            {
                "overfitting": {
                    "metric": self._over.metric,
                    "rows": self._rows.num_rows,
                    "training": training.as_dict(),
                    "evaluation": self._evaluation.as_dict(),
                    "gap": gap(training, self._evaluation).as_dict(),
                    "dataset": list(self._datasets),
                }
            }
        )


def gap(training: Estimate, evaluation: Estimate) -> Estimate:
    """The one minus the other, two independent samples, with the interval of `joined`."""
    n = training.n + evaluation.n
    for one, where in ((training, "training"), (evaluation, "evaluation")):
        if one.value is None:
            return undefined(f"On the {where} data: {one.undefined}", method=METHOD, n=n)
    value = float(training.value or 0.0) - float(evaluation.value or 0.0)
    ends = joined(training, evaluation)
    if ends is None:
        return Estimate(value, None, None, "no interval, one of the two measures has none", n)
    return Estimate(value, *ends, METHOD, n)
