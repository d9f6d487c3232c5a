"""What a paired difference says in words, with and without a margin."""

from __future__ import annotations

from typing import Any

import pytest

from governance.evaluation.differing import told
from governance.evaluation.measures.catalogue import METRICS
from governance.policies.document import PolicyDocument
from tests.factories.governance import AUC, policy_of


def difference(value: float | None, low: float | None, high: float | None) -> dict[str, Any]:
    return {"value": value, "diff_ci_low": low, "diff_ci_high": high}


@pytest.mark.parametrize(
    ("measure", "found", "margin", "says"),
    [
        ("roc_auc", (0.012, 0.004, 0.02), None, "Better, by 0.012, at least 0.004"),
        ("roc_auc", (-0.012, -0.02, -0.004), None, "Worse, by 0.012, at least 0.004"),
        ("roc_auc", (-0.012, -0.02, -0.004), 0.01, "Worse, by 0.012, at least 0.004"),
        (
            "roc_auc",
            (-0.005, -0.008, -0.002),
            0.01,
            "Worse, by 0.005, at least 0.002; within the margin of 0.010",
        ),
        ("roc_auc", (0.001, -0.004, 0.006), 0.01, "Equal, within 0.010"),
        ("roc_auc", (0.008, -0.004, 0.02), 0.01, "No worse, than 0.010 less"),
        ("roc_auc", (0.001, -0.02, 0.022), 0.01, "Cannot tell, from 0.020 worse to 0.022 better"),
        ("roc_auc", (0.001, -0.004, 0.006), None, "Cannot tell, from 0.004 worse to 0.006 better"),
        ("roc_auc", (0.0, 0.0, 0.0), None, "Equal, in every row"),
        ("roc_auc", (0.2, None, None), 0.01, "Cannot tell, no interval"),
        ("roc_auc", (None, None, None), 0.01, "Not measured"),
        ("brier", (-0.012, -0.02, -0.004), None, "Better, by 0.012, at least 0.004"),
        ("brier", (0.012, 0.004, 0.02), None, "Worse, by 0.012, at least 0.004"),
        ("brier", (0.002, -0.02, 0.005), 0.01, "No worse, than 0.010 less"),
        ("mean_absolute_error", (-120.4, -200, -40), None, "Better, by 120.4, at least 40.00"),
        ("mean_error", (-120.4, -200, -40), None, "Differs, by −120.4"),
        ("mean_error", (12.4, -20, 40), None, "Cannot tell, from −20.00 to +40.00"),
        ("selection_rate", (0.1, 0.05, 0.15), None, "Differs, by +10.0 points"),
        ("false_positive_rate", (0.062, 0.057, 0.067), None, "Worse, by 6.2 points, at least 5.7 points"),
    ],
)
def test_a_difference_in_words(
    measure: str, found: tuple[float | None, float | None, float | None], margin: float | None, says: str
) -> None:
    assert told(METRICS[measure], difference(*found), margin).sentence == says


def test_an_undefined_difference_says_why_and_none_at_all_says_nothing_more() -> None:
    undefined = difference(None, None, None) | {"undefined": "All rows have the same label."}
    assert told(METRICS["roc_auc"], undefined).sentence == "Not measured, All rows have the same label."
    assert told(METRICS["roc_auc"], None).sentence == "Not measured"


def policy(**changes: Any) -> PolicyDocument:
    rule = {**AUC, "compare_to": "champion", "path": "comparison.diffs.roc_auc", "bound": "diff_ci_low"}
    return policy_of(rule | {"limit": -0.02} | changes)


def test_the_margin_is_what_the_policy_lets_a_measure_lose() -> None:
    assert policy().margins == {"roc_auc": 0.02}
    assert policy(limit=0.01).margins == {"roc_auc": 0.0}
    brier = {"path": "comparison.diffs.brier", "op": "<=", "limit": 0.005, "bound": "diff_ci_high"}
    assert policy(**brier).margins == {"brier": 0.005}
    assert policy(bound="value").margins == {}
    assert policy(op="<=", limit=0.1).margins == {}
