"""A card draws every number from the registry or from evidence, and says in fixed words what is not there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction

from governance.cards.absence import Absence
from governance.cards.drawn import absences, draw
from governance.cards.facts import Drawn, Fact
from governance.cards.queries import completeness, newest_revision, standing_of_sections
from governance.cards.render import RenderedSection, render
from governance.cards.sections import SECTIONS, required_at
from governance.evaluation.measures.catalogue import METRICS, Task, of_task
from governance.reviews.actions import request_review
from tests.factories.governance import (
    Subject,
    estimate,
    fairness,
    group,
    make_card,
    make_evaluation,
    make_policy,
    make_subject,
    results_of,
)
from tests.factories.registry import make_version

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def subject(django_db_setup: None, django_db_blocker: Any) -> Iterator[Subject]:
    """One version for all tests here; what each adds is rolled back."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield make_subject()
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def bare(django_db_setup: None, django_db_blocker: Any, subject: Subject) -> Subject:
    """A version of which nothing is on record."""
    with django_db_blocker.unblock():
        return make_subject(tier=None, inputs=[], run=None, signature={})


def fact(drawn: Drawn, label: str) -> Fact:
    (found,) = [one for one in drawn.facts if one.label == label]
    return found


def test_there_are_nineteen_sections_in_order() -> None:
    assert len(SECTIONS) == 19
    assert [name for name, section in SECTIONS.items() if section.kind == "drawn"] == [
        "identity",
        "training",
        "evaluation_data",
        "governance",
        "footprint",
    ]
    for section in SECTIONS.values():
        assert section.hint.endswith(".")
        assert bool(section.template) is section.is_written
    counts = {tier: len(required_at(tier)) for tier in ("low", "medium", "high")}
    assert counts == {"low": 8, "medium": 18, "high": 18}
    assert set(required_at("low")) < set(required_at("high"))


def test_what_is_absent_of_a_bare_version(bare: Subject) -> None:
    assert absences(version=bare.version, evaluation=None) == {
        "evaluation_data": Absence.NOT_MEASURED,
        "performance": Absence.NOT_MEASURED,
        "fairness": Absence.NOT_MEASURED,
        "robustness": Absence.NOT_MEASURED,
        "footprint": Absence.NOT_MEASURED,
        "training_data": Absence.MISSING,
        "training": Absence.MISSING,
        "operation": Absence.MISSING,
        "governance": Absence.MISSING,
    }
    drawn = draw(version=bare.version, evaluation=None)
    for name, part in drawn.items():
        if part.absence:
            assert part.note.endswith(".")
            assert not part.facts
        else:
            assert part.facts, name


def test_every_section_that_draws_is_drawn(subject: Subject) -> None:
    evaluation = make_evaluation(subject)
    assert absences(version=subject.version, evaluation=evaluation) == {}
    drawn = draw(version=subject.version, evaluation=evaluation)
    assert set(drawn) == {name for name, section in SECTIONS.items() if section.is_drawn}
    for part in drawn.values():
        assert part.absence is None
        assert part.source.text
        for one in part.facts:
            assert one.label
            assert one.value
            assert one.source.text


def test_numbers_say_which_evaluation_they_come_from(subject: Subject) -> None:
    evaluation = make_evaluation(
        subject, results=results_of(subject, roc_auc=estimate(0.7761, 0.7654, 0.7864))
    )
    performance = draw(version=subject.version, evaluation=evaluation)["performance"]
    assert performance.source.text == f"evaluation {evaluation.number}"
    assert performance.source.link is not None
    assert performance.source.link.endswith(f"/evaluations/{evaluation.number}/")
    first = performance.measures[0]
    assert (first.measure.label, first.text, first.interval, first.n) == (
        "ROC AUC",
        "0.776",
        "0.765 to 0.786",
        9000,
    )
    assert [row.measure.name for row in performance.measures] == list(of_task(METRICS, Task.BINARY))


def test_what_the_suite_did_not_measure_is_no_number(subject: Subject) -> None:
    results = results_of(subject, roc_auc=None, brier=estimate(None, None, None))
    drawn = draw(version=subject.version, evaluation=make_evaluation(subject, results=results))["performance"]
    rows = {row.measure.name: row for row in drawn.measures}
    for name, reason in (
        ("roc_auc", "The suite did not measure it."),
        ("brier", "All rows have the same label."),
    ):
        row = rows[name]
        assert (row.value, row.text, row.interval, row.absence) == (
            None,
            "not measured",
            "",
            Absence.NOT_MEASURED,
        )
        assert row.reason == reason


def test_percent_measures_are_written_as_such(subject: Subject) -> None:
    results = results_of(subject, selection_rate=estimate(0.641, 0.63, 0.65))
    drawn = draw(version=subject.version, evaluation=make_evaluation(subject, results=results))["performance"]
    row = next(row for row in drawn.measures if row.measure.name == "selection_rate")
    assert (row.text, row.interval) == ("64.1 %", "63.0 % to 65.0 %")


def test_groups_against_their_reference_and_the_small_ones_apart(subject: Subject) -> None:
    small = group("native", 22, estimate(0.7, 0.5, 0.9, 22), status="insufficient")
    entries = [fairness("race", "white", [group("asian", 861, estimate(0.97, 0.95, 1.0, 861)), small])]
    evaluation = make_evaluation(subject, results=results_of(subject, fairness=entries))
    drawn = draw(version=subject.version, evaluation=evaluation)["fairness"]
    asian, gap, odds = drawn.measures
    assert (asian.attribute, asian.group, asian.against, asian.text) == ("race", "asian", "white", "0.970")
    assert (gap.measure.name, odds.measure.name) == ("true_positive_rate_gap", "equalised_odds_difference")
    native = fact(drawn, "race: native")
    assert native.absence is Absence.INSUFFICIENT
    assert native.value == "22 rows; 100 rows with 30 positives are needed"


def test_no_sensitive_attribute_was_declared(subject: Subject) -> None:
    results = results_of(subject, fairness=[])
    results["dataset"] = results["dataset"] | {"sensitive_attributes": []}
    drawn = draw(version=subject.version, evaluation=make_evaluation(subject, results=results))["fairness"]
    assert drawn.absence is None  # asked, and answered
    assert fact(drawn, "Compared by").absence is Absence.NONE_DECLARED


def test_groups_that_were_declared_and_not_compared_are_said(subject: Subject) -> None:
    why = {"what": "Groups by sex", "why": "They change within a query."}
    evaluation = make_evaluation(subject, results=results_of(subject, fairness=[], not_measured=[why]))
    compared = fact(draw(version=subject.version, evaluation=evaluation)["fairness"], "Compared by")
    assert compared.absence is Absence.NOT_MEASURED
    assert compared.value == "No groups were compared. They change within a query."


def test_the_evaluation_data_say_whether_they_are_independent(subject: Subject) -> None:
    def independent(evaluation: Any) -> str:
        return fact(
            draw(version=subject.version, evaluation=evaluation)["evaluation_data"], "Independent"
        ).value

    assert independent(make_evaluation(subject)) == "Not among the training data."
    seen = make_evaluation(subject, dataset_version=subject.training)
    assert independent(seen) == "No: the version was trained on it."


def test_lineage_is_drawn_with_who_vouches(subject: Subject) -> None:
    drawn = draw(version=subject.version, evaluation=None)
    data = drawn["training_data"]
    assert fact(data, "Data").value == f"{subject.training}, verified by digest"
    assert fact(data, "Licence").value == "CC-BY-4.0"
    assert fact(data, "Rows").value == "2"
    training = drawn["training"]
    assert fact(training, "Run").value == "nightly"
    assert fact(training, "Commit").value == f"https://git.example/risk {'c0ffee' * 6}c0ff"
    assert fact(training, "method").value == "trees"
    assert fact(drawn["identity"], "Digest").value == f"sha256:{subject.version.digest}"


def test_governance_names_tier_and_makers(subject: Subject) -> None:
    drawn = draw(version=subject.version, evaluation=None)["governance"]
    assert fact(drawn, "Risk tier").value == "high"
    assert fact(drawn, "Uploader").value == "Maker"


def test_governance_names_reviews_with_their_state(subject: Subject) -> None:
    environment = make_policy().policy.environment
    review = request_review(
        version=subject.version, environment=environment, reason="Ready.", due_on=None, actor=subject.maker
    )
    one = fact(draw(version=subject.version, evaluation=None)["governance"], f"Review {review.number}")
    assert one.value == "for Production: open"
    assert one.link is not None
    assert one.link.endswith(f"/reviews/{review.number}/")


def test_what_changed_since_the_version_before(subject: Subject) -> None:
    first = draw(version=subject.version, evaluation=None)["changes"]
    assert fact(first, "Version before").value == "None: this is the first version."
    signature = {
        "features": [{"name": "credit_limit", "type": "int64"}, {"name": "age", "type": "int64"}],
        "target": "default",
    }
    second = make_version(
        subject.version.model, actor=subject.maker, signature=signature, parent=subject.version
    )
    drawn = draw(version=second, evaluation=None)["changes"]
    assert fact(drawn, "Version before").value == str(subject.version)
    assert fact(drawn, "Inputs added").value == "age"
    assert fact(drawn, "Inputs taken away").value == "bill_amount"


def test_how_complete_a_card_is(subject: Subject) -> None:
    nothing = completeness(subject.version, "low")
    assert (nothing.done, nothing.required, nothing.percent) == (2, 8, 25)
    assert [section.id for section in nothing.missing] == [
        "purpose",
        "out_of_scope",
        "training_data",
        "evaluation_data",
        "performance",
        "limitations",
    ]
    make_card(subject.version, actor=subject.maker)
    written = completeness(subject.version, "high")
    assert [section.id for section in written.missing] == [
        "evaluation_data",
        "performance",
        "fairness",
        "robustness",
    ]
    make_evaluation(subject)
    full = completeness(subject.version, "high")
    assert (full.done, full.required, full.percent, full.missing) == (18, 18, 100, [])
    make_card(subject.version, actor=subject.maker, sections={"risks": ""})
    assert completeness(subject.version, "high").percent == 94
    assert completeness(subject.version, "low").percent == 100


def test_a_section_that_does_not_apply_counts_as_done(subject: Subject) -> None:
    card = make_card(
        subject.version, actor=subject.maker, sections={"fairness": "Not applicable: no people."}
    )
    (standing,) = standing_of_sections(
        [SECTIONS["fairness"]], version=subject.version, card=card, evaluation=None
    )
    assert standing.complete
    assert standing.reason == "no people."


def rendered(
    subject: Subject, *, tier: str | None = "high", evaluation: Any = None
) -> dict[str, RenderedSection]:
    card = newest_revision(subject.version)
    sections = render(version=subject.version, revision=card, evaluation=evaluation, tier=tier)
    assert [one.section for one in sections] == list(SECTIONS.values())
    return {one.section.id: one for one in sections}


def test_a_card_nobody_wrote(subject: Subject) -> None:
    sections = rendered(subject)
    purpose = sections["purpose"]
    assert (purpose.state, purpose.text, purpose.html, purpose.written_in) == ("missing", "", "", None)
    assert purpose.open_sentence == "Nobody has written this yet. The model's risk tier requires it."
    assert sections["evaluation_data"].state == "not measured"
    assert (
        sections["evaluation_data"].open_sentence == "No evaluation of this version succeeded yet. Start one."
    )
    assert sections["identity"].state == "complete"
    assert sections["identity"].drawn is not None
    assert sections["purpose"].required
    assert not sections["footprint"].required
    assert not rendered(subject, tier=None)["purpose"].required


def test_prose_beside_facts(subject: Subject) -> None:
    hostile = "**Bold** <script>alert(1)</script> [x](javascript:alert(1))\n\n| a | b |\n|---|---|\n| 1 | 2 |"
    make_card(
        subject.version,
        actor=subject.maker,
        sections={"performance": hostile, "affected": "Not applicable: toy."},
    )
    sections = rendered(subject, evaluation=make_evaluation(subject))
    performance = sections["performance"]
    assert performance.state == "complete"
    assert "<strong>Bold</strong>" in performance.html
    assert "<table>" in performance.html
    assert "<script" not in performance.html
    assert 'href="javascript' not in performance.html
    assert performance.text == hostile
    assert performance.drawn is not None
    assert performance.drawn.measures
    assert performance.written_in == newest_revision(subject.version)
    affected = sections["affected"]
    assert (affected.state, affected.not_applicable, affected.drawn) == ("not applicable", "toy.", None)
    assert sections["governance"].html == ""


def test_an_older_revision_is_shown_as_it_was(subject: Subject) -> None:
    first = make_card(subject.version, actor=subject.maker, sections={"purpose": "old"})
    make_card(subject.version, actor=subject.maker, sections={"purpose": "new", "risks": "r"})
    sections = render(version=subject.version, revision=first, evaluation=None, tier="high")
    texts = {one.section.id: one.text for one in sections if one.text}
    assert texts == {"purpose": "old"}
