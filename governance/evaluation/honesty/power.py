"""What data of this size can show: the smallest difference that would be found four times in five."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scipy.stats import norm

from governance.evaluation.measures.estimate import Estimate, Z, plain, undefined
from registry.versions.tasks import Task

POWER = 0.8
SIGNIFICANCE = 0.05
METHOD = "standard error of the interval, 80 % power at 5 %"

#: The headline measure of each task first, then what else the power is told of.
MEASURES: dict[Task, tuple[str, ...]] = {
    Task.BINARY: ("roc_auc", "accuracy"),
    Task.MULTICLASS: ("macro_f1", "accuracy"),
    Task.REGRESSION: ("r_squared", "mean_absolute_error"),
    Task.RANKING: ("ndcg_at_10",),
}


def power(metrics: Mapping[str, Mapping[str, Any]], task: Task) -> dict[str, Any]:
    """The smallest difference from a fixed value that a two-sided test at 5 % finds with 80 % power, of the headline
    measure (`smallest_difference`) and by measure (`measures`).

    (z of 0.975 + z of 0.8) standard errors (Cohen 1988, chapter 2), the standard error being that of the measure's
    own interval: for ROC AUC DeLong's, in place of the approximation of Hanley & McNeil 1982, Radiology 143. Two
    models on the same rows can be told apart more finely, because their errors go together.
    """
    names = MEASURES[task]
    found = {name: _smallest(metrics.get(name)) for name in names}
    result: dict[str, Any] = plain(
        {
            "measure": names[0],
            "power": POWER,
            "significance": SIGNIFICANCE,
            "smallest_difference": found[names[0]].as_dict(),
            "measures": {name: estimate.as_dict() for name, estimate in found.items()},
        }
    )
    return result


def _smallest(estimate: Mapping[str, Any] | None) -> Estimate:
    if estimate is None:
        return undefined("The suite does not give this measure.", method=METHOD, n=0)
    n, low, high = int(estimate["n"]), estimate.get("ci_low"), estimate.get("ci_high")
    if low is None or high is None:
        return undefined("The measure has no interval, so its error is unknown.", method=METHOD, n=n)
    error = (high - low) / (2 * Z)
    return Estimate((Z + float(norm.ppf(POWER))) * error, None, None, METHOD, n)
