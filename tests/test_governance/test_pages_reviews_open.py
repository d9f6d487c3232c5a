"""A review page that stays open: what is new, what is sent twice, a role that ended, and whatever people type."""

from __future__ import annotations

import re
import threading
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client

from countersign import clock
from countersign.accounts.actions import end_role
from countersign.accounts.models import Membership, User
from countersign.permissions import Role
from governance.reviews.actions import open_thread
from governance.reviews.models import Remark, ReviewState, SignOff, Thread
from tests.factories.governance import make_card
from tests.factories.people import PASSWORD, actor_for, make_administrator, make_user
from tests.test_governance.review_kit import (
    Case,
    client_of,
    fresh,
    leaves,
    make_case,
    move_card,
    nothing_changes,
)
from tests.test_governance.test_pages_reviews import hidden, sign, text, url

pytestmark = pytest.mark.django_db

LIVE = {"HTTP_HX_REQUEST": "true", "HTTP_HX_TARGET": "review-live"}


@pytest.fixture(autouse=True)
def _no_tries_before() -> None:
    cache.clear()


@pytest.fixture
def case() -> Case:
    return make_case()


def poll(client: Client, page: Any) -> Any:
    """What an open page is told when it asks for its part."""
    found = re.search(r'hx-get="([^"]*seen=[^"]*)"', page.content.decode())
    assert found
    return client.get(found[1].replace("&amp;", "&"), **LIVE)


# --- live -----------------------------------------------------------------------------------------------------


def test_an_open_page_is_told_what_is_new_and_nothing_typed_is_touched(case: Case) -> None:
    review = case.ask()
    client = client_of(case.approver_user)
    page = client.get(url(review))
    quiet = poll(client, page)
    assert (quiet.status_code, quiet.content) == (204, b"")
    open_thread(review=review, anchor="measure:roc_auc", body="Is that so?", actor=case.validator)
    case.sign(review, case.validator, "validation")
    told = poll(client, page)
    assert told.status_code == 200
    content = told.content.decode()
    assert "1 new sign-off. 1 new remark." in text(told)
    assert 'role="status"' in content
    assert 'hx-swap-oob="beforeend:#threads"' in content
    assert "Is that so?" in content
    assert "Vera Validator" in content
    assert not re.search(r'<textarea|type="password"', content)
    assert poll(client, told).status_code == 204


def test_a_moved_subject_is_announced_and_not_swapped_under_the_pen(case: Case) -> None:
    review = case.ask()
    client = client_of(case.approver_user)
    page = client.get(url(review))
    move_card(case)
    told = poll(client, page)
    assert "What would be signed has changed." in text(told)
    assert "Load the page anew" in text(told)
    assert "seen_digest" not in told.content.decode()


def test_a_page_that_says_nonsense_is_told_nothing(case: Case) -> None:
    review = case.ask()
    client = client_of(case.approver_user)
    for seen in ("", "x", "a.b.c.d.e.f", "a.open.1.2.3.99999999999999999999", "....."):
        assert client.get(f"{url(review)}?seen={seen}", **LIVE).status_code == 204, seen


def test_news_costs_the_same_however_much_was_said(case: Case) -> None:
    from django.test.utils import CaptureQueriesContext

    review = case.ask()
    client = client_of(case.approver_user)

    def cost(address: str, **headers: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(address, **headers).status_code in (200, 204)
        return len(captured)

    open_thread(review=review, anchor="measure:brier", body="One.", actor=case.validator)
    page, asked = cost(url(review)), cost(f"{url(review)}?seen=a.open.0.0.0.0", **LIVE)
    for measure in ("roc_auc", "recall", "precision", "ks"):
        open_thread(review=review, anchor=f"measure:{measure}", body="More.", actor=case.validator)
    assert cost(url(review)) <= page
    assert cost(f"{url(review)}?seen=a.open.0.0.0.0", **LIVE) <= asked


# --- once ------------------------------------------------------------------------------------------------------


def test_a_remark_sent_twice_is_said_once(case: Case) -> None:
    review = case.ask()
    client = client_of(case.approver_user)
    sent = {"body": "Once.", "once": hidden(client.get(url(review)), "once")}
    first, second = (client.post(url(review, "-remark"), sent) for _ in range(2))
    assert (first.status_code, second.status_code) == (303, 303)
    assert first["Location"] == second["Location"]
    assert Remark.objects.count() == 1
    other = client_of(case.validator_user)
    assert other.post(url(review, "-remark"), sent).status_code == 303
    assert Remark.objects.count() == 2


def test_a_signature_sent_twice_is_given_once_and_both_are_led_to_it(case: Case) -> None:
    review = case.ask()
    client = client_of(case.approver_user)
    once = hidden(client.get(url(review)), "once")
    first, second = (sign(client, review, once=once) for _ in range(2))
    assert (first.status_code, second.status_code) == (303, 303)
    assert SignOff.objects.count() == 1


def test_what_went_wrong_may_be_sent_again_with_the_same_form(case: Case) -> None:
    review = case.ask()
    client = client_of(case.approver_user)
    once = hidden(client.get(url(review)), "once")
    assert sign(client, review, once=once, password="wrong").status_code == 422
    assert sign(client, review, once=once).status_code == 303


@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_the_same_instant_say_it_once() -> None:
    case = make_case()
    review = case.ask()
    client = client_of(case.approver_user)
    sent = {"body": "Once.", "once": hidden(client.get(url(review)), "once")}
    statuses: list[int] = []

    def click() -> None:
        try:
            statuses.append(client_of(case.approver_user).post(url(review, "-remark"), sent).status_code)
        finally:
            connection.close()

    clicks = [threading.Thread(target=click) for _ in range(2)]
    for one in clicks:
        one.start()
    for one in clicks:
        one.join(30)
    assert statuses == [303, 303]
    assert Remark.objects.count() == 1


# --- a role that ended ---------------------------------------------------------------------------------------


def end_roles(user: User, role: Role | None = None) -> None:
    administrator = actor_for(make_administrator())
    for membership in Membership.objects.filter(user=user):
        if role is None or membership.role == role:
            end_role(membership=membership, actor=administrator, reason="Moved on.")


def test_who_lost_their_role_while_the_page_was_open_is_refused_with_their_words(case: Case) -> None:
    review = case.ask()
    client = client_of(case.approver_user)
    page = client.get(url(review))
    end_roles(case.approver_user)
    sent = {
        "decision": "approve",
        "requirement": "approval",
        "reason": "My careful words.",
        "password": PASSWORD,
        "seen_digest": hidden(page, "seen_digest"),
        "seen_parts": hidden(page, "seen_parts"),
    }
    response = client.post(url(review, "-sign"), sent)
    assert response.status_code == 403
    said = text(response)
    assert f"Your role approver in {case.subject.team.name} ended on" in said
    assert "My careful words." in said
    assert case.version.model.name not in said
    assert PASSWORD not in response.content.decode()
    assert not SignOff.objects.exists()
    assert leaves()[-1]["verb"].endswith(".refused")
    assert "role_no_longer_held" in str(leaves()[-1]["data"])
    remark = client.post(url(review, "-remark"), {"body": "One more thing."})
    assert remark.status_code == 403
    assert "One more thing." in text(remark)
    assert client.get(url(review)).status_code in (403, 404)


def test_who_may_still_look_is_refused_on_the_page_itself(case: Case) -> None:
    user = make_user(
        full_name="Bea Both", roles=[(Role.APPROVER, case.subject.team), (Role.VIEWER, case.subject.team)]
    )
    review = case.ask()
    client = client_of(user)
    page = client.get(url(review))
    end_roles(user, Role.APPROVER)
    sent = {
        "decision": "reject",
        "requirement": "approval",
        "reason": "My careful words.",
        "password": PASSWORD,
        "seen_digest": hidden(page, "seen_digest"),
    }
    response = client.post(url(review, "-sign"), sent)
    assert response.status_code == 403
    said = text(response)
    assert "Your role approver" in said
    assert "My careful words." in said
    assert f"Review {review.number}" in said
    assert fresh(review).state == ReviewState.OPEN
    assert leaves()[-1]["verb"].endswith(".refused")


def test_a_stranger_learns_nothing_by_sending(case: Case) -> None:
    review = case.ask()
    stranger = client_of(make_user(roles=[(Role.APPROVER, make_case(tier="low").subject.team)]))
    for act in ("-sign", "-remark", "-threads"):
        assert stranger.post(url(review, act), {"body": "x", "anchor": "measure:roc_auc"}).status_code == 404


# --- what people type -------------------------------------------------------------------------------------------

WORDS = (
    "Größe 量 😀 \u202eright to left\u202c \u2066isolated\u2069",
    "a\u0301" * 500,
    "\u200b\u200d invisible",
    "\U0010ffff\ufffe",
)


def test_words_of_every_script_are_kept_as_they_were_typed(case: Case) -> None:
    review = case.ask()
    client = client_of(case.approver_user)
    for number, words in enumerate(WORDS, 1):
        response = client.post(url(review, "-threads"), {"anchor": "measure:roc_auc", "body": words})
        assert (response.status_code, response["Location"]) == (303, f"{url(review)}#thread-{number}")
        assert Remark.objects.get(thread__number=number).body == words.strip()
    assert client.get(url(review)).status_code == 200


def test_a_nul_is_refused_beside_the_field_and_the_rest_is_kept(case: Case) -> None:
    review = case.ask()
    client = client_of(case.approver_user)
    for act, more in (("-remark", {}), ("-threads", {"anchor": "measure:roc_auc"})):
        with nothing_changes():
            response = client.post(url(review, act), {"body": "before\0after", **more})
        assert response.status_code == 422
        assert "Null characters are not allowed" in text(response)
        assert "before" in response.content.decode()


def test_a_comment_of_five_megabytes_meets_a_clear_limit(case: Case) -> None:
    review = case.ask()
    client = client_of(case.approver_user)
    with nothing_changes():
        long = client.post(url(review, "-remark"), {"body": "x" * 30_000})
        huge = client.post(url(review, "-remark"), {"body": "x" * 5_000_000})
    assert long.status_code == 422
    assert "20000 characters" in text(long).replace(",", "")
    assert huge.status_code == 413
    assert "a form may hold. Nothing was saved." in text(huge)


def test_an_anchor_nobody_has_keeps_the_words(case: Case) -> None:
    review = case.ask()
    client = client_of(case.approver_user)
    with nothing_changes():
        response = client.post(url(review, "-threads"), {"anchor": "measure:luck", "body": "Why so?"})
    assert response.status_code == 422
    assert "Why so?" in text(response)
    assert "There is no “measure:luck”" in text(response)
    assert client.get(f"{url(review)}?anchor=%3Cscript%3E").status_code == 200
    assert client.get(f"{url(review)}?reply=99999999999999999999").status_code == 200


def test_threads_work_without_script_from_the_line_to_the_answer(case: Case) -> None:
    make_card(case.version, actor=case.member(Role.CONTRIBUTOR))
    review = case.ask()
    client = client_of(case.validator_user)
    page = client.get(url(review)).content.decode()
    for kind in ("measure", "requirement", "group", "section", "file"):
        assert f'href="?anchor={kind}%3A' in page
    link = re.search(r'href="(\?anchor=measure%3Aroc_auc)#say"', page)
    assert link
    form = client.get(url(review) + link[1])
    assert "Comment on ROC AUC" in text(form)
    assert "0.800, 95 % 0.780 to 0.820" in text(form)
    asked = {"anchor": hidden(form, "anchor"), "body": "Is that **so**?", "once": hidden(form, "once")}
    assert client.post(url(review, "-threads"), asked).status_code == 303
    maker = client_of(User.objects.get(pk=case.maker.ref))
    reply = maker.get(f"{url(review)}?reply=1")
    assert "Your reply" in text(reply)
    thread = f"{url(review)}threads/1/"
    assert maker.post(thread, {"body": " "}).status_code == 422
    assert maker.post(thread, {"body": "Yes."}).status_code == 303
    assert maker.post(f"{thread}resolve/").status_code == 303
    assert maker.post(f"{thread}resolve/").status_code == 409
    said = text(client.get(url(review)))
    assert "1 thread, 0 unresolved" in said
    assert f"{case.maker.label} resolved it" in said
    assert client.post(f"{thread}reopen/").status_code == 303
    assert Thread.objects.get().state == "open"
    assert client.post(f"{url(review)}threads/7/", {"body": "x"}).status_code == 404
    assert clock.now() >= Thread.objects.get().created_at
