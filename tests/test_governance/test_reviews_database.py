"""What the database holds against whoever writes around the actions, as the serving role itself or as the owner."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, ProgrammingError, connection, transaction
from psycopg import errors

from countersign import clock
from countersign.accounts.models import User
from countersign.identifiers import new_id
from governance.promotion.models import LivePeriod, Promotion
from governance.reviews.actions import add_remark
from governance.reviews.models import Decision, Meaning, Remark, Review, SignOff
from registry.versions.models import Alias
from tests import databases
from tests.test_governance.review_kit import Case, fresh, make_case

pytestmark = pytest.mark.django_db


def raw_sign_off(review: Review, user: User, **given: Any) -> SignOff:
    """A sign-off written past the action."""
    asked: dict[str, Any] = {
        "id": new_id(),
        "review": review,
        "person": user,
        "decision": Decision.APPROVE,
        "meaning": Meaning.APPROVAL,
        "role": "approver",
        "printed_name": user.full_name,
        "subject_digest": review.subject_digest,
        "reason": "x",
        "method": "password",
        "reauthenticated_at": clock.now(),
        "signed_at": clock.now(),
    }
    return SignOff.objects.create(**(asked | given))


def refused(statement: str, *values: Any) -> type[BaseException] | None:
    """The class of the database's refusal, or None when it did as told (constraints answer as at commit)."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, values)
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except DatabaseError as error:
        return type(error.__cause__)
    return None


@pytest.fixture
def live() -> Case:
    """A version that is live, with everything that led there."""
    case = make_case()
    review = case.approve()
    add_remark(review=review, body="Well done.", actor=case.maker)
    case.promote()
    return case


def test_s1_a_contributors_sign_off_is_refused() -> None:
    case = make_case()
    review = case.ask()
    maker = User.objects.get(pk=case.maker.ref)
    with pytest.raises(IntegrityError, match="S1"), transaction.atomic():
        raw_sign_off(review, maker)
    raw_sign_off(review, maker, meaning=Meaning.AUTHORSHIP, role="owner")


def test_s2_one_person_does_not_fill_two() -> None:
    case = make_case()
    review = case.ask()
    raw_sign_off(review, case.approver_user)
    with pytest.raises(IntegrityError, match="S2"), transaction.atomic():
        raw_sign_off(review, case.approver_user, meaning=Meaning.VALIDATION, role="reviewer")
    with pytest.raises(IntegrityError, match="S2"), transaction.atomic():
        raw_sign_off(review, case.validator_user)
    raw_sign_off(review, case.approver_user, decision=Decision.REQUEST_CHANGES)
    raw_sign_off(review, case.validator_user)


def test_what_was_signed_said_and_made_live_is_never_rewritten(live: Case) -> None:
    for table in ("governance_signoff", "governance_remark"):
        assert refused(f"UPDATE {table} SET id = id") is errors.InsufficientPrivilege
        assert refused(f"DELETE FROM {table}") is errors.InsufficientPrivilege
    assert refused("UPDATE governance_promotion SET reason = 'because'") is not None
    assert refused("DELETE FROM governance_promotion") is not None
    assert refused("DELETE FROM governance_liveperiod") is not None
    assert refused("DELETE FROM governance_review") is not None
    assert refused("DELETE FROM governance_evaluation") is not None
    assert (SignOff.objects.count(), Remark.objects.count(), Promotion.objects.count()) == (2, 1, 1)


def test_a_review_changes_in_its_state_only(live: Case) -> None:
    review = Review.objects.get()
    assert refused("UPDATE governance_review SET state = state, decided_at = now()") is None
    assert refused("UPDATE governance_review SET subject_digest = %s", "0" * 64) is not None
    assert refused("UPDATE governance_review SET reason = 'other'") is not None
    assert fresh(review).subject_digest == review.subject_digest


def test_evidence_does_not_change_once_it_is_recorded(live: Case) -> None:
    assert refused("UPDATE governance_evaluation SET results = '\\x7b7d'") is not None
    assert refused("UPDATE governance_evaluation SET state = 'failed', results = NULL") is not None


def test_the_protected_alias_and_what_is_live_do_not_part(live: Case) -> None:
    other = live.next_version()
    assert refused("UPDATE registry_alias SET version_id = %s", other.pk) is not None
    assert refused("DELETE FROM registry_alias") is not None
    period = LivePeriod.objects.get()
    assert refused("UPDATE governance_liveperiod SET during = tstzrange(lower(during), now())") is not None
    assert refused("UPDATE governance_liveperiod SET version_id = %s", other.pk) is not None
    assert Alias.objects.get(name="production").version_id == period.version_id


def test_a_free_alias_is_the_registrys_affair(live: Case) -> None:
    from registry.versions.actions import set_alias

    set_alias(model=live.version.model, name="challenger", version=live.version, actor=live.maker)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.django_db(transaction=True)
def test_even_the_owner_meets_the_triggers() -> None:
    case = make_case()
    review = case.approve()
    add_remark(review=review, body="Well done.", actor=case.maker)
    case.promote()
    name = connection.settings_dict["NAME"]
    with databases.owner(name) as owner:
        for table in ("governance_signoff", "governance_remark", "governance_promotion"):
            for statement in (
                f"UPDATE {table} SET id = id",
                f"DELETE FROM {table}",
                f"TRUNCATE {table} CASCADE",
            ):
                with pytest.raises(errors.IntegrityConstraintViolation):
                    owner.execute(statement)
    assert (SignOff.objects.count(), Promotion.objects.count()) == (2, 1)


def test_the_serving_role_holds_no_right_to_rewrite_signatures() -> None:
    with pytest.raises(ProgrammingError), transaction.atomic():
        SignOff.objects.update(reason="other")
