"""Threads: what hangs on a number repeats it as it was, whatever moves; settled and opened again on the record."""

from __future__ import annotations

from typing import Any

import pytest

from countersign.errors import Conflict, Invalid, NotFound, Refused
from countersign.ledger.presenters import present
from countersign.permissions import Role, Scope
from governance.reviews.access import get_thread
from governance.reviews.actions import add_remark, open_thread, reopen_thread, resolve_thread
from governance.reviews.conversation import threads_of
from governance.reviews.models import Remark, Review, Thread, ThreadState
from governance.reviews.queries import standing_of
from tests.factories.governance import (
    estimate,
    fairness,
    group,
    make_card,
    make_evaluation,
    results_of,
)
from tests.factories.people import actor_for, api_client, make_team, make_user, token_for
from tests.test_governance.review_kit import (
    Case,
    assert_told,
    broken_ledger,
    client_of,
    entry_of,
    fresh,
    make_case,
    nothing_changes,
)

pytestmark = pytest.mark.django_db

ANCHORS = (
    ("measure:roc_auc", "ROC AUC", "0.800, 95 % 0.780 to 0.820"),
    ("requirement:auc", "Ranks well", "met."),
    ("group:sex=male", "Sex: male", "selection rate ratio 0.950, 95 % 0.930 to 0.970"),
    ("section:limitations", "Card: ", "nothing written"),
    ("file:model.skops", "model.skops", "sha256"),
)
NOT_THERE = (
    "measure:luck",
    "requirement:nothing",
    "group:sex=other",
    "section:poetry",
    "file:../../etc/passwd",
    "nonsense",
    "measure:",
    "file:a\0b",
    "measure:" + "x" * 900,
)


@pytest.fixture
def case() -> Case:
    return make_case()


def test_a_thread_hangs_on_each_kind_of_thing_and_repeats_what_it_said(case: Case) -> None:
    review, validator = case.ask(), case.validator
    rule = next(one for one in standing_of(fresh(review)).requirements if "AUC" in one.message)
    for key, title, said in ANCHORS:
        key = f"requirement:{rule.rule_id}" if key.startswith("requirement") else key
        thread = open_thread(review=review, anchor=key, body="Why?", actor=validator)
        assert thread.anchor_key == key
        assert (rule.title if key.startswith("requirement") else title) in thread.anchor["title"]
        assert said.lower() in thread.anchor["said"].lower()
        assert_told(entry_of("governance.thread.opened", thread), actor=validator, subject=thread)
        remark = thread.remarks.get()
        told = entry_of("governance.remark.made", remark)
        assert told["data"]["after"]["thread"] == str(thread.pk)
    assert list(review.threads.values_list("number", flat=True)) == [1, 2, 3, 4, 5]


def test_nothing_hangs_on_what_is_not_there(case: Case) -> None:
    review = case.ask()
    for key in NOT_THERE:
        with nothing_changes(), pytest.raises(Invalid) as wrong:
            open_thread(review=review, anchor=key, body="Why?", actor=case.validator)
        assert wrong.value.code == "anchor_unknown", key


def test_without_evidence_there_is_no_measure_to_hang_on() -> None:
    case = make_case(measured=False)
    with pytest.raises(Invalid):
        open_thread(review=case.ask(), anchor="measure:roc_auc", body="Why?", actor=case.validator)


def test_what_a_thread_said_stays_when_the_evidence_moves(case: Case) -> None:
    review = case.ask()
    thread = open_thread(review=review, anchor="measure:roc_auc", body="Why?", actor=case.validator)
    assert threads_of(standing_of(fresh(review)))[0].earlier == ""
    make_evaluation(case.subject, results=results_of(case.subject, roc_auc=estimate(0.81, 0.79, 0.83)))
    hung = threads_of(standing_of(fresh(review)))[0]
    assert hung.thread.anchor == thread.anchor
    assert hung.earlier.startswith("evaluation ")
    assert hung.now == "0.810, 95 % 0.790 to 0.830"
    said = client_of(case.approver_user).get(f"/reviews/{review.number}/").content.decode()
    assert "About earlier evidence" in said
    assert "0.800, 95 % 0.780 to 0.820" in said


def test_a_thread_on_the_card_notices_that_its_section_was_rewritten_and_no_other(case: Case) -> None:
    review = case.ask()
    for section in ("purpose", "limitations"):
        open_thread(review=review, anchor=f"section:{section}", body="Say more.", actor=case.validator)
    make_card(case.version, actor=case.member(Role.CONTRIBUTOR), sections={"purpose": "Ranks accounts."})
    first, second = threads_of(standing_of(fresh(review)))
    assert (first.now, second.earlier) == ("Ranks accounts.", "")
    assert first.earlier == "no card"


def test_a_group_that_is_gone_from_new_evidence_is_said_to_be_gone(case: Case) -> None:
    review = case.ask()
    open_thread(review=review, anchor="group:sex=male", body="Why?", actor=case.validator)
    other = fairness("age", "old", [group("young", 4784, estimate(0.95, 0.93, 0.97, 4784))])
    make_evaluation(case.subject, results=results_of(case.subject, fairness=[other]))
    hung = threads_of(standing_of(fresh(review)))[0]
    assert (bool(hung.earlier), hung.now) == (True, "")


def test_settling_and_opening_again_are_on_the_record(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    review = case.ask()
    thread = open_thread(review=review, anchor="measure:brier", body="Why?", actor=case.validator)
    maker = case.maker
    resolved = resolve_thread(thread=thread, actor=maker)
    assert (resolved.state, resolved.turned_by_label) == (ThreadState.RESOLVED, maker.label)
    assert_told(entry_of("governance.thread.resolved", thread), actor=maker, subject=thread)
    with nothing_changes(), pytest.raises(Conflict):
        resolve_thread(thread=thread, actor=case.validator)
    reopened = reopen_thread(thread=thread, actor=case.validator)
    assert reopened.state == ThreadState.OPEN
    told = entry_of("governance.thread.reopened", thread)
    assert told["data"]["before"]["state"] == "resolved"
    with broken_ledger(monkeypatch):
        resolve_thread(thread=thread, actor=case.maker)
    with broken_ledger(monkeypatch):
        open_thread(review=review, anchor="measure:brier", body="Why?", actor=case.maker)
    assert Thread.objects.get().state == ThreadState.OPEN
    said = [
        str(present(entry_of(f"governance.thread.{verb}", thread), {}))
        for verb in ("opened", "resolved", "reopened")
    ]
    where = f"thread 1 of review {review.number} on Brier score"
    assert said == [
        f"began {where} (0.800, 95 % 0.780 to 0.820)",
        f"resolved {where}",
        f"reopened {where}",
    ]


def test_who_may_only_look_says_nothing(case: Case) -> None:
    review = case.ask()
    thread = open_thread(review=review, anchor="measure:brier", body="Why?", actor=case.validator)
    viewer = case.member(Role.VIEWER)
    with nothing_changes():
        for act in (
            lambda: open_thread(review=review, anchor="measure:brier", body="Why?", actor=viewer),
            lambda: add_remark(review=review, thread=thread, body="So.", actor=viewer),
            lambda: resolve_thread(thread=thread, actor=viewer),
        ):
            with pytest.raises(Refused):
                act()
    stranger = actor_for(make_user(roles=[(Role.APPROVER, make_team())]))
    with pytest.raises(NotFound):
        get_thread(stranger, review.number, thread.number)
    with pytest.raises(NotFound, match="no thread 9"):
        get_thread(case.validator, review.number, 9)


def post(caller: Any, review: Review, path: str, body: dict[str, Any] | None = None, **headers: str) -> Any:
    address = f"/api/v1/reviews/{review.number}/{path}"
    return caller.post(address, body or {}, content_type="application/json", **headers)


def test_threads_by_rest(case: Case) -> None:
    review = case.ask()
    caller = api_client(token_for(case.validator_user, Scope.READ, Scope.WRITE))
    asked = {"anchor": "measure:recall", "body": "Why so low?"}
    created = post(caller, review, "threads", asked, HTTP_IDEMPOTENCY_KEY="one")
    assert created.status_code == 201, created.content
    assert created.json()["anchor"]["estimate"] == {
        "value": "0.8",
        "ci_low": "0.78",
        "ci_high": "0.82",
        "n": 9000,
    }
    assert post(caller, review, "threads", asked, HTTP_IDEMPOTENCY_KEY="one").json() == created.json()
    assert post(caller, review, "threads/1/remarks", {"body": "Because."}).status_code == 201
    assert post(caller, review, "threads/1/resolve").json()["state"] == "resolved"
    again = post(caller, review, "threads/1/resolve")
    assert (again.status_code, again.json()["code"]) == (409, "thread_moved_on")
    assert post(caller, review, "threads/1/reopen").json()["state"] == "open"
    wrong = post(caller, review, "threads", {"anchor": "measure:luck", "body": "x"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "anchor_unknown")
    assert wrong.json()["errors"][0]["attr"] == "anchor"
    listed = caller.get(f"/api/v1/reviews/{review.number}/threads").json()["results"]
    assert [one["number"] for one in listed] == [1]
    said = caller.get(f"/api/v1/reviews/{review.number}/threads/1/remarks").json()["results"]
    assert [one["body"] for one in said] == ["Because.", "Why so low?"]
    stranger = api_client(token_for(make_user(roles=[(Role.APPROVER, make_team())]), Scope.READ, Scope.WRITE))
    assert post(stranger, review, "threads/1/resolve").status_code == 404
    assert Remark.objects.count() == 2
