"""Who may read entries about governance's things: whoever may read the audit trail of the model they concern."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from countersign.actors import Actor
from countersign.ledger import visibility
from countersign.permissions import Permission
from governance.cards.models import CardRevision
from governance.environments.models import Environment
from governance.evaluation.models import Evaluation
from governance.export.models import AuditExport
from governance.policies.models import Policy, PolicyRevision
from governance.profiles.models import ModelProfile
from governance.promotion.models import Promotion
from governance.reviews.models import Remark, Review, SignOff, Thread
from registry.versions.models import RegisteredModel


def _models(actor: Actor) -> QuerySet[RegisteredModel]:
    return RegisteredModel.objects.visible_to(actor, Permission.READ_LEDGER)


def _through(model: Any, path: str) -> None:
    def ids(actor: Actor) -> QuerySet[Any, Any]:
        found: QuerySet[Any] = model.objects.filter(**{f"{path}__in": _models(actor)})
        return found.values_list("id", flat=True)

    visibility.register(model.ledger_type, ids)


def _everyone(model: Any) -> None:
    def ids(actor: Actor) -> QuerySet[Any, Any]:
        found: QuerySet[Any] = model.objects.all()
        return found.values_list("id", flat=True)

    visibility.register(model.ledger_type, ids)


def _exports(actor: Actor) -> QuerySet[Any, Any]:
    if actor.holds(Permission.EXPORT):
        return AuditExport.objects.values_list("id", flat=True)
    return AuditExport.objects.filter(model__in=_models(actor)).values_list("id", flat=True)


_through(ModelProfile, "model")
_through(CardRevision, "version__model")
_through(Evaluation, "version__model")
_through(Review, "version__model")
_through(SignOff, "review__version__model")
_through(Thread, "review__version__model")
_through(Remark, "review__version__model")
_through(Promotion, "version__model")
_everyone(Environment)
_everyone(Policy)
_everyone(PolicyRevision)
visibility.register(AuditExport.ledger_type, _exports)
