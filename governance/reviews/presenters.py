"""Sentences of the audit trail about reviews, sign-offs and remarks."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from countersign.ledger.presenters import Link, Lookup, Sentence, name_with, sentence
from governance.reviews.models import Decision, Review, ReviewState

DECISION_WORDS = {
    Decision.APPROVE: "signed",
    Decision.REQUEST_CHANGES: "asked for changes in",
    Decision.REJECT: "rejected",
}

DECIDED_WORDS = {
    ReviewState.APPROVED: ("gave the last sign-off: ", " is approved"),
    ReviewState.REJECTED: ("closed ", " as rejected"),
    ReviewState.CHANGES_REQUESTED: ("held up ", " until changes are answered"),
}


_REVIEWS = Lookup(Review.objects.select_related("version__model", "environment").in_bulk)

name_with(_REVIEWS, lambda review: _review(review.number))


def _review(number: int) -> Link:
    return Link(f"review {number}", reverse("governance:review", args=[number]))


def _about(leaf: dict[str, Any]) -> tuple[str | Link, ...]:
    state = leaf["data"]["after"]
    review = _REVIEWS.of(leaf["subject"]["ref"])
    if review is None:
        return (_review(state["number"]),)
    return (_review(review.number), f" of {review.version} for {review.environment.name}")


@sentence("governance.review.requested")
def requested(leaf: dict[str, Any]) -> Sentence:
    """“… asked for review 62 of credit-default 14 for Production: “…””."""
    return Sentence.of("asked for ", *_about(leaf), f": “{leaf['personal']['reason']}”")


@sentence("governance.review.decided")
def decided(leaf: dict[str, Any]) -> Sentence:
    """“… gave the last sign-off: review 62 … is approved”."""
    before, after = DECIDED_WORDS[ReviewState(leaf["data"]["after"]["state"])]
    return Sentence.of(before, *_about(leaf), after)


@sentence("governance.review.answered")
def answered(leaf: dict[str, Any]) -> Sentence:
    """“… answered the requested changes of review 62”."""
    return Sentence.of("answered the requested changes of ", *_about(leaf))


@sentence("governance.review.withdrawn")
def withdrawn(leaf: dict[str, Any]) -> Sentence:
    """“… withdrew review 62”."""
    return Sentence.of("withdrew ", *_about(leaf), f": “{leaf['personal']['reason']}”")


@sentence("governance.review.ended")
def ended(leaf: dict[str, Any]) -> Sentence:
    """“… found review 62 stale and asked anew”."""
    return Sentence.of("ended ", *_about(leaf), f", which was {leaf['data']['after']['state']}")


@sentence("governance.review.revoked")
def revoked(leaf: dict[str, Any]) -> Sentence:
    """“… revoked the approval of review 62”."""
    return Sentence.of("revoked the approval of ", *_about(leaf), f": “{leaf['personal']['reason']}”")


@sentence("governance.sign_off.signed")
def signed(leaf: dict[str, Any]) -> Sentence:
    """“… signed review 62 as Reviewer Name, meaning validation: “…””."""
    state = leaf["data"]["after"]
    return Sentence.of(
        f"{DECISION_WORDS[Decision(state['decision'])]} ",
        _review(state["details"]["review_number"]),
        f" as {leaf['personal']['printed_name']}, meaning {state['meaning']}: “{leaf['personal']['reason']}”",
    )


@sentence("governance.remark.made")
def remarked(leaf: dict[str, Any]) -> Sentence:
    """“… remarked in review 62: “…””."""
    body = leaf["personal"]["body"]
    short = body if len(body) <= 200 else f"{body[:199]}…"
    return Sentence.of(
        "remarked in ", _review(leaf["data"]["after"]["details"]["review_number"]), f": “{short}”"
    )


def _thread(leaf: dict[str, Any]) -> tuple[str | Link, ...]:
    state = leaf["data"]["after"]
    number = state["details"]["review_number"]
    at = f"{reverse('governance:review', args=[number])}#thread-{state['number']}"
    return (Link(f"thread {state['number']} of review {number}", at), f" on {state['anchor']['title']}")


@sentence("governance.thread.opened")
def thread_opened(leaf: dict[str, Any]) -> Sentence:
    """“… began thread 2 of review 62 on ROC AUC (0.790, 95 % 0.781 to 0.799)”."""
    return Sentence.of("began ", *_thread(leaf), f" ({leaf['data']['after']['anchor']['said']})")


@sentence("governance.thread.resolved")
def thread_resolved(leaf: dict[str, Any]) -> Sentence:
    """“… resolved thread 2 of review 62 on ROC AUC”."""
    return Sentence.of("resolved ", *_thread(leaf))


@sentence("governance.thread.reopened")
def thread_reopened(leaf: dict[str, Any]) -> Sentence:
    """“… reopened thread 2 of review 62 on ROC AUC”."""
    return Sentence.of("reopened ", *_thread(leaf))
