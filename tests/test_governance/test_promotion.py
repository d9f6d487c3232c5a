"""Making a version live and going back: exact entries, every refusal, races, and nothing without the ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from countersign.accounts.actions import grant_role
from countersign.actors import Actor
from countersign.blobs.store import open_blob
from countersign.errors import Conflict, Invalid, Refused
from countersign.permissions import Role
from governance.promotion.models import LivePeriod, Promotion, PromotionKind
from governance.promotion.queries import gate_of, live_in, rollback_verdict
from governance.reviews.actions import revoke_approval
from governance.reviews.models import ReviewState
from governance.reviews.queries import standing_of
from registry.versions.actions import archive_version
from registry.versions.queries import version_at_alias
from tests.factories.governance import estimate, make_evaluation, results_of
from tests.test_core.accounts_kit import at_once
from tests.test_governance.review_kit import (
    WEAK,
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


def test_an_approved_version_goes_live_in_one_step() -> None:
    case = make_case()
    review = case.approve()
    subject = standing_of(review).subject
    actor = case.owner
    promotion = case.promote(actor=actor, reason="Better on every group.", expected_live=0)
    assert (promotion.kind, promotion.previous, promotion.review) == (PromotionKind.PROMOTION, None, review)
    assert promotion.subject_digest == subject.digest
    assert version_at_alias(case.version.model, "production") == case.version
    period = LivePeriod.objects.get()
    assert (period.version, period.during.upper) == (case.version, None)
    leaf = entry_of("governance.promotion.made", promotion)
    assert_told(leaf, actor=actor, subject=promotion, personal={"reason"})
    assert leaf["data"]["after"]["details"]["review_number"] == review.number
    assert str(period.entry) == leaf["id"]
    assert [one["verb"] for one in leaves() if one["act"] == str(actor.act)] == [
        "registry.alias.set",
        "governance.promotion.made",
    ]


def test_the_version_before_ends_where_the_next_begins() -> None:
    case = make_case()
    case.approve()
    case.promote()
    second = case.next_version()
    case.approve(version=second)
    promotion = case.promote(version=second, expected_live=case.version.number)
    assert promotion.previous == case.version
    first, now = LivePeriod.objects.order_by("during")
    assert first.during.upper == now.during.lower
    assert version_at_alias(case.version.model, "production") == second


def test_the_gate_says_every_reason_at_once() -> None:
    case = make_case(evidence=WEAK)
    gate = gate_of(version=case.version, environment=case.environment)
    assert [reason.code for reason in gate.verdict.reasons] == ["auc", "no_review"]
    case.ask()
    gate = gate_of(version=case.version, environment=case.environment)
    assert [reason.code for reason in gate.verdict.reasons] == ["auc", "sign_off_missing"]
    assert "0 of 2 sign-offs. Missing: Independent validation, Approval." in gate.verdict.reasons[1].message
    with pytest.raises(Refused) as refused, nothing_changes():
        case.promote()
    assert codes(refused) == ["auc", "sign_off_missing"]


def test_without_tier_or_policy_the_gate_refuses() -> None:
    from tests.factories.governance import make_environment, make_subject

    case = make_case()
    for tier, code in ((None, "no_tier"), ("low", "no_policy")):
        gate = gate_of(version=make_subject(tier=tier).version, environment=make_environment())
        assert [reason.code for reason in gate.verdict.reasons] == [code]
    assert not gate_of(version=case.version, environment=case.environment).verdict


@pytest.mark.parametrize("role", [Role.VIEWER, Role.CONTRIBUTOR, Role.REVIEWER, Role.APPROVER])
def test_only_an_owner_promotes(role: Role) -> None:
    case = make_case()
    case.approve()
    with pytest.raises(Refused) as refused, nothing_changes():
        case.promote(actor=case.member(role))
    assert codes(refused) == ["permission_missing"]


def test_a_promotion_says_why() -> None:
    case = make_case()
    case.approve()
    with pytest.raises(Invalid) as invalid, nothing_changes():
        case.promote(reason=" ")
    assert list(invalid.value.fields) == ["reason"]


def test_what_is_live_is_not_promoted_again() -> None:
    case = make_case()
    case.approve()
    case.promote()
    with pytest.raises(Conflict) as conflict, nothing_changes():
        case.promote()
    assert conflict.value.code == "already_live"


def test_a_stale_approval_opens_no_gate() -> None:
    case = make_case()
    case.approve()
    make_evaluation(case.subject, results=results_of(case.subject, roc_auc=estimate(0.9, 0.88, 0.92)))
    with pytest.raises(Refused) as refused, nothing_changes():
        case.promote()
    assert codes(refused) == ["approval_stale"]
    assert "The evidence changed" in refused.value.message


def test_an_expired_approval_opens_no_gate(settings: Any) -> None:
    case = make_case(approval_valid_days=30)
    case.approve()
    settings.CLOCK_OFFSET_SECONDS = 30 * 86_400
    with pytest.raises(Refused) as refused, nothing_changes():
        case.promote()
    assert codes(refused) == ["approval_expired"]


def test_a_changed_tier_opens_no_gate() -> None:
    from governance.profiles.actions import set_profile

    case = make_case(tier="medium")
    case.approve()
    set_profile(model=case.version.model, risk_tier="high", purpose="More.", tier_reason="", actor=case.maker)
    with pytest.raises(Refused) as refused:
        case.promote()
    assert codes(refused) == ["approval_stale"]
    assert "risk tier or policy" in refused.value.message


@pytest.mark.parametrize("ended", ["reject", "revoke", "renewed"])
def test_a_review_that_ended_opens_no_gate(ended: str) -> None:
    case = make_case()
    if ended == "reject":
        case.sign(case.ask(), case.validator, "validation", decision="reject")
        code = "review_rejected"
    elif ended == "revoke":
        revoke_approval(review=case.approve(), reason="Wrong data.", actor=case.approver)
        code = "review_revoked"
    else:
        case.approve()
        move_card(case)
        case.ask()
        code = "sign_off_missing"
    with pytest.raises(Refused) as refused, nothing_changes():
        case.promote()
    assert codes(refused) == [code]


def test_a_withdrawn_renewal_leaves_the_stale_approval_named() -> None:
    from governance.reviews.actions import withdraw_review

    case = make_case()
    old = case.approve()
    move_card(case)
    withdraw_review(review=case.ask(), reason="Later.", actor=case.maker)
    gate = gate_of(version=case.version, environment=case.environment)
    assert [reason.code for reason in gate.verdict.reasons] == ["review_stale"]
    assert f"Review {old.number}" in gate.verdict.reasons[0].message


def test_s10_at_high_tier_the_sole_approver_does_not_promote() -> None:
    case = make_case()
    case.approve()
    grant_role(user=case.approver_user, role=Role.OWNER, team=case.subject.team, actor=Actor.system())
    with pytest.raises(Refused) as refused, nothing_changes():
        case.promote(actor=case.approver)
    assert codes(refused) == ["promoter_is_approver"]
    case.promote(actor=case.owner)


def test_at_medium_tier_the_approver_may_promote() -> None:
    case = make_case(tier="medium")
    case.approve()
    grant_role(user=case.approver_user, role=Role.OWNER, team=case.subject.team, actor=Actor.system())
    assert case.promote(actor=case.approver)


def test_notes_of_the_gate_stay_with_the_promotion() -> None:
    from tests.factories.governance import AUC

    warns = AUC | {"id": "soft", "title": "Would be nice", "limit": 0.95, "severity": "warn"}
    case = make_case(rules=[AUC, warns])
    case.approve()
    promotion = case.promote()
    assert [note["code"] for note in promotion.verdict["notes"]] == ["soft"]
    leaf = entry_of("governance.promotion.made", promotion)
    assert leaf["data"]["after"]["verdict"] == promotion.ledger_state()["verdict"]


def test_a_page_older_than_a_promotion_changes_nothing() -> None:
    case = make_case()
    case.approve()
    case.promote()
    second = case.next_version()
    case.approve(version=second)
    with pytest.raises(Conflict) as conflict, nothing_changes():
        case.promote(version=second, expected_live=0)
    assert conflict.value.code == "promotion_lost_race"
    assert "version 1 is live, by Olga Owner" in conflict.value.message


@pytest.mark.django_db(transaction=True)
def test_of_two_promotions_in_the_same_instant_one_wins_and_the_other_is_told() -> None:
    case = make_case()
    case.approve()
    first, second = case.version, case.next_version()
    case.approve(version=second)
    one, other = case.owner, case.member(Role.OWNER, full_name="Otto Owner")
    outcomes = at_once(
        lambda: case.promote(version=first, actor=one, expected_live=0),
        lambda: case.promote(version=second, actor=other, expected_live=0),
    )
    made = [found for found in outcomes if isinstance(found, Promotion)]
    lost = [found for found in outcomes if isinstance(found, Conflict)]
    assert (len(made), len(lost)) == (1, 1), outcomes
    assert lost[0].code == "promotion_lost_race"
    assert live_in(case.environment, case.version.model).version_id == made[0].version_id  # type: ignore[union-attr]
    assert LivePeriod.objects.count() == Promotion.objects.count() == 1


def test_nothing_goes_live_when_the_ledger_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    case = make_case()
    case.approve()
    with broken_ledger(monkeypatch):
        case.promote()
    assert version_at_alias(case.version.model, "production") is None


def test_going_back_needs_no_new_sign_off() -> None:
    case = make_case()
    review = case.approve()
    case.promote()
    second = case.next_version()
    case.approve(version=second)
    case.promote(version=second)
    move_card(case)
    actor = case.approver
    promotion = case.roll_back(case.version, actor=actor, expected_live=second.number)
    assert (promotion.kind, promotion.review, promotion.previous) == (PromotionKind.ROLLBACK, review, second)
    assert [note["code"] for note in promotion.verdict["notes"]] == ["approval_stale"]
    assert promotion.subject_digest == Promotion.objects.order_by("number").first().subject_digest  # type: ignore[union-attr]
    assert version_at_alias(case.version.model, "production") == case.version
    assert_told(
        entry_of("governance.promotion.rolled_back", promotion),
        actor=actor,
        subject=promotion,
        personal={"reason"},
    )


def test_only_what_was_live_there_comes_back() -> None:
    case = make_case()
    case.approve()
    case.promote()
    second = case.next_version()
    case.approve(version=second)
    for version, code in ((second, "never_live"), (case.version, "already_live")):
        with pytest.raises(Refused) as refused, nothing_changes():
            case.roll_back(version)
        assert codes(refused) == [code]


def test_what_was_revoked_does_not_come_back() -> None:
    case = make_case()
    review = case.approve()
    case.promote()
    second = case.next_version()
    case.approve(version=second)
    case.promote(version=second)
    revoke_approval(review=review, reason="It harmed people.", actor=case.approver)
    with pytest.raises(Refused) as refused, nothing_changes():
        case.roll_back(case.version)
    assert codes(refused) == ["approval_revoked"]
    assert case.approve().state == ReviewState.APPROVED
    assert rollback_verdict(version=case.version, environment=case.environment)
    case.roll_back(case.version)


def test_an_archived_version_does_not_come_back() -> None:
    case = make_case()
    case.approve()
    case.promote()
    second = case.next_version()
    case.approve(version=second)
    case.promote(version=second)
    archive_version(version=case.version, actor=case.maker)
    with pytest.raises(Refused) as refused, nothing_changes():
        case.roll_back(case.version)
    assert codes(refused) == ["archived"]


def test_damaged_bytes_do_not_come_back() -> None:
    case = make_case()
    case.approve()
    case.promote()
    second = case.next_version()
    case.approve(version=second)
    case.promote(version=second)
    file = case.version.files.select_related("blob").get()
    with open_blob(file.blob) as stored:
        damaged = Path(stored.name)
    damaged.chmod(0o600)
    damaged.write_bytes(b"other bytes")
    with pytest.raises(Refused) as refused, nothing_changes():
        case.roll_back(case.version)
    assert codes(refused) == ["bytes_damaged"]
    assert file.path in refused.value.message


@pytest.mark.parametrize("role", [Role.VIEWER, Role.CONTRIBUTOR, Role.REVIEWER])
def test_who_may_not_roll_back_is_refused(role: Role) -> None:
    case = make_case()
    case.approve()
    case.promote()
    with pytest.raises(Refused) as refused, nothing_changes():
        case.roll_back(case.version, actor=case.member(role))
    assert codes(refused) == ["permission_missing"]


def test_a_rollback_from_an_old_page_changes_nothing() -> None:
    case = make_case()
    case.approve()
    case.promote()
    second = case.next_version()
    case.approve(version=second)
    case.promote(version=second)
    with pytest.raises(Conflict) as conflict, nothing_changes():
        case.roll_back(case.version, expected_live=7)
    assert conflict.value.code == "promotion_lost_race"


def test_no_rollback_when_the_ledger_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    case = make_case()
    case.approve()
    case.promote()
    second = case.next_version()
    case.approve(version=second)
    case.promote(version=second)
    with broken_ledger(monkeypatch):
        case.roll_back(case.version)
    assert version_at_alias(case.version.model, "production") == second


def test_a_clock_set_back_makes_no_empty_period(settings: Any) -> None:
    case = make_case()
    case.approve()
    case.promote()
    second = case.next_version()
    case.approve(version=second)
    owner = case.owner
    settings.CLOCK_OFFSET_SECONDS = -3600
    case.promote(version=second, actor=owner)
    first, now = LivePeriod.objects.order_by("during")
    assert first.during.lower < first.during.upper == now.during.lower
    assert fresh(now.promotion.review).state == ReviewState.APPROVED  # type: ignore[arg-type]
