"""A version against the champion on the same rows."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, norm

from governance.evaluation.measures import calibration, ranking, table
from governance.evaluation.measures.estimate import (
    NO_SPREAD,
    TAILS,
    FloatArray,
    IntArray,
    Z,
    centred,
    plain,
    stream,
)
from governance.evaluation.measures.rows import checked_labels, checked_scores, checked_settings


def compare_paired(
    *,
    labels: NDArray[Any],
    scores: NDArray[Any],
    champion_scores: NDArray[Any],
    threshold: float,
    seed: int,
    draws: int = 2000,
) -> dict[str, Any]:
    """The difference, `scores` minus `champion_scores`, in each measure, from the same labelled rows.

    Returns `n`, `threshold` (one for both), `discordant` (rows that only one of the two got right), `answers` (the
    rows by what either predicted, each with how many of them were positive) and `diffs`: for each measure `value`,
    the ends of its 95 % interval `diff_ci_low` and `diff_ci_high`, the two-sided `p` against no difference, `method`
    and `n`. Below 0 is better for measures of which lower is better. A difference is None with an `undefined`
    sentence when either side is. Independent of the order of the rows, as `measure_binary`; raises ValueError
    likewise.
    """
    checked_settings(threshold=threshold, seed=seed, draws=draws)
    truth = checked_labels(labels)
    ours = checked_scores(scores, rows=len(truth))
    theirs = checked_scores(champion_scores, rows=len(truth), name="champion_scores")
    order = np.lexsort((truth, theirs, ours))
    truth, ours, theirs = truth[order], ours[order], theirs[order]

    cells = _joint_cells(truth, ours >= threshold, theirs >= threshold)
    only_ours = int(cells[1, 1, 0] + cells[0, 0, 1])
    only_theirs = int(cells[1, 0, 1] + cells[0, 1, 0])
    area = _area(truth, ours, theirs)
    diffs = {
        "roc_auc": area,
        "gini": _doubled(area),
        "average_precision": _average_precision(truth, ours, theirs, stream(seed, "paired rows"), draws),
        "brier": mean_difference(
            calibration.brier_losses(truth, ours) - calibration.brier_losses(truth, theirs)
        ),
        "log_loss": mean_difference(
            calibration.log_losses(truth, ours) - calibration.log_losses(truth, theirs)
        ),
        **table_measures(cells, stream(seed, "paired table"), draws),
    }
    diffs["accuracy"]["p"] = mcnemar(only_ours, only_theirs)
    diffs["accuracy"]["method"] = "multinomial draws, p by McNemar's exact test"
    result = {
        "n": len(truth),
        "threshold": float(threshold),
        "discordant": {"only_this_right": only_ours, "only_champion_right": only_theirs},
        "answers": _answers(cells),
        "diffs": diffs,
    }
    rounded: dict[str, Any] = plain(result)
    return rounded


def mcnemar(only_first_right: int, only_second_right: int) -> float:
    """The exact two-sided p that two classifiers err equally often (McNemar 1947, binomial form).

    1 when they never disagree in being right.
    """
    disagreements = only_first_right + only_second_right
    return float(binomtest(only_first_right, disagreements).pvalue) if disagreements else 1.0


def _difference(
    value: float, low: float | None, high: float | None, p: float | None, method: str, n: int
) -> dict[str, Any]:
    return {
        "value": value,
        "diff_ci_low": low,
        "diff_ci_high": high,
        "p": p,
        "method": method,
        "n": n,
    }


def undefined_difference(reason: str, method: str, n: int) -> dict[str, Any]:
    """A difference that could not be made, with the sentence that says why."""
    empty = {"value": None, "diff_ci_low": None, "diff_ci_high": None, "p": None}
    return {**empty, "method": method, "n": n, "undefined": reason}


def _no_order(labels: IntArray, ours: FloatArray, theirs: FloatArray) -> str | None:
    """Why a difference in ranking is not defined, or None when it is."""
    for whose, scores in (("This version", ours), ("The champion", theirs)):
        reason = ranking.no_order(labels, scores)
        if reason:
            return reason if reason == ranking.ONE_CLASS else f"{whose} gives every row the same score."
    return None


def _area(labels: IntArray, ours: FloatArray, theirs: FloatArray) -> dict[str, Any]:
    reason = _no_order(labels, ours, theirs)
    if reason:
        return undefined_difference(reason, "paired DeLong", len(labels))
    return _difference(*ranking.auc_difference(labels, ours, theirs), "paired DeLong", len(labels))


def _doubled(area: dict[str, Any]) -> dict[str, Any]:
    """The Gini difference: twice that of the AUC, with the same p."""
    ends = ("value", "diff_ci_low", "diff_ci_high")
    return {**area, **{key: None if area[key] is None else 2 * area[key] for key in ends}}


def mean_difference(differences: FloatArray) -> dict[str, Any]:
    """The mean paired difference with its normal interval and test.

    Where all rows differ by the same amount there is no spread: none at all is a certain 0, any other
    amount has no interval.
    """
    n, value, method = len(differences), float(differences.mean()), "paired normal approximation"
    if np.ptp(differences) <= NO_SPREAD:
        if abs(value) <= NO_SPREAD:
            return _difference(0.0, 0.0, 0.0, 1.0, method, n)
        return _difference(value, None, None, None, method, n)
    error = float(differences.std(ddof=1)) / n**0.5
    p = float(2 * norm.sf(abs(value) / error))
    return _difference(value, value - Z * error, value + Z * error, p, method, n)


def _from_draws(value: float, drawn: FloatArray, method: str, n: int) -> dict[str, Any]:
    """Percentile interval and p of drawn differences; p is no smaller than 2 / (draws + 1)."""
    low, high = np.quantile(drawn, TAILS)
    tail = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    p = min(2 * (tail + 1) / (len(drawn) + 1), 1.0)
    return _difference(value, min(float(low), value), max(float(high), value), p, method, n)


def _average_precision(
    labels: IntArray, ours: FloatArray, theirs: FloatArray, rng: np.random.Generator, draws: int
) -> dict[str, Any]:
    """Both models' average precision on the same resampled rows."""
    n = len(labels)
    reason = _no_order(labels, ours, theirs)
    if reason:
        return undefined_difference(reason, "paired bootstrap", n)
    first, second = ranking.Ranking(labels, ours), ranking.Ranking(labels, theirs)
    once = np.ones(n, dtype=np.int64)
    value = first.average_precision(once) - second.average_precision(once)
    drawn = np.array(
        [
            first.average_precision(weights) - second.average_precision(weights)
            for weights in ranking.resample(rng, n, draws)
        ]
    )
    kept = drawn[~np.isnan(drawn)]
    if len(kept) < (1 - ranking.MAX_EMPTY_DRAWS) * draws:
        return _difference(value, None, None, None, "paired bootstrap: no interval, too few positives", n)
    return _from_draws(value, centred(value, kept), "paired bootstrap", n)


def _joint_cells(labels: IntArray, ours: NDArray[np.bool_], theirs: NDArray[np.bool_]) -> IntArray:
    """Rows by label, our prediction and the champion's prediction, in a table of 2 by 2 by 2."""
    return np.bincount(labels * 4 + ours * 2 + theirs, minlength=8).reshape(2, 2, 2)


def _answers(cells: IntArray) -> list[dict[str, Any]]:
    """Whose answer changes: rows by this version's and the champion's prediction, and the positives among them."""
    return [
        {
            "this_positive": bool(ours),
            "champion_positive": bool(theirs),
            "n": int(cells[:, ours, theirs].sum()),
            "positives": int(cells[1, ours, theirs]),
        }
        for ours in (0, 1)
        for theirs in (0, 1)
    ]


def _tables(cells: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The confusion tables of either model, as `table` orders them, from joint cells on the last axes."""
    both = []
    for axis in (-1, -2):  # summing over the other model's prediction
        own = cells.sum(axis=axis)
        both.append(np.stack([own[..., 1, 1], own[..., 0, 1], own[..., 1, 0], own[..., 0, 0]], axis=-1))
    return both[0], both[1]


def table_measures(cells: IntArray, rng: np.random.Generator, draws: int) -> dict[str, dict[str, Any]]:
    """Every measure of the confusion table, from draws of the joint one, so that pairing is kept."""
    n = int(cells.sum())
    ours, theirs = _tables(cells.astype(np.float64))
    our_draws, their_draws = _tables(table.draw_tables(cells, rng, draws))
    diffs = {}
    for name, measure in table.MEASURES.items():
        value = float(measure.of(ours) - measure.of(theirs))
        if np.isnan(value):
            whose = "This version" if np.isnan(measure.of(ours)) else "The champion"
            diffs[name] = undefined_difference(f"{whose}: {measure.when_undefined}", table.METHOD, n)
        else:
            drawn = measure.of(our_draws) - measure.of(their_draws)
            diffs[name] = _from_draws(value, drawn, table.METHOD, n)
    return diffs
