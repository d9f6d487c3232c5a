"""What happened to a card: which sections a revision changed, what differs between any two, and whose words a new
version may begin from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from governance.cards.models import CardRevision
from governance.cards.queries import revisions_of
from governance.cards.sections import SECTIONS, Section
from governance.cards.words import Words, words_between
from registry.versions.models import ModelVersion


@dataclass(frozen=True, slots=True)
class RevisionLine:
    """A revision with the sections it changed, in the order of the card."""

    revision: CardRevision
    changed: list[Section]


@dataclass(frozen=True, slots=True)
class SectionChange:
    """A section whose words differ between two revisions."""

    section: Section
    words: Words


def changed_between(before: CardRevision | None, after: CardRevision | None) -> list[Section]:
    """The sections whose texts differ; None is a card nobody wrote."""
    old, new = (revision.sections if revision else {} for revision in (before, after))
    return [section for name, section in SECTIONS.items() if old.get(name, "") != new.get(name, "")]


def changes_between(before: CardRevision | None, after: CardRevision | None) -> list[SectionChange]:
    """`changed_between` with the words of each."""
    old, new = (revision.sections if revision else {} for revision in (before, after))
    return [
        SectionChange(section, words_between(old.get(section.id, ""), new.get(section.id, "")))
        for section in changed_between(before, after)
    ]


def lines_of(revisions: Sequence[CardRevision]) -> list[RevisionLine]:
    """Revisions of one card, newest first and without a gap, each with what it changed of the one before; that of
    the last is read."""
    earlier: list[CardRevision | None] = [*revisions[1:]]
    if revisions:
        last = revisions[-1]
        earlier.append(revisions_of(last.version).filter(number=last.number - 1).first())
    return [
        RevisionLine(revision, changed_between(before, revision))
        for revision, before in zip(revisions, earlier, strict=True)
    ]


def card_to_begin_from(version: ModelVersion) -> CardRevision | None:
    """The newest card of the version this one was made from or, without one, of the nearest version before; None
    where nobody wrote any."""
    cards = CardRevision.objects.select_related("version__model", "author").order_by(
        "-version__number", "-number"
    )
    if version.parent_id is not None and (parent := cards.filter(version=version.parent_id).first()):
        return parent
    return cards.filter(version__model=version.model_id, version__number__lt=version.number).first()
