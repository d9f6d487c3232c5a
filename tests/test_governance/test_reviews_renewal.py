"""A stale approval is renewed by its difference: what moved, old and new, and what stands as it was signed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from countersign import clock
from countersign.accounts.models import User
from countersign.permissions import Role
from governance.policies.actions import draft_revision, put_in_force
from governance.policies.queries import policy_in_force
from governance.reviews.models import Review, ReviewState
from governance.reviews.queries import standing_of
from governance.reviews.renewal import renewal_of, words_for_renewing
from tests.factories.governance import (
    AUC,
    estimate,
    make_card,
    make_compliance,
    make_evaluation,
    policy_text,
    results_of,
)
from tests.test_governance.review_kit import SIGN_OFFS, Case, client_of, entry_of, fresh, make_case
from tests.test_governance.test_pages_reviews import sign, text, url

pytestmark = pytest.mark.django_db


@pytest.fixture
def case() -> Case:
    return make_case()


def test_a_first_review_renews_nothing(case: Case) -> None:
    review = case.ask()
    assert renewal_of(standing_of(fresh(review))) is None
    assert "renews" not in entry_of("governance.review.requested", review)["data"]["after"]
    assert words_for_renewing(case.version, case.environment) == ""


def test_new_evidence_is_shown_as_old_and_new_and_signed(case: Case) -> None:
    approved = case.approve()
    make_evaluation(case.subject, results=results_of(case.subject, roc_auc=estimate(0.81, 0.79, 0.83)))
    maker = client_of(User.objects.get(pk=case.maker.ref))
    form = maker.get(f"/models/{case.version.model.name}/versions/1/review/").content.decode()
    assert f"Renews review {approved.number}. 1 part moved since: the evidence." in form
    review = case.ask()
    assert review.renews_id == approved.pk
    assert fresh(approved).state == ReviewState.STALE
    told = entry_of("governance.review.requested", review)["data"]["after"]
    assert told["renews"] == str(approved.pk)
    renewal = renewal_of(standing_of(fresh(review)))
    assert renewal is not None
    moved = renewal.moved[0]
    assert [moved.name, *renewal.same] == [
        "evidence",
        "artifact",
        "card",
        "lineage",
        "contributors",
        "policy",
    ]
    assert moved.was != moved.now
    roc = next(one for one in moved.measures if one.measure.name == "roc_auc")
    assert (roc.was_value, roc.now_value) == ("0.800", "0.810")
    client = client_of(case.approver_user)
    said = text(client.get(url(review)))
    assert f"What moved since review {approved.number}" in said
    assert f"The difference since review {approved.number}" in said
    assert "Unchanged artifact, card, lineage, list of contributors, risk tier or policy 5" in said
    assert sign(client, review).status_code == 303
    case.sign(review, case.validator, "validation")
    assert fresh(review).state == ReviewState.APPROVED


def test_a_rewritten_card_is_shown_section_by_section(case: Case) -> None:
    make_card(case.version, actor=case.maker, sections={"purpose": "Ranks accounts.", "limitations": "Few."})
    case.approve()
    make_card(case.version, actor=case.maker, sections={"purpose": "Ranks accounts.", "limitations": "Many."})
    renewal = renewal_of(standing_of(fresh(case.ask())))
    assert renewal is not None
    assert [(one.name, one.was[:10], one.now[:10]) for one in renewal.moved] == [
        ("card", "revision 1", "revision 2")
    ]
    (change,) = renewal.moved[0].words
    assert change.section.id == "limitations"
    assert [(piece.kind, piece.text.strip()) for piece in change.words.pieces] == [
        ("removed", "Few."),
        ("added", "Many."),
    ]


def test_a_new_policy_is_shown_requirement_by_requirement(case: Case) -> None:
    case.approve()
    make_card(case.version, actor=case.member(Role.CONTRIBUTOR))
    before = policy_in_force("high", case.environment)
    assert before is not None
    text = policy_text(sign_offs=SIGN_OFFS, rules=[AUC | {"limit": 0.75}])
    draft = draft_revision(policy=before.policy, text=text, actor=make_compliance())
    put_in_force(revision=draft, actor=make_compliance())
    renewal = renewal_of(standing_of(fresh(case.ask())))
    assert renewal is not None
    policy = next(one for one in renewal.moved if one.name == "policy")
    assert any("0.75" in fact.now and "0.75" not in fact.was for fact in policy.facts)


def test_an_approval_that_grew_too_old_is_renewed_although_nothing_moved(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    approved = case.approve()
    later = clock.now() + timedelta(days=4000)
    monkeypatch.setattr(clock, "now", lambda: later)
    review = case.ask()
    monkeypatch.undo()
    assert fresh(approved).state == ReviewState.EXPIRED
    renewal = renewal_of(standing_of(fresh(review)))
    assert renewal is not None
    assert renewal.moved == []
    assert "too old" in renewal.sentence
    assert Review.objects.filter(renews=approved).count() == 1
