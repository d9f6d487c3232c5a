"""Asking for a review, answering it, taking it back, revoking what it gave."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from countersign import clock
from countersign.errors import Conflict, Invalid, NotFound, Refused
from countersign.permissions import Role
from governance.reviews.access import get_review
from governance.reviews.actions import (
    add_remark,
    answer_changes,
    request_review,
    revoke_approval,
    withdraw_review,
)
from governance.reviews.models import Review, ReviewState
from registry.versions.actions import archive_version
from tests.factories import registry as make
from tests.factories.people import actor_for, make_service_account, make_user
from tests.test_governance.review_kit import (
    assert_told,
    broken_ledger,
    entry_of,
    fresh,
    make_case,
    move_card,
    nothing_changes,
)

pytestmark = pytest.mark.django_db


def codes(refused: pytest.ExceptionInfo[Refused]) -> list[str]:
    return [reason.code for reason in refused.value.verdict.reasons]


def test_asking_opens_a_review_and_says_so_in_the_ledger() -> None:
    case = make_case()
    actor = case.maker
    review = request_review(
        version=case.version,
        environment=case.environment,
        reason="  It ranks better.  ",
        due_on=None,
        actor=actor,
    )
    assert (review.state, review.reason) == (ReviewState.OPEN, "It ranks better.")
    assert review.policy_revision == case.policy
    leaf = entry_of("governance.review.requested", review)
    assert_told(leaf, actor=actor, subject=review, personal={"reason"})
    assert "ranks better" not in str(leaf)


def test_the_rule_in_force_is_the_rule_at_request() -> None:
    from governance.policies.actions import draft_revision, put_in_force
    from tests.factories.governance import AUC, make_compliance, policy_text
    from tests.test_governance.review_kit import SIGN_OFFS

    case = make_case()
    review = case.ask()
    harder = policy_text(sign_offs=SIGN_OFFS, rules=[AUC | {"limit": 0.99}])
    draft = draft_revision(policy=case.policy.policy, text=harder, actor=make_compliance())
    put_in_force(revision=draft, actor=make_compliance())
    case.sign(review, case.validator, "validation")
    case.sign(review, case.approver, "approval")
    assert fresh(review).state == ReviewState.APPROVED


def test_who_may_not_ask_is_refused() -> None:
    case = make_case()
    for role in (Role.VIEWER, Role.REVIEWER, Role.APPROVER):
        with pytest.raises(Refused) as refused, nothing_changes():
            request_review(
                version=case.version,
                environment=case.environment,
                reason="x",
                due_on=None,
                actor=case.member(role),
            )
        assert codes(refused) == ["permission_missing"]


@pytest.mark.parametrize("reason", ["", "  \n ", "x" * 20_001, "with \0 in it"])
def test_a_reason_that_cannot_be_kept_is_named(reason: str) -> None:
    case = make_case()
    with pytest.raises(Invalid) as invalid, nothing_changes():
        case.ask(reason=reason)
    assert list(invalid.value.fields) == ["reason"]


def test_a_day_that_has_passed_is_no_due_date() -> None:
    case = make_case()
    with pytest.raises(Invalid) as invalid:
        request_review(
            version=case.version,
            environment=case.environment,
            reason="x",
            due_on=clock.now().date() - timedelta(days=1),
            actor=case.maker,
        )
    assert list(invalid.value.fields) == ["due_on"]


def test_without_tier_or_policy_there_is_nothing_to_review_by() -> None:
    from tests.factories.governance import make_environment, make_subject

    case = make_case()
    for tier, code in ((None, "no_tier"), ("low", "no_policy")):
        version = make_subject(tier=tier).version
        maker = make_user(roles=[(Role.OWNER, version.model.team)])
        with pytest.raises(Refused) as refused, nothing_changes():
            request_review(
                version=version,
                environment=make_environment(),
                reason="x",
                due_on=None,
                actor=actor_for(maker),
            )
        assert codes(refused) == [code]
    assert case.ask()


def test_what_a_service_account_uploads_needs_a_trainer_known_here() -> None:
    case = make_case()
    machine = actor_for(make_service_account(case.subject.team, make_user()), via="rest")
    anonymous = make.make_version(case.version.model, actor=machine)
    with pytest.raises(Refused) as refused, nothing_changes():
        case.ask(version=anonymous)
    assert codes(refused) == ["trainer_unknown"]
    trainer = make_user("trainer")
    named = make.make_version(case.version.model, actor=machine, trainers=[trainer.username])
    assert case.ask(version=named).state == ReviewState.OPEN


def test_an_archived_version_is_not_reviewed() -> None:
    case = make_case()
    archive_version(version=case.version, actor=case.maker)
    with pytest.raises(Refused) as refused, nothing_changes():
        case.ask()
    assert codes(refused) == ["archived"]


def test_one_review_at_a_time() -> None:
    case = make_case()
    review = case.ask()
    with pytest.raises(Conflict) as conflict, nothing_changes():
        case.ask()
    assert conflict.value.code == "review_open"
    assert str(review.number) in conflict.value.message


def test_a_good_approval_needs_no_other() -> None:
    case = make_case()
    case.approve()
    with pytest.raises(Conflict) as conflict, nothing_changes():
        case.ask()
    assert conflict.value.code == "already_approved"


def test_a_stale_approval_ends_when_a_new_one_is_asked_for() -> None:
    case = make_case()
    old = case.approve()
    move_card(case)
    new = case.ask(reason="The card is written.")
    assert (fresh(old).state, new.state) == (ReviewState.STALE, ReviewState.OPEN)
    leaf = entry_of("governance.review.ended", old)
    assert leaf["data"]["before"]["state"] == "approved"
    assert leaf["data"]["after"]["state"] == "stale"


def test_an_expired_approval_ends_when_a_new_one_is_asked_for(settings: Any) -> None:
    case = make_case(approval_valid_days=30)
    old = case.approve()
    settings.CLOCK_OFFSET_SECONDS = 30 * 86_400
    assert case.ask().state == ReviewState.OPEN
    assert fresh(old).state == ReviewState.EXPIRED


def test_changes_are_answered_and_the_review_is_open_again() -> None:
    case = make_case()
    review = case.ask()
    case.sign(
        review, case.validator, "validation", decision="request_changes", reason="State the cost ratio."
    )
    assert fresh(review).state == ReviewState.CHANGES_REQUESTED
    actor = case.maker
    answer_changes(review=review, actor=actor)
    assert fresh(review).state == ReviewState.OPEN
    assert_told(entry_of("governance.review.answered", review), actor=actor, subject=review)
    with pytest.raises(Conflict), nothing_changes():
        answer_changes(review=review, actor=actor)


def test_a_review_is_withdrawn_with_its_reason_and_stays_withdrawn() -> None:
    case = make_case()
    review = case.ask()
    actor = case.maker
    with pytest.raises(Invalid), nothing_changes():
        withdraw_review(review=review, reason=" ", actor=actor)
    with pytest.raises(Refused), nothing_changes():
        withdraw_review(review=review, reason="x", actor=case.approver)
    withdraw_review(review=review, reason="Retrained.", actor=actor)
    assert fresh(review).state == ReviewState.WITHDRAWN
    assert_told(
        entry_of("governance.review.withdrawn", review), actor=actor, subject=review, personal={"reason"}
    )
    for act in (withdraw_review, revoke_approval):
        with pytest.raises((Conflict, Refused)), nothing_changes():
            act(review=review, reason="x", actor=actor)


def test_an_approval_is_revoked_by_an_approver_only() -> None:
    case = make_case()
    review = case.approve()
    with pytest.raises(Refused), nothing_changes():
        revoke_approval(review=review, reason="x", actor=case.owner)
    actor = case.approver
    revoke_approval(review=review, reason="The data were wrong.", actor=actor)
    assert fresh(review).state == ReviewState.REVOKED
    assert_told(
        entry_of("governance.review.revoked", review), actor=actor, subject=review, personal={"reason"}
    )


def test_a_remark_stays_on_the_record_and_moves_nothing() -> None:
    case = make_case()
    review = case.ask()
    actor = case.member(Role.CONTRIBUTOR)
    remark = add_remark(review=review, body="Is that trade **intended**?", actor=actor)
    assert_told(entry_of("governance.remark.made", remark), actor=actor, subject=remark, personal={"body"})
    assert fresh(review).state == ReviewState.OPEN
    with pytest.raises(Refused), nothing_changes():
        add_remark(review=review, body="x", actor=case.member(Role.VIEWER))
    with pytest.raises(Invalid), nothing_changes():
        add_remark(review=review, body="   ", actor=actor)


def test_a_review_of_another_team_does_not_exist() -> None:
    case = make_case()
    review = case.ask()
    outsider = actor_for(make_user(roles=[(Role.APPROVER, make.make_makers()[0])]))
    with pytest.raises(NotFound):
        get_review(outsider, review.number)
    assert get_review(case.approver, review.number) == review


def test_nothing_happens_when_the_ledger_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    case = make_case()
    with broken_ledger(monkeypatch):
        case.ask()
    review = case.ask()
    with broken_ledger(monkeypatch):
        withdraw_review(review=review, reason="x", actor=case.maker)
    with broken_ledger(monkeypatch):
        add_remark(review=review, body="x", actor=case.maker)
    assert Review.objects.get().state == ReviewState.OPEN
