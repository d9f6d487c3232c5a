"""Models, versions and datasets, as search finds them."""

from __future__ import annotations

from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.urls import reverse

from countersign.actors import Actor
from countersign.web.formats import instant, plural, thousands
from countersign.web.search import PROSE, Found, Hit, Kind, Query, by_name, by_prose, register
from registry.datasets.models import Dataset, DatasetVersion
from registry.datasets.queries import dataset_versions_visible_to, datasets_visible_to
from registry.versions.models import ModelVersion, RegisteredModel
from registry.versions.queries import models_visible_to, versions_visible_to

CUT = 110


def find_models(actor: Actor, query: Query, limit: int) -> Found:
    """By name; the newest version's digest is drawn."""
    return Found.of(by_name(_models(actor), query, name="name_folded"), limit, _model)


def find_words_on_models(actor: Actor, query: Query, limit: int) -> Found:
    """By description."""
    rows = by_prose(_models(actor), query, prose="description", name="name_folded")
    return Found.of(rows.order_by("name_folded"), limit, _model)


def _models(actor: Actor) -> QuerySet[Any]:
    newest = ModelVersion.objects.filter(model=OuterRef("pk")).order_by("-number")
    return models_visible_to(actor).annotate(
        newest=Subquery(newest.values("number")[:1]), newest_digest=Subquery(newest.values("digest")[:1])
    )


def _model(model: RegisteredModel) -> Hit:
    newest: int | None = model.newest  # type: ignore[attr-defined]  # annotated above
    return Hit(
        model.name,
        reverse("registry:model", args=[model.name]),
        about=f"{_cut(model.description)} {model.team.name}".strip(),
        aside=f"newest {newest}" if newest else "no version yet",
        digest=model.newest_digest or "",  # type: ignore[attr-defined]  # annotated above
        icon="to",
    )


def find_versions(actor: Actor, query: Query, limit: int) -> Found:
    """“credit-default 14”, the beginning of a digest, or the name of the model, newest first."""
    wanted = Q(pk__in=[])
    if query.numbered and query.numbered[0]:
        name, number = query.numbered
        wanted |= Q(model__name_folded=name.removesuffix(" version"), number=number)
    if query.digest:
        wanted |= Q(digest__startswith=query.digest)
    if query.folded:
        wanted |= Q(model__name_folded__startswith=query.folded)
    return Found.of(_newest(versions_visible_to(actor), wanted), limit, _version)


def _version(version: ModelVersion) -> Hit:
    return Hit(
        str(version),
        reverse("registry:version", args=[version.model.name, version.number]),
        about=_cut(version.description) or f"registered {instant(version.created_at)}",
        aside="archived" if version.archived_at else version.flavour,
        digest=version.digest,
    )


def find_datasets(actor: Actor, query: Query, limit: int) -> Found:
    """By name; the newest version's digest is drawn."""
    return Found.of(by_name(_datasets(actor), query, name="name_folded"), limit, _dataset)


def find_words_on_datasets(actor: Actor, query: Query, limit: int) -> Found:
    """By description."""
    rows = by_prose(_datasets(actor), query, prose="description", name="name_folded")
    return Found.of(rows.order_by("name_folded"), limit, _dataset)


def _datasets(actor: Actor) -> QuerySet[Any]:
    newest = DatasetVersion.objects.filter(dataset=OuterRef("pk")).order_by("-number")
    return datasets_visible_to(actor).annotate(
        newest=Subquery(newest.values("number")[:1]), newest_digest=Subquery(newest.values("digest")[:1])
    )


def _dataset(dataset: Dataset) -> Hit:
    newest: int | None = dataset.newest  # type: ignore[attr-defined]  # annotated above
    return Hit(
        dataset.name,
        reverse("registry:dataset", args=[dataset.name]),
        about=_cut(dataset.description),
        aside=f"newest {newest}" if newest else "no version yet",
        digest=dataset.newest_digest or "",  # type: ignore[attr-defined]  # annotated above
    )


def find_dataset_versions(actor: Actor, query: Query, limit: int) -> Found:
    """“credit-train 3”, or the beginning of a digest."""
    wanted = Q(pk__in=[])
    if query.numbered and query.numbered[0]:
        wanted |= Q(dataset__name_folded=query.numbered[0], number=query.numbered[1])
    if query.digest:
        wanted |= Q(digest__startswith=query.digest)
    return Found.of(_newest(dataset_versions_visible_to(actor), wanted), limit, _dataset_version)


def _dataset_version(version: DatasetVersion) -> Hit:
    rows = f"{thousands(version.rows)} rows" if version.rows is not None else "rows not counted"
    sensitive = len(version.sensitive_attributes)
    return Hit(
        str(version),
        reverse("registry:dataset-version", args=[version.dataset.name, version.number]),
        about=f"{rows}, {plural(sensitive, 'sensitive column')}" if sensitive else rows,
        digest=version.digest,
    )


def _newest(rows: QuerySet[Any], wanted: Q) -> QuerySet[Any]:
    return rows.filter(wanted).order_by("-pk")


def _cut(text: str) -> str:
    return text if len(text) <= CUT else f"{text[: CUT - 1]}…"


register(Kind("models", "Models", 10, find_models))
register(Kind("versions", "Versions", 20, find_versions))
register(Kind("datasets", "Data", 40, find_datasets))
register(Kind("dataset-versions", "Dataset versions", 45, find_dataset_versions))
register(Kind("model-words", "Written about models", PROSE, find_words_on_models))
register(Kind("dataset-words", "Written about data", PROSE + 1, find_words_on_datasets))
