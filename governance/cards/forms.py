"""Writing a model card: every written section in one form."""

from __future__ import annotations

from typing import Any

from django import forms

from countersign.web.fields import PageForm
from governance.cards.models import CardRevision
from governance.cards.sections import SECTIONS, Section

WRITTEN = {name: section for name, section in SECTIONS.items() if section.is_written}
SHORTEST, LONGEST = 5, 24
"""Rows of a text area: as many as the text needs, within these."""
COLUMNS = 80


class SectionField(forms.CharField):
    """The text of a section. `required` is what the risk tier asks, for the label; an empty text may be saved all
    the same: a card grows over days, and it is the gate that counts."""

    widget = forms.Textarea

    def validate(self, value: Any) -> None:
        """Nothing is missing in a form that may be left half done."""


class CardForm(PageForm):
    """The written sections as Markdown, and the revision the writer began from (empty: there was none)."""

    use_required_attribute = False
    base_revision = forms.IntegerField(required=False, min_value=1, widget=forms.HiddenInput)

    def __init__(self, *args: Any, card: CardRevision | None, tier: str | None, **kwargs: Any) -> None:
        texts = card.sections if card else {}
        kwargs["initial"] = dict(texts) | {"base_revision": card.number if card else None}
        super().__init__(*args, **kwargs)
        for name, section in WRITTEN.items():
            self.fields[name] = SectionField(
                label=section.title,
                required=tier in section.tiers,
                strip=False,
                help_text=section.hint,
                widget=forms.Textarea(attrs={"class": "voice", "rows": _rows(texts.get(name, ""))}),
            )

    def texts(self) -> dict[str, str]:
        """The texts of a valid form, by section."""
        return {name: self.cleaned_data[name] for name in WRITTEN}

    def written(self) -> list[tuple[Section, Any]]:
        """Each section with its field, for the template."""
        return [(section, self[name]) for name, section in WRITTEN.items()]


def _rows(text: str) -> int:
    """How many rows a text fills."""
    lines = sum(1 + len(line) // COLUMNS for line in text.splitlines())
    return min(max(lines + 1, SHORTEST), LONGEST)
