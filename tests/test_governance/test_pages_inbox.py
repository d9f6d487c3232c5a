"""The inbox: kinds with their counts, an order that is stated, long lists by cursor, what ends, putting aside."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from countersign import clock
from countersign.accounts.actions import create_token
from countersign.errors import Invalid, NotFound
from countersign.permissions import Role, Scope
from governance.inbox.actions import snooze, wake
from governance.inbox.models import Snooze
from governance.inbox.queries import tasks_of, waiting_count
from governance.reviews.actions import request_review
from tests.factories.people import actor_for, make_user
from tests.test_governance.review_kit import Case, client_of, leaves, make_case, move_card
from tests.test_governance.test_pages_reviews import text

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def case() -> Case:
    return make_case()


def listed(page: Any) -> list[str]:
    """The titles of the lines."""
    return re.findall(r'<h3><a id="task-[^"]*" href="[^"]*">([^<]*)</a></h3>', page.content.decode())


def ask(case: Case, due_on: date | None) -> Any:
    return request_review(
        version=case.next_version(),
        environment=case.environment,
        reason="Better.",
        due_on=due_on,
        actor=case.maker,
    )


def test_due_first_then_by_age_and_each_kind_alone(case: Case) -> None:
    today = clock.now().date()
    old, late, soon = case.ask(), ask(case, today + 9 * DAY), ask(case, today + 2 * DAY)
    client = client_of(case.approver_user)
    page = client.get("/")
    assert [title.split(" for ")[0] for title in listed(page)] == [
        f"Sign or refuse {review.version}" for review in (soon, late, old)
    ]
    assert "What is due or ends first, then what waits longest." in text(page)
    assert "To review 3" in text(page)
    assert len(listed(client.get("/?kind=review"))) == 3
    for kind, words in (
        ("answer", "Nothing to answer"),
        ("promote", "Nothing to promote"),
        ("expiring", "Nothing ends soon"),
        ("failed", "Nothing failed"),
        ("snoozed", "Nothing is put aside"),
    ):
        assert words in text(client.get(f"/?kind={kind}"))
    assert len(listed(client.get("/?kind=nonsense"))) == 3


def test_the_requesters_words_stand_in_the_line_and_do_no_harm(case: Case) -> None:
    case.ask(reason="<script>alert(1)</script> It ranks better.")
    page = client_of(case.approver_user).get("/").content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt; It ranks better." in page


def test_long_lists_go_by_cursor(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    from countersign.web import paging

    for _ in range(5):
        ask(case, None)
    monkeypatch.setattr(paging.window_of_known, "__kwdefaults__", {"size": 2, "parameter": "at"})
    client = client_of(case.approver_user)
    seen: list[str] = []
    address = "/"
    for _ in range(3):
        page = client.get(address)
        seen += listed(page)
        later = re.search(r'href="(\?[^"]*)"[^>]*>\s*(?:<svg.*?</svg>)?\s*Later', page.content.decode(), re.S)
        address = later[1].replace("&amp;", "&") if later else ""
    assert (len(seen), len(set(seen)), address) == (5, 5, "")
    assert client.get("/?at=nonsense").status_code == 422


def test_an_approval_of_what_is_live_is_renewed_in_time(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    case.approve()
    case.promote()
    owner = actor_for(case.owner_user)
    assert tasks_of(owner) == []
    now = clock.now()
    for passed, words in ((340, "ends on"), (370, "has ended")):
        with monkeypatch.context() as later:
            later.setattr(clock, "now", lambda passed=passed: now + timedelta(days=passed))
            (task,) = [one for one in tasks_of(owner) if one.kind == "expiring"]
            assert words in task.title
            assert task.url.endswith("?environment=production")
    move_card(case)
    (task,) = tasks_of(owner)
    assert task.title == f"The approval of {case.version} for production is stale"
    assert "changed since. It is live; ask for a new review." in task.remark
    assert "Expiring 1" in text(client_of(case.owner_user).get("/"))
    case.ask()
    assert tasks_of(owner) == []


def test_roles_and_tokens_of_ones_own_that_end_are_said(case: Case) -> None:
    user = make_user(roles=[(Role.CONTRIBUTOR, case.subject.team)])
    user.memberships.update(ends_at=clock.now() + 5 * DAY)
    create_token(holder=user, name="laptop", scopes={Scope.READ}, days=3, actor=actor_for(user))
    titles = [task.title for task in tasks_of(actor_for(user))]
    assert len(titles) == 2
    assert titles[0].startswith("Your token “laptop” ends on")
    assert titles[1].startswith(f"Your role contributor in {case.subject.team.name} ends on")


# --- putting aside -----------------------------------------------------------------------------------------------


def send(client: Client, **given: str) -> Any:
    return client.post(reverse("inbox-snooze"), given)


def test_what_is_put_aside_shows_again_on_its_day(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    review = case.ask()
    actor, client = case.approver, client_of(case.approver_user)
    key = f"review:{review.number}"
    page = client.get(f"/?snooze={key}")
    assert "Put aside until" in text(page)
    before = len(leaves())
    assert send(client, task=key, days="7").status_code == 303
    assert (listed(client.get("/")), waiting_count(actor), len(leaves())) == ([], 0, before)
    aside = client.get("/?kind=snoozed")
    assert len(listed(aside)) == 1
    assert "snoozed until" in text(aside)
    now = clock.now()
    with monkeypatch.context() as later:
        later.setattr(clock, "now", lambda: now + 7 * DAY)
        assert waiting_count(actor) == 1
    assert client.post(reverse("inbox-wake"), {"task": key}).status_code == 303
    assert waiting_count(actor) == 1
    assert waiting_count(case.validator) == 1


def test_a_wrong_day_is_said_in_place_and_nothing_is_put_aside(case: Case) -> None:
    review = case.ask()
    client = client_of(case.approver_user)
    key = f"review:{review.number}"
    for given, words in (
        ({"until": "31 Jun 2027"}, "Did you mean 30 Jun 2027?"),
        ({"until": "1 Jan 2020"}, "Choose a day after today"),
        ({"until": ""}, "Until which day?"),
        ({"days": "9999"}, "at most a year"),
    ):
        response = send(client, task=key, **given)
        assert response.status_code == 422
        assert words in text(response)
    assert not Snooze.objects.exists()


def test_only_what_waits_for_oneself_is_put_aside(case: Case) -> None:
    review = case.ask()
    tomorrow = clock.now().date() + DAY
    for actor, key in ((case.owner, f"review:{review.number}"), (case.approver, "review:999999")):
        with pytest.raises(NotFound):
            snooze(task=key, until=tomorrow, actor=actor)
    with pytest.raises(Invalid):
        snooze(task=f"review:{review.number}", until=tomorrow - DAY, actor=case.approver)
    wake(task="review:1", actor=case.approver)
    response = send(client_of(case.owner_user), task=f"review:{review.number}", days="1")
    assert response.status_code == 303
    assert not Snooze.objects.exists()
