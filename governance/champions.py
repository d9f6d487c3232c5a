"""Which version is live where, for the comparisons at a gate: promotion knows it, floors above those that ask."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from governance.comparisons.rivals import Live, register
from governance.promotion.models import LivePeriod


def live_versions(models: Iterable[UUID]) -> Live:
    """The versions of these models that are live now, by model and address of the environment."""
    periods = LivePeriod.objects.filter(during__upper_inf=True, model__in=list(models))
    return {
        (period.model_id, period.environment.slug): period.version
        for period in periods.select_related("version__model", "environment")
    }


register(live_versions)
