"""Permutation importance: what the headline measure loses when one feature's values are shuffled among the rows.

Breiman 2001, Machine Learning 45; model-agnostic as in Fisher, Rudin & Dominici 2019, Journal of Machine Learning
Research 20. Features that say the same stand in for one another, so each can look unimportant.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from governance.evaluation.measures.estimate import Estimate, Z, stream, undefined
from governance.evaluation.probes.passes import Answer, Found, Pass
from governance.evaluation.probes.robustness import failed_sentence
from governance.evaluation.probes.subject import Subject, in_batches, with_columns

REPEATS = 5
MOST_FEATURES = 50

#: Rows of all features and repeats together; the more there are, the fewer rows each is tried on.
MOST_ROWS = 500_000


class Importance:
    """Asks for the rows with each feature shuffled, five times over."""

    def __init__(self, subject: Subject) -> None:
        names = subject.features.schema.names
        self._asked, self._left = names[:MOST_FEATURES], names[MOST_FEATURES:]
        self._subject = subject.thinned(MOST_ROWS // (REPEATS * len(self._asked)))

    def passes(self) -> list[Pass]:
        """One pass a feature."""
        return [
            Pass(
                f"importance.{name}",
                f"“{name}” shuffled",
                REPEATS * self._subject.rows,
                self._shuffled(name),
            )
            for name in self._asked
        ]

    def _shuffled(self, name: str) -> Iterator[pa.RecordBatch]:
        rng = stream(self._subject.seed, "probes", "importance", name)
        rows = self._subject.features
        for _ in range(REPEATS):
            order = pa.array(rng.permutation(rows.num_rows))
            yield from in_batches(with_columns(rows, {name: rows[name].take(order)}))

    def found(self, answers: Mapping[str, Answer]) -> Found:
        """`importance`: the features with their mean drop over the repeats, largest first."""
        subject, found = self._subject, Found()
        headline = subject.headline
        drops: dict[str, Estimate] = {}
        for name in self._asked:
            answer = answers[f"importance.{name}"]
            if answer.answered < 1:
                drops[name] = undefined(failed_sentence(answer), method="none", n=subject.rows)
                found.not_measured.append(
                    {"what": f"Importance of “{name}”", "why": drops[name].undefined or ""}
                )
            else:
                after = np.split(answer.scores, REPEATS)
                drops[name] = averaged(headline.drops(subject.scores, after))
        if self._left:
            why = f"The importance of {MOST_FEATURES} features is measured; the model has more."
            found.not_measured.append(
                {"what": f"Importance of {len(self._left):,} more features", "why": why}
            )
        known = sorted(drops, key=lambda name: _known(drops[name]), reverse=True)
        found.results["importance"] = [{"feature": name, "drop": drops[name].as_dict()} for name in known]
        return found


def _known(drop: Estimate) -> float:
    return -np.inf if drop.value is None else drop.value


def averaged(drops: Sequence[Estimate]) -> Estimate:
    """The mean drop of several shuffles of the same rows. Its variance is that of one paired drop, which the shared
    rows keep from averaging out, and that of the shuffles over their number."""
    values = [drop.value for drop in drops if drop.value is not None]
    if len(values) < len(drops):
        return next(drop for drop in drops if drop.value is None)
    value, n = float(np.mean(values)), drops[0].n
    halves = [
        (drop.ci_high - drop.ci_low) / 2
        for drop in drops
        if drop.ci_high is not None and drop.ci_low is not None
    ]
    if len(halves) < len(drops):
        return Estimate(value, None, None, "no interval, the drop is the same in every row", n)
    spread = float(np.var(values, ddof=1)) / len(values)
    half = float(np.sqrt(np.mean(np.square(halves)) + Z**2 * spread))
    return Estimate(value, value - half, value + half, f"{drops[0].method} over {len(drops)} shuffles", n)
