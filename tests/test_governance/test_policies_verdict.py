"""Requirements about facts, evaluations and cards, and a judgement as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from countersign.canonical import canonical
from governance.policies.requirements import RequirementResult
from governance.policies.verdict import judge
from registry.runs.actions import RunDescription, Source
from tests.factories.governance import (
    AUC,
    CIRCUMSTANCES,
    Subject,
    fail_evaluation,
    make_card,
    make_evaluation,
    make_subject,
    policy_of,
    results_of,
    start_evaluation,
)
from tests.test_governance.verdict_kit import GAP, RATIO, judge_all, judged, one_subject, only

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def subject(django_db_setup: None, django_db_blocker: Any) -> Iterator[Subject]:
    with one_subject(django_db_blocker) as made:
        yield made


def fact(path: str, op: str, limit: Any) -> dict[str, Any]:
    rule = {key: value for key, value in AUC.items() if key not in ("bound", "limit")} | {
        "path": path,
        "op": op,
    }
    return rule if limit is None else rule | {"limit": limit}


def test_the_scan(subject: Subject) -> None:
    rule = fact("scan.verdict", "in", ["clean"])
    assert (
        judged(subject, rule).message
        == "The scan ended as clean: All 40 names in the file are on the reviewed list."
    )
    unlisted = {
        "verdict": "unlisted_names",
        "reason": "The file uses 1 name that is not on the reviewed list: os.x.",
    }
    result = judged(subject, rule, scan=unlisted)
    assert (result.state, result.blocks) == ("not_met", True)
    assert result.message == (
        "The scan ended as unlisted names: The file uses 1 name that is not on the reviewed list: os.x; "
        "it must be clean."
    )
    assert (
        judged(subject, fact("scan.verdict", "in", ["clean", "unlisted_names"]), scan=unlisted).state == "met"
    )
    for nothing in (None, {}, {"verdict": None}):
        assert judged(subject, rule, scan=nothing).state == "not_measured"
        assert judged(subject, rule, scan=nothing).blocks


def test_the_isolation_it_ran_in(subject: Subject) -> None:
    rule = fact("circumstances.isolation_level", ">=", 2)

    def ran(isolation: Any) -> RequirementResult:
        evaluation = make_evaluation(subject, circumstances=CIRCUMSTANCES | {"isolation": isolation})
        return only("auc", judge_all(subject, rule, evaluation))

    assert ran({"level": 3}).message == "The model ran at isolation level 3 (at least 2 is required)."
    weak = ran({"level": 1})
    assert (weak.state, weak.blocks) == ("not_met", True)
    assert weak.message.startswith("The model ran at isolation level 1; it must be at least 2. ")
    for nothing in (None, {}, {"level": None}, {"level": True}):
        assert ran(nothing).state == "not_measured"


def test_the_format_needs_no_evaluation(subject: Subject) -> None:
    (met,) = [
        r for r in judge_all(subject, fact("version.flavour", "in", ["skops"]), None) if r.rule_id == "auc"
    ]
    assert (met.state, met.message) == ("met", "The format is skops.")
    missed = only("auc", judge_all(subject, fact("version.flavour", "in", ["joblib", "pickle"]), None))
    assert (missed.state, missed.blocks) == ("not_met", True)
    assert missed.message == "The format is skops; it must be joblib or pickle."
    assert missed.link is not None
    assert missed.link.endswith("/versions/1/")


@pytest.mark.parametrize(
    ("path", "source", "state", "said"),
    [
        ("lineage.run", Source(), "met", "Trained by the run “nightly”."),
        ("lineage.commit", Source(commit="c0ffee" * 6 + "c0ff"), "met", "Trained from commit c0ffeec0ffee."),
        ("lineage.commit", Source(), "not_measured", "The run “nightly” names no commit."),
        (
            "lineage.clean_commit",
            Source(commit="c0ffee" * 6 + "c0ff", clean=True),
            "met",
            "Trained from commit c0ffeec0ffee, without local changes.",
        ),
        (
            "lineage.clean_commit",
            Source(commit="c0ffee" * 6 + "c0ff", clean=False),
            "not_met",
            "Commit c0ffeec0ffee was trained from with changes not committed.",
        ),
        (
            "lineage.clean_commit",
            Source(commit="c0ffee" * 6 + "c0ff"),
            "not_measured",
            "The run “nightly” does not say whether its code was all committed.",
        ),
    ],
)
def test_what_is_on_record(path: str, source: Source, state: str, said: str) -> None:
    run = RunDescription(experiment=f"for {path} {state}", name="nightly", source=source)
    result = only("auc", judge_all(make_subject(run=run), fact(path, "recorded", None), None))
    assert (result.state, result.message) == (state, said)
    assert result.blocks is (state != "met")


@pytest.mark.parametrize("path", ["lineage.run", "lineage.commit", "lineage.clean_commit", "lineage.data"])
def test_nothing_is_on_record(path: str) -> None:
    bare = make_subject(run=None, inputs=[])
    result = only("auc", judge_all(bare, fact(path, "recorded", None), None))
    assert (result.state, result.blocks) == ("not_measured", True)


def test_training_data_on_record_say_who_vouches(subject: Subject) -> None:
    result = only("auc", judge_all(subject, fact("lineage.data", "recorded", None), None))
    assert result.state == "met"
    assert result.message == f"Trained on {subject.training} (verified)."


def test_an_evaluation_grows_old(subject: Subject, settings: Any) -> None:
    rule = fact("evaluation.age_days", "<=", 90)
    document = policy_of(rule, evaluation_max_age_days=90)
    evaluation = make_evaluation(subject)

    def after(days: float) -> list[RequirementResult]:
        settings.CLOCK_OFFSET_SECONDS = days * 86_400
        return judge(version=subject.version, document=document, evaluation=evaluation, card=None)

    for name in ("auc", "evaluation-age"):
        assert only(name, after(0)).state == "met"
        assert only(name, after(89.99)).state == "met"
        late = only(name, after(90.01))
        assert (late.state, late.blocks) == ("not_met", True)
        assert "Evaluate the version again." in late.message
    assert "90.01 days old and must be at most 90" in only("auc", after(90.01)).message
    assert "more than 90 days old" in only("evaluation-age", after(90.01)).message


def test_without_an_evaluation_nothing_measured_passes(subject: Subject) -> None:
    document = policy_of(
        AUC, RATIO, fact("scan.verdict", "in", ["clean"]) | {"id": "scan"}, evaluation_max_age_days=9
    )
    results = judge(version=subject.version, document=document, evaluation=None, card=None)
    assert {result.rule_id for result in results} == {"evaluation", "evaluation-age", "auc", "ratio", "scan"}
    assert all(result.state == "not_measured" and result.blocks for result in results)
    assert only("evaluation", results).message.startswith("Nobody has evaluated this version")


def ended_as(subject: Subject, code: str) -> RequirementResult:
    fail_evaluation(start_evaluation(subject), subject, code=code)
    return only("evaluation", judge_all(subject, AUC, None))


def test_an_evaluation_that_failed_says_why(subject: Subject) -> None:
    failed = ended_as(subject, "out_of_memory")
    number = subject.version.evaluations.get().number
    assert (failed.state, failed.blocks) == ("not_met", True)
    assert failed.message == f"Evaluation {number} failed: The model needed more memory than 4 GB."
    assert failed.link is not None
    assert failed.link.endswith(f"/evaluations/{number}/")


def test_one_that_was_cancelled_or_runs_says_so(subject: Subject) -> None:
    assert ended_as(subject, "cancelled").message.endswith("was cancelled. Start another.")
    number = start_evaluation(subject).number
    running = only("evaluation", judge_all(subject, AUC, None))
    assert (running.state, running.blocks) == ("not_measured", True)
    assert running.message == f"Evaluation {number} is under way."


def test_a_newer_one_that_failed_is_named_beside_the_evidence(subject: Subject) -> None:
    evaluation = make_evaluation(subject)
    newer = fail_evaluation(start_evaluation(subject), subject)
    result = only("evaluation", judge_all(subject, AUC, evaluation))
    assert (result.state, result.blocks) == ("met", False)
    assert result.message.startswith(f"Evaluation {evaluation.number} on {subject.holdout} succeeded on ")
    assert f"evaluation {newer.number} failed" in result.message.lower()
    assert (result.looked_at["newest"], result.looked_at["newest_state"]) == (newer.number, "failed")


def test_evidence_from_the_training_data_does_not_count(subject: Subject) -> None:
    evaluation = make_evaluation(subject, dataset_version=subject.training)
    result = only("evaluation", judge_all(subject, AUC, evaluation))
    assert (result.state, result.blocks) == ("not_met", True)
    assert "Evaluate it on data it has not seen." in result.message


def test_evidence_of_another_suite_or_another_version_does_not_count(subject: Subject) -> None:
    evaluation = make_evaluation(subject)
    evaluation.suite = "another"
    assert only("auc", judge_all(subject, AUC, evaluation)).state == "not_measured"
    waiting = start_evaluation(subject)
    assert only("auc", judge_all(subject, AUC, waiting)).state == "not_measured"
    other = make_subject()
    with pytest.raises(ValueError, match="does not belong to"):
        judge_all(other, AUC, make_evaluation(subject))
    card = make_card(subject.version, actor=subject.maker)
    with pytest.raises(ValueError, match="does not belong to"):
        judge(version=other.version, document=policy_of(AUC), evaluation=None, card=card)


def test_a_card_with_open_sections(subject: Subject) -> None:
    document = policy_of(AUC, card_sections=["identity", "purpose", "limitations", "performance"])
    card = make_card(subject.version, actor=subject.maker, sections={"purpose": "x", "performance": "y"})

    def stands(evaluation: Any, card: Any) -> RequirementResult:
        return only(
            "card", judge(version=subject.version, document=document, evaluation=evaluation, card=card)
        )

    result = stands(None, card)
    assert (result.state, result.blocks) == ("not_met", True)
    assert result.message == (
        "The model card is complete in 2 of 4 required sections. "
        "Missing: Limits, overlays, conditions. Not measured: Results with intervals, why these metrics."
    )
    assert result.looked_at["missing"] == ["limitations", "performance"]
    assert result.link is not None
    assert result.link.endswith("/versions/1/card/")
    assert stands(None, None).looked_at["revision"] is None
    evaluation = make_evaluation(subject)
    assert stands(evaluation, card).looked_at["missing"] == ["limitations"]
    card = make_card(subject.version, actor=subject.maker, sections={"limitations": "Not applicable: a toy."})
    complete = stands(evaluation, card)
    assert (complete.state, complete.blocks) == ("met", False)
    assert complete.message == "The model card is complete in 4 of 4 required sections, as of revision 2."


def test_a_policy_without_card_sections_asks_for_no_card(subject: Subject) -> None:
    assert not [r for r in judge_all(subject, AUC, make_evaluation(subject)) if r.rule_id == "card"]


def test_failures_come_first_then_warnings_then_what_is_met(subject: Subject) -> None:
    bad = AUC | {"limit": 0.99}
    document = policy_of(
        AUC | {"id": "met"},
        bad | {"id": "warned", "severity": "warn"},
        AUC | {"id": "unmeasured", "path": "metrics.brier"},
        AUC | {"id": "apart", "path": "comparison.diffs.roc_auc", "compare_to": "champion", "bound": "value"},
        bad | {"id": "refused"},
        bad | {"id": "refused-too"},
    )
    evaluation = make_evaluation(subject, results=results_of(subject, brier=None))
    results = judge(version=subject.version, document=document, evaluation=evaluation, card=None)
    assert [(result.rule_id, result.blocks) for result in results] == [
        ("refused", True),
        ("refused-too", True),
        ("unmeasured", True),
        ("warned", False),
        ("evaluation", False),
        ("met", False),
        ("apart", False),
    ]


def test_judging_reads_a_fixed_number_of_rows_and_writes_none(
    subject: Subject, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    evaluation = make_evaluation(subject)
    card = make_card(subject.version, actor=subject.maker)
    rules = [{**AUC, "id": f"rule-{number}"} for number in range(40)]
    with django_assert_max_num_queries(8):
        judge(
            version=subject.version,
            document=policy_of(*rules, card_sections=["identity", "training", "governance"]),
            evaluation=evaluation,
            card=card,
        )


def test_what_was_looked_at_holds_no_float(subject: Subject) -> None:
    document = policy_of(AUC, RATIO, GAP, card_sections=["purpose"], evaluation_max_age_days=90)
    for evaluation in (None, make_evaluation(subject)):
        for result in judge(version=subject.version, document=document, evaluation=evaluation, card=None):
            canonical(result.looked_at)
