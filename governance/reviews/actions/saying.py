"""Remarks and threads: what people say in a review, on the record."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Max

from countersign import clock
from countersign.actors import Actor, ActorKind
from countersign.errors import Conflict, Refused
from countersign.ledger.append import append_entry
from countersign.ledger.verbs import Verb
from countersign.permissions import Permission
from governance.reviews.actions.moves import lock_review
from governance.reviews.actions.requesting import checked_text
from governance.reviews.anchors import anchor_of
from governance.reviews.models import Remark, Review, Thread, ThreadState
from governance.reviews.queries import standing_of
from governance.reviews.verbs import REMARKED, THREAD_OPENED, THREAD_REOPENED, THREAD_RESOLVED


@transaction.atomic
def add_remark(*, review: Review, body: str, thread: Thread | None = None, actor: Actor) -> Remark:
    """Add a remark (Markdown) to a review, in a thread of it or about the whole. It is no decision and moves
    nothing. Raises Refused, Invalid when empty or too long."""
    _refuse_unless_may_remark(review, actor)
    return _say(review, checked_text(body, "body", "Write the remark first."), thread, actor)


@transaction.atomic
def open_thread(*, review: Review, anchor: str, body: str, actor: Actor) -> Thread:
    """Begin a thread with a remark on one thing of the subject as it is now (`anchors.anchor_of` has the keys).
    Raises Refused, Invalid for what the subject does not have, and for a remark that is empty or too long."""
    _refuse_unless_may_remark(review, actor)
    body = checked_text(body, "body", "Write the remark first.")
    review = lock_review(review)
    found = anchor_of(standing_of(review), anchor)
    last = review.threads.aggregate(last=Max("number"))["last"]
    thread = Thread.objects.create(
        review=review,
        number=(last or 0) + 1,
        anchor_key=found.key,
        anchor=found.document(),
        opened_by_label=actor.label,
        created_at=clock.now(),
    )
    append_entry(verb=THREAD_OPENED, subject=thread, actor=actor, details={"review_number": review.number})
    _say(review, body, thread, actor)
    return thread


@transaction.atomic
def resolve_thread(*, thread: Thread, actor: Actor) -> Thread:
    """Say that a thread is settled. Raises Refused, Conflict when it is already."""
    return _turn(thread, ThreadState.RESOLVED, THREAD_RESOLVED, actor)


@transaction.atomic
def reopen_thread(*, thread: Thread, actor: Actor) -> Thread:
    """Say that a thread is not settled after all. Raises Refused, Conflict when it is open."""
    return _turn(thread, ThreadState.OPEN, THREAD_REOPENED, actor)


def _turn(thread: Thread, to: ThreadState, verb: Verb, actor: Actor) -> Thread:
    _refuse_unless_may_remark(thread.review, actor)
    lock_review(thread.review)
    locked = Thread.objects.select_for_update(no_key=True).select_related("review").get(pk=thread.pk)
    if locked.state == to:
        raise Conflict(
            f"Thread {locked.number} is {to.label.lower()} already. Reload the page to see what was said.",
            code="thread_moved_on",
        )
    before = locked.ledger_state()
    locked.state = to
    locked.turned_by_label, locked.turned_at = actor.label, clock.now()
    locked.save(update_fields=["state", "turned_by_label", "turned_at"])
    append_entry(
        verb=verb,
        subject=locked,
        actor=actor,
        before=before,
        details={"review_number": locked.review.number},
    )
    return locked


def _refuse_unless_may_remark(review: Review, actor: Actor) -> None:
    if not (verdict := actor.may(Permission.COMMENT, review.version.model.team_id)):
        raise Refused(verdict)


def _say(review: Review, body: str, thread: Thread | None, actor: Actor) -> Remark:
    remark = Remark.objects.create(
        review=review,
        thread=thread,
        author_id=actor.ref if actor.kind is ActorKind.PERSON else None,
        author_label=actor.label,
        body=body,
        created_at=clock.now(),
    )
    append_entry(
        verb=REMARKED,
        subject=remark,
        actor=actor,
        personal={"body": body},
        details={"review_number": review.number},
    )
    return remark
