"""REST of reviews, promotions, environments and profiles: the same answers as the pages, for the same people."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from countersign.accounts.models import User
from countersign.permissions import Role, Scope
from governance.promotion.queries import gate_of
from governance.reviews.models import Review, SignOff
from registry.versions.queries import version_at_alias
from tests.factories.people import (
    PASSWORD,
    api_client,
    make_administrator,
    make_service_account,
    make_team,
    make_user,
    token_for,
)
from tests.test_governance.review_kit import WEAK, Case, make_case

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_tries_before() -> None:
    cache.clear()


@pytest.fixture
def case() -> Case:
    return make_case()


def client(user: User, *scopes: Scope) -> Client:
    return api_client(token_for(user, *scopes))


def maker(case: Case) -> Client:
    return client(User.objects.get(pk=case.maker.ref))


def post(caller: Client, path: str, body: dict[str, Any] | None = None) -> Any:
    return caller.post(f"/api/v1/{path}", body or {}, content_type="application/json")


def gate(case: Case, caller: Client) -> Any:
    name, number = case.version.model.name, case.version.number
    return caller.get(f"/api/v1/models/{name}/versions/{number}/gate/production")


def asked(case: Case) -> dict[str, Any]:
    return {
        "model": case.version.model.name,
        "version": case.version.number,
        "environment": "production",
        "reason": "Better.",
    }


def test_from_asking_to_going_live_by_rest(case: Case) -> None:
    created = post(maker(case), "reviews", asked(case))
    assert created.status_code == 201, created.content
    number = created.json()["number"]
    assert created["Location"] == f"/api/v1/reviews/{number}"
    for user, requirement in ((case.validator_user, "validation"), (case.approver_user, "approval")):
        signer = client(user, Scope.READ, Scope.SIGN)
        standing = signer.get(f"/api/v1/reviews/{number}").json()
        assert {one["state"] for one in standing["requirements"]} == {"met"}
        signed = post(
            signer,
            f"reviews/{number}/sign-offs",
            {
                "requirement": requirement,
                "decision": "approve",
                "subject_digest": standing["subject_digest"],
                "reason": "It holds.",
                "password": PASSWORD,
            },
        )
        assert signed.status_code == 201, signed.content
        assert "password" not in signed.json()
    owner = client(case.owner_user)
    assert gate(case, owner).json() == {"allowed": True, "reasons": [], "notes": []}
    made = post(owner, "promotions", asked(case) | {"expected_live": 0})
    assert made.status_code == 201, made.content
    assert made.json()["review"] == number
    assert version_at_alias(case.version.model, "production") == case.version
    again = post(owner, "promotions", asked(case))
    assert (again.status_code, again.json()["code"]) == (409, "already_live")


def test_the_gate_answers_ci_as_it_answers_the_page() -> None:
    case = make_case(evidence=WEAK)
    machine = make_service_account(case.subject.team, make_user())
    answer = gate(case, api_client(token_for(machine, Scope.READ)))
    assert answer.status_code == 200
    shown = gate_of(version=case.version, environment=case.environment).verdict
    assert answer.json()["allowed"] is False
    assert [(one["code"], one["message"]) for one in answer.json()["reasons"]] == [
        (reason.code, reason.message) for reason in shown.reasons
    ]


def test_signing_needs_the_scope_the_password_and_a_person(case: Case) -> None:
    review = case.ask()
    digest = client(case.approver_user).get(f"/api/v1/reviews/{review.number}").json()["subject_digest"]
    body = {
        "requirement": "approval",
        "decision": "approve",
        "subject_digest": digest,
        "reason": "It holds.",
        "password": PASSWORD,
    }
    path = f"reviews/{review.number}/sign-offs"
    without_scope = post(client(case.approver_user, Scope.READ, Scope.WRITE), path, body)
    assert (without_scope.status_code, without_scope.json()["code"]) == (403, "token_scope")
    signer = client(case.approver_user, Scope.SIGN)
    wrong = post(signer, path, body | {"password": "wrong"})
    assert (wrong.status_code, wrong.json()["code"]) == (403, "reauthentication_failed")
    old = post(signer, path, body | {"subject_digest": "0" * 64})
    assert (old.status_code, old.json()["code"]) == (409, "subject_moved")
    machine = make_service_account(case.subject.team, make_user())
    assert post(api_client(token_for(machine)), path, body).status_code == 403
    assert not SignOff.objects.exists()
    assert post(signer, path, body).status_code == 201


def test_another_team_sees_nothing(case: Case) -> None:
    review = case.ask()
    stranger = client(make_user(roles=[(Role.OWNER, make_team())]))
    assert stranger.get(f"/api/v1/reviews/{review.number}").status_code == 404
    assert stranger.get("/api/v1/reviews").json()["results"] == []
    assert gate(case, stranger).status_code == 404
    assert post(stranger, "promotions", asked(case)).status_code == 404


def test_remarks_answers_withdrawal_and_revocation(case: Case) -> None:
    number = case.ask().number
    writer = maker(case)
    remark = post(writer, f"reviews/{number}/remarks", {"body": "Look here.", "anchor": "metrics.roc_auc"})
    assert remark.status_code == 201
    assert writer.get(f"/api/v1/reviews/{number}/remarks").json()["results"][0]["body"] == "Look here."
    case.sign(Review.objects.get(), case.validator, "validation", decision="request_changes")
    assert post(writer, f"reviews/{number}/answer").json()["state"] == "open"
    assert post(writer, f"reviews/{number}/withdraw", {"reason": "Later."}).json()["state"] == "withdrawn"
    gone = post(writer, f"reviews/{number}/withdraw", {"reason": "Later."})
    assert (gone.status_code, gone.json()["code"]) == (409, "review_moved_on")
    approved = case.approve()
    revoked = post(client(case.approver_user), f"reviews/{approved.number}/revoke", {"reason": "Wrong data."})
    assert revoked.json()["state"] == "revoked"


def test_rolling_back_by_rest(case: Case) -> None:
    case.approve()
    case.promote()
    second = case.next_version()
    case.approve(version=second)
    case.promote(version=second)
    approver = client(case.approver_user)
    body = asked(case) | {"kind": "rollback", "expected_live": 7}
    assert post(approver, "promotions", body).json()["code"] == "promotion_lost_race"
    made = post(approver, "promotions", body | {"expected_live": second.number})
    assert (made.status_code, made.json()["kind"]) == (201, "rollback")
    listed = approver.get("/api/v1/promotions", {"environment": "production"}).json()["results"]
    assert [one["version"] for one in listed] == [1, 2, 1]


def test_a_promotion_is_made_once_for_one_key(case: Case) -> None:
    case.approve()
    owner = client(case.owner_user)
    answers = [
        owner.post(
            "/api/v1/promotions",
            asked(case),
            content_type="application/json",
            headers={"Idempotency-Key": "release-7"},
        )
        for _ in range(2)
    ]
    assert [one.status_code for one in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()


def test_environments_are_made_by_administrators(case: Case) -> None:
    body = {"name": "Shadow", "slug": "shadow", "position": 5, "alias": "shadow"}
    assert post(client(case.owner_user), "environments", body).status_code == 403
    admin = client(make_administrator())
    assert post(admin, "environments", body).status_code == 201
    taken = post(admin, "environments", body)
    assert (taken.status_code, taken.json()["code"]) == (409, "name_in_use")
    slugs = [one["slug"] for one in admin.get("/api/v1/environments").json()["results"]]
    assert {"production", "shadow"} <= set(slugs)


def test_tier_and_purpose_by_rest(case: Case) -> None:
    path = f"/api/v1/models/{case.version.model.name}/profile"
    writer = maker(case)
    assert writer.get(path).json()["risk_tier"] == "high"
    lowered = writer.put(path, {"risk_tier": "low", "purpose": "x"}, content_type="application/json")
    assert (lowered.status_code, lowered.json()["code"]) == (403, "tier_lowered")
    set_again = writer.put(path, {"risk_tier": "high", "purpose": "Ranks."}, content_type="application/json")
    assert set_again.json()["purpose"] == "Ranks."


def test_evidence_is_given_byte_for_byte(case: Case) -> None:
    evaluation = case.evaluation
    assert evaluation is not None
    reader = client(case.validator_user)
    for part, digest in (
        ("results", evaluation.results_digest),
        ("circumstances", evaluation.circumstances_digest),
    ):
        answer = reader.get(f"/api/v1/evaluations/{evaluation.number}/{part}")
        assert answer["ETag"] == f'"{digest}"'
    assert reader.get(f"/api/v1/evaluations/{evaluation.number}/secrets").status_code == 404
