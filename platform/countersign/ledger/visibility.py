"""Whose entries an actor may read: the layer that owns a kind of subject says which ids the actor may see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import Q, QuerySet

from countersign.actors import Actor
from countersign.permissions import Permission

VisibleIds = Callable[[Actor], "QuerySet[Any, Any]"]

_visible: dict[str, VisibleIds] = {}


def register(ledger_type: str, visible_ids: VisibleIds) -> None:
    """Say which subjects of a kind an actor may see: a queryset of ids (one column), evaluated inside SQL."""
    if ledger_type in _visible:
        raise ValueError(f"the visibility of {ledger_type} is registered already")
    _visible[ledger_type] = visible_ids


def readable(actor: Actor) -> Q:
    """The filter on search columns that leaves what the actor may read. Who may read the whole ledger gets
    all; a kind nobody registered is for them alone."""
    if actor.teams_with(Permission.READ_LEDGER) is None:
        return Q()
    condition = Q(pk__in=[])
    for ledger_type, visible_ids in _visible.items():
        condition |= Q(subject_type=ledger_type, subject_ref__in=visible_ids(actor))
    return condition
