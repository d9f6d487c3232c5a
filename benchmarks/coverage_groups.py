"""Coverage of the intervals of differences between groups."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.coverage import Case, Found
from governance.evaluation.measures import groups, table
from governance.evaluation.measures.estimate import Estimate, FloatArray

SMALL, LARGE = np.array([0.20, 0.08, 0.06, 0.66]), np.array([0.25, 0.15, 0.05, 0.55])


def cases() -> list[Case]:
    """Two groups that differ, of few rows and of many; five of 300 rows that are alike."""
    recalls = float(table.recall(SMALL) - table.recall(LARGE))
    falls = float(table.false_positive_rate(SMALL) - table.false_positive_rate(LARGE))
    truths = {
        "selection_rate_ratio": 0.28 / 0.4,
        "true_positive_rate_difference": recalls,
        "false_positive_rate_difference": falls,
    }
    odds = {"equalised_odds_difference": max(abs(recalls), abs(falls))}
    return [
        *(
            Case(f"{rows[0]} and {rows[1]} rows", _against(values, rows), safe=frozenset(odds))
            for rows in ((120, 200), (400, 800))
            for values in (truths, odds)
        ),
        Case("five of 300 rows that are alike", _alike, safe=frozenset({"gap between groups"})),
    ]


def _group(rng: np.random.Generator, name: str, n: int, cells: FloatArray) -> groups.Group:
    counts = rng.multinomial(n, cells)
    none = Estimate(None, None, None, "", n)
    return groups.Group(name, counts, table.draw_tables(counts, rng, 400), none, none, none, none)


def _rate(drawn: FloatArray) -> FloatArray:
    return table.selection_rate(drawn, favourable_is_positive=True)


def _against(truths: dict[str, float], rows: tuple[int, int]) -> Callable[[np.random.Generator], Found]:
    def simulated(rng: np.random.Generator) -> Found:
        pair = _group(rng, "a", rows[0], SMALL), _group(rng, "b", rows[1], LARGE)
        found = groups.compare(*pair, _rate)
        return {name: (truth, found[name]) for name, truth in truths.items()}

    return simulated


def _alike(rng: np.random.Generator) -> Found:
    members = [_group(rng, str(at), 300, SMALL) for at in range(5)]
    return {"gap between groups": (0.0, groups.spread(["recall"], members))}
