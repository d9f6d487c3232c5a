"""Pages that make live and bring back, governance's panels on the registry's pages, tier and purpose, the inbox."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from countersign.accounts.models import User
from countersign.permissions import Role
from governance.inbox.queries import tasks_of, waiting_count
from governance.profiles.queries import profile_of
from governance.promotion.models import Promotion
from governance.reviews.actions import revoke_approval
from registry.versions.models import ModelVersion
from registry.versions.queries import version_at_alias
from tests.factories import registry as make
from tests.factories.governance import estimate, make_evaluation, results_of
from tests.factories.people import actor_for, make_service_account, make_team, make_user
from tests.test_governance.review_kit import WEAK, Case, client_of, make_case, move_card, nothing_changes

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_refusals_before() -> None:
    cache.clear()


def text(response: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def promote_url(version: ModelVersion) -> str:
    return reverse("governance:promote", args=[version.model.name, version.number, "production"])


def version_url(version: ModelVersion) -> str:
    return reverse("registry:version", args=[version.model.name, version.number])


def maker_of(case: Case) -> User:
    return User.objects.get(pk=case.maker.ref)


def expected_live(page: Any) -> str:
    found = re.search(r'name="expected_live" value="(\d+)"', page.content.decode())
    assert found
    return found[1]


@pytest.fixture
def case() -> Case:
    return make_case()


@pytest.fixture
def live(case: Case) -> Case:
    """Version 2 is live, version 1 was."""
    case.approve()
    case.promote()
    second = case.next_version()
    case.approve(version=second)
    case.promote(version=second)
    return case


def test_an_owner_promotes_on_the_page(case: Case) -> None:
    case.approve()
    owner = client_of(case.owner_user)
    page = owner.get(promote_url(case.version))
    assert "Promotion to production is allowed" in text(page)
    assert owner.post(promote_url(case.version), {"reason": " ", "expected_live": "0"}).status_code == 422
    sent = {"reason": "Better on every group.", "expected_live": expected_live(page)}
    response = owner.post(promote_url(case.version), sent)
    made = Promotion.objects.get()
    assert (response.status_code, response["Location"]) == (303, f"/promotions/{made.number}/")
    assert version_at_alias(case.version.model, "production") == case.version
    assert "is live in production already" in text(owner.get(promote_url(case.version)))


def test_a_refused_promotion_stays_visible_with_every_reason() -> None:
    case = make_case(evidence=WEAK)
    owner = client_of(case.owner_user)
    page = owner.get(promote_url(case.version))
    assert "Promotion to production is refused, for 2 reasons" in text(page)
    assert 'aria-disabled="true"' in page.content.decode()
    assert "must be at least 0.7" in text(page)
    response = owner.post(promote_url(case.version), {"reason": "All the same.", "expected_live": "0"})
    assert response.status_code == 403
    assert "All the same." in text(response)
    assert not Promotion.objects.exists()


def test_who_may_not_promote_reads_the_gate_and_why(case: Case) -> None:
    case.approve()
    approver = client_of(case.approver_user)
    page = approver.get(promote_url(case.version))
    assert "“promote” needs the role owner" in text(page)
    assert approver.post(promote_url(case.version), {"reason": "x"}).status_code == 403
    stranger = client_of(make_user(roles=[(Role.OWNER, make_team())]))
    assert stranger.get(promote_url(case.version)).status_code == 404


def test_a_promotion_page_that_was_overtaken_comes_again(live: Case) -> None:
    third = live.next_version()
    live.approve(version=third)
    with nothing_changes():
        response = client_of(live.owner_user).post(
            promote_url(third), {"reason": "My words.", "expected_live": "1"}
        )
    assert response.status_code == 409
    assert "version 2 is live, by Olga Owner" in text(response)
    assert "My words." in response.content.decode()
    assert expected_live(response) == "2"


def test_environments_say_what_is_live_and_what_needs_eyes(live: Case) -> None:
    client = client_of(live.approver_user)
    page = client.get(reverse("governance:environments"))
    said = text(page)
    assert "1 model live in production" in said
    assert "Until " in said
    assert said.count("Made live") == 2
    review = Promotion.objects.order_by("-number")[0].review
    assert review is not None
    revoke_approval(review=review, reason="Harm.", actor=live.approver)
    assert "Revoked" in text(client.get(reverse("governance:environments")))
    stranger = client_of(make_user(roles=[(Role.OWNER, make_team())]))
    assert live.version.model.name not in text(stranger.get(reverse("governance:environments")))


def test_rolling_back_on_the_page(live: Case) -> None:
    name = live.version.model.name
    back = reverse("governance:rollback", args=[name, "production"])
    approver = client_of(live.approver_user)
    led = approver.get(back)
    assert led.status_code == 303
    page = approver.get(led["Location"].split("#")[0])
    assert f"Roll back {name} in production" in text(page)
    assert "Roll back to version 1" in text(page)
    assert approver.post(back, {"version": "1", "reason": "", "expected_live": "2"}).status_code == 422
    late = approver.post(back, {"version": "1", "reason": "Harm.", "expected_live": "7"})
    assert late.status_code == 409
    assert "Another promotion came first" in text(late)
    sent = {"version": "1", "reason": "Declines rose.", "expected_live": expected_live(page)}
    assert approver.post(back, sent).status_code == 303
    assert version_at_alias(live.version.model, "production") == live.version
    said = text(approver.get(reverse("governance:environments")))
    assert "Rolled back" in said
    assert "Declines rose." in said


def test_a_rollback_that_cannot_be_says_why(live: Case) -> None:
    back = reverse("governance:rollback", args=[live.version.model.name, "production"])
    review = Promotion.objects.order_by("number")[0].review
    assert review is not None
    revoke_approval(review=review, reason="Harm.", actor=live.approver)
    owner = client_of(live.owner_user)
    page = owner.get(owner.get(back)["Location"].split("#")[0])
    assert f"The approval of review {review.number} was revoked." in text(page)
    assert 'aria-disabled="true"' in page.content.decode()
    refused = owner.post(back, {"version": "1", "reason": "x", "expected_live": "2"})
    assert refused.status_code == 403
    assert version_at_alias(live.version.model, "production") != live.version
    validator = client_of(live.validator_user)
    assert validator.post(back, {"version": "1", "reason": "x", "expected_live": "2"}).status_code == 403


def test_nothing_to_go_back_to_is_said(case: Case) -> None:
    case.approve()
    case.promote()
    address = reverse("governance:environments")
    page = client_of(case.owner_user).get(address, {"roll_back": case.version.model.name, "in": "production"})
    assert "No other version was ever live here" in text(page)


def test_the_version_page_shows_the_gate_the_tally_and_what_is_live(live: Case) -> None:
    third = live.next_version()
    review = live.ask(version=third)
    live.sign(review, live.validator, "validation")
    page = client_of(live.owner_user).get(version_url(third))
    said = text(page)
    assert "Promotion to production is refused, for 1 reason" in said
    assert "has 1 of 2 sign-offs. Missing: Approval." in said
    assert "For production" in said
    assert "1 of 2 sign-offs on subject" in said
    assert "Version 2" in said
    assert re.search(r'aria-disabled="true" aria-describedby="gate-production"', page.content.decode())
    assert f"Review {review.number}" in said


def test_the_version_page_offers_what_comes_next(case: Case) -> None:
    owner = client_of(case.owner_user)
    assert "Ask for a review" in text(owner.get(version_url(case.version)))
    case.approve()
    assert promote_url(case.version) in owner.get(version_url(case.version)).content.decode()
    case.promote()
    assert "Live in production now" in text(owner.get(version_url(case.version)))


def test_the_model_page_shows_where_it_is_and_its_tier(live: Case) -> None:
    page = client_of(live.owner_user).get(reverse("registry:model", args=[live.version.model.name]))
    said = text(page)
    assert "Production, version 2" in said
    assert "promoted by Olga Owner" in said
    assert "Roll back" in said
    assert "Risk tier" in said
    assert "High" in said


def test_tier_and_purpose_are_set_on_their_page() -> None:
    from tests.factories.governance import make_subject

    subject = make_subject(tier=None)
    model = subject.version.model
    address = reverse("governance:profile", args=[model.name])
    maker = client_of(User.objects.get(pk=subject.maker.ref))
    assert "No tier yet" in text(maker.get(reverse("registry:model", args=[model.name])))
    bad = maker.post(address, {"risk_tier": "high", "purpose": ""})
    assert bad.status_code == 422
    assert maker.post(address, {"risk_tier": "high", "purpose": "Ranks accounts."}).status_code == 303
    lowered = maker.post(address, {"risk_tier": "low", "purpose": "Ranks accounts.", "tier_reason": "x"})
    assert lowered.status_code == 403
    assert "is for a compliance officer" in text(lowered)
    compliance = client_of(make_user(roles=[(Role.COMPLIANCE, None)]))
    assert compliance.post(address, {"risk_tier": "low", "purpose": "Ranks."}).status_code == 422
    sent = {"risk_tier": "low", "purpose": "Ranks.", "tier_reason": "Nobody is affected."}
    assert compliance.post(address, sent).status_code == 303
    profile = profile_of(model)
    assert profile is not None
    assert (profile.risk_tier, profile.tier_reason) == ("low", "Nobody is affected.")
    assert client_of(make_user(roles=[(Role.VIEWER, subject.team)])).get(address).status_code == 403


def tasks(user: User) -> list[str]:
    """The titles of a person's inbox, whose count the top bar shows."""
    actor = actor_for(user)
    found = [task.title for task in tasks_of(actor)]
    assert waiting_count(actor) == len(found)
    return found


def test_an_empty_inbox_says_what_comes_and_what_to_do_first() -> None:
    page = client_of(make_user()).get("/")
    assert page.status_code == 200
    assert "Nothing waits for you" in text(page)
    admin = client_of(make_user(roles=[(Role.ADMINISTRATOR, None)]))
    assert "Add people and teams first" in text(admin.get("/"))
    assert Client().get("/").status_code in (302, 303)


def test_a_review_waits_for_who_may_sign_it_until_they_did(case: Case) -> None:
    review = case.ask(reason="It ranks better on the new data.")
    title = f"Sign or refuse {case.version} for production"
    assert tasks(case.approver_user) == tasks(case.validator_user) == [title]
    assert tasks(case.owner_user) == tasks(maker_of(case)) == []
    page = client_of(case.approver_user).get("/")
    assert "It ranks better on the new data." in text(page)
    assert "0 of 2" in text(page)
    assert re.search(r'class="count hot">\s*1', page.content.decode())
    case.sign(review, case.approver, "approval")
    assert tasks(case.approver_user) == []
    assert tasks(case.validator_user) == [title]


def test_a_stale_signature_waits_for_its_signer_again(case: Case) -> None:
    review = case.ask()
    case.sign(review, case.approver, "approval")
    make_evaluation(case.subject, results=results_of(case.subject, roc_auc=estimate(0.81, 0.79, 0.83)))
    assert tasks(case.approver_user) == [f"Your sign-off on {case.version} for production is stale"]
    assert "The evidence changed since you signed." in text(client_of(case.approver_user).get("/"))


def test_requested_changes_wait_for_who_asked(case: Case) -> None:
    review = case.ask()
    case.sign(review, case.validator, "validation", decision="request_changes")
    assert tasks(maker_of(case)) == [f"Changes were requested in review {review.number}, {case.version}"]
    assert tasks(case.approver_user) == []


def test_requested_changes_wait_for_who_answers_for_the_machine_that_asked(case: Case) -> None:
    from governance.reviews.actions import request_review

    responsible = make_user(roles=[(Role.CONTRIBUTOR, case.subject.team)])
    machine = actor_for(make_service_account(case.subject.team, responsible), via="rest")
    review = request_review(
        version=case.version, environment=case.environment, reason="CI.", due_on=None, actor=machine
    )
    case.sign(review, case.validator, "validation", decision="request_changes")
    assert len(tasks(responsible)) == 1


def test_an_approved_version_waits_for_its_promotion(case: Case) -> None:
    case.approve()
    assert tasks(case.owner_user) == [f"Promote {case.version} to production"]
    move_card(case)
    assert tasks(case.owner_user) == []


def test_after_the_promotion_nothing_waits(case: Case) -> None:
    case.approve()
    case.promote()
    assert tasks(case.owner_user) == []
    page = text(client_of(case.owner_user).get("/"))
    assert "countersigned" in page
    assert f"promoted {case.version} to live in Production" in page


def test_the_inbox_costs_the_same_however_much_waits(case: Case) -> None:
    client = client_of(case.approver_user)
    case.ask()

    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get("/").status_code == 200
        return len(captured)

    one = cost()
    for _ in range(4):
        case.ask(version=case.next_version())
    # Jobs in the aside are labelled one by one, and at most five are shown.
    jobs = sum("Waiting for a worker" in part for part in client.get("/").content.decode().split("<li>"))
    assert cost() <= one + jobs


def test_the_lists_of_models_and_versions_show_tallies_in_a_fixed_number_of_queries(live: Case) -> None:
    client = client_of(live.owner_user)

    def cost(address: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(address).status_code == 200
        return len(captured)

    models, versions = reverse("registry:models"), reverse("registry:model", args=[live.version.model.name])
    live.ask(version=live.next_version())
    first = cost(models), cost(versions)
    for _ in range(3):
        live.ask(version=live.next_version())
        make.make_model(live.subject.team, actor=live.maker)
    assert cost(models) <= first[0]
    assert cost(versions) <= first[1]
    assert "Sign-offs for production" in text(client.get(versions))
