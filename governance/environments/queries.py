"""Reads of environments."""

from __future__ import annotations

from django.db.models import QuerySet

from countersign.errors import NotFound
from countersign.identifiers import fold
from governance.environments.models import Environment


def environments_in_order() -> QuerySet[Environment]:
    """All environments, in the order of a model's journey."""
    return Environment.objects.order_by("position", "slug")


def environment_of(slug: str) -> Environment:
    """The environment with this address. Raises NotFound."""
    found = Environment.objects.filter(slug=slug).first()
    if found is None:
        known = ", ".join(environments_in_order().values_list("slug", flat=True)) or "none yet"
        raise NotFound(f"There is no environment “{slug}”. Known: {known}.")
    return found


def environment_of_alias(alias: str) -> Environment | None:
    """The environment that protects this alias name, folded so that no look-alike passes; None for a free one."""
    return Environment.objects.filter(alias_folded=fold(alias)).first()
