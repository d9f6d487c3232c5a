"""You get an evaluation only through a function that knows who asks."""

from __future__ import annotations

from countersign.actors import Actor
from countersign.errors import NotFound
from governance.evaluation.models import Evaluation
from governance.evaluation.queries import evaluations_visible_to


def get_evaluation(actor: Actor, number: int) -> Evaluation:
    """The evaluation with this number. Raises NotFound where its model is unseen."""
    found = evaluations_visible_to(actor).filter(number=number).first()
    if found is None:
        raise NotFound(f"There is no evaluation {number}, or you may not see it.")
    return found
