"""Policies and models that predict a number: which rules apply, in which words, and how the shipped ones stand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from countersign.errors import Invalid
from governance.cards.drawn import draw
from governance.evaluation.models import Evaluation
from governance.policies.document import PolicyDocument
from governance.policies.requirements import RequirementResult
from governance.policies.rules import parse
from governance.policies.sentences import sentence_of
from governance.policies.shipping import SHIPPED
from governance.policies.verdict import judge
from tests.factories import registry as make
from tests.factories.governance import AUC, policy_text
from tests.test_governance import evidence_kit as kit
from tests.test_governance import regression_kit as bills

BOTH = ["default-binary", "default-regression"]
ERROR = {
    "id": "error",
    "title": "Close enough",
    "path": "metrics.mean_absolute_error",
    "bound": "ci_high",
    "op": "<=",
    "limit": 9500,
    "why": "Cash is planned on it.",
}
RATIO = {
    "id": "ratio",
    "title": "Nobody is predicted much worse",
    "each": "fairness",
    "path": "mean_absolute_error_ratio",
    "bound": "value",
    "op": "<=",
    "limit": 1.25,
    "why": "A group should not pay for the model's accuracy.",
}


def policy_of(*rules: dict[str, Any], suite: Any = BOTH) -> PolicyDocument:
    return parse(policy_text(rules=rules, suite=suite))


def shipped(tier: str, environment: str = "production") -> PolicyDocument:
    return parse((SHIPPED / f"{tier}-{environment}.yaml").read_text())


def judged(
    world: kit.World, document: PolicyDocument, evaluation: Evaluation | None
) -> dict[str, RequirementResult]:
    results = judge(version=world.version, document=document, evaluation=evaluation, card=None)
    return {one.rule_id: one for one in results}


@pytest.fixture
def world(db: None) -> kit.World:
    return bills.bill_world(tier="medium")


# --- what a rule says ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (
            ERROR,
            "Mean absolute error, judged on the upper end of its 95 % interval, must be at most 9,500 in the target's "
            "unit.",
        ),
        (
            {**ERROR, "path": "metrics.r_squared", "bound": "ci_low", "op": ">=", "limit": 0.2, "min_n": 500},
            "R², judged on the lower end of its 95 % interval, must be at least 0.2 on at least 500 rows.",
        ),
        (
            {**ERROR, "each": "groups[attribute=sex]"},
            "In every group of sex, Mean absolute error, judged on the upper end of its 95 % interval, must be at most "
            "9,500 in the target's unit. A group of fewer than 100 rows is noted, not judged.",
        ),
        (
            RATIO,
            "For every sensitive attribute, every group's mean absolute error ratio to all other rows must be at most "
            "1.25. A group of fewer than 100 rows is noted, not judged.",
        ),
    ],
)
def test_a_rule_on_an_error_is_a_sentence_with_its_unit(rule: dict[str, Any], says: str) -> None:
    assert sentence_of(policy_of(rule).rules[0]) == says


@pytest.mark.parametrize(
    ("suite", "says"),
    [
        (["default-binary", "default-binary"], "names something twice"),
        (["other"], "There is no suite “other”. Known: default-binary, quick-binary, full-binary,"),
        ([], "has at least 1 entry"),
        (7, "“suite” must be text, or a list of texts."),
    ],
)
def test_a_policy_names_one_suite_a_task(suite: Any, says: str) -> None:
    with pytest.raises(Invalid) as caught:
        policy_of(ERROR, suite=suite)
    assert says in caught.value.fields["text"][0]


# --- how evidence is judged -------------------------------------------------------------------------------------


def test_rules_apply_by_the_task_whose_measure_they_read(world: kit.World) -> None:
    evaluation = bills.make_evidence(world.version, world.data, actor=world.maker)
    found = judged(world, policy_of(AUC, ERROR), evaluation)
    assert (found["error"].state, found["error"].blocks) == ("met", False)
    assert "Mean absolute error is 8,905" in found["error"].message
    assert (found["auc"].state, found["auc"].blocks) == ("not_applicable", False)
    assert found["auc"].message == "A measure of binary classification; this version is one of regression."
    classifier = make.make_version(world.model, actor=world.maker)
    theirs = {
        one.rule_id: one
        for one in judge(version=classifier, document=policy_of(AUC, ERROR), evaluation=None, card=None)
    }
    assert theirs["error"].message == "A measure of regression; this version is one of binary classification."
    assert (theirs["auc"].state, theirs["auc"].blocks) == ("not_measured", True)


def test_a_policy_of_one_task_refuses_versions_of_the_other(world: kit.World) -> None:
    evaluation = bills.make_evidence(world.version, world.data, actor=world.maker)
    found = judged(world, policy_of(AUC, suite="default-binary"), evaluation)["evaluation"]
    assert (found.state, found.blocks) == ("not_met", True)
    assert found.message.startswith(
        "The policy names no suite for regression, which is what this version does"
    )
    assert "with the suite default-regression and rules on its measures." in found.message


def test_the_worst_group_is_named_against_all_other_rows(world: kit.World) -> None:
    evaluation = bills.make_evidence(world.version, world.data, actor=world.maker)
    found = judged(world, policy_of({**RATIO, "limit": 1.1}), evaluation)["ratio"]
    assert (found.state, found.blocks) == ("not_met", True)
    assert found.message.startswith(
        "Age band “46 to 55” against all other rows: the mean absolute error ratio is 1.1"
    )
    assert found.looked_at["groups"][0]["group"] == "46 to 55"


def test_what_is_undefined_is_not_measured_and_never_met(world: kit.World) -> None:
    evaluation = bills.make_evidence(world.version, world.data, actor=world.maker, tolerance=None)
    percentage = {**ERROR, "path": "metrics.mean_absolute_percentage_error", "limit": 1}
    within = {
        **ERROR,
        "id": "within",
        "path": "metrics.share_within_tolerance",
        "op": ">=",
        "bound": "ci_low",
        "limit": 0,
    }
    found = judged(world, policy_of(percentage, within), evaluation)
    assert (found["error"].state, found["error"].blocks) == ("not_measured", True)
    assert "716 rows have a target of 0." in found["error"].message
    assert "declares no tolerance" in found["within"].message


ABOUT_EVIDENCE = {"r-squared", "bias-high", "bias-low", "bias-gap-sex", "error-ratio"}


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_good_regression_meets_every_shipped_rule_on_its_evidence(world: kit.World, path: Path) -> None:
    evaluation = bills.make_evidence(world.version, world.data, actor=world.maker)
    found = judged(world, parse(path.read_text()), evaluation)
    assert found["evaluation"].state == "met"
    measured = {name: one for name, one in found.items() if name in ABOUT_EVIDENCE}
    assert not [name for name, one in measured.items() if one.blocks]
    assert {one.state for one in measured.values()} <= {"met", "insufficient"}
    binary = {"auc", "calibration", "tpr-gap-sex", "selection-ratio"} & set(found)
    assert {found[name].state for name in binary} <= {"not_applicable"}


@pytest.mark.parametrize(
    ("measuring", "missed"),
    [
        ({"shift": 8000.0}, {"bias-high"}),
        ({"shift": -8000.0}, {"bias-low"}),
        ({"columns": 1}, {"r-squared", "bias-gap-sex"}),
    ],
    ids=["too-high", "too-low", "knows-nothing"],
)
def test_a_bad_one_misses_the_shipped_rule_made_for_it(
    world: kit.World, measuring: dict[str, Any], missed: set[str]
) -> None:
    evaluation = bills.make_evidence(world.version, world.data, actor=world.maker, **measuring)
    found = judged(world, shipped("high"), evaluation)
    refused = {name for name, one in found.items() if name in ABOUT_EVIDENCE and one.state == "not_met"}
    assert refused == missed


# --- the card --------------------------------------------------------------------------------------------------


def test_a_card_draws_errors_in_the_targets_unit(world: kit.World) -> None:
    evaluation = bills.make_evidence(world.version, world.data, actor=world.maker)
    drawn = draw(version=world.version, evaluation=evaluation)
    performance = {row.measure.name: row for row in drawn["performance"].measures}
    assert "roc_auc" not in performance
    found = evaluation.results_document["metrics"]["mean_absolute_error"]
    assert performance["mean_absolute_error"].text == f"{found['value']:,.0f}"
    assert [fact.value for fact in drawn["performance"].facts] == ["10,000"]
    rows = next(fact for fact in drawn["evaluation_data"].facts if fact.label == "Rows")
    assert rows.value == "11,957; the target is 51,466 on average, standard deviation 73,737"
    fairness = {(row.measure.name, row.group): row for row in drawn["fairness"].measures}
    assert fairness["mean_absolute_error_ratio", "male"].against == "all other rows"
    assert ("mean_error_gap", "") in fairness
    assert [(fact.label, fact.value) for fact in drawn["operation"].facts][-2:] == [
        ("Predicts", bills.TARGET),
        ("Tolerance", "10,000"),
    ]


# --- the signature ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"task": "clustering"}, "task is one of: binary, multiclass, regression, ranking."),
        ({"task": "binary"}, "add task: regression"),
        ({"task": None}, "add task: regression"),
        ({"threshold": 0.5}, "neither positive_label nor threshold"),
        ({"positive_label": "1"}, "neither positive_label nor threshold"),
        ({"target": ""}, "names its target"),
        ({"tolerance": 0}, "tolerance is a number above 0"),
        ({"tolerance": True}, "tolerance is a number above 0"),
        ({"tolerance": float("nan")}, "tolerance is a number above 0"),
        ({"task": "ranking"}, "tolerance is for a model that predicts a number"),
        ({"task": "multiclass", "tolerance": None, "threshold": 0.5}, "neither positive_label nor threshold"),
        ({"task": "ranking", "tolerance": None, "target": ""}, "names its target, the column that says how"),
        ({"costs": {"false_positive": 1, "false_negative": 2}}, "costs are for a binary classifier"),
        ({"task": "binary", "tolerance": None, "costs": {"false_positive": 1}}, "costs is an object with"),
        (
            {"task": "binary", "tolerance": None, "costs": {"false_positive": 0, "false_negative": 0}},
            "not both 0",
        ),
        (
            {"task": "binary", "tolerance": None, "costs": {"false_positive": -1, "false_negative": 1}},
            "costs are numbers from 0",
        ),
    ],
)
def test_a_signature_declares_one_task_and_what_belongs_to_it(
    world: kit.World, changes: dict[str, Any], says: str
) -> None:
    with pytest.raises(Invalid) as caught:
        make.make_version(world.model, actor=world.maker, signature=bills.SIGNATURE | changes)
    assert says in caught.value.fields["signature"][0]


def test_a_classifiers_signature_keeps_its_form(world: kit.World) -> None:
    plain = {
        "features": bills.SIGNATURE["features"],
        "target": "default",
        "positive_label": "1",
        "threshold": 0.3,
    }
    version = make.make_version(world.model, actor=world.maker, signature=plain | {"task": "binary"})
    assert version.signature == plain
    priced = plain | {"costs": {"false_negative": 5, "false_positive": 1}}
    declared = make.make_version(world.model, actor=world.maker, signature=priced).signature
    assert declared == plain | {"costs": {"false_positive": 1.0, "false_negative": 5.0}}
    assert world.version.signature["task"] == "regression"
