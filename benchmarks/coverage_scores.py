"""Coverage of the intervals that come from a binary classifier's scores."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import expit
from scipy.stats import norm

from benchmarks.coverage import Case, Found
from governance.evaluation.measures import calibration, errors, lift, ranking
from governance.evaluation.measures.average_precision import (
    average_precision,
    average_precision_difference,
)
from governance.evaluation.measures.differences import mean_difference
from governance.evaluation.measures.estimate import Estimate, FloatArray, IntArray
from governance.evaluation.measures.groups_comparison import area_difference
from governance.evaluation.measures.separation import kolmogorov_smirnov

DISTANCE = "Kolmogorov\N{EN DASH}Smirnov"

Scored = tuple[IntArray, FloatArray]

#: Rows, share of positives, and how many standard deviations the classes' scores lie apart: few and many, balanced and
#: rare, near to luck (ROC AUC 0.56) and near to perfect (0.98).
SETTINGS = (
    (100, 0.3, 1.0),
    (100, 0.5, 3.0),
    (100, 0.1, 1.0),
    (200, 0.3, 1.0),
    (200, 0.1, 1.5),
    (500, 0.1, 2.0),
    (500, 0.05, 1.0),
    (1000, 0.2, 1.0),
    (1000, 0.2, 0.2),
    (1000, 0.05, 1.0),
    (5000, 0.05, 1.0),
)


def cases() -> list[Case]:
    """Every measure of scores in every setting that strains it."""
    return [*_orders(), *_differences(), *_gains(), *_losses(), *_calibrations()]


def _said(n: int, share: float, shift: float) -> str:
    return f"{n:,} rows, {share:.0%} positive, ROC AUC {norm.cdf(shift / 2**0.5):.2f}"


def _binormal(rng: np.random.Generator, n: int, share: float, shift: float) -> Scored:
    labels = (rng.random(n) < share).astype(np.int64)
    return ranking.in_order(labels, norm.cdf(rng.normal(size=n) + shift * (labels - 0.5)))


def _orders() -> list[Case]:
    return [Case(_said(*setting), _order(setting), safe=frozenset({DISTANCE})) for setting in SETTINGS]


def _order(setting: tuple[int, float, float]) -> Callable[[np.random.Generator], Found]:
    _, share, shift = setting
    area, distance = float(norm.cdf(shift / 2**0.5)), float(2 * norm.cdf(shift / 2) - 1)
    precision = _precision(share, shift)

    def simulated(rng: np.random.Generator) -> Found:
        labels, scores = _binormal(rng, *setting)
        return {
            "ROC AUC": (area, ranking.roc_auc(labels, scores)),
            "average precision": (precision, average_precision(labels, scores)),
            DISTANCE: (distance, kolmogorov_smirnov(labels, scores, rng)),
        }

    return simulated


def _precision(share: float, shift: float) -> float:
    """The average precision of the population: precision at each positive's score, averaged over their density."""
    at = np.linspace(-9, 9 + shift, 200_001)
    true, false = share * norm.sf(at - shift), (1 - share) * norm.sf(at)
    precision = true / np.maximum(true + false, 1e-300)
    return float(np.trapezoid(precision * norm.pdf(at - shift), at))


def _differences() -> list[Case]:
    settings = (
        (100, 0.3, 1.0, 0.7),
        (200, 0.1, 1.0, 0.7),
        (300, 0.3, 1.0, 0.7),
        (500, 0.1, 2.0, 0.3),
        (500, 0.05, 1.0, 0.7),
        (1000, 0.2, 1.0, 0.7),
        (1000, 0.1, 2.0, 0.3),
        (1000, 0.2, 3.0, 0.5),
        (200, 0.1, 3.0, 0.5),
    )
    return [*(Case(_said(*setting[:3]), _paired(*setting)) for setting in settings), *_paired_losses()]


def _two_models(
    rng: np.random.Generator, n: int, share: float, shift: float, noise: float
) -> tuple[IntArray, FloatArray, FloatArray]:
    labels = (rng.random(n) < share).astype(np.int64)
    shared = rng.normal(size=n) + shift * labels
    return labels, shared, shared + noise * rng.normal(size=n)


def _paired(n: int, share: float, shift: float, noise: float) -> Callable[[np.random.Generator], Found]:
    shift_of_other = shift / (1 + noise**2) ** 0.5
    area = float(norm.cdf(shift / 2**0.5) - norm.cdf(shift_of_other / 2**0.5))
    precision = _precision(share, shift) - _precision(share, shift_of_other)

    def simulated(rng: np.random.Generator) -> Found:
        models = _two_models(rng, n, share, shift, noise)
        return {
            "ROC AUC difference": (area, _as_estimate(area_difference(*models))),
            "average precision difference": (
                precision,
                _as_estimate(average_precision_difference(*models)),
            ),
        }

    return simulated


def _as_estimate(found: dict[str, object]) -> Estimate:
    keys = ("value", "diff_ci_low", "diff_ci_high", "method", "n")
    return Estimate(*(found[key] for key in keys))  # type: ignore[arg-type]


def _paired_losses() -> list[Case]:
    def losses(rng: np.random.Generator, n: int) -> FloatArray:
        odds = 1.5 * rng.normal(size=n) - 1
        labels = (rng.random(n) < expit(odds)).astype(np.int64)
        return calibration.brier_losses(labels, expit(odds)) - calibration.brier_losses(
            labels, expit(0.7 * odds + 0.2)
        )

    truth = float(losses(np.random.default_rng(5), 4_000_000).mean())

    def of(n: int) -> Callable[[np.random.Generator], Found]:
        return lambda rng: {"Brier score difference": (truth, _as_estimate(mean_difference(losses(rng, n))))}

    return [Case(f"{n} rows", of(n)) for n in (100, 300)]


def _gains() -> list[Case]:
    def of(setting: tuple[int, float, float]) -> Callable[[np.random.Generator], Found]:
        many = lift.lift(*_binormal(np.random.default_rng(1), 1_000_000, *setting[1:]))["deciles"]

        def simulated(rng: np.random.Generator) -> Found:
            found = lift.lift(*_binormal(rng, *setting))["deciles"]
            return {
                f"gain of the best {10 * (decile + 1)} %": (
                    float(many[decile]["gain"]["value"]),
                    Estimate(**found[decile]["gain"]),
                )
                for decile in (0, 4)
            }

        return simulated

    return [Case(_said(*setting), of(setting)) for setting in ((200, 0.3, 1.0), (1000, 0.05, 1.0))]


def _losses() -> list[Case]:
    """Calibrated scores: even from 0 to 1, and of a positive in twenty rows."""
    return [
        Case(f"{n:,} rows, {said}", _loss(n, shape))
        for shape, said in (((1.0, 1.0), "half positive"), ((0.5, 9.0), "5% positive"))
        for n in (100, 200, 500, 1000)
    ]


def _loss(n: int, shape: tuple[float, float]) -> Callable[[np.random.Generator], Found]:
    rates = np.random.default_rng(9).beta(*shape, 2_000_000)
    brier = float(np.mean(rates * (1 - rates)))
    log = -float(np.mean(rates * np.log(rates) + (1 - rates) * np.log1p(-rates)))

    def simulated(rng: np.random.Generator) -> Found:
        scores = rng.beta(*shape, n)
        labels = (rng.random(n) < scores).astype(np.int64)
        return {
            "Brier score": (brier, errors.mean_of_losses(calibration.brier_losses(labels, scores))),
            "log loss": (log, errors.mean_of_losses(calibration.log_losses(labels, scores))),
        }

    return simulated


def _calibrations() -> list[Case]:
    def fit(n: int, slope: float, shift: float, middle: float) -> Callable[[np.random.Generator], Found]:
        def simulated(rng: np.random.Generator) -> Found:
            odds = 1.5 * rng.normal(size=n) + middle
            labels = (rng.random(n) < expit(shift + slope * odds)).astype(np.int64)
            found = calibration.recalibration(labels, expit(odds))
            if slope != 1:  # the intercept is that of a slope of 1
                return {"calibration slope": (slope, found[0])}
            return {"calibration slope": (slope, found[0]), "calibration intercept": (shift, found[1])}

        return simulated

    def error(n: int, shift: float) -> Callable[[np.random.Generator], Found]:
        ordinary = np.sort(1.5 * np.random.default_rng(1).normal(size=600_000) - 1)
        bins = np.array_split(ordinary, calibration.ECE_BINS)
        truth = float(np.mean([abs(np.mean(expit(shift + part) - expit(part))) for part in bins]))

        def simulated(rng: np.random.Generator) -> Found:
            odds = 1.5 * rng.normal(size=n) - 1
            labels = (rng.random(n) < expit(shift + odds)).astype(np.int64)
            found = calibration.calibration_error(labels, expit(odds), rng, 400)
            return {"calibration error": (truth, found)}

        return simulated

    fits = [
        *(Case(f"{n} rows, spread too wide", fit(n, 0.7, 0.0, -1.0)) for n in (100, 200, 500)),
        *(Case(f"{n} rows, 35% positive", fit(n, 1.0, 0.4, -1.0)) for n in (100, 200, 500)),
        Case("500 rows, 8% positive", fit(500, 1.0, 0.4, -3.5)),
    ]
    return fits + [
        Case(f"{n:,} rows, scores {amount} too low", error(n, shift), safe=frozenset({"calibration error"}))
        for amount, shift in (("slightly", 0.4), ("far", 1.0))
        for n in (200, 1000, 5000)
    ]
