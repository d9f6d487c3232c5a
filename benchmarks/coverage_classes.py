"""Coverage of the intervals that come from confusion tables, of two classes and of several."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import softmax

from benchmarks.coverage import Case, Found
from governance.evaluation.measures import classes, costs, multiclass, table
from governance.evaluation.measures.estimate import Estimate, FloatArray, IntArray
from governance.evaluation.measures.proportions import newcombe_difference, wilson

#: Shares of true positives, false positives, false negatives, true negatives.
TABLES = {
    "26% positive": np.array([0.20, 0.08, 0.06, 0.66]),
    "5% positive": np.array([0.03, 0.03, 0.02, 0.92]),
    "95% right": np.array([0.45, 0.02, 0.03, 0.50]),
}
AVERAGES = (
    "macro_precision",
    "macro_f1",
    "balanced_accuracy",
    "weighted_precision",
    "weighted_f1",
    "cohens_kappa",
    "matthews",
)


def cases() -> list[Case]:
    """Shares, measures of a table, averages over classes."""
    return [*_shares(), *_two(), *_several(), *_areas()]


def _shares() -> list[Case]:
    def simulated(rng: np.random.Generator) -> Found:
        share, other = rng.uniform(0.05, 0.95, size=2)
        counts = int(rng.binomial(200, share)), 200, int(rng.binomial(300, other)), 300
        low, high = newcombe_difference(*counts)
        return {
            "a share": (share, wilson(counts[0], 200, empty="")),
            "a difference of shares": (share - other, Estimate(0.0, low, high, "Newcombe", 500)),
        }

    return [Case("200 rows, and 300 beside them", simulated)]


def _two() -> list[Case]:
    def of(cells: FloatArray, n: int) -> Callable[[np.random.Generator], Found]:
        names = ("f1", "balanced_accuracy", "matthews")
        truths = {name: float(table.MEASURES[name].of(cells)) for name in names}
        price = 1000 * float(2 * cells[1] + 7 * cells[2])

        def simulated(rng: np.random.Generator) -> Found:
            counts = rng.multinomial(n, cells)
            found = table.composites(counts, rng, 1000)
            cost = costs.expected(counts, 2.0, 7.0, rng, 1000, table.METHOD)
            return {"expected cost": (price, cost)} | {
                name: (truth, found[name]) for name, truth in truths.items()
            }

        return simulated

    return [
        Case(f"{n:,} rows, {said}", of(cells, n)) for said, cells in TABLES.items() for n in (100, 200, 1000)
    ]


def _several() -> list[Case]:
    """Three classes and five, the rarest of these in one row of fifty; twenty that are alike."""
    rng = np.random.default_rng(3)
    three = np.array([[0.60, 0.03, 0.02], [0.05, 0.15, 0.02], [0.03, 0.02, 0.08]])
    five = np.diag([0.3, 0.2, 0.12, 0.06, 0.02]) + rng.dirichlet(np.ones(25)).reshape(5, 5) * 0.3
    twenty = np.diag([0.7 / 20] * 20) + rng.dirichlet(np.ones(400)).reshape(20, 20) * 0.3
    return [
        _averages(cells / cells.sum(), n)
        for cells, sizes in ((three, (100, 500)), (five, (100, 200, 500, 1000)), (twenty, (500, 2000)))
        for n in sizes
    ]


def _averages(cells: FloatArray, n: int) -> Case:
    many = len(cells)
    everyone, names = np.arange(many), [str(at) for at in range(many)]
    truths = {name: float(value) for name, value in classes.summaries(cells, everyone).items()}

    def simulated(rng: np.random.Generator) -> Found:
        counts = rng.multinomial(n, cells.ravel()).reshape(many, many)
        found = classes.measures(counts, names, rng, 400)[0]
        return {name: (truths[name], found[name]) for name in AVERAGES}

    return Case(f"{n:,} rows, {many} classes, the rarest {n * cells.sum(axis=1).min():.0f} rows", simulated)


def _areas() -> list[Case]:
    def spoken(rng: np.random.Generator, n: int, shares: list[float]) -> tuple[IntArray, FloatArray]:
        labels = rng.choice(len(shares), size=n, p=shares)
        return labels, softmax(rng.normal(size=(n, len(shares))) + 1.2 * np.eye(len(shares))[labels], axis=1)

    def of(n: int, shares: list[float]) -> Callable[[np.random.Generator], Found]:
        names = [str(at) for at in range(len(shares))]
        area, _ = multiclass.one_vs_rest(*spoken(np.random.default_rng(4), 400_000, shares), names)
        return lambda rng: {
            "macro_roc_auc": (area.value or 0.0, multiclass.one_vs_rest(*spoken(rng, n, shares), names)[0])
        }

    common, rare = [0.4, 0.3, 0.2, 0.1], [0.6, 0.3, 0.06, 0.04]
    return [
        Case(f"{n} rows, 4 classes, the rarest {n * min(shares):.0f} rows", of(n, shares))
        for n, shares in ((100, common), (400, common), (500, rare))
    ]
