"""Groups: who counts, in what order, and what a group without enough rows may not do."""

from typing import Any

import numpy as np
import pytest

from governance.evaluation.measures import measure_binary
from tests.test_governance.measures.samples import Array


def rows(name: str, tp: int, fp: int, fn: int, tn: int) -> tuple[Array, Array, Array]:
    """Labels, scores and group of rows that give this confusion table at 0.5."""
    labels = np.repeat([1, 0, 1, 0], [tp, fp, fn, tn])
    scores = np.repeat([0.9, 0.8, 0.3, 0.2], [tp, fp, fn, tn])
    return labels, scores, np.full(len(labels), name)


def measured(*members: tuple[Array, Array, Array], favourable_is_positive: bool = True) -> dict[str, Any]:
    labels, scores, names = (np.concatenate(column) for column in zip(*members, strict=True))
    return measure_binary(
        labels=labels,
        scores=scores,
        threshold=0.5,
        favourable_is_positive=favourable_is_positive,
        groups={"region": names},
        seed=5,
        draws=500,
    )


HIGH = rows("high", tp=80, fp=120, fn=20, tn=180)  # selects 200 of 400
LOW = rows("low", tp=30, fp=30, fn=30, tn=110)  # selects 60 of 200
TINY = rows("tiny", tp=0, fp=0, fn=2, tn=0)
FEW_POSITIVES = rows("few positives", tp=29, fp=300, fn=0, tn=0)


def test_a_group_counts_from_100_rows_with_30_positives() -> None:
    just = rows("just", tp=30, fp=0, fn=0, tn=70)
    one_short = rows("one short", tp=30, fp=0, fn=0, tn=69)
    entries = {entry["group"]: entry for entry in measured(just, one_short, FEW_POSITIVES)["groups"]}
    assert {name: entry["sufficient"] for name, entry in entries.items()} == {
        "just": True, "one short": False, "few positives": False,
    }  # fmt: skip
    assert (entries["few positives"]["n"], entries["few positives"]["positives"]) == (329, 29)


def test_the_worst_group_comes_first_and_insufficient_ones_last() -> None:
    result = measured(TINY, HIGH, FEW_POSITIVES, LOW)
    order = [entry["group"] for entry in result["groups"]]
    assert order[:2] == ["low", "high"]
    lows = [entry["metrics"]["roc_auc"]["ci_low"] for entry in result["groups"][:2]]
    assert lows == sorted(lows)
    (region,) = result["fairness"]
    assert [(entry["group"], entry["status"]) for entry in region["groups"]] == [
        ("low", "measured"),
        ("high", "reference"),
        ("tiny", "insufficient"),
        ("few positives", "insufficient"),
    ]


def test_an_insufficient_group_moves_no_measure_of_the_attribute() -> None:
    """A group of two whose positives were all missed would be the worst of all."""
    keys = ("reference", "selection_rate_ratio", "true_positive_rate_gap", "equalised_odds_difference")
    (without,) = measured(HIGH, LOW)["fairness"]
    (including,) = measured(HIGH, LOW, TINY, FEW_POSITIVES)["fairness"]
    assert {key: without[key] for key in keys} == {key: including[key] for key in keys}
    assert without["reference"] == "high"
    assert without["selection_rate_ratio"]["value"] == pytest.approx(0.3 / 0.5)
    assert without["true_positive_rate_gap"]["value"] == pytest.approx(0.3)
    assert without["equalised_odds_difference"]["value"] == pytest.approx(0.3)


def test_the_favourable_outcome_may_be_the_negative_one() -> None:
    result = measured(HIGH, LOW, favourable_is_positive=False)
    (region,) = result["fairness"]
    assert region["reference"] == "low"
    assert region["selection_rate_ratio"]["value"] == pytest.approx((200 / 400) / (140 / 200))
    high = next(entry for entry in result["groups"] if entry["group"] == "high")
    assert high["metrics"]["base_rate"]["value"] == pytest.approx(300 / 400)
    assert high["metrics"]["recall"]["value"] == pytest.approx(0.8)  # always of the positive class


def test_the_reference_equals_itself_exactly() -> None:
    (region,) = measured(HIGH, LOW)["fairness"]
    reference = region["groups"][-1]
    assert reference["selection_rate_ratio"] == {
        "value": 1.0, "ci_low": 1.0, "ci_high": 1.0, "method": "by definition", "n": 400,
    }  # fmt: skip
    assert reference["equalised_odds_difference"]["value"] == 0.0


def test_one_sufficient_group_has_nothing_to_be_compared_with() -> None:
    (region,) = measured(HIGH, TINY)["fairness"]
    assert region["reference"] == "high"
    for key in ("selection_rate_ratio", "true_positive_rate_gap", "equalised_odds_difference"):
        assert region[key]["value"] is None
        assert region[key]["undefined"].startswith("Fewer than two groups")


def test_no_sufficient_group_means_no_reference() -> None:
    (region,) = measured(TINY, FEW_POSITIVES)["fairness"]
    assert region["reference"] is None
    assert {entry["status"] for entry in region["groups"]} == {"insufficient"}
    assert region["groups"][0]["selection_rate_ratio"]["undefined"].startswith("No group has 100 rows")


def test_a_group_that_is_never_selected_has_ratio_0_with_room_above() -> None:
    never = rows("never", tp=0, fp=0, fn=40, tn=80)
    (region,) = measured(HIGH, never)["fairness"]
    ratio = region["selection_rate_ratio"]
    assert (ratio["value"], ratio["ci_low"]) == (0.0, 0.0)
    assert 0 < ratio["ci_high"] < 0.1
    predictive = region["groups"][0]["predictive_parity_difference"]
    assert predictive["undefined"] == "Group 'never': No row is predicted positive at this threshold."


def test_nobody_selected_leaves_no_ratio() -> None:
    (region,) = measured(rows("a", 0, 0, 40, 80), rows("b", 0, 0, 50, 90))["fairness"]
    assert region["selection_rate_ratio"]["value"] is None
    assert "no favourable prediction" in region["selection_rate_ratio"]["undefined"]
    assert region["true_positive_rate_gap"]["value"] == 0.0  # both are 0 of many, a measured equality


def test_a_group_without_negatives_leaves_equalised_odds_undefined_but_not_the_gap() -> None:
    (region,) = measured(HIGH, rows("all positive", tp=90, fp=0, fn=30, tn=0))["fairness"]
    assert region["true_positive_rate_gap"]["value"] == pytest.approx(0.05)
    assert (
        region["equalised_odds_difference"]["undefined"]
        == "Group 'all positive': There are no negative rows."
    )


def test_attributes_are_in_order_of_name() -> None:
    labels, scores, names = HIGH
    result = measure_binary(
        labels=labels,
        scores=scores,
        threshold=0.5,
        favourable_is_positive=True,
        groups={"sex": names, "age": names},
        seed=5,
        draws=100,
    )
    assert [entry["attribute"] for entry in result["groups"]] == ["age", "sex"]
    assert [entry["attribute"] for entry in result["fairness"]] == ["age", "sex"]
