"""What no version could ever meet: limits outside a measure's range, and rules that contradict each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

_SHARE = (Decimal(0), Decimal(1))
_SIGNED = (Decimal(-1), Decimal(1))
_DISTANCE = (Decimal(0), None)
_ANY = (None, None)

Range = tuple[Decimal | None, Decimal | None]

#: The lowest and the highest value each measure can have; None where there is none.
RANGES: Mapping[str, Range] = {
    "roc_auc": _SHARE,
    "gini": _SIGNED,
    "ks": _SHARE,
    "average_precision": _SHARE,
    "brier": _SHARE,
    "log_loss": _DISTANCE,
    "calibration_error": _SHARE,
    "calibration_slope": _ANY,
    "calibration_intercept": _ANY,
    "accuracy": _SHARE,
    "precision": _SHARE,
    "recall": _SHARE,
    "specificity": _SHARE,
    "false_positive_rate": _SHARE,
    "f1": _SHARE,
    "balanced_accuracy": _SHARE,
    "matthews": _SIGNED,
    "selection_rate": _SHARE,
    "base_rate": _SHARE,
    "selection_rate_ratio": _DISTANCE,
    "true_positive_rate_gap": _SHARE,
    "equalised_odds_difference": _SHARE,
    "predictive_parity_gap": _SHARE,
    "roc_auc_gap": _SHARE,
    "calibration_gap": (Decimal(0), Decimal(2)),
    "r_squared": (None, Decimal(1)),
    "explained_variance": (None, Decimal(1)),
    "mean_absolute_error": _DISTANCE,
    "root_mean_squared_error": _DISTANCE,
    "median_absolute_error": _DISTANCE,
    "absolute_error_90th_percentile": _DISTANCE,
    "mean_error": _ANY,
    "standardised_mean_error": _ANY,
    "mean_absolute_percentage_error": _DISTANCE,
    "spearman": _SIGNED,
    "share_within_tolerance": _SHARE,
    "mean_absolute_error_ratio": _DISTANCE,
    "mean_error_gap": _DISTANCE,
    "standardised_mean_error_gap": _DISTANCE,
    **dict.fromkeys(
        (
            "macro_f1",
            "macro_precision",
            "macro_recall",
            "weighted_f1",
            "weighted_precision",
            "weighted_recall",
        ),
        _SHARE,
    ),
    "macro_roc_auc": _SHARE,
    "top_3_accuracy": _SHARE,
    "cohens_kappa": _SIGNED,
    "accuracy_ratio": _DISTANCE,
    "accuracy_gap": _SHARE,
    "balanced_accuracy_gap": _SHARE,
    **dict.fromkeys(("ndcg_at_5", "ndcg_at_10", "mean_reciprocal_rank", "mean_average_precision"), _SHARE),
    **dict.fromkeys(("precision_at_5", "precision_at_10", "recall_at_5", "recall_at_10"), _SHARE),
    "ndcg_ratio": _DISTANCE,
    "ndcg_gap": _SHARE,
    "roc_auc_shortfall": _SIGNED,
    "mean_calibration": _SIGNED,
    "brier_difference": _SIGNED,
    "error_rate_difference": _SIGNED,
    "drop": _ANY,
    "leakage.row_overlap": _SIGNED,
    "leakage.single_feature": _SHARE,
    "data_quality.blockers": _DISTANCE,
    "overfitting.gap": _ANY,
    "robustness.largest_drop": _ANY,
    "flip_rate": _SHARE,
    "label_noise.suspected": _SHARE,
    "power.smallest_difference": _DISTANCE,
    "costs.expected": _DISTANCE,
    "lift.top_decile": _DISTANCE,
    "evaluation.age_days": _DISTANCE,
    "circumstances.isolation_level": (Decimal(0), Decimal(3)),
}
_UP, _DOWN = (">=", ">"), ("<=", "<")
#: Where the end a rule reads lies in the interval.
_PLACE = {"ci_low": 0, "diff_ci_low": 0, "value": 1, "ci_high": 2, "diff_ci_high": 2}


def range_of(path: str) -> Range:
    """The range of what a path points at; that of a difference is as wide on either side."""
    if (name := path.removeprefix("comparison.diffs.")) != path:
        low, high = RANGES.get(name, _ANY)
        return _ANY if low is None or high is None else (low - high, high - low)
    return RANGES.get(path.removeprefix("metrics."), _ANY)


def limit_problem(path: str, op: str, limit: Decimal) -> str | None:
    """Why no version meets the limit, or every one does; None where it tells versions apart."""
    low, high = range_of(path)
    if (low is not None and limit < low) or (high is not None and limit > high):
        return f"“{path}” lies {_between(low, high)}, so a limit of {limit} tells no version from another."
    if (op == ">" and limit == high) or (op == "<" and limit == low):
        return f"Nobody could meet this: “{path}” is never {'above' if op == '>' else 'below'} {limit}."
    return None


def _between(low: Decimal | None, high: Decimal | None) -> str:
    if low is None:
        return f"at {high} at most"
    return f"at {low} at least" if high is None else f"between {low} and {high}"


def contradictions(rules: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, str]]:
    """Pairs of rules that refuse whatever the other lets pass, as the number of the later rule and a sentence.

    An end of the interval that must be above one number contradicts another end, not lower than it, that must be
    below a smaller one. Warnings refuse nothing, so they contradict nothing."""
    blocking = [(number, rule) for number, rule in enumerate(rules) if rule.get("severity") != "warn"]
    for place, (number, rule) in enumerate(blocking):
        for _, other in blocking[:place]:
            if _about(rule) == _about(other) and (said := _apart(other, rule) or _apart(rule, other)):
                yield (
                    number,
                    f"Nobody could meet this together with the rule “{other['id']}”: {said}. Change one of them.",
                )


def _about(rule: Mapping[str, Any]) -> tuple[Any, ...]:
    return rule["path"], rule.get("each"), rule.get("compare_to"), rule.get("named"), rule.get("trust")


def _apart(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    if one["op"] == other["op"] == "in":
        mine, theirs = one.get("limit"), other.get("limit")
        if isinstance(mine, list) and isinstance(theirs, list) and not {*mine} & {*theirs}:
            return "the two allow no word in common"
        return ""
    lower, upper = _number(one.get("limit")), _number(other.get("limit"))
    if one["op"] not in _UP or other["op"] not in _DOWN or lower is None or upper is None:
        return ""
    strict = one["op"] == ">" or other["op"] == "<"
    if _end(one) > _end(other) or lower < upper or (lower == upper and not strict):
        return ""
    return f"one asks for {one['op']} {lower}, the other for {other['op']} {upper}"


def _end(rule: Mapping[str, Any]) -> int:
    usual = "value"
    if rule.get("compare_to"):
        usual = "diff_ci_high" if rule["op"] in _DOWN else "diff_ci_low"
    return _PLACE.get(rule.get("bound", usual), 1)


def _number(limit: Any) -> Decimal | None:
    return Decimal(limit) if isinstance(limit, int | Decimal) and not isinstance(limit, bool) else None
