"""Reads of model cards: the newest revision, who wrote which section, what is still open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from countersign.actors import Actor
from governance.cards.absence import Absence
from governance.cards.drawn import absences, absences_by
from governance.cards.models import CardRevision
from governance.cards.sections import Section, required_at
from governance.cards.texts import not_applicable_reason
from governance.evaluation.models import Evaluation, EvaluationState
from registry.versions.models import ModelVersion, VersionInput
from registry.versions.queries import models_visible_to


@dataclass(frozen=True, slots=True)
class SectionStanding:
    """A section of a version's card: complete, or open with what is absent. `reason` is why a written
    section does not apply, which counts as complete."""

    section: Section
    absence: Absence | None
    reason: str | None

    @property
    def complete(self) -> bool:
        """Whether nothing is open in it."""
        return self.absence is None


@dataclass(frozen=True, slots=True)
class Completeness:
    """How far a card is for a risk tier. `missing` are the required sections that are open."""

    done: int
    required: int
    missing: list[Section]

    @property
    def percent(self) -> int:
        """Whole per cent; 100 only when nothing is open."""
        return 100 * self.done // self.required if self.required else 100


def revisions_of(version: ModelVersion) -> QuerySet[CardRevision]:
    """All revisions of a version's card, newest first."""
    return CardRevision.objects.filter(version=version).select_related("author").order_by("-number")


def newest_revision(version: ModelVersion) -> CardRevision | None:
    """The revision that counts; None while nobody wrote the card."""
    return revisions_of(version).first()


def cards_visible_to(actor: Actor) -> QuerySet[CardRevision]:
    """Revisions of cards of models the actor may see, newest first."""
    return (
        CardRevision.objects.filter(version__model__in=models_visible_to(actor))
        .select_related("version__model", "author")
        .order_by("-pk")
    )


def last_changes(version: ModelVersion, *, until: CardRevision | None) -> dict[str, CardRevision]:
    """For each written section of a revision (None: of no card), the revision that gave it its text."""
    changes: dict[str, CardRevision] = {}
    texts: dict[str, str] = {}
    if until is None:
        return changes
    for revision in revisions_of(version).filter(number__lte=until.number).reverse():
        for name, text in revision.sections.items():
            if texts.get(name) != text:
                changes[name] = revision
        texts = revision.sections
    return {name: revision for name, revision in changes.items() if name in texts}


def standing_of_sections(
    sections: Iterable[Section],
    *,
    version: ModelVersion,
    card: CardRevision | None,
    evaluation: Evaluation | None,
    absent: Mapping[str, Absence] | None = None,
) -> list[SectionStanding]:
    """Where each section stands: its written part in this revision, its drawn part with this evaluation.

    `absent` are the absences where they were found before."""
    texts = card.sections if card else {}
    if absent is None:
        absent = absences(version=version, evaluation=evaluation)
    standings = []
    for section in sections:
        text = texts.get(section.id, "")
        reason = not_applicable_reason(text)
        absence = absent.get(section.id)
        if section.is_written:
            # The text of a mixed section that does not apply covers its facts too.
            absence = Absence.MISSING if not text else None if reason else absence
        standings.append(SectionStanding(section, absence, reason))
    return standings


def completeness(version: ModelVersion, tier: str) -> Completeness:
    """How far the version's card is for a risk tier, with its newest evidence."""
    return completeness_of([version], {version.model_id: tier})[version.pk]


def completeness_of(versions: Sequence[ModelVersion], tiers: Mapping[UUID, str]) -> dict[UUID, Completeness]:
    """`completeness` of several versions by their ids, in three queries. `tiers` are the risk tiers by model;
    versions of a model without one are left out."""
    cards = CardRevision.objects.filter(version__in=versions).order_by("version", "-number")
    newest = {card.version_id: card for card in cards.distinct("version")}
    measured = set(
        Evaluation.objects.filter(version__in=versions, state=EvaluationState.SUCCEEDED).values_list(
            "version", flat=True
        )
    )
    trained = set(
        VersionInput.objects.filter(version__in=versions, context="training").values_list(
            "version", flat=True
        )
    )
    return {
        version.pk: _completeness(
            tiers[version.model_id],
            version,
            newest.get(version.pk),
            absences_by(
                version=version,
                measured=version.pk in measured,
                trained=version.pk in trained,
                has_tier=True,
            ),
        )
        for version in versions
        if version.model_id in tiers
    }


def _completeness(
    tier: str, version: ModelVersion, card: CardRevision | None, absent: Mapping[str, Absence]
) -> Completeness:
    standings = standing_of_sections(
        required_at(tier), version=version, card=card, evaluation=None, absent=absent
    )
    missing = [standing.section for standing in standings if not standing.complete]
    return Completeness(len(standings) - len(missing), len(standings), missing)
