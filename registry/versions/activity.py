"""What the ledger tells of a model: of itself, its newest versions, and what higher layers decided about them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q

from countersign.ledger.queries import Filters
from registry.versions.models import Alias, ModelVersion, RegisteredModel, Tag

VERSIONS = 25
"""So many versions, aliases and tags are looked for, the newest: a page shows no more than its last few entries."""

Subjects = Callable[[RegisteredModel, Sequence[UUID]], Iterable[UUID]]
_subjects: dict[str, Subjects] = {}


def register_subjects(name: str, subjects: Subjects) -> None:
    """Add things whose entries belong to a model: called with the model and the ids of its newest versions. The
    same name registered again replaces the first."""
    _subjects[name] = subjects


@dataclass(frozen=True, slots=True)
class AboutModel(Filters):
    """Entries whose subject is one of these."""

    subjects: tuple[UUID, ...] = ()

    def condition(self) -> Q:
        """As a condition on the search columns."""
        return Q(subject_ref__in=self.subjects)


def about(model: RegisteredModel) -> AboutModel:
    """The entries about a model and what belongs to it."""
    versions = list(
        ModelVersion.objects.filter(model=model).order_by("-number").values_list("pk", flat=True)[:VERSIONS]
    )
    found = [model.pk, *versions]
    for table in (Alias, Tag):
        found += table.objects.filter(model=model).order_by("-pk").values_list("pk", flat=True)[:VERSIONS]
    for subjects in _subjects.values():
        found += subjects(model, versions)
    return AboutModel(subjects=tuple(found))
