"""Coverage of the intervals of measures of numeric targets and of rankings."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

from benchmarks.coverage import Case, Found
from governance.evaluation.measures import errors, queries
from governance.evaluation.measures.estimate import Estimate, FloatArray

Measures = dict[str, tuple[float, Callable[[FloatArray, FloatArray], Estimate]]]

QUERIES = ("ndcg_at_10", "mean_reciprocal_rank", "mean_average_precision", "precision_at_5")
HEAVY = "errors of heavy tails, of which no mean of squares is known well"


def cases() -> list[Case]:
    """Errors of a numeric target, and averages over queries."""
    return [*_numbers(), *_queries()]


def _of(n: int, tail: float) -> Callable[[np.random.Generator], Found]:
    """A target of variance 2 predicted with an error of variance 1, normal or Student's of `tail`, and bias 0.3."""
    folded = float(2 * norm.pdf(0.3) + 0.3 * (1 - 2 * norm.cdf(-0.3)))
    middle = float(brentq(lambda x: norm.cdf(x - 0.3) - norm.cdf(-x - 0.3) - 0.5, 0, 3))
    order = float(6 / np.pi * np.arcsin(0.5**0.5 / 2))
    squares: Measures = {
        "root mean squared error": (1.09**0.5, errors.root_mean_squared),
        "R\N{SUPERSCRIPT TWO}": (1 - 1.09 / 2, errors.r_squared),
    }
    others: Measures = {
        "mean error": (0.3, errors.bias),
        "standardised bias": (0.3 / 2**0.5, errors.standardised_bias),
        "mean absolute error": (folded, errors.absolute),
        "median absolute error": (middle, errors.median_absolute),
        "explained variance": (0.5, errors.explained_variance),
        "Spearman correlation": (order, errors.spearman),
    }
    measures = squares if tail else squares | others

    def simulated(rng: np.random.Generator) -> Found:
        predicted = rng.normal(size=n)
        error = rng.standard_t(tail, size=n) / (tail / (tail - 2)) ** 0.5 if tail else rng.normal(size=n)
        actual, given = predicted + error, predicted + 0.3
        return {name: (truth, estimate(actual, given)) for name, (truth, estimate) in measures.items()}

    return simulated


def _numbers() -> list[Case]:
    return [
        *(Case(f"{n} rows", _of(n, 0)) for n in (100, 200, 500)),
        *(Case(f"{n:,} rows, Student's errors", _of(n, 5), strained=HEAVY) for n in (200, 1000)),
    ]


def _queries() -> list[Case]:
    def asked(rng: np.random.Generator, many: int) -> dict[str, FloatArray]:
        codes = np.repeat(np.arange(many), 12)
        relevance = rng.integers(1, 4, size=len(codes)) * (rng.random(len(codes)) < 0.25)
        scores = relevance + 1.5 * rng.normal(size=len(codes))
        return queries.by_query(relevance.astype(np.float64), scores, codes)

    known = asked(np.random.default_rng(5), 100_000)

    truths = {name: float(np.nanmean(known[name])) for name in QUERIES}

    def of(many: int) -> Callable[[np.random.Generator], Found]:
        def simulated(rng: np.random.Generator) -> Found:
            answered = asked(rng, many)
            found = queries.averages({name: answered[name] for name in QUERIES})
            return {name: (truths[name], found[name]) for name in QUERIES}

        return simulated

    return [Case(f"{many} queries", of(many)) for many in (20, 50, 100)]
