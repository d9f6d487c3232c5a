"""Rules that read measures, met and not; what is undefined, missing or too small never passes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from governance.policies.requirements import shown
from tests.factories.governance import AUC, Subject, estimate, fairness, group, policy_of
from tests.test_governance.verdict_kit import GAP, RATIO, judged, one_subject

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def subject(django_db_setup: None, django_db_blocker: Any) -> Iterator[Subject]:
    with one_subject(django_db_blocker) as made:
        yield made


def test_a_measure_that_keeps_its_limit(subject: Subject) -> None:
    result = judged(subject, AUC, roc_auc=estimate(0.776050565264, 0.765386754248, 0.786364966461, 11957))
    assert (result.state, result.blocks) == ("met", False)
    assert result.message == (
        "ROC AUC is 0.776; the lower end of its 95 % interval is 0.765 (at least 0.7 is required), on 11,957 rows."
    )
    assert result.sentence.startswith("ROC AUC, judged on the lower end")
    assert result.looked_at == {
        "path": "metrics.roc_auc",
        "value": "0.776050565264",
        "ci_low": "0.765386754248",
        "ci_high": "0.786364966461",
        "n": 11957,
        "bound": "ci_low",
        "op": ">=",
        "limit": "0.7",
        "evaluation": subject.version.evaluations.get().number,
    }
    assert result.link is not None
    assert result.link.endswith(f"/evaluations/{result.looked_at['evaluation']}/")


def test_a_measure_that_misses_it(subject: Subject) -> None:
    result = judged(subject, AUC, roc_auc=estimate(0.72, 0.69, 0.75))
    assert (result.state, result.blocks) == ("not_met", True)
    assert result.message == (
        "ROC AUC is 0.720; the lower end of its 95 % interval is 0.690 and must be at least 0.7, on 9,000 rows."
    )


@pytest.mark.parametrize(
    ("bound", "op", "limit", "state"),
    [
        ("value", ">=", 0.72, "met"),
        ("value", ">", 0.72, "not_met"),
        ("value", "<=", 0.72, "met"),
        ("value", "<", 0.72, "not_met"),
        ("ci_low", ">=", 0.69, "met"),
        ("ci_low", ">=", 0.70, "not_met"),
        ("ci_high", "<=", 0.75, "met"),
        ("ci_high", "<=", 0.74, "not_met"),
    ],
)
def test_each_end_and_each_operator(subject: Subject, bound: str, op: str, limit: float, state: str) -> None:
    rule = AUC | {"bound": bound, "op": op, "limit": limit}
    result = judged(subject, rule, roc_auc=estimate(0.72, 0.69, 0.75))
    assert result.state == state
    assert result.blocks is (state == "not_met")


@pytest.mark.parametrize(
    ("end", "state"),
    [(0.7, "met"), (0.6999999999999, "not_met"), (0.1 + 0.2, "not_met"), (0.70000001, "met")],
)
def test_numbers_are_compared_exactly(subject: Subject, end: float, state: str) -> None:
    limit = 0.7 if end > 0.5 else 0.3
    op = ">=" if end > 0.5 else "<="  # 0.1 + 0.2 is a little above 0.3
    result = judged(subject, AUC | {"limit": limit, "op": op}, roc_auc=estimate(0.72, end, 0.75))
    assert result.state == state
    if end < limit:
        assert "is 0.7000 " not in result.message  # never printed as if it were kept
        assert "0.6999999999999" in result.message


def test_a_printed_number_stands_on_the_side_of_the_limit_where_it_is() -> None:
    rule = policy_of(AUC).rules[0]
    assert shown(Decimal("0.69996"), rule) == "0.69996"
    assert shown(Decimal("0.7"), rule) == "0.700"
    assert shown(Decimal("0.7004"), rule) == "0.700"
    assert shown(Decimal("-0.0001"), rule) == "0.000"
    assert shown(Decimal("-12.5"), rule) == "−12.500"


@pytest.mark.parametrize(
    ("auc", "said"),
    [
        (estimate(None, None, None), "ROC AUC is not defined. All rows have the same label."),
        (
            {**estimate(0.9, None, None), "method": "no interval"},
            "is 0.900 and has no 95 % interval (no interval).",
        ),
        (None, "ROC AUC was not measured: the evaluation's suite does not report it."),
        ({**estimate(0.9, 0.8, 1.0), "ci_low": "0.8"}, "has no 95 % interval"),
        ({**estimate(0.9, 0.8, 1.0), "value": True}, "ROC AUC is not defined."),
        ({}, "ROC AUC is not defined."),
    ],
)
def test_what_is_undefined_or_missing_never_passes(
    subject: Subject, auc: dict[str, Any] | None, said: str
) -> None:
    for op in (">=", "<="):
        result = judged(subject, AUC | {"op": op}, roc_auc=auc)
        assert (result.state, result.blocks) == ("not_measured", True)
        assert said in result.message


def test_missing_may_be_said_not_to_apply_and_then_only_when_missing(subject: Subject) -> None:
    rule = AUC | {"on_missing": "not_applicable"}
    assert judged(subject, rule, roc_auc=None).state == "not_applicable"
    assert judged(subject, rule, roc_auc=None).blocks is False
    assert judged(subject, rule, roc_auc=estimate(0.6, 0.5, 0.7)).state == "not_met"


def test_a_warning_never_blocks(subject: Subject) -> None:
    rule = AUC | {"severity": "warn"}
    for auc, state in ((estimate(0.6, 0.5, 0.7), "not_met"), (None, "not_measured")):
        result = judged(subject, rule, roc_auc=auc)
        assert (result.state, result.blocks) == (state, False)


def test_too_few_rows_prove_nothing(subject: Subject) -> None:
    rule = AUC | {"min_n": 1000}
    few, enough = estimate(0.9, 0.85, 0.95, 999), estimate(0.9, 0.85, 0.95, 1000)
    result = judged(subject, rule, roc_auc=few)
    assert (result.state, result.blocks) == ("insufficient", True)
    assert result.message == "ROC AUC rests on 999 rows; at least 1,000 are needed."
    assert judged(subject, rule, roc_auc=enough).state == "met"
    noted = judged(subject, rule | {"on_insufficient": "note"}, roc_auc=few)
    assert (noted.state, noted.blocks) == ("insufficient", False)


def ages(*groups: dict[str, Any]) -> dict[str, Any]:
    return fairness("age_band", "36 to 45", groups)


def test_the_worst_group_decides_and_is_named(subject: Subject) -> None:
    entries = [
        ages(
            group("46 to 55", 1547, estimate(0.97, 0.95, 0.99, 1547)),
            # Best by its value of the two that miss, worst by the end that is judged.
            group("56 and over", 321, estimate(0.83, 0.70, 0.95, 321)),
            group("21 to 25", 1559, estimate(0.79, 0.76, 0.82, 1559)),
        ),
        fairness("sex", "female", [group("male", 4784, estimate(0.95, 0.93, 0.97, 4784))]),
    ]
    result = judged(subject, RATIO, fairness=entries)
    assert (result.state, result.blocks) == ("not_met", True)
    assert result.message == (
        "Age band “56 and over” against “36 to 45”: the selection rate ratio is 0.830; the lower end of its 95 % "
        "interval is 0.700 and must be at least 0.8, on 321 rows. 2 of 4 compared do not meet it."
    )
    looked_at = result.looked_at["groups"]
    assert [(one["group"], one["state"]) for one in looked_at] == [
        ("56 and over", "not_met"),
        ("21 to 25", "not_met"),
        ("male", "met"),
        ("46 to 55", "met"),
    ]
    assert looked_at[0]["against"] == "36 to 45"
    assert looked_at[0]["ci_low"] == "0.7"
    json.dumps(result.looked_at)


def test_groups_that_all_keep_it(subject: Subject) -> None:
    result = judged(subject, RATIO)
    assert (result.state, result.blocks) == ("met", False)
    assert result.message == (
        "Sex “male” against “female”: the selection rate ratio is 0.950; the lower end of its 95 % interval is 0.930 "
        "(at least 0.8 is required), on 4,784 rows."
    )


def test_a_rule_of_one_attribute_looks_at_no_other(subject: Subject) -> None:
    entries = [
        ages(group("21 to 25", 1559, estimate(0.4, 0.38, 0.42, 1559))),
        fairness("sex", "female", [group("male", 4784, estimate(0.95, 0.93, 0.97, 4784))]),
    ]
    assert judged(subject, RATIO | {"each": "fairness[attribute=sex]"}, fairness=entries).state == "met"
    assert (
        judged(subject, RATIO | {"each": "fairness[attribute=age_band]"}, fairness=entries).state == "not_met"
    )


def test_a_small_group_is_neither_a_pass_nor_a_miss(subject: Subject) -> None:
    small = group("native", 22, estimate(0.7, 0.5, 0.9, 22), status="insufficient")
    entries = [fairness("race", "white", [group("asian", 861, estimate(0.97, 0.95, 1.0, 861)), small])]
    result = judged(subject, RATIO, fairness=entries)
    assert (result.state, result.blocks) == ("insufficient", False)
    assert "Race “asian” against “white”" in result.message
    assert result.message.endswith(
        "Too small to judge: race “native” (22 rows); a group needs 100 rows with 30 positives."
    )
    assert judged(subject, RATIO | {"on_insufficient": "fail"}, fairness=entries).blocks
    entries[0]["groups"].append(group("black", 900, estimate(0.7, 0.6, 0.8, 900)))
    assert judged(subject, RATIO, fairness=entries).state == "not_met"


def test_a_policy_may_ask_for_larger_groups(subject: Subject) -> None:
    result = judged(subject, RATIO | {"min_n": 5000})
    assert result.state == "insufficient"
    assert "a group needs 5,000 rows with 30 positives" in result.message


def test_only_small_groups_beside_the_reference(subject: Subject) -> None:
    entries = [
        fairness("sex", "female", [group("male", 22, estimate(0.7, 0.5, 0.9, 22), status="insufficient")])
    ]
    for rule in (RATIO, GAP):
        assert judged(subject, rule, fairness=entries).state == "insufficient"
        assert not judged(subject, rule, fairness=entries).blocks
        assert judged(subject, rule | {"on_insufficient": "fail"}, fairness=entries).blocks


@pytest.mark.parametrize("rule", [RATIO, GAP])
def test_one_group_alone_was_compared_with_nothing(subject: Subject, rule: dict[str, Any]) -> None:
    result = judged(subject, rule, fairness=[fairness("sex", "female", [])])
    assert (result.state, result.blocks) == ("not_measured", True)
    assert result.message == "Sex has one group only."


@pytest.mark.parametrize(
    ("rule", "entries", "said"),
    [
        (RATIO, [], "declares no sensitive attribute, so no groups were compared."),
        (GAP, [], "declares no sensitive attribute “sex”, so no groups were compared."),
        (GAP, [ages(group("21 to 25", 900, estimate(1.0, 0.9, 1.0, 900)))], "no sensitive attribute “sex”"),
    ],
)
def test_attributes_nobody_declared_do_not_pass(
    subject: Subject, rule: dict[str, Any], entries: list[Any], said: str
) -> None:
    result = judged(subject, rule, fairness=entries)
    assert (result.state, result.blocks) == ("not_measured", True)
    assert result.message.startswith(subject.holdout.dataset.name)
    assert said in result.message


def test_a_ratio_that_is_not_defined_does_not_pass(subject: Subject) -> None:
    undefined = {
        **estimate(None, None, None),
        "undefined": "The reference group has no favourable prediction.",
    }
    result = judged(subject, RATIO, fairness=[fairness("sex", "female", [group("male", 900, undefined)])])
    assert (result.state, result.blocks) == ("not_measured", True)
    assert "The reference group has no favourable prediction." in result.message


def test_the_gap_names_the_groups_at_its_ends(subject: Subject) -> None:
    def rates(female: float, male: float) -> list[dict[str, Any]]:
        return [
            {
                "attribute": "sex",
                "group": name,
                "n": 4000,
                "sufficient": True,
                "metrics": {
                    "recall": estimate(rate, rate - 0.02, rate + 0.02),
                    "roc_auc": estimate(0.75, 0.7, 0.8),
                },
            }
            for name, rate in (("female", female), ("male", male))
        ]

    wide = estimate(0.08, 0.05, 0.11, 8000)
    entries = [fairness("sex", "female", [group("male", 4000, estimate(0.9, 0.88, 0.92, 4000))], gap=wide)]
    result = judged(subject, GAP, fairness=entries, groups=rates(0.52, 0.60))
    assert result.state == "not_met"
    assert result.message == (
        "Sex: the true-positive rate gap between “male” and “female” is 0.080; the upper end of its 95 % interval is "
        "0.110 and must be at most 0.1, on 8,000 rows."
    )
    assert judged(subject, GAP | {"bound": "value"}, fairness=entries).state == "met"
    odds = GAP | {"path": "equalised_odds_difference", "bound": "value"}
    assert judged(subject, odds, fairness=entries).state == "met"


def test_a_measure_of_every_group(subject: Subject) -> None:
    def entry(name: str, auc: dict[str, Any], *, n: int = 900, sufficient: bool = True) -> dict[str, Any]:
        return {
            "attribute": "sex",
            "group": name,
            "n": n,
            "sufficient": sufficient,
            "metrics": {"roc_auc": auc},
        }

    rule = AUC | {"each": "groups"}
    good, bad = estimate(0.8, 0.78, 0.82, 900), estimate(0.7, 0.6, 0.8, 900)
    assert judged(subject, rule, groups=[entry("female", good), entry("male", good)]).state == "met"
    result = judged(subject, rule, groups=[entry("female", good), entry("male", bad)])
    assert (result.state, result.blocks) == ("not_met", True)
    assert result.message.startswith(
        "Sex “male”: ROC AUC is 0.700; the lower end of its 95 % interval is 0.600"
    )
    small = judged(subject, rule, groups=[entry("female", good), entry("x", bad, n=20, sufficient=False)])
    assert (small.state, small.blocks) == ("insufficient", False)
    assert judged(subject, rule, groups=[entry("female", {})]).state == "not_measured"
    assert judged(subject, rule, groups=[]).state == "not_measured"
    assert judged(subject, rule | {"min_n": 1000}, groups=[entry("female", good)]).state == "insufficient"


def test_a_hundred_groups_are_counted_and_the_worst_are_listed(subject: Subject) -> None:
    groups = [
        group(f"group {n}", 200, estimate(0.5 + n / 1000, 0.4 + n / 1000, 0.9, 200)) for n in range(100)
    ]
    result = judged(subject, RATIO, fairness=[fairness("race", "white", groups)])
    assert "100 of 100 compared do not meet it." in result.message
    assert len(result.looked_at["groups"]) == 20
    assert result.looked_at["more"] == 80
    assert result.looked_at["groups"][0]["group"] == "group 0"
