"""Asking a second process of the model what every row of the data does not tell: see `probes`.

One further sandbox process under the same limits, fed with the passes of all probes in a row. Whatever it cannot
answer is said in `not_measured` and fails no evaluation: what a policy demands of it is then missing, and does not
pass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from countersign.jobs.handlers import JobContext
from governance.evaluation.data import EvaluationData
from governance.evaluation.labels import canonical_label
from governance.evaluation.learned import Learned, drawn, in_columns, learned_rows
from governance.evaluation.measures.estimate import Estimate, FloatArray, plain
from governance.evaluation.measuring import DEFAULT_THRESHOLD
from governance.evaluation.models import Evaluation
from governance.evaluation.predicting import Predict
from governance.evaluation.probes.flip import Flip
from governance.evaluation.probes.headline import headline
from governance.evaluation.probes.importance import Importance
from governance.evaluation.probes.latency import Latency
from governance.evaluation.probes.passes import Asked, Chain, Found, Pass
from governance.evaluation.probes.reproduction import Reproduction
from governance.evaluation.probes.robustness import Robustness
from governance.evaluation.probes.subject import Subject
from governance.evaluation.probes.titles import PROBES
from governance.evaluation.probes.training import Training
from governance.evaluation.sandbox import EvaluationFailed, Outcome
from governance.evaluation.suites import Probe, Suite
from registry.versions.tasks import Task

#: Formats whose libraries compute in 32 bits.
SINGLE_PRECISION = frozenset({"onnx", "xgboost"})

#: Cells of the sample, so that wide data need no more memory than long ones.
MOST_CELLS = 20_000_000

FROM, UNTIL = 0.7, 0.93


@dataclass(frozen=True, slots=True)
class First:
    """What the first process left: its `outcome`, what was `measured` of it, and the scores (rows, k) kept."""

    outcome: Outcome
    measured: dict[str, Any]
    scores: FloatArray


def probe(
    context: JobContext,
    evaluation: Evaluation,
    suite: Suite,
    data: EvaluationData,
    first: First,
    predicted: Predict,
) -> Found:
    """What the suite's probes find. `predicted` starts the model in a process of its own, as the first time; it is
    given the batches, their rows, and what else differs. Raises what `context` raises where the job should stop."""
    found = Found()
    if not suite.probes:
        return found
    asked = _asked(context, evaluation, suite, data, first, found)
    passes = [one for probe in asked.values() for one in probe.passes()]
    if not passes:
        return found
    done = 0

    def begun(one: Pass) -> None:
        nonlocal done
        context.progress(FROM + (UNTIL - FROM) * done / max(chain.rows, 1), one.title)
        done += one.rows

    chain = Chain(passes, begun)
    try:
        outcome = predicted(
            batches=chain,
            rows=chain.rows,
            tolerated_from=0,
            keep=evaluation.dataset_version.positive_label if suite.task is Task.BINARY else None,
        )
    except EvaluationFailed as failure:
        context.check()
        found.add(_unanswered(asked, failure))
        return found
    if outcome.scores.shape[1] != first.scores.shape[1] or (
        suite.task is Task.MULTICLASS and outcome.classes != first.outcome.classes
    ):
        found.add(_other_classes(asked))
        return found
    answers = chain.answers(outcome.scores, outcome.latencies, outcome.refusals)
    with context.interrupting():
        context.progress(UNTIL, "Measuring the answers")
        for one in asked.values():
            found.add(one.found(answers))
    found.results = plain(found.results)
    found.circumstances["probes"] = {
        "passes": [
            {"name": one.name, "rows": one.rows, "seconds": round(sum(answers[one.name].latencies), 6)}
            for one in passes
        ],
        **outcome.circumstances,
    }
    return found


def _asked(
    context: JobContext,
    evaluation: Evaluation,
    suite: Suite,
    data: EvaluationData,
    first: First,
    found: Found,
) -> dict[Probe, Asked]:
    """The probes in the order they are asked in; why others are not goes to `found`."""
    asked: dict[Probe, Asked] = {}
    if Probe.REPRODUCTION in suite.probes:
        [batch] = islice(data.batches(suite.batch_rows), 1)
        asked[Probe.REPRODUCTION] = Reproduction(
            batch,
            first.scores[: batch.num_rows],
            single_precision=evaluation.version.flavour in SINGLE_PRECISION,
        )
    if not suite.probes - {Probe.REPRODUCTION}:
        return asked
    context.progress(FROM, "Drawing the rows to ask about")
    subject = _subject(evaluation, suite, data, first)
    if Probe.LATENCY in suite.probes:
        asked[Probe.LATENCY] = Latency(subject, suite.latency_calls)
    if Probe.TRAINING in suite.probes:
        learned, why = learned_rows(context, evaluation, suite, subject.features.schema, _known(first))
        found.not_measured += [{"what": PROBES[Probe.TRAINING][0], "why": reason} for reason in why]
        if learned is not None:
            asked[Probe.TRAINING] = _training(learned, suite, first)
    if Probe.ROBUSTNESS in suite.probes:
        asked[Probe.ROBUSTNESS] = Robustness(subject)
    if Probe.FLIP in suite.probes:
        attributes = evaluation.dataset_version.sensitive_attributes
        if attributes:
            asked[Probe.FLIP] = Flip(subject, attributes)
        else:
            why_not = "The dataset declares no sensitive attribute."
            found.not_measured.append({"what": PROBES[Probe.FLIP][0], "why": why_not})
    if Probe.IMPORTANCE in suite.probes:
        asked[Probe.IMPORTANCE] = Importance(subject)
    return asked


def _training(learned: Learned, suite: Suite, first: First) -> Training:
    over = headline(suite.task, learned.labels, queries=learned.queries, seed=suite.seed)
    told = first.measured["metrics"][over.metric]
    return Training(learned.features, over, learned.datasets, Estimate(**{"undefined": None, **told}))


def _known(first: First) -> list[str]:
    """The classes the model knows, in the order of its scores' columns."""
    return [canonical_label(name) for name in first.outcome.classes]


def _subject(evaluation: Evaluation, suite: Suite, data: EvaluationData, first: First) -> Subject:
    signature = evaluation.version.signature
    rows = max(min(suite.probe_rows, MOST_CELLS // max(len(data.features), 1)), 1)
    sample = drawn(data, suite, rows)
    labels: NDArray[Any] = sample.labels
    if suite.task is Task.MULTICLASS:
        labels = in_columns(labels, data.classes, _known(first))
    [features] = sample.features.combine_chunks().to_batches()
    return Subject(
        task=suite.task,
        features=features,
        labels=labels,
        queries=None if sample.queries is None else sample.queries.codes.astype(np.int64),
        scores=first.scores[sample.index],
        changed=_changed(suite.task, signature),
        declared={one["name"]: one["type"] for one in signature["features"]},
        seed=suite.seed,
    )


def _changed(
    task: Task, signature: dict[str, Any]
) -> Callable[[FloatArray, FloatArray], NDArray[np.bool_]] | None:
    """When two scores of a row decide otherwise: on other sides of the threshold, for another class, or further
    apart than the declared tolerance."""
    if task is Task.BINARY:
        declared = signature.get("threshold")
        threshold = DEFAULT_THRESHOLD if declared is None else float(declared)
        return lambda before, after: (before[:, 0] >= threshold) != (after[:, 0] >= threshold)
    if task is Task.MULTICLASS:
        return lambda before, after: before.argmax(axis=1) != after.argmax(axis=1)
    tolerance = signature.get("tolerance")
    if task is Task.REGRESSION and tolerance is not None:
        return lambda before, after: np.abs(before[:, 0] - after[:, 0]) > tolerance
    return None


def _unanswered(asked: dict[Probe, Asked], failure: EvaluationFailed) -> Found:
    """The second process came to no end: nothing it said counts."""
    return Found(
        circumstances={"probes": {"failed": failure.code, "said": failure.said, **failure.circumstances}},
        not_measured=[{"what": PROBES[probe][0], "why": failure.message} for probe in asked],
    )


def _other_classes(asked: dict[Probe, Asked]) -> Found:
    why = "Another process of the model names other classes, so its answers cannot be held against the first ones."
    return Found(not_measured=[{"what": PROBES[probe][0], "why": why} for probe in asked])
