"""A model that orders the rows of a query against the champion on the same queries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from governance.evaluation.measures import queries as of_queries
from governance.evaluation.measures.differences import (
    difference,
    drawn_difference,
    mean_difference,
    undefined_difference,
)
from governance.evaluation.measures.estimate import NO_SPREAD, FloatArray, plain, stream
from governance.evaluation.measures.groups_comparison import query_groups
from governance.evaluation.measures.queries_groups import SHOWN, group_of_query
from governance.evaluation.measures.rows import checked_numbers, checked_queries, checked_seed

BOOTSTRAP = "paired bootstrap over queries"


def compare_paired_ranking(
    *,
    relevance: NDArray[Any],
    scores: NDArray[Any],
    champion_scores: NDArray[Any],
    queries: Any,
    seed: int,
    draws: int = 2000,
    groups: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The difference, `scores` minus `champion_scores`, in each measure, averaged over the same queries.

    The form of `compare_paired`: `n` (queries that have a relevant row), `discordant` (queries whose NDCG@10 is higher
    under one of the two), `diffs`. Intervals are percentiles of resampled queries, the same ones for every measure
    (Sakai 2006, SIGIR); from 20,000 queries on the paired normal one. `groups` has the paired differences of each group
    of queries, normal ones; an attribute that differs between the rows of a query has none. Independent of the order
    of the rows; raises ValueError as `measure_ranking` does.
    """
    checked_seed(seed=seed, draws=draws)
    truth = checked_numbers(relevance, name="relevance")
    ours = checked_numbers(scores, name="scores", rows=len(truth), beside="relevance")
    theirs = checked_numbers(champion_scores, name="champion_scores", rows=len(truth), beside="relevance")
    codes = checked_queries(queries, rows=len(truth))
    mine, other = (of_queries.by_query(truth, given, codes) for given in (ours, theirs))
    table = np.stack([mine[name] - other[name] for name in mine])
    known = ~np.isnan(table[0])
    table = table[:, known]
    order = np.lexsort(table)
    table = table[:, order]
    columns = {name: group_of_query(column, name, codes) for name, column in (groups or {}).items()}
    entries = query_groups(
        lambda inside: {name: mean_difference(table[list(mine).index(name)][inside]) for name in SHOWN},
        groups={name: column.take(known) for name, column in columns.items() if column is not None},
        order=order,
    )
    first = table[list(mine).index("ndcg_at_10")]
    result = {
        "n": table.shape[1],
        "discordant": {
            "only_this_right": int((first > NO_SPREAD).sum()),
            "only_champion_right": int((first < -NO_SPREAD).sum()),
        },
        "diffs": _diffs(list(mine), table, stream(seed, "paired queries"), draws),
        "groups": entries,
    }
    rounded: dict[str, Any] = plain(result)
    return rounded


def _diffs(
    names: list[str], table: FloatArray, rng: np.random.Generator, draws: int
) -> dict[str, dict[str, Any]]:
    n = table.shape[1]
    if n == 0:
        return {name: undefined_difference(of_queries.NO_RELEVANT, BOOTSTRAP, 0) for name in names}
    means = table.mean(axis=1)
    if n < of_queries.MIN_QUERIES:
        why = f"no interval, fewer than {of_queries.MIN_QUERIES} queries"
        return {
            name: difference(float(mean), None, None, None, why, n)
            for name, mean in zip(names, means, strict=True)
        }
    if n >= of_queries.MANY_QUERIES:
        return {name: mean_difference(row) for name, row in zip(names, table, strict=True)}
    drawn = of_queries.resampled_means(table, rng, draws)
    found = {}
    for at, name in enumerate(names):
        if np.ptp(table[at]) <= NO_SPREAD:
            found[name] = mean_difference(table[at])
        else:
            found[name] = drawn_difference(float(means[at]), drawn[:, at], BOOTSTRAP, n)
    return found
