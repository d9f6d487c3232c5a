"""Writing a model card: its written sections in one form, or some of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from countersign.web.fields import PageForm
from governance.cards.models import CardRevision
from governance.cards.sections import SECTIONS, Section
from governance.cards.texts import too_long

WRITTEN = {name: section for name, section in SECTIONS.items() if section.is_written}
SHORTEST, LONGEST = 5, 24
"""Rows of a text area: as many as the text needs, within these."""
COLUMNS = 80


class SectionField(forms.CharField):
    """The text of a section. `required` is what the risk tier asks, for the label; an empty text may be saved all
    the same: a card grows over days, and it is the gate that counts."""

    widget = forms.Textarea

    def validate(self, value: Any) -> None:
        """Nothing is missing in a form that may be left half done; too much may be there."""
        if sentence := too_long(str(self.label), value):
            raise ValidationError(sentence)


class CardForm(PageForm):
    """Written sections as Markdown, and the revision the writer began from (empty: there was none)."""

    use_required_attribute = False
    base_revision = forms.IntegerField(
        required=False, min_value=1, max_value=2**31 - 1, widget=forms.HiddenInput
    )

    def __init__(
        self,
        *args: Any,
        card: CardRevision | None,
        tier: str | None,
        sections: Sequence[Section] = tuple(WRITTEN.values()),
        **kwargs: Any,
    ) -> None:
        texts = card.sections if card else {}
        kwargs["initial"] = dict(texts) | {"base_revision": card.number if card else None}
        super().__init__(*args, **kwargs)
        self.sections = sections
        for section in sections:
            self.fields[section.id] = SectionField(
                label=section.title,
                required=tier in section.tiers,
                strip=False,
                help_text=section.hint,
                widget=forms.Textarea(attrs={"class": "voice", "rows": _rows(texts.get(section.id, ""))}),
            )

    def clean(self) -> dict[str, Any]:
        """A form that was tampered with says so where it can be seen."""
        if "base_revision" in self.errors:
            self.add_error(None, "This form does not say which revision you began from. Load the page again.")
        return self.cleaned_data

    def texts(self) -> dict[str, str]:
        """The texts of a valid form, by section."""
        return {section.id: self.cleaned_data[section.id] for section in self.sections}

    def written(self) -> list[tuple[Section, Any]]:
        """Each section with its field, for the template."""
        return [(section, self[section.id]) for section in self.sections]


def _rows(text: str) -> int:
    """How many rows a text fills."""
    lines = sum(1 + len(line) // COLUMNS for line in text.splitlines())
    return min(max(lines + 1, SHORTEST), LONGEST)
