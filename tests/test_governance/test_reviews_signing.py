"""Signing: bound to what was seen, by who may, once, with fresh proof; and separation of duties S1 to S3."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from countersign import clock
from countersign.accounts.actions import grant_role
from countersign.actors import Actor
from countersign.errors import Conflict, Invalid, Refused
from countersign.permissions import Role
from governance.reviews.actions import answer_changes
from governance.reviews.models import ReviewState, SignOff
from governance.reviews.queries import standing_of
from registry.versions.actions import add_contributor
from registry.versions.models import ContributorKind, KnownBy
from tests.factories.governance import estimate, make_card, make_evaluation, results_of
from tests.factories.people import actor_for, make_service_account, make_user
from tests.test_core.accounts_kit import at_once
from tests.test_governance.review_kit import (
    WEAK,
    Case,
    assert_told,
    broken_ledger,
    entry_of,
    fresh,
    leaves,
    make_case,
    move_card,
    nothing_changes,
)

pytestmark = pytest.mark.django_db


def codes(refused: pytest.ExceptionInfo[Refused]) -> list[str]:
    return [reason.code for reason in refused.value.verdict.reasons]


def test_a_sign_off_is_bound_to_the_subject_and_told_with_its_meaning() -> None:
    case = make_case()
    review = case.ask()
    actor = case.validator
    proved = clock.now()
    signature = case.sign(review, actor, "validation", reason="Groups look fine.", reauthenticated_at=proved)
    subject = standing_of(fresh(review)).subject
    assert (signature.subject_digest, signature.subject_parts) == (subject.digest, subject.parts)
    assert (signature.printed_name, signature.meaning, signature.role) == (
        "Vera Validator",
        "validation",
        "reviewer",
    )
    leaf = entry_of("governance.sign_off.signed", signature)
    assert_told(leaf, actor=actor, subject=signature, personal={"printed_name", "reason"})
    assert leaf["data"]["after"]["details"] == {"requirement": "validation", "review_number": review.number}
    assert leaf["data"]["after"]["reauthenticated_at"] == clock.stamp(proved)
    assert "Groups look fine" not in str(leaf)
    assert "Vera" not in str(leaf)
    assert fresh(review).state == ReviewState.OPEN


def test_the_last_missing_sign_off_approves_the_review() -> None:
    case = make_case()
    review = case.ask()
    case.sign(review, case.approver, "approval")
    assert fresh(review).state == ReviewState.OPEN
    actor = case.validator
    case.sign(review, actor, "validation")
    approved = fresh(review)
    assert approved.state == ReviewState.APPROVED
    assert approved.decided_at is not None
    leaf = entry_of("governance.review.decided", review)
    assert_told(leaf, actor=actor, subject=approved)
    assert (leaf["data"]["before"]["state"], leaf["data"]["after"]["state"]) == ("open", "approved")
    assert [one["verb"] for one in leaves() if one["act"] == str(actor.act)] == [
        "governance.sign_off.signed",
        "governance.review.decided",
    ]


@pytest.mark.parametrize(
    ("decision", "state"),
    [("request_changes", ReviewState.CHANGES_REQUESTED), ("reject", ReviewState.REJECTED)],
)
def test_an_objection_moves_the_review_at_once(decision: str, state: ReviewState) -> None:
    case = make_case()
    review = case.ask()
    case.sign(review, case.validator, "validation", decision=decision, reason="Precision fell.")
    assert fresh(review).state == state
    assert entry_of("governance.review.decided", review)["data"]["after"]["state"] == state


def test_a_requirement_that_is_not_met_takes_no_approval_but_an_objection() -> None:
    case = make_case(evidence=WEAK)
    review = case.ask()
    with pytest.raises(Refused) as refused, nothing_changes():
        case.sign(review, case.validator, "validation")
    assert codes(refused) == ["auc"]
    reason = refused.value.verdict.reasons[0]
    assert reason.state == "not_met"
    assert "0.640" in reason.message
    case.sign(review, case.validator, "validation", decision="request_changes")


def test_without_evidence_nobody_approves() -> None:
    case = make_case(measured=False)
    review = case.ask()
    with pytest.raises(Refused) as refused:
        case.sign(review, case.validator, "validation")
    assert codes(refused)[:1] == ["evaluation"]


def test_a_page_older_than_the_evidence_signs_nothing() -> None:
    case = make_case()
    review = case.ask()
    seen = standing_of(fresh(review)).subject
    make_evaluation(case.subject, results=results_of(case.subject, roc_auc=estimate(0.81, 0.79, 0.83)))
    with pytest.raises(Conflict) as conflict, nothing_changes():
        case.sign(review, case.validator, "validation", seen_digest=seen.digest, seen_parts=seen.parts)
    assert conflict.value.code == "subject_moved"
    assert conflict.value.message.startswith("The evidence has changed since this page was loaded")


def test_every_part_that_moved_is_named() -> None:
    case = make_case()
    review = case.ask()
    seen = standing_of(fresh(review)).subject
    move_card(case)
    with pytest.raises(Conflict) as conflict:
        case.sign(review, case.validator, "validation", seen_digest=seen.digest, seen_parts=seen.parts)
    assert "The card and the list of contributors have changed" in conflict.value.message


def test_evidence_that_says_the_same_changes_nothing() -> None:
    case = make_case()
    review = case.ask()
    case.sign(review, case.validator, "validation")
    make_evaluation(case.subject)
    assert standing_of(fresh(review)).signed == 1


def test_a_sign_off_on_an_earlier_subject_is_stale_and_names_what_moved() -> None:
    case = make_case()
    review = case.ask()
    case.sign(review, case.validator, "validation")
    make_evaluation(case.subject, results=results_of(case.subject, roc_auc=estimate(0.81, 0.79, 0.83)))
    standing = standing_of(fresh(review))
    assert (standing.signed, standing.moved) == (0, ["the evidence"])
    assert [len(slot.stale) for slot in standing.slots] == [1, 0]
    case.sign(review, case.approver, "approval")
    assert fresh(review).state == ReviewState.OPEN
    case.sign(review, case.validator, "validation")
    assert fresh(review).state == ReviewState.APPROVED


def test_s1_who_made_the_version_does_not_sign_for_it() -> None:
    case = make_case()
    review = case.ask()
    grant_role(
        user=make_user("other"), role=Role.VIEWER, team=case.subject.team, actor=Actor.system()
    )  # somebody else, to show that roles alone do not matter
    add_contributor(
        version=case.version,
        user=case.approver_user,
        kind=ContributorKind.COMMIT_AUTHOR,
        known_by=KnownBy.DECLARED,
        actor=case.maker,
    )
    for decision in ("approve", "request_changes", "reject"):
        with pytest.raises(Refused) as refused, nothing_changes():
            case.sign(review, case.approver, "approval", decision=decision)
        assert codes(refused) == ["contributor_cannot_sign"]


def test_s1_writing_the_card_makes_a_contributor() -> None:
    case = make_case()
    review = case.ask()
    grant_role(user=case.approver_user, role=Role.CONTRIBUTOR, team=case.subject.team, actor=Actor.system())
    make_card(case.version, actor=case.approver)
    with pytest.raises(Refused) as refused:
        case.sign(review, case.approver, "approval")
    assert codes(refused) == ["contributor_cannot_sign"]


def test_s1_a_service_accounts_upload_counts_for_its_person() -> None:
    from tests.factories import registry as make

    case = make_case()
    machine = actor_for(make_service_account(case.subject.team, case.approver_user), via="rest")
    trainer = make_user("trainer")
    version = make.make_version(case.version.model, actor=machine, trainers=[trainer.username])
    review = case.ask(version=version)
    with pytest.raises(Refused) as refused:
        case.sign(review, case.approver, "approval")
    assert codes(refused) == ["contributor_cannot_sign"]


def test_authorship_is_signed_by_those_who_made_it() -> None:
    case = make_case(
        sign_offs=[
            {"key": "author", "title": "Authorship", "meaning": "authorship", "role": "owner"},
            {"key": "approval", "title": "Approval", "meaning": "approval", "role": "approver"},
        ]
    )
    review = case.ask()
    assert case.sign(review, case.maker, "author").meaning == "authorship"


def test_s2_one_person_fills_one_required_sign_off() -> None:
    case = make_case()
    review = case.ask()
    grant_role(user=case.validator_user, role=Role.APPROVER, team=case.subject.team, actor=Actor.system())
    case.sign(review, case.validator, "validation")
    with pytest.raises(Refused) as refused, nothing_changes():
        case.sign(review, case.validator, "approval")
    assert codes(refused) == ["one_person_one_sign_off"]


@pytest.mark.parametrize("role", [Role.OWNER, Role.CONTRIBUTOR])
def test_s3_the_validator_is_independent_of_the_makers(role: Role) -> None:
    case = make_case()
    review = case.ask()
    with pytest.raises(Refused) as refused, nothing_changes():
        case.sign(review, case.member(Role.REVIEWER, role), "validation")
    assert codes(refused) == ["not_independent"]


def test_the_role_is_held_at_the_moment_of_signing() -> None:
    case = make_case()
    review = case.ask()
    for actor, requirement in (
        (case.approver, "validation"),
        (case.validator, "approval"),
        (case.owner, "approval"),
    ):
        with pytest.raises(Refused) as refused, nothing_changes():
            case.sign(review, actor, requirement)
        assert codes(refused)[0] == "role_missing"


def test_a_service_account_never_signs() -> None:
    case = make_case()
    review = case.ask()
    machine = actor_for(make_service_account(case.subject.team, make_user()), via="rest")
    with pytest.raises(Refused) as refused, nothing_changes():
        case.sign(review, machine, "approval")
    assert codes(refused) == ["service_account_cannot_sign"]


def test_the_proof_of_identity_is_fresh() -> None:
    case = make_case()
    review = case.ask()
    old = clock.now() - timedelta(minutes=5, seconds=1)
    with pytest.raises(Refused) as refused, nothing_changes():
        case.sign(review, case.approver, "approval", reauthenticated_at=old)
    assert codes(refused) == ["proof_too_old"]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"decision": "shrug"}, "decision"),
        ({"reason": "  "}, "reason"),
        ({"requirement": "astrology"}, "requirement"),
    ],
)
def test_what_is_wrong_with_a_sign_off_is_named(given: dict[str, Any], field: str) -> None:
    case = make_case()
    review = case.ask()
    requirement = given.pop("requirement", "approval")
    with pytest.raises(Invalid) as invalid, nothing_changes():
        case.sign(review, case.approver, requirement, **given)
    assert list(invalid.value.fields) == [field]


def test_a_filled_sign_off_takes_no_second_signature() -> None:
    case = make_case()
    review = case.ask()
    case.sign(review, case.approver, "approval")
    with pytest.raises(Conflict) as conflict, nothing_changes():
        case.sign(review, case.member(Role.APPROVER), "approval")
    assert conflict.value.code == "already_signed"
    assert "Arun Approver" in conflict.value.message


def test_an_ended_review_takes_no_signature() -> None:
    case = make_case()
    review = case.approve()
    with pytest.raises(Conflict) as conflict, nothing_changes():
        case.sign(review, case.member(Role.APPROVER), "approval")
    assert conflict.value.code == "review_moved_on"


def test_while_changes_are_asked_for_nobody_approves() -> None:
    case = make_case()
    review = case.ask()
    case.sign(review, case.validator, "validation", decision="request_changes")
    with pytest.raises(Conflict) as conflict, nothing_changes():
        case.sign(review, case.approver, "approval")
    assert conflict.value.code == "changes_requested"
    answer_changes(review=review, actor=case.maker)
    case.sign(review, case.approver, "approval")


def test_an_objection_takes_back_ones_own_approval() -> None:
    case = make_case()
    review = case.ask()
    case.sign(review, case.validator, "validation")
    case.sign(review, case.validator, "validation", decision="request_changes", reason="I misread a group.")
    answer_changes(review=review, actor=case.maker)
    assert standing_of(fresh(review)).signed == 0
    case.sign(review, case.approver, "approval")
    assert fresh(review).state == ReviewState.OPEN
    case.sign(review, case.validator, "validation")
    assert fresh(review).state == ReviewState.APPROVED


def test_nothing_is_signed_when_the_ledger_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    case = make_case()
    review = case.ask()
    with broken_ledger(monkeypatch):
        case.sign(review, case.approver, "approval")
    assert not SignOff.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_approvers_in_the_same_instant_one_signs() -> None:
    case = make_case()
    review = case.ask()
    first, second = case.approver, case.member(Role.APPROVER, full_name="Bea Approver")
    outcomes = at_once(
        lambda: case.sign(review, first, "approval"), lambda: case.sign(review, second, "approval")
    )
    signed = [one for one in outcomes if isinstance(one, SignOff)]
    refused = [one for one in outcomes if isinstance(one, Conflict)]
    assert (len(signed), len(refused)) == (1, 1), outcomes
    assert refused[0].code == "already_signed"
    assert signed[0].printed_name in refused[0].message
    assert SignOff.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_last_sign_offs_in_the_same_instant_approve_once() -> None:
    case = make_case()
    review = case.ask()
    outcomes = at_once(
        lambda: case.sign(review, case.validator, "validation"),
        lambda: case.sign(review, case.approver, "approval"),
    )
    assert all(isinstance(one, SignOff) for one in outcomes), outcomes
    assert fresh(review).state == ReviewState.APPROVED
    entry_of("governance.review.decided", review)


def test_standings_of_many_reviews_cost_what_one_costs(django_assert_num_queries: Any) -> None:
    from governance.reviews.models import Review
    from governance.reviews.queries import reviews_visible_to, standings_of

    case = make_case()
    case.ask()
    everyone = case.approver
    with django_assert_num_queries(8):
        standings_of(list(reviews_visible_to(everyone)), results=False)
    other: Case = case
    for _ in range(3):
        review = other.ask(version=other.next_version())
        other.sign(review, other.approver, "approval")
    assert Review.objects.count() == 4
    with django_assert_num_queries(8):
        found = standings_of(list(reviews_visible_to(everyone)), results=False)
    assert [standing.signed for standing in found] == [1, 1, 1, 0]
