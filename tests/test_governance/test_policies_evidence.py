"""Rules that read the rest of the evidence: each path met, missed, undefined, missing, and on too few rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from governance.comparisons.rivals import BASELINE
from governance.evaluation.measures.catalogue import EVIDENCE, EVIDENCE_TASKS
from governance.evaluation.measures.evidence_catalogue import GROUP_ONLY
from governance.policies.checks import FACTS
from governance.policies.document import OF_GROUPS
from governance.policies.verdict import judge
from registry.versions.tasks import Task
from tests.databases import ROOT
from tests.factories.governance import AUC, Subject, estimate, policy_of, results_of
from tests.test_governance.verdict_kit import judged, one_subject

pytestmark = pytest.mark.django_db
VALUE = {key: value for key, value in AUC.items() if key != "bound"} | {"op": "<=", "limit": 0.05}


@pytest.fixture(scope="module")
def subject(django_db_setup: None, django_db_blocker: Any) -> Iterator[Subject]:
    with one_subject(django_db_blocker) as made:
        yield made


def holding(path: str, found: dict[str, Any] | None, **beside: Any) -> dict[str, Any]:
    """Results that hold this at the path; nothing where None."""
    section, _, name = path.rpartition(".")
    if not section:
        return {name: found} if found is not None else {}
    return {section: beside | ({name: found} if found is not None else {})}


@pytest.mark.parametrize("path", EVIDENCE)
def test_each_estimate_is_met_missed_undefined_missing_or_too_small(subject: Subject, path: str) -> None:
    rule = VALUE | {"path": path}
    good, bad = estimate(0.0, 0.0, 0.02), estimate(1.0, 0.9, 1.0)
    met = judged(subject, rule, **holding(path, good))
    assert (met.state, met.blocks) == ("met", False)
    assert met.message.startswith(f"{EVIDENCE[path].label} is 0")
    missed = judged(subject, rule, **holding(path, bad))
    assert (missed.state, missed.blocks) == ("not_met", True)
    assert "and must be at most 0.05, on 9,000 rows." in missed.message
    assert missed.looked_at["value"] == "1"
    assert judged(subject, rule | {"bound": "ci_high"}, **holding(path, good)).state == "met"
    no_interval = {**good, "ci_high": None, "method": "counted"}
    for found, said in (
        ({**estimate(None, None, None), "undefined": "Nothing to read."}, "is not defined. Nothing to read."),
        ({"value": None}, "is not defined. It has no value in the evidence."),
        (None, "was not measured: the evaluation's suite does not report it."),
    ):
        for op in ("<=", ">="):
            result = judged(subject, rule | {"op": op}, **holding(path, found))
            assert (result.state, result.blocks) == ("not_measured", True)
            assert said in result.message
    assert judged(subject, rule | {"bound": "ci_high"}, **holding(path, no_interval)).state == "not_measured"
    few = judged(subject, rule | {"min_n": 10_000}, **holding(path, good))
    assert (few.state, few.blocks) == ("insufficient", True)


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("leakage.row_overlap", "Overlap of training and evaluation rows"),
        ("leakage.single_feature", "Features that tell the target"),
        ("overfitting.gap", "Gap between training and evaluation"),
        ("robustness.largest_drop", "Robustness"),
        ("flip_rate", "Flip test: sex"),
        ("label_noise.suspected", "Labels that look wrong"),
        ("data_quality.blockers", "data_quality"),
    ],
)
def test_what_is_missing_is_told_with_the_reason_the_evidence_gives(
    subject: Subject, path: str, what: str
) -> None:
    said = [{"what": "Something else", "why": "No."}, {"what": what, "why": "The data are kept elsewhere."}]
    result = judged(subject, VALUE | {"path": path}, not_measured=said)
    assert (result.state, result.blocks) == ("not_measured", True)
    assert result.message == f"{EVIDENCE[path].label} was not measured: The data are kept elsewhere."
    allowed = judged(subject, VALUE | {"path": path, "on_missing": "not_applicable"}, not_measured=said)
    assert (allowed.state, allowed.blocks) == ("not_applicable", False)


def test_an_overlap_that_chance_makes_too_is_not_passed(subject: Subject) -> None:
    leakage = {"row_overlap": estimate(0.0, 0.0, 0.01), "inconclusive": "47 % of the rows repeat anyway."}
    result = judged(subject, VALUE | {"path": "leakage.row_overlap"}, leakage=leakage)
    assert (result.state, result.blocks) == ("not_measured", True)
    assert result.message.endswith("is inconclusive. 47 % of the rows repeat anyway.")


def test_a_miss_names_what_it_is_about(subject: Subject) -> None:
    high = estimate(0.99, 0.98, 1.0)
    for path, results, said in (
        (
            "leakage.single_feature",
            {"leakage": {"single_feature": high, "features": [{"feature": "paid_back", "value": high}]}},
            "It is “paid_back”.",
        ),
        (
            "robustness.largest_drop",
            {"robustness": {"largest_drop": high, "largest_drop_in": "10 % of values missing"}},
            "The worst: 10 % of values missing.",
        ),
        (
            "data_quality.blockers",
            {
                "data_quality": {
                    "blockers": {"value": 2.0},
                    "findings": [
                        {"severity": "blocker", "sentence": "There are 12 rows."},
                        {"severity": "note", "sentence": "One column is constant."},
                    ],
                }
            },
            "There are 12 rows.",
        ),
        (
            "flip_rate",
            {
                "flip_rate": high,
                "flip": [{"attribute": "age_band", "rate": high}, {"attribute": "sex", "feature": False}],
            },
            "It is age band.",
        ),
    ):
        result = judged(subject, VALUE | {"path": path}, **results)
        assert result.state == "not_met"
        assert result.message.endswith(said)
    counted = judged(
        subject, VALUE | {"path": "data_quality.blockers"}, data_quality={"blockers": {"value": 2.0}}
    )
    assert counted.message == "Defects that block is 2 and must be at most 0.05."


@pytest.mark.parametrize(
    ("path", "good", "bad", "said"),
    [
        (
            "reproduction.verdict",
            {"reproduction": {"verdict": "equivalent"}},
            {"reproduction": {"verdict": "different", "why": "3 % of the rows were not answered."}},
            "A second run in another process gave answers that are different: 3 % of the rows were not answered; it "
            "must be identical or equivalent.",
        ),
        (
            "source",
            {"source": "computed"},
            {"source": "reported"},
            "The evidence was reported; it must be computed.",
        ),
    ],
)
def test_words_of_the_evidence(
    subject: Subject, path: str, good: dict[str, Any], bad: dict[str, Any], said: str
) -> None:
    allowed = ["identical", "equivalent"] if path.startswith("reproduction") else ["computed"]
    rule = VALUE | {"path": path, "op": "in", "limit": allowed}
    assert judged(subject, rule, **good).state == "met"
    refused = judged(subject, rule, **bad)
    assert (refused.state, refused.blocks, refused.message) == ("not_met", True, said)
    section = path.partition(".")[0]
    missing = judged(
        subject, rule, **{section: None}, not_measured=[{"what": "Reproduction", "why": "Quick."}]
    )
    assert (missing.state, missing.blocks) == ("not_measured", True)
    assert "was not measured:" in missing.message


def scenario(name: str, drop: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "title": f"Title of {name}", "rows": 9000, "drop": drop} | more


def test_every_disturbance_is_read_and_the_worst_decides(subject: Subject) -> None:
    rule = VALUE | {"each": "robustness", "path": "drop", "bound": "ci_high"}
    small, large = estimate(0.01, 0.0, 0.02), estimate(0.2, 0.18, 0.22)

    def under(*scenarios: dict[str, Any], **changes: Any) -> Any:
        return judged(subject, rule | changes, robustness={"scenarios": list(scenarios)})

    assert under(scenario("missing_10", small), scenario("noise_0.1", small)).state == "met"
    worst = under(scenario("missing_10", small), scenario("missing_20", large))
    assert (worst.state, worst.blocks) == ("not_met", True)
    assert worst.message == (
        "Scenario “Title of missing_20”: the drop is 0.200; the upper end of its 95 % interval is 0.220 and must be at "
        "most 0.05, on 9,000 rows. 1 of 2 compared do not meet it."
    )
    one = "robustness[scenario=missing_10]"
    assert under(scenario("missing_10", small), scenario("missing_20", large), each=one).state == "met"
    none = under(scenario("missing_20", small), each=one)
    assert (none.state, none.message) == ("not_measured", "The evaluation tried no disturbance “missing_10”.")
    broken = {"value": None, "undefined": "No.", "ci_low": None, "ci_high": None, "n": 9000}
    failed = under(scenario("missing_10", broken, failed="40 % of the rows were not answered."))
    assert (failed.state, failed.blocks) == ("not_measured", True)
    assert failed.message.endswith("the drop is not measured. 40 % of the rows were not answered.")
    assert under(scenario("missing_10", small), min_n=10_000).blocks
    missing = judged(
        subject, rule, not_measured=[{"what": "Robustness", "why": "A quick suite asks nothing."}]
    )
    assert (missing.state, missing.message) == (
        "not_measured",
        "Robustness was not measured: A quick suite asks nothing.",
    )


def entry(metrics: dict[str, Any], *, n: int = 900, sufficient: bool = True, **where: Any) -> dict[str, Any]:
    return {"n": n, "positives": 300, "sufficient": sufficient, "metrics": metrics} | where


def test_crossings_read_as_groups_do(subject: Subject) -> None:
    rule = VALUE | {"each": "crossings", "path": "metrics.roc_auc_shortfall", "limit": 0.1}
    near, far = (
        entry(
            {"roc_auc_shortfall": estimate(v, v - 0.02, v + 0.02, 900)},
            attribute="age × sex",
            group=f"group {v}",
        )
        for v in (0.02, 0.2)
    )
    small = entry({}, n=20, sufficient=False, attribute="age × sex", group="tiny")
    assert judged(subject, rule, crossings=[near]).state == "met"
    worst = judged(subject, rule, crossings=[near, far, small])
    assert (worst.state, worst.blocks) == ("not_met", True)
    assert worst.message.startswith(
        "Age × sex “group 0.2”: ROC AUC shortfall is 0.200 and must be at most 0.1"
    )
    assert worst.message.endswith("a group needs 100 rows with 30 positives.")
    assert judged(subject, rule, crossings=[near, small]).state == "insufficient"
    assert judged(subject, rule | {"each": "crossings[attribute=age × sex]"}, crossings=[near]).state == "met"
    other = judged(subject, rule | {"each": "crossings[attribute=age × race]"}, crossings=[near])
    assert (other.state, other.blocks) == ("not_measured", True)
    assert other.message.endswith("“age × race” is no crossing, so it was not measured.")
    alone = judged(subject, rule, crossings=[])
    assert (alone.state, alone.blocks) == ("not_applicable", False)
    assert alone.message.endswith("declares 1 sensitive attribute, so no two of them cross.")
    two = results_of(subject)["dataset"] | {"sensitive_attributes": ["age", "sex"]}
    few = judged(subject, rule, crossings=[], dataset=two)
    assert (few.state, few.blocks) == ("insufficient", False)
    assert judged(subject, rule | {"on_insufficient": "fail"}, crossings=[], dataset=two).blocks
    lacking = judged(subject, rule, dataset=two)
    assert (lacking.state, lacking.blocks) == ("not_measured", True)
    assert lacking.message.startswith("Crossings were not measured: the evaluation's suite")
    undefined = entry({"roc_auc_shortfall": estimate(None, None, None)}, attribute="a × b", group="x")
    assert judged(subject, rule, crossings=[undefined]).state == "not_measured"
    ratio = VALUE | {"each": "crossings", "path": "metrics.selection_rate_ratio", "op": ">=", "limit": 0.8}
    found = entry({"selection_rate_ratio": estimate(0.7, 0.6, 0.8, 900)}, attribute="a × b", group="x")
    assert judged(subject, ratio, crossings=[found]).state == "not_met"


def test_slices_are_named_by_what_they_are(subject: Subject) -> None:
    rule = VALUE | {"each": "slices", "path": "metrics.roc_auc_shortfall", "bound": "ci_low", "limit": 0.1}
    where = [{"column": "age_band", "value": "21 to 25"}, {"column": "sex", "value": "female"}]

    def found(value: float, **more: Any) -> dict[str, Any]:
        return entry(
            {"roc_auc_shortfall": estimate(value, value - 0.02, value + 0.02, 900)}, where=where, **more
        )

    def searched(*worst: dict[str, Any], scanned: int = 214, **changes: Any) -> Any:
        return judged(subject, rule | changes, slices={"scanned": scanned, "worst": list(worst)})

    assert searched(found(0.05)).state == "met"
    worse = searched(found(0.2))
    assert (worse.state, worse.blocks) == ("not_met", True)
    assert worse.message.startswith("Slice “age band 21 to 25, sex female”: ROC AUC shortfall is 0.200;")
    assert worse.looked_at["groups"][0]["group"] == "age band 21 to 25, sex female"
    json.dumps(worse.looked_at)
    assert searched(found(0.05), min_n=1000).state == "insufficient"
    assert not searched(found(0.05), min_n=1000).blocks
    assert searched(found(0.05), min_n=1000, on_insufficient="fail").blocks
    assert searched(entry({}, where=where)).state == "not_measured"
    alike = searched()
    assert (alike.state, alike.message) == (
        "met",
        "None of 214 slices searched is worse than the other rows.",
    )
    nothing = searched(scanned=0)
    assert (nothing.state, nothing.blocks) == ("not_measured", True)
    missing = judged(
        subject, rule, not_measured=[{"what": "Worst slices", "why": "The suite does not search."}]
    )
    assert missing.message == "Slices were not searched: The suite does not search."


def test_a_rule_applies_to_the_tasks_whose_evidence_holds_it(subject: Subject) -> None:
    assert {task for tasks in EVIDENCE_TASKS.values() for task in tasks} == set(Task)
    rules = policy_of(
        VALUE | {"path": "leakage.single_feature"},
        VALUE | {"id": "gap", "path": "overfitting.gap"},
        VALUE | {"id": "drop", "each": "robustness", "path": "drop"},
        VALUE | {"id": "accuracy", "path": "metrics.accuracy", "op": ">=", "limit": 0.5},
    ).rules
    assert [rule.tasks for rule in rules] == [
        frozenset(Task) - {Task.RANKING},
        frozenset(Task),
        frozenset(Task),
        frozenset({Task.BINARY, Task.MULTICLASS}),
    ]
    ranking = policy_of(AUC | {"path": "metrics.ndcg_at_10"})
    results = judge(version=subject.version, document=ranking, evaluation=None, card=None)
    found = next(one for one in results if one.rule_id == "auc")
    assert found.state == "not_applicable"
    assert found.message == "A measure of ranking; this version is one of binary classification."


def test_the_guide_names_every_path_and_everything_a_rule_can_be_read_over() -> None:
    guide = (ROOT / "docs" / "policies.md").read_text(encoding="utf-8")
    for name in (*FACTS, *EVIDENCE, *OF_GROUPS, "fairness", "robustness", *GROUP_ONLY, BASELINE):
        assert f"`{name}" in guide or f".{name}`" in guide, name
