"""Reads of audit exports."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from countersign.actors import Actor
from countersign.permissions import Permission
from governance.export.models import AuditExport


def exports_visible_to(actor: Actor) -> QuerySet[AuditExport]:
    """Exports the actor may take away, newest first: those of the models of teams in which they may
    export, all of them for who may export everything."""
    teams = actor.teams_with(Permission.EXPORT)
    condition = Q() if teams is None else Q(model__team__in=teams)
    joined = AuditExport.objects.select_related("model", "environment", "job", "blob")
    return joined.filter(condition).order_by("-number")
