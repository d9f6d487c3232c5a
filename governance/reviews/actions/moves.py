"""Moving a review from state to state: the only place that writes `Review.state`."""

from __future__ import annotations

from typing import Any

from countersign import clock
from countersign.actors import Actor
from countersign.errors import Conflict
from countersign.ledger.append import append_entry
from countersign.ledger.verbs import Verb
from governance.reviews.models import MOVES, Review, ReviewState
from registry.versions.actions.locks import lock_version

DECIDED = (ReviewState.APPROVED, ReviewState.REJECTED)


def lock_review(review: Review) -> Review:
    """The review with the rows of its model, its version and its own locked, in that order. Call inside a
    transaction."""
    lock_version(review.version)
    return (
        Review.objects.select_for_update(of=("self",), no_key=True)
        .select_related("version__model", "environment", "policy_revision__policy")
        .get(id=review.id)
    )


def move(
    *, review: Review, to: ReviewState, verb: Verb, actor: Actor, personal: dict[str, str] | None = None
) -> None:
    """Move a locked review and append its entry. Raises Conflict where the state does not allow it."""
    if to not in MOVES[review.state]:
        raise Conflict(
            f"Review {review.number} is {review.get_state_display().lower()}; it cannot become "
            f"{to.label.lower()}. Reload the page to see where it stands.",
            code="review_moved_on",
        )
    before = review.ledger_state()
    fields: dict[str, Any] = {"state": to}
    if to in DECIDED:
        fields["decided_at"] = clock.now()
    for name, value in fields.items():
        setattr(review, name, value)
    review.save(update_fields=list(fields))
    append_entry(verb=verb, subject=review, actor=actor, before=before, personal=personal)
