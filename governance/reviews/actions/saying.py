"""Remarks: what people say in a review, on the record."""

from __future__ import annotations

from django.db import transaction

from countersign import clock
from countersign.actors import Actor, ActorKind
from countersign.errors import Refused
from countersign.ledger.append import append_entry
from countersign.permissions import Permission
from governance.reviews.actions.requesting import checked_text
from governance.reviews.models import Remark, Review
from governance.reviews.verbs import REMARKED


@transaction.atomic
def add_remark(*, review: Review, body: str, anchor: str, actor: Actor) -> Remark:
    """Add a remark (Markdown) to a review, hanging on `anchor` ("metrics.roc_auc") or on nothing. It is no decision
    and moves nothing. Raises Refused, Invalid when empty or too long."""
    if not (verdict := actor.may(Permission.COMMENT, review.version.model.team_id)):
        raise Refused(verdict)
    body = checked_text(body, "body", "Write the remark first.")
    remark = Remark.objects.create(
        review=review,
        author_id=actor.ref if actor.kind is ActorKind.PERSON else None,
        author_label=actor.label,
        anchor=anchor.strip()[:200],
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
