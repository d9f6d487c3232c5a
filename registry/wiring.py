"""What the registry plugs in at start: sentences, verbs, job handlers, and who may read which entries."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db.models import QuerySet

from countersign.actors import Actor
from countersign.blobs.actions import release_first
from countersign.ledger import visibility
from countersign.permissions import Permission
from countersign.web import navigation
from registry import (  # the check that every required gate is there, what search finds
    gates,  # noqa: F401
    search,  # noqa: F401
)
from registry.datasets import presenters as datasets_presenters  # noqa: F401
from registry.datasets import verbs as datasets_verbs  # noqa: F401
from registry.lineage import panels as lineage_panels  # noqa: F401
from registry.lineage import presenters as lineage_presenters  # noqa: F401
from registry.lineage import verbs as lineage_verbs  # noqa: F401
from registry.lineage.models import LineageEdge
from registry.models import (
    Alias,
    AliasPeriod,
    Contributor,
    Dataset,
    DatasetVersion,
    Experiment,
    ModelVersion,
    RegisteredModel,
    Run,
    Tag,
)
from registry.runs import presenters as runs_presenters  # noqa: F401
from registry.runs import verbs as runs_verbs  # noqa: F401
from registry.versions import history, presenters, verbs  # noqa: F401
from registry.versions.actions import abandon_expired_uploads

RECORDED: tuple[Any, ...] = (
    Alias,
    Contributor,
    Dataset,
    DatasetVersion,
    Experiment,
    LineageEdge,
    ModelVersion,
    RegisteredModel,
    Run,
    Tag,
)


def wire() -> None:
    """Called once, when Django is ready: who may read the audit trail of a team may read entries about its
    things."""
    release_first(abandon_expired_uploads)
    navigation.register(label="Models", url_name="registry:models", order=20, key="m")
    navigation.register(label="Data", url_name="registry:datasets", order=30, key="d")
    for model in RECORDED:
        # an alias may be gone since
        rows, column = (AliasPeriod, "alias") if model is Alias else (model, "pk")
        visibility.register(model.ledger_type, partial(_readable, rows, column))


def _readable(rows: Any, column: str, actor: Actor) -> QuerySet[Any, Any]:
    ids: QuerySet[Any, Any] = rows.objects.visible_to(actor, Permission.READ_LEDGER).values(column)
    return ids
