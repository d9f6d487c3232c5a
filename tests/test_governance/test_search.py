"""What search finds of decisions: for who may see them, and what came of a version in its lineage."""

from __future__ import annotations

import pytest
from django.test import Client

from countersign.accounts.models import User
from countersign.permissions import Role
from governance.lineage import evaluations, reviews
from tests.factories import people
from tests.test_governance import review_kit
from tests.test_governance.evidence_kit import browser, text_of
from tests.test_governance.review_kit import Case, make_case

pytestmark = pytest.mark.django_db


@pytest.fixture
def case() -> Case:
    return make_case()


@pytest.fixture
def auditor(case: Case) -> Client:
    return browser(people.make_user(roles=[(Role.AUDITOR, None)]))


def titles(client: Client, q: str, label: str) -> list[str]:
    groups = client.get("/search/", {"q": q}).context["groups"]
    return [hit.title for group in groups if group["label"] == label for hit, *_ in group["hits"]]


def test_reviews_are_found_by_number_and_by_model(case: Case, auditor: Client) -> None:
    review = review_kit.fresh(case.ask())
    title = f"Review {review.number}: {review.version} for {review.environment.name}"
    assert titles(auditor, f"review {review.number}", "Reviews") == [title]
    assert titles(auditor, str(review.number), "Reviews") == [title]
    assert titles(auditor, review.version.model.name, "Reviews") == [title]
    assert titles(auditor, str(review.version), "Reviews") == [title]
    policy = review.policy_revision.policy
    assert policy.name in titles(auditor, policy.name, "Policies")


def test_nobody_finds_decisions_about_models_they_may_not_see(case: Case) -> None:
    review = review_kit.fresh(case.ask())
    stranger = browser(people.make_user(roles=[(Role.REVIEWER, people.make_team("Elsewhere"))]))
    for q in (f"review {review.number}", review.version.model.name, review.reason):
        assert titles(stranger, q, "Reviews") == []
    nobody: User = people.make_user("nobody")
    assert titles(browser(nobody), review.policy_revision.policy.name, "Policies") == []


def test_the_lineage_tells_of_evaluations_reviews_and_data(case: Case, auditor: Client) -> None:
    review = review_kit.fresh(case.ask())
    version = review.version
    (use,) = reviews(version)
    assert (use.name, use.claim) == (f"Review {review.number}", "verified")
    page = auditor.get(f"/models/{version.model.name}/versions/{version.number}/lineage/")
    assert f'<a href="/reviews/{review.number}/"><title>' in page.content.decode()
    for evaluation in evaluations(version):
        assert evaluation.name in text_of(page)
        assert evaluation.data is not None
        assert evaluation.data[0] in page.content.decode()
