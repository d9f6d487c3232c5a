"""A model card as its page, its API and its exports show it: sections in order, prose beside drawn facts."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.safestring import SafeString

from countersign.web.markdown import render_markdown
from governance.cards.absence import Absence
from governance.cards.drawn import draw
from governance.cards.facts import Drawn
from governance.cards.models import CardRevision
from governance.cards.queries import last_changes, standing_of_sections
from governance.cards.sections import SECTIONS, Section
from governance.evaluation.models import Evaluation
from registry.versions.models import ModelVersion


@dataclass(frozen=True, slots=True)
class RenderedSection:
    """One section. `text` is the Markdown as written, `html` the same made safe; both empty where nothing is
    written. `written_in` is the revision that gave the text. `absence` is what is open (None: complete);
    `not_applicable` why a person said that the section does not apply."""

    section: Section
    required: bool
    text: str
    html: SafeString
    written_in: CardRevision | None
    drawn: Drawn | None
    absence: Absence | None
    not_applicable: str | None

    @property
    def state(self) -> str:
        """One word or two for lists: complete, not applicable, or what is absent."""
        if self.absence is not None:
            return self.absence.value
        return Absence.NOT_APPLICABLE.value if self.not_applicable else "complete"

    @property
    def open_sentence(self) -> str:
        """What has to happen, where something is open."""
        if self.absence is None:
            return ""
        if self.section.is_written and not self.text:
            needed = "The model's risk tier requires it." if self.required else "It is optional."
            return f"Nobody has written this yet. {needed}"
        return self.drawn.note if self.drawn else ""


def render(
    *, version: ModelVersion, revision: CardRevision | None, evaluation: Evaluation | None, tier: str | None
) -> list[RenderedSection]:
    """All sections of a version's card in order, as of a revision (None: nobody wrote yet), with the facts of
    today. `evaluation` is the evidence that counts; `tier` says what is required (None: nothing is yet)."""
    drawn = draw(version=version, evaluation=evaluation)
    changes = last_changes(version, until=revision)
    standings = standing_of_sections(SECTIONS.values(), version=version, card=revision, evaluation=evaluation)
    rendered = []
    for standing in standings:
        section = standing.section
        text = revision.sections.get(section.id, "") if revision else ""
        rendered.append(
            RenderedSection(
                section=section,
                required=tier in section.tiers,
                text=text,
                html=render_markdown(text),
                written_in=changes.get(section.id),
                drawn=drawn.get(section.id),
                absence=standing.absence,
                not_applicable=standing.reason,
            )
        )
    return rendered
