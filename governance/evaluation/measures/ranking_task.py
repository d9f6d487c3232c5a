"""Measuring one model that orders rows, on one dataset that says how relevant each row was to its query."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from governance.evaluation.measures import queries as of_queries
from governance.evaluation.measures.crossings import SMALL, crossed
from governance.evaluation.measures.estimate import Estimate, FloatArray, IntArray, plain
from governance.evaluation.measures.queries_groups import by_group
from governance.evaluation.measures.rows import Column, checked_numbers, checked_queries, checked_seed
from registry.versions.tasks import Task

HEADLINE = "ndcg_at_10"
HISTOGRAM_BINS = 20
SIZES = 5
BANDS = (0.05, 0.25, 0.5, 0.75, 0.95)


def measure_ranking(
    *,
    relevance: NDArray[Any],
    scores: NDArray[Any],
    queries: Column,
    groups: Mapping[str, Column],
    seed: int,
    draws: int = 2000,
) -> dict[str, Any]:
    """Every measure of a ranking, averaged over queries, with 95 % intervals, as a JSON-able dict.

    `relevance` is a number of at least 0 for each row, `scores` what the model says (higher first, any scale),
    `queries` a string a row that says which rows were asked for together. A query without a relevant row has no
    order to measure; such queries are counted in `queries` and said in `not_measured`, and leave the averages alone.
    `groups` maps an attribute to one string for each row; those that hold one value in each query are compared.

    As with `measure_binary`, the result depends on these arguments alone and not on the order of rows, floats carry
    12 significant digits, and what is not defined is None with a sentence. Raises ValueError, with a sentence, when
    the columns do not fit together.
    """
    checked_seed(seed=seed, draws=draws)
    truth = checked_numbers(relevance, name="relevance")
    if truth.min() < 0:
        raise ValueError("relevance must be 0 or above in every row; 0 means not relevant.")
    given = checked_numbers(scores, name="scores", rows=len(truth), beside="relevance")
    codes = checked_queries(queries, rows=len(truth))
    values = of_queries.by_query(truth, given, codes)
    lengths = of_queries.sizes_of(codes)
    # by size, then by outcome: the order of queries must not depend on what they are called
    order = np.lexsort((*values.values(), lengths))
    lengths = lengths[order]
    measured = {name: column[order] for name, column in values.items()}
    metrics = of_queries.averages(measured)
    empty = int(np.isnan(measured[HEADLINE]).sum())
    group_entries, fairness, unmeasured = by_group(groups, codes, values, seed=seed, draws=draws)
    crossings, _, _ = by_group(dict(crossed(groups)), codes, values, seed=seed, draws=draws)
    result: dict[str, Any] = {
        "task": Task.RANKING.value,
        "n": len(truth),
        "queries": {
            "total": len(lengths),
            "measured": len(lengths) - empty,
            "without_relevant": empty,
            "rows": {"fewest": lengths.min(), "median": np.median(lengths), "most": lengths.max()},
        },
        "relevance": {"relevant_rows": int((truth > 0).sum()), "highest": truth.max(), "mean": truth.mean()},
        "metrics": {name: estimate.as_dict() for name, estimate in metrics.items()},
        "curves": {
            "histogram": _histogram(measured[HEADLINE]),
            "quantiles": _quantiles(measured[HEADLINE]),
            "by_size": _by_size(measured[HEADLINE], lengths),
        },
        "groups": group_entries,
        "crossings": [entry for entry in crossings if entry["sufficient"] and entry["group"] != SMALL],
        "fairness": fairness,
        "not_measured": [*_without_relevant(empty, len(lengths)), *unmeasured],
    }
    rounded: dict[str, Any] = plain(result)
    return rounded


def _without_relevant(empty: int, total: int) -> list[dict[str, str]]:
    if not empty:
        return []
    said = "1 query has" if empty == 1 else f"{empty:,} queries have"
    why = f"{said} no row with a relevance above 0, so no order is right or wrong there; {total - empty:,} count."
    return [{"what": "Queries without a relevant row", "why": why}]


def _histogram(values: FloatArray) -> dict[str, Any]:
    """Queries by their NDCG@10 in 20 bins from 0 to 1; a bin holds its lower edge, the last both."""
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    # a best order adds up to 1 but for rounding
    return {"edges": edges, "counts": np.histogram(np.minimum(values[~np.isnan(values)], 1.0), edges)[0]}


def _quantiles(values: FloatArray) -> list[list[float]]:
    """Pairs of a share of the queries and the NDCG@10 that share does not exceed."""
    known = values[~np.isnan(values)]
    if not len(known):
        return []
    return [[share, float(np.quantile(known, share))] for share in BANDS]


def _by_size(values: FloatArray, lengths: IntArray) -> list[dict[str, Any]]:
    """NDCG@10 in at most five groups of queries of similar length, shortest first; queries of one length stay
    together."""
    known = ~np.isnan(values)
    values, lengths = values[known], lengths[known]
    if not len(values):
        return []
    edges = np.unique(np.quantile(lengths, np.arange(1, SIZES) / SIZES, method="higher"))
    sizes = np.searchsorted(edges, lengths, side="left")
    found = []
    for size in np.unique(sizes):
        inside = sizes == size
        estimate: Estimate = of_queries.averages({HEADLINE: values[inside]})[HEADLINE]
        rows = lengths[inside]
        found.append({"fewest": rows.min(), "most": rows.max(), HEADLINE: estimate.as_dict()})
    return found
