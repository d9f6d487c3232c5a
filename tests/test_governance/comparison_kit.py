"""Evidence with kept scores, so that two versions can be compared row by row."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from countersign.blobs.store import receive
from governance.evaluation.actions import record_results, request_evaluation
from governance.evaluation.measures import measure_binary
from governance.evaluation.models import Evaluation
from registry.datasets.models import DatasetVersion
from registry.versions.models import ModelVersion
from tests.test_governance import evidence_kit as kit


def drawn_scores(labels: np.ndarray, signal: float, *, seed: int = 3) -> np.ndarray:
    """Scores from 0 to 1 that know so much of the labels."""
    noise = np.random.default_rng(seed).random(len(labels))
    return np.clip(signal * labels + (1 - signal) * noise, 0, 1)


def labels_of_the_data() -> np.ndarray:
    """The labels of the world's data, row by row."""
    table = pq.read_table(io.BytesIO(kit.labelled_parquet()), columns=["default"])
    return table.column("default").to_numpy()


def scored(
    world: kit.World,
    version: ModelVersion,
    scores: np.ndarray,
    labels: np.ndarray,
    *,
    keep: bool = True,
    threshold: float = 0.3,
    data: DatasetVersion | None = None,
) -> Evaluation:
    """Evidence measured on these scores, which are kept as the job keeps them."""
    measures = measure_binary(
        labels=labels,
        scores=scores,
        threshold=threshold,
        favourable_is_positive=False,
        groups={},
        seed=7,
        draws=100,
    )
    return recorded(world, version, measures, scores if keep else None, data=data)


def recorded(
    world: kit.World,
    version: ModelVersion,
    measures: dict[str, Any],
    scores: np.ndarray | None,
    *,
    suite: str | None = None,
    data: DatasetVersion | None = None,
) -> Evaluation:
    """Evidence of these measures; the scores, row after row, are kept as the job keeps them."""
    evaluation = request_evaluation(
        version=version, dataset_version=data or world.data, suite=suite, actor=world.maker
    )
    kept = None
    if scores is not None:
        content = scores.astype("<f8").tobytes()
        kept = receive(iter([content]), size=len(content), expected_sha256=None, limit=len(content))
    return record_results(
        evaluation=evaluation,
        results=kit.results_of(evaluation, measures),
        circumstances=kit.CIRCUMSTANCES,
        scores=kept,
        actor=world.maker,
    )
