"""Rows the model learned from, out of the dataset versions that are named as its training data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from countersign.blobs.store import local_path
from countersign.jobs.handlers import JobContext, JobFailed
from governance.evaluation.data import EvaluationData, Sample, open_data
from governance.evaluation.measures.estimate import IntArray
from governance.evaluation.models import Evaluation
from governance.evaluation.suites import Suite
from registry.datasets.models import DatasetVersion
from registry.versions.tasks import Task


@dataclass(frozen=True, slots=True)
class Learned:
    """Rows of the training data, one batch; their `labels` as the task's headline wants them, and of a ranking the
    code of each row's query. `datasets` names where they are from, with how many rows."""

    features: pa.RecordBatch
    labels: NDArray[Any]
    queries: IntArray | None
    datasets: list[dict[str, Any]]


def in_columns(labels: NDArray[Any], names: Sequence[str], known: Sequence[str]) -> NDArray[np.int64]:
    """Places in `names` as places in `known`, the classes of the scores' columns; -1 where the model does not know
    the class."""
    places = np.array([known.index(name) if name in known else -1 for name in names], dtype=np.int64)
    found: NDArray[np.int64] = places[labels]
    return found


def drawn(data: EvaluationData, suite: Suite, rows: int) -> Sample:
    """Rows of the data, at most so many; of a ranking whole queries."""
    if suite.task is Task.RANKING:
        return data.sample_of_queries(rows, suite.seed)
    return data.sample(rows, suite.seed)


def learned_rows(
    context: JobContext, evaluation: Evaluation, suite: Suite, schema: pa.Schema, known: Sequence[str]
) -> tuple[Learned | None, list[str]]:
    """At most `suite.probe_rows` rows of all training data that are kept here and hold the evaluation's target and
    the model's features, from each as many as it has its share of rows; and why others are left out, a sentence each.
    """
    inputs = evaluation.version.inputs.filter(context="training")
    versions = [
        used.dataset_version
        for used in inputs.select_related("dataset_version__dataset", "dataset_version__blob").order_by(
            "dataset_version__dataset__name", "dataset_version__number"
        )
    ]
    if not versions:
        return None, ["The version names no training data."]
    total = sum(version.rows or 1 for version in versions if version.blob is not None)
    why: list[str] = []
    found: list[tuple[DatasetVersion, pa.RecordBatch, EvaluationData, Sample]] = []
    for version in versions:
        share = max(suite.probe_rows * (version.rows or 1) // max(total, 1), 1)
        try:
            found.append((version, *_opened(context, evaluation, suite, version, schema, share)))
        except JobFailed as misfit:
            why.append(f"{version}: {misfit.message}")
    return (_joined(found, suite, known), why) if found else (None, why)


def _opened(
    context: JobContext,
    evaluation: Evaluation,
    suite: Suite,
    version: DatasetVersion,
    schema: pa.Schema,
    rows: int,
) -> tuple[pa.RecordBatch, EvaluationData, Sample]:
    asked = evaluation.dataset_version
    if version.target and version.target != asked.target:
        raise JobFailed(
            "other_target", f"Its target is “{version.target}”, that of the evaluation “{asked.target}”."
        )
    if version.blob is None:
        raise JobFailed("data_elsewhere", "It is kept elsewhere.")
    with local_path(version.blob) as path:
        data = open_data(
            path,
            data_format=version.format,
            features=schema.names,
            target=asked.target,
            positive_label=asked.positive_label,
            sensitive_attributes=(),
            query_column=asked.query_column,
            task=suite.task,
            tick=lambda _: context.check(),
        )
        sample = drawn(data, suite, rows)
    try:
        table = sample.features.cast(schema).combine_chunks()
    except (pa.ArrowException, ValueError) as error:
        raise JobFailed("other_types", f"Its columns hold other types ({error}).") from error
    [batch] = table.to_batches()
    return batch, data, sample


def _joined(
    found: Sequence[tuple[DatasetVersion, pa.RecordBatch, EvaluationData, Sample]],
    suite: Suite,
    known: Sequence[str],
) -> Learned:
    labels, queries, queries_before = [], [], 0
    for _, _, data, sample in found:
        several = suite.task is Task.MULTICLASS
        labels.append(in_columns(sample.labels, data.classes, known) if several else sample.labels)
        if sample.queries is not None:
            queries.append(sample.queries.codes.astype(np.int64) + queries_before)
            queries_before += len(sample.queries.names)
    [features] = pa.Table.from_batches([batch for _, batch, _, _ in found]).combine_chunks().to_batches()
    return Learned(
        features=features,
        labels=np.concatenate(labels),
        queries=np.concatenate(queries) if queries else None,
        datasets=[
            {
                "name": version.dataset.name,
                "number": version.number,
                "digest": f"sha256:{version.digest}",
                "rows": sample.rows,
            }
            for version, _, _, sample in found
        ],
    )
