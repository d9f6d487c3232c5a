"""Who may do what with a model, and why: by role, and by the duties that speak against it for one version."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from countersign import clock
from countersign.accounts import actions
from countersign.accounts.models import User
from countersign.accounts.queries import actor_of
from countersign.actors import Actor, ActorKind
from countersign.errors import Refused
from countersign.permissions import Permission, Role
from governance.reviews.actions import sign_off
from governance.reviews.queries import newest_review, standing_of
from governance.rights.queries import SHORT, Answer, rights_on
from tests.factories.people import make_service_account, make_team, make_user
from tests.test_governance.review_kit import Case, client_of, make_case

pytestmark = pytest.mark.django_db


@pytest.fixture
def case() -> Case:
    return make_case()


def answers(case: Case, user: User) -> dict[Permission, Answer]:
    rows = rights_on(case.version.model, case.version, case.environment)
    found = next(row for row in rows if row.ref == user.pk)
    return {answer.permission: answer for answer in found.answers}


def page_of(case: Case, user: User, **query: str) -> str:
    answer = client_of(user).get(reverse("governance:model-access", args=[case.version.model.name]), query)
    assert answer.status_code == 200
    content: str = answer.content.decode()
    return content.split("<main")[1].split("</main>")[0]


def test_a_role_lets_and_says_since_when(case: Case) -> None:
    case.ask()
    found = answers(case, case.validator_user)
    assert (found[Permission.SIGN_VALIDATION].state, found[Permission.SIGN_VALIDATION].word) == ("met", "May")
    assert f"Reviewer of {case.subject.team} since" in found[Permission.SIGN_VALIDATION].because
    assert found[Permission.PROMOTE].state == "not_applicable"
    assert found[Permission.PROMOTE].because == "It needs the role owner."


def test_who_made_the_version_does_not_sign_for_it(case: Case) -> None:
    case.ask()
    maker = User.objects.get(pk=case.maker.ref)
    actions.grant_role(user=maker, role=Role.APPROVER, team=case.subject.team, actor=Actor.system())
    found = answers(case, maker)[Permission.SIGN_APPROVAL]
    assert (found.state, found.rule) == ("refused", "S1")
    assert "Contributed to this version (trained it and uploaded it)" in found.because
    # The very refusal the act itself gives.
    refused = case_refusal(case, maker)
    assert "contributor_cannot_sign" in refused


def case_refusal(case: Case, user: User) -> list[str]:
    review = newest_review(case.version, case.environment)
    assert review is not None
    with pytest.raises(Refused) as refused:
        sign_off(
            review=review,
            requirement="approval",
            decision="approve",
            seen_digest=standing_of(review).subject.digest,
            reason="Mine.",
            reauthenticated_at=clock.now(),
            method="password",
            actor=actor_of(ActorKind.PERSON, user.pk, via="page"),
        )
    return [reason.code for reason in refused.value.verdict.reasons]


def test_who_signed_once_does_not_fill_the_rest(case: Case) -> None:
    review = case.ask()
    case.sign(review, case.validator, "validation")
    found = answers(case, case.validator_user)[Permission.SIGN_VALIDATION]
    assert (found.state, found.rule) == ("refused", "S2")


def test_what_the_moment_does_not_allow_is_not_now(case: Case) -> None:
    owner = answers(case, case.owner_user)
    assert (owner[Permission.PROMOTE].word, owner[Permission.PROMOTE].rule) == ("Not now", "gate")
    assert owner[Permission.ROLL_BACK].word == "Not now"
    assert owner[Permission.SIGN_AUTHORSHIP].word == "Not asked"
    assert answers(case, case.validator_user)[Permission.SIGN_VALIDATION].word == "Not now"  # nobody asked
    case.approve()
    assert answers(case, case.owner_user)[Permission.PROMOTE].word == "May"


def test_a_machine_never_signs(case: Case) -> None:
    account = make_service_account(case.subject.team, case.owner_user, name="ci-scoring")
    rows = rights_on(case.version.model, case.version, case.environment)
    row = next(row for row in rows if row.ref == account.pk)
    signing = [answer for answer in row.answers if answer.permission.value.startswith("sign_")]
    assert {answer.state for answer in signing} == {"not_applicable"}
    assert all("a person must" in answer.because for answer in signing)


def test_the_page_shows_all_and_one_with_reasons(case: Case) -> None:
    case.ask()
    page = page_of(case, case.owner_user)
    assert all(head in page for head in SHORT.values())
    assert "What Olga Owner may do, and why" in page
    other = page_of(case, case.owner_user, person=str(case.validator_user.pk), environment="production")
    assert "What Vera Validator may do, and why" in other
    assert "Remark in a review" in other


def test_it_is_not_there_for_another_team_nor_for_what_is_not_there(case: Case) -> None:
    url = reverse("governance:model-access", args=[case.version.model.name])
    assert client_of(make_user(roles=[(Role.OWNER, make_team())])).get(url).status_code == 404
    owner = client_of(case.owner_user)
    for wrong in ({"version": "99"}, {"version": "x"}, {"version": "9" * 40}, {"environment": "nowhere"}):
        assert owner.get(url, wrong).status_code == 404


def test_it_asks_no_more_for_more_people(case: Case) -> None:
    case.ask()
    client: Any = client_of(case.owner_user)
    url = reverse("governance:model-access", args=[case.version.model.name])

    def cost() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert client.get(url).status_code == 200
        return len(asked)

    cost()
    few = cost()
    for _ in range(5):
        one = make_user(roles=[(Role.REVIEWER, case.subject.team)])
        make_service_account(case.subject.team, one)
    assert cost() == few
