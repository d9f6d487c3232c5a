"""You get a review or a thread only through a function that knows who asks."""

from __future__ import annotations

from countersign.actors import Actor
from countersign.errors import NotFound, Refused
from countersign.permissions import Permission
from governance.reviews.models import Review, Thread
from governance.reviews.queries import reviews_visible_to


def get_review(actor: Actor, number: int, permission: Permission = Permission.SEE) -> Review:
    """The review with this number. Raises NotFound where its model is unseen, Refused without `permission`."""
    review = reviews_visible_to(actor).filter(number=number).first()
    if review is None:
        raise NotFound(f"There is no review {number}, or you may not see it.")
    if not (verdict := actor.may(permission, review.version.model.team_id)):
        raise Refused(verdict)
    return review


def get_thread(actor: Actor, number: int, thread: int, permission: Permission = Permission.SEE) -> Thread:
    """The thread with this number in the review with that one. Raises NotFound, Refused."""
    review = get_review(actor, number, permission)
    found = Thread.objects.filter(review=review, number=thread).first()
    if found is None:
        raise NotFound(f"There is no thread {thread} in review {number}.")
    found.review = review
    return found
