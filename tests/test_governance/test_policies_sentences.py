"""Each rule reads as a sentence that a compliance officer can sign."""

from __future__ import annotations

from typing import Any

import pytest

from governance.evaluation.measures.catalogue import EVIDENCE, FAIRNESS_RULES, GROUP_METRICS, METRICS
from governance.policies.checks import FACTS, WORDS
from governance.policies.sentences import (
    age_sentence,
    card_sentence,
    evaluation_sentence,
    sentence_of,
    sentences,
    sign_off_sentence,
)
from tests.factories.governance import AUC, policy_of

RULES: list[tuple[dict[str, Any], str]] = [
    (
        {"bound": "ci_low", "limit": 0.7, "min_n": 1000},
        "ROC AUC, judged on the lower end of its 95 % interval, must be at least 0.7 on at least 1,000 rows.",
    ),
    ({"bound": "value", "op": "<", "path": "metrics.brier"}, "Brier score must be below 0.7."),
    (
        {
            "path": "metrics.calibration_error",
            "bound": "ci_high",
            "op": "<=",
            "limit": 0.05,
            "severity": "warn",
        },
        "Calibration error, judged on the upper end of its 95 % interval, must be at most 0.05. "
        "Missing it is a warning and refuses nothing.",
    ),
    (
        {"each": "fairness", "path": "selection_rate_ratio", "limit": 0.8},
        "For every sensitive attribute, every group's selection rate ratio to the group selected most often, judged "
        "on the lower end of its 95 % interval, must be at least 0.8. "
        "A group of fewer than 100 rows or 30 positives is noted, not judged.",
    ),
    (
        {
            "each": "fairness[attribute=age_band]",
            "path": "true_positive_rate_gap",
            "bound": "ci_high",
            "op": "<=",
            "limit": 0.1,
            "on_insufficient": "fail",
        },
        "For age band, the true-positive rate gap between groups, judged on the upper end of its 95 % interval, must "
        "be at most 0.1. A group of fewer than 100 rows or 30 positives does not meet it.",
    ),
    (
        {"each": "groups[attribute=sex]", "bound": "value", "limit": 0.65, "min_n": 300},
        "In every group of sex, ROC AUC must be at least 0.65, where the group has at least 300 rows. "
        "A group of fewer than 100 rows or 30 positives is noted, not judged.",
    ),
    (
        {
            "compare_to": "champion",
            "path": "comparison.diffs.roc_auc",
            "bound": "diff_ci_low",
            "limit": -0.01,
        },
        "The difference in ROC AUC to the champion on the same rows, judged on the lower end of its 95 % interval, "
        "must be at least −0.01. Without a champion the declared baseline stands in for it; without either, it does "
        "not apply.",
    ),
    (
        {
            "each": "crossings",
            "path": "metrics.roc_auc_shortfall",
            "bound": "value",
            "op": "<=",
            "limit": 0.1,
        },
        "In every crossing of two sensitive attributes, ROC AUC shortfall must be at most 0.1. "
        "A group of fewer than 100 rows or 30 positives is noted, not judged.",
    ),
    (
        {"each": "crossings[attribute=SEX × RACE]", "bound": "value"},
        "In every crossing of SEX × RACE, ROC AUC must be at least 0.7. "
        "A group of fewer than 100 rows or 30 positives is noted, not judged.",
    ),
    (
        {"each": "slices", "bound": "ci_high"},
        "In every slice the search found worst, ROC AUC, judged on the upper end of its 95 % interval, must be at "
        "least 0.7. A group of fewer than 100 rows or 30 positives is noted, not judged.",
    ),
    (
        {"each": "robustness", "path": "drop", "bound": "ci_high", "op": "<=", "limit": 0.05},
        "Under every disturbance of the inputs, the drop in what the suite measures first, judged on the upper end of "
        "its 95 % interval, must be at most 0.05.",
    ),
    (
        {
            "each": "robustness[scenario=missing_10]",
            "path": "drop",
            "bound": "value",
            "op": "<=",
            "min_n": 500,
        },
        "Under the disturbance “missing_10” of the inputs, the drop in what the suite measures first must be at most "
        "0.7, where it has at least 500 rows.",
    ),
    (
        {"path": "leakage.row_overlap", "bound": "value", "op": "<=", "limit": 0.001},
        "Overlap of training and evaluation rows must be at most 0.001.",
    ),
    (
        {"path": "data_quality.blockers", "bound": "value", "op": "<=", "limit": 0},
        "Defects that block must be at most 0.",
    ),
    (
        {"path": "overfitting.gap", "bound": "ci_high", "op": "<=", "limit": 0.05, "min_n": 100},
        "Gap between training and evaluation, judged on the upper end of its 95 % interval, must be at most 0.05 on "
        "at least 100 rows.",
    ),
    (
        {"path": "reproduction.verdict", "op": "in", "limit": ["identical", "equivalent"]},
        "A second run in another process must give answers that are identical or equivalent.",
    ),
    ({"path": "source", "op": "in", "limit": ["computed"]}, "The evidence must be computed."),
    (
        {"path": "evaluation.age_days", "op": "<=", "limit": 90},
        "The age of the evaluation must be at most 90 days.",
    ),
    (
        {"path": "circumstances.isolation_level", "limit": 2},
        "The isolation level the model ran at must be at least 2.",
    ),
    (
        {"path": "scan.verdict", "op": "in", "limit": ["clean", "unlisted_names"]},
        "The scan of the model's file must end as clean or unlisted names.",
    ),
    (
        {"path": "version.flavour", "op": "in", "limit": ["skops"]},
        "The format of the model's file must be skops.",
    ),
    (
        {"path": "reports.in-toto", "op": "in", "limit": ["passed", "warned"], "trust": "bound"},
        "An in-toto test result that names this version's bytes by digest must say passed or warned. "
        "Of several with one name the newest counts.",
    ),
    (
        {"path": "reports.junit", "op": "in", "limit": ["passed"], "named": "parity", "severity": "warn"},
        "A JUnit report “parity” on this version must say passed. Of several with one name the newest counts. "
        "Missing it is a warning and refuses nothing.",
    ),
    (
        {"path": "reports.lm-evaluation-harness", "op": "recorded"},
        "A result of lm-evaluation-harness on this version must be recorded.",
    ),
    (
        {"path": "lineage.data", "op": "recorded", "on_missing": "not_applicable"},
        "The data that trained the version must be recorded as a dataset version, by digest. "
        "Where it is not measured, it does not apply.",
    ),
]


def rule_of(changes: dict[str, Any]) -> dict[str, Any]:
    rule = AUC | changes
    if rule["path"] in FACTS:
        del rule["bound"]
    if rule["op"] == "recorded":
        del rule["limit"]
    if rule["path"].startswith("reports."):
        rule.setdefault("trust", "reported")
    return rule


@pytest.mark.parametrize(("changes", "sentence"), RULES)
def test_a_rule_in_words(changes: dict[str, Any], sentence: str) -> None:
    assert sentence_of(policy_of(rule_of(changes)).rules[0]) == sentence


def test_every_rule_that_can_be_written_has_a_sentence() -> None:
    rules: list[dict[str, Any]] = [{"path": f"metrics.{name}"} for name in METRICS]
    rules += [{"path": f"metrics.{name}", "each": "groups"} for name in GROUP_METRICS]
    rules += [
        {"path": f"metrics.{name}", "each": each}
        for each in ("crossings", "slices")
        for name in GROUP_METRICS
    ]
    rules += [{"path": name, "each": "fairness"} for name in FAIRNESS_RULES]
    rules += [{"path": name} for name in EVIDENCE] + [{"path": "drop", "each": "robustness"}]
    rules += [
        {"path": f"comparison.diffs.{name}", "compare_to": "champion", "bound": "value"} for name in METRICS
    ]
    for path, operators in FACTS.items():
        rules += [{"path": path, "op": op} for op in operators]
    words = {name: [allowed[0]] for name, allowed in WORDS.items()}
    made = [
        rule_of(rule | ({"limit": words[rule["path"]]} if rule["path"] in words else {})) for rule in rules
    ]
    # One policy each: together they would contradict each other, which a policy may not.
    documents = [policy_of({**rule, "id": f"rule-{number}"}) for number, rule in enumerate(made)]
    said = [one for document in documents for one in sentences(document)]
    assert [one.rule_id for one in said] == [rule.id for document in documents for rule in document.rules]
    assert [one.lines for one in said] == [rule.lines for document in documents for rule in document.rules]
    for one in said:
        assert one.text[0].isupper()
        assert one.text.endswith(".")
        assert "  " not in one.text
        assert " must " in one.text
    assert len({one.text for one in said}) == len(said)


def test_what_every_policy_demands_in_words() -> None:
    document = policy_of(card_sections=["purpose"], evaluation_max_age_days=90)
    assert age_sentence(document) == "The evaluation must be at most 90 days old."
    assert evaluation_sentence(document) == (
        "The version must have been evaluated with the suite “Binary classification, default”, "
        "and the evaluation succeeded."
    )
    assert evaluation_sentence(policy_of(suite=["full-binary", "quick-ranking"])) == (
        "The version must have been evaluated with the suite for what it predicts (“Binary classification, full” or "
        "“Ranking, quick”), and the evaluation succeeded."
    )
    assert card_sentence(document) == (
        "The model card must be complete in the section “Purpose, users, decision supported”."
    )
    assert card_sentence(policy_of(card_sections=["purpose", "risks"])) == (
        "The model card must be complete in 2 of its 19 sections."
    )


def test_a_sign_off_in_words() -> None:
    signs = {
        "key": "v",
        "title": "Validation",
        "meaning": "validation",
        "role": "reviewer",
        "independent": True,
    }
    assert sign_off_sentence(policy_of(sign_offs=[signs]).sign_offs[0]) == (
        "Validation: a reviewer, who neither owns nor contributes to models of the team, must sign, "
        "meaning validation."
    )
    signs = {"key": "c", "title": "Compliance", "meaning": "compliance review", "role": "compliance"}
    assert sign_off_sentence(policy_of(sign_offs=[signs]).sign_offs[0]) == (
        "Compliance: a compliance officer must sign, meaning compliance review."
    )
    signs = {"key": "a", "title": "Approval", "meaning": "approval", "role": "approver"}
    assert sign_off_sentence(policy_of(sign_offs=[signs]).sign_offs[0]).startswith(
        "Approval: an approver must"
    )
