"""How often the 95 % intervals of the measures hold the truth: 2,000 simulated sets of each, the truth known."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax
from scipy.stats import norm

from benchmarks.report import Line
from governance.evaluation.measures import (
    calibration,
    classes,
    costs,
    errors,
    groups,
    lift,
    multiclass,
    queries,
    ranking,
    table,
)
from governance.evaluation.measures.estimate import Estimate
from governance.evaluation.measures.proportions import newcombe_difference, wilson

SETS = 2000
#: What 2,000 sets of a true 95 % interval may miss by: three standard errors.
ALLOWED = 0.015
TARGET = 0.95

Array = NDArray[np.float64]
Simulated = Callable[[np.random.Generator], tuple[float, Estimate]]


@dataclass(frozen=True, slots=True)
class Case:
    """One method in one setting: `simulated` makes a set and gives the truth with the estimate. `safe` methods hold
    the truth more often than they say, by design; `few` are settings of so few rows that every method is strained,
    shown so that nobody need guess by how much."""

    method: str
    setting: str
    simulated: Simulated
    safe: bool = False
    few: bool = False


def measure(url: str) -> list[Line]:
    """The share of sets whose interval holds the truth, for each method."""
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), get_context("spawn")) as workers:
        return list(workers.map(line_of, range(len(cases()))))


def line_of(place: int) -> Line:
    """One case, by its place among them: what a case simulates cannot be sent to another process."""
    case = cases()[place]
    rng = np.random.default_rng(20_261_124)
    held = missing = 0
    for _ in range(SETS):
        truth, found = case.simulated(rng)
        if found.ci_low is None or found.ci_high is None:
            missing += 1
        else:
            held += found.ci_low <= truth <= found.ci_high
    share = held / (SETS - missing)
    apart = share - TARGET
    said = "within" if abs(apart) <= ALLOWED else "safe by design" if case.safe and apart > 0 else "outside"
    if case.few:
        said += ", few rows"
    if missing:
        said += f"; {missing} sets without an interval"
    return Line(
        f"{case.method}: {case.setting}",
        f"{share:.1%}",
        f"{TARGET:.0%} \N{PLUS-MINUS SIGN} {ALLOWED:.1%}: {said}",
    )


@cache
def cases() -> list[Case]:
    """Every method that intervals come from."""
    return [*_shares(), *_scores(), *_tables(), *_numbers(), *_several(), *_distances()]


def _binormal(
    rng: np.random.Generator, n: int, prevalence: float, shift: float
) -> tuple[NDArray[np.int64], Array]:
    labels = (rng.random(n) < prevalence).astype(np.int64)
    return labels, norm.cdf(rng.normal(size=n) + shift * (labels - 0.5))


def _of_scores(
    truth: float, estimate: Callable[..., Estimate], n: int, prevalence: float, shift: float, *more: int
) -> Simulated:
    def simulated(rng: np.random.Generator) -> tuple[float, Estimate]:
        labels, scores = _binormal(rng, n, prevalence, shift)
        return truth, estimate(labels, scores, *((rng, *more) if more else ()))

    return simulated


def _shares() -> list[Case]:
    def one(rng: np.random.Generator) -> tuple[float, Estimate]:
        share = rng.uniform(0.05, 0.95)
        return share, wilson(int(rng.binomial(200, share)), 200, empty="")

    def two(rng: np.random.Generator) -> tuple[float, Estimate]:
        share, other = rng.uniform(0.05, 0.95, size=2)
        counts = int(rng.binomial(200, share)), 200, int(rng.binomial(300, other)), 300
        low, high = newcombe_difference(*counts)
        return share - other, Estimate(0.0, low, high, "", 500)

    return [
        Case("Wilson", "a share of 200 rows", one),
        Case("Newcombe", "a difference of shares, 200 and 300 rows", two),
    ]


def _scores() -> list[Case]:
    population = _binormal(np.random.default_rng(1), 2_000_000, 0.2, 1.0)
    precision = ranking.exact_average_precision(*ranking.in_order(*population))
    area, distance = float(norm.cdf(1 / 2**0.5)), float(2 * norm.cdf(0.5) - 1)
    top = float(lift.lift(*ranking.in_order(*population))["deciles"][0]["gain"]["value"])
    return [
        Case("DeLong, logit scale", "ROC AUC, 300 rows", _of_scores(area, ranking.roc_auc, 300, 0.3, 1.0)),
        Case(
            "DeLong, logit scale",
            "ROC AUC of 0.98, 100 rows",
            _of_scores(float(norm.cdf(3 / 2**0.5)), ranking.roc_auc, 100, 0.5, 3.0),
            few=True,
        ),
        Case("paired DeLong", "ROC AUC difference, 300 rows", _paired_areas()),
        Case(
            "Newcombe at the best threshold",
            "Kolmogorov\N{EN DASH}Smirnov, 5,000 rows",
            _of_scores(distance, ranking.kolmogorov_smirnov, 5000, 0.3, 1.0),
        ),
        Case(
            "bootstrap",
            "average precision, 2,000 rows",
            _of_scores(precision, ranking.average_precision, 2000, 0.2, 1.0, 500),
        ),
        Case(
            "delta method, logit scale",
            "gain of the first decile, 1,000 rows",
            _of_scores(top, _first_gain, 1000, 0.2, 1.0),
        ),
        Case("normal approximation", "Brier score, 300 rows", _brier),
        Case("Wald", "calibration slope, 1,000 rows", _recalibrated(0, 0.7)),
        Case("Wald", "calibration intercept, 1,000 rows", _recalibrated(1, 0.4)),
        Case("beta draws in each bin", "calibration error of 0.06, 2,000 rows", _ece, safe=True),
    ]


def _first_gain(labels: NDArray[np.int64], scores: Array) -> Estimate:
    return Estimate(**lift.lift(*ranking.in_order(labels, scores))["deciles"][0]["gain"])


def _paired_areas() -> Simulated:
    def pair(rng: np.random.Generator, n: int) -> tuple[NDArray[np.int64], Array, Array]:
        labels = (rng.random(n) < 0.3).astype(np.int64)
        shared = rng.normal(size=n) + labels
        return labels, shared, shared + 0.7 * rng.normal(size=n)

    truth = float(norm.cdf(1 / 2**0.5) - norm.cdf(1 / (2 * 1.49) ** 0.5))

    def simulated(rng: np.random.Generator) -> tuple[float, Estimate]:
        value, low, high, _ = ranking.auc_difference(*pair(rng, 300))
        return truth, Estimate(value, low, high, "", 300)

    return simulated


def _brier(rng: np.random.Generator) -> tuple[float, Estimate]:
    scores = rng.random(300)
    labels = (rng.random(300) < scores).astype(np.int64)
    return 1 / 6, calibration.mean_loss(calibration.brier_losses(labels, scores), highest=1.0)


def _recalibrated(which: int, truth: float) -> Simulated:
    def simulated(rng: np.random.Generator) -> tuple[float, Estimate]:
        odds = 1.5 * rng.normal(size=1000) - 1
        slope, shift = (truth, 0.0) if which == 0 else (1.0, truth)
        labels = (rng.random(1000) < expit(shift + slope * odds)).astype(np.int64)
        return truth, calibration.recalibration(labels, expit(odds))[which]

    return simulated


_ODDS = np.sort(1.5 * np.random.default_rng(1).normal(size=600_000) - 1)
_ERROR = float(np.mean([abs(np.mean(expit(0.4 + odds) - expit(odds))) for odds in np.array_split(_ODDS, 15)]))


def _ece(rng: np.random.Generator) -> tuple[float, Estimate]:
    odds = 1.5 * rng.normal(size=2000) - 1
    labels = (rng.random(2000) < expit(0.4 + odds)).astype(np.int64)
    return _ERROR, calibration.calibration_error(labels, expit(odds), rng, 400)


_CELLS = np.array([0.20, 0.08, 0.06, 0.66])


def _tables() -> list[Case]:
    def of(name: str, n: int) -> Simulated:
        truth = float(table.MEASURES[name].of(_CELLS))

        def simulated(rng: np.random.Generator) -> tuple[float, Estimate]:
            return truth, table.composites(rng.multinomial(n, _CELLS), rng, 2000)[name]

        return simulated

    def cost(rng: np.random.Generator) -> tuple[float, Estimate]:
        counts = rng.multinomial(500, _CELLS)
        found = costs.expected(counts, 2.0, 7.0, rng, 500, "")
        return 1000 * (2 * _CELLS[1] + 7 * _CELLS[2]), found

    return [
        *(
            Case("multinomial draws", f"{name.replace('_', ' ')}, {n} rows", of(name, n), few=n < 200)
            for name in ("f1", "balanced_accuracy", "matthews")
            for n in (100, 500)
        ),
        Case("multinomial draws", "expected cost, 500 rows", cost),
    ]


def _numbers() -> list[Case]:
    """A target of variance 2 predicted with an error of variance 1 and bias 0.3."""

    def of(truth: float, estimate: Callable[[Array, Array], Estimate]) -> Simulated:
        def simulated(rng: np.random.Generator) -> tuple[float, Estimate]:
            predicted = rng.normal(size=300)
            return truth, estimate(predicted + rng.normal(size=300), predicted + 0.3)

        return simulated

    folded = 2 * norm.pdf(0.3) + 0.3 * (1 - 2 * norm.cdf(-0.3))
    middle = _folded_median(0.3)
    order = float(6 / np.pi * np.arcsin(0.5**0.5 / 2))
    return [
        Case("Student's t", "mean absolute error, 300 rows", of(float(folded), errors.absolute)),
        Case(
            "Student's t, root taken",
            "root mean squared error, 300 rows",
            of(1.09**0.5, errors.root_mean_squared),
        ),
        Case("order statistics", "median absolute error, 300 rows", of(middle, errors.median_absolute)),
        Case("delta method, log ratio", "R\N{SUPERSCRIPT TWO}, 300 rows", of(1 - 1.09 / 2, errors.r_squared)),
        Case("Fisher's z, Bonett and Wright", "Spearman correlation, 300 rows", of(order, errors.spearman)),
    ]


def _folded_median(shift: float) -> float:
    from scipy.optimize import brentq

    return float(brentq(lambda x: norm.cdf(x - shift) - norm.cdf(-x - shift) - 0.5, 0, 3))


def _several() -> list[Case]:
    rng = np.random.default_rng(3)
    cells = np.diag([0.3, 0.2, 0.12, 0.06, 0.02]) + rng.dirichlet(np.ones(25)).reshape(5, 5) * 0.3
    everyone = np.arange(5)
    truths = {name: float(value) for name, value in classes.summaries(cells, everyone).items()}
    names = [str(name) for name in everyone]

    def of(name: str) -> Simulated:
        def simulated(rng: np.random.Generator) -> tuple[float, Estimate]:
            counts = rng.multinomial(1000, cells.ravel()).reshape(5, 5)
            return truths[name], classes.measures(counts, names, rng, 1000)[0][name]

        return simulated

    def spoken(rng: np.random.Generator, n: int) -> tuple[NDArray[np.int64], Array]:
        labels = rng.choice(4, size=n, p=[0.4, 0.3, 0.2, 0.1])
        return labels, softmax(rng.normal(size=(n, 4)) + 1.2 * np.eye(4)[labels], axis=1)

    area, _ = multiclass.one_vs_rest(*spoken(np.random.default_rng(4), 400_000), names[:4])

    def areas(rng: np.random.Generator) -> tuple[float, Estimate]:
        return area.value or 0.0, multiclass.one_vs_rest(*spoken(rng, 400), names[:4])[0]

    def asked(rng: np.random.Generator, many: int) -> dict[str, Array]:
        codes = np.repeat(np.arange(many), 12)
        relevance = rng.integers(1, 4, size=len(codes)) * (rng.random(len(codes)) < 0.25)
        scores = relevance + 1.5 * rng.normal(size=len(codes))
        return queries.by_query(relevance.astype(np.float64), scores, codes)

    known = asked(np.random.default_rng(5), 100_000)

    def answered(name: str) -> Simulated:
        truth = float(np.nanmean(known[name]))

        def simulated(rng: np.random.Generator) -> tuple[float, Estimate]:
            return truth, queries.averages({name: asked(rng, 100)[name]}, rng, 400)[name]

        return simulated

    return [
        *(
            Case("multinomial draws", f"{name.replace('_', ' ')}, 5 classes, 1,000 rows", of(name))
            for name in (
                "macro_f1",
                "macro_precision",
                "balanced_accuracy",
                "weighted_f1",
                "cohens_kappa",
                "matthews",
            )
        ),
        Case("DeLong of the mean, logit scale", "macro ROC AUC, 4 classes, 400 rows", areas),
        Case("bootstrap over queries", "NDCG@10, 100 queries", answered("ndcg_at_10")),
        Case("bootstrap over queries", "mean reciprocal rank, 100 queries", answered("mean_reciprocal_rank")),
    ]


def _distances() -> list[Case]:
    """Two groups of 400 and 800 rows; five of 300 that are alike."""
    small, large = np.array([0.20, 0.08, 0.06, 0.66]), np.array([0.25, 0.15, 0.05, 0.55])

    def group(rng: np.random.Generator, name: str, n: int, cells: Array) -> groups.Group:
        counts = rng.multinomial(n, cells)
        none = Estimate(None, None, None, "", n)
        return groups.Group(name, counts, table.draw_tables(counts, rng, 400), none, none, none, none)

    def rate(drawn: Array) -> Array:
        return table.selection_rate(drawn, favourable_is_positive=True)

    def against(measure: str, truth: float) -> Simulated:
        def simulated(rng: np.random.Generator) -> tuple[float, Estimate]:
            pair = group(rng, "a", 400, small), group(rng, "b", 800, large)
            return truth, groups.compare(*pair, rate)[measure]

        return simulated

    def alike(rng: np.random.Generator) -> tuple[float, Estimate]:
        return 0.0, groups.spread(["recall"], [group(rng, str(at), 300, small) for at in range(5)])

    recalls = float(table.recall(small) - table.recall(large))
    return [
        Case(
            "multinomial draws",
            "selection rate ratio, 400 and 800 rows",
            against("selection_rate_ratio", 0.28 / 0.4),
        ),
        Case(
            "multinomial draws",
            "true-positive rate difference, 400 and 800 rows",
            against("true_positive_rate_difference", recalls),
        ),
        Case("range of draws", "gap between five groups that are alike", alike, safe=True),
    ]
