"""How well a model orders the rows that answer one query, measured query by query.

A row is relevant when its relevance is above 0. Rows with the same score count in the worst order, the least relevant
first: a model that tells nothing apart must not be flattered by the order of the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit

from governance.evaluation.measures.errors import student_t
from governance.evaluation.measures.estimate import (
    NO_SPREAD,
    Estimate,
    FloatArray,
    IntArray,
    around,
    few,
    undefined,
)
from governance.evaluation.measures.rows import Codes, counted
from governance.evaluation.measures.sorted_rows import filled

NO_RELEVANT = "No query has a relevant row (relevance above 0), so there is no order to measure."
CUTOFFS = (5, 10)

#: Fewer queries than these say nothing about others.
MIN_QUERIES = 10

#: From here on resampled means are normal to any digit shown, and drawing them would take minutes.
MANY_QUERIES = 20_000
METHOD = "Student's t over queries, logit scale"

#: With fewer queries the intervals of averages hold less often than they say.
LEAST_QUERIES = 30
BLOCK = 2**24

#: Queries are measured so many rows at a time.
ROWS_AT_ONCE = 2**18


class Ordered(NamedTuple):
    """Rows sorted by query, in each the best score first. `starts` is where each query begins, `lengths` its rows;
    `places` is each row's place in its query, from 1."""

    relevance: FloatArray
    starts: IntArray
    lengths: IntArray
    places: IntArray


def ordered(relevance: FloatArray, scores: FloatArray, queries: IntArray) -> Ordered:
    """The rows as the model orders them, whatever order they came in."""
    order = np.lexsort((relevance, -scores, queries))
    return _grouped(relevance[order], queries[order])


def ideal(relevance: FloatArray, queries: IntArray) -> Ordered:
    """The rows in the best order there is."""
    order = np.lexsort((-relevance, queries))
    return _grouped(relevance[order], queries[order])


def _grouped(relevance: FloatArray, queries: IntArray) -> Ordered:
    starts = np.append(0, np.flatnonzero(np.diff(queries)) + 1)
    lengths = np.diff(np.append(starts, len(queries)))
    places = np.arange(len(queries)) - np.repeat(starts, lengths) + 1
    return Ordered(relevance, starts, lengths, places)


def _discounted(rows: Ordered, cutoff: int) -> FloatArray:
    gains = np.where(rows.places <= cutoff, rows.relevance / np.log2(rows.places + 1), 0.0)
    summed: FloatArray = np.add.reduceat(gains, rows.starts)
    return summed


def by_query(relevance: FloatArray, scores: FloatArray, queries: Codes) -> dict[str, FloatArray]:
    """Each measure of each query, in order of the query's code; NaN throughout where a query has no relevant row.

    `ndcg_at_k`: discounted cumulative gain over that of the best order, the gain being the relevance and the discount
    log2(place + 1) (Järvelin & Kekäläinen 2002, ACM Transactions on Information Systems 20), as in scikit-learn.
    `mean_reciprocal_rank`: one over the place of the first relevant row (Voorhees 1999, TREC-8).
    `mean_average_precision`: precision averaged over the places of the relevant rows (Manning, Raghavan & Schütze
    2008, chapter 8). `precision_at_k`, `recall_at_k`: relevant rows among the first k, of k and of all relevant rows.
    """
    parts = []
    for first, end in _shares(sizes_of(queries)):
        inside = filled(len(queries), np.bool_, lambda rows: (queries[rows] >= first) & (queries[rows] < end))  # noqa: B023
        parts.append(_of_some(relevance[inside], scores[inside], queries[inside].astype(np.int64) - first))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def sizes_of(queries: Codes) -> IntArray:
    """How many rows each query has."""
    return counted(queries, int(queries.max()) + 1)


def _shares(sizes: IntArray) -> Iterator[tuple[int, int]]:
    """Neighbouring queries of some quarter of a million rows together: the first of them, and where the next begin."""
    share = (np.cumsum(sizes) - sizes) // ROWS_AT_ONCE
    firsts = np.append(np.flatnonzero(np.diff(share, prepend=-1)), len(sizes))
    yield from zip(firsts[:-1].tolist(), firsts[1:].tolist(), strict=True)


def _of_some(relevance: FloatArray, scores: FloatArray, queries: IntArray) -> dict[str, FloatArray]:
    rows, best = ordered(relevance, scores, queries), ideal(relevance, queries)
    relevant = (rows.relevance > 0).astype(np.float64)
    total = np.add.reduceat(relevant, rows.starts)
    found = np.cumsum(relevant)
    found = found - np.repeat(found[rows.starts] - relevant[rows.starts], rows.lengths)
    first = np.where(relevant > 0, 1 / rows.places, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        measures = {f"ndcg_at_{k}": _discounted(rows, k) / _discounted(best, k) for k in CUTOFFS}
        measures["mean_reciprocal_rank"] = np.maximum.reduceat(first, rows.starts)
        measures["mean_average_precision"] = (
            np.add.reduceat(relevant * found / rows.places, rows.starts) / total
        )
        for k in CUTOFFS:
            at_k = np.add.reduceat(np.where(rows.places <= k, relevant, 0.0), rows.starts)
            measures[f"precision_at_{k}"] = at_k / k
            measures[f"recall_at_{k}"] = at_k / total
    return {name: np.where(total > 0, values, np.nan) for name, values in measures.items()}


def averages(values: dict[str, FloatArray]) -> dict[str, Estimate]:
    """Each measure averaged over the queries that have a relevant row; queries, not rows, are what is sampled (Sakai
    2006, SIGIR). The interval is Student's t of the mean on the logit scale (delta method: Serfling 1980, section 3.1),
    which stays inside 0 to 1 and is skewed as means near either end are."""
    found = {}
    for name, column in values.items():
        known = column[~np.isnan(column)]
        n = len(known)
        if n == 0:
            found[name] = undefined(NO_RELEVANT, method=METHOD, n=0)
            continue
        mean = float(known.mean())
        if n < MIN_QUERIES:
            found[name] = Estimate(mean, None, None, f"no interval, fewer than {MIN_QUERIES} queries", n)
        elif np.ptp(known) <= NO_SPREAD:
            found[name] = Estimate(mean, None, None, "no interval, the same in every query", n)
        else:
            error = float(known.std(ddof=1)) / n**0.5
            half = student_t(n) * error / (mean * (1 - mean))
            low, high = (float(expit(logit(mean) + end)) for end in (-half, half))
            method = few(METHOD, rows=n, least=LEAST_QUERIES)
            found[name] = around(mean, low, high, method=method, n=n)
    return found


def resampled_means(table: FloatArray, rng: np.random.Generator, draws: int) -> FloatArray:
    """The means of each measure (columns) in each resample of queries (rows)."""
    n = table.shape[1]
    at_once = max(1, BLOCK // n)
    blocks = []
    for begin in range(0, draws, at_once):
        many = min(at_once, draws - begin)
        drawn = rng.integers(n, size=(many, n), dtype=np.int32) + n * np.arange(many, dtype=np.int64)[:, None]
        weights = np.bincount(drawn.ravel(), minlength=many * n).reshape(many, n)
        # numpy's own sums: the linear algebra library's last digits depend on its threads
        blocks.append(np.stack([(weights * row).sum(axis=1) / n for row in table], axis=1))
    return np.concatenate(blocks)
