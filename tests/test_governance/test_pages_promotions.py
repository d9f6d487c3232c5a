"""What was promoted: the list, one promotion as its steps, and what was live on a day."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from countersign import clock
from countersign.permissions import Role
from governance.promotion.models import Promotion
from tests.factories.governance import make_environment
from tests.factories.people import make_team, make_user
from tests.test_governance.review_kit import Case, client_of, make_case

pytestmark = pytest.mark.django_db


@pytest.fixture
def case() -> Case:
    """Version 1 is live, by the first promotion."""
    found = make_case()
    found.approve()
    found.promote(reason="The champion is older.")
    return found


def text(answer: Any) -> str:
    content: str = answer.content.decode()
    return content.split("<main")[1].split("</main>")[0]


def one(nth: int) -> str:
    """The page of the n-th promotion; their numbers come from a sequence, which has gaps."""
    number = Promotion.objects.order_by("number").values_list("number", flat=True)[nth - 1]
    return reverse("governance:promotion", args=[number])


def test_a_promotion_is_shown_as_its_steps_with_their_entries(case: Case) -> None:
    page = text(client_of(case.owner_user).get(one(1)))
    for step in (
        "Approved in review",
        "signed by Vera Validator, Arun Approver",
        "Gate asked again under its locks: allowed",
        "Alias production moved to version 1",
        "Entry written",
        "Live now",
    ):
        assert step in page
    assert page.count("/ledger/entries/") == 2
    assert "The champion is older." in page
    assert "nothing was live" in page


def test_a_rollback_says_what_it_read_and_what_came_before(case: Case) -> None:
    first, second = case.version, case.next_version()
    case.approve(version=second)
    case.promote(version=second)
    case.roll_back(first)
    browser = client_of(case.owner_user)
    page = text(browser.get(one(3)))
    assert f"Rollback {Promotion.objects.latest('number').number} to production" in page
    assert "Every file read and equal to its digest" in page
    assert "Alias production moved from version 2 to version 1" in page
    before = text(browser.get(one(2)))
    assert "It was live until" in before
    assert one(3) in before  # what came after


def test_promotions_are_listed_with_how_long_each_was_live(case: Case) -> None:
    second = case.next_version()
    case.approve(version=second)
    case.promote(version=second)
    case.roll_back(case.version)
    browser, url = client_of(case.owner_user), reverse("governance:promotions")
    page = text(browser.get(url))
    assert all(f'href="{one(number)}"' in page for number in (1, 2, 3))
    assert page.count(", now") == 1
    back = text(browser.get(url, {"kind": "rollback", "environment": "production"}))
    assert f'href="{one(3)}"' in back
    assert f'href="{one(2)}"' not in back
    assert f'href="{one(3)}"' in text(browser.get(url, {"model": case.version.model.name.upper()}))
    assert "No promotion fits" in text(browser.get(url, {"model": "no such"}))


def test_what_another_team_promoted_is_not_there(case: Case) -> None:
    stranger = client_of(make_user(roles=[(Role.OWNER, make_team())]))
    assert stranger.get(one(1)).status_code == 404
    assert "Nothing was promoted yet" in text(stranger.get(reverse("governance:promotions")))
    assert case.version.model.name not in text(
        stranger.get(reverse("governance:environments"), {"on": str(clock.now().date())})
    )


def test_what_was_live_on_a_day_is_a_date_in_the_url(case: Case, settings: Any) -> None:
    make_environment("staging")
    url, today = reverse("governance:environments"), clock.now().date()
    settings.CLOCK_OFFSET_SECONDS = 40 * 86_400
    second = case.next_version()
    case.approve(version=second)
    case.promote(version=second)
    browser = client_of(case.owner_user)

    def live(day: Any) -> str:
        return text(browser.get(url, {"on": day.strftime("%d %b %Y")}))

    then, now = live(today), live(clock.now().date())
    assert one(1) in then
    assert one(2) not in then
    assert one(2) in now
    assert "as it stands now" in now
    assert "Nothing you may know of was live here." in live(today.replace(year=today.year - 1))
    wrong = browser.get(url, {"on": "31 Feb 2026"})
    assert (wrong.status_code, "Did you mean 28 Feb 2026?" in text(wrong)) == (422, True)


def test_the_pages_ask_no_more_for_more_promotions(case: Case) -> None:
    browser = client_of(case.owner_user)
    urls = [
        reverse("governance:promotions"),
        one(1),
        f"{reverse('governance:environments')}?on={clock.now().date()}",
    ]

    def cost() -> list[int]:
        counted = []
        for url in urls:
            with CaptureQueriesContext(connection) as asked:
                assert browser.get(url).status_code == 200
            counted.append(len(asked))
        return counted

    second = case.next_version()
    case.approve(version=second)
    case.promote(version=second)
    few = cost()
    for version in (case.version, second, case.version):
        case.roll_back(version)
    assert Promotion.objects.count() == 5
    assert cost() == few


def test_the_form_to_roll_back_says_to_which_version_and_what_it_does_not_do(case: Case) -> None:
    second = case.next_version()
    case.approve(version=second)
    case.promote(version=second)
    where = {"roll_back": case.version.model.name, "in": "production"}
    page = text(client_of(case.owner_user).get(reverse("governance:environments"), where))
    assert "Roll back to version 1" in page
    assert "It does not revoke the approval of version 2" in page
