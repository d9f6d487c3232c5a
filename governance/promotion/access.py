"""You get a promotion only through a function that knows who asks."""

from __future__ import annotations

from countersign.actors import Actor
from countersign.errors import NotFound
from governance.promotion.models import Promotion
from governance.promotion.queries import promotions_visible_to


def get_promotion(actor: Actor, number: int) -> Promotion:
    """The promotion or rollback of this number. Raises NotFound."""
    found = promotions_visible_to(actor).filter(number=number).first()
    if found is None:
        raise NotFound(f"There is no promotion {number}, or you may not see it.")
    return found
