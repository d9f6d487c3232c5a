"""The measure of each task that probes report, and its paired drop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import accuracy_score, ndcg_score, r2_score

from governance.evaluation.data import open_data
from governance.evaluation.measures.estimate import Estimate
from governance.evaluation.probes.headline import headline
from governance.evaluation.probes.importance import averaged
from governance.evaluation.probes.training import gap
from registry.versions.tasks import Task

from . import asking


def test_of_several_classes_it_is_accuracy_and_unknown_classes_are_wrong() -> None:
    random = np.random.default_rng(1)
    before, after = random.dirichlet([1, 1, 1], 400), random.dirichlet([1, 1, 1], 400)
    labels = before.argmax(axis=1)
    labels[:100] = random.integers(0, 3, 100)
    labels[100:120] = -1
    over = headline(Task.MULTICLASS, labels, seed=1)
    assert over.value(before).value == pytest.approx(accuracy_score(labels, before.argmax(axis=1)), abs=1e-9)
    [drop] = over.drops(before, [after])
    right, still = before.argmax(axis=1) == labels, after.argmax(axis=1) == labels
    assert drop.value == pytest.approx(right.mean() - still.mean(), abs=1e-9)
    error = (right.astype(float) - still).std(ddof=1) / 20
    assert drop.ci_high == pytest.approx(drop.value + 1.959963984540054 * error, abs=1e-9)


def test_of_a_ranking_it_is_ndcg_over_whole_queries() -> None:
    random = np.random.default_rng(2)
    queries = np.repeat(np.arange(40), 12)
    relevance = random.integers(0, 4, 480).astype(float)
    relevance[:12] = 0  # a query without a relevant row has no order
    before = relevance[:, None] + random.normal(0, 1, (480, 1))
    after = relevance[:, None] + random.normal(0, 3, (480, 1))
    over = headline(Task.RANKING, relevance, queries=queries, seed=1)

    def by_query(scores: np.ndarray) -> np.ndarray:
        kept = [queries == query for query in range(1, 40)]
        return np.array([ndcg_score([relevance[rows]], [scores[rows, 0]], k=10) for rows in kept])

    assert over.value(before).value == pytest.approx(by_query(before).mean(), abs=1e-9)
    [drop] = over.drops(before, [after])
    assert drop.value == pytest.approx((by_query(before) - by_query(after)).mean(), abs=1e-9)
    assert drop.n == 39


def test_rows_of_a_ranking_are_thinned_by_whole_queries() -> None:
    codes = np.arange(asking.ROWS) // 12
    predict = asking.positive(asking.linear())
    thinned = asking.subject(predict, task=Task.RANKING, queries=codes).thinned(100)
    assert thinned.queries is not None
    assert np.bincount(thinned.queries).tolist() == [12] * 8
    assert thinned.features["strong"].to_pylist() == asking.table()["strong"].to_pylist()[:96]


def test_a_drop_of_a_regression_may_be_endless_and_of_a_constant_is_none() -> None:
    actual = np.arange(50.0)
    over = headline(Task.REGRESSION, actual, seed=1)
    near = actual[:, None] + 0.5
    value, far = over.value(near), np.full((50, 1), 1e300)
    assert value.value == pytest.approx(r2_score(actual, near[:, 0]), abs=1e-9)
    [none, endless] = over.drops(near, [near, far])
    assert (none.value, none.ci_low, none.ci_high) == (0, 0, 0)
    assert endless.value is not None
    assert np.isfinite(endless.value)
    [nothing] = headline(Task.REGRESSION, np.ones(50), seed=1).drops(near, [near])
    assert (nothing.value, nothing.undefined is None) == (None, False)


def test_an_order_lost_altogether_is_a_drop_to_luck() -> None:
    scores = asking.positive(asking.linear())(asking.table().to_pandas())
    over = headline(Task.BINARY, asking.labels(), seed=1)
    [drop] = over.drops(scores, [np.full_like(scores, 0.3)])
    before = over.value(scores).value
    assert before is not None
    assert drop.value == pytest.approx(before - 0.5, abs=1e-9)
    [undefined] = over.drops(np.full_like(scores, 0.3), [scores])
    assert undefined.value is None


def test_the_gap_is_recovered_from_both_intervals() -> None:
    training = Estimate(0.9, 0.88, 0.91, "DeLong", 100)
    evaluation = Estimate(0.7, 0.66, 0.73, "DeLong", 50)
    found = gap(training, evaluation)
    assert found.value == pytest.approx(0.2)
    assert found.ci_low == pytest.approx(0.2 - (0.02**2 + 0.03**2) ** 0.5)
    assert found.ci_high == pytest.approx(0.2 + (0.01**2 + 0.04**2) ** 0.5)
    assert found.n == 150
    missing = Estimate(None, None, None, "DeLong", 50, undefined="One class.")
    assert gap(training, missing).undefined == "On the evaluation data: One class."
    bare = Estimate(0.7, None, None, "exact", 50)
    assert gap(bare, training).ci_low is None


def test_shuffles_widen_the_interval_by_their_own_spread() -> None:
    drops = [Estimate(value, value - 0.1, value + 0.1, "paired DeLong", 10) for value in (0.2, 0.2, 0.2)]
    assert averaged(drops).ci_high == pytest.approx(0.3)
    drops = [Estimate(value, value - 0.1, value + 0.1, "paired DeLong", 10) for value in (0.1, 0.2, 0.3)]
    found = averaged(drops)
    assert found.value == pytest.approx(0.2)
    assert found.ci_high == pytest.approx(0.2 + (0.01 + 1.959963984540054**2 * 0.01 / 3) ** 0.5)


def test_rows_of_a_ranking_are_drawn_by_whole_queries(tmp_path: Path) -> None:
    queries = np.random.default_rng(3).permutation(np.repeat(np.arange(50), 20))
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table({"x": np.arange(1000), "relevance": np.arange(1000) % 3, "query": queries}), path)
    data = open_data(
        path,
        data_format="parquet",
        features=["x"],
        target="relevance",
        positive_label="",
        sensitive_attributes=(),
        task=Task.RANKING,
        query_column="query",
    )
    sample = data.sample_of_queries(110, 4)
    assert sample.queries is not None
    assert np.bincount(sample.queries.codes).tolist() == [20] * 5
    assert sample.features["x"].to_pylist() == sample.index.tolist() == sorted(sample.index.tolist())
    assert data.sample_of_queries(110, 4).index.tolist() == sample.index.tolist()
    assert data.sample_of_queries(3, 4).rows == 20
