"""Pages of reviews: the list, one review for each role, its seal, and asking for one."""

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
from governance.reviews.models import Remark, Review, ReviewState, SignOff
from tests.factories import registry as make
from tests.factories.governance import estimate, make_evaluation, results_of
from tests.factories.people import PASSWORD, make_team, make_user
from tests.test_governance.review_kit import (
    WEAK,
    Case,
    client_of,
    fresh,
    leaves,
    make_case,
    move_card,
    nothing_changes,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_tries_before() -> None:
    cache.clear()


def url(review: Review, act: str = "") -> str:
    return reverse(f"governance:review{act}", args=[review.number])


def text(response: Any) -> str:
    """The words of a page, tags left out."""
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def hidden(response: Any, name: str) -> str:
    """The value of a hidden field."""
    found = re.search(rf'name="{name}" value="([^"]*)"', response.content.decode())
    assert found, name
    return found[1].replace("&quot;", '"')


def sign(client: Client, review: Review, **changes: Any) -> Any:
    """Load the page, fill the seal, send it."""
    page = client.get(url(review))
    sent = {
        "decision": "approve",
        "requirement": "approval",
        "reason": "The evidence holds.",
        "password": PASSWORD,
        "seen_digest": hidden(page, "seen_digest"),
        "seen_parts": hidden(page, "seen_parts"),
    }
    return client.post(url(review, "-sign"), sent | changes)


@pytest.fixture
def case() -> Case:
    return make_case()


def test_the_seal_offers_what_one_may_sign(case: Case) -> None:
    review = case.ask()
    page = client_of(case.approver_user).get(url(review))
    assert page.status_code == 200
    content = page.content.decode()
    assert content.count('class="btn sign full"') == 1
    assert 'value="approval"' in content
    assert 'value="validation"' not in content
    assert "Waits for you" in text(page)


def test_who_may_not_sign_is_told_why(case: Case) -> None:
    review = case.ask()
    maker = User.objects.get(pk=case.maker.ref)
    for user, reason in (
        (maker, "You contributed to this version"),
        (case.owner_user, "is for a person with the role approver"),
    ):
        page = client_of(user).get(url(review))
        assert "btn sign" not in page.content.decode()
        assert reason in text(page)


def test_an_approval_that_is_not_open_stays_and_says_why() -> None:
    case = make_case(evidence=WEAK)
    page = client_of(case.approver_user).get(url(case.ask()))
    content = page.content.decode()
    assert re.search(r'value="approve"[^>]*disabled', content)
    assert "1 requirement is not met" in text(page)
    assert "must be at least 0.7" in text(page)


def test_a_review_of_another_team_is_not_there(case: Case) -> None:
    review = case.ask()
    stranger = client_of(make_user(roles=[(Role.APPROVER, make_team())]))
    for found in (stranger.get(url(review)), stranger.post(url(review, "-sign"), {})):
        assert found.status_code == 404
    assert Client().get(url(review)).status_code in (302, 303)
    assert f"Review {review.number}:" not in text(stranger.get(reverse("governance:reviews")))


def test_signing_on_the_page_signs_what_was_seen(case: Case) -> None:
    review = case.ask()
    response = sign(client_of(case.approver_user), review)
    assert (response.status_code, response["Location"]) == (303, url(review))
    signature = SignOff.objects.get()
    assert (signature.person, signature.reason) == (case.approver_user, "The evidence holds.")
    assert PASSWORD not in str(leaves())
    page = client_of(case.approver_user).get(url(review))
    assert "Arun Approver" in text(page)
    assert "1 of 2 sign-offs" in text(page)


def test_a_wrong_password_is_said_beside_it_and_the_reason_is_kept(case: Case) -> None:
    review = case.ask()
    client = client_of(case.approver_user)
    response = sign(client, review, password="wrong", reason="Long thought about.")
    assert response.status_code == 422
    assert not SignOff.objects.exists()
    assert leaves()[-1]["verb"].endswith(".refused")
    content = response.content.decode()
    assert "Long thought about." in content
    assert 'id="id_password_error"' in content
    assert "This is not your password" in text(response)
    assert PASSWORD not in content
    assert 'value="wrong"' not in content


def test_too_many_tries_lock_signing(case: Case) -> None:
    review = case.ask()
    client = client_of(case.approver_user)
    statuses = [sign(client, review, password="wrong").status_code for _ in range(11)]
    assert statuses[-1] == 429
    assert not SignOff.objects.exists()


@pytest.mark.parametrize("missing", ["decision", "requirement", "reason", "password"])
def test_what_is_missing_is_named(case: Case, missing: str) -> None:
    review = case.ask()
    with nothing_changes():
        response = sign(client_of(case.approver_user), review, **{missing: ""})
    assert response.status_code == 422
    assert f'id="id_{missing}_error"' in response.content.decode()


def test_a_page_older_than_the_evidence_comes_again_with_the_reason(case: Case) -> None:
    review = case.ask()
    client = client_of(case.approver_user)
    old = client.get(url(review))
    make_evaluation(case.subject, results=results_of(case.subject, roc_auc=estimate(0.81, 0.79, 0.83)))
    with nothing_changes():
        response = sign(
            client,
            review,
            reason="I looked at evaluation 1.",
            seen_digest=hidden(old, "seen_digest"),
            seen_parts=hidden(old, "seen_parts"),
        )
    assert response.status_code == 409
    assert "The evidence has changed since this page was loaded" in text(response)
    assert "I looked at evaluation 1." in response.content.decode()
    assert hidden(response, "seen_digest") != hidden(old, "seen_digest")
    again = sign(client, review)
    assert again.status_code == 303


def test_a_review_that_ended_meanwhile_keeps_the_words(case: Case) -> None:
    review = case.ask()
    client = client_of(case.approver_user)
    old = client.get(url(review))
    case.sign(review, case.validator, "validation", decision="reject", reason="No.")
    sent = {
        "decision": "approve",
        "requirement": "approval",
        "reason": "My careful words.",
        "password": PASSWORD,
        "seen_digest": hidden(old, "seen_digest"),
        "seen_parts": hidden(old, "seen_parts"),
    }
    with nothing_changes():
        response = client.post(url(review, "-sign"), sent)
    assert response.status_code == 409
    assert "is rejected and takes no more sign-offs" in text(response)
    assert "My careful words." in text(response)


def test_the_winner_of_a_race_is_named(case: Case) -> None:
    review = case.ask()
    second = client_of(make_user(full_name="Bea", roles=[(Role.APPROVER, case.subject.team)]))
    case.sign(review, case.approver, "approval")
    with nothing_changes():
        response = sign(second, review, reason="Also good.")
    assert response.status_code == 409
    assert "Arun Approver signed “Approval” already" in text(response)
    assert "Also good." in response.content.decode()


def test_the_place_of_another_is_no_choice(case: Case) -> None:
    review = case.ask()
    with nothing_changes():
        response = sign(client_of(case.approver_user), review, requirement="validation", decision="reject")
    assert response.status_code == 422
    assert 'id="id_requirement_error"' in response.content.decode()


def test_what_changed_names_facts_and_both_measures(case: Case) -> None:
    case.approve()
    case.promote()
    second = make.make_version(
        case.version.model,
        actor=case.maker,
        files={"model.skops": make.skops_bytes("x" * 5000)},
        signature=make.SIGNATURE | {"features": make.SIGNATURE["features"][:1]},
        libraries={"scikit-learn": "1.9.1"},
    )
    page = client_of(case.approver_user).get(url(case.ask(version=second)))
    said = text(page)
    assert "What changed against version 1" in said
    assert "2 columns 1 column: bill_amount removed" in said
    assert "scikit-learn 1.9.1" in said
    assert "Version 2 has no evidence yet." in said
    third = case.next_version()
    said = text(client_of(case.approver_user).get(url(case.ask(version=third))))
    assert "Both on the same rows of" in said
    assert "0.780 to 0.820" in said
    assert "Better" not in said


def test_measures_on_other_rows_are_not_compared(case: Case) -> None:
    from tests.factories.governance import Subject

    case.approve()
    case.promote()
    version = make.make_version(case.version.model, actor=case.maker)
    elsewhere = make.make_dataset_version(
        make.make_dataset(case.subject.team, actor=case.maker),
        actor=case.maker,
        content=make.parquet_bytes({"row_key": ["a"], "sex": ["f"], "default": [1], "x": [7]}),
    )
    subject = Subject(case.subject.team, case.maker, version, case.subject.training, elsewhere)
    make_evaluation(subject)
    said = text(client_of(case.approver_user).get(url(case.ask(version=version))))
    assert "Not the same rows" in said
    assert "Both on the same rows" not in said


def test_a_stale_sign_off_is_struck_and_says_what_moved(case: Case) -> None:
    review = case.ask()
    case.sign(review, case.validator, "validation")
    make_evaluation(case.subject, results=results_of(case.subject, roc_auc=estimate(0.81, 0.79, 0.83)))
    page = client_of(case.approver_user).get(url(review))
    assert 'class="sig stale"' in page.content.decode()
    assert "evidence changed since" in text(page)


def test_remarks_are_markdown_and_do_no_harm(case: Case) -> None:
    review = case.ask()
    client = client_of(case.approver_user)
    body = "Look **here**: <script>alert(1)</script> [x](javascript:alert(1))"
    assert client.post(url(review, "-remark"), {"body": body}).status_code == 303
    page = client.get(url(review)).content.decode()
    assert "<strong>here</strong>" in page
    assert "<script>alert" not in page
    assert 'href="javascript' not in page
    assert Remark.objects.get().body == body
    assert client.post(url(review, "-remark"), {"body": " "}).status_code == 422
    viewer = client_of(make_user(roles=[(Role.VIEWER, case.subject.team)]))
    assert "Add a remark" not in text(viewer.get(url(review)))
    assert viewer.post(url(review, "-remark"), {"body": "x"}).status_code == 403


def test_changes_are_answered_on_the_page(case: Case) -> None:
    review = case.ask()
    case.sign(
        review, case.validator, "validation", decision="request_changes", reason="State the cost ratio."
    )
    maker = client_of(User.objects.get(pk=case.maker.ref))
    page = maker.get(url(review))
    assert "Changes are made: open it again" in text(page)
    assert "State the cost ratio." in text(page)
    assert "Changes are made" not in text(client_of(case.validator_user).get(url(review)))
    assert maker.post(url(review, "-answer")).status_code == 303
    assert fresh(review).state == ReviewState.OPEN
    again = maker.post(url(review, "-answer"))
    assert again.status_code == 409
    assert "Reload the page" in text(again)


def test_withdrawing_and_revoking_on_the_page(case: Case) -> None:
    review = case.ask()
    maker = client_of(User.objects.get(pk=case.maker.ref))
    assert maker.post(url(review, "-withdraw"), {"reason": ""}).status_code == 422
    assert maker.post(url(review, "-withdraw"), {"reason": "Retrained."}).status_code == 303
    assert "withdrew the review" in text(maker.get(url(review)))
    approved = case.approve()
    approver = client_of(case.approver_user)
    assert "Revoke the approval" in text(approver.get(url(approved)))
    assert approver.post(url(approved, "-revoke"), {"reason": "Wrong data."}).status_code == 303
    said = text(approver.get(url(approved)))
    assert "Revoked" in said
    assert "Wrong data." in said
    assert maker.post(url(approved, "-revoke"), {"reason": "x"}).status_code == 403


def test_getting_the_address_of_an_act_leads_to_the_review(case: Case) -> None:
    review = case.ask()
    client = client_of(User.objects.get(pk=case.maker.ref))
    for act in ("-sign", "-remark", "-withdraw", "-answer"):
        response = client.get(url(review, act))
        assert response.status_code == 303
        assert response["Location"].startswith(url(review))


def test_asking_on_the_page(case: Case) -> None:
    maker = client_of(User.objects.get(pk=case.maker.ref))
    ask = reverse("governance:review-ask", args=[case.version.model.name, case.version.number])
    page = maker.get(ask)
    assert "Independent validation" in text(page)
    bad = maker.post(ask, {"environment": "production", "reason": "", "due_on": "31 Jun 2027"})
    assert bad.status_code == 422
    assert "Did you mean 30 Jun 2027?" in text(bad)
    good = maker.post(ask, {"environment": "production", "reason": "Better.", "due_on": "30 Jun 2027"})
    review = Review.objects.get()
    assert (good.status_code, good["Location"]) == (303, url(review))
    page = maker.get(ask)
    assert f"Review {review.number} is open already." in text(page)
    assert 'aria-disabled="true"' in page.content.decode()
    reviewer = client_of(case.validator_user)
    assert reviewer.get(ask).status_code == 403


def test_asking_without_a_tier_says_what_to_do() -> None:
    from tests.factories.governance import make_environment, make_subject

    make_environment()
    subject = make_subject(tier=None)
    maker = client_of(User.objects.get(pk=subject.maker.ref))
    ask = reverse("governance:review-ask", args=[subject.version.model.name, subject.version.number])
    assert "no risk tier yet" in text(maker.get(ask))
    refused = maker.post(ask, {"environment": "production", "reason": "Better."})
    assert refused.status_code == 403
    assert "no risk tier yet" in text(refused)


def test_the_list_narrows_by_state_model_and_environment(case: Case) -> None:
    approved = case.approve()
    second = case.ask(version=case.next_version())
    client = client_of(case.approver_user)
    listed = reverse("governance:reviews")

    def numbers(query: str = "") -> list[int]:
        found = client.get(listed + query).content.decode()
        return [int(one) for one in re.findall(r'<th scope="row"><a href="/reviews/(\d+)/"', found)]

    assert numbers() == [second.number, approved.number]
    assert numbers("?state=open") == [second.number]
    assert numbers("?state=approved") == [approved.number]
    assert numbers("?state=ended") == []
    assert numbers("?model=nowhere") == []
    assert numbers(f"?model={case.version.model.name}&environment=production") == [
        second.number,
        approved.number,
    ]
    assert "No review fits these filters" in text(client.get(listed + "?state=ended"))


def test_an_approval_that_went_stale_says_so_in_the_list(case: Case) -> None:
    case.approve()
    move_card(case)
    said = text(client_of(case.approver_user).get(reverse("governance:reviews")))
    assert "Stale" in said
    assert "0 of 2" in said


def test_lists_and_pages_cost_the_same_however_much_they_show(case: Case) -> None:
    client = client_of(case.approver_user)
    review = case.ask()
    client.get(url(review))

    def cost(address: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(address).status_code == 200
        return len(captured)

    listed, one = cost(reverse("governance:reviews")), cost(url(review))
    for number in range(4):
        case.ask(version=case.next_version())
        client.post(url(review, "-remark"), {"body": f"Remark {number}."})
    assert cost(reverse("governance:reviews")) <= listed
    assert cost(url(review)) <= one
