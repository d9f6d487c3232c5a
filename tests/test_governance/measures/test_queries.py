"""Rankings: the numbers of scikit-learn, query by query; what is not defined says so."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as sk

from governance.evaluation.measures import measure_ranking
from governance.evaluation.measures.catalogue import METRICS, Task, of_task
from governance.evaluation.measures.queries import averages
from tests.test_governance.measures.samples import Array, estimates

QUERIES = 150


def rows() -> dict[str, Array]:
    """150 queries of 2 to 30 rows; a fifth of the rows is relevant, and scores tell them apart a little."""
    rng = np.random.default_rng(5)
    queries = np.repeat(np.arange(QUERIES), rng.integers(2, 31, size=QUERIES))
    relevance = rng.integers(1, 5, size=len(queries)) * (rng.random(len(queries)) < 0.2)
    return {
        "relevance": relevance.astype(float),
        "scores": relevance + 2 * rng.normal(size=len(queries)),
        "queries": np.char.add("q", queries.astype(str)),
    }


def measure(columns: dict[str, Array], **more: Any) -> dict[str, Any]:
    return measure_ranking(**columns, **{"groups": {}, "seed": 3, "draws": 200, **more})


def reciprocal(relevant: Array) -> float:
    return 1 / (1 + int(np.flatnonzero(relevant)[0]))


def test_points_agree_with_scikit_learn_query_by_query() -> None:
    columns = rows()
    by_query: dict[str, list[float]] = {}
    for name in np.unique(columns["queries"]):
        inside = columns["queries"] == name
        relevance, scores = columns["relevance"][inside], columns["scores"][inside]
        if not relevance.any():
            continue
        best_first = relevance[np.argsort(-scores)] > 0
        found: dict[str, float] = {
            "mean_average_precision": sk.average_precision_score(relevance > 0, scores),
            "mean_reciprocal_rank": reciprocal(best_first),
        }
        for k in (5, 10):
            found[f"ndcg_at_{k}"] = sk.ndcg_score([relevance], [scores], k=k)
            found[f"precision_at_{k}"] = best_first[:k].sum() / k
            found[f"recall_at_{k}"] = best_first[:k].sum() / best_first.sum()
        for key, value in found.items():
            by_query.setdefault(key, []).append(value)
    result = measure(columns)
    expected = {key: float(np.mean(values)) for key, values in by_query.items()}
    assert {key: result["metrics"][key]["value"] for key in expected} == pytest.approx(expected, abs=1e-9)
    assert set(expected) == set(result["metrics"]) == set(of_task(METRICS, Task.RANKING))
    measured = len(by_query["ndcg_at_10"])
    assert result["queries"]["measured"] == measured
    assert {entry["n"] for entry in result["metrics"].values()} == {measured}
    assert result["queries"]["without_relevant"] == QUERIES - measured > 0
    assert f"{QUERIES - measured} queries have no row" in result["not_measured"][0]["why"]
    assert sum(result["curves"]["histogram"]["counts"]) == measured
    assert sum(one["ndcg_at_10"]["n"] for one in result["curves"]["by_size"]) == measured


def test_the_order_of_rows_and_the_names_of_queries_do_not_matter() -> None:
    columns = rows()
    columns["scores"] = columns["scores"].round(0)  # many ties
    order = np.random.default_rng(1).permutation(len(columns["scores"]))
    other = {key: column[order] for key, column in columns.items()}
    other["queries"] = np.array([name[::-1] for name in other["queries"]])
    assert json.dumps(measure(columns), allow_nan=False) == json.dumps(measure(other), allow_nan=False)


def test_tied_rows_count_in_the_worst_order() -> None:
    """A model that gives every row the same score is not flattered by the order of the file."""
    columns = {
        "relevance": np.array([3.0, 0, 0, 0] * 20),
        "scores": np.zeros(80),
        "queries": np.repeat(np.arange(20), 4).astype(str),
    }
    result = measure(columns)["metrics"]
    assert result["mean_reciprocal_rank"]["value"] == 0.25
    assert result["ndcg_at_5"]["value"] == pytest.approx(1 / np.log2(5))
    assert result["ndcg_at_5"]["method"] == "no interval, the same in every query"


def test_without_any_relevant_row_everything_is_undefined() -> None:
    result = measure(rows() | {"relevance": np.zeros(len(rows()["scores"]))})
    assert all(entry["value"] is None for _, entry in estimates(result["metrics"]))
    assert "No query has a relevant row" in result["metrics"]["ndcg_at_10"]["undefined"]
    assert result["curves"]["quantiles"] == result["curves"]["by_size"] == []


def test_few_queries_have_no_interval() -> None:
    columns = {key: column[: np.flatnonzero(rows()["queries"] == "q5")[0]] for key, column in rows().items()}
    entry = measure(columns)["metrics"]["ndcg_at_10"]
    assert entry["ci_low"] is None
    assert entry["method"] == "no interval, fewer than 10 queries"


def test_an_average_has_the_interval_of_a_bootstrap_over_queries() -> None:
    rng = np.random.default_rng(2)
    values = rng.beta(2, 1, size=400)
    found = averages({"ndcg_at_10": values})["ndcg_at_10"]
    assert found.method == "Student's t over queries, logit scale"
    ends = np.quantile(values[rng.integers(400, size=(2000, 400))].mean(axis=1), [0.025, 0.975])
    # an end drawn 2,000 times is known to a thirtieth of the width (one standard error: 0.0007)
    assert [found.ci_low, found.ci_high] == pytest.approx(ends, abs=0.003)


def test_few_queries_are_said_to_be_few() -> None:
    values = np.random.default_rng(2).beta(2, 1, size=30)
    assert "few rows" not in averages({"ndcg_at_10": values})["ndcg_at_10"].method
    assert averages({"ndcg_at_10": values[:29]})["ndcg_at_10"].method.endswith(", few rows")


def test_groups_are_of_queries() -> None:
    columns = rows()
    numbers = np.array([int(name[1:]) for name in columns["queries"]])
    half, row = (numbers % 2).astype(str), (np.arange(len(numbers)) % 2).astype(str)
    result = measure(columns, groups={"half": half, "row": row})
    assert {entry["attribute"] for entry in result["groups"]} == {"half"}
    assert "differs between the rows of one query" in result["not_measured"][1]["why"]
    for entry in result["groups"]:
        inside = half == entry["group"]
        alone = measure({key: column[inside] for key, column in columns.items()})
        assert entry["metrics"]["ndcg_at_10"]["value"] == alone["metrics"]["ndcg_at_10"]["value"]
        assert not entry["sufficient"]
    assert "fewer than two groups" in result["fairness"][0]["ndcg_gap"]["undefined"].lower()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"relevance": np.array([1.0, -1.0])}, "0 or above"),
        ({"scores": np.array([1.0])}, "scores has 1 rows and relevance has 2"),
        ({"scores": np.array([1.0, np.nan])}, "missing or infinite"),
        ({"queries": np.array(["a"])}, "queries has 1 rows"),
        ({"queries": np.array([1, 2])}, "must be strings"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(change: dict[str, Array], says: str) -> None:
    columns = {"relevance": np.array([1.0, 0.0]), "scores": np.zeros(2), "queries": np.array(["a", "a"])}
    with pytest.raises(ValueError, match=says):
        measure(columns | change)
