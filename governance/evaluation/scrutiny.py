"""Scrutiny of what was measured and of the data behind it: slices, leaks, defects, power, suspicious labels.

It asks the model nothing, and whatever it cannot do is said in `not_measured` and fails no evaluation: what a policy
demands of it is then missing, and does not pass.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from countersign.jobs.handlers import JobContext
from governance.evaluation.data import EvaluationData, Sample
from governance.evaluation.data.source import rebatched
from governance.evaluation.honesty.hashing import HashFile, row_hashes, shared
from governance.evaluation.honesty.label_noise import suspected_labels
from governance.evaluation.honesty.leakage import overlap_by_content, overlap_by_key, settled
from governance.evaluation.honesty.power import power
from governance.evaluation.honesty.quality import Period, Profile, data_quality
from governance.evaluation.honesty.target import single_feature
from governance.evaluation.measures.slices import binary_slices, class_slices, regression_slices
from governance.evaluation.models import Evaluation
from governance.evaluation.suites import Suite
from governance.evaluation.trained_on import BATCH_ROWS, Trained, trained_on, widened
from registry.versions.tasks import Task

#: Rows the slices, single features and labels are looked at on; all of them where there are no more.
SAMPLE_ROWS = 100_000

OVERLAP, SLICES = "Overlap of training and evaluation rows", "Worst slices"


@dataclass(slots=True)
class Scrutiny:
    """Keys for the results, and what was not measured, with the reason in a sentence."""

    results: dict[str, Any] = field(default_factory=dict)
    not_measured: list[dict[str, str]] = field(default_factory=list)

    def leave_out(self, what: str, why: str) -> None:
        """Say that something was not measured."""
        self.not_measured.append({"what": what, "why": why})


def scrutinise(
    context: JobContext,
    evaluation: Evaluation,
    suite: Suite,
    data: EvaluationData,
    measured: dict[str, Any],
    scores: NDArray[np.float64],
) -> Scrutiny:
    """Look at the data and at the model's scores on them, a row each as they are kept. The data are read twice more
    and the training data once, as streams; of these eight bytes a row are held at once. Raises what `context` raises
    where the job should stop."""
    found = Scrutiny()
    leakage = _of_rows(found, context, evaluation, suite, data, measured)
    found.results["power"] = power(measured["metrics"], suite.task)
    context.check()
    sample = data.sample(SAMPLE_ROWS, suite.seed)
    if suite.task is Task.RANKING:
        found.leave_out(
            "Features that tell the target", "An order is one of all rows of a query, not of one feature."
        )
        found.leave_out(SLICES, "An order is one of all rows of a query; slices are of single rows.")
    else:
        features = {name: sample.features[name] for name in data.features}
        leakage |= single_feature(features, target=sample.labels, task=suite.task)
        context.check()
        if suite.slices:
            found.results["slices"] = _slices(suite, data, sample, measured, scores[sample.index])
        else:
            found.leave_out(SLICES, f"The suite {suite.name} does not search for them.")
    if leakage:
        found.results["leakage"] = leakage
    _noise(found, suite, data, sample, measured, scores[sample.index])
    return found


def _of_rows(
    found: Scrutiny,
    context: JobContext,
    evaluation: Evaluation,
    suite: Suite,
    data: EvaluationData,
    measured: dict[str, Any],
) -> dict[str, Any]:
    """`data_quality`, from one walk through all rows; and the rows shared with the training data, which are returned,
    nothing where none is kept here. What is held a row is let go of in between."""
    asked = evaluation.dataset_version
    trained, left_out = trained_on(context, evaluation.version, asked, data)
    for why in left_out:
        found.leave_out(OVERLAP, why)
    profile, features, found_in_training, period = _walk(context, data, trained, asked.time_column)
    pa.default_memory_pool().release_unused()  # some fifty megabytes kept for further batches
    leakage: dict[str, Any] = {}
    if trained is not None:
        keys = trained.shared_keys
        by_key = None if keys is None else overlap_by_key(keys, data.rows)
        by_content = overlap_by_content(found_in_training, data.rows, trained.content, seed=suite.seed)
        by_content["columns"] = list(trained.compared)
        leakage = {**settled(by_key, by_content), "training": trained.datasets}
        trained = replace(trained, content=np.empty(0, dtype=np.uint64))
    found.results["data_quality"] = data_quality(
        profile,
        features=data.features,
        labels=data.labels,
        task=suite.task,
        content=features,
        row_key=asked.row_key,
        groups=measured["groups"],
        training=trained.words if trained else None,
        period=period,
        training_period=trained.period if trained else None,
    )
    return leakage


def _walk(
    context: JobContext, data: EvaluationData, trained: Trained | None, time_column: str
) -> tuple[Profile, HashFile, int, Period | None]:
    """One walk through the rows: a profile of the features, for each row a hash of them, how many rows stand in the
    training data by all columns that are compared, and the first and the last time."""
    others = trained.compared[len(data.features) :] if trained else ()
    times = [time_column] if time_column in data.source.schema.names else []
    columns = list(dict.fromkeys([*data.features, *others, *times]))
    profile, period = Profile(), None
    features, found = HashFile(), 0
    for batch in rebatched(data.source.pieces(columns), BATCH_ROWS, stop=data.rows):
        context.check()
        profile.add(batch.select(list(data.features)))
        hashes = row_hashes(batch, data.features)
        features.append(hashes)
        if trained:
            found += shared(row_hashes(batch, others, hashes), trained.content)
        if times:
            period = widened(period, batch.column(time_column))
    return profile, features, found, period


def _slices(
    suite: Suite,
    data: EvaluationData,
    sample: Sample,
    measured: dict[str, Any],
    scores: NDArray[np.float64],
) -> dict[str, Any]:
    columns: dict[str, Any] = {
        name: pa.DictionaryArray.from_arrays(pa.array(coded.codes), pa.array(list(coded.names)))
        for name, coded in sample.groups.items()
    }
    columns |= {name: sample.features[name] for name in data.features}
    if suite.task is Task.BINARY:
        return binary_slices(
            columns, labels=sample.labels.astype(np.int64), scores=scores, threshold=measured["threshold"]
        )
    if suite.task is Task.REGRESSION:
        return regression_slices(columns, actual=sample.labels.astype(np.float64), predicted=scores)
    labels = _positions(data, measured)[sample.labels]
    return class_slices(columns, labels=labels, predicted=scores.argmax(axis=1))


def _positions(data: EvaluationData, measured: dict[str, Any]) -> NDArray[np.int64]:
    """For each class of the data its position among the classes of the results, those the model knows first."""
    return np.array([measured["classes"].index(name) for name in data.classes], dtype=np.int64)


def _noise(
    found: Scrutiny,
    suite: Suite,
    data: EvaluationData,
    sample: Sample,
    measured: dict[str, Any],
    scores: NDArray[np.float64],
) -> None:
    if suite.task is Task.BINARY:
        probabilities = np.column_stack([1 - scores, scores])
        found.results["label_noise"] = suspected_labels(sample.labels.astype(np.int64), probabilities)
    elif suite.task is Task.MULTICLASS:
        labels = _positions(data, measured)[sample.labels]
        known = labels < scores.shape[1]
        if known.any():
            found.results["label_noise"] = suspected_labels(labels[known], scores[known])
        else:
            found.leave_out("Labels that look wrong", "The model knows no class of these rows.")
